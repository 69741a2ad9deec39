"""Keeps what a declaration asks the database from harming the transaction whose act it reports."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper


class Guard:
    """A block whose failed SQL leaves the transaction at hand as it was; PostgreSQL would end it.

    The savepoint this takes is made before the block's first statement: a block that asks nothing costs nothing. What
    raises in the block goes on raising. `was_needed` says whether the block failed, even if somebody inside hid that.
    """

    __slots__ = ("_connection", "_is_made", "_needed_rollback", "_savepoint", "was_needed")

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection
        self._needed_rollback = connection.needs_rollback
        self._is_made = False
        self._savepoint: str | None = None
        self.was_needed = False

    def __enter__(self) -> None:
        self._connection.execute_wrappers.append(self)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.execute_wrappers.remove(self)
        if kind is not None:
            self._recover()
        elif self._savepoint:
            try:
                self._connection.savepoint_commit(self._savepoint)
            except DatabaseError:
                self._recover()  # a failure that somebody inside has swallowed

    def __call__(self, execute: Callable[..., Any], *statement: Any) -> Any:
        """The block's statements pass here."""
        if not self._is_made:
            self._is_made = True  # first, for the savepoint is a statement itself
            self._savepoint = self._connection.savepoint()
        return execute(*statement)

    def _recover(self) -> None:
        self.was_needed = True
        if self._savepoint:
            self._connection.needs_rollback = self._needed_rollback
            self._connection.savepoint_rollback(self._savepoint)
