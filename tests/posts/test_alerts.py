import pytest
from django.db import transaction

from alerts.models import Alert
from posts.models import Post

pytestmark = pytest.mark.django_db


def test_a_new_post_is_told_to_staff_and_a_later_save_is_not(ada):
    post = Post.objects.create(title="First", author=ada)
    post.save()
    [alert] = Alert.objects.filter(kind="post.published")
    assert (alert.title, alert.audience, alert.url) == ("ada published 'First'", "staff", f"/posts/{post.pk}/")


def test_a_deletion_is_logged_at_that_moment_and_told_to_who_may_see_posts(ada, log):
    post = Post.objects.create(title="First", body="Words", author=ada)
    pk = post.pk
    post.delete()
    assert [record.getMessage() for record in log.records] == ["Post titled 'First' is about to be deleted."]
    [alert] = Alert.objects.filter(kind="post.deletion")
    assert (alert.title, alert.audience) == ("Post titled 'First' was deleted", "perm:posts.view_post")
    assert alert.subjects == [{"model": "posts.post", "pk": str(pk), "label": "First"}]
    assert alert.data == {"title": "First", "author": "ada", "body": "Words"}
    assert alert.cause is None


def test_a_deletion_rolled_back_was_announced_in_the_log_and_nowhere_else(ada, log):
    post = Post.objects.create(title="First", author=ada)
    with transaction.atomic():
        post.delete()
        transaction.set_rollback(True)
    assert len(log.records) == 1
    assert not Alert.objects.filter(kind="post.deletion").exists()


def test_a_title_of_several_lines_is_one_line_in_the_log(ada, log):
    Post.objects.create(title="First\nERROR forged", author=ada).delete()
    assert "\n" not in log.records[0].getMessage()


def test_thirty_posts_deleted_at_once_are_one_alert_that_lists_them(ada):
    Post.objects.bulk_create([Post(title=f"Post {number}", author=ada) for number in range(30)])
    Post.objects.all().delete()
    [alert] = Alert.objects.filter(kind="post.deletion")
    assert (alert.title, alert.count, len(alert.subjects)) == ("30 posts deleted", 30, 20)
    assert alert.cause == {"model": "posts.post", "pk": "", "label": "bulk delete of posts"}
    labels = {row["label"] for row in alert.subjects} | {row["label"] for row in alert.chunks.get().rows}
    assert labels == {f"Post {number}" for number in range(30)}
