from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from alerts.among import among
from alerts.models import Alert, ReadState
from alerts.outbox import record

pytestmark = pytest.mark.django_db


def test_texts_numbers_and_uuids_are_found_as_by_in():
    alerts = [record(kind="test.among", audience=f"user:{number}", title="x") for number in range(4)]
    for name in ("audience", "seq", "uid"):
        wanted = [getattr(alert, name) for alert in alerts[:2]]
        unknown = {"audience": "user:9", "seq": 10**9, "uid": uuid4()}[name]
        for values in (wanted, {*wanted, unknown}, [unknown], []):
            found = among(Alert.objects.all(), name, values).order_by("seq")
            assert list(found) == list(Alert.objects.filter(**{f"{name}__in": values}).order_by("seq"))


def test_what_a_text_holds_is_no_sql():
    odd = ["it's", 'a "quoted" one', "{braces},", "back\\slash", "100%", "%s", ""]
    ReadState.objects.bulk_create(ReadState(user=user, read_up_to=0) for user in odd)
    assert set(among(ReadState.objects.all(), "user", odd).values_list("user", flat=True)) == set(odd)
    assert not among(ReadState.objects.all(), "user", ["its", "braces"]).exists()


def test_it_goes_with_other_conditions_and_groups():
    users = User.objects.bulk_create(User(username=f"user {number}", email=f"{number}@x.org") for number in range(3))
    keys = [user.pk for user in users]
    rows = among(User.objects.filter(is_active=True), "pk", keys).exclude(username="user 1")
    assert sorted(rows.values_list("username", flat=True)) == ["user 0", "user 2"]


def test_however_many_they_are_the_statement_on_postgresql_is_the_same():
    with CaptureQueriesContext(connection) as captured:
        for count in (1, 300):
            list(among(ReadState.objects.all(), "user", [str(number) for number in range(count)]))
    assert len(captured) == 2
    assert ("ANY" in captured[1]["sql"]) == (connection.vendor == "postgresql")
