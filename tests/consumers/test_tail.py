import asyncio
import sqlite3
import threading
from contextlib import closing
from typing import Any

import pytest
from channels.layers import get_channel_layer
from django.db import OperationalError

from alerts.frames import Entry
from alerts.outbox import record
from alerts.relay.bell import bell
from alerts.relay.head import new_epoch, read_head
from alerts.relay.layer import GROUP, layer
from consumers.batch import Batch
from consumers.connection import Connection
from consumers.pool import people_lane
from consumers.role import Role
from consumers.tail import BATCH, Tail, _SqliteFile
from consumers.window import Window
from tests.consumers.conftest import until

KEYS = frozenset({"everyone", "staff"})


class Woken:
    """A reader that writes down what wakes it."""

    role: Role
    cursor: int
    window: Window
    connection: Connection

    @property
    def keys(self) -> frozenset[str]:
        return self.shared_keys | {self.own_key}

    def __init__(self, shared: frozenset[str] = KEYS, own: str = "user:1") -> None:
        self.shared_keys, self.own_key = shared, own
        self.feeds = {self}
        self.positions: list[int] = []
        self.looks = 0

    def wake(self, position: int) -> None:
        self.positions.append(position)

    def wait(self, later: object) -> None: ...
    def hint(self, frame: str) -> None: ...

    def look(self) -> None:
        self.looks += 1


def entry(position: int, audience: str = "everyone", size: int = 100) -> Entry:
    return Entry(position, audience, f"id-{position}", f'{{"position":{position}}}', size)


def message(*entries: Entry, epoch: str = "e", **more):
    frames = [[one.position, one.audience, one.uid, one.json, one.size] for one in entries]
    return {"v": 1, "epoch": epoch, "first": entries[0].position, "last": entries[-1].position, "frames": frames} | more


@pytest.fixture
def hints() -> list[Any]:
    return []


@pytest.fixture
def tail(hints) -> Tail:
    """One that holds nothing yet; what is in no message it asks the database for."""
    tail = Tail(hints.append)
    tail.epoch = "e"
    return tail


async def all_told(tail: Tail) -> None:
    await until(lambda: tail.waiting.told >= tail.head)


def read(tail: Tail, after: int, count: int = 100, size: int = 10_000) -> Batch:
    """What a reader with KEYS reads next after a cursor, from memory."""
    reader = Woken()
    tail.waiting.add(reader, reader.shared_keys)
    batch = tail.read_at_once(after, reader, count, size)
    tail.waiting.remove(reader)
    assert batch is not None
    return batch


def positions(tail: Tail, after: int, count: int = 100, size: int = 10_000) -> tuple[list[int], int]:
    batch = read(tail, after, count, size)
    return batch.positions, batch.position


async def test_it_keeps_the_frames_a_message_brings(tail):
    await tail._hear(message(entry(1), entry(2)))
    assert positions(tail, 0) == ([1, 2], 2)
    assert positions(tail, 1) == ([2], 2)
    assert positions(tail, 2) == ([], 2)


async def test_it_drops_positions_it_has(tail):
    woken = Woken()
    tail.waiting.add(woken, woken.shared_keys)
    await tail._hear(message(entry(1), entry(2)))
    await tail._hear(message(entry(1), entry(2)))
    await tail._hear(message(entry(2), entry(3)))
    await all_told(tail)
    tail.waiting.remove(woken)
    assert positions(tail, 0) == ([1, 2, 3], 3)
    assert woken.positions == [1, 3]


async def test_only_those_an_entry_concerns_are_woken(tail):
    staff, plain, bea = Woken(), Woken(frozenset({"everyone"}), "user:3"), Woken(frozenset({"everyone"}), "user:2")
    for reader in (staff, plain, bea):
        tail.waiting.add(reader, reader.shared_keys)
    await tail._hear(message(entry(1, "staff"), entry(2, "user:2"), entry(3, "everyone"), entry(4, "user:9")))
    assert (staff.positions, plain.positions, bea.positions) == ([1], [3], [2])
    tail.waiting.remove(bea)
    await tail._hear(message(entry(5, "everyone")))
    await all_told(tail)
    assert (staff.positions, bea.positions) == ([1, 5], [2])


async def test_a_cursor_passes_what_does_not_concern_it(tail):
    await tail._hear(message(entry(1, "staff"), entry(2, "user:9"), entry(3, "user:9")))
    assert positions(tail, 0) == ([1], 3)
    assert positions(tail, 1) == ([], 3)


async def test_a_batch_keeps_to_count_and_bytes_but_holds_one(tail):
    await tail._hear(message(*(entry(number, size=1_000) for number in range(1, 6))))
    assert positions(tail, 0, count=2) == ([1, 2], 2)
    assert positions(tail, 0, size=2_500) == ([1, 2], 2)
    assert positions(tail, 0, size=10) == ([1], 1)


async def test_it_lets_go_of_the_older_half_when_it_grows_too_big(tail, monkeypatch):
    monkeypatch.setattr("consumers.tail.MOST_BYTES", 1_000)
    await tail._hear(message(*(entry(number, size=100) for number in range(1, 12))))
    with pytest.raises(AssertionError):
        read(tail, 0)
    assert positions(tail, 5) == ([6, 7, 8, 9, 10, 11], 11)


async def test_those_who_read_the_same_share_one_encoding(tail):
    await tail._hear(message(entry(1), entry(2)))
    other = Woken(frozenset({"everyone", "perm:x.y"}), "user:2")
    tail.waiting.add(other, other.shared_keys)
    batches = [read(tail, 0), read(tail, 0), tail.read_at_once(0, other, 100, 10_000)]
    assert len({id(batch.frame) for batch in batches if batch is not None}) == 1
    tail.waiting.remove(other)


async def test_what_is_ones_own_is_in_nobody_elses_batch(tail):
    ann, bea = Woken(), Woken(own="user:2")
    for reader in (ann, bea):
        tail.waiting.add(reader, reader.shared_keys)
    await tail._hear(message(entry(1), entry(2, "user:1"), entry(3, "staff")))
    seen = [tail.read_at_once(after, reader, 100, 10_000).positions for after in (0, 1, 2) for reader in (ann, bea)]
    assert seen == [[1, 2, 3], [1, 3], [2, 3], [3], [3], [3]]


async def test_what_is_no_message_of_the_log_is_a_hint(tail, hints):
    await tail._hear({"v": 1, "rights": ["1"]})
    assert hints == [{"v": 1, "rights": ["1"]}]


@pytest.fixture
async def real(service) -> Tail:
    """The tail of a running service, on a log of three."""
    await people_lane(write, 3)
    await service.tail.refresh()
    return service.tail


def write(count: int, audience: str = "everyone") -> int:
    for number in range(count):
        record(kind="test.tail", audience=audience, title=f"Alert {number}")
    return bell.number_all()


@pytest.fixture
async def deaf(service, hints) -> Tail:
    """A tail on a log of three that hears nothing but what a test tells it."""
    await people_lane(write, 3)
    tail = Tail(hints.append)
    await tail.refresh()
    return tail


async def test_it_fetches_what_does_not_follow_on(deaf):
    head = await people_lane(write, 3)
    await deaf._hear(message(entry(head), epoch=deaf.epoch))
    assert positions(deaf, 3) == ([4, 5, 6], 6)


async def test_a_range_without_frames_is_fetched(deaf):
    head = await people_lane(write, 2)
    await deaf._hear({"v": 1, "epoch": deaf.epoch, "first": head - 1, "last": head, "frames": []})
    assert positions(deaf, 3) == ([4, 5], 5)


async def test_an_unknown_version_is_a_bare_bell(deaf):
    await people_lane(write, 1)
    await deaf._hear({"v": 2, "anything": "else"})
    assert deaf.head == 4


async def test_another_epoch_begins_anew(real):
    woken = Woken()
    real.waiting.add(woken, woken.shared_keys)
    epoch = await people_lane(new_epoch)
    await real._hear(message(entry(9), epoch=epoch))
    assert real.epoch == epoch
    assert woken.looks == 1
    real.waiting.remove(woken)


async def test_it_finds_by_itself_what_no_message_told_of(real):
    woken = Woken()
    real.waiting.add(woken, woken.shared_keys)
    head = await people_lane(write, 1)
    for _ in range(250):
        await asyncio.sleep(0.02)
        if woken.positions:
            break
    assert woken.positions == [head]
    real.waiting.remove(woken)


async def test_who_asks_during_a_look_at_the_head_gets_a_later_one(real, monkeypatch):
    has_read, may_answer = threading.Event(), threading.Event()

    def slowly():
        head = read_head()
        has_read.set()
        may_answer.wait(10)
        return head

    monkeypatch.setattr("consumers.tail.read_head", slowly)
    early = asyncio.create_task(real.refresh())
    await asyncio.to_thread(has_read.wait, 10)
    head = await people_lane(write, 1)
    late = [asyncio.create_task(real.refresh()) for _ in range(3)]
    await asyncio.sleep(0)
    may_answer.set()
    await asyncio.gather(early, *late)
    assert real.head == head


@pytest.mark.parametrize("far", [10, 300, 1_200])
async def test_a_cursor_further_back_reads_from_the_database(service, far):
    head = await people_lane(write, far)
    tail = service.tail
    await tail.refresh()
    tail._hold([], tail.head + 1)
    found, cursor = [], head - far
    while cursor < head:
        batch = await tail.read(cursor, KEYS, BATCH, 10**6)
        assert batch.position > cursor
        found += [one.position for one in batch.entries]
        cursor = batch.position
    assert found == list(range(head - far + 1, head + 1))


@pytest.fixture
def memory_layer(settings, monkeypatch):
    """A channel layer in memory, on either stack, to which the tail renews its membership often."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    monkeypatch.setattr("consumers.tail.RENEWAL", 0.05)
    return get_channel_layer()


async def test_it_hears_again_after_the_layer_forgot_it(memory_layer, browse, ann):
    browser = await browse(ann)
    memory_layer.groups[GROUP].clear()
    await asyncio.sleep(0.2)
    assert await people_lane(layer.send, {"ended": browser.feed.session_digest})
    await browser.until(lambda: browser.code == 4501)


async def test_a_log_that_cannot_be_read_is_no_failure_of_the_layer(memory_layer, service, monkeypatch):
    failures = []

    def refuse():
        failures.append(1)
        raise OperationalError("no more connections")

    await until(lambda: GROUP in memory_layer.groups)
    channels = set(memory_layer.groups[GROUP])
    monkeypatch.setattr(layer, "_down_until", 0.0)  # whatever another test has left
    monkeypatch.setattr("consumers.tail.read_head", refuse)
    for _ in range(3):
        await people_lane(layer.send, {"of": "another version", "v": 99})
    await until(lambda: len(failures) >= 3)
    monkeypatch.setattr("consumers.tail.read_head", read_head)
    head = await people_lane(write, 1)
    await until(lambda: service.tail.head == head)
    assert not layer.is_down
    assert set(memory_layer.groups[GROUP]) == channels  # a second channel would be filled for ever


@pytest.mark.parametrize("name", ["plain", "a b", "50%", "a#b", "why?", "%20", "ä"])
def test_a_commit_to_a_sqlite_file_of_any_name_is_seen(tmp_path, name):
    path = tmp_path / name
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("CREATE TABLE t (x)")
        watched = _SqliteFile(str(path))
        assert watched.has_changed()
        assert not watched.has_changed()
        with writer:
            writer.execute("INSERT INTO t VALUES (1)")
        assert watched.has_changed()
        assert not watched.has_changed()
        watched._connection.close()
