import pytest
from django.db import connection, models, transaction
from django.db.models.deletion import Collector
from django.db.models.signals import pre_delete
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from alerts.events import ModelEvent, alert_on, muted
from alerts.models import Alert
from posts.models import Post

pytestmark = pytest.mark.django_db


@pytest.fixture
def posts(ada):
    Post.objects.bulk_create([Post(title=str(number), author=ada) for number in range(4)])
    return list(Post.objects.order_by("pk"))


def collected(rows):
    """A delete that has found its rows and has not begun to delete them."""
    collector = Collector(using="default", origin=rows)
    collector.collect(rows)
    return collector


def told():
    alerts = Alert.objects.filter(kind__in=["post.deletion", "test.author"]).order_by("seq")
    return [[row["label"] for row in alert.subjects] for alert in alerts]


def test_of_two_bulk_deletes_of_the_same_rows_the_first_tells_of_them(posts):
    one, two = collected(Post.objects.all()), collected(Post.objects.filter(title__in="23"))
    two.delete()
    one.delete()
    assert told() == [["2", "3"], ["0", "1"]]


def test_an_account_tells_of_the_posts_that_went_with_it_and_of_no_other(ada, posts):
    account = collected([ada])
    posts[1].delete()
    account.delete()
    assert told() == [["1"], ["0", "2", "3"]]


def test_an_account_that_is_gone_already_tells_of_nothing_anew(ada, posts):
    @alert_on(pre_delete, sender=User)
    class AuthorGone(ModelEvent):
        kind = "test.author"
        title = "x"

    one, two = (collected(User.objects.filter(pk=ada.pk)) for _ in range(2))
    one.delete()
    two.delete()
    assert sorted(told()) == [["0", "1", "2", "3"], ["ada"]]


def test_rows_gone_in_a_block_that_was_taken_back_are_told_by_whoever_deletes_them(posts):
    bulk = collected(Post.objects.all())
    with transaction.atomic():
        posts[0].delete()
        transaction.set_rollback(True)
    bulk.delete()
    assert told() == [["0", "1", "2", "3"]]


def test_a_key_given_as_text_is_the_same_key(posts):
    Post(pk=str(posts[0].pk), title="0", author=posts[0].author).delete()
    assert told() == [["0"]]


def test_rows_that_the_base_manager_hides_are_told_by_whoever_deletes_them(posts, monkeypatch):
    class Hiding(models.Manager[Post]):
        def get_queryset(self):
            return super().get_queryset().none()

    hiding = Hiding()
    hiding.model = Post
    monkeypatch.setitem(vars(Post._meta), "base_manager", hiding)
    posts[0].delete()
    assert told() == [["0"]]


def test_rows_are_locked_just_before_they_go_and_not_earlier(posts):
    with CaptureQueriesContext(connection) as queries:
        posts[0].author.delete()
    statements = [query["sql"] for query in queries]
    [claim] = [n for n, sql in enumerate(statements) if sql.startswith('SELECT "posts_post"."id" AS "pk"')]
    assert statements[claim + 1].startswith('DELETE FROM "posts_post"')
    assert ("FOR UPDATE" in statements[claim]) == (connection.vendor == "postgresql")
    # Its posts hold up a delete of the account, and nobody who only writes to the account meanwhile.
    assert not [sql for sql in statements if sql.startswith('SELECT "accounts_user"') and "FOR UPDATE" in sql]


def test_without_an_act_nothing_is_claimed(posts):
    posts[0].delete()
    with muted(), CaptureQueriesContext(connection) as queries:
        posts[1].delete()
    assert not [query for query in queries if query["sql"].startswith("SELECT")]


def test_a_wrapper_of_somebody_else_stays_theirs(posts):
    def theirs(execute, *statement):
        return execute(*statement)

    before = list(connection.execute_wrappers)
    with connection.execute_wrapper(theirs):
        posts[0].delete()
        assert connection.execute_wrappers[-1] is theirs
    assert theirs not in connection.execute_wrappers
    posts[1].delete()
    assert len(connection.execute_wrappers) <= len(before) + 1
