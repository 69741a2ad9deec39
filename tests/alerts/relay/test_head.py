import re

import pytest
from django.db import connections, transaction

from alerts.models import LogHead
from alerts.outbox import record
from alerts.relay.bell import bell
from alerts.relay.head import fingerprint, make_head, new_epoch, read_head

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_log_is_at_position_0_and_holds_all_from_1_on():
    head = read_head()
    assert (head.position, head.oldest) == (0, 1)
    assert re.fullmatch(r"[\w-]{22}", head.epoch)
    assert read_head() == head


def test_two_who_make_the_head_make_one(at_once):
    heads = at_once(read_head, read_head, read_head)
    assert len({head.epoch for head in heads}) == 1
    make_head()
    assert [head.epoch for head in LogHead.objects.all()] == [heads[0].epoch]


def test_a_head_made_anew_knows_what_the_log_holds():
    with transaction.atomic():
        for _ in range(3):
            record(kind="test.numbered", audience="staff", title="x")
    bell.number_all()
    old = read_head()
    LogHead.objects.all().delete()
    head = read_head()
    assert (head.position, head.oldest, head.epoch != old.epoch) == (3, 1, True)


def test_a_new_epoch_keeps_the_position():
    record(kind="test.numbered", audience="staff", title="x")
    bell.number_all()
    old = read_head()
    epoch = new_epoch()
    assert read_head() == type(old)(epoch, old.position, old.oldest)
    assert epoch != old.epoch


def test_a_new_epoch_instead_of_one_that_is_over_changes_nothing():
    old = read_head().epoch
    first = new_epoch(instead_of=old)
    assert new_epoch(instead_of=old) == first == read_head().epoch


def test_two_who_begin_an_epoch_instead_of_the_same_one_agree(at_once):
    old = read_head().epoch
    one, two = at_once(lambda: new_epoch(instead_of=old), lambda: new_epoch(instead_of=old))
    assert one == two == read_head().epoch != old


def test_the_fingerprint_is_this_databases_own_and_stays_the_same(is_postgres, django_assert_num_queries):
    connection = connections["default"]
    found = fingerprint(connection)
    assert found.split(":")[0] == connection.vendor
    if is_postgres:
        system, timeline, oid = found.split(":")[1:]
        assert (int(system) > 0, int(timeline), int(oid) > 0) == (True, 1, True)
    else:
        assert found.split(":")[1].isdecimal()
    with django_assert_num_queries(0):
        assert fingerprint(connection) == found
    connection.close()
    assert fingerprint(connection) == found
