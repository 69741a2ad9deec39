import pytest
from django.contrib.auth import authenticate

from accounts.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def ada():
    return User.objects.create_user("ada", "Ada@example.org", PASSWORD)


@pytest.mark.parametrize("name", ["ada", "Ada@example.org", "ada@EXAMPLE.ORG"])
def test_a_user_signs_in_by_name_or_by_address(ada, name):
    assert authenticate(username=name, password=PASSWORD) == ada


@pytest.mark.parametrize("name", ["ADA", "bea", "", "ada@example.com"])
def test_another_name_is_nobody(ada, name):
    assert authenticate(username=name, password=PASSWORD) is None


def test_a_wrong_password_is_refused(ada):
    assert authenticate(username="ada", password="wrong") is None
    assert authenticate(username="ada", password=None) is None


def test_an_inactive_user_is_refused(ada):
    ada.is_active = False
    ada.save()
    assert authenticate(username="ada@example.org", password=PASSWORD) is None


def test_a_name_that_is_somebody_elses_address_shuts_neither_out(ada):
    twin = User.objects.create_user("ada@example.org", password="another long one")
    assert authenticate(username="ada@example.org", password=PASSWORD) == ada
    assert authenticate(username="ada@example.org", password="another long one") == twin


def test_users_without_an_address_are_not_found_by_the_empty_one():
    User.objects.create_user("bea", password=PASSWORD)
    assert authenticate(username="", password=PASSWORD) is None
