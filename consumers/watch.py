"""Watches over connected users: who is signed out or has lost rights is closed, whose reads changed is told.

Hints make it immediate. What no hint told of is found by a round every few seconds: a handful of queries for some
hundred users at a time, spread over the round, so that the loop is never held up by what thousands cost together.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from alerts import frames, reads
from alerts.conf import conf

from .close_codes import CloseCode
from .entrance import Arrival
from .pool import people_lane
from .rights import Signature, signatures
from .sessions import ended_sessions

if TYPE_CHECKING:
    from .reader import Reader
    from .service import Service

logger = logging.getLogger(__name__)
AT_ONCE = 500  # users looked at together


@dataclass(frozen=True)
class Seen:
    """What the database says about the connected users."""

    signatures: dict[str, Signature]
    ended: set[str]
    versions: dict[str, int]


def see(users: list[str], session_keys: set[str]) -> Seen:
    return Seen(signatures(users), ended_sessions(session_keys), reads.versions(users))


class Watch:
    """One per process; every method belongs to the server's loop."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._asked = asyncio.Event()
        self._asked_about: set[str] = set()
        self._looked_at: set[str] = set()  # in this round

    def look_at(self, users: Iterable[str] | None) -> None:
        """Look at these users (None: at all) at once, as far as they are connected here."""
        connected = self._service.readers
        self._asked_about.update(connected if users is None else (user for user in users if user in connected))
        if self._asked_about:
            self._asked.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + conf().RECHECK
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), max(due - loop.time(), 0))
            try:
                if self._asked.is_set():
                    await self._answer()
                if loop.time() >= due:  # however many hints come
                    due = loop.time() + conf().RECHECK / max(math.ceil(len(self._service.readers) / AT_ONCE), 1)
                    await self.look(self._next())
            except Exception as error:
                logger.warning("The rights of connected users cannot be read just now: %s", error)

    async def _answer(self) -> None:
        """Look at those somebody has asked about."""
        self._asked.clear()
        users = list(self._asked_about)
        self._asked_about.clear()
        for start in range(0, len(users), AT_ONCE):
            await self.look(users[start : start + AT_ONCE])

    def _next(self) -> list[str]:
        """Whose turn it is in the round; whoever comes meanwhile has theirs in this one."""
        users = list(islice((user for user in self._service.readers if user not in self._looked_at), AT_ONCE))
        self._looked_at.update(users)
        if len(users) < AT_ONCE:
            self._looked_at.clear()
        return users

    async def look(self, users: Iterable[str]) -> None:
        """Look at these users, as far as they are connected still."""
        known = self._service.readers
        readers = {user: known[user] for user in users if user in known}
        if not readers:
            return
        session_keys = {feed.session_key for reader in readers.values() for feed in reader.feeds}
        seen = await people_lane(see, list(readers), session_keys)
        changed, behind = [], []
        for user, reader in readers.items():
            for feed in list(reader.feeds):
                if feed.session_key in seen.ended:
                    feed.close(CloseCode.SIGNED_OUT)
            if seen.signatures.get(user) != reader.signature:
                changed.append(reader)
            elif reader.is_behind or seen.versions.get(user, 0) > reader.reads_version:
                behind.append(reader)
        # All at once: a group of thousands may have lost a right.
        for failure in await asyncio.gather(*map(self._identify, changed), return_exceptions=True):
            if failure is not None:
                raise failure
        for reader in behind:
            await self._read_anew(reader)

    async def _identify(self, reader: Reader) -> None:
        """Something about this user's rights changed: ask for each of their sessions, as a handshake does."""
        found: Arrival | None = None
        for key in {feed.session_key for feed in reader.feeds}:
            arrival = await self._service.entrance.ask(key)
            if arrival is None or arrival.identity.user.pk != reader.user.pk:
                for feed in list(reader.feeds):
                    if feed.session_key == key:
                        feed.close(CloseCode.SIGNED_OUT)
            else:
                found = arrival
        if found is not None and reader.feeds:
            self._service.adopt(reader, found)

    async def _read_anew(self, reader: Reader) -> None:
        """The count is lost, or reads changed in a process whose hint was: the new version makes each page ask."""
        reader.is_behind = False
        try:
            change = await people_lane(reads.sync, reader.user, reader.keys, [])
        except Exception:
            reader.is_behind = True
            raise
        frame = frames.reads(version=change.version, unread=change.unread)
        reader.hear_reads(version=change.version, unread=change.unread, counted_up_to=change.counted_up_to, frame=frame)
        reader.note_reads(change.version, change.unread, change.counted_up_to)
