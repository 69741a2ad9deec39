"""Gives committed alerts their positions: 1, 2, 3 ... without a hole, in order of the serial key, after the commit.

Serial keys are handed out before the commit: a reader that asks for "key > last" loses a slower commit for ever. So the
first statement locks the one head row, and a second, separate one numbers what is committed by then. In one statement
the second relay's snapshot would be older than its wait, and rows would be numbered twice (trap X18). Nothing but
LogHead and Alert is touched under that lock (trap X19).

With psycopg 3 all this is two round trips: BEGIN goes with the statements that lock and number, COMMIT with those that
fold the storms and move the head. Sent together, they are separate still: at READ COMMITTED each has a snapshot of its
own, the one that numbers a later one than its wait for the lock.
"""

from __future__ import annotations

import logging
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from ..feed import NEVER_READ
from ..models import Alert, LogHead
from ..patience import is_lock, without_waiting
from . import grouping
from .head import ONLY, fingerprint, make_head, random_epoch, using

logger = logging.getLogger(__name__)
BATCH = 1_000
RECENT = 500  # positions looked back for storms under way, after another process has numbered

Statement = tuple[str, Sequence[Any]]
LIMITS = [
    "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET LOCAL lock_timeout = '2s'",
    "SET LOCAL idle_in_transaction_session_timeout = '5s'",
]
HEAD = f"SELECT epoch, position, fingerprint FROM {LogHead._meta.db_table} WHERE id = {ONLY}"
MOVE_HEAD = f"UPDATE {LogHead._meta.db_table} SET epoch = %s, position = %s, fingerprint = %s WHERE id = {ONLY}"
# As they are published: nobody reads them anew for that.
FIELDS = [field for field in Alert._meta.concrete_fields if field.name not in NEVER_READ]
COLUMNS = ", ".join(f'"{field.column}"' for field in FIELDS)
NUMBER = f"""
UPDATE {Alert._meta.db_table}
SET position = (SELECT position FROM {LogHead._meta.db_table} WHERE id = {ONLY}) + due.nth
FROM (
    SELECT seq AS due_seq, row_number() OVER (ORDER BY seq) AS nth
    FROM {Alert._meta.db_table} WHERE position IS NULL ORDER BY seq LIMIT {BATCH}
) AS due
WHERE seq = due.due_seq
RETURNING {COLUMNS}
"""
GROUP = f"""
UPDATE {Alert._meta.db_table} SET "group" = %s, place = %s + member.nth
FROM (
    SELECT seq AS member_seq, row_number() OVER (ORDER BY position) - 1 AS nth
    FROM {Alert._meta.db_table} WHERE position BETWEEN %s AND %s AND kind = %s AND audience = %s
) AS member
WHERE seq = member.member_seq
"""


class HeadIsMissing(Exception):
    """Nobody has numbered yet, or the row was removed by hand."""


class Busy(Exception):
    """Somebody else writes to SQLite just now, or another relay is numbering: try again in a moment."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """These alerts, in order, were given positions under `epoch`; `is_more`: there may be more to number at once."""

    epoch: str
    alerts: Sequence[Alert]
    is_more: bool

    @property
    def first(self) -> int:
        return _position(self.alerts[0])

    @property
    def last(self) -> int:
        return _position(self.alerts[-1])


class Numberer:
    """One per process. Remembers the head it left, to notice one that went back, and the storms up to there."""

    def __init__(self) -> None:
        self._seen: tuple[str, int] = ("", 0)
        self._is_alone = False  # nobody else numbered since
        self._streams: grouping.Streams | None = None

    def number(self, *, is_rung: bool = False) -> Numbered | None:
        """Number up to 1,000 committed alerts, or give None when there are none. Raises Busy.

        `is_rung`: this process has just committed one. Where no other numbers, it is there still: nobody asks first.
        """
        connection = connections[using()]
        if not (is_rung and self._is_alone) and not Alert.objects.using(using()).filter(position=None).exists():
            return None
        known_as = fingerprint(connection)
        streams, self._streams = self._streams, None  # gone, should this fail half way
        try:
            # On SQLite numbering never waits for the one writer: it would hold up the writers behind it.
            with without_waiting(connection), _transaction(connection) as (begin, commit):
                numbered, streams = self._number(connection, streams, known_as, begin, commit)
        except HeadIsMissing:
            make_head()
            return self.number()
        except OperationalError as error:
            if not is_lock(error):
                raise
            traceback.clear_frames(error.__traceback__)  # see patience
            raise Busy from None
        self._streams = streams
        if numbered is not None:
            self._seen = (numbered.epoch, numbered.last)
        return numbered

    def _number(
        self,
        connection: BaseDatabaseWrapper,
        streams: grouping.Streams | None,
        known_as: str,
        begin: Sequence[Statement],
        commit: Sequence[Statement],
    ) -> tuple[Numbered | None, grouping.Streams]:
        with connection.cursor() as cursor:
            *_, heads, rows = _execute(cursor, [*begin, (_lock_of(connection), ()), (NUMBER, ())])
            if not heads:
                raise HeadIsMissing
            epoch, position, was_known_as = heads[0]
            went_back = epoch == self._seen[0] and position < self._seen[1]
            if went_back or (was_known_as and was_known_as != known_as):
                why = "went back" if went_back else "restored"
                logger.warning("The log is another one (%s): a new epoch begins.", why)
                epoch = random_epoch()
            self._is_alone = self._seen == (epoch, position)
            if streams is None or not self._is_alone:
                streams = grouping.Streams(_recent(position))
            if not rows:
                return None, streams
            new = sorted(_as_alerts(connection, rows), key=_position)
            head: Statement = (MOVE_HEAD, (epoch, position + len(new), known_as))
            _execute(cursor, [*_group(streams, new), head, *commit])
        return Numbered(epoch, new, is_more=len(new) == BATCH), streams


@contextmanager
def _transaction(connection: BaseDatabaseWrapper) -> Iterator[tuple[list[Statement], list[Statement]]]:
    """A transaction, and what its first and its last statements are to be sent with."""
    limits: list[Statement] = [(limit, ()) for limit in LIMITS] if connection.vendor == "postgresql" else []
    if not _sends_many(connection) or connection.in_atomic_block or not connection.get_autocommit():
        with transaction.atomic(using=using(), durable=True):
            yield limits, []
        return
    try:
        yield [("BEGIN", ()), *limits], [("COMMIT", ())]
    finally:
        raw: Any = connection.connection
        if raw is not None and not raw.closed:  # else there is an error, and it says more
            with connection.wrap_database_errors:
                raw.rollback()  # after the COMMIT there is nothing to roll back, and nothing is sent


def _sends_many(connection: BaseDatabaseWrapper) -> bool:
    """Whether several statements can go in one round trip, and the rows of each be had: with psycopg 3."""
    if connection.vendor != "postgresql":
        return False
    from django.db.backends.postgresql.psycopg_any import is_psycopg3

    return is_psycopg3 and not connection.settings_dict["OPTIONS"].get("server_side_binding", False)


def _execute(cursor: CursorWrapper, statements: Sequence[Statement]) -> list[list[tuple[Any, ...]]]:
    """The rows of each of them."""
    if not _sends_many(cursor.db):
        results = []
        for sql, values in statements:
            cursor.execute(sql, values)
            results.append(cursor.fetchall() if cursor.description else [])
        return results
    cursor.execute(";".join(sql for sql, _ in statements), [value for _, values in statements for value in values])
    results = [cursor.fetchall() if cursor.description else []]
    while cursor.nextset():
        results.append(cursor.fetchall() if cursor.description else [])
    return results


def _lock_of(connection: BaseDatabaseWrapper) -> str:
    """Reads the head and locks it; on SQLite the transaction itself has locked everything."""
    return f"{HEAD} FOR UPDATE" if connection.vendor == "postgresql" else HEAD


def _as_alerts(connection: BaseDatabaseWrapper, rows: Iterable[tuple[Any, ...]]) -> list[Alert]:
    compiler = Alert.objects.using(using()).query.get_compiler(using())
    converters = compiler.get_converters([field.get_col(Alert._meta.db_table) for field in FIELDS])
    names = [field.attname for field in FIELDS]
    return [Alert.from_db(connection.alias, names, row) for row in compiler.apply_converters(rows, converters)]


def _recent(head: int) -> list[grouping.Numbered]:
    """The end of the log, in order."""
    alerts = Alert.objects.using(using()).filter(position__gt=head - RECENT, position__lte=head).order_by("position")
    rows = alerts.values_list("position", "kind", "audience", "created", "group", "place")
    return [grouping.Numbered(*row) for row in rows if row[0] is not None]  # type: ignore[arg-type]


def _group(streams: grouping.Streams, new: Sequence[Alert]) -> Iterator[Statement]:
    """Fold the storms among these alerts: in hand, and what does so in the log."""
    members = defaultdict(list)
    for alert in new:
        members[alert.kind, alert.audience].append(alert)
    for run in streams.group(grouping.Numbered(_position(a), a.kind, a.audience, a.created) for a in new):
        yield GROUP, (run.group, run.place, run.first, run.last, run.kind, run.audience)
        of_run = [a for a in members[run.kind, run.audience] if run.first <= _position(a) <= run.last]
        for place, alert in enumerate(of_run, run.place):
            alert.group, alert.place = run.group, place


def _position(alert: Alert) -> int:
    assert alert.position is not None
    return alert.position
