from random import Random

import pytest

from accounts.models import User
from alerts.models import Alert
from posts.models import Post
from realtime.demo.stage import Stage

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stage():
    stage = Stage(Random(7), "")
    while len(stage.posts) < 8 or len(stage.people) < 3:
        stage.act()
    return stage


def test_whoever_removes_what_the_demo_has_made_does_not_end_it(stage):
    by_hand = [post.pk for post in stage.posts[:3]]
    Post.objects.filter(pk__in=by_hand).delete()
    stage.people[0].user.delete()
    for _ in range(60):
        stage.act()
    assert stage.ledger.differences() == []
    assert not Post.objects.filter(pk__in=by_hand).exists()
    Post.objects.all().delete()
    User.objects.all().delete()
    assert stage.ledger.differences() == []


def test_an_alert_that_is_missing_or_there_twice_is_told(stage):
    lost, twice = Alert.objects.filter(kind="post.published")[:2]
    lost.delete()
    twice.pk, twice.uid = None, lost.uid
    twice.save(force_insert=True)
    [missing, repeated] = stage.ledger.differences()
    assert missing == f"lost: post.published of {lost.subjects[0]['pk']}"
    assert repeated == f"false or twice: post.published of {twice.subjects[0]['pk']}"
