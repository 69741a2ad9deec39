import stat

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from accounts.models import User
from alerts.models import Alert

pytestmark = pytest.mark.django_db


@pytest.fixture
def first_admin(tmp_path, settings, capsys):
    settings.DEBUG = True

    def run() -> str:
        call_command("first_admin", file=tmp_path / "first-admin")
        return capsys.readouterr().out.strip()

    return run


def test_it_is_made_once_and_printed_on_every_start(first_admin, tmp_path):
    line = first_admin()
    words, username, password = line.rsplit(" ", 2)
    assert words == "Sign in:"
    assert first_admin() == line
    user = authenticate(username=username, password=password)
    assert user == User.objects.get()
    assert user.is_superuser
    assert stat.S_IMODE((tmp_path / "first-admin").stat().st_mode) == 0o600
    assert not Alert.objects.exists()


def test_a_new_database_gets_the_same_one(first_admin):
    line = first_admin()
    User.objects.all().delete()
    assert first_admin() == line


def test_a_password_of_ones_own_is_not_told(first_admin):
    line = first_admin()
    user = User.objects.get()
    user.set_password("a password of my own")
    user.save()
    assert first_admin() == f"Sign in: {user.username}, with the password you chose."
    assert line != first_admin()


def test_none_is_made_where_there_is_a_superuser(first_admin):
    User.objects.create_superuser("root", password="secret")
    assert first_admin() == ""
    assert User.objects.count() == 1


def test_somebody_elses_name_is_left_alone(first_admin):
    User.objects.create_user("admin", password="secret")
    assert first_admin().startswith("Sign in: admin1 ")


def test_without_debug_nothing_happens(first_admin, settings):
    settings.DEBUG = False
    assert first_admin() == ""
    assert not User.objects.exists()
