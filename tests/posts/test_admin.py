import pytest

from accounts.models import User
from alerts.models import Alert
from posts.models import Post, Tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def posts():
    ada = User.objects.create_user("ada")
    return Post.objects.bulk_create([Post(title=f"Post {number}", author=ada) for number in range(30)])


def test_the_list_is_searched_by_title_text_and_author(admin_client, posts):
    for words, found in (("Post 17", 1), ("ada", 30), ("nobody", 0)):
        response = admin_client.get("/admin/posts/post/", {"q": words})
        assert response.context["cl"].result_count == found


def test_the_bulk_action_is_one_alert_by_the_admin(admin_client, posts):
    fields = {"action": "delete_selected", "_selected_action": [post.pk for post in posts], "post": "yes"}
    assert admin_client.post("/admin/posts/post/", fields).status_code == 302
    assert not Post.objects.exists()
    [alert] = Alert.objects.filter(kind="post.deletion")
    assert (alert.title, alert.actor) == ("30 posts deleted", "admin")
    assert alert.cause == {"model": "posts.post", "pk": "", "label": "bulk delete of posts"}


def test_deleting_one_is_one_alert(admin_client, posts):
    admin_client.post(f"/admin/posts/post/{posts[0].pk}/delete/", {"post": "yes"})
    [alert] = Alert.objects.filter(kind="post.deletion")
    assert (alert.title, alert.count, alert.actor) == ("Post titled 'Post 0' was deleted", 1, "admin")


def test_a_new_post_is_the_admins_own_by_default(admin_client, admin_user):
    page = admin_client.get("/admin/posts/post/add/").content.decode()
    assert f'<option value="{admin_user.pk}" selected>' in page


def test_tags_are_made_and_found_as_one_types(admin_client, admin_user):
    admin_client.post("/admin/posts/tag/add/", {"name": "django"})
    where = {"app_label": "posts", "model_name": "post", "field_name": "tags", "term": "jan"}
    tag = Tag.objects.get()
    found = admin_client.get("/admin/autocomplete/", where).json()["results"]
    assert found == [{"id": str(tag.pk), "text": "django"}]
    admin_client.post("/admin/posts/post/add/", {"title": "First", "author": admin_user.pk, "tags": [tag.pk]})
    assert Post.objects.get().tags.get() == tag
