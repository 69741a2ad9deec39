import pytest
from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as PermissionRow

from accounts.models import User
from alerts import audiences
from alerts.audiences import EVERYONE, STAFF, SUPERUSERS, Everyone, Permission, Staff, Subject, as_key
from alerts.exceptions import DeclarationError, UnknownAudience
from posts.models import Post

pytestmark = pytest.mark.django_db
VIEW_POST = "perm:posts.view_post"


@pytest.fixture
def people():
    """One of each sort, by name."""
    view_post = PermissionRow.objects.get(codename="view_post")
    editors = Group.objects.create(name="editors")
    editors.permissions.add(view_post)
    made = {
        "reader": User.objects.create_user("reader"),
        "staff": User.objects.create_user("staff", is_staff=True),
        "granted": User.objects.create_user("granted", is_staff=True),
        "editor": User.objects.create_user("editor", is_staff=True),
        "not_staff": User.objects.create_user("not_staff"),
        "root": User.objects.create_superuser("root"),
        "gone": User.objects.create_user("gone", is_staff=True, is_active=False),
        "fallen": User.objects.create_user("fallen", is_staff=True, is_superuser=True, is_active=False),
    }
    for name in ("granted", "not_staff", "gone"):
        made[name].user_permissions.add(view_post)
    made["editor"].groups.add(editors)
    made["granted"].groups.add(editors)  # both ways: still one person
    return {name: User.objects.get(pk=user.pk) for name, user in made.items()}


WHO = {
    EVERYONE: {"reader", "staff", "granted", "editor", "not_staff", "root"},
    STAFF: {"staff", "granted", "editor", "root"},
    SUPERUSERS: {"root"},
    VIEW_POST: {"granted", "editor", "root"},
}


@pytest.mark.parametrize(("key", "names"), WHO.items())
def test_on_screen_at_expansion_and_at_sending_an_audience_is_the_same_people(people, key, names):
    assert {name for name, user in people.items() if key in audiences.keys_of(user)} == names
    assert {name for name, user in people.items() if audiences.includes(key, user)} == names
    assert sorted(user.username for user in audiences.members(key)) == sorted(names)


def test_a_user_has_their_own_key_and_nobody_else_has_it(people):
    key = f"user:{people['reader'].pk}"
    assert [name for name, user in people.items() if key in audiences.keys_of(user)] == ["reader"]
    assert [name for name, user in people.items() if audiences.includes(key, user)] == ["reader"]
    assert [user.username for user in audiences.members(key)] == ["reader"]


def test_an_inactive_user_is_in_no_audience_not_even_their_own(people):
    gone = people["gone"]
    assert audiences.keys_of(gone) == frozenset()
    assert not audiences.includes(f"user:{gone.pk}", gone)
    assert not audiences.members(f"user:{gone.pk}").exists()


def test_a_superuser_has_every_registered_key_even_of_a_permission_that_does_not_exist():
    Permission("nowhere.none")
    root = User.objects.create_superuser("root")
    assert "perm:nowhere.none" in audiences.keys_of(root)
    assert audiences.includes("perm:nowhere.none", root)


@pytest.mark.parametrize(
    ("audience", "key"),
    [(Staff(), STAFF), (Everyone(), EVERYONE), (Permission("posts.view_post"), VIEW_POST), ("user:7", "user:7")],
)
def test_the_key_of_an_audience(audience, key):
    assert as_key(audience) == key


def test_a_subject_is_the_instance_or_what_the_path_leads_to(ada):
    post = Post(author=ada)
    assert Subject().key(ada) == Subject("author").key(post) == f"user:{ada.pk}"
    assert Subject("user").key({"user": ada}) == Subject("post.author").key({"post": post}) == f"user:{ada.pk}"


@pytest.mark.parametrize("about", [None, {}, User(), "text"])
def test_a_subject_that_is_no_saved_user_is_an_error(about):
    with pytest.raises(DeclarationError, match="no saved user"):
        Subject().key(about)


@pytest.mark.parametrize("name", ["", "posts", "posts.", ".view_post"])
def test_a_permission_without_an_app_or_a_codename_is_refused(name):
    with pytest.raises(DeclarationError, match=r"Write it as 'app\.codename'"):
        Permission(name)


@pytest.mark.parametrize("key", ["", "nobody", "users:7"])
def test_an_unknown_key_is_refused(key):
    with pytest.raises(UnknownAudience):
        as_key(key)
    with pytest.raises(UnknownAudience):
        audiences.members(key)


def test_a_user_key_that_can_be_no_key_is_unknown_and_a_huge_one_is_nobody():
    with pytest.raises(UnknownAudience):
        audiences.members("user:ada")
    assert not audiences.members("user:" + "9" * 40).exists()
