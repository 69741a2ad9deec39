"""What tests of the relay share: a declaration that is mailed, recorded alerts, and their deliveries, due now."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from accounts.models import User
from alerts.audiences import Everyone
from alerts.events import ModelEvent, muted
from alerts.models import Alert, Delivery
from alerts.outbox import record


@pytest.fixture
def mailed() -> type[ModelEvent]:
    class Mailed(ModelEvent):
        kind = "test.mailed"
        audience = Everyone()
        transports = ("email",)
        title = "x"

    return Mailed


@pytest.fixture
def make_users() -> Callable[..., list[User]]:
    """Makes `count` users with an address, without a welcome."""

    def make(count: int, **fields: Any) -> list[User]:
        with muted():
            people = [User(username=f"user{n}", email=f"user{n}@example.org", **fields) for n in range(count)]
            return User.objects.bulk_create(people)

    return make


@pytest.fixture
def make_delivery(mailed: type[ModelEvent]) -> Callable[..., Delivery]:
    """A delivery to a user, due now, of a new alert."""

    def make(user: User, *, audience: str = "everyone", **fields: Any) -> Delivery:
        alert = record(kind="test.mailed", audience=audience, title=fields.pop("title", "News"), body="Words")
        Alert.objects.filter(pk=alert.pk).update(expanded_at=Now())
        return Delivery.objects.create(
            **{
                "alert": alert,
                "transport": "email",
                "recipient": str(user.pk),
                "address": user.email,
                "next_try": Now() - timedelta(seconds=1),
                **fields,
            }
        )

    return make
