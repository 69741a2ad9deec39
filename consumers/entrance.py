"""Where handshakes wait to be identified. Those that come while others are asked about are asked about together.

A lone handshake waits for nothing. In a storm the database is asked a handful of questions for a whole batch, and what
the readers have not read is counted in the tail: only for a state that lies further back does the log itself answer.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from alerts.reads import unread_counts

from .identity import Identity, identify_all
from .pool import people_lane
from .tail import Tail

MOST = 256  # handshakes in one batch
AT_ONCE = 2  # batches, each in a thread of its own
# Seconds from one batch to the next, unless that is full: a batch costs as much for one as for fifty.
APART = 0.05


@dataclass(frozen=True, slots=True)
class Arrival:
    """Somebody who has been identified, and what they had not read up to a position."""

    identity: Identity
    unread: int
    counted_up_to: int


class Entrance:
    """One per process; every method belongs to the server's loop."""

    def __init__(self, tail: Tail) -> None:
        self._tail = tail
        self._waiting: deque[tuple[str, asyncio.Future[Arrival | None]]] = deque()
        self._batches: set[asyncio.Task[None]] = set()
        self._next_at = 0.0
        self._is_due: asyncio.TimerHandle | None = None

    def ask(self, session_key: str) -> asyncio.Future[Arrival | None]:
        """Who a session belongs to; None: nobody who may come in. Whoever cancels it before their turn is left out."""
        answer: asyncio.Future[Arrival | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((session_key, answer))
        self._begin()
        return answer

    def _begin(self) -> None:
        """Begin a batch, at once or when it is due."""
        if not self._waiting or len(self._batches) >= AT_ONCE:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if now < self._next_at and len(self._waiting) < MOST:
            if self._is_due is None:
                self._is_due = loop.call_at(self._next_at, self._begin_due)
            return
        self._next_at = now + APART
        # It begins after all that is ready now, so that what comes in one go is together.
        task = asyncio.create_task(self._let_in())
        self._batches.add(task)
        task.add_done_callback(self._end)

    def _begin_due(self) -> None:
        self._is_due = None
        self._begin()

    def _end(self, batch: asyncio.Task[None]) -> None:
        self._batches.discard(batch)
        self._begin()

    async def _let_in(self) -> None:
        answers: dict[str, list[asyncio.Future[Arrival | None]]] = defaultdict(list)
        for key, answer in self._next():
            answers[key].append(answer)
        try:
            arrived = await self._identify(answers)
        except Exception as error:
            arrived = dict.fromkeys(answers, error)
        for key, waiting in answers.items():
            for answer in waiting:
                _give(answer, arrived[key])

    def _next(self) -> list[tuple[str, asyncio.Future[Arrival | None]]]:
        batch: list[tuple[str, asyncio.Future[Arrival | None]]] = []
        while self._waiting and len(batch) < MOST:
            one = self._waiting.popleft()
            if not one[1].done():
                batch.append(one)
        return batch

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
            users = [identity.reading.user for identity in of_one_role]
            counts = await people_lane(unread_counts, users, shared_keys, up_to)
            for identity in of_one_role:
                found[identity.user.pk] = Arrival(identity, counts.get(identity.reading.user, 0), up_to)
        return found

    def _count_in_tail(self, identity: Identity) -> int | None:
        newer = self._tail.count_between(identity.reading.read_up_to, identity.keys)
        return None if newer is None else identity.reading.unread(newer, identity.keys, self._tail.head)


def _give(answer: asyncio.Future[Arrival | None], arrived: Arrival | Exception | None) -> None:
    if answer.done():
        return
    if isinstance(arrived, Exception):
        answer.set_exception(arrived)
    else:
        answer.set_result(arrived)
