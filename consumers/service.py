"""What one server process has besides its sockets: the tail, readers, the ticker, the watch over rights, the relay."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import cycle
from typing import Any

from alerts.conf import conf
from alerts.relay.layer import layer
from alerts.relay.service import Relay

from .close_codes import CloseCode
from .collector import Collector
from .connection import together
from .drain import Drain
from .entrance import Arrival, Entrance
from .feed import PATIENCE, Feed
from .reader import Reader
from .tail import Tail
from .watch import Watch

logger = logging.getLogger(__name__)
TICK = 1.0  # seconds between two looks after the same socket
PARTS = 10  # that all sockets are looked after in, one after the other: no alert waits for a look after all of them
FAREWELL = 2.0  # seconds the sockets of a process that ends have to say goodbye


class Service:
    """One per process. It starts with lifespan, or with the first request where a server has none (trap X7)."""

    def __init__(self) -> None:
        self.tail = Tail(self._hear_hint)
        self.entrance = Entrance(self.tail)
        self.readers: dict[str, Reader] = {}
        self._watch = Watch(self)
        self._relay: Relay | None = None
        # Its own: pages may hold every thread of the loop's.
        self._ending = ThreadPoolExecutor(max_workers=1, thread_name_prefix="alerts-ending")
        self._drain = Drain(self.drain)
        self._collector = Collector()
        self._is_draining = False
        self._is_empty = asyncio.Event()
        self._sockets = 0
        self._parts: list[set[Feed]] = [set() for _ in range(PARTS)]
        self._starting: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Idempotent; everyone who comes meanwhile waits for the one start. A start that failed is tried again."""
        task = self._starting
        if task is not None and task.done() and not task.cancelled() and task.exception() is None:
            return
        if task is None or task.done():
            task = self._starting = asyncio.create_task(self._start())
        await asyncio.shield(task)

    async def _start(self) -> None:
        layer.serve(asyncio.get_running_loop())
        await self.tail.start()
        self._tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._watch.run())]
        if conf().RELAY == "thread":
            self._relay = Relay()
            self._relay.start()
        self._drain.watch()
        self._collector.tune()

    async def drain(self) -> None:
        """Let every socket go, admit no other, and give back what the relay here has leased. Takes seconds at most."""
        self._is_draining = True
        logger.info("The process ends. Sockets that are told to come again: %s", self._sockets)
        for reader in list(self.readers.values()):
            for feed in list(reader.feeds):
                feed.close(CloseCode.RESTARTING)
        self._is_empty.clear()
        if self._sockets:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_empty.wait(), FAREWELL)
        await self._stop_relay()  # here, for Daphne has no lifespan

    async def stop(self) -> None:
        """The loops end after the work at hand. Idempotent."""
        self._drain.leave()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.tail.stop()
        await self._stop_relay()
        self._collector.restore()
        layer.leave()

    async def _stop_relay(self) -> None:
        if self._relay is not None:
            await asyncio.get_running_loop().run_in_executor(self._ending, self._relay.stop)

    # --- sockets ---

    def admit(self, feed: Feed, arrival: Arrival) -> CloseCode | None:
        """Give a socket its reader, or the code that refuses it."""
        if self._is_draining:
            return CloseCode.RESTARTING
        if self._sockets >= conf().SOCKETS:
            return CloseCode.FULL
        key = arrival.identity.reading.user
        reader = self.readers.get(key)
        if reader is not None and len(reader.feeds) >= conf().SOCKETS_PER_USER:
            return CloseCode.TOO_MANY_CONNECTIONS
        if reader is None:
            reader = self.readers[key] = Reader(arrival, self.tail)
            self.tail.waiting.add(reader, arrival.identity.shared_keys)
        else:
            self.adopt(reader, arrival)
        self._sockets += 1
        min(self._parts, key=len).add(feed)
        reader.feeds.add(feed)
        feed.reader = reader
        reader.role.enter(feed)
        return None

    def leave(self, feed: Feed) -> None:
        self._sockets -= 1
        if not self._sockets:
            self._is_empty.set()
        for part in self._parts:
            part.discard(feed)
        reader = feed.reader
        reader.feeds.discard(feed)
        reader.role.leave(feed)
        if not reader.feeds:
            self.tail.waiting.remove(reader)
            self.readers.pop(str(reader.user.pk), None)

    def adopt(self, reader: Reader, arrival: Arrival) -> None:
        """The rights of a user were read anew. Whoever has lost some is closed; a gain counts from here on."""
        if reader.role.keys - arrival.identity.shared_keys:
            for feed in list(reader.feeds):
                feed.close(CloseCode.PERMISSION_LOST)  # first: nothing is sent by a right that is lost
        self.tail.waiting.remove(reader)
        reader.adopt(arrival)
        self.tail.waiting.add(reader, arrival.identity.shared_keys)

    def end_session(self, session_digest: str) -> None:
        for reader in list(self.readers.values()):
            for feed in list(reader.feeds):
                if feed.session_digest == session_digest:
                    feed.close(CloseCode.SIGNED_OUT)

    async def _tick(self) -> None:
        """Heartbeats that are due, windows that stay full, peers that show no sign of life."""
        loop = asyncio.get_running_loop()
        for part in cycle(self._parts):
            await asyncio.sleep(TICK / PARTS)
            now = loop.time()
            with together:
                for feed in list(part):
                    try:
                        self._look_after(feed, now)
                    except Exception:
                        logger.exception("The socket of user %s could not be looked after.", feed.reader.user.pk)

    def _look_after(self, feed: Feed, now: float) -> None:
        if feed.connection.is_dead(now):
            feed.connection.cut()
        elif feed.window.full_since is not None and now - feed.window.full_since > PATIENCE:
            feed.close(CloseCode.NEVER_ACKNOWLEDGED)
        elif now >= feed.beat_at:
            feed.beat()

    def _hear_hint(self, message: dict[str, Any]) -> None:
        if "reads" in message:
            change = dict(message["reads"])
            reader = self.readers.get(change.pop("user"))
            if reader is not None:
                reader.hear_reads(**change)
        elif "pending" in message:
            for concerned in self.tail.waiting.concerned(message["pending"]["audience"]):
                concerned.hint(message["pending"]["frame"])
        elif "rights" in message:
            self._watch.look_at(message["rights"])
        elif "ended" in message:
            self.end_session(message["ended"])
