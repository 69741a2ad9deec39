"""Storms: of many alerts of one kind for one audience within seconds, the first stand alone, the rest share a group.

Every act keeps its alert, position and frame; a group only lets a page fold them into one card. What is a storm is read
from the log itself, so it does not matter which process numbers.
"""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

SINGLY = 6  # alerts of one stream within WITHIN that stand alone
WITHIN = timedelta(seconds=10)
MOST_STREAMS = 1_000  # remembered at once


@dataclass(frozen=True, slots=True)
class Numbered:
    """An alert that has its position. `group` and `place` as the log has them; empty and 0 for a new one."""

    position: int
    kind: str
    audience: str
    created: datetime
    group: str = ""
    place: int = 0


@dataclass(slots=True)
class Run:
    """Alerts of one stream between two positions that share a group; the first of them has the place `place`."""

    group: str
    place: int
    kind: str
    audience: str
    first: int
    last: int


class Stream:
    """The newest alerts of one kind for one audience."""

    __slots__ = ("group", "newest", "place")

    def __init__(self) -> None:
        self.newest: deque[datetime] = deque(maxlen=SINGLY)
        self.group = ""
        self.place = 0

    def recall(self, alert: Numbered) -> None:
        """One that is in the log already."""
        self.newest.append(alert.created)
        self.group, self.place = alert.group, alert.place

    def take(self, created: datetime) -> None:
        """A new one: `group` and `place` are now its own."""
        # Either way: writers' clocks differ, and a long transaction commits late.
        is_storm = len(self.newest) == SINGLY and abs(created - self.newest[0]) < WITHIN
        self.newest.append(created)
        if not is_storm:
            self.group, self.place = "", 0
        elif not self.group:
            self.group, self.place = secrets.token_urlsafe(9), 1
        else:
            self.place += 1


class Streams:
    """What a numberer remembers of the log's end. No I/O."""

    def __init__(self, recent: Iterable[Numbered] = ()) -> None:
        self._streams: dict[tuple[str, str], Stream] = {}
        for alert in recent:
            self._stream(alert).recall(alert)

    def group(self, alerts: Iterable[Numbered]) -> list[Run]:
        """Which of these new alerts (rising positions) share a group."""
        runs: list[Run] = []
        open_runs: dict[str, Run] = {}
        for alert in alerts:
            stream = self._stream(alert)
            stream.take(alert.created)
            if not stream.group:
                continue
            run = open_runs.get(stream.group)
            if run is None:
                run = Run(stream.group, stream.place, alert.kind, alert.audience, alert.position, alert.position)
                open_runs[stream.group] = run
                runs.append(run)
            run.last = alert.position
        return runs

    def _stream(self, alert: Numbered) -> Stream:
        key = (alert.kind, alert.audience)
        stream = self._streams.get(key)
        if stream is None:
            if len(self._streams) >= MOST_STREAMS:
                self._forget(alert.created)
            stream = self._streams[key] = Stream()
        return stream

    def _forget(self, now: datetime) -> None:
        """Let go of streams that are no storm any more; of all, if every one might be."""
        kept = {key: stream for key, stream in self._streams.items() if abs(now - stream.newest[-1]) < WITHIN}
        self._streams = kept if len(kept) < MOST_STREAMS else {}
