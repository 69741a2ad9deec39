"""One alert per act: rows are noted at `pre_delete`, while they are there, and written at the first `post_delete`.

The life of an act: `post.delete()` opens an atomic block. The first row noted in it makes an Act, known by that block
(`id(origin)` is reused at once, trap X20). All `pre_delete` signals come before the first row goes (trap X3), so at the
first `post_delete` of the same block the act is whole: it is written, one alert for each declaration and audience,
without the rows that another transaction deleted first (`claims.py`). An act that fails before that is found later by
its block, which is then no longer open, and forgotten.

Acts nest: a handler of an outer delete may delete rows itself, even rows of the outer act. A row is reported by the
first act that is written with it, unless that act was rolled back.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from . import frames
from .claims import Claims, before_each
from .models import Alert
from .outbox import Subject, subject_of
from .relay.bell import bell
from .relay.head import using as log_database
from .reports import Noted, intent, note, report

if TYPE_CHECKING:
    from .events import ModelEvent

logger = logging.getLogger(__name__)
RISING = 0.25  # seconds between two warnings of one act, as its count rises
FADES_IN = 10  # seconds until a page gives up waiting for the alert a warning has promised
Row = tuple[str, str, str]  # kind, model, key
Group = tuple["type[ModelEvent]", str]  # declaration, audience
Loaded = dict[tuple[str, str, Any], Any]  # model, relation, key: the related object


class Warned:
    """The warning of one alert to come: how many rows it has told of, and when."""

    __slots__ = ("at", "count", "uid")

    def __init__(self) -> None:
        self.uid = uuid.uuid4()
        self.count = 0
        self.at = 0.0


class Act:
    """One `delete()` call, from its first `pre_delete` to the end of its atomic block."""

    def __init__(self, block: object, origin: models.Model | QuerySet[Any], using: str, loaded: Loaded) -> None:
        self.block = block
        self.cause = _cause(origin)
        self.of_model = _concrete(origin.model if isinstance(origin, QuerySet) else type(origin))
        self.is_bulk = isinstance(origin, QuerySet)
        self.claims = Claims(using)
        self.is_written = False
        self.noted: dict[Group, list[Noted]] = defaultdict(list)
        self.warned: dict[Group, Warned] = {}
        self.loaded = loaded
        self.written: set[Row] = set()
        self.inner: list[tuple[set[Row], list[uuid.UUID]]] = []

    def note(self, event: type[ModelEvent], row: Noted, instance: models.Model) -> None:
        rows = self.noted[event, row.audience]
        rows.append(row)
        self.claims.add(instance, row.key)
        if event.pending:
            self._warn(event, rows)

    def _warn(self, event: type[ModelEvent], rows: list[Noted], *, is_last: bool = False) -> None:
        """Tell whoever may see the alert that it is under way: never a wait, never a network call."""
        group = (event, rows[0].audience)
        warned = self.warned.get(group)
        if warned is None:
            warned = self.warned[group] = Warned()
        now = time.monotonic()
        if warned.count == len(rows) or (now < warned.at + RISING and not is_last):
            return
        title = intent(event, rows[0], len(rows))
        if not title:
            return
        frame = frames.pending(uid=str(warned.uid), kind=event.kind, title=title, expires_in=FADES_IN)
        is_first, warned.at, warned.count = not warned.count, now, len(rows)
        bell.announce(warned.uid, {"pending": {"audience": rows[0].audience, "frame": frame}}, at_once=not is_first)

    def _settle(self, uid: uuid.UUID, *, is_told: bool) -> None:
        if is_told:
            transaction.on_commit(partial(bell.settle, uid), using=log_database(), robust=True)
        else:
            bell.settle(uid)

    def cause_of(self, rows: list[Noted]) -> Subject | None:
        """The origin, when rows went with something else; a bulk delete names itself."""
        if self.is_bulk:
            return self.cause if len(rows) > 1 or rows[0].subject["model"] != self.of_model else None
        origin = (self.cause["model"], self.cause["pk"])
        return self.cause if any(row.key != origin for row in rows) else None

    def write(self, told: set[Row]) -> list[uuid.UUID]:
        """Record what was noted, without the rows that another act has told of. Gives the alerts' ids."""
        uids = []
        self.is_written = True
        noted, self.noted = self.noted, defaultdict(list)
        self.loaded.clear()
        for group, rows in noted.items():
            event = group[0]
            rows = [row for row in rows if row.key not in self.claims.lost and (event.kind, *row.key) not in told]
            warned = self.warned.get(group)
            if warned is not None:
                if len(rows) > 1:
                    self._warn(event, rows, is_last=True)
                self._settle(warned.uid, is_told=bool(rows))
            if rows:
                uids.append(report(event, rows, cause=self.cause_of(rows), uid=warned.uid if warned else None))
                self.written.update((event.kind, *row.key) for row in rows)
        return uids


open_acts: WeakKeyDictionary[BaseDatabaseWrapper, list[Act]] = WeakKeyDictionary()


def note_delete(event: type[ModelEvent], instance: models.Model, arguments: Mapping[str, Any]) -> None:
    """`pre_delete`: take the snapshot of one row into the act at hand."""
    using = arguments["using"]
    connection = connections[using]
    block = connection.atomic_blocks[-1] if connection.atomic_blocks else None
    if block is None:
        # Somebody sends the signal without a transaction: there is no act to wait for.
        noted = note(event, instance, arguments)
        if noted is not None:
            report(event, [noted])
        return
    act = _act_of(connection, block)
    if act is not None and act.is_written:
        act = None  # somebody sends the signals by hand, row after row in one block
    if act is not None:
        _load(act.loaded, event, instance)
        noted = note(event, instance, arguments)
    else:
        loaded: Loaded = {}
        noted = note(event, instance, arguments, partial(_load, loaded, event, instance))
    if noted is None:
        return
    if act is None:
        act = Act(block, _origin(instance, arguments.get("origin")), using, loaded)
        open_acts.setdefault(connection, []).append(act)
        if _claim_first not in connection.execute_wrappers:
            # Once and for all, and below the others: `connection.execute_wrapper()` takes off the topmost.
            connection.execute_wrappers.insert(0, _claim_first)
    act.note(event, noted, instance)


def finish_delete(using: str, sender: type[models.Model]) -> None:
    """`post_delete`: write the act of the innermost block, if it is not written yet."""
    connection = connections[using]
    act = _act_of(connection, connection.atomic_blocks[-1]) if connection.atomic_blocks else None
    if act is None or not act.noted:
        return
    act.claims.claim_others(sender)
    acts = open_acts[connection]
    outer = acts[: acts.index(act)]
    uids = act.write(_told_by_inner(act).union(*(other.written for other in outer)))
    for other in outer:
        other.inner.append((act.written, uids))


def _told_by_inner(act: Act) -> set[Row]:
    """The rows of this act that an inner act has reported and that its savepoint did not take back."""
    told: set[Row] = set()
    for rows, uids in act.inner:
        mine = {(event.kind, *row.key) for (event, _), noted in act.noted.items() for row in noted}
        # Asked by `uid`: SQLite gives the `seq` of an alert that was rolled back to the next one.
        if rows & mine and Alert.objects.filter(uid__in=uids).exists():
            told |= rows
    return told


def _act_of(connection: BaseDatabaseWrapper, block: object) -> Act | None:
    """The act of this block. Acts whose block is no longer open are dropped on the way."""
    acts = open_acts.get(connection)
    if not acts:
        return None
    if acts[-1].block is not block:
        blocks = {id(open_block) for open_block in connection.atomic_blocks}
        acts[:] = [act for act in acts if id(act.block) in blocks]
    return acts[-1] if acts and acts[-1].block is block else None


def _claims_at_hand(connection: BaseDatabaseWrapper) -> Claims | None:
    act = _act_of(connection, connection.atomic_blocks[-1]) if connection.atomic_blocks else None
    return None if act is None or act.is_written else act.claims


_claim_first = before_each(_claims_at_hand)


def _load(loaded: Loaded, event: type[ModelEvent], instance: models.Model) -> None:
    """Set the related objects a snapshot reads, each fetched once per act."""
    try:
        for name in event.related:
            field: Any = instance._meta.get_field(name)
            key = (instance._meta.label, name, getattr(instance, field.attname))
            if key in loaded and not field.is_cached(instance):
                setattr(instance, name, loaded[key])
            loaded[key] = getattr(instance, name)
    except Exception:
        logger.exception("%s: a related object of %r could not be loaded.", event.kind, event.related)


def _concrete(model: type[models.Model]) -> str:
    return (model._meta.concrete_model or model)._meta.label_lower


def _origin(instance: models.Model, origin: Any) -> models.Model | QuerySet[Any]:
    """What `delete()` was called on. It is not asked whether it is true: a queryset would load its rows for that."""
    if isinstance(origin, (models.Model, QuerySet)):
        return origin
    # Somebody's own collector may have a list for an origin, or none.
    return instance if origin is None else type(instance)._base_manager.none()


def _cause(origin: models.Model | QuerySet[Any]) -> Subject:
    if isinstance(origin, QuerySet):
        label = f"bulk delete of {origin.model._meta.verbose_name_plural}"
        return Subject(model=_concrete(origin.model), pk="", label=label)
    return subject_of(origin)
