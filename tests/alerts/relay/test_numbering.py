import threading
import time

import pytest
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from alerts.frames import entry
from alerts.models import Alert, LogHead
from alerts.outbox import record
from alerts.patience import Patience
from alerts.relay import numbering
from alerts.relay.bell import bell
from alerts.relay.numbering import Busy, Numberer

pytestmark = pytest.mark.django_db(transaction=True)


def write(count=1, title="x"):
    with transaction.atomic():
        return [record(kind="test.numbered", audience="staff", title=title).seq for _ in range(count)]


def positions():
    return list(Alert.objects.order_by("seq").values_list("position", flat=True))


def number():
    while True:
        try:
            return Numberer().number()
        except Busy:
            time.sleep(0.001)


def test_committed_alerts_get_1_to_n_without_a_hole_in_the_order_they_were_written():
    write(3)
    write(4)
    numbered = number()
    assert (numbered.first, numbered.last, numbered.is_more) == (1, 7, False)
    write(2)
    assert (number().first, positions()) == (8, [1, 2, 3, 4, 5, 6, 7, 8, 9])
    assert LogHead.objects.get().position == 9
    assert number() is None


def test_a_rolled_back_alert_leaves_no_hole():
    write()
    with transaction.atomic():
        write(3)
        transaction.set_rollback(True)
    write()
    number()
    assert positions() == [1, 2]


def test_more_than_a_batch_is_numbered_batch_by_batch():
    write(numbering.BATCH + 5)
    first = number()
    assert (first.last, first.is_more) == (numbering.BATCH, True)
    assert bell.number_all() == numbering.BATCH + 5
    assert positions() == list(range(1, numbering.BATCH + 6))


def test_a_row_that_is_not_committed_yet_gets_its_position_later():
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer: rows are committed in the order of their keys")
    written, may_commit = threading.Event(), threading.Event()

    def slow():
        try:
            with transaction.atomic():
                write(title="slow")
                written.set()
                may_commit.wait(10)
        finally:
            connections.close_all()

    thread = threading.Thread(target=slow)
    thread.start()
    written.wait(10)
    write(title="quick")
    assert number().last == 1
    may_commit.set()
    thread.join(10)
    number()
    assert list(Alert.objects.order_by("seq").values_list("title", "position")) == [("slow", 2), ("quick", 1)]


def test_two_numberers_at_once_number_each_row_once(at_once):
    for _ in range(10):
        write(20)
        results = at_once(number, number, number)
        assert not [result for result in results if isinstance(result, Exception)]
    assert positions() == list(range(1, 201))
    assert LogHead.objects.get().position == 200


def test_writers_and_numberers_at_once_leave_no_hole(at_once):
    def write_some():
        for _ in range(25):
            write()

    def number_some():
        for _ in range(25):
            number()

    assert at_once(write_some, write_some, number_some, number_some) == [None] * 4
    number()
    assert sorted(positions()) == list(range(1, 51))


def test_numbering_never_waits_for_another_writer(at_once):
    write()
    if connection.vendor == "sqlite":
        holding, may_end = threading.Event(), threading.Event()

        def hold():
            try:
                with transaction.atomic():
                    holding.set()
                    may_end.wait(10)
            finally:
                connections.close_all()

        thread = threading.Thread(target=hold)
        thread.start()
        holding.wait(10)
        began = time.monotonic()
        with pytest.raises(Busy):
            Numberer().number()
        assert time.monotonic() - began < 1
        may_end.set()
        thread.join(10)
        patience = next(wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, Patience))
        assert patience.seconds == 30, "others still wait"
    assert number().last == 1


def test_a_missing_head_is_made_anew_from_what_the_log_holds_under_a_new_epoch():
    write(5)
    number()
    old = LogHead.objects.get()
    LogHead.objects.all().delete()
    Alert.objects.filter(position__lte=2).delete()
    write()
    numbered = number()
    head = LogHead.objects.get()
    assert (numbered.first, head.position, head.oldest) == (6, 6, 3)
    assert head.epoch != old.epoch
    assert numbered.epoch == head.epoch


def test_another_fingerprint_begins_a_new_epoch(log):
    write()
    number()
    old = LogHead.objects.get()
    LogHead.objects.update(fingerprint="the database this one was copied from")
    write()
    numbered = number()
    head = LogHead.objects.get()
    assert numbered.epoch == head.epoch != old.epoch
    assert head.fingerprint == old.fingerprint
    assert (head.position, "restored" in log.text) == (2, True)


def test_a_head_that_went_back_begins_a_new_epoch(log):
    numberer = Numberer()
    write(5)
    numberer.number()
    old = LogHead.objects.get()
    Alert.objects.filter(position__gt=3).delete()
    LogHead.objects.update(position=3)
    write()
    while True:
        try:
            numbered = numberer.number()
            break
        except Busy:
            continue
    assert numbered is not None
    assert (numbered.first, numbered.epoch != old.epoch) == (4, True)
    assert "went back" in log.text


def test_the_same_log_keeps_its_epoch():
    write()
    first = number()
    write()
    assert number().epoch == first.epoch


def test_when_nothing_waits_no_lock_is_taken(django_assert_num_queries):
    with django_assert_num_queries(1):
        assert Numberer().number() is None


def groups():
    return list(Alert.objects.order_by("seq").values_list("group", "place"))


def test_a_storm_gets_its_group_with_its_positions():
    write(10)
    number()
    rows = groups()
    assert rows[:6] == [("", 0)] * 6
    assert len({group for group, _ in rows[6:]} - {""}) == 1
    assert [place for _, place in rows[6:]] == [1, 2, 3, 4]


def test_a_storm_goes_on_whichever_process_numbers():
    numberers = [Numberer(), Numberer()]
    for turn in range(12):
        write()
        numberers[turn % 2].number()
    rows = groups()
    assert [place for _, place in rows] == [0] * 6 + [1, 2, 3, 4, 5, 6]
    assert len({group for group, _ in rows[6:]}) == 1


def test_a_numbering_that_fails_forgets_what_it_thought_of_storms(monkeypatch):
    numberer = Numberer()
    write(6)
    numberer.number()
    write(4)

    def fail(*args):
        raise RuntimeError

    with monkeypatch.context() as patch:
        patch.setattr(numbering, "_group", fail)
        with pytest.raises(RuntimeError):
            numberer.number()
    write(1)
    numberer.number()
    assert [place for _, place in groups()] == [0] * 6 + [1, 2, 3, 4, 5]


def test_a_quiet_log_costs_numbering_no_query_more():
    numberer = Numberer()
    write()
    numberer.number()
    write()
    with CaptureQueriesContext(connection) as quiet:
        numberer.number()
    assert not [query for query in quiet if 'SET "group"' in query["sql"]]
    assert not [query for query in quiet if query["sql"].startswith("SELECT") and '"created"' in query["sql"]]


def test_what_is_published_is_what_the_log_holds():
    numberer = Numberer()
    for _ in range(3):
        write(3)
        numbered = numberer.number()
        assert numbered is not None
        held = Alert.objects.filter(position__range=(numbered.first, numbered.last)).order_by("position")
        assert [entry(alert) for alert in numbered.alerts] == [entry(alert) for alert in held]
    assert {alert.group != "" for alert in held} == {True}
