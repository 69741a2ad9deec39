"""What is logged of users, and what is removed with them. docs/signals.md explains each of them."""

import logging
from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save
from django.dispatch import receiver
from django.http import HttpRequest

from alerts import reads
from alerts.actors import current_actor
from alerts.addresses import client_address
from alerts.clean import one_line

from .models import User

logger = logging.getLogger("accounts")
RIGHTS = ("is_active", "is_staff", "is_superuser")


@receiver(user_logged_in)
def log_sign_in(sender: Any, request: HttpRequest | None, user: User, **kwargs: Any) -> None:
    logger.info("Sign-in: address=%s user=%s", address_of(request), one_line(user.get_username()))


@receiver(user_logged_out)
def log_sign_out(sender: Any, request: HttpRequest | None, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        logger.info("Sign-out: address=%s user=%s", address_of(request), one_line(user.get_username()))


@receiver(user_login_failed)
def log_failed_sign_in(
    sender: Any, credentials: Mapping[str, Any], request: HttpRequest | None = None, **kwargs: Any
) -> None:
    """The name comes last: whatever is typed into it, nothing behind it can be forged."""
    name = one_line(credentials.get("username", ""))
    logger.warning("Failed sign-in: address=%s user=%s", address_of(request), name)


@receiver(pre_save, sender=User)
def note_rights(
    sender: type[User], instance: User, using: str, update_fields: Collection[str] | None, **kwargs: Any
) -> None:
    """Costs a save that may change rights one SELECT; a sign-in, which saves `last_login` alone, costs none."""
    instance.__dict__["changed_rights"] = []
    names = [name for name in RIGHTS if update_fields is None or name in update_fields]
    if names and not instance._state.adding:
        before = User.objects.using(using).filter(pk=instance.pk).values(*names).first() or {}
        instance.__dict__["changed_rights"] = [name for name in before if before[name] != getattr(instance, name)]


@receiver(post_save, sender=User)
def log_rights(sender: type[User], instance: User, using: str, **kwargs: Any) -> None:
    changed = instance.__dict__.pop("changed_rights", [])
    if changed:
        rights = ", ".join(f"{name} {'on' if getattr(instance, name) else 'off'}" for name in changed)
        who, whose = one_line(current_actor().label), one_line(instance.get_username())
        line = partial(logger.warning, "Rights of %s were changed by %s: %s.", whose, who, rights)
        transaction.on_commit(line, using=using, robust=True)


@receiver(post_delete, sender=User)
def forget_reading(sender: type[User], instance: User, **kwargs: Any) -> None:
    """In the transaction of the delete: if that is rolled back, so is this."""
    reads.forget(instance.pk)


def address_of(request: HttpRequest | None) -> str:
    if request is None:
        return "-"
    address = client_address(request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""))
    return one_line(address).replace(" ", "_") or "-"
