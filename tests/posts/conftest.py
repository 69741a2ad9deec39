"""What tests of posts share: an author, and what the app has logged."""

import logging

import pytest

from accounts.models import User


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada")


@pytest.fixture
def log(caplog, monkeypatch):
    """What posts/ has logged; settings keep it from the root logger."""
    monkeypatch.setattr(logging.getLogger("posts"), "propagate", True)
    caplog.set_level(logging.INFO, "posts")
    return caplog
