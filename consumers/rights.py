"""What users may see, and what decides it: for many users in a handful of queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import get_user_model, load_backend
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AbstractBaseUser, Group, Permission, PermissionsMixin

from alerts.among import among
from alerts.audiences import keys_of, role_keys

Signature = tuple[Any, ...]
Permissions = frozenset[Any]  # primary keys
# The methods that say what a user may do: those of users and backends, and how a backend of Django finds the answer.
ASKED = ("has_perm", "get_all_permissions", "get_user_permissions", "get_group_permissions")
ANSWERING = ("_get_permissions", "_get_user_permissions", "_get_group_permissions")


@dataclass(frozen=True, slots=True)
class Rights:
    """`shared_keys` are a user's audience keys but their own; `signature` changes whenever these might."""

    shared_keys: frozenset[str]
    signature: Signature


def signatures(users: Sequence[str]) -> dict[str, Signature]:
    """What decides the rights of these users, in four queries for all of them. A user who is gone is missing."""
    model = get_user_model()
    rows = among(model._default_manager.all(), "pk", _keys(users)).values_list("pk", *_flags())
    found = {str(pk): tuple(values) for pk, *values in rows}
    permissions = _permissions(list(found))
    return {user: (*values, permissions[user]) for user, values in found.items()}


def rights_of(users: Iterable[AbstractBaseUser]) -> dict[str, Rights]:
    """The rights of these active users, who were read just now. Equal ones share their sets."""
    known = {str(user.pk): user for user in users}
    permissions = _permissions(list(known))
    flags = _flags()
    signed = {key: (*(getattr(user, name) for name in flags), permissions[key]) for key, user in known.items()}
    if not _is_plain():
        return {key: Rights(keys_of(user) - {f"user:{key}"}, signed[key]) for key, user in known.items()}
    superusers = {key for key, user in known.items() if cast(Any, user).is_superuser}
    names = _Names(set().union(*permissions.values()), every=bool(superusers))
    return {
        key: Rights(
            role_keys(
                is_staff=bool(getattr(user, "is_staff", False)),
                is_superuser=key in superusers,
                permissions=names.all if key in superusers else names.of(permissions[key]),
            ),
            signed[key],
        )
        for key, user in known.items()
    }


class _Names:
    """Permissions by name, read once for many users."""

    def __init__(self, permissions: set[Any], *, every: bool) -> None:
        rows = Permission.objects.all() if every else Permission.objects.filter(pk__in=permissions)
        found = rows.order_by().values_list("pk", "content_type__app_label", "codename")
        self._names = {pk: f"{app}.{codename}" for pk, app, codename in found}
        self._known: dict[Permissions, frozenset[str]] = {}
        self.all = frozenset(self._names.values())

    def of(self, permissions: Permissions) -> frozenset[str]:
        if permissions not in self._known:
            self._known[permissions] = frozenset(self._names[pk] for pk in permissions if pk in self._names)
        return self._known[permissions]


def _is_plain() -> bool:
    """Whether nothing but Django's own parts decides who has a permission."""
    model = get_user_model()
    return (
        issubclass(model, PermissionsMixin)
        and all(getattr(model, name) is getattr(PermissionsMixin, name) for name in ASKED)
        and all(
            getattr(type(load_backend(path)), name, None) is getattr(ModelBackend, name)
            for path in settings.AUTHENTICATION_BACKENDS
            for name in (*ASKED, *ANSWERING)
        )
    )


def _flags() -> list[str]:
    names = ("is_active", "is_staff", "is_superuser", "password")
    return [name for name in names if _has_field(get_user_model(), name)]


def _permissions(users: list[str]) -> dict[str, Permissions]:
    """The permissions of each of these users, their own and those of their groups."""
    model = get_user_model()
    found: dict[str, set[Any]] = {user: set() for user in users}
    if _has_field(model, "groups"):
        for pk, permission in _links(model, "user_permissions", users):
            found[str(pk)].add(permission)
        members = _links(model, "groups", users)
        groups = {group for _, group in members}
        granted = cast(Any, Group.permissions).through._default_manager.filter(group__in=groups)
        of_group: dict[Any, list[Any]] = {}
        for group, permission in granted.values_list("group_id", "permission_id"):
            of_group.setdefault(group, []).append(permission)
        for pk, group in members:
            found[str(pk)].update(of_group.get(group, ()))
    shared: dict[Permissions, Permissions] = {}
    frozen = {user: frozenset(permissions) for user, permissions in found.items()}
    return {user: shared.setdefault(permissions, permissions) for user, permissions in frozen.items()}


def _links(model: Any, name: str, users: list[str]) -> list[tuple[Any, Any]]:
    """The keys of these users, each with those of the rows one of their many-to-many fields leads to."""
    field = model._meta.get_field(name)
    one, other = f"{field.m2m_field_name()}_id", f"{field.m2m_reverse_field_name()}_id"
    rows = among(field.remote_field.through._default_manager.all(), one, _keys(users))
    return list(rows.values_list(one, other))


def _keys(users: Iterable[str]) -> list[Any]:
    return [get_user_model()._meta.pk.to_python(user) for user in users]


def _has_field(model: Any, name: str) -> bool:
    return any(field.name == name for field in model._meta.get_fields())
