"""A batch: what a cursor reads next. Made once for all sockets that read the same, and encoded once."""

from __future__ import annotations

from alerts import frames
from alerts.frames import Entry

from .connection import Frame


class Batch:
    """Entries that concern a cursor, and the position where it stands after them. `size` in bytes."""

    __slots__ = ("_frame", "entries", "position", "positions", "size")

    def __init__(self, entries: list[Entry], position: int) -> None:
        self.entries, self.position = entries, position
        self.positions = [entry.position for entry in entries]
        self.size = sum([entry.size for entry in entries])
        self._frame: Frame | None = None

    @property
    def frame(self) -> Frame:
        """The `alerts` frame."""
        if self._frame is None:
            self._frame = Frame(frames.alerts(self.entries, self.position))
        return self._frame


def filtered(entries: list[Entry], start: int, keys: frozenset[str], count: int, size: int, end: int) -> Batch:
    """Up to `count` entries of these keys, `size` bytes in all but at least one; `end` is where the source ends."""
    found: list[Entry] = []
    for place in range(start, len(entries)):
        entry = entries[place]
        if entry.audience not in keys:
            continue
        if found and (len(found) >= count or size < entry.size):
            return Batch(found, found[-1].position)
        found.append(entry)
        size -= entry.size
    return Batch(found, end)
