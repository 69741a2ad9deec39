"""What of posts is worth an alert."""

from django.db.models.signals import post_save, pre_delete

from alerts.audiences import Permission, Staff
from alerts.events import ModelEvent, alert_on

from .models import Post


@alert_on(pre_delete, sender=Post)
class PostDeletion(ModelEvent):
    """A post is about to go; the row is still there, so the snapshot is taken now."""

    kind = "post.deletion"
    level = "warning"
    audience = Permission("posts.view_post")
    related = ("author",)
    title = "Post titled '{title}' was deleted"
    title_many = "{count} posts deleted"
    pending = "Post titled '{title}' is about to be deleted"
    pending_many = "{count} posts are about to be deleted"
    body = "Written by {author}."

    def snapshot(self, post: Post) -> dict[str, str]:
        return {"title": post.title, "author": post.author.get_username(), "body": post.body[:4000]}


@alert_on(post_save, sender=Post)
class PostPublished(ModelEvent):
    """A new post."""

    kind = "post.published"
    audience = Staff()
    related = ("author",)
    title = "{author} published '{title}'"
    url = "/posts/{pk}/"

    def applies(self, post: Post, created: bool) -> bool:
        return created

    def snapshot(self, post: Post) -> dict[str, str]:
        return {"title": post.title, "author": post.author.get_username()}
