import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from accounts.models import User

pytestmark = pytest.mark.django_db


def test_an_address_is_unique_whatever_its_case():
    User.objects.create_user("ada", "Ada@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user("bea", "aDa@EXAMPLE.org")
    assert User.objects.count() == 1


def test_any_number_of_users_have_no_address():
    User.objects.create_user("ada")
    User.objects.create_user("bea", "")
    assert User.objects.filter(email="").count() == 2


def test_a_superuser_with_a_taken_address_is_one_clear_line(monkeypatch):
    User.objects.create_user("ada", "ada@example.org")
    with pytest.raises(ValidationError, match="Another user has this e-mail address"):
        User.objects.create_superuser("root", "ADA@example.org", "secret")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-long-secret")
    with pytest.raises(CommandError, match="Another user has this e-mail address"):
        call_command("createsuperuser", "--noinput", username="root", email="ADA@example.org")


def test_nobody_has_the_empty_address_and_a_user_does_not_take_their_own():
    ada = User.objects.create_user("ada", "ada@example.org")
    User.objects.create_user("bea")
    assert not User.objects.is_taken("")
    assert User.objects.is_taken("ADA@example.org")
    assert not User.objects.is_taken("ada@example.org", but_for=ada)
