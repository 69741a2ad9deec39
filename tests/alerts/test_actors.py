import sys

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import RequestFactory

from accounts.models import User
from alerts.actors import Actor, current_actor, process_actor, request_at_hand


@pytest.fixture
def request_of():
    """Makes the request of a user the one at hand."""
    tokens = []

    def make(user):
        request = RequestFactory().get("/")
        if user is not None:
            request.user = user
        tokens.append(request_at_hand.set(request))

    yield make
    for token in reversed(tokens):
        request_at_hand.reset(token)


@pytest.fixture(autouse=True)
def ask_again():
    process_actor.cache_clear()
    yield
    process_actor.cache_clear()


@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (["manage.py", "demo", "--fast"], "manage.py demo"),
        (["/usr/bin/django-admin", "shell"], "django-admin shell"),
        (["/srv/import_posts.py", "--all"], "import_posts.py"),
        (["-c"], "python -c"),
        ([""], "python"),
        (["manage.py"], "manage.py"),
    ],
)
def test_without_a_request_the_command_or_script_is_the_actor(arguments, label, monkeypatch):
    monkeypatch.setattr(sys, "argv", arguments)
    assert current_actor() == Actor("", label)


def test_in_a_request_the_signed_in_user_is_the_actor(request_of):
    request_of(User(pk=7, username="ada"))
    assert current_actor() == Actor("7", "ada")


@pytest.mark.parametrize("user", [AnonymousUser(), None])
def test_in_a_request_of_nobody_the_actor_is_an_anonymous_visitor(request_of, user):
    request_of(user)
    assert current_actor() == Actor("", "anonymous visitor")


def test_a_user_who_cannot_be_read_is_unknown_and_logged(request_of, log):
    class Unreadable:
        @property
        def is_authenticated(self):
            raise LookupError("the database is away")

    request_of(Unreadable())
    assert current_actor() == Actor("", "unknown")
    assert "names nobody" in log.text
