import json

import pytest
from django.db import transaction

from alerts.hints import frame, tell_ended, tell_reads, tell_rights
from alerts.reads import Change
from alerts.relay.bell import bell

pytestmark = pytest.mark.django_db(transaction=True)
CHANGE = Change(version=3, unread=7, counted_up_to=40, read_ids=["a"])


@pytest.fixture
def told():
    """The hints that wait to be sent."""
    bell._hints.clear()
    yield lambda: list(bell._hints)
    bell._hints.clear()


def test_changed_reads_are_told_with_the_frame_for_every_socket(told, ada):
    tell_reads(ada, CHANGE)
    [hint] = told()
    assert {**hint["reads"], "frame": None} == {
        "user": str(ada.pk),
        "version": 3,
        "unread": 7,
        "counted_up_to": 40,
        "frame": None,
    }
    assert json.loads(hint["reads"]["frame"]) == json.loads(frame(CHANGE))


def test_changed_rights_name_users_or_everybody(told):
    tell_rights(["7", "3"])
    tell_rights(None)
    assert told() == [{"rights": ["3", "7"]}, {"rights": None}]


def test_an_ended_session_is_told_by_its_digest(told):
    tell_ended("digest")
    assert told() == [{"ended": "digest"}]


def test_a_hint_waits_for_the_commit_and_a_rollback_takes_it_back(told, ada):
    with transaction.atomic():
        tell_reads(ada, CHANGE)
        assert told() == []
    assert len(told()) == 1
    with transaction.atomic():
        tell_rights(None)
        transaction.set_rollback(True)
    assert len(told()) == 1


def test_hints_nobody_takes_do_not_pile_up_without_end(told):
    for _ in range(10_005):
        bell.tell({"rights": None})
    assert len(told()) == 10_000


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        (CHANGE, {"read_ids": ["a"], "unread_ids": []}),
        (Change(3, 7, 40, unread_ids=["b"]), {"read_ids": [], "unread_ids": ["b"]}),
        (Change(3, 7, 40, read_up_to=39), {"read_up_to": 39}),
    ],
)
def test_the_frame_of_a_change_says_what_changed(change, fields):
    assert json.loads(frame(change)) == {"type": "reads", "reads_version": 3, "unread": 7, **fields}
