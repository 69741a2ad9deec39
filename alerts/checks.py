"""System checks: a misconfiguration is found at start, with an id and a hint, not at 3 a.m."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections, models

from . import clean
from .addresses import networks
from .calls import call
from .conf import conf, unknown_keys
from .events import Event, ModelEvent
from .kinds import declared
from .relay.head import using
from .transports import registered

APPS = Sequence[AppConfig] | None


@register()
def check_settings(app_configs: APPS, **options: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    values = conf()
    if unknown := unknown_keys():
        found.append(
            Warning(f"settings.ALERTS has unknown keys: {', '.join(unknown)}.", hint="Remove them.", id="alerts.W001")
        )
    if values.RELAY not in ("thread", "off"):
        found.append(Error(f"ALERTS_RELAY is {values.RELAY!r}.", hint="Set it to thread or off.", id="alerts.E001"))
    if not 1 <= values.WINDOW <= 100_000:
        found.append(Error(f"ALERTS_WINDOW is {values.WINDOW}.", hint="Set 1 to 100000 alerts.", id="alerts.E002"))
    if not 1 <= values.HEARTBEAT <= 3_600:
        found.append(Error(f"ALERTS_HEARTBEAT is {values.HEARTBEAT}.", hint="Set 1 to 3600 s.", id="alerts.E003"))
    for origin in values.ORIGINS:
        if not origin.startswith(("http://", "https://")) or origin.count("/") != 2 or "*" in origin:
            found.append(
                Error(
                    f"ALERTS_ORIGINS names {origin!r}.",
                    hint="Write each as https://host or https://host:port, without a path or wildcard.",
                    id="alerts.E004",
                )
            )
    try:
        networks(values.TRUSTED_PROXY)
    except ValueError as error:
        hint = "Write each as an address or a network, such as 10.0.0.0/8."
        found.append(Error(f"ALERTS_TRUSTED_PROXY: {error}.", hint=hint, id="alerts.E005"))
    return found


@register()
def check_layer(app_configs: APPS, **options: Any) -> list[CheckMessage]:
    layer = getattr(settings, "CHANNEL_LAYERS", {}).get("default")
    if not layer:
        hint = "Set CHANNEL_LAYERS['default'] to the in-memory or the Redis pub/sub layer."
        return [Error("There is no channel layer.", hint=hint, id="alerts.E010")]
    if layer["BACKEND"] == "channels_redis.core.RedisChannelLayer":
        hint = "Use channels_redis.pubsub.RedisPubSubChannelLayer."
        return [Warning("The core layer drops messages of a busy process (R2).", hint=hint, id="alerts.W010")]
    for host in layer.get("CONFIG", {}).get("hosts", ()):
        limit = host.get("socket_timeout") if isinstance(host, dict) else None
        if "channels_redis" in layer["BACKEND"] and isinstance(limit, (int, float)) and limit <= 5:
            hint = "Set socket_timeout to 15: idle readers reconnect in a loop at 5 s and below (R1)."
            return [Error(f"The layer's socket_timeout is {limit} s.", hint=hint, id="alerts.E011")]
    return []


@register()
def check_database(app_configs: APPS, **options: Any) -> list[CheckMessage]:
    connection = connections[using()]
    if connection.vendor == "sqlite":
        import sqlite3

        if sqlite3.sqlite_version_info < (3, 35):
            hint = "Use a Python built with SQLite 3.35 or newer, or PostgreSQL."
            return [Error(f"SQLite {sqlite3.sqlite_version} is too old.", hint=hint, id="alerts.E020")]
        if connection.settings_dict.get("OPTIONS", {}).get("transaction_mode") != "IMMEDIATE":
            hint = "Set OPTIONS = {'transaction_mode': 'IMMEDIATE', 'init_command': 'PRAGMA journal_mode=WAL;'}."
            message = "SQLite transactions are not IMMEDIATE: two writers at once give 'database is locked' (T10)."
            return [Warning(message, hint=hint, id="alerts.W020")]
    elif connection.vendor != "postgresql":
        hint = "Use PostgreSQL or SQLite."
        return [Error(f"The log does not run on {connection.vendor}.", hint=hint, id="alerts.E021")]
    return []


@register()
def check_declarations(app_configs: APPS, **options: Any) -> list[CheckMessage]:
    return [message for event in declared.values() for message in check_declaration(event)]


def check_declaration(event: type[Event]) -> list[CheckMessage]:
    """An unknown transport, and a snapshot that is no JSON, tried on a made-up row."""
    name = f"{event.__module__}.{event.__qualname__}"
    found: list[CheckMessage] = []
    for transport in event.transports:
        if transport not in registered:
            known = ", ".join(sorted(registered))
            hint = f"Name one of {known}, or add alerts/transports/{transport}.py."
            found.append(Error(f"{name}: there is no transport {transport!r}.", hint=hint, obj=event, id="alerts.E030"))
    if issubclass(event, ModelEvent):
        for model in {binding.model for binding in event.bindings}:
            if (problem := snapshot_problem(event, model)) is not None:
                hint = f"Let {name}.snapshot give texts, numbers, lists and dictionaries only."
                message = f"{name}: the snapshot is not JSON: {problem}."
                found.append(Error(message, hint=hint, obj=event, id="alerts.E031"))
    return found


class _NoDatabase(Exception):
    pass


def snapshot_problem(event: type[ModelEvent], model: type[models.Model]) -> str | None:
    """Why the snapshot of a made-up row is no JSON; None if it is, or if a made-up row cannot tell."""

    def refuse(*args: object) -> None:
        raise _NoDatabase

    if model._meta.abstract:
        return None
    try:
        with connections[using()].execute_wrapper(refuse):
            snapshot = call(event().snapshot, sample(model), {})
    except Exception:
        return None  # it needs a real row: what it raises there is logged, and the alert has a default text
    if not isinstance(snapshot, dict):
        return f"it gives {type(snapshot).__name__}, not a dictionary"
    for key, value in snapshot.items():
        try:
            json.dumps(clean.json_value({key: value}))
        except TypeError as error:
            return f"{key!r} holds {error}"
    return None


SAMPLES: tuple[tuple[type[models.Field[Any, Any]], Any], ...] = (
    (models.DateTimeField, datetime(2026, 1, 1, tzinfo=UTC)),
    (models.DateField, date(2026, 1, 1)),
    (models.TimeField, time(12)),
    (models.DurationField, timedelta(1)),
    (models.DecimalField, Decimal(1)),
    (models.FloatField, 1.0),
    (models.BooleanField, True),
    (models.UUIDField, UUID(int=1)),
    (models.JSONField, {}),
    (models.BinaryField, b"sample"),
    (models.IntegerField, 1),
)


def sample(model: type[models.Model], depth: int = 2) -> models.Model:
    """A made-up row, never saved, with its relations two steps deep."""
    instance = model()
    for field in model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            if depth:
                setattr(instance, field.name, sample(field.related_model, depth - 1))
            continue
        value = next((value for kind, value in SAMPLES if isinstance(field, kind)), "sample")
        setattr(instance, field.attname, value)
    return instance
