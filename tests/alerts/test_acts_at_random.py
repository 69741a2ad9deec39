from collections import Counter

import pytest
from django.db import transaction
from django.db.models.signals import post_delete, pre_delete
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from alerts import parts
from alerts.events import ModelEvent, alert_on
from alerts.models import Alert
from alerts.outbox import SUBJECTS
from posts.models import Post

pytestmark = pytest.mark.django_db
ROWS = 3
rows = st.integers(0, ROWS - 1)
deletes = st.one_of(
    st.tuples(st.just("one"), rows),
    st.tuples(st.just("many"), st.frozensets(rows, min_size=1)),
    st.tuples(st.just("author"), st.none()),
)
# A block is committed, rolled back, or fails after what is in it.
steps = st.recursive(
    deletes, lambda inner: st.tuples(st.sampled_from(["commit", "rollback", "fail"]), st.lists(inner, max_size=4))
)
# What a handler does when it hears of a row, and at which of the two signals.
handlers = st.dictionaries(rows, st.tuples(st.booleans(), st.lists(steps, min_size=1, max_size=2)), min_size=1)


@pytest.fixture(autouse=True, params=[SUBJECTS, 1])
def snapshots(request, monkeypatch):
    """How many rows an alert notes one by one; the others are noted together."""
    monkeypatch.setattr(parts, "SUBJECTS", request.param)


@pytest.fixture(autouse=True)
def author_gone():
    @alert_on(pre_delete, sender=User)
    class AuthorGone(ModelEvent):
        kind = "test.author"
        title = "x"


class Failure(Exception):
    pass


class History:
    """Runs steps against three posts of one author."""

    def __init__(self):
        self.author = User.objects.create_user("author")
        Post.objects.bulk_create([Post(title=str(number), author=self.author) for number in range(ROWS)])
        self.pks = dict(Post.objects.values_list("title", "pk"))

    def rows(self, numbers):
        return Post.objects.filter(pk__in=[self.pks[str(number)] for number in numbers])

    def run(self, step):
        what, of = step
        if what == "one":
            for post in self.rows([of]):
                post.delete()
        elif what == "many":
            self.rows(of).delete()
        elif what == "author":
            for user in User.objects.filter(pk=self.author.pk):
                user.delete()
        else:
            try:
                with transaction.atomic():
                    for inner in of:
                        self.run(inner)
                    if what == "fail":
                        raise Failure
                    if what == "rollback":
                        transaction.set_rollback(True)
            except Failure:
                pass


def told():
    counted: Counter[str] = Counter()
    for alert in Alert.objects.filter(kind__in=["post.deletion", "test.author"]):
        labels = [row["label"] for row in alert.subjects]
        assert alert.count == len(labels)
        counted.update(labels)
    return counted


def is_exact(history):
    there = {*Post.objects.values_list("title", flat=True), *User.objects.values_list("username", flat=True)}
    gone = {"author", *map(str, range(ROWS))} - there
    assert told() == Counter(gone), history


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, max_size=5))
def test_whatever_is_deleted_and_rolled_back_each_row_that_is_gone_is_told_once(program):
    with transaction.atomic():
        history = History()
        for step in program:
            history.run(step)
        is_exact(history)
        transaction.set_rollback(True)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=1, max_size=2), handlers)
def test_whatever_handlers_delete_meanwhile_each_row_that_is_gone_is_told_once(program, plans):
    with transaction.atomic():
        history = History()
        pending = {str(number): plan for number, plan in plans.items()}

        def before(instance, **_):
            react(instance, True)

        def after(instance, **_):
            react(instance, False)

        def react(instance, is_before):
            plan = pending.get(instance.title)
            if plan is not None and plan[0] is is_before:
                del pending[instance.title]
                for step in plan[1]:
                    history.run(step)

        pre_delete.connect(before, sender=Post)
        post_delete.connect(after, sender=Post)
        try:
            for step in program:
                history.run(step)
        finally:
            pre_delete.disconnect(before, sender=Post)
            post_delete.disconnect(after, sender=Post)
        is_exact(history)
        transaction.set_rollback(True)
