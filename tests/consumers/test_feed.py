import asyncio
import random
import time
from collections import Counter
from contextlib import suppress
from dataclasses import replace

import pytest

from alerts import reads
from alerts.models import Alert, LogHead
from alerts.outbox import record
from alerts.relay.bell import bell
from consumers.close_codes import CloseCode
from consumers.connection import Connection
from consumers.feed import MOST_UNSENT
from consumers.pool import people_lane
from consumers.service import PARTS
from tests.consumers.conftest import Browser, session_of, until


def write(key: str, count: int = 1, body: str = "") -> int:
    for number in range(count):
        record(kind="test.feed", audience=key, title=f"Alert {number}", body=body)
    return bell.number_all()


class AtOnce(Connection):
    """A connection that never makes anybody wait, as the real ones while the client reads."""

    __slots__ = ("_sent",)

    def __init__(self, send):
        super().__init__(send)
        self._sent = send

    def write(self, frame):
        sending = self._sent({"type": "websocket.send", "text": frame.text})
        with suppress(StopIteration):
            sending.send(None)


def positions(browser) -> list[int]:
    return [alert["position"] for frame in browser.frames for alert in frame.get("alerts", ())]


async def answered(browser) -> None:
    """Everything said before this has been obeyed."""
    beats = sum(frame["type"] == "heartbeat" for frame in browser.frames)
    browser.say(type="ping")
    await browser.until(lambda: sum(frame["type"] == "heartbeat" for frame in browser.frames) > beats)


@pytest.fixture
def quick_ticks(monkeypatch):
    monkeypatch.setattr("consumers.service.TICK", 0.001)


@pytest.mark.parametrize("seed", range(4))
async def test_never_more_than_a_window_is_unacknowledged_and_all_comes_in_the_end(browse, ann, settings, seed):
    settings.ALERTS = settings.ALERTS | {"WINDOW": 6}
    dice = random.Random(seed)
    browser = await browse(ann)
    head = await people_lane(write, f"user:{ann.pk}", 30)
    await browser.until(lambda: len(positions(browser)) == 6)
    acknowledged = 0
    while positions(browser)[-1] < head:
        acknowledged = max(acknowledged, dice.choice(positions(browser)))
        browser.say(type="ack", position=acknowledged, seen=True)
        room = min(30, positions(browser).index(acknowledged) + 1 + 6)
        await browser.until(lambda room=room: len(positions(browser)) == room)
        await asyncio.sleep(0.01)
        assert len(positions(browser)) == room
    assert positions(browser) == list(range(head - 29, head + 1))


async def test_the_window_is_full_in_bytes_before_it_is_in_number(browse, ann, settings):
    settings.ALERTS = settings.ALERTS | {"WINDOW": 10}
    browser = await browse(ann)
    head = await people_lane(write, f"user:{ann.pk}", 8, "x" * 3_500)
    await browser.until(lambda: positions(browser))
    await answered(browser)
    await answered(browser)
    assert len(positions(browser)) == 3
    assert browser.feed.frees(head) is False
    assert browser.feed.frees(positions(browser)[0]) is True
    browser.say(type="ack", position=positions(browser)[-1], seen=True)
    await browser.until(lambda: len(positions(browser)) == 6)


async def test_an_ack_of_a_part_of_a_frame_frees_the_bytes_of_that_part(browse, ann, settings, service):
    settings.ALERTS = settings.ALERTS | {"WINDOW": 10}
    head = await people_lane(write, f"user:{ann.pk}", 8, "x" * 3_500)
    await service.tail.refresh()
    browser = await browse(ann, f"epoch={service.tail.epoch}&position={head - 8}")
    await browser.until(lambda: len(positions(browser)) == 3)
    assert [len(frame["alerts"]) for frame in browser.frames if frame["type"] == "alerts"] == [2, 1]
    browser.say(type="ack", position=head - 7, seen=True)
    await answered(browser)
    await answered(browser)
    assert len(positions(browser)) == 4


async def test_an_ack_frees_only_what_was_sent_and_only_once(browse, ann):
    browser = await browse(ann)
    head = await people_lane(write, f"user:{ann.pk}", 3)
    await browser.until(lambda: len(positions(browser)) == 3)
    feed = browser.feed
    assert [feed.frees(position) for position in (head - 3, head - 2, head, head + 1)] == [False, True, True, False]
    feed.acknowledge(head - 1)
    assert [feed.frees(position) for position in (head - 2, head - 1, head)] == [False, False, True]
    feed.acknowledge(head)
    assert not feed.frees(head)


async def test_what_is_trimmed_away_behind_a_full_window_is_a_gap_and_the_window_is_empty(
    browse, ann, settings, service
):
    settings.ALERTS = settings.ALERTS | {"WINDOW": 2}
    browser = await browse(ann)
    head = await people_lane(write, f"user:{ann.pk}", 6)
    await browser.until(lambda: len(positions(browser)) == 2)
    await people_lane(LogHead.objects.update, oldest=head)
    await service.tail.refresh()
    browser.feed.look()
    await browser.until(lambda: browser.frames[-1]["type"] == "gap")
    assert (browser.frames[-1]["reason"], browser.frames[-1]["head"]) == ("trimmed", head)
    await people_lane(write, f"user:{ann.pk}", 2)
    await browser.until(lambda: positions(browser)[-2:] == [head + 1, head + 2])


async def test_who_takes_no_answers_is_closed_before_they_pile_up(browse, ann):
    browser = await browse(ann)
    browser.takes.clear()
    for _ in range(MOST_UNSENT + 2):
        browser.feed.beat()
    browser.takes.set()
    await browser.until(lambda: browser.code is not None)
    assert browser.code == 4009
    assert len(browser.frames) < 5


async def test_hello_comes_before_the_answer_to_a_command_that_was_quicker(browse, ann, service):
    head = await people_lane(write, f"user:{ann.pk}", 3)
    await service.tail.refresh()
    browser = await browse(ann, f"epoch={service.tail.epoch}&position={head - 3}", says=[{"type": "ping"}])
    await browser.until(lambda: any(frame["type"] == "heartbeat" for frame in browser.frames))
    assert browser.frames[0]["type"] == "hello"
    assert all(frame["position"] >= head - 3 for frame in browser.frames if "position" in frame)


async def test_hello_comes_before_a_goodbye_that_was_quicker(ann, service):
    head = await people_lane(write, f"user:{ann.pk}", 3)
    await service.tail.refresh()
    service.tail._hold([], head + 1)  # the database is asked, between coming in and `hello`, what has been read
    session = await people_lane(session_of, ann)
    browser = Browser(service, session, f"epoch={service.tail.epoch}&position={head - 3}")
    for _ in range(100_000):
        await asyncio.sleep(0)
        if service.readers:
            break
    assert browser.frames == []
    browser.feed.close(CloseCode.SIGNED_OUT)
    await browser.until(lambda: browser.code is not None)
    assert [frame["type"] for frame in browser.frames] == ["hello", "bye"]
    await browser.leave()


async def test_no_heartbeat_comes_before_hello(monkeypatch, ann, quick_ticks, service):
    head = await people_lane(write, f"user:{ann.pk}", 3)
    await service.tail.refresh()
    session = await people_lane(session_of, ann)
    readings = reads.readings

    def slowly(*given):
        time.sleep(0.1)
        return readings(*given)

    monkeypatch.setattr("alerts.reads.readings", slowly)
    browser = Browser(service, session, f"epoch={service.tail.epoch}&position={head - 3}")
    await browser.until(lambda: positions(browser))
    assert [frame["type"] for frame in browser.frames[:2]] == ["hello", "alerts"]
    await browser.leave()


async def test_sockets_are_looked_after_in_turn_not_all_at_once(monkeypatch, browse, ann, quick_ticks, service):
    looks = []
    monkeypatch.setattr(service, "_look_after", lambda feed, now: looks.append((now, feed)))
    feeds = {(await browse(ann)).feed for _ in range(2 * PARTS)}
    looks.clear()
    await until(lambda: {feed for _, feed in looks} == feeds)
    assert max(Counter(now for now, _ in looks).values()) == 2


async def test_a_socket_that_left_is_looked_after_no_more(monkeypatch, browse, ann, quick_ticks, service):
    browser, other = await browse(ann), await browse(ann)
    await browser.leave()
    looked_after = set()
    monkeypatch.setattr(service, "_look_after", lambda feed, now: looked_after.add(feed))
    await until(lambda: looked_after)
    await asyncio.sleep(0.05)  # every part has had its turn, many times
    assert looked_after == {other.feed}


async def test_a_heartbeat_tells_where_the_cursor_is_when_it_is_sent(browse, ann, service):
    """One that is due while a batch is read or written comes after it, and must not lead back to before it."""
    head = await people_lane(write, f"user:{ann.pk}", 40)
    await service.tail.refresh()
    service.tail._hold([], head + 1)  # what was missed has to be read from the log
    browser = await browse(ann, f"epoch={service.tail.epoch}&position={head - 40}")
    browser.feed.beat()
    await browser.until(lambda: browser.frames[-1]["type"] == "heartbeat")
    assert "alerts" in {frame["type"] for frame in browser.frames}
    assert browser.frames[-1]["position"] == head


async def test_a_heartbeat_of_a_socket_in_step_tells_where_all_of_them_are(monkeypatch, browse, ann):
    monkeypatch.setattr("consumers.feed.connect", AtOnce)
    browser = await browse(ann)
    head = await people_lane(write, "everyone", 3)
    await browser.until(lambda: len(positions(browser)) == 3)
    await until(lambda: browser.feed not in browser.feed.reader.role.apart)
    browser.feed.beat()
    assert browser.frames[-1] | {"type": "heartbeat", "position": head} == browser.frames[-1]


async def test_a_command_after_the_end_is_not_obeyed(browse, ann):
    browser = await browse(ann)
    head = await people_lane(write, f"user:{ann.pk}", 3)
    await browser.until(lambda: len(positions(browser)) == 3)
    browser.takes.clear()
    browser.feed.beat()
    await asyncio.sleep(0.05)
    browser.feed.close(CloseCode.SIGNED_OUT)
    browser.say(type="read_all", up_to=head)
    await asyncio.sleep(0.1)
    browser.takes.set()
    await browser.until(lambda: browser.code is not None)
    assert [frame["type"] for frame in browser.frames][-1] == "bye"
    assert (await people_lane(reads.state_of, ann)).version == 0


async def test_after_goodbye_nothing_more_is_sent(browse, ann, service):
    browser = await browse(ann)
    browser.feed.close(CloseCode.SIGNED_OUT)
    await browser.until(lambda: browser.code is not None)
    sent = len(browser.sent)
    await people_lane(write, f"user:{ann.pk}", 3)
    await service.tail.refresh()
    browser.say(type="ping")
    await asyncio.sleep(0.1)
    assert len(browser.sent) == sent


@pytest.mark.parametrize(("back", "kinds"), [(3, ["hello", "gap"]), (2, ["hello", "alerts"])])
async def test_whoever_has_all_that_was_trimmed_away_resumes(browse, ann, service, back, kinds):
    head = await people_lane(write, f"user:{ann.pk}", 5)
    await people_lane(LogHead.objects.update, oldest=head - 1)
    await service.tail.refresh()
    browser = await browse(ann, f"epoch={service.tail.epoch}&position={head - back}")
    await browser.until(lambda: len(browser.frames) > 1)
    assert [frame["type"] for frame in browser.frames[:2]] == kinds


@pytest.mark.parametrize("behind", [5, 1_100], ids=["near", "far"])
async def test_what_was_trimmed_a_moment_ago_is_a_gap_though_the_tail_has_not_heard_of_it(browse, ann, service, behind):
    head = await people_lane(write, f"user:{ann.pk}", behind)
    await service.tail.refresh()
    service.tail._hold([], head + 1)  # no memory to serve it from
    await people_lane(Alert.objects.filter(position__lte=head - 2).delete)
    await people_lane(LogHead.objects.update, oldest=head - 1)
    browser = await browse(ann, f"epoch={service.tail.epoch}&position=0")
    await browser.until(lambda: len(browser.frames) > 1)
    assert (browser.frames[1]["type"], browser.frames[1].get("reason")) == ("gap", "trimmed")


async def test_what_was_trimmed_before_this_process_read_it_is_a_gap_for_those_who_sleep(browse, ann, service):
    browser = await browse(ann)
    await answered(browser)
    await service.tail.stop()  # it hears and sees nothing, as a process that was stopped
    head = await people_lane(write, f"user:{ann.pk}", 6)
    await people_lane(Alert.objects.filter(position__lte=head - 2).delete)
    await people_lane(LogHead.objects.update, oldest=head - 1)
    await service.tail.refresh()
    await browser.until(lambda: browser.frames[-1]["type"] not in ("hello", "heartbeat"))
    assert (browser.frames[-1]["type"], browser.frames[-1].get("reason")) == ("gap", "trimmed")


async def test_a_heartbeat_in_the_middle_of_a_round_passes_nothing_that_is_still_to_be_told(
    browse, ann, service, monkeypatch
):
    browser = await browse(ann)
    await answered(browser)
    monkeypatch.setattr("consumers.role.Role.fall_in", lambda *_: None)
    await answered(browser)
    monkeypatch.setattr("consumers.waiting.SLICE", 0)  # a round that does not get on
    head = await people_lane(write, "everyone", 2)
    await service.tail.refresh()
    await until(lambda: service.tail.waiting._due)
    browser.feed.beat()
    await browser.until(lambda: browser.frames[-1]["type"] == "heartbeat")
    assert browser.frames[-1]["position"] < head - 1
    monkeypatch.setattr("consumers.waiting.SLICE", 500)
    await browser.until(lambda: len(positions(browser)) == 2)
    assert positions(browser) == [head - 1, head]


async def test_rights_that_change_in_the_middle_of_a_round_lose_nothing_of_before(browse, ann, service, monkeypatch):
    browser = await browse(ann)
    await answered(browser)
    monkeypatch.setattr("consumers.role.Role.fall_in", lambda *_: None)
    await answered(browser)
    monkeypatch.setattr("consumers.waiting.SLICE", 0)
    head = await people_lane(write, "everyone", 2)
    await service.tail.refresh()
    await until(lambda: service.tail.waiting._due)
    reader = browser.feed.reader
    arrival = await service.entrance.ask(browser.feed.session_key)
    service.adopt(reader, arrival)
    assert not service.tail.waiting._due
    await browser.until(lambda: len(positions(browser)) == 2)
    monkeypatch.setattr("consumers.waiting.SLICE", 500)
    assert positions(browser) == [head - 1, head]


async def test_nothing_is_sent_by_a_right_that_is_lost_already(browse, ann, service, monkeypatch):
    browser = await browse(ann)
    await answered(browser)
    monkeypatch.setattr("consumers.role.Role.fall_in", lambda *_: None)
    await answered(browser)
    monkeypatch.setattr("consumers.waiting.SLICE", 0)
    await people_lane(write, "everyone", 2)
    await service.tail.refresh()
    await until(lambda: service.tail.waiting._due)
    arrival = await service.entrance.ask(browser.feed.session_key)
    identity = replace(arrival.identity, shared_keys=frozenset())
    service.adopt(browser.feed.reader, replace(arrival, identity=identity))
    monkeypatch.setattr("consumers.waiting.SLICE", 500)
    await browser.until(lambda: browser.code is not None)
    assert (browser.code, positions(browser)) == (4503, [])


async def test_an_idle_socket_that_is_told_something_stands_where_everybody_was_told(browse, ann, service):
    browser = await browse(ann)
    await answered(browser)
    head = await people_lane(write, "user:nobody", 5)
    await service.tail.refresh()
    await until(lambda: service.tail.waiting.told == head)  # rows trimmed before that would be a gap indeed
    await people_lane(LogHead.objects.update, oldest=head)
    await service.tail.refresh()
    browser.feed.acknowledge(head)
    await answered(browser)
    browser.feed.say('{"type":"error","code":"x","message":"","command":null}')
    await answered(browser)
    assert "gap" not in [frame["type"] for frame in browser.frames]
    assert browser.feed.cursor == head
