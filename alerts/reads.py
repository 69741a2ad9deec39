"""What each user has read: all up to a position, and a mark for each exception. A version rises with each change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from .models import Alert, Preference, ReadMark, ReadState
from .relay.head import read_head, using

MOST = 1_000  # unread alerts that are counted; an exact count over a long log is slow (trap X24)
MOST_OF_A_GROUP = 10_000  # alerts one command marks
MOST_NAMED = 1_000  # ids in one `reads` frame


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


def state_of(user: AbstractBaseUser, head: int | None = None) -> ReadState:
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


def unread_count(state: ReadState, keys: Iterable[str], up_to: int) -> int:
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


def read_ids_between(state: ReadState, keys: Iterable[str], after: int, up_to: int) -> dict[int, str]:
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


def mark(user: AbstractBaseUser, keys: Iterable[str], ids: Iterable[UUID], *, is_read: bool) -> Change | None:
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


def mark_group_read(user: AbstractBaseUser, keys: Iterable[str], group: str) -> Change | None:
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


def mark_all_read(user: AbstractBaseUser, keys: Iterable[str], up_to: int) -> Change:
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


def sync(user: AbstractBaseUser, keys: Iterable[str], ids: Iterable[UUID]) -> Change:
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


def versions(users: Iterable[str]) -> dict[str, int]:
    """The version of each of these users' read states, in one query."""
    rows = ReadState.objects.using(using()).filter(user__in=list(users))
    return dict(rows.values_list("user", "version"))


def _members(group: str, up_to: int) -> QuerySet[Alert]:
    return Alert.objects.using(using()).filter(group=group, place__gte=1, position__lte=up_to)


def _unread(state: ReadState, alerts: QuerySet[Alert]) -> QuerySet[Alert]:
    newer = Q(position__gt=state.read_up_to) & ~Q(seq__in=_marked(state, is_read=True))
    return alerts.filter(newer | Q(position__lte=state.read_up_to, seq__in=_marked(state, is_read=False)))


def _may_have_marks(state: ReadState) -> bool:
    return bool(getattr(state, "has_marks", True))


def _marked(state: ReadState, *, is_read: bool) -> QuerySet[ReadMark, int]:
    return ReadMark.objects.using(using()).filter(user=state.user, is_read=is_read).values_list("alert_id", flat=True)


def _mine(keys: Iterable[str], ids: Iterable[UUID]) -> QuerySet[Alert]:
    return (
        Alert.objects.using(using())
        .filter(uid__in=list(ids), audience__in=sorted(keys), position__isnull=False)
        .only("seq", "uid", "position")
    )


def _lock(user: AbstractBaseUser) -> ReadState:
    state_of(user)
    return ReadState.objects.using(using()).select_for_update().get(user=str(user.pk))


def _raise_version(state: ReadState) -> None:
    ReadState.objects.using(using()).filter(pk=state.pk).update(version=F("version") + 1)
    state.version += 1
