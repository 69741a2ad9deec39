import asyncio
import threading

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError

from accounts.models import User
from alerts import reads
from alerts.audiences import keys_of
from alerts.events import muted
from alerts.models import Alert
from alerts.outbox import record
from alerts.relay.bell import bell
from consumers import identity, sessions
from consumers.entrance import AT_ONCE
from consumers.pool import people_lane
from tests.consumers.conftest import Browser, session_of

STAFF = ("everyone", "staff", "user:0")


class Batches:
    """What was asked about together, each batch held up until `go`."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.go = threading.Event()
        self.fails: Exception | None = None

    def __call__(self, session_keys):
        self.asked.append(list(session_keys))
        self.go.wait(10)
        if self.fails is not None:
            raise self.fails
        return identity.identify_all(session_keys)


@pytest.fixture
def batches(monkeypatch):
    batches = Batches()
    monkeypatch.setattr("consumers.entrance.identify_all", batches)
    yield batches
    batches.go.set()


@pytest.fixture
def crowd(transactional_db) -> list[str]:
    """The sessions of some people."""
    with muted():
        return [session_of(User.objects.create_user(f"person {n}", is_staff=bool(n % 2))) for n in range(12)]


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


async def answered(browser: Browser) -> None:
    await browser.until(lambda: browser.frames or browser.code is not None)


async def test_a_lone_handshake_waits_for_nothing(service, crowd, batches, monkeypatch):
    monkeypatch.setattr("consumers.entrance.APART", 1000)
    batches.go.set()
    arrival = await service.entrance.ask(crowd[0])
    assert arrival.identity.user.name == "person 0"


async def test_those_who_come_in_one_go_are_asked_about_together(service, crowd, batches):
    batches.go.set()
    arrivals = await asyncio.gather(*map(service.entrance.ask, [*crowd, "forged", crowd[0]]))
    assert batches.asked == [[*crowd, "forged"]]
    assert [arrival and arrival.identity.user.name for arrival in arrivals] == [
        *(f"person {number}" for number in range(12)),
        None,
        "person 0",
    ]


async def test_those_who_come_meanwhile_are_the_next_batch(service, crowd, batches, monkeypatch):
    monkeypatch.setattr("consumers.entrance.APART", 0)
    answers = []
    for number, session in enumerate(crowd):
        answers.append(service.entrance.ask(session))
        await until(lambda number=number: len(batches.asked) == min(number + 1, AT_ONCE))
    batches.go.set()
    assert all(await asyncio.gather(*answers))
    assert batches.asked == [[crowd[0]], [crowd[1]], crowd[2:]]


async def test_batches_begin_apart_but_for_full_ones(service, crowd, batches, monkeypatch):
    monkeypatch.setattr("consumers.entrance.APART", 0.2)
    monkeypatch.setattr("consumers.entrance.MOST", 4)
    batches.go.set()
    began = asyncio.get_running_loop().time()
    assert await service.entrance.ask(crowd[0])
    answers = [*map(service.entrance.ask, crowd[1:7])]
    assert all(await asyncio.gather(*answers[:4]))
    assert asyncio.get_running_loop().time() - began < 0.2
    assert all(await asyncio.gather(*answers))
    assert asyncio.get_running_loop().time() - began >= 0.2
    assert batches.asked == [[crowd[0]], crowd[1:5], crowd[5:7]]


async def test_who_gives_up_before_their_turn_is_not_asked_about(service, crowd, batches, monkeypatch):
    monkeypatch.setattr("consumers.entrance.APART", 0)
    browsers = []
    for number in range(6):
        browsers.append(Browser(service, crowd[number]))
        await until(lambda number=number: len(batches.asked) == min(number + 1, AT_ONCE))
    for browser in browsers[1:4]:
        await browser.leave()
        assert browser.code is not None
    batches.go.set()
    await until(lambda: all(browsers[number].frames for number in (0, 4, 5)))
    assert batches.asked == [[crowd[0]], [crowd[1]], crowd[4:6]]
    assert len(service.readers) == 3
    for number in (0, 4, 5):
        await browsers[number].leave()


async def test_a_command_that_comes_with_the_handshake_is_obeyed(service, crowd, batches):
    browser = Browser(service, crowd[0])
    browser.say(type="ping")
    await until(lambda: batches.asked)
    batches.go.set()
    await browser.until(lambda: len(browser.frames) == 2)
    assert [frame["type"] for frame in browser.frames] == ["hello", "heartbeat"]
    await browser.leave()


async def test_a_database_out_of_reach_refuses_all_of_a_batch_and_no_other(service, crowd, batches):
    batches.fails = OperationalError("the server has gone away")
    batches.go.set()
    browsers = [Browser(service, session) for session in crowd[:3]]
    for browser in browsers:
        await answered(browser)
        assert browser.frames == []
    batches.fails = None
    assert await service.entrance.ask(crowd[0])


async def test_whoever_is_signed_out_while_others_come_is_refused_alone(service, crowd):
    await people_lane(Session.objects.filter(pk=crowd[1]).delete)
    browsers = [Browser(service, session) for session in crowd[:3]]
    for browser in browsers:
        await answered(browser)
    assert [bool(browser.frames) for browser in browsers] == [True, False, True]
    for browser in browsers:
        await browser.leave()


def write(*audiences: str) -> int:
    for number, audience in enumerate(audiences):
        record(kind="test.entrance", audience=audience, title=f"Alert {number}")
    return bell.number_all()


def user_of(session: str) -> User:
    user = sessions.user_of(session)
    assert isinstance(user, User)
    return user


def mark_some(crowd: list[str], head: int) -> None:
    """Each has read and not read in another way."""
    for number, session in enumerate(crowd):
        user = user_of(session)
        keys = keys_of(user)
        uids = list(Alert.objects.filter(audience__in=keys).order_by("position").values_list("uid", flat=True))
        if number % 3 == 1:
            reads.mark_all_read(user, keys, head - number)
        if number % 3 and uids:
            reads.mark(user, keys, uids[number % 4 :: 3], is_read=True)
            reads.mark(user, keys, uids[number % 5 :: 4], is_read=False)


def counted(session: str, up_to: int) -> int:
    user = user_of(session)
    return reads.unread_count(reads.state_of(user), keys_of(user), up_to)


@pytest.mark.parametrize("held", ["all", "some", "nothing"])
@pytest.mark.parametrize("most_held", [200, 1], ids=["few marks", "too many marks"])
async def test_what_is_unread_is_what_the_database_counts(service, crowd, monkeypatch, held, most_held):
    monkeypatch.setattr("alerts.reads.MOST_HELD", most_held)
    await asyncio.gather(*map(service.entrance.ask, crowd))  # their read states begin here
    head = await people_lane(write, *STAFF * 8)
    await people_lane(mark_some, crowd, head)
    await service.tail.refresh()
    if held == "some":
        service.tail._hold(service.tail._entries[-8:], head - 7)
    elif held == "nothing":
        service.tail._hold([], head + 1)
    arrivals = await asyncio.gather(*map(service.entrance.ask, crowd))
    for session, arrival in zip(crowd, arrivals, strict=True):
        assert arrival.counted_up_to == head
        assert arrival.unread == await people_lane(counted, session, head), arrival.identity.reading
    assert len({arrival.unread for arrival in arrivals}) > 3


async def test_who_has_more_unread_than_is_counted_is_counted_in_the_tail(service, crowd, monkeypatch):
    monkeypatch.setattr("consumers.entrance.MOST_UNREAD", 5)
    monkeypatch.setattr("consumers.entrance.unread_counts", None)
    await service.entrance.ask(crowd[0])
    head = await people_lane(write, *["everyone"] * 9)
    await service.tail.refresh()
    service.tail._hold(service.tail._entries[-6:], head - 5)
    assert (await service.entrance.ask(crowd[0])).unread == 5


async def test_what_the_tail_has_not_heard_of_is_fetched_before_it_counts(service, crowd):
    await service.entrance.ask(crowd[0])
    await service.tail.stop()  # it hears and sees nothing
    head = await people_lane(write, *STAFF)
    user = await people_lane(user_of, crowd[0])
    await people_lane(reads.mark_all_read, user, ["everyone"], head)
    arrival = await service.entrance.ask(crowd[0])
    assert (service.tail.head, arrival.unread, arrival.counted_up_to) == (head, 0, head)
