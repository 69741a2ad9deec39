"""Rounds: who is woken, for what, how often, and what is known to have been told to everybody."""

import asyncio
import time
from itertools import count

import pytest

from alerts.frames import Entry
from consumers.connection import Connection
from consumers.role import Role
from consumers.waiting import LONGEST_PAUSE, Waiting
from consumers.window import Window
from tests.consumers.conftest import until

numbers = count(1)


class Sleeper:
    role: Role
    cursor: int
    window: Window
    connection: Connection

    def __init__(self, *shared: str, own: str = "", takes: float = 0.0) -> None:
        self.own_key = own or f"user:{next(numbers)}"
        self.shared_keys = frozenset(shared)
        self.feeds = {self}
        self.woken: list[int] = []
        self.looks = 0
        self._takes = takes

    def wake(self, position: int) -> None:
        self.woken.append(position)
        time.sleep(self._takes)

    def wait(self, later: object) -> None: ...
    def hint(self, frame: str) -> None: ...

    def look(self) -> None:
        self.looks += 1


def entries(first: int, *audiences: str) -> list[Entry]:
    return [Entry(position, audience, str(position), "{}", 2) for position, audience in enumerate(audiences, first)]


@pytest.fixture
def waiting() -> Waiting:
    return Waiting(lambda after, role: None)  # whoever is woken reads by themselves


async def told(waiting: Waiting, position: int) -> None:
    await until(lambda: waiting.told >= position)


async def test_one_round_wakes_once_for_the_first_that_concerns_whether_by_role_or_in_person(waiting):
    ann, bea, cec = Sleeper("staff", "everyone", own="user:ann"), Sleeper("staff", "everyone"), Sleeper("everyone")
    for sleeper in (ann, bea, cec):
        waiting.add(sleeper, sleeper.shared_keys)
    waiting.announce(entries(1, "user:nobody", "user:ann", "staff", "staff", "everyone"), 5)
    assert (ann.woken, bea.woken, cec.woken) == ([2], [3], [5])
    assert waiting.told == 5


async def test_after_a_round_that_took_long_the_next_waits_as_long_and_tells_all_that_came_meanwhile(waiting):
    slow = Sleeper("staff", takes=0.03)
    waiting.add(slow, slow.shared_keys)
    began = time.monotonic()
    waiting.announce(entries(1, "staff"), 1)
    for position in (2, 3, 4):
        waiting.announce(entries(position, "staff"), position)
    assert (slow.woken, waiting.told) == ([1], 1)
    await told(waiting, 4)
    assert slow.woken == [1, 2]
    assert time.monotonic() - began >= 0.09  # the round, the pause, the second round


async def test_no_pause_is_longer_than_that(waiting):
    slow = Sleeper("staff", takes=LONGEST_PAUSE * 3)
    waiting.add(slow, slow.shared_keys)
    waiting.announce(entries(1, "staff"), 1)
    slow._takes = 0.0
    began = time.monotonic()
    waiting.announce(entries(2, "staff"), 2)
    await told(waiting, 2)
    assert time.monotonic() - began < LONGEST_PAUSE * 2


async def test_others_have_a_turn_between_two_slices_and_nothing_counts_as_told_before_the_last(waiting, monkeypatch):
    monkeypatch.setattr("consumers.waiting.SLICE", 2)
    sleepers = [Sleeper("staff") for _ in range(5)]
    for sleeper in sleepers:
        waiting.add(sleeper, sleeper.shared_keys)
    waiting.announce(entries(1, "staff"), 1)
    seen = []
    while waiting.told < 1:
        seen.append(sum(len(sleeper.woken) for sleeper in sleepers))
        await asyncio.sleep(0)
    assert seen == [2, 4]
    assert all(sleeper.woken == [1] for sleeper in sleepers)


async def test_what_comes_between_two_slices_is_told_in_the_next_round_to_those_who_were_woken_already(
    waiting, monkeypatch
):
    monkeypatch.setattr("consumers.waiting.SLICE", 1)
    sleepers = [Sleeper("staff") for _ in range(3)]
    for sleeper in sleepers:
        waiting.add(sleeper, sleeper.shared_keys)
    waiting.announce(entries(1, "staff"), 1)
    waiting.announce(entries(2, "staff"), 2)
    await told(waiting, 2)
    assert all(sleeper.woken == [1, 2] for sleeper in sleepers)


@pytest.mark.parametrize("when", ["between slices", "in the pause"])
async def test_whoever_goes_is_told_before_what_was_announced_to_the_keys_they_had(waiting, monkeypatch, when):
    monkeypatch.setattr("consumers.waiting.SLICE", 1)
    first, second = Sleeper("staff"), Sleeper("staff", takes=0.01 if when == "in the pause" else 0.0)
    for sleeper in (first, second):
        waiting.add(sleeper, sleeper.shared_keys)
    waiting.announce(entries(1, "staff"), 1)
    if when == "in the pause":
        await told(waiting, 1)
        waiting.announce(entries(2, "staff"), 2)
    for sleeper in (first, second):
        waiting.remove(sleeper)
        assert sleeper.woken[-1] == (2 if when == "in the pause" else 1)
    before = (len(first.woken), len(second.woken))
    await told(waiting, 2 if when == "in the pause" else 1)
    assert (len(first.woken), len(second.woken)) == before
    assert list(waiting.everyone()) == []


async def test_a_look_is_everybodys_at_once_and_what_was_announced_is_forgotten(waiting, monkeypatch):
    monkeypatch.setattr("consumers.waiting.SLICE", 1)
    sleepers = [Sleeper("staff") for _ in range(3)]
    for sleeper in sleepers:
        waiting.add(sleeper, sleeper.shared_keys)
    waiting.announce(entries(90, "staff"), 90)
    waiting.look(3)
    await asyncio.sleep(0.01)
    assert [sleeper.looks for sleeper in sleepers] == [1, 1, 1]
    assert sum(len(sleeper.woken) for sleeper in sleepers) == 1  # the slice before
    assert waiting.told == 3
