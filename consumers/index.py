"""Which of the positions in memory concern whom: what concerns a reader is counted without reading through them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable

from alerts.frames import Entry


class Index:
    """The positions of each audience, rising."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self._positions: dict[str, list[int]] = defaultdict(list)
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        """Add one that follows on all others."""
        self._positions[entry.audience].append(entry.position)

    def last(self, key: str) -> int:
        """The last position that concerns this key, 0 without one."""
        held = self._positions.get(key)
        return held[-1] if held is not None else 0

    def count_after(self, position: int, keys: Collection[str]) -> int:
        """How many after a position concern one of these keys."""
        count = 0
        for key in keys:
            held = self._positions.get(key)
            if held is not None and held[-1] > position:
                count += len(held) - bisect_right(held, position)
        return count
