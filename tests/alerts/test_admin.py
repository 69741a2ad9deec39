import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
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


def settle(client, deed, *deliveries):
    fields = {"action": f"{deed}_selected", "_selected_action": [one.pk for one in deliveries], "index": "0"}
    return client.post(reverse("admin:alerts_delivery_changelist"), fields, follow=True)


def make(delivery, state, **fields):
    return Delivery.objects.create(
        alert=delivery.alert,
        transport="email",
        recipient=f"r{Delivery.objects.count()}",
        address="x@example.org",
        next_try=delivery.next_try,
        state=state,
        **fields,
    )


def test_a_dead_letter_is_retried_on_its_own_page(root, delivery):
    page = root.get(reverse("admin:alerts_delivery_change", args=[delivery.pk]))
    assert "Retry" in page.text
    assert "Discard" in page.text
    page = root.post(reverse("admin:alerts_delivery_retry", args=[delivery.pk]), follow=True)
    assert "1 delivery retried. A relay takes them up within a second." in page.text
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.holder) == ("waiting", 0, "")
    assert delivery.reason == "Before the retry: The mail server answered 550 No such mailbox"
    assert LogEntry.objects.get().change_message == "Retried."
    assert "Retry" not in root.get(reverse("admin:alerts_delivery_change", args=[delivery.pk])).text


def test_many_are_settled_at_once_and_what_does_not_fit_is_said(root, delivery):
    others = [make(delivery, state) for state in ("waiting", "sending", "sent", "dropped", "discarded")]
    page = settle(root, "retry", delivery, *others)
    assert "2 deliveries retried." in page.text
    assert "4 deliveries left alone: only what is dead or discarded can be retried." in page.text
    assert [one.state for one in Delivery.objects.order_by("pk")] == [
        "waiting",
        "waiting",
        "sending",
        "sent",
        "dropped",
        "waiting",
    ]
    page = settle(root, "discard", delivery, *others)
    assert "3 deliveries discarded." in page.text
    assert Delivery.objects.filter(state="discarded").count() == 3
    assert set(Delivery.objects.filter(state__in=("sending", "sent", "dropped")).values_list("state", flat=True)) == {
        "sending",
        "sent",
        "dropped",
    }


def test_thousands_across_pages_are_settled_in_a_few_statements(root, delivery, django_assert_max_num_queries):
    Delivery.objects.bulk_create(
        Delivery(
            alert=delivery.alert,
            transport="email",
            recipient=f"many{number}",
            address="x@example.org",
            next_try=delivery.next_try,
            state="dead",
        )
        for number in range(3_000)
    )
    fields = {"action": "retry_selected", "select_across": "1", "index": "0", "_selected_action": [delivery.pk]}
    with django_assert_max_num_queries(40):
        page = root.post(reverse("admin:alerts_delivery_changelist") + "?state__exact=dead", fields, follow=True)
    assert "3,001 deliveries retried." in page.text
    assert not Delivery.objects.filter(state="dead").exists()


def test_who_may_only_look_sees_no_buttons_and_does_nothing(client, delivery):
    viewer = User.objects.create_user("viewer", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=("view_delivery", "view_alert")))
    client.force_login(viewer)
    page = client.get(reverse("admin:alerts_delivery_change", args=[delivery.pk]))
    assert page.status_code == 200
    assert "alerts-deed" not in page.text
    assert "retry_selected" not in client.get(reverse("admin:alerts_delivery_changelist")).text
    for deed in ("retry", "discard"):
        assert client.post(reverse(f"admin:alerts_delivery_{deed}", args=[delivery.pk])).status_code == 403
        settle(client, deed, delivery)
    delivery.refresh_from_db()
    assert delivery.state == "dead"


def test_a_deed_is_a_post_and_about_a_delivery_there_is(root, delivery):
    assert root.get(reverse("admin:alerts_delivery_retry", args=[delivery.pk])).status_code == 405
    assert root.post(reverse("admin:alerts_delivery_retry", args=[delivery.pk + 1])).status_code == 404
    assert root.post("/admin/alerts/delivery/x/retry/").status_code == 404


def test_an_alert_shows_all_there_is_of_it(root):
    alert = record(
        kind="test.news",
        audience="everyone",
        title="News",
        subjects=[{"model": "posts.post", "pk": "7", "label": "<b>First</b>"}],
        cause={"model": "posts.blog", "pk": "1", "label": "Blog"},
        data={"words": "ü<script>"},
    )
    address = reverse("admin:alerts_alert_change", args=[alert.pk])
    assert "not numbered yet" in root.get(address).text
    bell.number_all()
    page = root.get(address).text
    assert "&lt;b&gt;First&lt;/b&gt; (posts.post 7)" in page
    assert "Blog (posts.blog 1)" in page
    assert "ü&lt;script&gt;" in page
    assert reverse("alert", args=[alert.uid]) in page


def test_a_delivery_leads_to_its_alert_and_to_who_gets_it(root, delivery, ada):
    address = reverse("admin:alerts_delivery_change", args=[delivery.pk])
    assert "user 7, who is gone" in root.get(address).text
    Delivery.objects.update(recipient=str(ada.pk))
    page = root.get(address).text
    assert reverse("admin:accounts_user_change", args=[ada.pk]) in page
    assert reverse("admin:alerts_alert_change", args=[delivery.alert_id]) in page


def test_kinds_and_transports_are_filters_that_ask_nothing(root, delivery):
    page = root.get(reverse("admin:alerts_delivery_changelist"), {"kind": "user.welcome", "transport": "email"})
    assert page.status_code == 200
    assert "ada@example.org" not in page.text
    page = root.get(reverse("admin:alerts_alert_changelist"), {"kind": "post.deletion"})
    assert "News of today" not in page.text
