"""Gives committed alerts their positions: 1, 2, 3 ... without a hole, in order of the serial key, after the commit.

Serial keys are handed out before the commit: a reader that asks for "key > last" loses a slower commit for ever. So the
first statement locks the one head row, and a second, separate one numbers what is committed by then. In one statement
the second relay's snapshot would be older than its wait, and rows would be numbered twice (trap X18). Nothing but
LogHead and Alert is touched under that lock (trap X19).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from ..models import Alert, LogHead
from .head import ONLY, fingerprint, make_head, random_epoch, using

logger = logging.getLogger(__name__)
BATCH = 1_000

LIMITS = """
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = '2s';
SET LOCAL idle_in_transaction_session_timeout = '5s'
"""
NUMBER = f"""
UPDATE {Alert._meta.db_table} SET position = %s + due.place
FROM (
    SELECT seq AS due_seq, row_number() OVER (ORDER BY seq) AS place
    FROM {Alert._meta.db_table} WHERE position IS NULL ORDER BY seq LIMIT {BATCH}
) AS due
WHERE seq = due.due_seq
"""


class Busy(Exception):
    """Somebody else writes to SQLite just now, or another relay is numbering: try again in a moment."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Positions `first` to `last` were given under `epoch`; `is_more`: there may be more to number at once."""

    epoch: str
    first: int
    last: int
    is_more: bool


class Numberer:
    """One per process. Remembers the head it saw last, to notice one that went back."""

    def __init__(self) -> None:
        self._seen: tuple[str, int] = ("", 0)

    def number(self) -> Numbered | None:
        """Number up to 1,000 committed alerts, or give None when there are none. Raises Busy."""
        connection = connections[using()]
        if not Alert.objects.using(using()).filter(position=None).exists():
            return None
        try:
            with _without_waiting(connection), transaction.atomic(using=using(), durable=True):
                return self._number(connection)
        except OperationalError as error:
            if is_lock(error):
                raise Busy from error
            raise

    def _number(self, connection: BaseDatabaseWrapper) -> Numbered | None:
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                cursor.execute(LIMITS)
            head = LogHead.objects.using(using()).select_for_update().filter(pk=ONLY).first()
            if head is None:
                make_head()
                head = LogHead.objects.using(using()).select_for_update().get(pk=ONLY)
            self._verify_epoch(head, connection)
            cursor.execute(NUMBER, [head.position])
            count = cursor.rowcount
        if not count:
            return None
        first = head.position + 1
        head.position += count
        head.save(using=using(), update_fields=["epoch", "position", "fingerprint"])
        self._seen = (head.epoch, head.position)
        return Numbered(head.epoch, first, head.position, is_more=count == BATCH)

    def _verify_epoch(self, head: LogHead, connection: BaseDatabaseWrapper) -> None:
        found = fingerprint(connection)
        went_back = head.epoch == self._seen[0] and head.position < self._seen[1]
        if went_back or (head.fingerprint and head.fingerprint != found):
            logger.warning("The log is another one (%s): a new epoch begins.", "went back" if went_back else "restored")
            head.epoch = random_epoch()
        head.fingerprint = found


@contextmanager
def _without_waiting(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """On SQLite numbering never waits for the one writer: it would hold up the writers behind it."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
        cursor.execute("PRAGMA busy_timeout = 0")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout = {patience}")


def is_lock(error: OperationalError) -> bool:
    """SQLite's "database is locked", PostgreSQL's lock_timeout (55P03)."""
    return "locked" in str(error) or getattr(error.__cause__, "sqlstate", None) == "55P03"
