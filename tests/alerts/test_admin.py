from datetime import UTC, datetime

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import escape

from accounts.models import User
from alerts.admin import changelist
from alerts.admin.carriage import SHOWN
from alerts.events import muted
from alerts.models import Alert, Delivery
from alerts.outbox import record
from alerts.relay.bell import bell

pytestmark = pytest.mark.django_db(transaction=True)
ALERTS = "/admin/alerts/alert/"
DELIVERIES = "/admin/alerts/delivery/"
REFUSED = "The mail server answered 550 No such mailbox"


@pytest.fixture
def root(client):
    with muted():
        client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.fixture
def viewer(client):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=("view_delivery", "view_alert")))
    client.force_login(user)
    return client


@pytest.fixture
def alert():
    return record(kind="test.news", audience="everyone", title="News of today")


@pytest.fixture
def delivery(alert):
    return make(alert, "dead", recipient="0", address="ada@example.org", reason=REFUSED)


def make(alert, state, **fields):
    defaults = {"transport": "email", "recipient": f"r{Delivery.objects.count()}", "address": "x@example.org"}
    return Delivery.objects.create(alert=alert, state=state, next_try=alert.created, **(defaults | fields))


def page_of(row, deed="change"):
    return reverse(f"admin:alerts_{row._meta.model_name}_{deed}", args=[row.pk])


def settle(client, deed, *deliveries, **fields):
    chosen = {"action": f"{deed}_selected", "_selected_action": [one.pk for one in deliveries], "index": "0"}
    return client.post(DELIVERIES, chosen | fields, follow=True)


def told(page):
    return [str(message) for message in page.context["messages"]]


# --- lists ---


def test_alerts_can_be_searched(root, delivery):
    assert "News of today" in root.get(ALERTS, {"q": "today"}).text
    assert "News of today" not in root.get(ALERTS, {"q": "tomorrow"}).text


def test_dead_deliveries_say_why(root, delivery):
    make(delivery.alert, "waiting", address="bob@example.org", reason="The mail server answered 451 Try later")
    page = root.get(DELIVERIES, {"state__exact": "dead"})
    assert REFUSED in page.text
    assert "451" not in page.text
    assert REFUSED in root.get(page_of(delivery)).text


def test_kinds_and_transports_are_filters(root, delivery):
    assert "ada@example.org" not in root.get(DELIVERIES, {"kind": "user.welcome"}).text
    assert "ada@example.org" in root.get(DELIVERIES, {"transport": "email"}).text
    assert "News of today" not in root.get(ALERTS, {"kind": "post.deletion"}).text


@pytest.mark.parametrize(
    ("key", "is_listed"), [("{pk}", True), ("0", False), ("x", False), ("9" * 30, False), ("", True)]
)
def test_the_deliveries_of_one_alert_can_be_listed(root, delivery, key, is_listed):
    page = root.get(DELIVERIES, {"alert": key.format(pk=delivery.alert_id)})
    assert page.status_code == 200
    assert ("ada@example.org" in page.text) is is_listed


@pytest.mark.parametrize(
    ("address", "narrowing", "words"),
    [
        (ALERTS, {}, "Nothing has happened yet."),
        (DELIVERIES, {}, "Nothing has been carried yet."),
        (ALERTS, {"q": "x"}, "No alert matches."),
        (DELIVERIES, {"q": "x", "state__exact": "dead"}, "No delivery matches."),
        (DELIVERIES, {"state__exact": "dead"}, "No dead letters: nothing has been given up."),
    ],
)
def test_an_empty_list_says_so_in_words_and_leads_back(root, address, narrowing, words):
    page = root.get(address, narrowing)
    assert words in page.text
    assert ("Show all" in page.text) is bool(narrowing)
    assert "toplinks" not in page.text


@pytest.mark.parametrize("address", [ALERTS, DELIVERIES])
def test_the_search_field_has_a_label_in_words(root, address):
    assert '<span class="visually-hidden">Search</span></label>' in root.get(address).text


# --- lists that a long log does not slow ---


@pytest.mark.parametrize("address", [ALERTS, DELIVERIES])
def test_a_list_of_many_asks_no_question_for_each(root, delivery, address, django_assert_num_queries):
    root.get(address)
    with django_assert_num_queries(6):  # session, user, count, rows, first and last day
        root.get(address)
    for number in range(60):
        make(record(kind="test.news", audience="everyone", title=f"News {number}"), "sent")
    with django_assert_num_queries(6) as asked:
        root.get(address)
    assert [query["sql"] for query in asked if "alerts_" in query["sql"] and "LIMIT" not in query["sql"]] == []


@pytest.mark.parametrize(("number", "words"), [(3, "3 deliveries"), (4, "The first 3 deliveries of more")])
def test_a_count_that_stops_says_so(root, alert, monkeypatch, django_assert_max_num_queries, number, words):
    monkeypatch.setattr(changelist, "MOST_COUNTED", 3)
    for _ in range(number):
        make(alert, "dead")
    with django_assert_max_num_queries(6) as asked:
        page = root.get(DELIVERIES).text
    assert [query["sql"].endswith("LIMIT 4) subquery") for query in asked if "COUNT" in query["sql"]] == [True]
    assert words in page
    assert ("Select all that match, more than 3" in page) is (number > 3)


def test_all_that_match_are_settled_beyond_what_is_counted(root, alert, monkeypatch):
    monkeypatch.setattr(changelist, "MOST_COUNTED", 3)
    letters = [make(alert, "dead") for _ in range(5)]
    page = settle(root, "retry", letters[0], select_across="1")
    assert told(page) == ["5 deliveries retried. A running relay looks every second."]


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
    with django_assert_max_num_queries(60):
        page = settle(root, "retry", delivery, select_across="1")
    assert "3,001 deliveries retried." in page.text
    assert not Delivery.objects.filter(state="dead").exists()
    assert LogEntry.objects.count() == 3_001


# --- dates ---


@pytest.fixture
def days():
    """Sets when what is in the log happened, one day for each alert."""

    def spread(*days):
        for year, month, day in days:
            alert = record(kind="test.news", audience="everyone", title=f"Of {year}-{month}-{day}")
            Alert.objects.filter(pk=alert.pk).update(created=datetime(year, month, day, 12, tzinfo=UTC))
            make(alert, "sent", address=f"{year}-{month}-{day}@example.org")

    return spread


def dates_of(page):
    dates = page.context["cl"].dates
    return (dates.back() and dates.back().title, [choice.title for choice in dates.choices()])


def test_dates_lead_from_years_to_a_day_and_back(root, days):
    days((2024, 12, 30), (2025, 2, 3), (2025, 2, 5))
    page = root.get(ALERTS)
    assert dates_of(page) == (None, ["2024", "2025"])
    page = root.get(ALERTS + page.context["cl"].dates.choices()[1].link)
    assert dates_of(page) == ("All dates", ["January 2025", "February 2025"])
    assert "Of 2024" not in page.text
    page = root.get(ALERTS + page.context["cl"].dates.choices()[1].link)
    assert dates_of(page) == ("2025", [f"February {day}" for day in (1, 2, 3, 4, 5)])
    page = root.get(ALERTS + page.context["cl"].dates.choices()[2].link)
    assert dates_of(page) == ("February 2025", ["February 3"])
    assert [alert.title for alert in page.context["cl"].result_list] == ["Of 2025-2-3"]
    page = root.get(ALERTS + page.context["cl"].dates.back().link)
    assert [alert.title for alert in page.context["cl"].result_list] == ["Of 2025-2-5", "Of 2025-2-3"]


@pytest.mark.parametrize(
    ("last", "shown"),
    [
        ((2024, 11, 6), ["November 4", "November 5", "November 6"]),
        ((2024, 12, 1), ["November 2024", "December 2024"]),
        ((2025, 1, 1), ["2024", "2025"]),
    ],
)
def test_dates_begin_with_what_tells_the_log_apart(root, days, last, shown):
    days((2024, 11, 4), last)
    assert dates_of(root.get(ALERTS)) == (None, shown)
    assert dates_of(root.get(DELIVERIES)) == (None, shown)


def test_dates_keep_the_search_and_every_link_of_them_works(root, days):
    days((2024, 12, 30), (2025, 2, 3))
    page = root.get(DELIVERIES, {"q": "example", "alert__created__year": "2025"})
    for choice in (page.context["cl"].dates.back(), *page.context["cl"].dates.choices()):
        assert "q=example" in choice.link
        assert f'href="{escape(choice.link)}"' in page.text
        assert root.get(DELIVERIES + choice.link).status_code == 200


@pytest.mark.parametrize("value", ["x", "", "0", "-1", "99999"])
def test_what_is_no_date_is_refused_kindly(root, days, value):
    days((2024, 12, 30))
    page = root.get(ALERTS, {"created__year": value}, follow=True)
    assert page.status_code == 200
    assert page.redirect_chain == [(f"{ALERTS}?e=1", 302)]


# --- one page ---


def test_an_alert_shows_all_there_is_of_it(root):
    alert = record(
        kind="test.news",
        audience="everyone",
        title="News",
        subjects=[{"model": "posts.post", "pk": "7", "label": "<b>First</b>"}],
        count=5,
        cause={"model": "posts.blog", "pk": "1", "label": "Blog"},
        data={"words": "ü<script>"},
    )
    assert "not numbered yet" in root.get(page_of(alert)).text
    bell.number_all()
    page = root.get(page_of(alert)).text
    assert "&lt;b&gt;First&lt;/b&gt; (posts.post 7)" in page
    assert "and 4 more, listed on its page" in page
    assert "Blog (posts.blog 1)" in page
    assert "ü&lt;script&gt;" in page
    assert reverse("alert", args=[alert.uid]) in page


def test_an_alert_shows_its_deliveries_the_dead_first(root, delivery):
    make(delivery.alert, "sent", address="bob@example.org")
    other = make(record(kind="test.news", audience="everyone", title="Other"), "dead", address="eve@example.org")
    page = root.get(page_of(delivery.alert)).text
    assert page.index("ada@example.org") < page.index("bob@example.org")
    assert REFUSED in page
    assert page_of(delivery) in page
    assert page_of(other) not in page
    link = f"{DELIVERIES}?alert={delivery.alert_id}&state__exact=dead"
    assert f'href="{escape(link)}"' in page
    assert "ada@example.org" in root.get(link).text
    assert "bob@example.org" not in root.get(link).text


def test_an_alert_for_everyone_shows_some_of_its_deliveries_and_counts_them_all(root, alert):
    for _ in range(SHOWN + 1):
        make(alert, "sent")
    page = root.get(page_of(alert)).text
    assert page.count("x@example.org") == SHOWN
    assert f"All {SHOWN + 1} deliveries" in page
    assert f"{SHOWN + 1} sent" in page


@pytest.mark.parametrize(
    ("kind", "is_planned", "words"),
    [
        ("user.welcome", False, "None yet: a relay plans them."),
        ("user.welcome", True, "None: nobody in its audience had an address."),
        ("test.news", True, "None: alerts of this kind are shown on the dashboard alone."),
    ],
)
def test_an_alert_without_deliveries_says_why(root, kind, is_planned, words):
    alert = record(kind=kind, audience="everyone", title="News")
    Alert.objects.update(expanded_at=alert.created if is_planned else None)
    assert words in root.get(page_of(alert)).text


def test_an_alert_shows_no_deliveries_to_who_may_not_see_any(client, delivery):
    user = User.objects.create_user("viewer", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename="view_alert"))
    client.force_login(user)
    page = client.get(page_of(delivery.alert))
    assert page.status_code == 200
    assert "ada@example.org" not in page.text


def test_a_delivery_leads_to_its_alert_and_to_who_gets_it(root, delivery, ada):
    assert "user 0, who is gone" in root.get(page_of(delivery)).text
    Delivery.objects.update(recipient="no key")
    assert "user no key, who is gone" in root.get(page_of(delivery)).text
    Delivery.objects.update(recipient=str(ada.pk))
    page = root.get(page_of(delivery)).text
    assert reverse("admin:accounts_user_change", args=[ada.pk]) in page
    assert page_of(delivery.alert) in page


@pytest.mark.parametrize(
    ("state", "is_due", "is_held"), [("waiting", True, False), ("sending", False, True), ("dead", False, False)]
)
def test_a_delivery_shows_what_its_state_gives_a_meaning(root, alert, state, is_due, is_held):
    page = root.get(page_of(make(alert, state, holder="relay-of-old"))).text
    assert (date_format(alert.created, "DATETIME_FORMAT") in page.split("Next try:")[1].split("</div>")[0]) is is_due
    assert ("relay-of-old" in page) is is_held


# --- to look at only ---


@pytest.mark.parametrize("model", [Alert, Delivery])
def test_nobody_adds_changes_or_deletes_there(root, delivery, model):
    assert root.get(reverse(f"admin:alerts_{model._meta.model_name}_add")).status_code == 403
    for row in model.objects.all():
        assert root.post(page_of(row), {"title": "x"}).status_code == 403
        assert root.post(page_of(row, "delete"), {"post": "yes"}).status_code == 403
    assert model.objects.exists()
    assert model in admin.site._registry


def test_who_may_only_look_sees_no_buttons_and_no_actions(viewer, delivery):
    page = viewer.get(page_of(delivery))
    assert page.status_code == 200
    assert "alerts-deed" not in page.text
    page = viewer.get(DELIVERIES)
    assert "ada@example.org" in page.text
    assert "_selected" not in page.text
    for deed in ("retry", "discard"):
        assert viewer.post(page_of(delivery, deed)).status_code == 403
        settle(viewer, deed, delivery)
    delivery.refresh_from_db()
    assert delivery.state == "dead"
    assert not LogEntry.objects.exists()


# --- dead letters ---


@pytest.mark.parametrize(
    ("state", "deeds"),
    [("dead", {"retry", "discard"}), ("waiting", {"discard"}), ("discarded", {"retry"}), ("sent", ())],
)
def test_a_page_has_the_buttons_its_state_allows(root, alert, state, deeds):
    delivery = make(alert, state)
    page = root.get(page_of(delivery)).text
    assert {deed for deed in ("retry", "discard") if page_of(delivery, deed) in page} == set(deeds)


def test_a_dead_letter_is_retried_on_its_own_page(root, delivery):
    page = root.post(page_of(delivery, "retry"), follow=True)
    assert page.redirect_chain == [(page_of(delivery), 302)]
    assert told(page) == ["1 delivery retried. A running relay looks every second."]
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.reason) == ("waiting", 0, f"Before the retry: {REFUSED}")


def test_a_deed_comes_back_to_the_page_with_the_filters_of_the_list(root, delivery):
    kept = "?_changelist_filters=state__exact%3Ddead"
    assert escape(page_of(delivery, "discard") + kept) in root.get(page_of(delivery) + kept).text
    page = root.post(page_of(delivery, "discard") + kept)
    assert page.url == page_of(delivery) + kept


def test_history_says_who_did_what_to_which(root, delivery):
    other = make(delivery.alert, "sent")
    settle(root, "retry", delivery, other)
    root.post(page_of(delivery, "discard"))
    entries = LogEntry.objects.order_by("pk").values_list(
        "user__username", "object_id", "object_repr", "change_message"
    )
    assert list(entries) == [
        ("root", str(delivery.pk), "email to ada@example.org", "Retried."),
        ("root", str(delivery.pk), "email to ada@example.org", "Discarded."),
    ]
    history = root.get(page_of(delivery, "history")).text
    assert "Retried." in history
    assert "Discarded." in history


def test_many_are_settled_at_once_and_what_does_not_fit_is_said(root, alert):
    states = ("dead", "waiting", "sending", "sent", "sent", "dropped", "discarded")
    letters = [make(alert, state) for state in states]
    assert told(settle(root, "retry", *letters)) == [
        "2 deliveries retried. A running relay looks every second.",
        "5 deliveries left alone (1 dropped, 1 sending, 2 sent, 1 waiting): "
        "only dead or discarded ones can be retried.",
    ]
    after = ["waiting", "waiting", "sending", "sent", "sent", "dropped", "waiting"]
    assert [one.state for one in Delivery.objects.order_by("pk")] == after
    assert told(settle(root, "discard", *letters)) == [
        "3 deliveries discarded.",
        "4 deliveries left alone (1 dropped, 1 sending, 2 sent): only dead or waiting ones can be discarded.",
    ]
    after = ["discarded", "discarded", "sending", "sent", "sent", "dropped", "discarded"]
    assert [one.state for one in Delivery.objects.order_by("pk")] == after


def test_only_what_is_chosen_is_settled(root, delivery):
    other = make(delivery.alert, "dead")
    settle(root, "discard", delivery)
    other.refresh_from_db()
    assert other.state == "dead"


def test_nothing_done_is_told_without_a_word_of_success(root, alert):
    assert told(settle(root, "retry", make(alert, "sent"))) == [
        "1 delivery left alone (1 sent): only dead or discarded ones can be retried."
    ]


def test_a_deed_is_a_post_and_about_a_delivery_there_is(root, delivery):
    assert root.get(page_of(delivery, "retry")).status_code == 405
    assert root.post(reverse("admin:alerts_delivery_retry", args=[delivery.pk + 1])).status_code == 404
    assert root.post(f"{DELIVERIES}x/retry/").status_code == 404
    delivery.refresh_from_db()
    assert delivery.state == "dead"
