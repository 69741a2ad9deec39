from collections import Counter

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import DatabaseError, connection, connections, transaction
from django.db.models.deletion import Collector
from django.db.models.signals import post_delete, pre_delete
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from alerts.acts import open_acts
from alerts.audiences import Staff, Subject
from alerts.events import ModelEvent, alert_on, muted
from alerts.middleware import ActorMiddleware
from alerts.models import Alert
from posts.alerts import PostDeletion
from posts.models import Post, Tag

pytestmark = pytest.mark.django_db


def make_posts(author, count, title="Post {}"):
    Post.objects.bulk_create([Post(title=title.format(number), author=author) for number in range(count)])
    return list(Post.objects.filter(author=author).order_by("pk"))


def deletions():
    return list(Alert.objects.filter(kind="post.deletion").order_by("seq"))


def labels(alert):
    chunks = alert.chunks.order_by("chunk")
    return [row["label"] for row in alert.subjects] + [row["label"] for chunk in chunks for row in chunk.rows]


@pytest.fixture
def on_delete():
    """Connects a `pre_delete` receiver to posts for the time of a test."""
    connected = []

    def connect(receiver, signal=pre_delete):
        signal.connect(receiver, sender=Post, weak=False)
        connected.append((receiver, signal))

    yield connect
    for receiver, signal in connected:
        signal.disconnect(receiver, sender=Post)


def test_a_rolled_back_delete_raises_nothing(ada):
    [post] = make_posts(ada, 1)
    with transaction.atomic():
        post.delete()
        assert len(deletions()) == 1
        transaction.set_rollback(True)
    assert deletions() == []
    assert Post.objects.count() == 1


def test_a_savepoint_rolled_back_raises_nothing_while_the_rest_is_told(ada):
    first, second = make_posts(ada, 2)
    with transaction.atomic():
        savepoint = transaction.savepoint()
        first.delete()
        transaction.savepoint_rollback(savepoint)
        second.delete()
    assert [alert.title for alert in deletions()] == ["Post titled 'Post 1' was deleted"]


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_delete_raises_nothing_after_the_transaction_has_ended(ada):
    [post] = make_posts(ada, 1)
    with transaction.atomic():
        post.delete()
        transaction.set_rollback(True)
    assert deletions() == []
    Post.objects.get().delete()
    assert len(deletions()) == 1


def test_one_delete_call_is_one_alert_with_a_count(ada):
    make_posts(ada, 3)
    Post.objects.all().delete()
    [alert] = deletions()
    assert (alert.title, alert.count, alert.body, alert.url, alert.data) == ("3 posts deleted", 3, "", "", {})
    assert sorted(labels(alert)) == ["Post 0", "Post 1", "Post 2"]
    assert not alert.chunks.exists()


def test_two_delete_calls_are_two_alerts(ada):
    for post in make_posts(ada, 2):
        post.delete()
    assert [alert.count for alert in deletions()] == [1, 1]


def test_an_act_of_2500_rows_names_twenty_and_keeps_the_rest_in_chunks_of_a_thousand(ada):
    make_posts(ada, 2500)
    Post.objects.all().delete()
    [alert] = deletions()
    assert (alert.count, len(alert.subjects)) == (2500, 20)
    assert [len(chunk.rows) for chunk in alert.chunks.order_by("chunk")] == [1000, 1000, 480]
    assert len(set(labels(alert))) == 2500


def test_an_act_is_split_by_audience(ada):
    @alert_on(pre_delete, sender=Post)
    class Gone(ModelEvent):
        kind = "test.gone"
        audience = Subject("author")
        title = "{count}"

    bea = User.objects.create_user("bea")
    make_posts(ada, 2)
    make_posts(bea, 1)
    Post.objects.all().delete()
    told = Alert.objects.filter(kind="test.gone").values_list("audience", "count", "title")
    assert sorted(told) == sorted([(f"user:{ada.pk}", 2, "2 and 1 more"), (f"user:{bea.pk}", 1, "1")])


def test_a_cascade_names_its_cause_even_for_one_row(ada):
    make_posts(ada, 1)
    pk = ada.pk
    ada.delete()
    [alert] = deletions()
    assert alert.cause == {"model": "accounts.user", "pk": str(pk), "label": "ada"}


def test_a_single_delete_has_no_cause_but_itself(ada):
    [post] = make_posts(ada, 1)
    post.delete()
    assert deletions()[0].cause is None


def test_a_bulk_delete_names_itself_as_the_cause(ada):
    make_posts(ada, 2)
    Post.objects.all().delete()
    assert deletions()[0].cause == {"model": "posts.post", "pk": "", "label": "bulk delete of posts"}


def test_a_bulk_delete_of_users_is_the_cause_of_the_end_of_their_posts(ada):
    make_posts(ada, 1)
    User.objects.filter(pk=ada.pk).delete()
    assert deletions()[0].cause == {"model": "accounts.user", "pk": "", "label": "bulk delete of users"}


def test_a_row_that_a_handler_deletes_first_is_told_once(ada, on_delete):
    first, second = make_posts(ada, 2)

    def delete_the_other(instance, **_):
        Post.objects.filter(pk=second.pk).exclude(pk=instance.pk).delete()

    on_delete(delete_the_other)
    Post.objects.order_by("pk").delete()
    told = [label for alert in deletions() for label in labels(alert)]
    assert sorted(told) == ["Post 0", "Post 1"]
    assert sum(alert.count for alert in deletions()) == 2
    assert first.title == "Post 0"


def test_a_row_that_a_rolled_back_inner_delete_told_is_told_by_the_outer(ada, on_delete):
    _, second = make_posts(ada, 2)

    def try_to_delete_the_other(instance, **_):
        if instance.pk == second.pk:
            return
        with transaction.atomic():
            Post.objects.get(pk=second.pk).delete()
            transaction.set_rollback(True)

    on_delete(try_to_delete_the_other)
    Post.objects.all().delete()
    [alert] = deletions()
    assert sorted(labels(alert)) == ["Post 0", "Post 1"]
    assert alert.count == 2


def test_a_row_deleted_by_a_handler_after_the_outer_was_written_is_not_told_again(ada, on_delete):
    _, second = make_posts(ada, 2)

    def delete_the_other_too(instance, **_):
        second.delete() if instance.pk != second.pk and second.pk else None

    on_delete(delete_the_other_too, post_delete)
    Post.objects.all().delete()
    assert sorted(label for alert in deletions() for label in labels(alert)) == ["Post 0", "Post 1"]


def test_a_handler_deleting_other_rows_is_an_act_of_its_own(ada, on_delete):
    [post] = make_posts(ada, 1)
    Group.objects.create(name="editors")

    @alert_on(pre_delete, sender=Group)
    class GroupGone(ModelEvent):
        kind = "test.group_gone"
        title = "{pk}"

    on_delete(lambda **_: Group.objects.all().delete())
    post.delete()
    assert Alert.objects.get(kind="test.group_gone").subjects[0]["label"] == "editors"
    assert len(deletions()) == 1


def test_a_handler_that_raises_after_the_row_was_noted_leaves_nothing_for_the_next_act(ada, on_delete):
    first, second = make_posts(ada, 2)

    def refuse(instance, **_):
        if instance.pk == first.pk:
            raise LookupError

    on_delete(refuse)
    with transaction.atomic():
        for _ in range(3):
            with pytest.raises(LookupError), transaction.atomic():
                first.delete()
        second.delete()
    assert [alert.title for alert in deletions()] == ["Post titled 'Post 1' was deleted"]


def test_acts_are_forgotten_once_their_block_is_gone(ada):
    for post in make_posts(ada, 30):
        post.delete()
    assert len(open_acts.get(connections["default"], [])) <= 1


def test_delete_signals_sent_by_hand_are_an_act_for_each_row(ada):
    with transaction.atomic():
        for post in make_posts(ada, 2):
            pre_delete.send(sender=Post, instance=post, using="default", origin=post)
            post_delete.send(sender=Post, instance=post, using="default", origin=post)
    assert [(alert.title, alert.cause) for alert in deletions()] == [
        ("Post titled 'Post 0' was deleted", None),
        ("Post titled 'Post 1' was deleted", None),
    ]


def test_an_origin_of_any_sort_breaks_no_delete(ada):
    posts = make_posts(ada, 2)
    collector = Collector(using="default", origin=posts)
    collector.collect(posts)
    collector.delete()
    [alert] = deletions()
    assert (alert.count, alert.cause["label"]) == (2, "bulk delete of posts")


@pytest.mark.django_db(transaction=True)
def test_a_delete_signal_sent_outside_any_transaction_is_told_at_once(ada):
    [post] = make_posts(ada, 1)
    pre_delete.send(sender=Post, instance=post, using="default", origin=post)
    assert len(deletions()) == 1


@pytest.mark.django_db(transaction=True)
def test_two_concurrent_deletes_of_one_row_raise_one_alert(ada, at_once):
    for post in make_posts(ada, 10):
        one, two = Post.objects.get(pk=post.pk), Post.objects.get(pk=post.pk)
        results = at_once(one.delete, two.delete)
        assert sorted(count for count, _ in results) == [0, 1]
    assert len(deletions()) == 10


@pytest.mark.django_db(transaction=True)
async def test_an_async_delete_is_told_as_any_other(ada):
    post = await Post.objects.acreate(title="First", author=ada)
    await post.adelete()
    assert [alert.title async for alert in Alert.objects.filter(kind="post.deletion")] == [
        "Post titled 'First' was deleted"
    ]
    await sync_to_async(connections.close_all)()


def test_deleting_a_row_that_is_gone_is_silent(ada):
    [post] = make_posts(ada, 1)
    stale = Post.objects.get(pk=post.pk)
    post.delete()
    stale.delete()
    assert len(deletions()) == 1


def test_related_objects_are_loaded_once_per_act(ada):
    make_posts(ada, 30)
    with CaptureQueriesContext(connection) as queries:
        Post.objects.all().delete()
    users = [query["sql"] for query in queries if query["sql"].startswith('SELECT "accounts_user"')]
    assert len(users) == 1


def test_a_single_delete_costs_one_insert_more(ada):
    first, second = (Post.objects.select_related("author").get(pk=post.pk) for post in make_posts(ada, 2))
    PostDeletion.disconnect()
    with CaptureQueriesContext(connection) as without:
        first.delete()
    PostDeletion.connect()
    with CaptureQueriesContext(connection) as queries:
        second.delete()
    statements = [query["sql"].split(" ")[0] for query in queries]
    more = [statement for statement in statements if statement in ("SELECT", "INSERT", "UPDATE")]
    assert more == ["INSERT"], queries.captured_queries
    assert statements.count("DELETE") == sum(query["sql"].startswith("DELETE") for query in without)


def test_loading_a_related_object_costs_its_select_alone(ada):
    [post] = make_posts(ada, 1)
    with CaptureQueriesContext(connection) as queries:
        post.delete()
    words = [query["sql"].split(" ")[0] for query in queries]
    assert words.count("SELECT") == 1, "the author"
    assert "SAVEPOINT" not in words


def test_rows_that_do_not_apply_load_nothing(ada):
    class Never(ModelEvent):
        kind = "test.never"
        related = ("author",)
        title = "x"

        def applies(self, post):
            return False

    PostDeletion.disconnect()
    alert_on(pre_delete, sender=Post)(Never)
    make_posts(ada, 5)
    try:
        with CaptureQueriesContext(connection) as queries:
            Post.objects.all().delete()
    finally:
        PostDeletion.connect()
    assert not [
        query for query in queries if "accounts_user" in query["sql"].partition("WHERE")[0].partition("FROM")[2]
    ]


def test_a_bulk_delete_of_2500_rows_costs_one_insert_and_one_more_per_thousand(ada):
    make_posts(ada, 2500)
    with CaptureQueriesContext(connection) as queries:
        Post.objects.all().delete()
    inserts = [query["sql"] for query in queries if query["sql"].startswith("INSERT")]
    assert len(inserts) == 1 + 3
    posts = [query["sql"] for query in queries if query["sql"].startswith("SELECT") and '"posts_post"' in query["sql"]]
    assert len(posts) == 1, "Django's own, that finds the rows"


def test_a_user_who_deletes_themselves_stays_the_actor_as_text(ada):
    make_posts(ada, 2)
    request = RequestFactory().post("/")
    request.user = ada
    pk = ada.pk
    ActorMiddleware(lambda request: request.user.delete())(request)
    [alert] = deletions()
    assert (alert.actor, alert.actor_id) == ("ada", str(pk))
    assert alert.cause["label"] == "ada"
    assert not User.objects.filter(pk=pk).exists()


def test_two_declarations_of_one_model_are_two_alerts_of_one_act(ada):
    @alert_on(post_delete, sender=Post)
    class Gone(ModelEvent):
        kind = "test.gone"
        audience = Staff()
        title = "{title}"

        def snapshot(self, post):
            return {"title": post.title}

    make_posts(ada, 2)
    Post.objects.order_by("pk").delete()
    [gone] = Alert.objects.filter(kind="test.gone")
    assert (gone.count, gone.title.endswith("and 1 more")) == (2, True)
    assert len(deletions()) == 1


# --- rows beyond those an alert names: noted many at once, and as if each had been noted at its signal ---


def counting(kind="test.gone", **members):
    """A declaration of posts that counts what it is asked."""
    asked: Counter[str] = Counter()

    def snapshot(self, post):
        asked["snapshot"] += 1
        return {"title": post.title}

    def label(self, post):
        asked["label"] += 1
        return post.title

    body = {"kind": kind, "title": "{title} gone", "snapshot": snapshot, "label": label, **members}
    return alert_on(pre_delete, sender=Post)(type("Gone", (ModelEvent,), body)), asked


def test_only_the_rows_an_alert_names_are_asked_for_a_snapshot(ada):
    _, asked = counting()
    make_posts(ada, 60)
    Post.objects.order_by("pk").delete()
    gone = Alert.objects.get(kind="test.gone")
    assert (gone.count, gone.title) == (60, "Post 0 gone and 59 more")
    assert labels(gone) == [f"Post {number}" for number in range(60)]
    assert asked == {"snapshot": 20, "label": 60}


def test_every_row_is_asked_for_its_label_while_what_belongs_to_it_is_there(ada):
    counting(label=lambda self, post: post.tags.count())
    tag = Tag.objects.create(name="tag")
    for post in make_posts(ada, 50):
        post.tags.add(tag)
    Post.objects.all().delete()
    assert labels(Alert.objects.get(kind="test.gone")) == ["1"] * 50


def test_what_a_handler_writes_comes_after_the_rows_it_has_heard_of(ada, on_delete):
    counting(label=lambda self, post: User.objects.get(pk=post.author_id).username)
    make_posts(ada, 40)
    heard = []

    def rename(instance, **_):
        heard.append(instance)
        if len(heard) == 30:
            User.objects.filter(pk=ada.pk).update(username="bea")

    on_delete(rename)
    Post.objects.order_by("pk").delete()
    told = labels(Alert.objects.get(kind="test.gone"))
    assert Counter(told) in ({"ada": 29, "bea": 11}, {"ada": 30, "bea": 10})


def test_a_row_whose_label_fails_is_no_harm_to_the_others(ada, log):
    def label(self, post):
        if post.title == "Post 30":
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM there_is_no_such_table")
        return f"the {post.title}"

    counting(label=label)
    make_posts(ada, 40)
    Post.objects.order_by("pk").delete()
    gone = Alert.objects.get(kind="test.gone")
    assert labels(gone) == ["Post 30" if number == 30 else f"the Post {number}" for number in range(40)]
    assert log.text.count("Mend the declaration") == 1
    assert not Post.objects.exists()


def test_a_row_whose_label_hides_that_it_failed_is_no_harm_to_the_others(ada):
    def label(self, post):
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"SELECT {'*' if post.title == 'Post 30' else 1} FROM posts_post")
                cursor.execute(f"SELECT 1 FROM {'nowhere' if post.title == 'Post 30' else 'posts_post'}")
            return post.title
        except DatabaseError:
            return "hidden"

    counting(label=label)
    make_posts(ada, 40)
    Post.objects.order_by("pk").delete()
    told = labels(Alert.objects.get(kind="test.gone"))
    assert told == ["hidden" if number == 30 else f"Post {number}" for number in range(40)]


def test_a_handler_that_mutes_what_it_writes_mutes_no_row_heard_before(ada, on_delete):
    make_posts(ada, 40)

    def write(instance, **_):
        if instance.title == "Post 30":
            with muted():
                Group.objects.create(name="editors")

    on_delete(write)
    Post.objects.all().delete()
    assert deletions()[0].count == 40


def test_a_declaration_with_an_applies_of_its_own_is_asked_at_each_signal(ada, on_delete):
    counting(applies=lambda self, post: bool(post.body))
    posts = make_posts(ada, 40)
    Post.objects.update(body="text")

    def blank(instance, **_):
        instance.body = ""

    on_delete(blank)
    Post.objects.filter(pk__in=[post.pk for post in posts]).delete()
    assert Alert.objects.get(kind="test.gone").count == 40


def test_rows_of_many_audiences_have_the_words_of_their_first(ada):
    counting(audience=Subject("author"))
    bea = User.objects.create_user("bea")
    make_posts(ada, 30, title="Ada {}")
    make_posts(bea, 3, title="Bea {}")
    Post.objects.order_by("pk").delete()
    told = Alert.objects.filter(kind="test.gone").order_by("seq").values_list("title", "count", "data")
    assert list(told) == [("Ada 0 gone and 29 more", 30, {}), ("Bea 0 gone and 2 more", 3, {})]


def test_an_act_is_forgotten_when_it_is_committed(ada, django_capture_on_commit_callbacks):
    make_posts(ada, 30)
    with django_capture_on_commit_callbacks(execute=True):
        Post.objects.all().delete()
    assert not open_acts.get(connections["default"])
