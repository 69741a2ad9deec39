import json

import pytest
from django.core.management import call_command

from accounts.models import User
from alerts.models import Alert
from posts.models import Post

pytestmark = pytest.mark.django_db


def kinds() -> list[str]:
    return sorted(Alert.objects.values_list("kind", flat=True))


def test_a_new_user_is_told_to_staff_and_welcomed():
    ada = User.objects.create_user("ada", "ada@example.org")
    registered = Alert.objects.get(kind="user.registered")
    assert (registered.title, registered.audience) == ("ada registered", "staff")
    assert registered.subjects == [{"model": "accounts.user", "pk": str(ada.pk), "label": "ada"}]
    welcome = Alert.objects.get(kind="user.welcome")
    assert (welcome.title, welcome.audience) == ("Welcome, ada!", f"user:{ada.pk}")
    assert welcome.expanded_at is None, "the relay has a mail to make of it"


def test_a_later_save_tells_nothing():
    ada = User.objects.create_user("ada", "ada@example.org")
    Alert.objects.all().delete()
    ada.email = "new@example.org"
    ada.save()
    assert kinds() == []


def test_without_an_address_there_is_no_welcome():
    User.objects.create_user("ada")
    assert kinds() == ["user.registered"]


def test_createsuperuser_is_told_and_welcomed(monkeypatch):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a-long-secret")
    call_command("createsuperuser", "--noinput", username="root", email="root@example.org", verbosity=0)
    assert kinds() == ["user.registered", "user.welcome"]


def test_a_fixture_tells_nothing(tmp_path):
    fixture = tmp_path / "users.json"
    fields = {"username": "ada", "email": "ada@example.org", "password": "!"}
    fixture.write_text(json.dumps([{"model": "accounts.user", "pk": 1, "fields": fields}]))
    call_command("loaddata", str(fixture), verbosity=0)
    assert User.objects.get().username == "ada"
    assert kinds() == []


def test_a_registration_through_the_page_names_who_did_it(client):
    words = "correct horse battery"
    fields = {"username": "ada", "email": "ada@example.org", "password1": words, "password2": words}
    client.post("/accounts/register/", fields)
    assert Alert.objects.get(kind="user.registered").actor == "anonymous visitor"


def test_deleting_a_user_names_them_as_the_cause_of_their_posts_end():
    ada = User.objects.create_user("ada")
    Post.objects.bulk_create([Post(title=f"Post {number}", author=ada) for number in range(3)])
    pk = ada.pk
    ada.delete()
    deletion = Alert.objects.get(kind="post.deletion")
    assert deletion.title == "3 posts deleted"
    assert deletion.cause == {"model": "accounts.user", "pk": str(pk), "label": "ada"}
