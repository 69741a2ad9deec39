"""What was written to a socket in step is what its cursor and its window say once anybody looks."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.frames import Entry
from consumers.batch import Batch
from consumers.connection import Connection, Frame
from consumers.role import Role
from consumers.window import Window


class Wire(Connection):
    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.waits = False

    def write(self, frame: Frame) -> Any:
        self.frames.append(frame)
        return self.write if self.waits else None


class Socket:
    def __init__(self, cursor: int = 0, alerts: int = 10, size: int = 1_000) -> None:
        self.cursor, self.window = cursor, Window(alerts, size)
        self.wire = Wire()
        self.connection: Connection = self.wire
        self.waited = 0

    def wake(self, first: int) -> None:
        raise AssertionError("waking is for the rounds")

    def wait(self, later: object) -> None:
        self.waited += 1


def batch(first: int, count: int = 1, size: int = 10) -> Batch:
    entries = [Entry(position, "everyone", str(position), "{}", size) for position in range(first, first + count)]
    return Batch(entries, first + count - 1)


@pytest.fixture
def role() -> Role:
    return Role(frozenset({"everyone"}))


def join(role: Role, *sockets: Socket) -> None:
    for socket in sockets:
        role.enter(socket)
        role.fall_in(socket)


def test_those_in_step_are_sent_one_frame_and_made_up_for_when_they_fall_out(role):
    first, second = Socket(5), Socket(5)
    join(role, first, second)
    batches = [batch(6, 2), batch(9)]
    for one in batches:
        role.send(one)
    assert first.wire.frames == second.wire.frames == [one.frame for one in batches]
    assert (first.cursor, first.window.alerts) == (5, 10)
    role.fall_out(first)
    role.fall_out(first)
    assert (first.cursor, first.window.alerts, first.window.bytes, first in role.apart) == (9, 7, 970, True)
    role.send(batch(10))
    assert (len(first.wire.frames), len(second.wire.frames)) == (2, 3)


def test_whoever_falls_in_later_is_charged_from_then_on(role):
    early, late = Socket(5), Socket(8)
    join(role, early)
    role.send(batch(8))
    join(role, late)
    role.send(batch(9, 3))
    for socket in (early, late):
        role.fall_out(socket)
    assert (early.window.alerts, late.window.alerts, early.cursor, late.cursor) == (6, 7, 11, 11)


def test_a_batch_that_a_window_has_no_room_for_is_not_sent_to_it(role):
    narrow, wide = Socket(alerts=3), Socket(alerts=10)
    join(role, narrow, wide)
    role.send(batch(1, 2))
    role.send(batch(3, 2))
    assert (len(narrow.wire.frames), len(wide.wire.frames)) == (1, 2)
    assert (narrow in role.apart, narrow.cursor, narrow.window.alerts) == (True, 2, 1)
    assert wide not in role.apart


def test_whose_window_is_full_falls_out_at_once(role):
    narrow, heavy = Socket(alerts=2), Socket(size=20)
    join(role, narrow, heavy)
    role.send(batch(1, 2))
    for socket in (narrow, heavy):
        assert (socket.window.is_full, socket in role.apart) == (True, True)


def test_nothing_more_is_kept_while_nobody_is_in_step(role):
    apart, was_in_step = Socket(5), Socket(5)
    role.enter(apart)
    join(role, was_in_step)
    role.send(batch(6))
    role.fall_out(was_in_step)
    role.send(batch(7))
    kept = len(role._batches)
    for position in range(8, 50):
        role.send(batch(position))
    assert (len(role._batches), role.position) == (kept, 49)


def test_whoever_has_to_wait_falls_out_with_what_is_on_its_way(role):
    slow, quick = Socket(), Socket()
    join(role, slow, quick)
    slow.wire.waits = True
    role.send(batch(1))
    assert (slow.waited, slow.cursor, slow.window.alerts, slow in role.apart) == (1, 1, 9, True)
    assert (quick.waited, quick in role.apart) == (0, False)


def test_nobody_falls_in_before_all_that_is_announced_was_told_or_from_further_back_or_from_outside(role):
    here, back, gone = Socket(9), Socket(8), Socket(9)
    join(role, here, back)
    assert (here in role.apart, back in role.apart) == (False, True)
    role.fall_in(gone)
    role.first = 10
    role.fall_out(here)
    role.fall_in(here)
    assert role.apart == {here, back}
    role.send(batch(10))
    assert not gone.wire.frames


def test_whoever_leaves_is_sent_nothing_more(role):
    socket = Socket()
    join(role, socket)
    role.leave(socket)
    role.send(batch(1))
    assert (socket.wire.frames, socket in role.apart) == ([], False)


moves = st.one_of(
    st.tuples(st.just("send"), st.integers(1, 4), st.integers(1, 40)),
    st.tuples(st.sampled_from(["out", "in"]), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("ack"), st.integers(0, 3), st.integers(0, 6)),
)


@given(st.lists(moves, max_size=60), st.lists(st.integers(3, 12), min_size=4, max_size=4))
def test_whatever_happens_windows_and_cursors_are_those_of_what_was_written(script, limits):
    role, sockets, head = Role(frozenset()), [Socket(alerts=limit, size=limit * 15) for limit in limits], 0
    written: dict[Frame, Batch] = {}
    acknowledged = dict.fromkeys(sockets, 0)
    join(role, *sockets)
    for move, first, second in script:
        socket = sockets[first % 4]
        if move == "send":
            one = batch(head + 1, first, second)
            written[one.frame] = one
            head = one.position
            role.send(one)
            role_apart_catch_up(role, head)
        elif move == "in":
            role.fall_in(socket)
        else:
            role.fall_out(socket)
            if move == "ack":
                acknowledged[socket] = max(acknowledged[socket], socket.cursor - second)
                socket.window.acknowledge(acknowledged[socket])
                if not socket.window.is_full:
                    role.fall_in(socket)
    for socket, limit in zip(sockets, limits, strict=True):
        role.fall_out(socket)
        sent = [entry for frame in socket.wire.frames for entry in written[frame].entries]
        unacknowledged = [entry for entry in sent if entry.position > acknowledged[socket]]
        assert socket.window.alerts == limit - len(unacknowledged) >= 0
        assert socket.window.bytes == limit * 15 - sum(entry.size for entry in unacknowledged) >= 0
        assert len({entry.position for entry in sent}) == len(sent)


def role_apart_catch_up(role: Role, head: int) -> None:
    """Those apart pass what they were not sent, as if it had not concerned them: only what is sent counts here."""
    for socket in role.apart:
        socket.cursor = head
