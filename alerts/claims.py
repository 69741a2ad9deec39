"""An act claims its rows just before they go: those that are gone by then are another act's to report (trap X21).

Rows are collected before they are locked, so two deletes at once collect the same ones, whether singly, in bulk or by a
cascade. A claim takes the locks which the DELETE takes a moment later, table by table in its order (but for tables left
at the first `post_delete`, when the act is written): no delete waits for a row that it would not touch without alerts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connections, models

Key = tuple[str, str]  # model, primary key as text
CHUNK = 1_000


class Claims:
    """The rows of one act. `lost` are those that somebody else deleted first."""

    def __init__(self, using: str) -> None:
        self.lost: set[Key] = set()
        self._using = using
        self._open: dict[type[models.Model], dict[Any, Key]] = defaultdict(dict)

    def add(self, instance: models.Model, key: Key) -> None:
        model = _concrete(type(instance))
        self._open[model][_clean(model, instance.pk)] = key

    def claim_before(self, statement: str) -> None:
        """Claim the rows of the table that this statement deletes from."""
        quote = connections[self._using].ops.quote_name
        for model in list(self._open):
            if statement.startswith(f"DELETE FROM {quote(model._meta.db_table)}"):
                self._claim(model)

    def claim_others(self, sender: type[models.Model]) -> None:
        """Claim what is left, but for the sender's own: they are gone already, by a statement nobody here has seen."""
        for model in list(self._open):
            if model is not _concrete(sender):
                self._claim(model)

    def _claim(self, model: type[models.Model]) -> None:
        rows = self._open.pop(model)
        keys = list(rows)
        size = min(connections[self._using].features.max_query_params or CHUNK, CHUNK)
        for start in range(0, len(keys), size):
            chunk = keys[start : start + size]
            # No manager: a DELETE asks none either, and one that hides rows would make them somebody else's.
            rows_there: models.QuerySet[Any] = models.QuerySet(model, using=self._using)
            # From the highest key down, as Django deletes them.
            locked = rows_there.filter(pk__in=chunk).order_by("-pk").select_for_update()
            found = set(locked.values_list("pk", flat=True))
            self.lost.update(rows[key] for key in chunk if key not in found)


def before_each(act_at_hand: Callable[[Any], Claims | None]) -> Callable[..., Any]:
    """An execute wrapper that lets the act at hand claim its rows before each DELETE."""

    def wrapper(execute: Callable[..., Any], statement: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if isinstance(statement, str) and statement.startswith("DELETE FROM "):
            claims = act_at_hand(context["connection"])
            if claims is not None:
                claims.claim_before(statement)
        return execute(statement, params, many, context)

    return wrapper


def _concrete(model: type[models.Model]) -> type[models.Model]:
    return model._meta.concrete_model or model


def _clean(model: type[models.Model], key: Any) -> Any:
    """The key as the database gives it: whoever deletes may have set it to its text."""
    try:
        return model._meta.pk.to_python(key)
    except (ValidationError, AttributeError):
        return key
