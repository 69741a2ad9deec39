"""The tail: this process's end of the log. It holds the newest entries, each encoded once, for every socket to read.

One life of an entry here: a layer message brings it with its frame, or says only that it is there; or, the message
lost, the look at the head (once a second, on SQLite at each commit) finds it. Positions it has are dropped, positions
that do not follow on are fetched first. Then the readers it concerns are woken, and each reads from its own cursor. One
further back than the tail is served from the database: in shared pages when near, by audience when far.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from math import inf
from operator import attrgetter
from pathlib import Path
from typing import Any

from channels.layers import get_channel_layer
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from alerts import feed
from alerts.frames import Entry
from alerts.relay.head import Head, new_epoch, read_head, using
from alerts.relay.layer import GROUP, LIMIT, LOOK_WHEN_DOWN, VERSION, layer

from .batch import Batch, filtered
from .index import Index
from .pool import log_lane
from .role import Role, Sleeper
from .waiting import Waiting

logger = logging.getLogger(__name__)
MOST_BYTES = 16 * 1024 * 1024  # of encoded alerts held here
AT_START = 500  # entries read at start, for the sockets that come back
DOUBT = 5.0  # seconds
LOOK = 1.0  # seconds between two looks at the head
RENEWAL = 30.0  # seconds; the in-memory layer forgets a member after a day, or over one message unread for a minute
SQLITE_LOOK = 0.025  # seconds between two looks whether SQLite's file has changed
NEAR = 1_000  # positions; a cursor further back is served by audience
PAGE = 256  # positions in one shared page
PAGES = 16  # shared pages kept
BATCH = 256  # alerts in one frame at most
# Bytes of alerts in one frame, one alert at least. Daphne's limit on a message's size holds for what it sends as well.
MOST_IN_A_FRAME = 60 * 1024
DISTINCT = 64  # batches kept for others who read the same


class Tail:
    """One per process; every method belongs to the server's loop."""

    def __init__(self, on_hint: Callable[[dict[str, Any]], None]) -> None:
        self.epoch = ""
        self.head = 0
        self.oldest = 1
        self.waiting = Waiting(self.next_of)
        self._entries: list[Entry] = []
        self._first = 1  # the position of the first entry held
        self._index = Index()
        self._bytes = 0
        self._batches: dict[tuple[int, Role], Batch] = {}  # what those of a role read after a cursor
        self._counts: dict[tuple[int, Role], int | None] = {}  # how much that is
        self._distinct: dict[tuple[int, ...], Batch] = {}  # by their positions
        self._pages: OrderedDict[tuple[int, int], asyncio.Task[list[Entry]]] = OrderedDict()
        self._on_hint = on_hint
        self._doubted_until = 0.0
        self._looked_at = -inf  # at the head; or a message told of it
        self._channel = ""
        self._tasks: list[asyncio.Task[None]] = []
        self._refreshing: asyncio.Task[None] | None = None
        self._to_refresh: asyncio.Task[None] | None = None

    async def start(self) -> None:
        head = await log_lane(read_head)
        self._begin(head)
        after = max(head.position - AT_START, head.oldest - 1)
        self._hold(await log_lane(feed.entries, after, head.position), after + 1)
        self._tasks = [asyncio.create_task(loop()) for loop in (self._listen, self._renew, self._watch)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- readers ---

    def read_at_once(self, after: int, reader: Sleeper, count: int, size: int) -> Batch | None:
        """The next entries after a cursor, from memory; None when it lies further back than the tail reaches.

        All of one role who stand at the same cursor share one batch, but for what is somebody's own, or over the limits
        of a frame or of their window.
        """
        if after + 1 < self._first:
            return None
        if self._index.last(reader.own_key) > after:
            return self._filter(after, reader.keys, count, size)
        batch = self.next_of(after, reader.role)
        if batch is None or (len(batch.entries) <= count and (batch.size <= size or len(batch.entries) == 1)):
            return batch
        return self._filter(after, reader.role.keys, count, size)

    def next_of(self, after: int, role: Role) -> Batch | None:
        """What all of a role read next after a position, but for what is somebody's own."""
        if after + 1 < self._first:
            return None
        key = (after, role)
        batch = self._batches.get(key)
        if batch is None:
            if len(self._batches) > DISTINCT:
                self._batches.clear()
            batch = self._batches[key] = self._filter(after, role.keys, BATCH, MOST_IN_A_FRAME)
        return batch

    def _filter(self, after: int, keys: frozenset[str], count: int, size: int) -> Batch:
        size = min(size, MOST_IN_A_FRAME)
        batch = filtered(self._entries, self._place_after(after), keys, count, size, self.head)
        if len(self._distinct) > DISTINCT:
            self._distinct.clear()
        return self._distinct.setdefault((*batch.positions, batch.position), batch)

    async def read(self, after: int, keys: frozenset[str], count: int, size: int) -> Batch:
        """The next entries after a cursor that lies further back, from the database."""
        head, size = self.head, min(size, MOST_IN_A_FRAME)
        if head - after > NEAR:
            found = await self._ask(feed.entries_for, keys, after, head, min(count, BATCH))
            batch = filtered(found, 0, keys, count, size, head)
            is_cut = len(found) == min(count, BATCH) or len(batch.entries) < len(found)
            return Batch(batch.entries, batch.entries[-1].position) if is_cut and batch.entries else batch
        number = after // PAGE
        end = min((number + 1) * PAGE, head)
        page = await self._page(number, end)
        start = next((place for place, entry in enumerate(page) if entry.position > after), len(page))
        return filtered(page, start, keys, count, size, end)

    def count_between(self, after: int, keys: frozenset[str]) -> int | None:
        """How many entries after a position concern these keys; None when the tail does not reach back that far."""
        after = max(after, self.oldest - 1)
        return self._index.count_after(after, keys) if after + 1 >= self._first else None

    def count_for(self, reader: Sleeper, after: int) -> int | None:
        """The same for a reader; those of one role who count from the same position share it, but for their own."""
        key = (after, reader.role)
        if key not in self._counts:
            self._counts[key] = self.count_between(after, reader.role.keys)
        shared = self._counts[key]
        return None if shared is None else shared + self._index.count_after(after, (reader.own_key,))

    def count_held(self, keys: frozenset[str]) -> int:
        """How many of the entries held here concern these keys: there are at least as many."""
        return self._index.count_after(max(self._first, self.oldest) - 1, keys)

    def entries_after(self, after: int, keys: frozenset[str]) -> list[Entry] | None:
        """Those entries; None when the tail does not reach back that far."""
        if after + 1 < self._first:
            return None
        return [entry for entry in self._entries[self._place_after(after) :] if entry.audience in keys]

    def _place_after(self, position: int) -> int:
        """Where the entries after a position begin. Positions have no holes, unless somebody removed rows by hand."""
        place = position + 1 - self._first
        if place < len(self._entries) and self._entries[place].position == position + 1:
            return place
        return bisect_right(self._entries, position, key=attrgetter("position"))

    # --- the log ---

    async def refresh(self) -> None:
        """Read the head as it is from now on, and what is new up to it. Who asks during one flight shares the next."""
        if self._to_refresh is None:
            self._to_refresh = asyncio.create_task(self._refresh_after(self._refreshing))
        await asyncio.shield(self._to_refresh)

    async def _refresh_after(self, other: asyncio.Task[None] | None) -> None:
        if other is not None:
            await asyncio.wait([other])
        self._refreshing, self._to_refresh = self._to_refresh, None
        await self._refresh()

    async def _refresh(self) -> None:
        known = self.head  # a layer message may move it on while the database answers
        head = await log_lane(read_head)
        if head.epoch == self.epoch and head.position < known:
            logger.warning("The log went back from %s to %s: a new epoch begins.", known, head.position)
            await log_lane(new_epoch, instead_of=head.epoch)
            head = await log_lane(read_head)
        if head.epoch != self.epoch:
            self._begin(head)
            return
        self.oldest = head.oldest
        await self._fetch(head.position)

    def _begin(self, head: Head) -> None:
        self.epoch, self.head, self.oldest = head.epoch, head.position, head.oldest
        self._hold([], head.position + 1)
        self._pages.clear()
        self.waiting.look(self.head)

    async def _fetch(self, up_to: int) -> None:
        """Make the tail reach up to a position."""
        after = self.head
        if up_to <= after:
            return
        if up_to - after > NEAR:
            # Too far to hold: the sockets read the rest by themselves.
            self.head = up_to
            self._hold([], up_to + 1)
            self.waiting.look(up_to)
            return
        found = await self._ask(feed.entries, after, up_to)
        if self.head == after:
            self._append(found, up_to)
            if self.oldest > after + 1:
                self.waiting.look(up_to)  # whoever is only woken would pass over what was trimmed unread: a gap is due
            else:
                self.waiting.announce(found, up_to)

    def _append(self, entries: list[Entry], up_to: int) -> None:
        self.head = up_to
        self._forget_batches()
        for entry in entries:
            self._entries.append(entry)
            self._index.add(entry)
            self._bytes += entry.size
        if self._bytes > MOST_BYTES:
            self._trim()

    def _trim(self) -> None:
        """Let go of the older half."""
        cut = len(self._entries) // 2
        self._hold(self._entries[cut:], self._entries[cut].position if cut else self._first)

    def _hold(self, entries: list[Entry], first: int) -> None:
        self._entries, self._first, self._index = entries, first, Index(entries)
        self._bytes = sum(entry.size for entry in entries)
        self._forget_batches()

    def _forget_batches(self) -> None:
        self._batches.clear()
        self._counts.clear()
        self._distinct.clear()

    async def _page(self, number: int, end: int) -> list[Entry]:
        """Positions (number * 256, end], read once for all who ask."""
        key = (number, end)
        task = self._pages.get(key)
        if task is None:
            task = self._pages[key] = asyncio.create_task(self._ask(feed.entries, number * PAGE, end))
            while len(self._pages) > PAGES:
                self._pages.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except Exception:
            self._pages.pop(key, None)
            raise

    async def _ask(self, read: Callable[..., list[Entry]], *arguments: Any) -> list[Entry]:
        """A read of the log, and what is trimmed by the time it ends: rows that went before it leave no silent hole."""
        entries, head = await log_lane(_read_with_head, read, *arguments)
        if head.epoch == self.epoch:
            self.oldest = max(self.oldest, head.oldest)
        return entries

    # --- news ---

    async def _listen(self) -> None:
        """Layer messages, as long as this process lives.

        A layer that failed is asked again on the same channel: a second one would be filled beside it for ever.
        """
        while True:
            try:
                channel_layer: Any = get_channel_layer()
                if not self._channel:
                    self._channel = await asyncio.wait_for(channel_layer.new_channel(), LIMIT * 2)
                await asyncio.wait_for(channel_layer.group_add(GROUP, self._channel), LIMIT * 2)
                await self._follow(self.refresh())
                while True:
                    await self._follow(self._hear(await channel_layer.receive(self._channel)))
            except Exception as error:
                layer.failed(error)
                await asyncio.sleep(LOOK)

    async def _follow(self, news: Awaitable[None]) -> None:
        """Take in news. What fails over them is no fault of the layer's: the next look at the log makes up for it."""
        try:
            await news
        except Exception as error:
            logger.warning("News of the log could not be followed (%s: %s).", type(error).__name__, error)
            self._looked_at = -inf

    async def _renew(self) -> None:
        """Membership of the group is a lease (traps M2, R8)."""
        while True:
            await asyncio.sleep(RENEWAL)
            if self._channel:
                channel_layer: Any = get_channel_layer()
                try:
                    await asyncio.wait_for(channel_layer.group_add(GROUP, self._channel), LIMIT * 2)
                except Exception as error:
                    layer.failed(error)

    async def _hear(self, message: dict[str, Any]) -> None:
        if message.get("v") != VERSION:
            await self.refresh()
        elif "first" in message:
            await self._hear_frames(message)
        else:
            self._on_hint(message)

    async def _hear_frames(self, message: dict[str, Any]) -> None:
        self._doubted_until, self._looked_at = 0.0, asyncio.get_running_loop().time()
        first, last, brought = message["first"], message["last"], message["frames"]
        if message["epoch"] != self.epoch:
            await self.refresh()
            return
        while first > self.head + 1:
            await self._fetch(first - 1)
            if message["epoch"] != self.epoch:
                return  # another one has begun meanwhile
        if not brought:
            await self._fetch(last)
        elif last > self.head and first <= self.head + 1:
            entries = [Entry(*one) for one in brought if one[0] > self.head]
            self._append(entries, last)
            self.waiting.announce(entries, last)

    async def _watch(self) -> None:
        """The net under the layer: once a second the head is read; on SQLite, as soon as anybody has committed.

        While messages come it is not: one that is lost is missed at the next, for positions have no holes.
        """
        loop = asyncio.get_running_loop()
        file = _SqliteFile.of(connections[using()])
        while True:
            pause = LOOK_WHEN_DOWN if layer.is_down or loop.time() < self._doubted_until else LOOK
            await asyncio.sleep(SQLITE_LOOK if file else pause)
            try:
                if not (file and file.has_changed()) and loop.time() - self._looked_at < pause:
                    continue
                self._looked_at = loop.time()
                before = self.head
                await self.refresh()
                if self.head > before and not file:
                    # The log moved and no message told of it: look more often, until one does.
                    self._doubted_until = self._looked_at + DOUBT
            except Exception as error:
                logger.warning("The log cannot be read just now: %s", error)
                await asyncio.sleep(LOOK)


class _SqliteFile:
    """Tells whether another connection has committed: 3 microseconds, no lock, on the loop itself."""

    @classmethod
    def of(cls, connection: BaseDatabaseWrapper) -> _SqliteFile | None:
        name = str(connection.settings_dict["NAME"])
        return cls(name) if connection.vendor == "sqlite" and Path(name).exists() else None

    def __init__(self, name: str) -> None:
        uri = f"{Path(name).absolute().as_uri()}?mode=ro"
        self._connection = sqlite3.connect(uri, uri=True, check_same_thread=False, timeout=0)
        self._version = -1

    def has_changed(self) -> bool:
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        changed = version != self._version
        self._version = version
        return changed


def _read_with_head(read: Callable[..., list[Entry]], *arguments: Any) -> tuple[list[Entry], Head]:
    return read(*arguments), read_head()
