import re

import pytest
from django.core import mail
from django.urls import reverse

from accounts.models import User

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
NEW = {"username": "ada", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture
def ada(db):
    return User.objects.create_user("ada", "ada@example.org", PASSWORD)


def register(client, **fields):
    return client.post("/accounts/register/", NEW | fields)


def test_registering_signs_in_and_goes_to_the_feed(client):
    response = register(client)
    assert (response.status_code, response.url) == (302, "/")
    assert client.get("/").status_code == 200
    assert client.get("/accounts/session").status_code == 204


@pytest.mark.parametrize(
    ("field", "fields", "words"),
    [
        ("username", {"username": ""}, "required"),
        ("username", {"username": "a b"}, "valid username"),
        ("username", {"username": "x" * 151}, "150"),
        ("email", {"email": "nowhere"}, "valid email"),
        ("email", {"email": ""}, "required"),
        ("password2", {"password2": "other words here"}, "match"),
        ("password2", {"password1": "12345678", "password2": "12345678"}, "too common"),
    ],
)
def test_a_mistake_is_told_beside_its_field_and_nothing_typed_is_lost(client, field, fields, words):
    response = register(client, **fields)
    assert response.status_code == 200
    assert words in str(response.context["form"].errors[field])
    page = response.content.decode()
    assert f'id="id_{field}_error"' in page
    for name in ("username", "email"):
        assert (fields.get(name) or NEW[name]) in page or fields.get(name) == ""
    assert User.objects.count() == 0


def test_a_taken_address_is_told_beside_its_field(client, ada):
    response = register(client, username="bea", email="ADA@example.org")
    assert response.context["form"].errors["email"] == ["Another user has this e-mail address."]


def test_nobody_registers_under_somebody_elses_address(client, ada):
    response = register(client, username="ada@example.org", email="bea@example.org")
    assert "username" in response.context["form"].errors


def test_a_taken_name_is_told(client, ada):
    response = register(client, email="bea@example.org")
    assert "already exists" in str(response.context["form"].errors["username"])


@pytest.mark.parametrize("name", ["ada", "ADA@example.org"])
def test_signing_in_by_name_or_address_leads_to_where_one_was_going(client, ada, name):
    response = client.post("/accounts/login/?next=/posts/new/", {"username": name, "password": PASSWORD})
    assert (response.status_code, response.url) == (302, "/posts/new/")


def test_signing_in_never_leads_to_another_site(client, ada):
    response = client.post(
        "/accounts/login/", {"username": "ada", "password": PASSWORD, "next": "https://evil.example.org/"}
    )
    assert response.url == "/"


def test_a_wrong_password_keeps_the_name_and_says_so(client, ada):
    response = client.post("/accounts/login/", {"username": "ada", "password": "wrong"})
    page = response.content.decode()
    assert response.status_code == 200
    assert "There is no user with this name" in page
    assert 'value="ada"' in page


def test_signing_out_is_a_post_and_ends_the_session(client, ada):
    client.force_login(ada)
    assert client.get("/accounts/logout/").status_code == 405
    assert client.post("/accounts/logout/").url == "/accounts/login/"
    assert client.get("/accounts/session").status_code == 401


def test_the_feed_asks_anonymous_visitors_to_sign_in(client):
    assert client.get("/").url == "/accounts/login/?next=/"


def test_changing_the_password_stays_signed_in(client, ada):
    client.force_login(ada)
    new = "another long secret"
    fields = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    response = client.post("/accounts/password_change/", fields, follow=True)
    assert response.status_code == 200
    assert client.get("/accounts/session").status_code == 204
    ada.refresh_from_db()
    assert ada.check_password(new)


def test_resetting_the_password_by_mail(client, ada, settings):
    client.post("/accounts/password_reset/", {"email": "ADA@example.org"})
    [message] = mail.outbox
    assert message.subject == f"Your password on {settings.SITE_NAME}"
    [link] = re.findall(rf"{re.escape(settings.SITE_URL)}(/accounts/password_reset/\S+)", str(message.body))
    page = client.get(link, follow=True)
    new = "another long secret"
    client.post(page.redirect_chain[-1][0], {"new_password1": new, "new_password2": new})
    ada.refresh_from_db()
    assert ada.check_password(new)
    assert "This link has expired" in client.get(link).content.decode()


def test_resetting_tells_nobody_who_is_registered(client, ada):
    known = client.post("/accounts/password_reset/", {"email": "ada@example.org"}, follow=True)
    unknown = client.post("/accounts/password_reset/", {"email": "bea@example.org"}, follow=True)
    assert known.content == unknown.content
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    "name",
    ["login", "register", "password_reset", "password_reset_done", "password_reset_complete"],
)
def test_every_page_opens_for_visitors(client, name):
    assert client.get(reverse(f"accounts:{name}")).status_code == 200


def test_a_name_that_is_a_script_is_text(client, ada):
    ada.first_name = "<script>"
    response = client.post("/accounts/login/", {"username": "<script>alert(1)</script>", "password": "x"})
    assert "<script>alert" not in response.content.decode()
