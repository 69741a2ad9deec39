"""The window: how much one socket may be sent before it acknowledges (docs/protocol.md)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from .batch import Batch


class Window:
    """`alerts` and `bytes` are what may still be sent. Full when either is used up."""

    __slots__ = ("_acknowledged", "_batches", "_most", "alerts", "bytes", "full_since")

    def __init__(self, alerts: int, size: int) -> None:
        self.alerts, self.bytes = self._most = alerts, size
        self.full_since: float | None = None
        self._batches: list[Batch] = []
        self._acknowledged = 0  # entries of the first batch

    @property
    def is_full(self) -> bool:
        return self.alerts <= 0 or self.bytes <= 0

    def add(self, batch: Batch) -> None:
        """These were sent."""
        self._batches.append(batch)
        self.alerts -= len(batch.entries)
        self.bytes -= batch.size

    def add_all(self, batches: Iterable[Batch], alerts: int, size: int) -> None:
        """These were sent, so many alerts and bytes in all."""
        self._batches.extend(batches)
        self.alerts -= alerts
        self.bytes -= size

    def frees(self, position: int) -> bool:
        """Whether an acknowledgement up to this position frees a part."""
        return bool(self._batches) and self._batches[0].positions[self._acknowledged] <= position

    def acknowledge(self, position: int) -> None:
        """Everything up to this position was received."""
        if self._batches and self._batches[-1].positions[-1] <= position:
            self.clear()
            return
        done = 0
        for batch in self._batches:
            got = bisect_right(batch.positions, position, self._acknowledged)
            self.alerts += got - self._acknowledged
            is_whole = got - self._acknowledged == len(batch.entries)
            self.bytes += batch.size if is_whole else sum(e.size for e in batch.entries[self._acknowledged : got])
            if got < len(batch.entries):
                self._acknowledged = got
                break
            self._acknowledged = 0
            done += 1
        del self._batches[:done]
        if not self.is_full:
            self.full_since = None

    def clear(self) -> None:
        self.alerts, self.bytes = self._most
        self._batches.clear()
        self._acknowledged = 0
        self.full_since = None
