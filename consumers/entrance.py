"""Where handshakes wait to be identified. Those that come while others are asked about are asked about together.

A lone handshake waits for nothing, unless another came within the last 50 ms. In a storm the database is asked a
handful of questions for a whole batch, and what the readers have not read is counted in the tail: only for a state that
lies further back does the log itself answer.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.reads import MOST as MOST_UNREAD
from alerts.reads import unread_count, unread_counts

from .identity import Identity, identify_all
from .pool import people_lane
from .tail import Tail

MOST = 256  # handshakes in one batch
AT_ONCE = 2  # batches, each in a thread of its own
# Seconds from one batch to the next, unless that is full: a batch costs as much for one as for fifty.
APART = 0.05
FEW = 8  # users who are counted one by one: a count for many is planned for many


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who has been identified, and what they had not read up to a position."""

    identity: Identity
    unread: int
    counted_up_to: int


Answer = asyncio.Future[Arrival | None]
Asked = dict[str, list[Answer]]  # together, by session


class Entrance:
    """One per process; every method belongs to the server's loop."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._waiting: deque[tuple[str, Answer]] = deque()
        self._batches: set[asyncio.Task[None]] = set()
        self._next_at = 0.0
        self._turn: asyncio.Handle | None = None

    def ask(self, session_key: str) -> asyncio.Future[Arrival | None]:
        """Who a session belongs to; None: nobody who may come in. Whoever cancels it before their turn is left out."""
        loop = asyncio.get_running_loop()
        answer: Answer = loop.create_future()
        self._waiting.append((session_key, answer))
        if self._turn is None or len(self._waiting) >= MOST:
            # After all that is ready now: what comes in one go is together.
            self._take_turn(loop.call_soon(self._begin))
        return answer

    def _take_turn(self, turn: asyncio.Handle | None) -> None:
        if self._turn is not None:
            self._turn.cancel()
        self._turn = turn

    def _begin(self) -> None:
        """Begin a batch, at once or when it is due."""
        self._take_turn(None)
        loop = asyncio.get_running_loop()
        while self._waiting and len(self._batches) < AT_ONCE:
            if loop.time() < self._next_at and len(self._waiting) < MOST:
                self._take_turn(loop.call_at(self._next_at, self._begin))
                return
            batch = self._next()
            if batch:
                self._next_at = loop.time() + APART
                task = asyncio.create_task(self._let_in(batch))
                self._batches.add(task)
                task.add_done_callback(self._end)

    def _end(self, batch: asyncio.Task[None]) -> None:
        self._batches.discard(batch)
        self._begin()

    def _next(self) -> Asked:
        batch: Asked = {}
        while self._waiting and len(batch) < MOST:
            key, answer = self._waiting.popleft()
            if not answer.done():
                batch.setdefault(key, []).append(answer)
        return batch

    async def _let_in(self, batch: Asked) -> None:
        try:
            arrived = await self._identify(batch)
        except Exception as error:
            arrived = dict.fromkeys(batch, error)
        for key, answers in batch.items():
            for answer in answers:
                _give(answer, arrived[key])

    async def _identify(self, session_keys: Iterable[str]) -> dict[str, Arrival | Exception | None]:
        found = await people_lane(identify_all, list(session_keys))
        identities = {outcome.user.pk: outcome for outcome in found.values() if isinstance(outcome, Identity)}
        if any(identity.head > self._tail.head for identity in identities.values()):
            await self._tail.refresh()  # what was read beyond it would count as unread once it gets there
        unread = await self._count(list(identities.values()))
        return {key: unread[one.user.pk] if isinstance(one, Identity) else one for key, one in found.items()}

    async def _count(self, identities: Sequence[Identity]) -> dict[object, Arrival]:
        up_to = self._tail.head
        found = {}
        further_back = defaultdict(list)
        for identity in identities:
            unread = self._count_in_tail(identity)
            if unread is None:
                further_back[identity.shared_keys].append(identity)
            else:
                found[identity.user.pk] = Arrival(identity, unread, up_to)
        for shared_keys, of_one_role in further_back.items():
            if len(of_one_role) <= FEW:
                one_by_one = [await people_lane(unread_count, one.reading, one.keys, up_to) for one in of_one_role]
                counts = {one.reading.user: count for one, count in zip(of_one_role, one_by_one, strict=True)}
            else:
                users = [identity.reading.user for identity in of_one_role]
                counts = await people_lane(unread_counts, users, shared_keys, up_to)
            for identity in of_one_role:
                found[identity.user.pk] = Arrival(identity, counts.get(identity.reading.user, 0), up_to)
        return found

    def _count_in_tail(self, identity: Identity) -> int | None:
        reading, keys = identity.reading, identity.keys
        newer = self._tail.count_between(reading.read_up_to, keys)
        if newer is None:
            # Nobody counts further than this, and most have no marks.
            return MOST_UNREAD if not reading.has_marks and self._tail.count_held(keys) >= MOST_UNREAD else None
        return reading.unread(newer, keys, self._tail.head)


def _give(answer: Answer, arrived: Arrival | Exception | None) -> None:
    if answer.done():
        return
    if isinstance(arrived, Exception):
        answer.set_exception(arrived)
    else:
        answer.set_result(arrived)
