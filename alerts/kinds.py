"""Every declared kind, by name: the registry that checks, expansion and the contract tests run over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .exceptions import DeclarationError

if TYPE_CHECKING:
    from .events import Event

declared: dict[str, type[Event]] = {}


def declare(event: type[Event]) -> None:
    """Raises DeclarationError for a kind that another class has."""
    known = declared.get(event.kind)
    if known is not None and (known.__module__, known.__qualname__) != (event.__module__, event.__qualname__):
        raise DeclarationError(
            f"{event.__module__}.{event.__qualname__} and {known.__module__}.{known.__qualname__} both declare "
            f"the kind {event.kind!r}. Give one of them another kind."
        )
    declared[event.kind] = event


def transports_of(kind: str) -> tuple[str, ...]:
    """The transports a kind is carried over; none for a kind that is recorded without a declaration."""
    event = declared.get(kind)
    return event.transports if event else ()
