"""Hints to the readers of every process: reads changed, or rights may have. Losing one costs seconds, nothing more."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import transaction

from . import frames
from .reads import Change, User
from .relay.bell import bell
from .relay.head import using


def tell_reads(user: User, change: Change) -> None:
    """Every socket of this user, in every process, is sent this change."""
    _tell(
        {
            "reads": {
                "user": str(user.pk),
                "version": change.version,
                "unread": change.unread,
                "counted_up_to": change.counted_up_to,
                "frame": frame(change),
            }
        }
    )


def tell_rights(users: Iterable[str] | None) -> None:
    """The sockets of these users (None: of all) are asked again whether they still may be open."""
    _tell({"rights": None if users is None else sorted(users)})


def tell_ended(session_digest: str) -> None:
    """The sockets of this session, known by its digest, are closed."""
    _tell({"ended": session_digest})


def frame(change: Change) -> str:
    return frames.reads(
        version=change.version,
        unread=change.unread,
        read_ids=change.read_ids,
        unread_ids=change.unread_ids,
        read_up_to=change.read_up_to,
    )


def _tell(hint: dict[str, Any]) -> None:
    transaction.on_commit(lambda: bell.tell(hint), using=using(), robust=True)
