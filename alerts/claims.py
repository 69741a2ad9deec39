"""Which rows an act took: those that were gone by then are another act's to report (trap X21).

Rows are collected before they are locked, so two deletes at once collect the same ones, whether singly, in bulk or by a
cascade. The DELETE knows which of them it took: Django's own is asked to return their keys, which costs no statement
and no lock. Where it cannot be asked (another form of it, a database without RETURNING), and for tables whose turn
comes after the act is written, the rows are read just before, with the locks that the DELETE takes a moment later. No
delete waits for a row that it would not touch without alerts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from . import clean

Key = tuple[str, str]  # model, primary key as text
CHUNK = 1_000


class Claims:
    """The rows of one act. `lost` are those that somebody else deleted first, known once it is settled."""

    def __init__(self) -> None:
        self.lost: set[Key] = set()
        self._noted: dict[type[models.Model], list[Any]] = defaultdict(list)
        self._taken: dict[type[models.Model], list[Any]] = defaultdict(list)  # as the database gives them
        self._short: set[type[models.Model]] = set()  # a DELETE took fewer than it named

    def add(self, instances: Sequence[models.Model]) -> None:
        for instance in instances:
            self._noted[concrete(type(instance))].append(instance.pk)

    def watch(self, execute: Callable[..., Any], statement: Any, params: Any, many: bool, context: Any) -> Any:
        """Execute a statement, and see which rows it takes if it is a DELETE."""
        connection = context["connection"]
        model = self._deleted_by(statement, connection)
        if model is None:
            return execute(statement, params, many, context)
        returning = "" if many else _returning(model, statement, connection)
        if not returning:
            self._claim(model, connection)
            return execute(statement, params, many, context)
        result = execute(returning, params, many, context)
        taken = [key for (key,) in context["cursor"].fetchall()]
        self._taken[model] += taken
        if len(taken) < len(params):
            self._short.add(model)
        return result

    def _deleted_by(self, statement: Any, connection: BaseDatabaseWrapper) -> type[models.Model] | None:
        if isinstance(statement, str) and statement.startswith("DELETE FROM "):
            for model in self._noted:
                if statement.startswith(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}"):
                    return model
        return None

    def settle(self, sender: type[models.Model], connection: BaseDatabaseWrapper) -> None:
        """The sender's rows are gone. Whatever else is noted goes later: it is claimed now."""
        for model in list(self._noted):
            if model is not concrete(sender):
                self._claim(model, connection)
            elif model in self._short:
                self._lose(model, connection, there=set())
        self._noted.clear()
        self._taken.clear()

    def _claim(self, model: type[models.Model], connection: BaseDatabaseWrapper) -> None:
        keys = list(dict.fromkeys(_clean(model, pk) for pk in self._noted[model]))
        size = min(connection.features.max_query_params or CHUNK, CHUNK)
        there: set[Any] = set()
        for start in range(0, len(keys), size):
            # No manager: a DELETE asks none either, and one that hides rows would make them somebody else's.
            rows: models.QuerySet[Any] = models.QuerySet(model, using=connection.alias)
            # From the highest key down, as Django deletes them.
            locked = rows.filter(pk__in=keys[start : start + size]).order_by("-pk").select_for_update()
            there.update(locked.values_list("pk", flat=True))
        self._lose(model, connection, there)

    def _lose(self, model: type[models.Model], connection: BaseDatabaseWrapper, there: set[Any]) -> None:
        """Lost is what was neither taken nor is there."""
        column: Any = model._meta.pk.get_col(model._meta.db_table)
        converters = [*connection.ops.get_db_converters(column), *column.get_db_converters(connection)]
        for value in self._taken[model]:
            for convert in converters:
                value = convert(value, column, connection)
            there.add(value)
        label = model._meta.label_lower
        noted = self._noted.pop(model)
        self.lost.update((label, clean.text(pk, clean.KEY)) for pk in noted if _clean(model, pk) not in there)


def concrete(model: type[models.Model]) -> type[models.Model]:
    return model._meta.concrete_model or model


def _returning(model: type[models.Model], statement: str, connection: BaseDatabaseWrapper) -> str:
    """The statement, asked to return the keys it takes; empty if it is not one to be asked."""
    # A model that Django does not manage may be a view, whose rules return nothing.
    if not connection.features.can_return_rows_from_bulk_insert or not model._meta.managed:
        return ""
    table, column = (connection.ops.quote_name(str(name)) for name in (model._meta.db_table, model._meta.pk.column))
    head = f"DELETE FROM {table} WHERE {table}.{column} IN ("
    is_djangos = statement.startswith(head) and statement[len(head) :].strip("%s, ") == ")"
    return f"{statement} RETURNING {column}" if is_djangos else ""


def _clean(model: type[models.Model], key: Any) -> Any:
    """The key as the database gives it: whoever deletes may have set it to its text."""
    try:
        return model._meta.pk.to_python(key)
    except (ValidationError, AttributeError):
        return key
