import gc
import threading
import time

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.db.utils import ConnectionHandler

from alerts.models import Preference
from alerts.patience import Patience, without_waiting

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has no one writer to wait for"),
]


@pytest.fixture
def another_thread():
    """Runs work in a thread with a connection of its own."""
    threads = []

    def run(work):
        def run_and_close():
            try:
                work()
            finally:
                connections.close_all()

        threads.append(threading.Thread(target=run_and_close))
        threads[-1].start()
        return threads[-1]

    yield run
    for thread in threads:
        thread.join(60)


def write(user):
    with transaction.atomic():
        Preference.objects.create(user=user)


def test_a_cursor_collected_inside_a_transaction_holds_up_nobody_who_waits_for_it(another_thread):
    is_waiting, is_begun = threading.Event(), threading.Event()

    def wait_for_the_writer():
        cursor = connection.cursor()
        cursor.execute("SELECT 1 UNION SELECT 2")
        cursor.fetchone()  # not to its end: whoever finalizes it must reset it
        cycle: list[object] = [cursor]
        cycle.append(cycle)
        del cursor, cycle
        is_waiting.set()
        assert is_begun.wait(10)
        write("second")

    gc.disable()
    try:
        thread = another_thread(wait_for_the_writer)
        assert is_waiting.wait(10)
        began = time.monotonic()
        with transaction.atomic():
            Preference.objects.create(user="first")
            is_begun.set()
            time.sleep(0.3)  # the other thread is in its wait for this transaction
            gc.collect()
        thread.join(60)
    finally:
        gc.enable()
    assert time.monotonic() - began < 5
    assert set(Preference.objects.values_list("user", flat=True)) == {"first", "second"}


def test_a_writer_waits_for_another(another_thread):
    is_begun = threading.Event()

    def hold():
        with transaction.atomic():
            Preference.objects.create(user="first")
            is_begun.set()
            time.sleep(0.5)

    another_thread(hold)
    assert is_begun.wait(10)
    began = time.monotonic()
    write("second")
    assert 0.2 < time.monotonic() - began < 5
    assert Preference.objects.count() == 2


def test_patience_has_an_end_and_within_a_block_none(another_thread, monkeypatch):
    is_begun, may_end = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Preference.objects.create(user="first")
            is_begun.set()
            may_end.wait(20)

    another_thread(hold)
    assert is_begun.wait(10)
    patience = next(wrapper for wrapper in connection.execute_wrappers if isinstance(wrapper, Patience))
    assert patience.seconds == 30
    try:
        for seconds, least in ((0.4, 0.3), (0.0, 0.0)):
            monkeypatch.setattr(patience, "seconds", seconds)
            began = time.monotonic()
            with pytest.raises(OperationalError, match="locked"):
                write("second")
            assert least < time.monotonic() - began < 5
        monkeypatch.undo()
        began = time.monotonic()
        with without_waiting(connection), pytest.raises(OperationalError, match="locked"):
            write("second")
        assert time.monotonic() - began < 5
        assert patience.seconds == 30
    finally:
        may_end.set()
    write("third")
    assert set(Preference.objects.values_list("user", flat=True)) == {"first", "third"}


def test_every_connection_waits_in_steps_also_after_it_was_closed():
    for _ in range(2):
        with connection.cursor() as cursor:
            assert cursor.execute("PRAGMA busy_timeout").fetchone()[0] == 50
        assert sum(isinstance(wrapper, Patience) for wrapper in connection.execute_wrappers) == 1
        connection.close()


def test_each_of_many_rows_outside_a_transaction_is_written_once_whoever_writes_between_them(another_thread):
    is_begun, may_end = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            Preference.objects.create(user="first")
            is_begun.set()
            may_end.wait(20)

    def rows():
        yield ("a",)
        another_thread(hold)  # takes the lock when the first row is committed, and keeps it longer than a step
        assert is_begun.wait(10)
        threading.Timer(0.3, may_end.set).start()
        yield ("b",)

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE written (name text)")
        try:
            cursor.executemany("INSERT INTO written VALUES (%s)", rows())
            assert cursor.execute("SELECT name FROM written ORDER BY name").fetchall() == [("a",), ("b",)]
        finally:
            cursor.execute("DROP TABLE written")


@pytest.mark.parametrize(("mode", "wait"), [("IMMEDIATE", 50), ("DEFERRED", 7_000), (None, 7_000)])
def test_only_where_begin_takes_the_lock_is_the_wait_in_steps(tmp_path, mode, wait):
    options = {"timeout": 7, "transaction_mode": mode}
    other = ConnectionHandler(
        {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": tmp_path / "db", "OPTIONS": options}}
    )["default"]

    def milliseconds():
        with other.cursor() as cursor:
            return cursor.execute("PRAGMA busy_timeout").fetchone()[0]

    try:
        assert milliseconds() == wait
        with without_waiting(other):
            assert milliseconds() == 0
        assert milliseconds() == wait
    finally:
        other.close()


def test_a_wrapper_that_is_there_before_the_connection_stays_its_owners():
    def theirs(execute, *statement):
        return execute(*statement)

    other = connection.copy()
    try:
        with other.execute_wrapper(theirs), other.cursor() as cursor:
            cursor.execute("SELECT 1")
        assert [type(wrapper) for wrapper in other.execute_wrappers] == [Patience]
    finally:
        other.close()
