import pytest
from django.contrib.auth.models import Permission
from django.db.models.signals import m2m_changed

from accounts.models import User
from alerts.models import Alert
from posts.models import Post, Tag

pytestmark = pytest.mark.django_db


@pytest.fixture
def post(ada):
    return Post.objects.create(title="First", body="Words", author=ada)


def staff(*codenames: str) -> User:
    user = User.objects.create_user("moderator", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def test_everybody_reads(client, post):
    assert "First" in client.get("/posts/").content.decode()
    page = client.get(f"/posts/{post.pk}/").content.decode()
    assert "Words" in page
    assert "Delete" not in page


def test_an_empty_list_says_how_to_begin(client):
    assert "Nobody has written a post yet" in client.get("/posts/").content.decode()


def test_the_list_comes_in_pages(client, ada):
    Post.objects.bulk_create([Post(title=f"Post {number}", author=ada) for number in range(21)])
    assert "Page 1 of 2" in client.get("/posts/").content.decode()
    assert client.get("/posts/?page=2").status_code == 200


@pytest.mark.parametrize("path", ["/posts/new/", "/posts/1/edit/", "/posts/1/delete/"])
def test_writing_asks_visitors_to_sign_in(client, path, ada):
    Post.objects.create(pk=1, title="First", author=ada)
    assert client.get(path).url == f"/accounts/login/?next={path}"


def test_who_is_signed_in_writes_and_is_the_author(client, ada):
    client.force_login(ada)
    response = client.post("/posts/new/", {"title": "Second", "body": "More"})
    post = Post.objects.get()
    assert (response.url, post.author, post.title) == (f"/posts/{post.pk}/", ada, "Second")
    assert Alert.objects.get(kind="post.published").actor == "ada"


def test_a_post_without_a_title_says_so_and_keeps_the_body(client, ada):
    client.force_login(ada)
    page = client.post("/posts/new/", {"title": "", "body": "A long text"}).content.decode()
    assert 'id="id_title_error"' in page
    assert "A long text" in page


def test_the_author_edits_and_deletes(client, post):
    client.force_login(post.author)
    client.post(f"/posts/{post.pk}/edit/", {"title": "Better", "body": ""})
    post.refresh_from_db()
    assert post.title == "Better"
    assert client.get(f"/posts/{post.pk}/delete/").status_code == 200
    assert client.post(f"/posts/{post.pk}/delete/").url == "/posts/"
    assert not Post.objects.exists()
    assert Alert.objects.get(kind="post.deletion").actor == "ada"


@pytest.mark.parametrize(("action", "codename"), [("edit", "change_post"), ("delete", "delete_post")])
def test_staff_needs_the_permission(client, post, action, codename):
    client.force_login(staff("view_post"))
    assert client.get(f"/posts/{post.pk}/{action}/").status_code == 403
    assert client.post(f"/posts/{post.pk}/{action}/", {"title": "x"}).status_code == 403
    user = User.objects.get(username="moderator")
    user.user_permissions.add(Permission.objects.get(codename=codename))
    assert client.get(f"/posts/{post.pk}/{action}/").status_code == 200


def test_somebody_else_is_refused_even_with_a_stray_permission(client, post):
    bea = User.objects.create_user("bea")
    bea.user_permissions.add(Permission.objects.get(codename="delete_post"))
    client.force_login(bea)
    assert client.post(f"/posts/{post.pk}/delete/").status_code == 403
    assert Post.objects.exists()


def test_a_script_as_title_is_text(client, ada):
    Post.objects.create(title="<script>alert(1)</script>", author=ada)
    page = client.get("/posts/").content.decode()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_a_post_shows_its_tags(client, post):
    assert "Tags:" not in client.get(f"/posts/{post.pk}/").content.decode()
    post.tags.set([Tag.objects.create(name="signals"), Tag.objects.create(name="django")])
    assert "Tags: django, signals</p>" in client.get(f"/posts/{post.pk}/").content.decode()


def test_the_form_asks_for_tags_once_there_are_some(client, post):
    client.force_login(post.author)
    assert "Tags" not in client.get("/posts/new/").content.decode()
    django, signals = (Tag.objects.create(name=name) for name in ("django", "signals"))
    assert "Tags" in client.get("/posts/new/").content.decode()
    client.post("/posts/new/", {"title": "Second", "tags": [django.pk, signals.pk]})
    second = Post.objects.get(title="Second")
    assert list(second.tags.all()) == [django, signals]
    client.post(f"/posts/{second.pk}/edit/", {"title": "Second", "tags": [django.pk]})
    assert list(second.tags.all()) == [django]


@pytest.mark.django_db(transaction=True)
def test_a_post_whose_tags_fail_is_not_saved_either(client, ada):
    def fail(**_):
        raise LookupError

    tag = Tag.objects.create(name="django")
    client.force_login(ada)
    m2m_changed.connect(fail, sender=Post.tags.through)
    try:
        with pytest.raises(LookupError):
            client.post("/posts/new/", {"title": "Second", "tags": [tag.pk]})
    finally:
        m2m_changed.disconnect(fail, sender=Post.tags.through)
    assert not Post.objects.exists()
    assert not Alert.objects.filter(kind="post.published").exists()
