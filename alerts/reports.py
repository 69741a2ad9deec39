"""Turns rows a signal told of into one `record()`. Whatever breaks in a declaration, the act it reports goes on."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import models, router

from . import clean
from .audiences import SUPERUSERS, as_key
from .guard import Guard
from .models import Alert
from .outbox import Subject, record, subject_of

if TYPE_CHECKING:
    from .events import Event, ModelEvent, SignalEvent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Noted:
    """One row as it was at the signal. `is_broken`: its declaration failed, the alert will have a default text."""

    audience: str
    subject: Subject
    data: Mapping[str, Any] = field(default_factory=dict)
    is_broken: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return self.subject["model"], self.subject["pk"]

    def with_key(self, instance: models.Model) -> Noted:
        return replace(self, subject=Subject(**{**self.subject, "pk": clean.text(instance.pk, clean.KEY)}))


def note(
    event: type[ModelEvent],
    instance: models.Model,
    arguments: Mapping[str, Any],
    load: Callable[[], None] = lambda: None,
) -> Noted | None:
    """The snapshot of one row, or None when the declaration is muted or does not apply. `load` is called before it."""
    from .events import call, is_muted

    if is_muted(event.kind):
        return None
    declaration = event()
    using = arguments.get("using")
    try:
        with Guard(using):
            if not call(declaration.applies, instance, arguments):
                return None
        load()
        with Guard(using):
            data = clean.data(call(declaration.snapshot, instance, arguments))
            label = declaration.label(instance)
            return Noted(_audience(event, instance), subject_of(instance, label), data)
    except Exception as error:
        _log(event, error)
    with Guard(using):
        return Noted(_audience(event, instance), subject_of(instance), is_broken=True)


def report_all(event: type[ModelEvent], noted: Sequence[Noted], *, cause: models.Model | Subject | None = None) -> None:
    """One alert for each audience among the rows of one act."""
    by_audience: dict[str, list[Noted]] = defaultdict(list)
    for row in noted:
        by_audience[row.audience].append(row)
    for rows in by_audience.values():
        report(event, rows, cause=cause)


def report(
    event: type[Event],
    noted: Sequence[Noted],
    *,
    cause: models.Model | Subject | None = None,
    uid: UUID | None = None,
) -> UUID:
    """One alert for rows of one act and one audience. Gives its id."""
    first = noted[0]
    many = len(noted) > 1
    values = {"pk": first.subject["pk"], **first.data, "count": len(noted)}
    if first.is_broken:
        title, body, url = _default(event, first, len(noted)), "", ""
    else:
        try:
            title = _headline(event.title, event.title_many, values)
            body = "" if many else event.body.format_map(values)  # what is true of one row
            url = "" if many else event.url.format_map(values)
        except Exception as error:
            _log(event, error)
            title, body, url = _default(event, first, len(noted)), "", ""
    return record(
        kind=event.kind,
        audience=first.audience,
        level=event.level,
        title=title,
        body=body,
        url=url,
        subjects=[row.subject for row in noted if row.subject["model"]],
        count=len(noted),
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
    from .events import call, is_muted

    if is_muted(event.kind):
        return
    declaration = event()
    subjects: list[Subject] = []
    data: Mapping[str, Any] = {}
    is_broken = False
    using = router.db_for_write(Alert)
    try:
        with Guard(using):
            if not call(declaration.applies, sender, arguments):
                return
            data = clean.data(call(declaration.snapshot, sender, arguments))
            subjects = [subject_of(row) for row in call(declaration.subjects, sender, arguments)]
    except Exception as error:
        _log(event, error)
        is_broken = True
    with Guard(using):
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
