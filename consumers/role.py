"""A role: the readers who have all their keys in common but the personal one, and their sockets.

Most of these stand at the same place, with nothing left to send. They are in step: what comes next is one batch for all
of them, written to each without a look at its cursor or its window. Those are made up for when a socket falls out of
step, before anything else happens to it: a command, a heartbeat, an alert of its own, a connection that makes it wait,
a window that is full. It falls in again once it has nothing left to send.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from itertools import islice
from math import inf
from typing import NamedTuple, Protocol

from .batch import Batch
from .connection import Connection, Later
from .window import Window


class Socket(Protocol):
    """What is woken. While it is in step, `cursor` and `window` are as they were when it fell in."""

    cursor: int
    window: Window
    connection: Connection

    def wake(self, first: int) -> None: ...
    def wait(self, later: Later) -> None: ...


class Sleeper(Protocol):
    """What has a role, and sockets."""

    own_key: str
    role: Role

    @property
    def keys(self) -> frozenset[str]: ...
    @property
    def feeds(self) -> Collection[Socket]: ...

    def hint(self, frame: str) -> None: ...
    def look(self) -> None: ...


class InStep(NamedTuple):
    """Since which batch a socket is in step, and the totals of alerts and bytes at which its window is full."""

    since: int
    alerts: int
    bytes: int


class Role:
    """One per set of shared keys."""

    def __init__(self, keys: frozenset[str]) -> None:
        self.keys = keys
        self.readers: set[Sleeper] = set()
        self.first: int | None = None  # of what was announced since the last round, the first that concerns them
        self.apart: set[Socket] = set()  # sockets that are out of step
        self.position = 0  # all who are in step have been sent everything up to here
        self._in_step: dict[Socket, InStep] = {}
        self._batches: deque[Batch] = deque()  # those that somebody in step has not accounted for
        self._count = self._alerts = self._bytes = 0  # batches so far, and what was in them
        self._room: tuple[float, float] = (inf, inf)  # totals at which the first window is full, or earlier ones

    def enter(self, socket: Socket) -> None:
        self.apart.add(socket)

    def leave(self, socket: Socket) -> None:
        self.fall_out(socket)
        self.apart.discard(socket)

    def fall_in(self, socket: Socket) -> None:
        """It has been sent all that concerns it; not so, as long as more is announced."""
        if self.first is not None or socket not in self.apart:
            return
        if not self._in_step:
            self.position = socket.cursor
            self._batches.clear()
            self._room = (inf, inf)
        if socket.cursor < self.position:
            return
        limits = InStep(self._count, self._alerts + socket.window.alerts, self._bytes + socket.window.bytes)
        self.apart.discard(socket)
        self._in_step[socket] = limits
        self._room = (min(self._room[0], limits.alerts), min(self._room[1], limits.bytes))

    def fall_out(self, socket: Socket) -> None:
        """Its cursor and its window are its own again. Idempotent."""
        limits = self._in_step.pop(socket, None)
        if limits is None:
            return
        self.apart.add(socket)
        if limits.since < self._count:
            batches = islice(self._batches, len(self._batches) - (self._count - limits.since), None)
            window = socket.window
            # The limits were those of its window when it fell in, beyond the totals of then.
            sent = (self._alerts - limits.alerts + window.alerts, self._bytes - limits.bytes + window.bytes)
            window.add_all(batches, *sent)
            socket.cursor = self.position

    def fall_out_all(self) -> None:
        for socket in list(self._in_step):
            self.fall_out(socket)

    def send(self, batch: Batch) -> None:
        """To all who are in step, but those whose window has no room for it, or none left: they fall out."""
        if not self._in_step:
            self.position = batch.position
            return
        count, size = len(batch.entries), batch.size
        if self._alerts + count > self._room[0] or self._bytes + size > self._room[1]:
            self._part(self._alerts + count, self._bytes + size)
        self._batches.append(batch)
        self._count += 1
        self._alerts += count
        self._bytes += size
        self.position = batch.position
        frame = batch.frame
        waits = [(socket, later) for socket in self._in_step if (later := socket.connection.write(frame)) is not None]
        for socket, later in waits:
            self.fall_out(socket)
            socket.wait(later)
        if self._alerts >= self._room[0] or self._bytes >= self._room[1]:
            self._part(self._alerts + 1, self._bytes + 1)

    def _part(self, alerts: int, size: int) -> None:
        """Let those fall out whose windows have no room up to these totals, and forget what nobody accounts for."""
        full = [socket for socket, limits in self._in_step.items() if alerts > limits.alerts or size > limits.bytes]
        for socket in full:
            self.fall_out(socket)
        least = min((limits.since for limits in self._in_step.values()), default=self._count)
        while self._batches and len(self._batches) > self._count - least:
            self._batches.popleft()
        alerts_left = min((limits.alerts for limits in self._in_step.values()), default=inf)
        self._room = (alerts_left, min((limits.bytes for limits in self._in_step.values()), default=inf))
