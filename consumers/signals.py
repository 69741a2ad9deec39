"""Tells every process at once when somebody's session ends or rights change; the watch would find it seconds later."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Model
from django.db.models.signals import m2m_changed, post_delete, post_save

from alerts.hints import tell_ended, tell_rights

from .sessions import digest


def connect() -> None:
    """Called once, when all models are there."""
    user: Any = get_user_model()
    post_save.connect(_user_saved, sender=user, dispatch_uid="consumers.user_saved")
    post_delete.connect(_user_deleted, sender=user, dispatch_uid="consumers.user_deleted")
    for name in ("groups", "user_permissions"):
        if hasattr(user, name):
            through = getattr(user, name).through
            m2m_changed.connect(_rights_changed, sender=through, dispatch_uid=f"consumers.{name}")
    m2m_changed.connect(_rights_changed, sender=Group.permissions.through, dispatch_uid="consumers.permissions")
    post_delete.connect(_group_deleted, sender=Group, dispatch_uid="consumers.group_deleted")
    from django.contrib.sessions.models import Session

    post_delete.connect(_session_deleted, sender=Session, dispatch_uid="consumers.session_deleted")


def _user_saved(instance: Model, created: bool, raw: bool, update_fields: Any = None, **kwargs: Any) -> None:
    if not (created or raw or (update_fields and set(update_fields) == {"last_login"})):
        tell_rights([str(instance.pk)])


def _user_deleted(instance: Model, **kwargs: Any) -> None:
    tell_rights([str(instance.pk)])


def _rights_changed(instance: Model, action: str, **kwargs: Any) -> None:
    if action.startswith("post_"):
        tell_rights([str(instance.pk)] if isinstance(instance, get_user_model()) else None)


def _group_deleted(**kwargs: Any) -> None:
    tell_rights(None)


def _session_deleted(instance: Any, **kwargs: Any) -> None:
    tell_ended(digest(instance.session_key))
