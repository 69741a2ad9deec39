import uuid

import pytest
from django.db import transaction

from accounts.models import User
from alerts import reads
from alerts.feed import PAGE
from alerts.outbox import record
from alerts.relay.bell import bell

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reader(client):
    user = User.objects.create_user("reader")
    bell.number_all()
    reads.state_of(user)
    client.force_login(user)
    return client


def news(count=1, audience="everyone", **fields):
    with transaction.atomic():
        made = [record(kind=f"test.news{n // 6}", audience=audience, title=f"News {n}", **fields) for n in range(count)]
    bell.number_all()
    return made


def rows_of(count):
    return [{"model": "test.row", "pk": str(number), "label": f"Row {number}."} for number in range(count)]


@pytest.mark.parametrize("path", ["/", "/alerts/0fd8f3fd-83f0-4a53-9b8e-3d6a2c1b7e55/"])
def test_whoever_is_not_signed_in_is_sent_to_sign_in(client, path):
    response = client.get(path)
    assert (response.status_code, response.url) == (302, f"/accounts/login/?next={path}")


def test_the_dashboard_lists_the_newest_and_links_to_older_ones(reader):
    news(PAGE + 1)
    page = reader.get("/")
    assert f"News {PAGE}" in page.text
    assert page.context["page"].unread == PAGE + 1
    older = reader.get("/" + page.context["page"].older)
    assert [card.title for card in older.context["page"].alerts] == ["News 0"]
    assert "no-store" in page["Cache-Control"]


@pytest.mark.parametrize("before", ["x", "-1", "1.5", "9" * 19, "²", "٣"])
def test_a_page_before_nonsense_is_not_found(reader, before):
    assert reader.get("/", {"before": before}).status_code == 404


def test_a_group_with_nul_in_its_name_is_no_group(reader):
    assert "Nothing is left of this storm" in reader.get("/", {"group": "no\x00such"}).text


def test_a_page_before_the_first_is_empty(reader):
    news()
    assert reader.get("/", {"before": "1"}).context["page"].alerts == []


def test_one_alert_has_a_page_and_opening_it_reads_it(reader):
    [alert] = news(data={"name": "<b>Ada</b>"})
    assert reader.get("/").context["page"].unread == 1
    page = reader.get(f"/alerts/{alert.uid}/")
    assert "News 0" in page.text
    assert "&lt;b&gt;Ada" in page.text
    assert reader.get("/").context["page"].unread == 0


def test_asking_for_the_head_of_an_alert_page_reads_nothing(reader):
    [alert] = news()
    assert reader.head(f"/alerts/{alert.uid}/").status_code == 200
    assert reader.get("/").context["page"].unread == 1


def test_a_read_by_opening_is_told_to_other_tabs_once(reader):
    [alert] = news()
    bell._hints.clear()
    for _ in range(2):
        reader.get(f"/alerts/{alert.uid}/")
    assert [list(hint) for hint in bell._hints] == [["reads"]]
    bell._hints.clear()


def test_an_alert_for_others_or_for_nobody_is_not_found(reader):
    [hidden] = news(audience="staff")
    early = record(kind="test.news", audience="everyone", title="x")
    for uid in (hidden.uid, early.uid, uuid.uuid4()):
        assert reader.get(f"/alerts/{uid}/").status_code == 404


def test_every_row_of_an_act_is_shown_in_pages(reader):
    [alert] = news(subjects=rows_of(250))
    shown = "".join(reader.get(f"/alerts/{alert.uid}/", {"page": page}).text for page in (1, 2, 3))
    assert all(f"Row {number}." in shown for number in range(250))


@pytest.mark.parametrize("page", ["0", "99", "x", ""])
def test_a_page_of_rows_that_does_not_exist_shows_one_that_does(reader, page):
    [alert] = news(subjects=rows_of(150))
    assert reader.get(f"/alerts/{alert.uid}/", {"page": page}).status_code == 200


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_the_pages_change_nothing_by_other_methods(reader, method):
    [alert] = news()
    for path in ("/", f"/alerts/{alert.uid}/"):
        assert getattr(reader, method)(path).status_code == 405


def test_the_bells_fragment_has_the_latest_ten_and_where_they_stand(reader):
    news(12)
    page = reader.get("/alerts/latest/")
    assert len(page.context["page"].alerts) == 10
    assert page.text.count("<li ") == 10
    assert f'data-position="{page.context["page"].position}"' in page.text
    assert "no-store" in page["Cache-Control"]
    assert "<html" not in page.text


def test_the_service_worker_is_served_at_the_root_and_never_stale(client):
    answer = client.get("/service-worker.js")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/javascript")
    assert answer["Cache-Control"] == "no-cache"
    assert "{%" not in answer.text


def test_a_storm_is_one_card_of_the_page_and_has_a_page_of_its_own(reader):
    with transaction.atomic():
        for number in range(20):
            record(kind="test.storm", audience="everyone", title=f"Drop {number}")
    bell.number_all()
    page = reader.get("/")
    [card] = [card for card in page.context["page"].alerts if card.group]
    assert "14 alerts like this" in page.text
    assert len(page.context["page"].alerts) == 7
    storm = reader.get("/", {"group": card.group})
    assert len(storm.context["page"].alerts) == 14
    assert "One storm" in storm.text
    assert "Nothing is left of this storm" in reader.get("/", {"group": "no such"}).text
