"""Silence: no alerts of some declarations, or of any, from the context at hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .events import Event

ALL = frozenset({"*"})
muted_kinds: ContextVar[frozenset[str]] = ContextVar("alerts_muted", default=frozenset())


@contextmanager
def muted(*events: type[Event] | str) -> Iterator[None]:
    """No alerts of these declarations (classes or kinds), or of any, from this context; a decorator as well."""
    kinds = frozenset(event if isinstance(event, str) else event.kind for event in events) or ALL
    token = muted_kinds.set(muted_kinds.get() | kinds)
    try:
        yield
    finally:
        muted_kinds.reset(token)


def is_muted(kind: str) -> bool:
    muted_now = muted_kinds.get()
    return bool(muted_now) and (kind in muted_now or muted_now >= ALL)
