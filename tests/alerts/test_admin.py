import pytest
from django.contrib import admin
from django.urls import reverse

from accounts.models import User
from alerts.models import Alert, Delivery
from alerts.outbox import record
from alerts.relay.bell import bell

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def root(client):
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def delivery():
    alert = record(kind="test.news", audience="everyone", title="News of today")
    bell.number_all()
    return Delivery.objects.create(
        alert=alert,
        transport="email",
        recipient="7",
        address="ada@example.org",
        state="dead",
        reason="The mail server answered 550 No such mailbox",
        next_try=alert.created,
    )


def test_alerts_can_be_searched_and_looked_at(root, delivery):
    page = root.get(reverse("admin:alerts_alert_changelist"), {"q": "today", "audience": "everyone"})
    assert page.status_code == 200
    assert "News of today" in page.text
    assert root.get(reverse("admin:alerts_alert_change", args=[delivery.alert_id])).status_code == 200


def test_dead_deliveries_say_why(root, delivery):
    page = root.get(reverse("admin:alerts_delivery_changelist"), {"state__exact": "dead", "q": "ada@"})
    assert "The mail server answered 550 No such mailbox" in page.text
    assert root.get(reverse("admin:alerts_delivery_change", args=[delivery.pk])).status_code == 200


def test_a_list_of_many_deliveries_asks_no_question_for_each(root, delivery, django_assert_max_num_queries):
    for number in range(30):
        Delivery.objects.create(
            alert=delivery.alert, transport="email", recipient=f"r{number}", address="x", next_try=delivery.next_try
        )
    with django_assert_max_num_queries(12):
        root.get(reverse("admin:alerts_delivery_changelist"))


@pytest.mark.parametrize("model", [Alert, Delivery])
def test_nobody_adds_changes_or_deletes_there(root, delivery, model):
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    assert root.get(reverse(f"{name}_add")).status_code == 403
    for row in model.objects.all():
        assert root.post(reverse(f"{name}_change", args=[row.pk]), {"title": "x"}).status_code == 403
        assert root.post(reverse(f"{name}_delete", args=[row.pk]), {"post": "yes"}).status_code == 403
    assert model.objects.exists()
    assert model in admin.site._registry
