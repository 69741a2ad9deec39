import pytest
from django.db import connection
from django.utils import timezone

from alerts.models import Alert
from alerts.ranges import first_of

pytestmark = pytest.mark.django_db

FOLDED = 5  # the position of one that its group has folded away


@pytest.fixture(autouse=True)
def log():
    """Positions 1 to 12: of staff, of everyone and of user 7 in turn."""
    Alert.objects.bulk_create(
        Alert(
            kind="test.news",
            audience=("user:7", "staff", "everyone")[position % 3],
            title="x",
            created=timezone.now(),
            position=position,
            place=2 if position == FOLDED else 0,
        )
        for position in range(1, 13)
    )


def positions(*keys, **options):
    options = {"after": 0, "up_to": 12, "limit": 100} | options
    found = Alert.objects.filter(first_of(keys, **options))
    return list(found.order_by("position").values_list("position", flat=True))


def test_the_ranges_of_all_keys_are_one_in_order():
    assert positions("staff") == [1, 4, 7, 10]
    assert positions("staff", "everyone") == [1, 2, 4, 5, 7, 8, 10, 11]
    assert positions("staff", "everyone", "user:7") == list(range(1, 13))


def test_the_first_few_are_the_first_of_all_keys_together():
    assert positions("staff", "everyone", limit=3) == [1, 2, 4]
    assert positions("staff", "everyone", limit=3, is_newest_first=True) == [8, 10, 11]


def test_positions_are_above_the_one_and_up_to_the_other():
    assert positions("staff", "everyone", after=4, up_to=10) == [5, 7, 8, 10]


def test_cards_are_those_that_no_group_folds_away():
    assert positions("everyone", are_cards=True) == [2, 8, 11]
    assert positions("everyone", are_cards=True, limit=2) == [2, 8]


def test_who_has_no_key_has_nothing_and_a_key_may_be_any_text():
    assert positions() == []
    assert positions("perm:no.such", 'a "quoted" one', "{a,b}", "it's", "100%s") == []


def test_no_range_is_looked_for_in_the_log_itself():
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL reads a table of twelve rows as a whole")
    for options in ({}, {"are_cards": True, "is_newest_first": True}):
        chosen = Alert.objects.filter(first_of(["user:1", "staff"], after=0, up_to=12, limit=5, **options))
        plan = chosen.order_by("-position").explain()
        assert "position>?" not in plan.replace("(audience=? AND position>?", "")
        assert "(audience=? AND position>? AND position<?)" in plan
