"""Rows whose column is among many values, asked so that some hundred are bound as one.

Of `IN (...)` Django prepares, compiles and binds each value by itself. PostgreSQL takes them as one array.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeVar

from django.db import connections
from django.db.models import BooleanField, F, Func, Model, QuerySet

M = TypeVar("M", bound=Model)


def among(rows: QuerySet[M], name: str, values: Collection[Any]) -> QuerySet[M]:
    """Those of these rows. `values` are of the column's own Python type."""
    if connections[rows.db].vendor == "postgresql":
        return rows.filter(_Any(name, values))
    return rows.filter(**{f"{name}__in": values})


class _Any(Func):
    """`column = ANY(array)`"""

    output_field = BooleanField()

    def __init__(self, name: str, values: Collection[Any]) -> None:
        super().__init__(F(name))
        self.values = list(values)

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        column, params = compiler.compile(self.source_expressions[0])
        return f"{column} = ANY(%s)", [*params, self.values]
