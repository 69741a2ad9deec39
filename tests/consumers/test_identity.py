from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import User
from alerts.events import muted
from consumers.identity import Person, identify
from consumers.rights import signatures
from consumers.sessions import digest, ended_sessions, session_key_of, user_of
from tests.consumers.conftest import scope, session_of


@pytest.fixture
def bob(db) -> User:
    with muted():
        return User.objects.create_user("bob", is_staff=True)


def test_an_identity_is_all_a_socket_needs_to_know(bob):
    identity = identify(session_of(bob))
    assert identity is not None
    assert (identity.user, identity.own_key) == (Person(bob.pk, "bob"), f"user:{bob.pk}")
    assert identity.keys == {"everyone", "staff", f"user:{bob.pk}"}
    assert (identity.reading.read_up_to, identity.reading.version, identity.reading.marks) == (identity.head, 0, ())
    assert identity.signature == signatures([str(bob.pk)])[str(bob.pk)]


@pytest.mark.parametrize("fields", [{"is_active": False}, {"password": "!another"}])
def test_who_may_not_sign_in_any_more_has_no_identity(bob, fields):
    session = session_of(bob)
    User.objects.filter(pk=bob.pk).update(**fields)
    assert identify(session) is None


def test_no_session_and_a_forged_one_have_no_user(db):
    assert user_of("") is None
    assert user_of("x" * 32) is None
    assert user_of("' OR 1=1 --") is None


def test_the_cookie_is_found_among_others():
    assert session_key_of(scope("abc")) == "abc"
    assert session_key_of(scope("", cookie='bad cookie; a="b; sessionid=abc')) == "abc"
    assert session_key_of(scope("", cookie="")) == ""


def test_a_digest_tells_nothing_of_its_session():
    assert digest("abc") == digest("abc") != digest("abd")
    assert "abc" not in digest("abc")


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


def test_sessions_that_are_gone_or_over_have_ended(bob):
    alive, gone, over = (session_of(bob) for _ in range(3))
    Session.objects.filter(pk=gone).delete()
    Session.objects.filter(pk=over).update(expire_date=timezone.now() - timedelta(seconds=1))
    assert ended_sessions([alive, gone, over, "never there"]) == {gone, over, "never there"}


def test_a_clock_of_this_process_that_jumps_ends_no_session(bob, monkeypatch):
    session = session_of(bob)
    for jump in (timedelta(days=366), timedelta(hours=-25)):
        monkeypatch.setattr(timezone, "now", lambda jump=jump: datetime.now(UTC) + jump)
        assert ended_sessions([session]) == set()


@pytest.mark.parametrize("engine", ["cache", "cached_db", "file"])
def test_every_engine_of_sessions_tells_which_have_ended(bob, settings, tmp_path, engine):
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    alive, gone = session_of(bob), session_of(bob)
    import_module(settings.SESSION_ENGINE).SessionStore(gone).flush()
    assert ended_sessions([alive, gone]) == {gone}


def test_a_session_that_is_all_in_its_cookie_lives_until_it_is_over(bob, settings):
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    alive = session_of(bob)
    assert user_of(alive) == bob
    assert ended_sessions([alive]) == set()
    settings.SESSION_COOKIE_AGE = -1
    assert ended_sessions([alive]) == {alive}
