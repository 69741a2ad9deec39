from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.models import Session
from django.utils import timezone

from accounts.models import User
from alerts.events import muted
from consumers.sessions import digest, ended_sessions, session_key_of, user_of, users_of
from tests.consumers.conftest import scope, session_of

OWN = f"{__name__}.OwnBackend"


class OwnBackend(ModelBackend):
    """Finds users in a way of its own: bob is not let in."""

    def get_user(self, user_id):
        user = super().get_user(user_id)
        return None if user is None or user.username == "bob" else user


def one_by_one(sessions):
    return {session: user_of(session) for session in sessions}


def end(session):
    Session.objects.filter(pk=session).update(expire_date=timezone.now() - timedelta(seconds=1))


def owner_of(session):
    user = user_of(session)
    assert user is not None
    return User.objects.filter(pk=user.pk)


def deactivate(session):
    owner_of(session).update(is_active=False)


def change_password(session):
    owner_of(session).update(password="!another")


def remove_user(session):
    with muted():
        owner_of(session).delete()


def spoil(session):
    Session.objects.filter(pk=session).update(session_data="spoilt")


def give_another_backend(session):
    store = import_module("django.contrib.sessions.backends.db").SessionStore(session)
    store["_auth_user_backend"] = "nowhere.Backend"
    store.save()


def take_the_hash(session):
    store = import_module("django.contrib.sessions.backends.db").SessionStore(session)
    del store[HASH_SESSION_KEY]
    store.save()


BAD = [end, deactivate, change_password, remove_user, spoil, give_another_backend, take_the_hash]


@pytest.fixture
def bob(db) -> User:
    with muted():
        return User.objects.create_user("bob", is_staff=True)


@pytest.fixture
def people(db) -> list[User]:
    with muted():
        return [User.objects.create_user(f"person {number}") for number in range(4)]


@pytest.mark.parametrize("deed", BAD, ids=lambda deed: deed.__name__)
def test_a_session_that_is_no_good_takes_no_other_with_it(people, deed):
    sessions = [session_of(user) for user in people]
    deed(sessions[1])
    found = users_of(sessions)
    assert [found[session] for session in sessions] == [people[0], None, people[2], people[3]]
    assert found == one_by_one(sessions)


@pytest.mark.parametrize("key", ["", "x" * 32, "' OR 1=1 --", "\0" * 32, "\xe9" * 32, "short"])
def test_a_key_that_is_no_session_is_nobody(people, key):
    session = session_of(people[0])
    assert users_of([key, session]) == {key: None, session: people[0]}


def test_sessions_of_one_user_are_all_theirs(people):
    sessions = [session_of(people[0]) for _ in range(3)]
    assert users_of(sessions) == dict.fromkeys(sessions, people[0])


def test_many_cost_the_same_two_queries(people, django_assert_num_queries):
    sessions = [session_of(user) for user in people]
    with django_assert_num_queries(2):
        users_of(sessions)
    with django_assert_num_queries(2):
        users_of(sessions[:1])


def test_a_session_under_a_fallback_key_is_good_and_stays_as_it_is(people, settings):
    sessions = [session_of(user) for user in people]
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "a new key, as long as it has to be for any use whatever"
    sessions.append(session_of(people[0]))
    assert users_of(sessions) == dict(zip(sessions, [*people, people[0]], strict=True))
    assert ended_sessions(sessions) == set()  # a browser knows no other
    settings.SECRET_KEY_FALLBACKS = []
    assert users_of(sessions) == dict.fromkeys(sessions[:-1]) | {sessions[-1]: people[0]}


def test_a_backend_that_finds_users_in_its_own_way_is_asked(people, bob, settings):
    settings.AUTHENTICATION_BACKENDS = [OWN, *settings.AUTHENTICATION_BACKENDS]
    sessions = [session_of(user) for user in (*people, bob)]
    found = users_of(sessions)
    assert [found[session] for session in sessions] == [*people, None]
    assert found == one_by_one(sessions)


@pytest.mark.parametrize("engine", ["cache", "cached_db", "file", "signed_cookies"])
def test_every_engine_of_sessions_signs_in(people, settings, tmp_path, engine):
    settings.SESSION_FILE_PATH = str(tmp_path)
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    sessions = [session_of(user) for user in people]
    change_password(sessions[1])
    found = users_of(sessions)
    assert [found[session] for session in sessions] == [people[0], None, people[2], people[3]]


def test_the_time_of_this_process_ends_a_session_as_it_does_on_a_page(people, monkeypatch):
    session = session_of(people[0])
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + timedelta(days=366))
    assert users_of([session]) == {session: None} == one_by_one([session])


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
