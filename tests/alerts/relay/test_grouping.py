from datetime import UTC, datetime, timedelta

import pytest

from alerts.relay.grouping import MOST_STREAMS, SINGLY, Numbered, Streams

START = datetime(2026, 1, 1, tzinfo=UTC)


def alert(position, second, kind="a", audience="staff"):
    return Numbered(position, kind, audience, START + timedelta(seconds=second))


def grouped(streams, alerts):
    """The positions of each group, and the places they were given."""
    alerts = list(alerts)
    found: dict[str, list[tuple[int, int]]] = {}
    for run in streams.group(alerts):
        stream = [one for one in alerts if (one.kind, one.audience) == (run.kind, run.audience)]
        members = [one for one in stream if run.first <= one.position <= run.last]
        found.setdefault(run.group, []).extend((member.position, run.place + nth) for nth, member in enumerate(members))
    return list(found.values())


def test_six_stand_alone_and_the_rest_share_a_group():
    [members] = grouped(Streams(), [alert(n, n / 10) for n in range(1, 21)])
    assert members == [(n, n - SINGLY) for n in range(7, 21)]


def test_a_slow_stream_is_no_storm():
    assert grouped(Streams(), [alert(n, n * 2) for n in range(1, 50)]) == []


def test_kinds_and_audiences_are_streams_of_their_own():
    alerts = [alert(n, 0, kind=f"k{n % 3}", audience=f"user:{n % 2}") for n in range(1, 6 * 6 + 1)]
    assert grouped(Streams(), alerts) == []


def test_interleaved_storms_have_a_group_each():
    alerts = [alert(n, 0, kind=f"k{n % 2}") for n in range(1, 41)]
    one, other = grouped(Streams(), alerts)
    assert [position for position, _ in one] == list(range(13, 41, 2))
    assert [position for position, _ in other] == list(range(14, 41, 2))


def test_a_storm_goes_on_in_its_group_from_batch_to_batch():
    streams = Streams()
    first = streams.group([alert(n, n / 10) for n in range(1, 11)])
    second = streams.group([alert(n, n / 10) for n in range(11, 15)])
    assert {run.group for run in first} == {run.group for run in second}
    assert [run.place for run in (*first, *second)] == [1, 5]


def test_after_a_pause_alerts_stand_alone_again_and_the_next_storm_is_another_group():
    streams = Streams()
    [one] = streams.group([alert(n, 0) for n in range(1, 9)])
    assert streams.group([alert(n, 11) for n in range(9, 15)]) == []
    [other] = streams.group([alert(n, 11) for n in range(15, 20)])
    assert one.group != other.group
    assert other.place == 1


def test_what_the_log_says_goes_on_where_another_process_left_off():
    log = [Numbered(n, "a", "staff", START, "g" if n > 6 else "", max(n - 6, 0)) for n in range(1, 10)]
    [run] = Streams(log).group([alert(10, 1), alert(11, 1)])
    assert (run.group, run.place, run.first, run.last) == ("g", 4, 10, 11)


@pytest.mark.parametrize("skew", [-3600, 3600])
def test_a_writer_whose_clock_is_wrong_joins_no_storm_of_others(skew):
    streams = Streams()
    streams.group([alert(n, 0) for n in range(1, 10)])
    assert streams.group([alert(10, skew)]) == []


def test_many_streams_are_forgotten_and_none_under_way():
    streams = Streams()
    streams.group([alert(n, 0, kind=f"old{n}") for n in range(1, MOST_STREAMS)])
    storm = [alert(MOST_STREAMS + n, 60) for n in range(7)]
    assert len(streams.group(storm)) == 1
    streams.group([alert(2 * MOST_STREAMS + n, 61, kind=f"new{n}") for n in range(20)])
    assert len(streams._streams) < 100
    assert streams.group([alert(5 * MOST_STREAMS, 62)])[0].place == 2
