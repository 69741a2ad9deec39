import time
from uuid import uuid4

from alerts.relay.intents import HOLD, MOST, Intents


def test_an_act_that_is_over_within_a_moment_is_told_to_nobody():
    intents = Intents()
    uid = uuid4()
    intents.announce(uid, {"n": 1}, at_once=False)
    assert intents.take_due() == []
    intents.settle(uid)
    time.sleep(HOLD)
    assert intents.take_due() == []
    assert intents.pause() is None


def test_one_that_goes_on_is_told_once():
    intents = Intents()
    intents.announce(uuid4(), {"n": 1}, at_once=False)
    pause = intents.pause()
    assert pause is not None
    assert 0 < pause <= HOLD
    time.sleep(HOLD)
    assert intents.take_due() == [{"n": 1}]
    assert intents.take_due() == []


def test_a_newer_count_takes_the_place_of_one_still_held_and_does_not_put_it_off():
    intents = Intents()
    uid = uuid4()
    intents.announce(uid, {"n": 1}, at_once=False)
    time.sleep(HOLD)
    intents.announce(uid, {"n": 2}, at_once=True)
    assert intents.take_due() == [{"n": 2}]


def test_what_nobody_takes_does_not_pile_up():
    intents = Intents()
    for _ in range(MOST + 5):
        intents.announce(uuid4(), {}, at_once=True)
    assert len(intents.take_due()) <= MOST


def test_settling_what_is_unknown_changes_nothing():
    Intents().settle(uuid4())
