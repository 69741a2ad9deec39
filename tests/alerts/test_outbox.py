import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.actors import Actor
from alerts.audiences import Everyone, Permission, Staff
from alerts.events import ModelEvent
from alerts.exceptions import UnknownAudience
from alerts.models import Alert
from alerts.outbox import record, subject_of

pytestmark = pytest.mark.django_db


def row(number):
    return {"model": "test.row", "pk": str(number), "label": f"Row {number}"}


def test_a_recorded_alert_has_what_was_given_and_no_position_yet():
    group = Group.objects.create(name="editors")
    uid = uuid.uuid4()
    alert = record(
        kind="test.recorded",
        audience=Permission("auth.view_group"),
        title="Title",
        body="Body",
        level="warning",
        url="/groups/",
        subjects=[group],
        cause=group,
        data={"a": 1},
        actor=Actor("7", "ada"),
        uid=uid,
    )
    alert.refresh_from_db()
    editors = {"model": "auth.group", "pk": str(group.pk), "label": "editors"}
    assert (alert.kind, alert.audience, alert.title, alert.body) == (
        "test.recorded",
        "perm:auth.view_group",
        "Title",
        "Body",
    )
    assert (alert.level, alert.url, alert.actor, alert.actor_id) == ("warning", "/groups/", "ada", "7")
    assert (alert.subjects, alert.cause, alert.data, alert.count) == ([editors], editors, {"a": 1}, 1)
    assert (alert.uid, alert.position) == (uid, None)
    assert abs(alert.created - datetime.now(UTC)) < timedelta(minutes=1)


def test_one_alert_is_one_insert():
    with CaptureQueriesContext(connection) as queries:
        record(kind="test.recorded", audience=Staff(), title="x", subjects=[row(n) for n in range(20)])
    assert [query["sql"].split(" ")[0] for query in queries] == ["INSERT"]


@pytest.mark.parametrize(("count", "inserts", "chunks"), [(21, 2, [1]), (1020, 2, [1000]), (1021, 3, [1000, 1])])
def test_subjects_beyond_twenty_go_into_chunks_of_a_thousand(count, inserts, chunks):
    with CaptureQueriesContext(connection) as queries:
        alert = record(kind="test.recorded", audience=Staff(), title="x", subjects=[row(n) for n in range(count)])
    assert sum(query["sql"].startswith("INSERT") for query in queries) == inserts
    assert [len(chunk.rows) for chunk in alert.chunks.order_by("chunk")] == chunks
    assert (alert.count, len(alert.subjects)) == (count, 20)
    assert alert.chunks.order_by("chunk")[0].rows[0] == row(20)


def test_a_count_may_be_told_without_the_rows():
    assert record(kind="test.recorded", audience=Everyone(), title="x", count=5_000_000_000).count == 5_000_000_000


def test_an_alert_that_is_carried_no_further_is_expanded_at_birth():
    class Mailed(ModelEvent):
        kind = "test.mailed"
        transports = ("email",)
        title = "x"

    assert record(kind="test.recorded", audience=Staff(), title="x").expanded_at is not None
    assert record(kind="test.mailed", audience=Staff(), title="x").expanded_at is None


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"level": "shouting"}, ValueError, "Use one of info"),
        ({"kind": ""}, ValueError, "Write it as 'app.event'"),
        ({"kind": "x" * 101}, ValueError, "at most 100 characters"),
        ({"audience": "nobody"}, UnknownAudience, r"Use Staff\(\)"),
        ({"audience": "user:" + "9" * 255}, UnknownAudience, "is no audience"),
        ({"data": {"a": object()}}, TypeError, "object"),
        ({"data": ["a"]}, TypeError, "list"),
        ({"subjects": [7]}, TypeError, "7 is no subject"),
        ({"cause": "ada"}, TypeError, "'ada' is no subject"),
    ],
)
def test_record_refuses_what_cannot_be_an_alert_and_writes_nothing(wrong, error, words):
    with pytest.raises(error, match=words):
        record(**{"kind": "test.recorded", "audience": "staff", "title": "x", **wrong})
    assert not Alert.objects.exists()


def test_a_url_elsewhere_is_left_out():
    assert record(kind="test.recorded", audience="staff", title="x", url="https://evil.example").url == ""


@pytest.mark.django_db(transaction=True)
def test_an_alert_is_committed_with_its_transaction_or_not_at_all():
    with transaction.atomic():
        record(kind="test.recorded", audience="staff", title="x", subjects=[row(n) for n in range(30)])
        transaction.set_rollback(True)
    assert not Alert.objects.exists()
    record(kind="test.recorded", audience="staff", title="x", subjects=[row(n) for n in range(30)])
    assert Alert.objects.get().chunks.count() == 1


def test_the_bell_rings_after_the_commit_and_never_for_a_rollback(django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks() as callbacks, transaction.atomic():
        record(kind="test.recorded", audience="staff", title="x")
        with transaction.atomic():
            record(kind="test.recorded", audience="staff", title="x", subjects=[row(n) for n in range(30)])
            transaction.set_rollback(True)
        record(kind="test.recorded", audience="staff", title="x")
    assert len(callbacks) == 2


def test_a_row_whose_name_cannot_be_read_is_named_by_its_key(monkeypatch):
    def nameless(self):
        raise LookupError

    monkeypatch.setattr(Group, "__str__", nameless)
    assert subject_of(Group(pk=7)) == {"model": "auth.group", "pk": "7", "label": "group 7"}
