import pytest

from accounts.models import User
from alerts.models import Alert

pytestmark = pytest.mark.django_db
WORDS = "correct horse battery"
NEW = {"username": "ada", "email": "ada@example.org", "usable_password": "true", "password1": WORDS, "password2": WORDS}


def test_the_add_form_asks_for_the_address(admin_client):
    assert 'name="email"' in admin_client.get("/admin/accounts/user/add/").content.decode()


def test_a_user_made_in_the_admin_is_welcomed_and_the_admin_is_named(admin_client):
    assert admin_client.post("/admin/accounts/user/add/", NEW).status_code == 302
    ada = User.objects.get(username="ada")
    assert Alert.objects.get(kind="user.welcome", audience=f"user:{ada.pk}").actor == "admin"


def test_the_address_may_be_blank_in_the_admin(admin_client):
    assert admin_client.post("/admin/accounts/user/add/", NEW | {"email": ""}).status_code == 302


def test_a_taken_address_is_told_beside_its_field(admin_client):
    User.objects.create_user("bea", "ADA@example.org")
    response = admin_client.post("/admin/accounts/user/add/", NEW)
    assert response.context["adminform"].form.errors["email"] == ["Another user has this e-mail address."]


def test_a_user_keeps_their_own_address_when_edited(admin_client):
    bea = User.objects.create_user("bea", "bea@example.org")
    fields = {
        "username": "bea",
        "email": "Bea@example.org",
        "first_name": "Bea",
        "date_joined_0": "2026-01-01",
        "date_joined_1": "12:00:00",
        "is_active": "on",
    }
    response = admin_client.post(f"/admin/accounts/user/{bea.pk}/change/", fields)
    assert response.status_code == 302, response.context["adminform"].form.errors
    bea.refresh_from_db()
    assert bea.email == "Bea@example.org"
