import uuid

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from alerts import reads
from alerts.audiences import keys_of
from alerts.models import Alert, ReadMark, ReadState
from alerts.outbox import record
from alerts.relay.bell import bell
from alerts.relay.head import read_head

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reader(ada):
    """A user whose read state begins at the head."""
    bell.number_all()
    reads.state_of(ada)
    return ada


@pytest.fixture
def bea(db):
    return User.objects.create_user("bea", is_staff=True)


def news(count=1, audience="everyone"):
    """Numbered alerts; gives their ids."""
    with transaction.atomic():
        made = [record(kind="test.news", audience=audience, title=f"News {n}") for n in range(count)]
    bell.number_all()
    return [alert.uid for alert in made]


def unread(user):
    return reads.unread_count(reads.state_of(user), keys_of(user), read_head().position)


def mark(user, ids, is_read=True):
    return reads.mark(user, keys_of(user), ids, is_read=is_read)


def read_now(user, ids):
    change = reads.sync(user, keys_of(user), ids)
    return set(change.read_ids)


def test_what_was_there_before_the_first_visit_is_read(ada):
    news(5)
    assert unread(ada) == 0
    news(2)
    assert unread(ada) == 2
    assert reads.state_of(ada).version == 0


def test_two_first_visits_at_once_make_one_state(ada, at_once):
    states = at_once(*[lambda: reads.state_of(ada).pk] * 4)
    assert len(set(states)) == 1
    assert ReadState.objects.count() == 1


def test_reading_lowers_the_count_and_raises_the_version_once_per_real_change(reader):
    ids = news(3)
    change = mark(reader, ids[:2])
    assert (change.version, change.unread, change.is_new) == (1, 1, True)
    assert sorted(change.read_ids) == sorted(str(uid) for uid in ids[:2])
    again = mark(reader, ids[:2])
    assert (again.version, again.unread, again.is_new) == (1, 1, False)
    assert sorted(again.read_ids) == sorted(change.read_ids)
    partly = mark(reader, ids)
    assert (partly.version, partly.unread, partly.is_new) == (2, 0, True)


def test_unreading_takes_it_back_and_leaves_no_mark(reader):
    [uid] = news()
    mark(reader, [uid])
    assert ReadMark.objects.count() == 1
    change = mark(reader, [uid], is_read=False)
    assert (change.version, change.unread, change.unread_ids, change.read_ids) == (2, 1, [str(uid)], ())
    assert not ReadMark.objects.exists(), "the state alone says it"


def test_an_alert_of_before_may_be_marked_unread_and_read_again(ada):
    [uid] = news()
    assert unread(ada) == 0
    assert mark(ada, [uid], is_read=False).unread == 1
    assert read_now(ada, [uid]) == set()
    assert mark(ada, [uid]).unread == 0
    assert read_now(ada, [uid]) == {str(uid)}


def test_reading_all_up_to_a_position_removes_the_marks_below_it_and_keeps_those_above(reader):
    first = reads.state_of(reader).read_up_to
    ids = news(4)
    mark(reader, [ids[0]])
    mark(reader, [ids[3]])
    change = reads.mark_all_read(reader, keys_of(reader), first + 2)
    assert (change.read_up_to, change.version, change.unread, change.is_new) == (first + 2, 3, 1, True)
    assert read_now(reader, ids) == {str(uid) for uid in (ids[0], ids[1], ids[3])}
    assert ReadMark.objects.count() == 1


def test_reading_all_again_changes_nothing(reader):
    news(2)
    head = read_head().position
    first = reads.mark_all_read(reader, keys_of(reader), head)
    second = reads.mark_all_read(reader, keys_of(reader), head)
    assert (first.is_new, second.is_new, second.version) == (True, False, first.version)


def test_reading_all_reads_what_was_marked_unread_below(reader):
    [uid] = news()
    head = read_head().position
    reads.mark_all_read(reader, keys_of(reader), head)
    mark(reader, [uid], is_read=False)
    change = reads.mark_all_read(reader, keys_of(reader), head)
    assert (change.is_new, change.unread) == (True, 0)


def test_reading_all_up_to_an_older_position_never_goes_back(reader):
    news(3)
    head = read_head().position
    reads.mark_all_read(reader, keys_of(reader), head)
    assert not reads.mark_all_read(reader, keys_of(reader), head - 2).is_new
    assert reads.state_of(reader).read_up_to == head


def test_nothing_beyond_the_head_is_read_in_advance(reader):
    news()
    change = reads.mark_all_read(reader, keys_of(reader), 2**53 - 1)
    assert change.read_up_to == read_head().position
    news()
    assert unread(reader) == 1


def test_ids_one_may_not_see_are_ignored(reader):
    [hidden] = news(audience="staff")
    [seen] = news()
    change = mark(reader, [hidden, seen, uuid.uuid4()])
    assert (change.read_ids, change.unread) == ([str(seen)], 0)
    assert mark(reader, [hidden, uuid.uuid4()]) is None
    assert not ReadMark.objects.filter(alert__uid=hidden).exists()
    assert reads.state_of(reader).version == 1
    assert read_now(reader, [hidden]) == set()


def test_alerts_without_a_position_can_be_neither_read_nor_counted(reader):
    uid = record(kind="test.news", audience="everyone", title="x").uid
    assert mark(reader, [uid]) is None
    assert unread(reader) == 0


def test_counts_stop_at_a_thousand(reader):
    news(1_005)
    with CaptureQueriesContext(connection) as queries:
        assert unread(reader) == 1_000
    assert any("LIMIT 1000" in query["sql"] for query in queries)


def test_what_others_read_is_theirs(reader):
    bea = User.objects.create_user("bea")
    bell.number_all()
    reads.state_of(bea)
    [uid] = news()
    mark(bea, [uid])
    assert (unread(reader), unread(bea)) == (1, 0)


def test_two_tabs_at_once_raise_the_version_once_for_each_real_change(reader, at_once):
    ids = news(6)
    at_once(*[lambda: mark(reader, ids)] * 3)
    assert (reads.state_of(reader).version, unread(reader)) == (1, 0)
    at_once(*[lambda uid=uid: mark(reader, [uid], is_read=False) for uid in ids])
    assert (reads.state_of(reader).version, unread(reader)) == (7, 6)


def test_a_sync_tells_which_are_read_and_which_not_and_changes_nothing(reader):
    ids = news(2)
    mark(reader, ids[:1])
    change = reads.sync(reader, keys_of(reader), ids)
    assert (change.read_ids, change.unread_ids, change.is_new) == ([str(ids[0])], [str(ids[1])], False)
    assert (change.version, change.unread, change.counted_up_to) == (1, 1, read_head().position)


def test_after_a_resume_the_read_ones_between_two_positions_are_known(reader):
    start = read_head().position
    ids = news(5)
    mark(reader, [ids[1], ids[4]])
    reads.mark_all_read(reader, keys_of(reader), start + 1)
    found = reads.read_ids_between(reads.state_of(reader), keys_of(reader), start, start + 4)
    assert found == {start + 1: str(ids[0]), start + 2: str(ids[1])}


def test_the_versions_of_many_users_are_one_query(reader, django_assert_num_queries):
    bea = User.objects.create_user("bea")
    bell.number_all()
    reads.state_of(bea)
    mark(reader, news())
    with django_assert_num_queries(1):
        assert reads.versions([str(reader.pk), str(bea.pk), "987654"]) == {str(reader.pk): 1, str(bea.pk): 0}


def test_marks_go_with_their_alert(reader):
    mark(reader, news())
    Alert.objects.all().delete()
    assert not ReadMark.objects.exists()


def group_of(reader):
    news(20)
    [group] = set(Alert.objects.exclude(group="").values_list("group", flat=True))
    return group


def is_group_read(user, group):
    newest = Alert.objects.filter(group=group).order_by("-place")[0]
    return reads.is_group_read(reads.state_of(user), newest)


def test_a_group_is_read_as_one(reader):
    group = group_of(reader)
    assert not is_group_read(reader, group)
    change = reads.mark_group_read(reader, keys_of(reader), group)
    newest = Alert.objects.filter(group=group).order_by("-place")[0]
    assert change is not None
    assert (change.unread, change.is_new, change.read_ids[0], len(change.read_ids)) == (6, True, str(newest.uid), 14)
    assert is_group_read(reader, group)
    again = reads.mark_group_read(reader, keys_of(reader), group)
    assert again is not None
    assert (again.is_new, again.version, again.unread) == (False, change.version, 6)


def test_one_alert_of_a_group_marked_unread_makes_it_unread(reader):
    group = group_of(reader)
    reads.mark_all_read(reader, keys_of(reader), read_head().position)
    assert is_group_read(reader, group)
    one = Alert.objects.filter(group=group)[3].uid
    mark(reader, [one], is_read=False)
    assert not is_group_read(reader, group)
    reads.mark_group_read(reader, keys_of(reader), group)
    assert is_group_read(reader, group)
    assert unread(reader) == 0
    assert not ReadMark.objects.exists()


def test_a_group_one_may_not_see_is_left_alone(reader):
    news(20, "superusers")
    [group] = set(Alert.objects.exclude(group="").values_list("group", flat=True))
    assert reads.mark_group_read(reader, keys_of(reader), group) is None
    assert reads.mark_group_read(reader, keys_of(reader), "no such") is None
    assert not ReadMark.objects.exists()


def test_the_frame_of_a_large_group_names_the_newest_thousand(reader):
    news(reads.MOST_NAMED + 106)
    [group] = set(Alert.objects.exclude(group="").values_list("group", flat=True))
    change = reads.mark_group_read(reader, keys_of(reader), group)
    assert change is not None
    assert (len(change.read_ids), change.unread) == (reads.MOST_NAMED, 6)


def reading(user):
    return reads.readings([str(user.pk)])[str(user.pk)]


def test_the_states_of_many_are_read_or_made_together(ada, bea, django_assert_num_queries):
    news(3)
    reads.state_of(ada)
    news(2)
    found = reads.readings([str(ada.pk), str(bea.pk)])
    head = read_head().position
    assert {user: (state.read_up_to, state.version, state.marks) for user, state in found.items()} == {
        str(ada.pk): (head - 2, 0, ()),
        str(bea.pk): (head, 0, ()),
    }
    with django_assert_num_queries(2):
        assert reads.readings([str(ada.pk), str(bea.pk)]) == found


def test_two_who_make_the_same_states_make_each_once(ada, bea, at_once):
    users = [str(ada.pk), str(bea.pk)]
    one, *others = at_once(*[lambda: reads.readings(users), lambda: reads.readings(users[::-1])] * 2)
    assert all(other == one for other in others)
    assert ReadState.objects.count() == 2


def test_more_marks_than_can_be_held_are_left_to_the_database(reader, monkeypatch):
    ids = news(3)
    mark(reader, ids[:2])
    assert len(reading(reader).marks) == 2
    monkeypatch.setattr(reads, "MOST_HELD", 1)
    held = reading(reader)
    assert (held.marks, held.has_marks, held.unread(3, {"everyone"}, read_head().position)) == (None, True, None)


MARKS = st.lists(st.tuples(st.integers(0, 11), st.booleans()), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(marks=MARKS, read_up_to=st.integers(-3, 12), later=MARKS, short=st.integers(0, 4))
def test_in_memory_and_by_the_database_the_same_is_read(reader, bea, marks, read_up_to, later, short):
    ReadMark.objects.all().delete()
    ids = [uid for _ in range(3) for audience in ("everyone", "staff", f"user:{reader.pk}", f"user:{bea.pk}")
           for uid in news(1, audience)]  # fmt: skip
    head = read_head().position
    ReadState.objects.filter(user=str(reader.pk)).update(read_up_to=head - 12)
    for given_marks in (marks, later):
        for number, is_read in given_marks:
            mark(reader, [ids[number]], is_read=is_read)
        if given_marks is marks and read_up_to > 0:
            reads.mark_all_read(reader, keys_of(reader), head - 12 + read_up_to)
    keys, state, held = keys_of(reader), reads.state_of(reader), reading(reader)
    up_to = head - short
    newer = Alert.objects.filter(audience__in=keys, position__gt=held.read_up_to, position__lte=up_to).count()
    expected = reads.unread_count(state, keys, up_to)
    assert held.unread(newer, keys, up_to) == expected
    counts = reads.unread_counts([str(reader.pk), str(bea.pk)], keys - {f"user:{reader.pk}"}, up_to)
    assert counts.get(str(reader.pk)) == expected
    mine = Alert.objects.filter(audience__in=keys, position__lte=up_to, position__gt=head - 12).order_by("position")
    positions = list(mine.values_list("position", flat=True))
    read = held.read_among(positions)
    assert read == set(reads.read_ids_between(state, keys, head - 12, up_to))
    assert read == set(reads.read_ids_between(held, keys, head - 12, up_to))


def test_a_bulk_count_stops_at_its_most(reader, bea, monkeypatch):
    monkeypatch.setattr(reads, "MOST", 5)
    reads.state_of(bea)
    news(4)
    news(3, f"user:{reader.pk}")
    counts = reads.unread_counts([str(reader.pk), str(bea.pk)], ["everyone"], read_head().position)
    assert counts == {str(reader.pk): 5, str(bea.pk): 4}
    assert reading(reader).unread(7, keys_of(reader), read_head().position) == 5
