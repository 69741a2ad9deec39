"""Writes the alert in the transaction of what it reports: both are committed, or neither."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, TypedDict, cast

from django.db import connections, models, router, transaction
from django.utils import timezone

from . import clean
from .actors import Actor, current_actor
from .audiences import Audience, as_key
from .kinds import transports_of
from .models import Alert, AlertRows, Level
from .relay.bell import bell

SUBJECTS = 20  # named in the alert itself
CHUNK = 1_000  # further rows in one AlertRows
FIELDS = [field for field in Alert._meta.concrete_fields if not field.primary_key]
COLUMNS = ", ".join(f'"{field.column}"' for field in FIELDS)
INSERT = f"INSERT INTO {Alert._meta.db_table} ({COLUMNS}) VALUES ({', '.join(['%s'] * len(FIELDS))}) RETURNING seq"


class Subject(TypedDict):
    """A row an alert tells of, as text: it may be gone."""

    model: str
    pk: str
    label: str


class Rows(list[Subject]):
    """Rows as `subject_of` gives them: fit for the log as they are."""


def subject_of(instance: models.Model, label: object = None) -> Subject:
    try:
        shown = clean.text(instance if label is None else label, clean.LABEL)
    except Exception:
        shown = f"{instance._meta.verbose_name} {instance.pk}"
    model = instance._meta.concrete_model or type(instance)
    return {"model": model._meta.label_lower, "pk": clean.text(instance.pk, clean.KEY), "label": shown}


def as_subject(row: models.Model | Subject) -> Subject:
    """A row, or its text as somebody gives it, fit for the log."""
    if isinstance(row, models.Model):
        return subject_of(row)
    if not isinstance(row, Mapping):
        raise TypeError(f"{row!r} is no subject. Give a row, or a dictionary of its model, pk and label.")
    limits = {"model": clean.KEY, "pk": clean.KEY, "label": clean.LABEL}
    return cast(Subject, {name: clean.text(row.get(name, ""), limit) for name, limit in limits.items()})


def record(
    *,
    kind: str,
    audience: Audience | str,
    title: str,
    body: str = "",
    level: str = Level.INFO,
    url: str = "",
    subjects: Iterable[models.Model | Subject] = (),
    count: int | None = None,
    cause: models.Model | Subject | None = None,
    data: Mapping[str, Any] | None = None,
    actor: Actor | None = None,
    uid: uuid.UUID | None = None,
) -> Alert:
    """Write one alert: one INSERT, and one more per 1,000 subjects above 20. Rings the bell after the commit.

    For what sends no signals (bulk operations, raw SQL): call it inside the same `transaction.atomic` as the
    act, else an act that fails later is reported all the same. Text over its limit is cut with a mark; `count`
    defaults to the number of subjects; a `url` that is not a path on this site is left out. The transports are
    those of the declaration of this `kind`, none for an undeclared one.

    Raises UnknownAudience, ValueError for a bad `level` or `kind`, TypeError for `data` that is no JSON, and
    whatever the database says.
    """
    if level not in Level.values:
        raise ValueError(f"{level!r} is no level. Use one of {', '.join(Level.values)}.")
    if not kind or len(kind) > 100:
        raise ValueError(f"{kind!r} is no kind. Write it as 'app.event', at most 100 characters.")
    rows = subjects if isinstance(subjects, Rows) else [as_subject(row) for row in subjects]
    who = actor or current_actor()
    now = timezone.now()
    alert = Alert(
        uid=uid or uuid.uuid4(),
        kind=kind,
        level=level,
        audience=as_key(audience),
        title=clean.text(title, clean.TITLE),
        body=clean.text(body, clean.BODY),
        url=clean.path(url),
        actor=clean.text(who.label, clean.LABEL),
        actor_id=clean.text(who.id, clean.KEY),
        subjects=rows[:SUBJECTS],
        count=max(len(rows), 1) if count is None else count,
        cause=None if cause is None else as_subject(cause),
        data=clean.data(data or {}),
        created=now,
        # Nothing to expand is expanded at birth: the relay never looks at it for that again.
        expanded_at=None if transports_of(kind) else now,
    )
    write(alert, rows[SUBJECTS:])
    return alert


def write(alert: Alert, further: Sequence[Subject]) -> None:
    using = router.db_for_write(Alert)
    if further:
        with transaction.atomic(using=using, savepoint=False):
            _insert(alert, using)
            remaining = iter(further)
            for chunk, rows in enumerate(iter(lambda: list(islice(remaining, CHUNK)), [])):
                AlertRows(alert=alert, chunk=chunk, rows=rows).save(force_insert=True, using=using)
            transaction.on_commit(bell.ring, using=using, robust=True)
    else:
        _insert(alert, using)
        # Always, and with no flag: a flag would stick after a rolled-back savepoint.
        transaction.on_commit(bell.ring, using=using, robust=True)


def _insert(alert: Alert, using: str) -> None:
    """The one INSERT. Its text is always the same, and `save()` would compile it anew. Sends no signals."""
    connection = connections[using]
    values = [field.get_db_prep_save(getattr(alert, field.attname), connection) for field in FIELDS]
    # As `save()` has it: a statement that fails in a transaction leaves that to be rolled back.
    with transaction.mark_for_rollback_on_error(using=using), connection.cursor() as cursor:
        cursor.execute(INSERT, values)
        [alert.pk] = cursor.fetchone()
    alert._state.adding, alert._state.db = False, using
