"""Who a socket belongs to, read from the session cookie, and asked again as long as it is open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.models import AbstractBaseUser, Group
from django.db.models.functions import Now
from django.http import HttpRequest, parse_cookie

from alerts import reads
from alerts.audiences import keys_of
from alerts.models import ReadState
from alerts.relay.head import read_head

Scope = Mapping[str, Any]
Signature = tuple[Any, ...]


@dataclass(frozen=True)
class Identity:
    """One signed-in user: what they may see, what they have read. `signature` changes whenever their rights might."""

    user: AbstractBaseUser
    name: str
    keys: frozenset[str]
    signature: Signature
    read_state: ReadState
    unread: int
    counted_up_to: int  # the position up to which `unread` counts

    @property
    def own_key(self) -> str:
        return f"user:{self.user.pk}"

    @property
    def reads_version(self) -> int:
        return self.read_state.version


def session_key_of(scope: Scope) -> str:
    """The session cookie of a handshake, or nothing."""
    header = "; ".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"cookie")
    # Django's own reader: one bad cookie does not hide the others.
    return parse_cookie(header).get(settings.SESSION_COOKIE_NAME, "")


def digest(session_key: str) -> str:
    """What stands for a session in hints: never the key itself."""
    return hashlib.sha256(session_key.encode()).hexdigest()


def user_of(session_key: str) -> AbstractBaseUser | None:
    """The active user of a session, as Django's own sign-in finds them: password changes count."""
    if not session_key:
        return None
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    user = get_user(request)
    return user if user.is_authenticated and user.is_active else None


def identify(session_key: str) -> Identity | None:
    """The identity behind a session, or None."""
    user = user_of(session_key)
    if user is None:
        return None
    head = read_head().position
    state = reads.state_of(user, head)
    keys = keys_of(user)
    return Identity(
        user=user,
        name=user.get_username(),
        keys=keys,
        signature=_signature(user),
        read_state=state,
        unread=reads.unread_count(state, keys, head),
        counted_up_to=head,
    )


def signatures(users: Sequence[str]) -> dict[str, Signature]:
    """What decides the rights of these users, in four queries for all of them. A user who is gone is missing."""
    model = get_user_model()
    rows = model._default_manager.filter(pk__in=users).values_list("pk", *_flags())
    found = {str(pk): tuple(values) for pk, *values in rows}
    rights = _rights(list(found))
    return {user: (*values, rights[user]) for user, values in found.items()}


def _signature(user: AbstractBaseUser) -> Signature:
    """The same of one who was read just now."""
    key = str(user.pk)
    return (*(getattr(user, name) for name in _flags()), _rights([key])[key])


def _flags() -> list[str]:
    names = ("is_active", "is_staff", "is_superuser", "password")
    return [name for name in names if _has_field(get_user_model(), name)]


def _rights(users: list[str]) -> dict[str, frozenset[Any]]:
    """The permissions of each of these users, their own and those of their groups."""
    model = get_user_model()
    rights: dict[str, set[Any]] = {user: set() for user in users}
    if _has_field(model, "groups"):
        for pk, permission in _links(model, "user_permissions", users):
            rights[str(pk)].add(permission)
        members = _links(model, "groups", users)
        groups = {group for _, group in members}
        granted = cast(Any, Group.permissions).through._default_manager.filter(group__in=groups)
        of_group: dict[Any, list[Any]] = {}
        for group, permission in granted.values_list("group_id", "permission_id"):
            of_group.setdefault(group, []).append(permission)
        for pk, group in members:
            rights[str(pk)].update(of_group.get(group, ()))
    return {user: frozenset(found) for user, found in rights.items()}


def _links(model: Any, name: str, users: list[str]) -> list[tuple[Any, Any]]:
    """The keys of these users, each with those of the rows one of their many-to-many fields leads to."""
    field = model._meta.get_field(name)
    rows = field.remote_field.through._default_manager.filter(**{f"{field.m2m_field_name()}__in": users})
    return list(rows.values_list(f"{field.m2m_field_name()}_id", f"{field.m2m_reverse_field_name()}_id"))


def ended_sessions(session_keys: Iterable[str]) -> set[str]:
    """Those of these sessions that are gone or over, in one query where sessions are rows."""
    keys = set(session_keys)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    if hasattr(store, "get_model_class"):
        model = store.get_model_class()
        # The database's clock: one process whose own has jumped would close every socket it has.
        alive = model._default_manager.filter(session_key__in=keys, expire_date__gt=Now())
        return keys - set(alive.values_list("session_key", flat=True))
    return {key for key in keys if not store(key).load()}


def _has_field(model: Any, name: str) -> bool:
    return any(field.name == name for field in model._meta.get_fields())
