"""The head of the log: how far it is numbered, and under which epoch.

An epoch is one history of positions. It is made anew whenever positions a reader holds may have come to mean something
else: the head went back, the database is another one (a restored copy has another fingerprint), or `manage.py
new_epoch` says so.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from django.db import DatabaseError, connections, router, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Max, Min

from ..models import Alert, LogHead

ONLY = 1  # the primary key of the one row


@dataclass(frozen=True, slots=True)
class Head:
    epoch: str
    position: int
    oldest: int


def using() -> str:
    return router.db_for_write(LogHead)


def read_head() -> Head:
    """The head as committed, without a lock. A missing one is made."""
    row = LogHead.objects.using(using()).filter(pk=ONLY).values_list("epoch", "position", "oldest").first()
    if row is None:
        make_head()
        return read_head()
    return Head(*row)


def make_head() -> None:
    """Make the one row, from what the log holds, under a new epoch. Two at once make one."""
    span = Alert.objects.using(using()).aggregate(last=Max("position"), first=Min("position"))
    LogHead.objects.using(using()).bulk_create(
        [
            LogHead(
                pk=ONLY,
                epoch=random_epoch(),
                position=span["last"] or 0,
                oldest=span["first"] or 1,
                fingerprint=fingerprint(connections[using()]),
            )
        ],
        ignore_conflicts=True,
    )


def new_epoch(*, instead_of: str | None = None) -> str:
    """Begin a new epoch; with `instead_of`, only if that one is still in force. Gives the epoch in force."""
    with transaction.atomic(using=using()):
        read_head()
        head = LogHead.objects.using(using()).select_for_update().get(pk=ONLY)
        if instead_of in (None, head.epoch):
            head.epoch = random_epoch()
            head.fingerprint = fingerprint(connections[using()])
            head.save(using=using(), update_fields=["epoch", "fingerprint"])
        return head.epoch


def random_epoch() -> str:
    return secrets.token_urlsafe(16)


_fingerprints: WeakKeyDictionary[BaseDatabaseWrapper, tuple[object, str]] = WeakKeyDictionary()


def fingerprint(connection: BaseDatabaseWrapper) -> str:
    """What tells this database from a restored copy of it; asked once per connection."""
    connection.ensure_connection()
    known = _fingerprints.get(connection)
    if known is not None and known[0] is connection.connection:
        return known[1]
    found = _ask_fingerprint(connection)
    _fingerprints[connection] = (connection.connection, found)
    return found


def _ask_fingerprint(connection: BaseDatabaseWrapper) -> str:
    if connection.vendor == "sqlite":
        try:
            return f"sqlite:{Path(connection.settings_dict['NAME']).stat().st_ino}"
        except (OSError, TypeError):
            return "sqlite:memory"
    if connection.vendor == "postgresql":
        oid = "SELECT oid::text FROM pg_database WHERE datname = current_database()"
        whole = (
            "SELECT s.system_identifier::text || ':' || c.timeline_id::text || ':' || d.oid::text "
            "FROM pg_control_system() s, pg_control_checkpoint() c, pg_database d WHERE d.datname = current_database()"
        )
        for question in (whole, oid):
            try:
                # A savepoint: a server that refuses the question must not end the transaction at hand.
                with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
                    cursor.execute(question)
                    return f"postgresql:{cursor.fetchone()[0]}"
            except DatabaseError:
                continue
    return connection.vendor
