"""What is told of an act while it is not committed. Sending it is the bell's; here is what it is handed."""

import json
import time

import pytest
from django.db import transaction
from django.db.models.signals import pre_delete

from alerts import parts
from alerts.models import Alert
from alerts.relay import bell as bell_module
from alerts.relay.intents import HOLD, Intents
from posts.models import Post

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def told(monkeypatch):
    """The hints that are due now."""
    intents = Intents()
    monkeypatch.setattr(bell_module.bell, "_intents", intents)

    def due():
        time.sleep(HOLD)
        return [hint["pending"] for hint in intents.take_due()]

    return due


@pytest.fixture
def write(ada):
    return lambda *titles: [Post.objects.create(title=title, author=ada) for title in titles]


def test_a_delete_under_way_is_told_to_its_audience_and_its_alert_has_the_same_id(told, write):
    [post] = write("First")
    with transaction.atomic():
        post.delete()
        [hint] = told()
    frame = json.loads(hint["frame"])
    assert hint["audience"] == "perm:posts.view_post"
    assert frame | {"id": ""} == {
        "type": "pending",
        "id": "",
        "kind": "post.deletion",
        "title": "Post titled 'First' is about to be deleted",
        "expires_in": parts.FADES_IN,
    }
    assert str(Alert.objects.get(kind="post.deletion").uid) == frame["id"]
    assert told() == []


def test_a_delete_that_is_over_at_once_is_told_to_nobody(told, write):
    [post] = write("First")
    post.delete()
    assert told() == []
    assert Alert.objects.filter(kind="post.deletion").count() == 1


def test_one_that_is_taken_back_leaves_no_alert(told, write):
    [post] = write("First")
    with transaction.atomic():
        post.delete()
        transaction.set_rollback(True)
    assert len(told()) == 1
    assert not Alert.objects.filter(kind="post.deletion").exists()


def test_a_bulk_delete_is_told_again_as_its_count_rises(told, write, monkeypatch):
    monkeypatch.setattr(parts, "RISING", 0.05)
    write(*(f"Post {n}" for n in range(12)))
    hints = []

    def slowly(**arguments):
        hints.extend(told())

    pre_delete.connect(slowly, sender=Post)
    try:
        with transaction.atomic():
            Post.objects.all().delete()
            hints.extend(told())
    finally:
        pre_delete.disconnect(slowly, sender=Post)
    frames = [json.loads(hint["frame"]) for hint in hints]
    assert len({frame["id"] for frame in frames}) == 1
    counts = [int(frame["title"].split()[0]) for frame in frames[1:]]
    assert len(counts) >= 2
    assert counts == sorted(set(counts))
    assert frames[-1]["title"] == "12 posts are about to be deleted"
    assert str(Alert.objects.get(kind="post.deletion").uid) == frames[0]["id"]


def test_deletes_in_one_transaction_have_ids_of_their_own(told, write):
    posts = write("First", "Second")
    with transaction.atomic():
        for post in posts:
            post.delete()
        ids = [json.loads(hint["frame"])["id"] for hint in told()]
    alerts = Alert.objects.filter(kind="post.deletion")
    assert set(ids) == {str(alert.uid) for alert in alerts}
    assert len(ids) == 2


def test_a_warning_with_words_that_fail_is_left_out_and_the_delete_goes_on(told, write, log, monkeypatch):
    from posts.alerts import PostDeletion

    monkeypatch.setattr(PostDeletion, "pending", "{nobody}")
    [post] = write("First")
    with transaction.atomic():
        post.delete()
        assert told() == []
    assert Alert.objects.filter(kind="post.deletion").count() == 1
    assert "Mend the declaration" in log.text


def test_a_second_delete_of_a_row_that_is_gone_tells_of_nothing(told, write):
    [post] = write("First")
    copy = Post.objects.get()
    with transaction.atomic():
        post.delete()
        assert len(told()) == 1
        copy.delete()
        assert told() == []
