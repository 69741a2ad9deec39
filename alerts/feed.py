"""Reads of the log. Every reader is a cursor: "all up to here has been seen", and reads on from there to the head."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import OuterRef, QuerySet, Subquery

from . import ranges, reads
from .audiences import keys_of
from .frames import Entry, entry
from .models import Alert, ReadState
from .outbox import Subject
from .relay.head import read_head, using

PAGE = 50
NEVER_READ = ("data", "expanded_at")


@dataclass(frozen=True)
class Card:
    """An alert as a page shows it."""

    uid: UUID
    position: int
    kind: str
    level: str
    title: str
    body: str
    url: str
    actor: dict[str, str] | None
    subjects: list[Subject]
    count: int
    cause: Subject | None
    created: datetime
    is_read: bool
    # Of a group's card the above is its newest alert.
    group: str = ""
    size: int = 1  # alerts it stands for
    first: int = 0  # the position of the first of them: where it stands in the list

    @property
    def others(self) -> int:
        return self.size - 1


@dataclass(frozen=True)
class Page:
    """A part of one user's list, newest first, and the head it reaches up to: the socket goes on from there."""

    alerts: list[Card]
    epoch: str
    position: int
    unread: int
    reads_version: int
    older: str | None
    newer: bool


def log() -> QuerySet[Alert]:
    """The numbered alerts, without what readers never need."""
    return Alert.objects.using(using()).filter(position__isnull=False).defer(*NEVER_READ)


def page(user: AbstractBaseUser, *, before: int | None = None, group: str = "", size: int = PAGE) -> Page:
    """The head first, then the list up to it, outside any transaction: nothing falls between page and socket.

    The alerts of a group are folded into one card, where its first stands; with `group`, the list is that group's
    alerts, each by itself.
    """
    head = read_head()
    state = reads.state_of(user, head.position)
    keys = keys_of(user)
    up_to = head.position if before is None else min(head.position, before - 1)
    if group:
        of_group = log().filter(audience__in=sorted(keys), place__gte=1, group=group, position__lte=up_to)
        alerts = of_group.order_by("-place")
    else:
        newest = ranges.first_of(keys, after=0, up_to=up_to, limit=size + 1, is_newest_first=True, are_cards=True)
        alerts = _sized(log().filter(newest), head.position).order_by("-position")
    found = list(alerts[: size + 1])
    shown = found[:size]
    read = reads.read_among(state, shown)
    stands_for = {} if group else _newest_of_groups(shown)
    cards = [
        _group_card(stands_for[alert.group], alert, state)
        if alert.group in stands_for
        else card(alert, alert.seq in read)
        for alert in shown
    ]
    query = f"?group={group}&" if group else "?"
    return Page(
        alerts=cards,
        epoch=head.epoch,
        position=head.position,
        unread=reads.unread_count(state, keys, head.position),
        reads_version=state.version,
        older=f"{query}before={shown[-1].position}" if len(found) > size else None,
        newer=before is not None,
    )


def _sized(alerts: QuerySet[Alert], up_to: int) -> QuerySet[Alert]:
    """Each group's first knows how many they are."""
    members = Alert.objects.using(using()).filter(group=OuterRef("group"), place__gte=1, position__lte=up_to)
    return alerts.annotate(size=Subquery(members.order_by("-place").values("place")[:1]))


def _newest_of_groups(firsts: Iterable[Alert]) -> dict[str, Alert]:
    """A query for each group: asked for one place, SQLite would read the whole group."""
    places = {first.group: first.size for first in firsts if first.group}  # type: ignore[attr-defined]
    members = (log().filter(group=group, place__range=(1, place)) for group, place in places.items())
    newest = (of_group.order_by("-place").first() for of_group in members)
    return {alert.group: alert for alert in newest if alert is not None}


def _group_card(newest: Alert, first: Alert, state: ReadState) -> Card:
    assert first.position is not None
    is_read = reads.is_group_read(state, newest)
    return replace(card(newest, is_read), group=newest.group, size=newest.place, first=first.position)


def card(alert: Alert, is_read: bool) -> Card:
    assert alert.position is not None
    return Card(
        uid=alert.uid,
        position=alert.position,
        kind=alert.kind,
        level=alert.level,
        title=alert.title,
        body=alert.body,
        url=alert.url,
        actor={"id": alert.actor_id, "label": alert.actor} if alert.actor else None,
        subjects=alert.subjects,
        count=alert.count,
        cause=alert.cause,
        created=alert.created,
        is_read=is_read,
        first=alert.position,
    )


def find(user: AbstractBaseUser, uid: UUID) -> Alert | None:
    """One alert, if this user may see it."""
    return Alert.objects.using(using()).filter(uid=uid, position__isnull=False, audience__in=keys_of(user)).first()


class Rows(Sequence[Subject]):
    """Everything an act touched, for a paginator: the alert's subjects, then its chunks, each read only when shown."""

    def __init__(self, alert: Alert) -> None:
        self._alert = alert
        self._first: list[Subject] = alert.subjects

    def __len__(self) -> int:
        return max(len(self._first), self._alert.count if len(self._first) < self._alert.count else 0)

    def __getitem__(self, wanted: Any) -> Any:
        if not isinstance(wanted, slice):
            return self[wanted : wanted + 1][0]
        from .outbox import CHUNK

        start, stop, _ = wanted.indices(len(self))
        rows = self._first[start:stop]
        first, last = start - len(self._first), stop - len(self._first)
        if last <= 0:
            return rows
        chunks = self._alert.chunks.filter(chunk__range=(max(first, 0) // CHUNK, (last - 1) // CHUNK))
        for chunk in chunks.order_by("chunk"):
            offset = chunk.chunk * CHUNK
            rows = rows + chunk.rows[max(first - offset, 0) : last - offset]
        return rows


def entries(after: int, up_to: int) -> list[Entry]:
    """Everything in (after, up_to], for every audience."""
    return [entry(alert) for alert in log().filter(position__gt=after, position__lte=up_to).order_by("position")]


def entries_for(keys: Collection[str], after: int, up_to: int, limit: int) -> list[Entry]:
    """The first `limit` in (after, up_to] that concern one of these keys."""
    alerts = log().filter(ranges.first_of(keys, after=after, up_to=up_to, limit=limit))
    return [entry(alert) for alert in alerts.order_by("position")[:limit]]
