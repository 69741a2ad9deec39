"""Keeps what a declaration asks the database from harming the transaction whose act it reports."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections


class Guard:
    """A block whose failed SQL leaves the transaction at hand as it was; PostgreSQL would end it.

    The savepoint this takes is made before the block's first statement: a block that asks nothing costs nothing. What
    raises in the block goes on raising.
    """

    __slots__ = ("_connection", "_is_made", "_needed_rollback", "_savepoint")

    def __init__(self, using: str | None) -> None:
        self._connection = connections[using or DEFAULT_DB_ALIAS]
        self._needed_rollback = self._connection.needs_rollback
        self._is_made = False
        self._savepoint: str | None = None

    def __enter__(self) -> None:
        self._connection.execute_wrappers.append(self._before)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.execute_wrappers.remove(self._before)
        if kind is not None:
            self._recover()
        elif self._savepoint:
            try:
                self._connection.savepoint_commit(self._savepoint)
            except DatabaseError:
                self._recover()  # a failure that somebody inside has swallowed

    def _recover(self) -> None:
        if self._savepoint:
            self._connection.needs_rollback = self._needed_rollback
            self._connection.savepoint_rollback(self._savepoint)

    def _before(self, execute: Callable[..., Any], *statement: Any) -> Any:
        if not self._is_made:
            self._is_made = True  # first, for the savepoint is a statement itself
            self._savepoint = self._connection.savepoint()
        return execute(*statement)
