import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission
from django.utils import timezone

from accounts.models import User
from alerts import audiences
from alerts.audiences import keys_of
from alerts.events import muted
from consumers.rights import rights_of, signatures


@pytest.fixture
def bob(db) -> User:
    with muted():
        return User.objects.create_user("bob", is_staff=True)


VIEW = "view_post"


@pytest.mark.parametrize(
    "deed",
    [
        lambda user, group, permission: User.objects.filter(pk=user.pk).update(is_active=False),
        lambda user, group, permission: User.objects.filter(pk=user.pk).update(is_staff=False),
        lambda user, group, permission: User.objects.filter(pk=user.pk).update(is_superuser=True),
        lambda user, group, permission: User.objects.filter(pk=user.pk).update(password="!another"),
        lambda user, group, permission: user.user_permissions.add(permission),
        lambda user, group, permission: user.groups.clear(),
        lambda user, group, permission: group.permissions.clear(),
        lambda user, group, permission: group.delete(),
    ],
    ids=[
        "deactivated",
        "no longer staff",
        "superuser",
        "new password",
        "permission given",
        "group left",
        "permission taken from the group",
        "group deleted",
    ],
)
def test_a_signature_changes_with_every_right(bob, deed):
    group = Group.objects.create(name="readers")
    group.permissions.set(Permission.objects.filter(codename="change_post"))
    bob.groups.add(group)
    before = signatures([str(bob.pk)])
    assert signatures([str(bob.pk)]) == before
    deed(bob, group, Permission.objects.get(codename=VIEW))
    assert signatures([str(bob.pk)]) != before


def test_a_signature_stays_when_no_right_changes(bob):
    before = signatures([str(bob.pk)])
    User.objects.filter(pk=bob.pk).update(last_login=timezone.now(), email="bob@example.org")
    assert signatures([str(bob.pk)]) == before


def test_who_is_gone_has_no_signature(bob):
    assert signatures([str(bob.pk), "0"]).keys() == {str(bob.pk)}


def test_signatures_cost_the_same_for_many(bob, django_assert_num_queries):
    group = Group.objects.create(name="readers")
    with muted():
        users = [User.objects.create_user(f"user {number}") for number in range(5)]
    group.user_set.set([bob, *users])
    with django_assert_num_queries(4):
        signatures([str(bob.pk)])
    with django_assert_num_queries(4):
        assert len(signatures([str(user.pk) for user in users])) == 5


class Generous(ModelBackend):
    """Gives everybody who is staff a permission that is no row."""

    def get_all_permissions(self, user_obj, obj=None):
        return {*super().get_all_permissions(user_obj, obj), "nowhere.granted"}


@pytest.fixture
def people(bob) -> list[User]:
    """One of each sort."""
    view, change = (Permission.objects.get(codename=name) for name in (VIEW, "change_post"))
    readers = Group.objects.create(name="readers")
    readers.permissions.add(view)
    with muted():
        made = [
            bob,
            User.objects.create_user("reader"),
            User.objects.create_user("not staff"),
            User.objects.create_user("granted", is_staff=True),
            User.objects.create_user("member", is_staff=True),
            User.objects.create_user("both", is_staff=True),
            User.objects.create_superuser("root"),
            User.objects.create_user("superuser who is no staff", is_superuser=True),
        ]
    for user in made[2], made[3], made[5]:
        user.user_permissions.add(view)
    made[5].user_permissions.add(change)
    readers.user_set.set([made[2], made[4], made[5]])
    return [User.objects.get(pk=user.pk) for user in made]


@pytest.mark.parametrize("backend", [None, f"{__name__}.Generous"], ids=["Django's own", "another"])
def test_together_and_one_by_one_users_have_the_same_keys(people, settings, monkeypatch, backend):
    monkeypatch.setattr(audiences, "registered", {*audiences.registered, "perm:posts.view_post", "perm:nowhere.none"})
    if backend:
        settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, backend]
    rights = rights_of(people)
    for user in people:
        assert rights[str(user.pk)].shared_keys | {f"user:{user.pk}"} == keys_of(user), user.username
        is_granted = backend is not None and (user.is_staff or user.is_superuser)
        assert ("perm:nowhere.granted" in rights[str(user.pk)].shared_keys) is is_granted
    assert {key: found.signature for key, found in rights.items()} == signatures([str(user.pk) for user in people])


def test_a_permission_made_or_renamed_a_moment_ago_counts(people, bob):
    root = people[-2]
    bob.user_permissions.add(Permission.objects.get(codename=VIEW))
    rights_of([root, bob])
    view = Permission.objects.get(codename=VIEW)
    Permission.objects.create(content_type=view.content_type, codename="dream_of_post", name="")
    Permission.objects.filter(pk=view.pk).update(codename="see_post")
    rights = rights_of([root, bob])
    assert {"perm:posts.dream_of_post", "perm:posts.see_post"} <= rights[str(root.pk)].shared_keys
    assert "perm:posts.see_post" in rights[str(bob.pk)].shared_keys
    assert "perm:posts.view_post" not in rights[str(bob.pk)].shared_keys


def test_who_has_the_same_rights_shares_them(people):
    with muted():
        twins = [User.objects.create_user(f"twin {number}", is_staff=True) for number in range(2)]
    one, two = (rights_of([twin])[str(twin.pk)] for twin in twins)
    assert one.shared_keys is two.shared_keys


def test_rights_cost_the_same_for_many(people, django_assert_num_queries):
    with django_assert_num_queries(4):
        rights_of(people)
    with django_assert_num_queries(4):
        rights_of(people[3:6])
