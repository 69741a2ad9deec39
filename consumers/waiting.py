"""The readers that wait here, by audience key. Only those an alert concerns are woken: once for all that is new.

They are woken in rounds. A round takes all that was announced since the last one. It is sent to the sockets that are in
step (role.py); the others are woken, a slice at a time, so that whoever else works in this loop has a turn. The next
round comes after a pause as long as this one took: in a burst each socket is sent a few large frames, for one system
call each, rather than many small ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from alerts.frames import Entry

from .batch import Batch
from .connection import together
from .role import Role, Sleeper, Socket

SLICE = 500  # sockets woken without a pause
LONGEST_PAUSE = 0.1  # seconds between two rounds


class Waiting:
    """One per tail; every method belongs to the server's loop."""

    def __init__(self, read: Callable[[int, Role], Batch | None]) -> None:
        self._read = read  # what those of a role read next after a position; None: the tail does not reach that far
        self.told = 0  # the position up to which everybody concerned has been woken
        self._announced = 0
        self._roles: dict[frozenset[str], Role] = {}
        self._users: dict[str, Sleeper] = {}  # by the personal key
        self._firsts: dict[str, int] = {}  # the same as a role's `first`, for personal keys
        self._due: dict[Socket, int] = {}  # whom this round has still to wake
        self._reached = 0  # the position up to which this round tells
        self._began = 0.0
        self._handle: asyncio.Handle | None = None
        self._rests_until = 0.0

    def add(self, reader: Sleeper, shared_keys: frozenset[str]) -> None:
        """Give a reader its role: all its keys but its own."""
        role = reader.role = self._roles.get(shared_keys) or self._roles.setdefault(shared_keys, Role(shared_keys))
        role.readers.add(reader)
        for socket in reader.feeds:
            role.enter(socket)
        self._users[reader.own_key] = reader

    def remove(self, reader: Sleeper) -> None:
        """Forget a reader, who is told first what was announced to these keys."""
        role = reader.role
        news = (role.first, self._firsts.pop(reader.own_key, None))
        role.readers.discard(reader)
        for socket in reader.feeds:
            role.leave(socket)
        if not role.readers:
            del self._roles[role.keys]
        del self._users[reader.own_key]
        for socket in reader.feeds:
            firsts = [position for position in (self._due.pop(socket, None), *news) if position is not None]
            if firsts:
                socket.wake(min(firsts))

    def everyone(self) -> Iterator[Sleeper]:
        for role in self._roles.values():
            yield from role.readers

    def concerned(self, audience: str) -> Iterator[Sleeper]:
        """The readers in an audience."""
        if audience.startswith("user:"):
            if (reader := self._users.get(audience)) is not None:
                yield reader
            return
        for role in self._roles.values():
            if audience in role.keys:
                yield from role.readers

    def announce(self, entries: list[Entry], up_to: int) -> None:
        """These entries are in the tail, which reaches up to this position now: whom they concern is woken soon."""
        self._announced = up_to
        for entry in entries:
            audience = entry.audience
            if audience.startswith("user:"):
                if audience in self._users:
                    self._firsts.setdefault(audience, entry.position)
            else:
                for role in self._roles.values():
                    if role.first is None and audience in role.keys:
                        role.first = entry.position
        if self._handle is None:
            self._begin_after_rest()

    def look(self, head: int) -> None:
        """Something about the log itself changed: everybody looks at it now, and what was announced is forgotten."""
        for role in self._roles.values():
            role.fall_out_all()
            role.first = None
        self._firsts.clear()
        self._due.clear()
        self._announced = self._reached = head
        for reader in list(self.everyone()):
            reader.look()
        self.told = head

    def _begin_after_rest(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() < self._rests_until:
            self._handle = loop.call_at(self._rests_until, self._begin)
        else:
            self._begin()

    def _begin(self) -> None:
        self._began = asyncio.get_running_loop().time()
        self._reached = self._announced
        for key, first in self._firsts.items():
            reader = self._users[key]
            for socket in reader.feeds:
                reader.role.fall_out(socket)
                self._due[socket] = first
        self._firsts.clear()
        with together:
            for role in self._roles.values():
                if role.first is not None:
                    self._tell(role, role.first)
        self._go_on()

    def _tell(self, role: Role, first: int) -> None:
        """Send it to those who are in step; whoever is not, or falls out over it, is due."""
        role.position = max(role.position, first - 1)  # whatever lies between does not concern them
        while role.position < self._reached:
            batch = self._read(role.position, role)
            if batch is None:
                role.fall_out_all()
                break
            if batch.entries:
                role.send(batch)
            else:
                role.position = batch.position
        for socket in role.apart:
            self._due[socket] = min(first, self._due.get(socket, first))
        role.first = None

    def _go_on(self) -> None:
        due = self._due
        with together:
            for _ in range(min(SLICE, len(due))):
                socket, first = due.popitem()
                socket.wake(first)
        loop = asyncio.get_running_loop()
        if due:
            self._handle = loop.call_soon(self._go_on)
            return
        now = loop.time()
        self._rests_until = now + min(now - self._began, LONGEST_PAUSE)
        self._handle = None
        self.told = self._reached
        if self.told < self._announced:
            self._begin_after_rest()
