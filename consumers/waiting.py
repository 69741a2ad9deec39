"""The readers that wait here, by audience key. Only those an alert concerns are woken: once for all that is new.

They are woken in rounds. A round takes all that was announced since the last one, and wakes a slice of the sockets at
a time, so that whoever else works in this loop has a turn. The next one comes after a pause as long as this one took:
in a burst each socket is sent a few large frames, for one system call each, rather than many small ones.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from typing import Protocol

from alerts.frames import Entry

from .connection import together

SLICE = 500  # sockets woken without a pause
LONGEST_PAUSE = 0.1  # seconds between two rounds


class Role:
    """Those who have all their keys in common, but the personal one."""

    __slots__ = ("_sockets", "first", "keys", "readers")

    def __init__(self, keys: frozenset[str]) -> None:
        self.keys = keys
        self.readers: set[Sleeper] = set()
        self.first: int | None = None  # of what was announced since the last round, the first that concerns them
        self._sockets: list[Socket] | None = None

    @property
    def sockets(self) -> list[Socket]:
        if self._sockets is None:
            self._sockets = [socket for reader in self.readers for socket in reader.feeds]
        return self._sockets

    def changed(self) -> None:
        """Some socket came or went."""
        self._sockets = None


class Socket(Protocol):
    """What is woken."""

    def wake(self, position: int) -> None: ...


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


class Waiting:
    """One per tail; every method belongs to the server's loop."""

    def __init__(self) -> None:
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
        role.changed()
        self._users[reader.own_key] = reader

    def remove(self, reader: Sleeper) -> None:
        """Forget a reader, who is told first what was announced to these keys."""
        role = reader.role
        news = (role.first, self._firsts.pop(reader.own_key, None))
        role.readers.discard(reader)
        role.changed()
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
        for role in self._roles.values():
            if role.first is not None:
                self._due.update(dict.fromkeys(role.sockets, role.first))
                role.first = None
        for key, first in self._firsts.items():
            for socket in self._users[key].feeds:
                self._due[socket] = min(first, self._due.get(socket, first))
        self._firsts.clear()
        self._go_on()

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
