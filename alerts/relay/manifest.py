"""What a relay knows of the deliveries it is about to carry: what they are, whether they are still its own, to whom."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser

from ..audiences import includes
from ..models import Delivery
from .marks import Marks

FRESH = 1.0  # seconds; who is in an audience is asked at the last moment


class Manifest:
    """Read for many at once, and anew when it is more than a second old."""

    def __init__(self, marks: Marks, clock: Callable[[], float] = time.monotonic) -> None:
        self._marks = marks
        self._clock = clock
        self._read_at: float | None = None
        self._deliveries: dict[int, Delivery] = {}
        self._users: dict[str, AbstractBaseUser] = {}

    @property
    def is_fresh(self) -> bool:
        return self._read_at is not None and self._clock() - self._read_at < FRESH

    def read(self, keys: Sequence[int]) -> None:
        began = self._clock()
        self._deliveries = {delivery.pk: delivery for delivery in self._marks.held(*keys).select_related("alert")}
        users = get_user_model()._default_manager.filter(
            pk__in=_keys_of_users({delivery.recipient for delivery in self._deliveries.values()})
        )
        self._users = {str(user.pk): user for user in users}
        self._read_at = began

    def delivery(self, key: int) -> Delivery | None:
        """None: somebody else has taken it over, or settled it."""
        return self._deliveries.get(key)

    def recipient(self, delivery: Delivery) -> AbstractBaseUser | None:
        """None: they are gone, or in the audience no more."""
        user = self._users.get(delivery.recipient)
        return user if user is not None and includes(delivery.alert.audience, user) else None


def _keys_of_users(recipients: set[str]) -> list[Any]:
    """Without those that can be no user's: they were of another user model."""
    field = get_user_model()._meta.pk
    found = []
    for recipient in recipients:
        try:
            found.append(field.to_python(recipient))
        except Exception:
            continue
    return found
