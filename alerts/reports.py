"""Turns rows a signal told of into one `record()`. Whatever breaks in a declaration, the act it reports goes on."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from django.db import DEFAULT_DB_ALIAS, connections, models, router

from . import clean
from .audiences import SUPERUSERS, as_key
from .calls import call
from .guard import Guard
from .models import Alert
from .muting import is_muted
from .outbox import Rows, Subject, record, subject_of

if TYPE_CHECKING:
    from .events import Event, ModelEvent, SignalEvent

logger = logging.getLogger(__name__)


class Noted(NamedTuple):
    """One row as it was at the signal. `is_broken`: its declaration failed, the alert will have a default text."""

    audience: str
    subject: Subject
    data: Mapping[str, Any] = MappingProxyType({})
    is_broken: bool = False

    def with_key(self, instance: models.Model) -> Noted:
        return self._replace(subject=Subject(**{**self.subject, "pk": clean.text(instance.pk, clean.KEY)}))


Load = Callable[["type[ModelEvent]", Sequence[models.Model]], None]
IsEnough = Callable[["type[ModelEvent]", str], bool]


def _load_nothing(event: type[ModelEvent], instances: Sequence[models.Model]) -> None:
    pass


def note(
    event: type[ModelEvent],
    instance: models.Model,
    arguments: Mapping[str, Any],
    load: Load = _load_nothing,
    is_enough: IsEnough = lambda event, audience: False,
) -> Noted | None:
    """One row with its snapshot, or None when the declaration is muted or does not apply.

    `load` is called before anything but `applies` is asked. Where there `is_enough` of an audience, a row's place in a
    list will do, and it has no snapshot.
    """
    return None if is_muted(event.kind) else _note(event, instance, arguments, load, is_enough)


def note_all(
    event: type[ModelEvent],
    instances: Sequence[models.Model],
    arguments: Mapping[str, Any],
    is_enough: IsEnough,
) -> list[Noted]:
    """The same of many rows, loaded and not muted, whose declaration applies to any: under one guard."""
    guard = Guard(connections[arguments["using"]])
    with suppress(Exception), guard:
        noted = [_take(event, event(), instance, arguments, is_enough) for instance in instances]
    if guard.was_needed:  # one by one: what fails for one row is no other's fault
        one_by_one = (_note(event, instance, arguments, _load_nothing, is_enough) for instance in instances)
        return [row for row in one_by_one if row is not None]
    return noted


def _note(
    event: type[ModelEvent],
    instance: models.Model,
    arguments: Mapping[str, Any],
    load: Load,
    is_enough: IsEnough,
) -> Noted | None:
    declaration = event()
    connection = connections[arguments.get("using") or DEFAULT_DB_ALIAS]
    try:
        with Guard(connection):
            if not call(declaration.applies, instance, arguments):
                return None
        load(event, [instance])
        with Guard(connection):
            return _take(event, declaration, instance, arguments, is_enough)
    except Exception as error:
        _log(event, error)
    with Guard(connection):
        return Noted(_audience(event, instance), subject_of(instance), is_broken=True)


def _take(
    event: type[ModelEvent],
    declaration: ModelEvent,
    instance: models.Model,
    arguments: Mapping[str, Any],
    is_enough: IsEnough,
) -> Noted:
    audience = _audience(event, instance)
    if is_enough(event, audience):
        return Noted(audience, subject_of(instance, declaration.label(instance)))
    data = clean.data(call(declaration.snapshot, instance, arguments))
    return Noted(audience, subject_of(instance, declaration.label(instance)), data)


def report_all(event: type[ModelEvent], noted: Sequence[Noted], *, cause: models.Model | Subject | None = None) -> None:
    """One alert for each audience among the rows of one act."""
    by_audience: dict[str, list[Noted]] = defaultdict(list)
    for row in noted:
        by_audience[row.audience].append(row)
    for rows in by_audience.values():
        report(event, rows[0], Rows(row.subject for row in rows), cause=cause)


def report(
    event: type[Event],
    first: Noted,
    rows: Rows | None = None,
    *,
    cause: models.Model | Subject | None = None,
    uid: UUID | None = None,
) -> UUID:
    """One alert for the rows of one act and one audience, in the words of the first. Gives its id."""
    rows = rows or Rows([first.subject])
    many = len(rows) > 1
    values = {"pk": first.subject["pk"], **first.data, "count": len(rows)}
    if first.is_broken:
        title, body, url = _default(event, first, len(rows)), "", ""
    else:
        try:
            title = _headline(event.title, event.title_many, values)
            body = "" if many else event.body.format_map(values)  # what is true of one row
            url = "" if many else event.url.format_map(values)
        except Exception as error:
            _log(event, error)
            title, body, url = _default(event, first, len(rows)), "", ""
    return record(
        kind=event.kind,
        audience=first.audience,
        level=event.level,
        title=title,
        body=body,
        url=url,
        subjects=rows,
        cause=cause,
        data={} if many else first.data,
        uid=uid,
    ).uid


def intent(event: type[ModelEvent], first: Noted, count: int) -> str:
    """The words of a warning that an act on `count` rows has begun; empty if the declaration has none."""
    if not event.pending or first.is_broken:
        return ""
    values = {"pk": first.subject["pk"], **first.data, "count": count}
    try:
        return clean.text(_headline(event.pending, event.pending_many, values), clean.TITLE)
    except Exception as error:
        _log(event, error)
        return ""


def _headline(one: str, many: str, values: Mapping[str, Any]) -> str:
    count = values["count"]
    if count == 1:
        return one.format_map(values)
    if many:
        return many.format_map(values)
    return f"{clean.text(one.format_map(values), clean.TITLE - 25)} and {count - 1:,} more"


def report_signal(event: type[SignalEvent], sender: object, arguments: Mapping[str, Any]) -> None:
    """One alert for one signal of somebody's own."""
    if is_muted(event.kind):
        return
    declaration = event()
    subjects: list[Subject] = []
    data: Mapping[str, Any] = {}
    is_broken = False
    connection = connections[router.db_for_write(Alert)]
    try:
        with Guard(connection):
            if not call(declaration.applies, sender, arguments):
                return
            data = clean.data(call(declaration.snapshot, sender, arguments))
            subjects = [subject_of(row) for row in call(declaration.subjects, sender, arguments)]
    except Exception as error:
        _log(event, error)
        is_broken = True
    with Guard(connection):
        audience = _audience(event, arguments)
    values = {**data, "count": max(len(subjects), 1), "pk": subjects[0]["pk"] if subjects else ""}
    title, body, url = event.kind, "", ""
    if not is_broken:
        try:
            title, body, url = (text.format_map(values) for text in (event.title, event.body, event.url))
        except Exception as error:
            _log(event, error)
    record(
        kind=event.kind,
        audience=audience,
        level=event.level,
        title=title,
        body=body,
        url=url,
        subjects=subjects,
        data=data,
    )


def _audience(event: type[Event], about: object) -> str:
    try:
        return as_key(event.audience, about)
    except Exception as error:
        _log(event, error)
        return SUPERUSERS


def _default(event: type[Event], first: Noted, count: int) -> str:
    more = f" and {count - 1:,} more" if count > 1 else ""
    return f"{event.kind}: {clean.text(first.subject['label'], 100)}{more}"


def _log(event: type[Event], error: Exception) -> None:
    logger.error(
        "The declaration %s.%s failed; its alert goes out with a default text. Mend the declaration.",
        event.__module__,
        event.__qualname__,
        exc_info=error,
    )
