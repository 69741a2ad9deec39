"""A part of an act: what one alert will tell of it, and the warnings that it is to come."""

from __future__ import annotations

import time
import uuid
from functools import partial
from typing import TYPE_CHECKING

from django.db import transaction

from . import frames
from .outbox import SUBJECTS, Rows, Subject
from .relay.bell import bell
from .relay.head import using as log_database
from .reports import Noted, intent, report

if TYPE_CHECKING:
    from .events import ModelEvent

RISING = 0.25  # seconds between two warnings of one act, as its count rises
FADES_IN = 10  # seconds until a page gives up waiting for the alert a warning has promised
Row = tuple[str, str, str]  # kind, model, key


class Part:
    """The rows of one declaration and one audience.

    As many as an alert names are noted with a snapshot, of the others there is only what the list of rows says: of many
    rows an alert says no more.
    """

    def __init__(self, event: type[ModelEvent], audience: str) -> None:
        self.event = event
        self.audience = audience
        self.rows = Rows()
        self._snapshots: list[Noted] = []
        self._uid: uuid.UUID | None = None  # of the alert, once there was a warning of it
        self._warned_of = 0  # rows
        self._silent_until = 0.0

    @property
    def has_snapshots(self) -> bool:
        """Whether further rows need none."""
        return len(self._snapshots) >= SUBJECTS

    def add(self, noted: Noted) -> None:
        self.rows.append(noted.subject)
        if len(self._snapshots) < SUBJECTS:
            self._snapshots.append(noted)

    def warn_now_and_then(self) -> None:
        """Tell of it as its count rises."""
        if self.event.pending and self.rows and time.monotonic() >= self._silent_until:
            self._warn()

    def leave_out(self, told: set[Row], lost: set[tuple[str, str]]) -> None:
        """Drop the rows that another act has told of, and those it took."""
        kind = self.event.kind

        def is_mine(row: Subject) -> bool:
            return (row["model"], row["pk"]) not in lost and (kind, row["model"], row["pk"]) not in told

        if told or lost:
            self.rows = Rows(filter(is_mine, self.rows))
            self._snapshots = [noted for noted in self._snapshots if is_mine(noted.subject)]

    def write(self, cause: Subject | None) -> uuid.UUID | None:
        """Record the alert, unless no row is left to tell of. Gives its id."""
        if self._uid is not None:
            self._settle(self._uid)
        if not self.rows:
            return None
        return report(self.event, self._first(), self.rows, cause=cause, uid=self._uid)

    def _first(self) -> Noted:
        """The row whose words the alert has; one without any if all that have a snapshot were another act's."""
        if self._snapshots:
            return self._snapshots[0]
        has_words = len(self.rows) > 1 and self.event.title_many
        return Noted(self.audience, self.rows[0], is_broken=not has_words)

    def _warn(self) -> None:
        """Tell whoever may see the alert that it is under way: never a wait, never a network call."""
        self._uid = self._uid or uuid.uuid4()
        self._silent_until = time.monotonic() + RISING
        count = len(self.rows)
        title = intent(self.event, self._first(), count)
        if not title or count == self._warned_of:
            return
        frame = frames.pending(uid=str(self._uid), kind=self.event.kind, title=title, expires_in=FADES_IN)
        is_first, self._warned_of = not self._warned_of, count
        bell.announce(self._uid, {"pending": {"audience": self.audience, "frame": frame}}, at_once=not is_first)

    def _settle(self, uid: uuid.UUID) -> None:
        if len(self.rows) > 1:
            self._warn()  # of all of them
        if self.rows:
            transaction.on_commit(partial(bell.settle, uid), using=log_database(), robust=True)
        else:
            bell.settle(uid)
