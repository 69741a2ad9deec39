import json

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Concat
from django.db.models.signals import post_delete, post_save, pre_delete, pre_save
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from alerts.events import muted
from alerts.models import Alert
from posts.alerts import PostDeletion
from posts.models import Post, Tag

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def post(ada):
    return Post.objects.create(title="First", body="Words", author=ada)


@pytest.fixture
def heard():
    """The signals of posts, by name, as they come."""
    names = []
    signals = {"pre_save": pre_save, "post_save": post_save, "pre_delete": pre_delete, "post_delete": post_delete}

    def ear(name):
        return lambda **_: names.append(name)

    ears = {name: ear(name) for name in signals}
    for name, signal in signals.items():
        signal.connect(ears[name], sender=Post)
    yield names
    for name, signal in signals.items():
        assert signal.disconnect(ears[name], sender=Post)


def lines(log):
    return [record.getMessage() for record in log.records if record.name == "posts"]


class TestTidyTitles:
    def test_a_title_is_stripped_however_it_is_saved(self, ada):
        post = Post.objects.create(title="  First\n", author=ada)
        assert Post.objects.get().title == post.title == "First"

    @pytest.mark.parametrize("title", ["", "   ", "\n\t"])
    def test_nothing_but_blanks_stops_the_save_and_tells_nobody(self, ada, title):
        with pytest.raises(ValidationError, match="A post needs a title"):
            Post.objects.create(title=title, author=ada)
        assert not Post.objects.exists()
        assert not Alert.objects.filter(kind="post.published").exists()

    def test_a_save_of_other_fields_is_not_concerned(self, post):
        Post.objects.filter(pk=post.pk).update(title="")
        part = Post.objects.only("body").get()
        part.body = "Other words"
        part.save()
        assert Post.objects.values_list("title", "body").get() == ("", "Other words")

    def test_an_expression_is_left_to_the_database(self, post):
        post.title = Concat("title", Value(" again"))
        post.save()
        assert Post.objects.get().title == "First again"


class TestLoggedChanges:
    def test_a_change_is_logged_with_the_fields_and_who_did_it(self, client, post, log):
        client.force_login(post.author)
        client.post(f"/posts/{post.pk}/edit/", {"title": "Better", "body": "Words"})
        assert lines(log) == ["Post 'Better' was changed by ada: title."]

    def test_a_new_author_is_logged(self, post, log):
        post.author = User.objects.create_user("bea")
        post.save(update_fields=["author"])
        [line] = lines(log)
        assert line.endswith(": author.")

    def test_a_new_post_and_a_save_that_changes_nothing_are_not_logged(self, post, log):
        post.save()
        assert lines(log) == []

    def test_only_the_saved_fields_count(self, post, log):
        post.title, post.body = "Better", "Other words"
        post.save(update_fields=["body"])
        [line] = lines(log)
        assert line.endswith(": body.")

    def test_nothing_is_logged_before_the_commit_nor_after_a_rollback(self, post, log):
        with transaction.atomic():
            post.title = "Better"
            post.save()
            assert lines(log) == []
            transaction.set_rollback(True)
        assert lines(log) == []

    def test_a_save_that_failed_is_not_told_of_by_the_next(self, post, log):
        def fail(**_):
            raise LookupError

        pre_save.connect(fail, sender=Post)
        try:
            post.title = "Better"
            with pytest.raises(LookupError):
                post.save()
        finally:
            pre_save.disconnect(fail, sender=Post)
        post.save(update_fields=["updated"])
        assert lines(log) == []

    def test_it_costs_a_save_one_query_and_a_save_of_other_fields_none(self, post):
        def reads(**options):
            with CaptureQueriesContext(connection) as queries:
                post.save(**options)
            return sum(query["sql"].startswith("SELECT") for query in queries)

        assert (reads(), reads(update_fields=["updated"])) == (1, 0)

    def test_a_title_of_several_lines_is_one_line(self, post, log):
        post.title = "First\nERROR forged"
        post.save()
        [line] = lines(log)
        assert line.startswith("Post 'First ERROR forged' was changed by ")


class TestLoggedTags:
    @pytest.fixture
    def tags(self):
        return [Tag.objects.create(name=name) for name in ("django", "signals")]

    def test_tags_added_removed_and_cleared(self, post, tags, log):
        post.tags.add(*tags)
        post.tags.remove(tags[0])
        post.tags.clear()
        assert lines(log) == [
            "Post 'First': tags added: django, signals.",
            "Post 'First': tags removed: django.",
            "Post 'First': all tags removed.",
        ]

    def test_set_is_a_removal_and_an_addition(self, post, tags, log):
        post.tags.add(tags[0])
        log.clear()
        post.tags.set([tags[1]])
        assert lines(log) == ["Post 'First': tags removed: django.", "Post 'First': tags added: signals."]

    def test_from_the_tags_side_it_is_told_of_the_tag(self, post, tags, log):
        tags[0].posts.add(post)
        assert lines(log) == ["Tag 'django': posts added: First."]

    def test_what_is_there_already_is_not_added(self, post, tags, log):
        post.tags.add(tags[0])
        post.tags.add(tags[0])
        assert len(lines(log)) == 1

    def test_rolled_back_tags_are_not_logged(self, post, tags, log):
        with transaction.atomic():
            post.tags.add(tags[0])
            transaction.set_rollback(True)
        assert lines(log) == []

    def test_a_deleted_tag_goes_from_its_posts_in_silence(self, post, tags, log):
        post.tags.add(*tags)
        log.clear()
        tags[0].delete()
        assert list(post.tags.all()) == [tags[1]]
        assert lines(log) == []


class TestWhatTheGuideSaysOfSignals:
    def test_a_fixture_is_saved_raw_and_neither_tidied_nor_logged_nor_told(self, ada, log, tmp_path):
        Post.objects.bulk_create([Post(pk=1, title="Zeroth", author=ada)])
        fields = {"title": " First ", "author": ada.pk, "created": "2026-01-01T00:00Z", "updated": "2026-01-01T00:00Z"}
        fixture = tmp_path / "posts.json"
        fixture.write_text(json.dumps([{"model": "posts.post", "pk": 1, "fields": fields}]))
        call_command("loaddata", str(fixture), verbosity=0)
        assert Post.objects.get().title == " First "
        assert lines(log) == []
        assert not Alert.objects.filter(kind="post.published").exists()

    def test_the_many_to_many_fields_of_a_fixture_are_heard_all_the_same(self, post, log, tmp_path):
        tag = Tag.objects.create(name="django")
        post.tags.add(tag)
        fixture = tmp_path / "posts.json"
        with fixture.open("w") as file:
            call_command("dumpdata", "posts.post", stdout=file)
        post.tags.clear()
        log.clear()
        call_command("loaddata", str(fixture), verbosity=0)
        assert lines(log) == ["Post 'First': tags added: django."]

    @pytest.mark.parametrize(
        "act",
        [
            lambda post: Post.objects.filter(pk=post.pk).update(title="Better"),
            lambda post: Post.objects.bulk_update([post], ["title"]),
            lambda post: Post.objects.bulk_create([Post(title="Second", author=post.author)]),
            lambda post: Post.objects.filter(pk=post.pk)._raw_delete("default"),
            lambda post: connection.cursor().execute("DELETE FROM posts_post"),
        ],
        ids=["update", "bulk_update", "bulk_create", "_raw_delete", "SQL"],
    )
    def test_these_send_no_signal(self, post, heard, act):
        act(post)
        assert heard == []

    def test_a_queryset_deletes_row_by_row_as_far_as_signals_go(self, post, heard):
        Post.objects.bulk_create([Post(title="Second", author=post.author)])
        Post.objects.all().delete()
        assert heard == ["pre_delete", "pre_delete", "post_delete", "post_delete"]

    def test_a_cascade_is_heard(self, post, heard):
        post.author.delete()
        assert heard == ["pre_delete", "post_delete"]

    def test_a_deletion_rolled_back_was_heard_and_logged_and_is_no_alert(self, post, heard, log):
        with transaction.atomic():
            post.delete()
            transaction.set_rollback(True)
        assert heard == ["pre_delete", "post_delete"]
        assert lines(log) == ["Post titled 'First' is about to be deleted."]
        assert Post.objects.exists()
        assert not Alert.objects.filter(kind="post.deletion").exists()

    def test_in_autocommit_post_save_is_outside_the_transaction_of_the_save(self, ada):
        seen = []

        def look(sender, **_):
            seen.append((sender.__name__, connection.in_atomic_block))

        for model in (Tag, Post):
            post_save.connect(look, sender=model)
        try:
            Tag.objects.create(name="django")
            Post.objects.create(title="First", author=ada)
        finally:
            for model in (Tag, Post):
                post_save.disconnect(look, sender=model)
        assert seen == [("Tag", False), ("Post", True)]

    def test_a_listener_makes_a_bulk_delete_load_its_rows_first(self, ada):
        def delete():
            LogEntry.objects.create(user=ada, action_flag=CHANGE)
            with CaptureQueriesContext(connection) as queries:
                LogEntry.objects.all().delete()
            return [query["sql"].split()[0] for query in queries if query["sql"].startswith(("SELECT", "DELETE"))]

        def ear(**_):
            pass

        assert delete() == ["DELETE"]
        post_delete.connect(ear, sender=LogEntry)
        try:
            assert delete() == ["SELECT", "DELETE"]
        finally:
            post_delete.disconnect(ear, sender=LogEntry)

    def test_a_function_nobody_else_holds_is_forgotten(self, post):
        calls = []

        def connect(**options):
            def ear(**_):
                calls.append(1)

            post_save.connect(ear, sender=Post, dispatch_uid="a test's ear", **options)

        connect()
        post.save()
        assert calls == []
        connect(weak=False)
        post.save()
        assert calls == [1]
        assert post_save.disconnect(sender=Post, dispatch_uid="a test's ear")

    def test_muted_holds_for_a_block_of_code_and_disconnected_until_connected(self, ada, log):
        def delete():
            Post.objects.create(title="First", author=ada).delete()
            return Alert.objects.filter(kind="post.deletion").count()

        with muted(PostDeletion):
            assert delete() == 0
        PostDeletion.disconnect()
        try:
            assert delete() == 0
        finally:
            PostDeletion.connect()
        assert delete() == 1
        assert len(lines(log)) == 3, "only the alert is muted, not the other receivers"
