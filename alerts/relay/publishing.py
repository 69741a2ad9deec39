"""Publishes what was just numbered: the frames themselves, so that a reader need not ask the database for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..frames import Entry, entry
from .layer import layer
from .numbering import Numbered

LARGEST = 64 * 1024  # bytes of frames in one message; a larger one is only the range


def publish(numbered: Numbered) -> None:
    """At most once, by the layer's nature: whoever misses a message reads the log."""
    if layer.is_down:
        return
    for message in messages(numbered.epoch, [entry(alert) for alert in numbered.alerts]):
        if not layer.send(message):
            return


def messages(epoch: str, entries: list[Entry]) -> Iterator[dict[str, Any]]:
    """Layer messages of at most 64 KB, in order."""
    batch: list[Entry] = []
    size = 0
    for one in entries:
        if batch and size + one.size > LARGEST:
            yield message(epoch, batch)
            batch, size = [], 0
        batch.append(one)
        size += one.size
    if batch:
        yield message(epoch, batch)


def message(epoch: str, entries: list[Entry]) -> dict[str, Any]:
    fits = sum(one.size for one in entries) <= LARGEST
    frames = [[one.position, one.audience, one.uid, one.json, one.size] for one in entries] if fits else []
    return {"epoch": epoch, "first": entries[0].position, "last": entries[-1].position, "frames": frames}
