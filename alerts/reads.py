"""What each user has read: all up to a position, and a mark for each exception. A version rises with each change."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Concat, Least

from .among import among
from .models import Alert, Preference, ReadMark, ReadState
from .relay.head import read_head, using

MOST = 1_000  # unread alerts that are counted; an exact count over a long log is slow (trap X24)
MOST_OF_A_GROUP = 10_000  # alerts one command marks
MOST_NAMED = 1_000  # ids in one `reads` frame
MOST_HELD = 200  # marks of one user that are read at sign-in; whoever has more is counted by the database


class User(Protocol):
    """Who reads: a user of the site's model, or all a socket keeps of one."""

    @property
    def pk(self) -> Any: ...


@dataclass(frozen=True)
class Change:
    """What one command changed; the ids are those of alerts this user may see.

    `unread` counts up to the position `counted_up_to`; `is_new`: something did change.
    """

    version: int
    unread: int
    counted_up_to: int
    read_ids: Sequence[str] = ()
    unread_ids: Sequence[str] = ()
    read_up_to: int | None = None
    is_new: bool = True


class Mark(NamedTuple):
    """An exception: one alert read beyond `read_up_to`, or unread before it."""

    position: int
    audience: str
    is_read: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """A user's read state with its exceptions; `marks` are None where there are too many to hold."""

    user: str
    read_up_to: int
    version: int
    marks: tuple[Mark, ...] | None = ()

    @property
    def has_marks(self) -> bool:
        return self.marks != ()

    def unread(self, newer: int, keys: Collection[str], up_to: int) -> int | None:
        """What `unread_count` gives, where `newer` alerts of these audiences follow on `read_up_to`, up to `up_to`."""
        if self.marks is None:
            return None
        for mark in self.marks:
            if mark.position <= up_to and mark.audience in keys:
                if mark.is_read and mark.position > self.read_up_to:
                    newer -= 1
                elif not mark.is_read and mark.position <= self.read_up_to:
                    newer += 1
        return min(newer, MOST)

    def read_among(self, positions: Iterable[int]) -> set[int] | None:
        """Those of these positions that this user has read."""
        if self.marks is None:
            return None
        marks = {mark.position: mark.is_read for mark in self.marks}
        return {position for position in positions if marks.get(position, position <= self.read_up_to)}


State = ReadState | Reading


def state_of(user: User, head: int | None = None) -> ReadState:
    """The read state of a user; at their first visit it is made, at the head.

    Most have no marks at all. That is asked here, in the same query, and saves the queries that would look for them.
    """
    marks = ReadMark.objects.filter(user=OuterRef("user"))
    mine = ReadState.objects.using(using()).filter(user=str(user.pk))
    state: ReadState | None = mine.annotate(has_marks=Exists(marks)).first()
    if state is None:
        position = read_head().position if head is None else head
        ReadState.objects.using(using()).bulk_create(
            [ReadState(user=str(user.pk), read_up_to=position)], ignore_conflicts=True
        )
        return mine.get()
    return state


def readings(users: Collection[str]) -> dict[str, Reading]:
    """The read states of many users, with their marks, in two queries, or three where somebody has marks."""
    states = _states(users)
    missing = sorted(set(users) - states.keys())  # in order: two who make the same never wait for each other
    if missing:
        head = read_head().position
        ReadState.objects.using(using()).bulk_create(
            [ReadState(user=user, read_up_to=head) for user in missing], ignore_conflicts=True
        )
        states |= _states(missing)
    marked = among(ReadMark.objects.using(using()), "user", users).values("user").annotate(marks=Count("pk"))
    counts: dict[str, int] = dict(marked.order_by().values_list("user", "marks"))
    few = [user for user, count in counts.items() if count <= MOST_HELD]
    marks: dict[str, list[Mark]] = {user: [] for user in few}
    if few:
        rows = ReadMark.objects.using(using()).filter(user__in=few, alert__position__isnull=False)
        for user, *mark in rows.values_list("user", "alert__position", "alert__audience", "is_read"):
            marks[user].append(Mark._make(mark))
    return {
        user: Reading(user, *state, None if counts.get(user, 0) > MOST_HELD else tuple(marks.get(user, ())))
        for user, state in states.items()
    }


def _states(users: Collection[str]) -> dict[str, tuple[int, int]]:
    rows = among(ReadState.objects.using(using()), "user", users)
    return {user: (up_to, version) for user, up_to, version in rows.values_list("user", "read_up_to", "version")}


def unread_count(state: State, keys: Iterable[str], up_to: int) -> int:
    """How many alerts of these audiences, up to a position, are unread; 1,000 means at least that many."""
    mine = Alert.objects.using(using()).filter(audience__in=sorted(keys), position__lte=up_to)
    newer = mine.filter(position__gt=state.read_up_to)
    if not _may_have_marks(state):
        return len(newer.order_by().values_list("seq")[:MOST]) if state.read_up_to < up_to else 0
    newer = newer.exclude(seq__in=_marked(state, is_read=True))
    older = mine.filter(position__lte=state.read_up_to, seq__in=_marked(state, is_read=False))
    count = len(newer.order_by().values_list("seq")[:MOST])
    return min(count + older.count(), MOST)


def read_among(state: ReadState, alerts: Sequence[Alert]) -> set[int]:
    """The `seq` of those among these alerts that are read."""
    marks = dict(
        ReadMark.objects.using(using())
        .filter(user=state.user, alert_id__in=[alert.seq for alert in alerts])
        .values_list("alert_id", "is_read")
    )
    return {a.seq for a in alerts if marks.get(a.seq, (a.position or 0) <= state.read_up_to)}


def unread_counts(users: Collection[str], shared_keys: Iterable[str], up_to: int) -> dict[str, int]:
    """What `unread_count` gives for each of these users, who have these keys and their own, in one query."""
    own = Concat(Value("user:"), OuterRef("user"))
    marks = ReadMark.objects.using(using()).filter(user=OuterRef("user"), is_read=False)
    older = marks.filter(alert__position__lte=Least(OuterRef("read_up_to"), up_to))
    read = ReadMark.objects.filter(user=OuterRef(OuterRef("user")), alert=OuterRef("seq"), is_read=True)
    alerts = Alert.objects.using(using()).filter(position__lte=up_to)
    newer = alerts.filter(~Exists(read), position__gt=OuterRef("read_up_to")).order_by()
    shared = sorted(shared_keys)
    rows = ReadState.objects.using(using()).filter(user__in=list(users))
    found = rows.values_list(
        "user",
        _Count(newer.filter(audience__in=shared).values("seq")[:MOST]),
        _Count(newer.filter(audience=own).values("seq")[:MOST]),
        _Count(older.filter(Q(alert__audience__in=shared) | Q(alert__audience=own)).values("pk")[:MOST]),
    )
    return {user: min(sum(counts), MOST) for user, *counts in found}


class _Count(Subquery):
    """How many rows a query has. Its limit is what keeps a long log from being counted (trap X24)."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()


def read_ids_between(state: State, keys: Iterable[str], after: int, up_to: int) -> dict[int, str]:
    """Positions and ids of the alerts in (after, up_to] that this user has read: asked once per resume."""
    mine = Alert.objects.using(using()).filter(audience__in=sorted(keys), position__gt=after, position__lte=up_to)
    found = []
    if after < state.read_up_to:
        found.append(mine.filter(position__lte=state.read_up_to).exclude(seq__in=_marked(state, is_read=False)))
    if _may_have_marks(state):
        found.append(mine.filter(position__gt=state.read_up_to, seq__in=_marked(state, is_read=True)))
    return {
        position: str(uid)
        for rows in found
        for position, uid in rows.order_by().values_list("position", "uid")
        if position is not None
    }


def mark(user: User, keys: Iterable[str], ids: Iterable[UUID], *, is_read: bool) -> Change | None:
    """Mark alerts read or unread. Idempotent. None when this user may see none of them."""
    with transaction.atomic(using=using()):
        state = _lock(user)
        alerts = list(_mine(keys, ids))
        if not alerts:
            return None
        read = read_among(state, alerts)
        changed = [alert for alert in alerts if (alert.seq in read) != is_read]
        marks = ReadMark.objects.using(using()).filter(user=state.user, alert_id__in=[a.seq for a in changed])
        marks.delete()
        # No mark where the state alone says it.
        ReadMark.objects.using(using()).bulk_create(
            ReadMark(user=state.user, alert=alert, is_read=is_read)
            for alert in changed
            if ((alert.position or 0) <= state.read_up_to) != is_read
        )
        if changed:
            _raise_version(state)
        head = read_head().position
        shown = [str(alert.uid) for alert in alerts]
        return Change(
            version=state.version,
            unread=unread_count(state, keys, head),
            counted_up_to=head,
            read_ids=shown if is_read else (),
            unread_ids=() if is_read else shown,
            is_new=bool(changed),
        )


def mark_group_read(user: User, keys: Iterable[str], group: str) -> Change | None:
    """Mark the alerts of a group read, the newest 10,000 at most; the newest 1,000 are named. Idempotent.

    None when this user may see none of them.
    """
    with transaction.atomic(using=using()):
        state = _lock(user)
        head = read_head().position
        members = _members(group, head).filter(audience__in=sorted(keys)).order_by("-place")
        newest = members.first()
        if newest is None:
            return None
        unread = list(_unread(state, members).only("seq", "uid", "position")[:MOST_OF_A_GROUP])
        marks = ReadMark.objects.using(using()).filter(user=state.user, alert__in=_members(group, head))
        marks.filter(is_read=False).delete()
        ReadMark.objects.using(using()).bulk_create(
            (ReadMark(user=state.user, alert=a, is_read=True) for a in unread if (a.position or 0) > state.read_up_to),
            ignore_conflicts=True,
            batch_size=MOST_NAMED,
        )
        if unread:
            _raise_version(state)
        named = dict.fromkeys([str(newest.uid), *(str(alert.uid) for alert in unread[:MOST_NAMED])])
        return Change(
            version=state.version,
            unread=unread_count(state, keys, head),
            counted_up_to=head,
            read_ids=list(named),
            is_new=bool(unread),
        )


def is_group_read(state: ReadState, newest: Alert) -> bool:
    """Whether every alert of a group, up to this one of it, is read. Quick however large the group is."""
    of_group = ReadMark.objects.using(using()).filter(user=state.user, alert__group=newest.group, is_read=False)
    if of_group.filter(alert__position__lte=newest.position).exists():
        return False
    if (newest.position or 0) <= state.read_up_to:
        return True
    newer = _members(newest.group, newest.position or 0).filter(position__gt=state.read_up_to)
    return newer.exclude(seq__in=_marked(state, is_read=True)).order_by("-place").first() is None


def mark_all_read(user: User, keys: Iterable[str], up_to: int) -> Change:
    """Everything up to a position is read; marks that say no more are removed. Idempotent."""
    with transaction.atomic(using=using()):
        state = _lock(user)
        head = read_head().position
        up_to = min(up_to, head)
        marks = ReadMark.objects.using(using()).filter(user=state.user, alert__position__lte=up_to)
        is_new = up_to > state.read_up_to or marks.filter(is_read=False).exists()
        if is_new:
            marks.delete()
            state.read_up_to = max(state.read_up_to, up_to)
            state.save(using=using(), update_fields=["read_up_to"])
            _raise_version(state)
        unread = unread_count(state, keys, head)
        return Change(version=state.version, unread=unread, counted_up_to=head, read_up_to=up_to, is_new=is_new)


def sync(user: User, keys: Iterable[str], ids: Iterable[UUID]) -> Change:
    """Which of these alerts are read, and which not."""
    state = state_of(user)
    alerts = list(_mine(keys, ids))
    read = read_among(state, alerts)
    head = read_head().position
    return Change(
        version=state.version,
        unread=unread_count(state, keys, head),
        counted_up_to=head,
        read_ids=[str(alert.uid) for alert in alerts if alert.seq in read],
        unread_ids=[str(alert.uid) for alert in alerts if alert.seq not in read],
        is_new=False,
    )


def forget(user_pk: object) -> None:
    """Remove what is kept of a user's reading: call it when the user is deleted. Idempotent."""
    with transaction.atomic(using=using()):
        # The state first, as `_lock` takes it: in another order this and a `mark` could wait for each other.
        for model in (ReadState, ReadMark, Preference):
            model._default_manager.using(using()).filter(user=str(user_pk)).delete()


def versions(users: Collection[str]) -> dict[str, int]:
    """The version of each of these users' read states, in one query."""
    rows = among(ReadState.objects.using(using()), "user", users)
    return dict(rows.values_list("user", "version"))


def _members(group: str, up_to: int) -> QuerySet[Alert]:
    return Alert.objects.using(using()).filter(group=group, place__gte=1, position__lte=up_to)


def _unread(state: ReadState, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    newer = Q(position__gt=state.read_up_to) & ~Q(seq__in=_marked(state, is_read=True))
    return alerts.filter(newer | Q(position__lte=state.read_up_to, seq__in=_marked(state, is_read=False)))


def _may_have_marks(state: State) -> bool:
    return bool(getattr(state, "has_marks", True))


def _marked(state: State, *, is_read: bool) -> QuerySet[ReadMark, int]:
    return ReadMark.objects.using(using()).filter(user=state.user, is_read=is_read).values_list("alert_id", flat=True)


def _mine(keys: Iterable[str], ids: Iterable[UUID]) -> QuerySet[Alert]:
    return (
        Alert.objects.using(using())
        .filter(uid__in=list(ids), audience__in=sorted(keys), position__isnull=False)
        .only("seq", "uid", "position")
    )


def _lock(user: User) -> ReadState:
    state_of(user)
    return ReadState.objects.using(using()).select_for_update().get(user=str(user.pk))


def _raise_version(state: ReadState) -> None:
    ReadState.objects.using(using()).filter(pk=state.pk).update(version=F("version") + 1)
    state.version += 1
