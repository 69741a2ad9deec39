"""Who should know. A declaration names an audience; the alert keeps its key, a text; membership is asked at each exit.

Keys: `staff`, `everyone` (signed in), `user:<pk>`, `perm:<app>.<codename>` (active, staff, and has it). A superuser has
every key but other people's `user:` keys; an inactive user has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import Permission as PermissionRow
from django.contrib.auth.models import PermissionsMixin
from django.db.models import Model, Q, QuerySet

from .clean import KEY
from .exceptions import DeclarationError, UnknownAudience

STAFF = "staff"
EVERYONE = "everyone"
SUPERUSERS = "superusers"  # where an alert goes whose own audience could not be told

registered: set[str] = {STAFF, EVERYONE, SUPERUSERS}


class Audience:
    """Gives the key of an alert. A fixed audience ignores what the alert is about."""

    def key(self, about: object) -> str:
        raise NotImplementedError


@dataclass(frozen=True)
class Staff(Audience):
    """Everyone who may enter the admin."""

    def key(self, about: object = None) -> str:
        return STAFF


@dataclass(frozen=True)
class Everyone(Audience):
    """Everyone who is signed in."""

    def key(self, about: object = None) -> str:
        return EVERYONE


@dataclass(frozen=True)
class Permission(Audience):
    """Staff with one permission, `app.codename`."""

    name: str

    def __post_init__(self) -> None:
        app, dot, codename = self.name.partition(".")
        if not (app and dot and codename):
            raise DeclarationError(f"Permission({self.name!r}) names no permission. Write it as 'app.codename'.")
        registered.add(self.key())

    def key(self, about: object = None) -> str:
        return f"perm:{self.name}"


@dataclass(frozen=True)
class Subject(Audience):
    """The user an alert is about: the instance itself, or what `path` leads to from it (`Subject("author")`)."""

    path: str = ""

    def key(self, about: object) -> str:
        user: Any = about
        for step in self.path.split(".") if self.path else ():
            user = user[step] if isinstance(user, Mapping) else getattr(user, step)
        if not isinstance(user, Model) or user.pk is None:
            raise DeclarationError(f"Subject({self.path!r}) leads to {user!r}, which is no saved user.")
        return f"user:{user.pk}"


def as_key(audience: Audience | str, about: object = None) -> str:
    """The key of an audience, or a key given as text, checked. Raises UnknownAudience."""
    key = audience if isinstance(audience, str) else audience.key(about)
    if key in registered or (key.startswith(("user:", "perm:")) and len(key) <= KEY):
        return key
    raise UnknownAudience(f"{key!r} is no audience. Use Staff(), Everyone(), Permission('app.codename') or Subject().")


def keys_of(user: AbstractBaseUser) -> frozenset[str]:
    """Every key this user belongs to now. Reads the user's permissions: call it from a thread, not from a loop."""
    if not user.is_active:
        return frozenset()
    keys = {f"user:{user.pk}", *(key for key in registered if includes(key, user))}
    if includes(STAFF, user) and hasattr(user, "get_all_permissions"):
        keys.update(f"perm:{name}" for name in user.get_all_permissions())
    return frozenset(keys)


def role_keys(*, is_staff: bool, is_superuser: bool, permissions: frozenset[str]) -> frozenset[str]:
    """What `keys_of` gives an active user but for their own key, where only these decide. Equal roles share one set."""
    return _role_keys(is_staff or is_superuser, is_superuser, permissions, frozenset(registered))


@lru_cache(maxsize=256)
def _role_keys(
    is_staff: bool, is_superuser: bool, permissions: frozenset[str], every_key: frozenset[str]
) -> frozenset[str]:
    keys = {EVERYONE}
    if is_staff:
        keys |= {STAFF, *(f"perm:{name}" for name in permissions)}
    if is_superuser:
        keys |= every_key
    return frozenset(keys)


def includes(key: str, user: AbstractBaseUser) -> bool:
    """Whether this user is in that audience now. Reads their permissions for a `perm:` key."""
    if not user.is_active:
        return False
    is_superuser = bool(getattr(user, "is_superuser", False))
    is_staff = is_superuser or bool(getattr(user, "is_staff", False))
    if key.startswith("perm:"):
        return is_staff and hasattr(user, "has_perm") and bool(user.has_perm(key.removeprefix("perm:")))
    if key == STAFF:
        return is_staff
    if key == SUPERUSERS:
        return is_superuser
    return key in (EVERYONE, f"user:{user.pk}")


def members(key: str) -> QuerySet[Any]:
    """The active users of an audience, for deliveries. Raises UnknownAudience.

    A user model that keeps a flag elsewhere than in a field (a property `is_staff`) makes it more than the members:
    ask `includes` of each.
    """
    model = get_user_model()
    active = model._default_manager.filter(_having("is_active"))
    if key.startswith("user:"):
        return subjects([key])
    if key == EVERYONE:
        return active
    if key == SUPERUSERS:
        return active.filter(_having("is_superuser"))
    if key == STAFF:
        return active.filter(_having("is_staff") | _having("is_superuser"))
    if key.startswith("perm:"):
        if not issubclass(model, PermissionsMixin):
            return active.filter(_having("is_staff") | _having("is_superuser"))
        app, _, codename = key.removeprefix("perm:").partition(".")
        granted = PermissionRow.objects.filter(content_type__app_label=app, codename=codename)
        is_granted = Q(user_permissions__in=granted) | Q(groups__permissions__in=granted)
        return active.filter(Q(is_superuser=True) | _having("is_staff") & is_granted).distinct()
    raise UnknownAudience(f"{key!r} is no audience. The process that recorded it knows an audience this one does not.")


def subjects(keys: Iterable[str]) -> QuerySet[Any]:
    """The active users of several `user:` keys, in one query. Raises UnknownAudience."""
    model = get_user_model()
    pks = []
    for key in keys:
        try:
            pks.append(model._meta.pk.to_python(key.removeprefix("user:")))
        except Exception as error:
            raise UnknownAudience(f"{key!r} names no user.") from error
    users = model._default_manager.filter(_having("is_active"))
    # Of one key alone Django says by itself that a number out of range is nobody's.
    return users.filter(pk=pks[0]) if len(pks) == 1 else users.filter(pk__in=pks)


def _having(flag: str) -> Q:
    """Users with this flag; all of them where it is no field."""
    is_field = any(field.name == flag for field in get_user_model()._meta.concrete_fields)
    return Q(**{flag: True}) if is_field else Q(pk__isnull=False)
