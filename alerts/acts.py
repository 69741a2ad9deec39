"""One alert per act: rows are noted at `pre_delete`, while they are there, and written at the first `post_delete`.

The life of an act: `post.delete()` opens an atomic block. The first row heard of in it makes an Act, known by that
block (`id(origin)` is reused at once, trap X20). All `pre_delete` signals come before the first row goes (trap X3), so
at the first `post_delete` of the same block the act is whole: it is written, one alert for each declaration and
audience, without the rows that another transaction deleted first (`claims.py`). An act that fails before that is found
later by its block, which is then no longer open, and forgotten.

Acts nest: a handler of an outer delete may delete rows itself, even rows of the outer act. A row is reported by the
first act that is written with it, unless that act was rolled back.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, ref

from django.db import connections, models, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from .claims import Claims, concrete
from .models import Alert
from .muting import is_muted, muted_kinds
from .outbox import Subject, subject_of
from .parts import RISING, Part, Row
from .reports import Noted, note, note_all, report

if TYPE_CHECKING:
    from .events import ModelEvent

logger = logging.getLogger(__name__)
TOGETHER = 1_000  # rows
Origin = models.Model | QuerySet[Any]


class Act:
    """One `delete()` call, from its first `pre_delete` to the end of its atomic block."""

    def __init__(self, connection: BaseDatabaseWrapper, block: object, origin: Origin) -> None:
        self.connection = ref(connection)
        self.using = connection.alias
        self.block = block
        self.claims = Claims()
        self.is_written = False
        self.parts: dict[tuple[type[ModelEvent], str], Part] = {}
        self.inner: list[tuple[Act, list[uuid.UUID]]] = []
        self.waiting: dict[type[ModelEvent], list[models.Model]] = {}
        self.waits_until = 0.0
        self._origin = origin
        self._cause: Subject | None = None
        self._arguments: Mapping[str, Any] = {}
        self._loaded: dict[tuple[type[models.Model], str, Any], Any] = {}  # model, relation, key: the related object

    def is_at_hand(self, connection: BaseDatabaseWrapper) -> bool:
        """Whether its block is the innermost that is open."""
        return bool(connection.atomic_blocks) and connection.atomic_blocks[-1] is self.block

    def note(self, event: type[ModelEvent], instance: models.Model, arguments: Mapping[str, Any]) -> None:
        """Take in one row, if its declaration applies to it."""
        noted = note(event, instance, arguments, self._load, self._has_snapshots)
        if noted is None:
            return
        if self._cause is None:
            self._cause, self._arguments = _cause(self._origin), arguments
        self._add(event, [instance], [noted])
        if self._has_snapshots(event, noted.audience) and _applies_always(event):
            self.waiting[event] = []

    def note_waiting(self) -> None:
        """Take in the rows that wait for it."""
        self.waits_until = time.monotonic() + RISING
        for event in tuple(self.waiting):
            instances, self.waiting[event] = self.waiting[event], []
            if instances:
                self._load(event, instances)
                self._add(event, instances, note_all(event, instances, self._arguments, self._has_snapshots))

    def _add(self, event: type[ModelEvent], instances: Sequence[models.Model], noted: Iterable[Noted]) -> None:
        for row in noted:
            part = self.parts.get((event, row.audience))
            if part is None:
                part = self.parts[event, row.audience] = Part(event, row.audience)
            part.add(row)
        self.claims.add(instances)
        for part in self.parts.values():
            part.warn_now_and_then()

    def write(self, told: set[Row]) -> list[uuid.UUID]:
        """Record what was noted, without the rows that another act has told of. Gives the alerts' ids."""
        self.is_written = True
        self._loaded.clear()
        uids = []
        for part in self.parts.values():
            part.leave_out(told, self.claims.lost)
            uids.append(part.write(self._cause_of(part)))
        return [uid for uid in uids if uid is not None]

    def rows(self) -> set[Row]:
        parts = self.parts.values()
        return {(part.event.kind, row["model"], row["pk"]) for part in parts for row in part.rows}

    @cached_property
    def told(self) -> set[Row]:
        """What an act has told of, once it is written."""
        return self.rows()

    def _cause_of(self, part: Part) -> Subject | None:
        """The origin, when rows went with something else; a bulk delete names itself."""
        cause = self._cause
        assert cause is not None
        if not part.rows:
            return None
        if isinstance(self._origin, QuerySet):
            return cause if len(part.rows) > 1 or part.rows[0]["model"] != cause["model"] else None
        is_alone = all((row["model"], row["pk"]) == (cause["model"], cause["pk"]) for row in part.rows)
        return None if is_alone else cause

    def _has_snapshots(self, event: type[ModelEvent], audience: str) -> bool:
        part = self.parts.get((event, audience))
        return part is not None and part.has_snapshots

    def _load(self, event: type[ModelEvent], instances: Sequence[models.Model]) -> None:
        """Set the related objects a declaration reads, each fetched once per act."""
        loaded = self._loaded
        for instance in instances if event.related else ():
            try:
                for name in event.related:
                    field: Any = instance._meta.get_field(name)
                    key = (type(instance), name, getattr(instance, field.attname))
                    if key not in loaded:
                        loaded[key] = getattr(instance, name)
                    elif not field.is_cached(instance):
                        field.set_cached_value(instance, loaded[key])
            except Exception:
                logger.exception("%s: a related object of %r could not be loaded.", event.kind, event.related)


class Thread(threading.local):
    """The act that this thread heard of last: most often the one at hand."""

    act: Act | None = None


open_acts: WeakKeyDictionary[BaseDatabaseWrapper, list[Act]] = WeakKeyDictionary()
thread = Thread()


def note_delete(event: type[ModelEvent], sender: Any, instance: models.Model, using: str, **arguments: Any) -> None:
    """`pre_delete`: take one row into the act at hand.

    After the first few rows of an alert, the others wait: many that are noted together cost a fraction of as many that
    are noted each between two signals. They are there as long as nothing is written, and that is when they are noted.
    """
    if muted_kinds.get() and is_muted(event.kind):
        return
    act = _act_at_hand(using)
    waiting = None if act is None else act.waiting.get(event)
    if act is None or act.is_written:  # written: somebody sends the signals by hand, row after row in one block
        act = _begin(connections[using], _origin(instance, arguments.get("origin")))
    elif waiting is not None:
        waiting.append(instance)
        if len(waiting) >= TOGETHER or time.monotonic() >= act.waits_until:
            act.note_waiting()
        return
    arguments["using"] = using
    if act is not None:
        act.note(event, instance, arguments)
        return
    # Somebody sends the signal without a transaction: there is no act to wait for.
    noted = note(event, instance, arguments)
    if noted is not None:
        report(event, noted)


def finish_delete(sender: type[models.Model], using: str, **arguments: Any) -> None:
    """`post_delete`: write the act of the innermost block, if it is not written yet."""
    act = _act_at_hand(using)
    if act is None or act.is_written or not act.parts:
        return
    connection = connections[using]
    act.note_waiting()
    act.claims.settle(sender, connection)
    acts = open_acts[connection]
    outer = acts[: acts.index(act)]
    uids = act.write(_told_by_inner(act).union(*(other.told for other in outer if other.is_written)))
    for other in outer:
        other.inner.append((act, uids))
    transaction.on_commit(partial(_forget, connection), using=using, robust=True)


def _forget(connection: BaseDatabaseWrapper) -> None:
    """The transaction is over, and every act in it. (After a rollback, the next act finds that out.)"""
    open_acts.pop(connection, None)
    thread.act = None


def _told_by_inner(act: Act) -> set[Row]:
    """The rows of this act that an inner act has reported and that its savepoint did not take back."""
    told: set[Row] = set()
    rows = act.rows() if act.inner else told
    for inner, uids in act.inner:
        # Asked by `uid`: SQLite gives the `seq` of an alert that was rolled back to the next one.
        if not rows.isdisjoint(inner.told) and Alert.objects.filter(uid__in=uids).exists():
            told |= inner.told
    return told


def _begin(connection: BaseDatabaseWrapper, origin: Origin) -> Act | None:
    if not connection.atomic_blocks:
        return None
    act = thread.act = Act(connection, connection.atomic_blocks[-1], origin)
    open_acts.setdefault(connection, []).append(act)
    if _watch not in connection.execute_wrappers:
        # Once and for all, and below the others: `connection.execute_wrapper()` takes off the topmost.
        connection.execute_wrappers.insert(0, _watch)
    return act


def _act_at_hand(using: str) -> Act | None:
    """The act of the innermost block, if there is one."""
    act = thread.act
    if act is not None and act.using == using:
        connection = act.connection()
        if connection is not None and connection.atomic_blocks and connection.atomic_blocks[-1] is act.block:
            return act
    thread.act = _act_of(connections[using])
    return thread.act


def _act_of(connection: BaseDatabaseWrapper) -> Act | None:
    acts = _open(connection)
    return acts[-1] if acts and acts[-1].is_at_hand(connection) else None


def _open(connection: BaseDatabaseWrapper) -> list[Act]:
    """The acts of a connection, from the outermost. Those whose block is no longer open are dropped on the way."""
    acts = open_acts.get(connection, [])
    if acts and not acts[-1].is_at_hand(connection):
        blocks = {id(block) for block in connection.atomic_blocks}
        acts[:] = [act for act in acts if id(act.block) in blocks]
    return acts


def _watch(execute: Callable[..., Any], statement: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """An execute wrapper: acts take in their rows before anything is written, and see what the DELETEs take of them."""
    acts = _open(context["connection"])
    if acts and not (isinstance(statement, str) and statement.startswith("SELECT")):
        for act in tuple(acts):
            act.note_waiting()
        act = acts[-1]
        if act.is_at_hand(context["connection"]) and not act.is_written:
            return act.claims.watch(execute, statement, params, many, context)
    return execute(statement, params, many, context)


def _applies_always(event: type[ModelEvent]) -> bool:
    from .events import ModelEvent

    return event.applies is ModelEvent.applies


def _origin(instance: models.Model, origin: Any) -> Origin:
    """What `delete()` was called on. It is not asked whether it is true: a queryset would load its rows for that."""
    if isinstance(origin, (models.Model, QuerySet)):
        return origin
    # Somebody's own collector may have a list for an origin, or none.
    return instance if origin is None else type(instance)._base_manager.none()


def _cause(origin: Origin) -> Subject:
    if isinstance(origin, QuerySet):
        label = f"bulk delete of {origin.model._meta.verbose_name_plural}"
        return Subject(model=concrete(origin.model)._meta.label_lower, pk="", label=label)
    return subject_of(origin)
