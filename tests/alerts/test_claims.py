import uuid
from collections.abc import Callable
from functools import partial

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


@pytest.fixture(autouse=True, params=["the DELETE says", "the database cannot say", "it may be a view"])
def way(request, monkeypatch):
    """How an act learns which rows it took."""
    if request.param == "the database cannot say":
        monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)
    if request.param == "it may be a view":
        monkeypatch.setattr(Post._meta, "managed", False)
    return request.param


@pytest.fixture
def at_signal():
    """Calls a function at the first `pre_delete` of a post."""
    calls: list[Callable[[Post], None]] = []

    def call_once(instance, **_):
        while calls:
            calls.pop()(instance)

    pre_delete.connect(call_once, sender=Post)
    yield calls.append
    pre_delete.disconnect(call_once, sender=Post)


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


def test_rows_are_known_by_the_delete_itself_or_locked_just_before_it(posts, way):
    statements = []

    def listen(execute, statement, *rest):
        statements.append(statement)
        return execute(statement, *rest)

    posts[0].delete()  # from the first act on, the connection is watched
    with connection.execute_wrapper(listen):
        posts[1].author.delete()
    [delete] = [n for n, sql in enumerate(statements) if sql.startswith('DELETE FROM "posts_post" ')]
    claims = [n for n, sql in enumerate(statements) if sql.startswith('SELECT "posts_post"."id" AS "pk"')]
    assert claims == ([] if way == "the DELETE says" else [delete - 1])
    assert statements[delete].endswith(' RETURNING "id"') == (way == "the DELETE says")
    locked = [sql for sql in statements if "FOR UPDATE" in sql]
    # Its posts hold up a delete of the account, and nobody who only writes to the account meanwhile.
    assert locked == [statements[n] for n in claims if connection.vendor == "postgresql"]


def test_rows_that_a_handler_has_deleted_without_signals_are_told_by_the_act_it_was_called_in(posts, at_signal):
    def delete_first(instance):
        rows = Post.objects.filter(pk__in=[posts[0].pk])
        rows._raw_delete("default")

    at_signal(delete_first)
    Post.objects.order_by("pk").delete()
    assert told() == [["0", "1", "2", "3"]]


def test_a_delete_of_any_other_form_is_executed_as_it_is(posts, at_signal):
    def delete_first(instance):
        with connection.cursor() as cursor:
            cursor.execute('DELETE FROM "posts_post" WHERE "posts_post"."id" = %s;', [posts[0].pk])
            cursor.executemany('DELETE FROM "posts_post" WHERE "posts_post"."id" IN (%s)', [[posts[0].pk]])

    at_signal(delete_first)
    Post.objects.order_by("pk").delete()
    assert told() == [["0", "1", "2", "3"]]


def test_the_words_are_those_of_a_row_that_is_this_acts_own(ada):
    titles = [str(number) for number in range(50)]
    Post.objects.bulk_create([Post(title=title, author=ada) for title in titles])
    bulk = collected(Post.objects.order_by("pk"))
    Post.objects.filter(title="0").delete()
    bulk.delete()
    alert = Alert.objects.latest("seq")
    assert (alert.title, alert.count) == ("49 posts deleted", 49)


@pytest.mark.parametrize(
    ("title_many", "left", "title"),
    [("{count} gone", 5, "5 gone"), ("", 5, "test.gone: 25 and 4 more"), ("{count} gone", 1, "test.gone: 25")],
)
def test_an_act_that_lost_every_row_with_a_snapshot_still_tells_of_the_others(ada, title_many, left, title):
    @alert_on(pre_delete, sender=Post)
    class Gone(ModelEvent):
        kind = "test.gone"
        title = "{title} gone"

        def snapshot(self, post):
            return {"title": post.title}

    Gone.title_many = title_many
    Post.objects.bulk_create([Post(title=str(number), author=ada) for number in range(25 + left)])
    bulk = collected(Post.objects.order_by("pk"))
    Post.objects.filter(title__in=[str(number) for number in range(25)]).delete()
    bulk.delete()
    alert = Alert.objects.filter(kind="test.gone").latest("seq")
    assert (alert.title, alert.count) == (title, left)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("field", [models.UUIDField, partial(models.DecimalField, max_digits=9, decimal_places=2)])
def test_keys_that_the_database_gives_in_a_form_of_its_own_are_known_again(define, field):
    class Keyed(models.Model):
        key = field(primary_key=True)

        class Meta:
            abstract = True
            app_label = "posts"

    thing = define("Thing", Keyed)

    @alert_on(pre_delete, sender=thing)
    class Gone(ModelEvent):
        kind = "test.thing"
        title = "x"

        def label(self, row):
            return str(row.pk)[-4:]

    with connection.schema_editor() as editor:
        editor.create_model(thing)
    try:
        keys = [uuid.UUID(int=number) if field is models.UUIDField else number for number in range(4)]
        thing.objects.bulk_create([thing(key=key) for key in keys])
        bulk = collected(thing.objects.all())
        thing.objects.filter(key__in=keys[:2]).delete()
        bulk.delete()
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(thing)
    assert [alert.count for alert in Alert.objects.filter(kind="test.thing").order_by("seq")] == [2, 2]


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
