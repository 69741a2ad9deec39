"""What an admin does with a delivery: retry it or discard it, on its page or with others in the list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db.models import QuerySet
from django.http import HttpRequest

from .. import letters
from ..models import Delivery


@dataclass(frozen=True)
class Deed:
    """One of the two, the same singly and in bulk: it tells the admin what became of each, and keeps who did it."""

    settle: Callable[..., letters.Settled]
    allowed: tuple[Delivery.State, ...]
    done: str
    then: str = ""

    def __call__(self, request: HttpRequest, deliveries: QuerySet[Delivery]) -> None:
        settled = self.settle(deliveries=deliveries, note=self._note(request))
        if settled.done:
            words = f"{_deliveries(settled.done)} {self.done}.{self.then}"
            messages.success(request, words)
        if settled.left:
            states = ", ".join(f"{count:,} {state}" for state, count in sorted(settled.left.items()))
            words = f"{_deliveries(sum(settled.left.values()))} left alone ({states})"
            messages.warning(request, f"{words}: only {' or '.join(self.allowed)} ones can be {self.done}.")
        if settled.taken:
            words = f"{_deliveries(settled.taken)} left alone: a relay, or somebody else, was quicker."
            messages.warning(request, words)

    def _note(self, request: HttpRequest) -> letters.Note:
        who: Any = request.user.pk
        words = f"{self.done.capitalize()}."
        return lambda rows: LogEntry.objects.log_actions(who, rows, CHANGE, change_message=words)


DEEDS = {
    "retry": Deed(letters.retry, letters.RETRYABLE, "retried", " A running relay looks every second."),
    "discard": Deed(letters.discard, letters.DISCARDABLE, "discarded"),
}


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count:,} deliveries"
