import uuid

import pytest
from django.core.paginator import Paginator
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from alerts import feed, reads
from alerts.audiences import keys_of
from alerts.feed import PAGE
from alerts.models import Alert
from alerts.outbox import record
from alerts.relay.bell import bell
from alerts.relay.head import read_head

pytestmark = pytest.mark.django_db(transaction=True)


def news(count=1, audience="everyone", *, kind="", **fields):
    """Of a few kinds, so that they are no storm; of one `kind`, they are."""
    with transaction.atomic():
        made = [
            record(kind=kind or f"test.news{n // 6}", audience=audience, title=f"News {n}", **fields)
            for n in range(count)
        ]
    bell.number_all()
    return made


def titles(page):
    return [card.title for card in page.alerts]


@pytest.fixture
def reader(ada):
    bell.number_all()
    reads.state_of(ada)
    return ada


def test_a_page_is_the_newest_first_up_to_the_head_it_names(reader):
    news(3)
    page = feed.page(reader)
    head = read_head()
    assert titles(page) == ["News 2", "News 1", "News 0"]
    assert (page.epoch, page.position, page.unread, page.reads_version) == (head.epoch, head.position, 3, 0)
    assert (page.older, page.newer) == (None, False)


def test_what_has_no_position_yet_is_on_no_page(reader):
    record(kind="test.news", audience="everyone", title="x")
    assert titles(feed.page(reader)) == []


def test_older_pages_follow_on_without_a_gap(reader):
    news(PAGE * 2 + 3)
    seen, page = [], feed.page(reader)
    while True:
        seen += [card.position for card in page.alerts]
        if page.older is None:
            break
        page = feed.page(reader, before=int(page.older.removeprefix("?before=")))
        assert page.newer
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == PAGE * 2 + 3


def test_a_page_shows_only_what_one_may_see(reader):
    bea = User.objects.create_user("bea", is_staff=True)
    bell.number_all()
    news(1, "everyone")
    news(1, "staff")
    news(1, f"user:{bea.pk}")
    news(1, f"user:{reader.pk}")
    news(1, "superusers")
    news(1, "perm:posts.view_post")
    mine = Alert.objects.filter(audience__in=["everyone", f"user:{reader.pk}"]).order_by("-position")
    assert [card.uid for card in feed.page(reader).alerts] == [alert.uid for alert in mine]
    page = feed.page(User.objects.get(pk=bea.pk))
    assert {Alert.objects.get(uid=card.uid).audience for card in page.alerts} == {
        "everyone",
        "staff",
        f"user:{bea.pk}",
    }


def test_a_card_tells_who_what_why_and_whether_it_is_read(reader):
    subject = {"model": "posts.post", "pk": "7", "label": "First"}
    [alert] = news(1, subjects=[subject], cause=subject)
    [card] = feed.page(reader).alerts
    assert (card.uid, card.subjects, card.cause, card.is_read) == (alert.uid, [subject], subject, False)
    assert card.actor is not None
    assert card.actor["label"]
    reads.mark(reader, keys_of(reader), [alert.uid], is_read=True)
    assert feed.page(reader).alerts[0].is_read


def test_one_alert_is_found_by_who_may_see_it_alone(reader):
    [mine] = news()
    [hidden] = news(audience="staff")
    early = record(kind="test.news", audience="everyone", title="x")
    assert feed.find(reader, mine.uid) == mine
    assert feed.find(reader, hidden.uid) is None
    assert feed.find(reader, early.uid) is None
    assert feed.find(reader, uuid.uuid4()) is None


def test_an_inactive_user_sees_nothing(reader):
    [alert] = news()
    reader.is_active = False
    assert titles(feed.page(reader)) == []
    assert feed.find(reader, alert.uid) is None


def test_the_entries_between_two_positions_are_all_there_in_order():
    news(3, "staff")
    news(2, "everyone")
    assert [entry.position for entry in feed.entries(1, 4)] == [2, 3, 4]
    assert [entry.audience for entry in feed.entries(2, 5)] == ["staff", "everyone", "everyone"]


def test_the_entries_for_some_audiences_are_the_first_of_theirs():
    for number in range(10):
        news(1, "staff" if number % 2 else "everyone")
    assert [entry.position for entry in feed.entries_for({"staff"}, 2, 9, 2)] == [4, 6]
    assert feed.entries_for(set(), 0, 10, 5) == []


def rows_of(count):
    return [{"model": "test.row", "pk": str(number), "label": f"Row {number}"} for number in range(count)]


@pytest.mark.parametrize("count", [0, 1, 20, 21, 150, 1020, 1021, 2500])
def test_the_pages_of_an_act_show_each_row_once(count):
    [alert] = news(1, subjects=rows_of(count))
    paginator = Paginator(feed.Rows(alert), 100)
    shown = [row for page in paginator for row in page.object_list]
    assert shown == rows_of(count)


@pytest.fixture(scope="module")
def expected():
    return rows_of(2_345)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bounds=st.tuples(st.integers(0, 2_400), st.integers(0, 2_400)))
def test_any_slice_of_the_rows_is_the_slice_of_them_all(many_rows, expected, bounds):
    start, stop = sorted(bounds)
    assert many_rows[start:stop] == expected[start:stop]


@pytest.fixture
def many_rows(expected):
    [alert] = news(1, subjects=expected)
    return feed.Rows(alert)


def test_a_page_of_rows_reads_only_the_chunk_it_shows(django_assert_num_queries):
    [alert] = news(1, subjects=rows_of(2_500))
    rows = feed.Rows(alert)
    with django_assert_num_queries(0):
        assert len(rows[0:20]) == 20
        assert len(rows) == 2_500
    with django_assert_num_queries(1):
        assert rows[1_500]["label"] == "Row 1500"


def test_a_storm_is_one_card_where_its_first_stands(reader):
    news(20, kind="test.storm")
    news(1, kind="test.other")
    page = feed.page(reader)
    assert titles(page) == ["News 0", "News 19", *(f"News {n}" for n in range(5, -1, -1))]
    card = page.alerts[1]
    first = read_head().position - 20  # of the twenty; one of another kind came after
    assert (card.size, card.first, card.position) == (14, first + 6, first + 19)
    assert page.unread == 21
    assert all((one.group, one.size, one.first) == ("", 1, one.position) for one in page.alerts if one is not card)


def test_the_page_of_a_group_lists_its_alerts_one_by_one(reader):
    news(PAGE + 20, kind="test.storm")
    [group] = {card.group for card in feed.page(reader).alerts} - {""}
    page = feed.page(reader, group=group)
    assert titles(page) == [f"News {n}" for n in range(PAGE + 19, 19, -1)]
    assert page.older == f"?group={group}&before={page.alerts[-1].position}"
    older = feed.page(reader, group=group, before=page.alerts[-1].position)
    assert titles(older) == [f"News {n}" for n in range(19, 5, -1)]


def test_a_group_one_may_not_see_has_an_empty_page(reader):
    news(10, "superusers", kind="test.storm")
    [group] = set(Alert.objects.values_list("group", flat=True)) - {""}
    assert feed.page(reader, group=group).alerts == []
    assert feed.page(reader).alerts == []


def test_pages_with_groups_follow_on_without_a_gap(reader):
    for n in range(PAGE + 10):
        news(8, kind=f"test.kind{n}")
    seen, page = [], feed.page(reader)
    while True:
        seen += [card.first for card in page.alerts]
        if page.older is None:
            break
        page = feed.page(reader, before=int(page.older.removeprefix("?before=")))
    assert seen == sorted(seen, reverse=True)
    assert len(seen) == (PAGE + 10) * 7


def test_a_group_costs_a_page_three_queries(reader):
    def queries():
        with CaptureQueriesContext(connection) as found:
            feed.page(reader)
        return len(found)

    news(6, kind="test.storm")
    without = queries()
    news(10, kind="test.storm")
    assert queries() <= without + 3
