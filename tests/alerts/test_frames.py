import json
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from alerts import frames
from alerts.frames import Entry, entry
from alerts.models import Alert

UID = uuid.UUID(int=7)


def alert(**fields):
    given = {"uid": UID, "position": 3, "kind": "test.news", "audience": "staff", "title": "News"}
    return Alert(**{**given, "created": datetime(2026, 1, 1, 12, tzinfo=UTC), **fields})


def test_an_entry_is_the_alert_as_the_protocol_shows_it():
    subject = {"model": "posts.post", "pk": "7", "label": "First"}
    one = entry(alert(actor="ada", actor_id="1", subjects=[subject], cause=subject, url="/x/", group="g"))
    assert json.loads(one.json) == {
        "id": str(UID),
        "position": 3,
        "kind": "test.news",
        "level": "info",
        "title": "News",
        "body": "",
        "url": "/x/",
        "actor": {"id": "1", "label": "ada"},
        "subjects": [subject],
        "count": 1,
        "cause": subject,
        "group": "g",
        "created": "2026-01-01T12:00:00Z",
    }
    assert (one.position, one.audience, one.uid) == (3, "staff", str(UID))


def test_what_is_not_there_is_null():
    fields = json.loads(entry(alert()).json)
    assert (fields["actor"], fields["cause"], fields["group"]) == (None, None, None)


def test_times_are_utc_and_sizes_are_bytes():
    one = entry(alert(title="🎉", created=datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))))
    assert json.loads(one.json)["created"] == "2026-01-01T10:00:00Z"
    assert one.size == len(one.json.encode()) > len(one.json)


def test_an_alert_without_a_position_is_no_entry():
    with pytest.raises(AssertionError):
        entry(alert(position=None))


def test_a_frame_of_alerts_joins_what_is_encoded_already():
    entries = [Entry(1, "staff", "a", '{"id":"a"}', 10), Entry(2, "staff", "b", '{"id":"b"}', 10)]
    assert json.loads(frames.alerts(entries, 5)) == {
        "type": "alerts",
        "alerts": [{"id": "a"}, {"id": "b"}],
        "position": 5,
    }
    assert json.loads(frames.alerts([], 5)) == {"type": "alerts", "alerts": [], "position": 5}


def test_reads_name_ids_or_a_position_never_both():
    assert json.loads(frames.reads(version=2, unread=1, read_ids=["a"], unread_ids=["b"])) == {
        "type": "reads",
        "reads_version": 2,
        "unread": 1,
        "read_ids": ["a"],
        "unread_ids": ["b"],
    }
    assert json.loads(frames.reads(version=2, unread=1, read_up_to=9)) == {
        "type": "reads",
        "reads_version": 2,
        "unread": 1,
        "read_up_to": 9,
    }


def test_the_other_frames_have_their_fields():
    hello = frames.hello(
        epoch="e", position=1, head=2, unread=3, reads_version=4, heartbeat=15, window=(256, 262144), user=("7", "ada")
    )
    assert json.loads(hello)["window"] == {"alerts": 256, "bytes": 262144}
    assert json.loads(hello)["user"] == {"id": "7", "name": "ada"}
    made = [
        frames.heartbeat(position=1, head=2, unread=3, reads_version=4),
        frames.gap(reason="trimmed", epoch="e", oldest=1, head=2),
        frames.bye(reason="restart", retry_after=0.5),
        frames.error(code="bad_json", message="x"),
    ]
    assert [list(json.loads(frame)) for frame in made] == [
        ["type", "position", "head", "unread", "reads_version"],
        ["type", "reason", "epoch", "oldest", "head"],
        ["type", "reason", "retry_after"],
        ["type", "code", "message", "command"],
    ]
