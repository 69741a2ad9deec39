"""One reader's part of the log, in order: the ranges of their audiences, merged.

An index has each audience in order, and none has all of a reader's together. Asked for `audience IN (...)` in order, a
database guesses: it walks the log itself until it has found enough, which for a reader of little is all of it. So the
first few of each audience are taken from its own range, and the first few of those are the answer.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from django.db import connections
from django.db.models import Q
from django.db.models.expressions import RawSQL

from .models import Alert
from .relay.head import using

TABLE = Alert._meta.db_table
MERGED = {
    "postgresql": "SELECT range.position FROM unnest(%s::text[]) AS key CROSS JOIN LATERAL ({range}) AS range",
    # It knows no LATERAL: the positions are asked for once per key, and looked up.
    "sqlite": f"SELECT position FROM json_each(%s) JOIN {TABLE} ON position IN ({{range}})",
}
KEY = {"postgresql": "key", "sqlite": "json_each.value"}


def first_of(
    keys: Collection[str], *, after: int, up_to: int, limit: int, is_newest_first: bool = False, are_cards: bool = False
) -> Q:
    """The first `limit` positions in (after, up_to] that concern one of these keys.

    Cards: without those that a group has folded away.
    """
    vendor = connections[using()].vendor
    # Whole numbers are written out: only so can SQLite tell which partial index has all that is asked for.
    order = f"ORDER BY position {'DESC' if is_newest_first else 'ASC'} LIMIT {limit:d}"
    one = (
        f"SELECT position FROM {TABLE} AS one WHERE audience = {KEY[vendor]} AND position > {after:d} "
        f"AND position <= {up_to:d} {'AND place <= 1' if are_cards else ''} {order}"
    )
    asked: Any = sorted(keys)
    merged = f"{MERGED[vendor].format(range=one)} {order}"
    return Q(position__in=RawSQL(merged, [json.dumps(asked) if vendor == "sqlite" else asked]))
