"""The tables. They name no table outside this app: who and what an alert tells of is text, and may be gone."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q

KEY = 255


def new_uid() -> uuid.UUID:
    return uuid.uuid4()


class Level(models.TextChoices):
    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    CRITICAL = "critical"


class Alert(models.Model):
    """What happened, durable. `seq` is handed out before the commit; only `position`, given after it, is an order."""

    seq = models.BigAutoField(primary_key=True)
    # Django reserves the attribute `id` for primary keys (models.E004); the column is the one design names.
    uid = models.UUIDField(unique=True, default=new_uid, editable=False, db_column="id")
    position = models.BigIntegerField(null=True, unique=True, editable=False)
    kind = models.CharField(max_length=100)
    level = models.CharField(max_length=10, choices=Level, default=Level.INFO)
    audience = models.CharField(max_length=KEY)
    title = models.CharField(max_length=200)
    body = models.TextField(blank=True)
    url = models.CharField(max_length=2000, blank=True)
    actor = models.CharField(max_length=KEY, blank=True)
    actor_id = models.CharField(max_length=KEY, blank=True)
    subjects = models.JSONField(default=list)
    count = models.BigIntegerField(default=1)
    cause = models.JSONField(null=True)
    data = models.JSONField(default=dict)
    # Alerts of a storm share a group; `place` is an alert's place in it, from 1 (0: it is in none).
    group = models.CharField(max_length=100, blank=True, editable=False)
    place = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    created = models.DateTimeField()
    expanded_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        ordering = ("-position",)
        indexes = [
            models.Index(fields=["audience", "position"], name="alerts_audience_position"),
            # What a list shows a card for: all but those a group has folded away.
            models.Index(fields=["audience", "position"], condition=Q(place__lte=1), name="alerts_cards"),
            models.Index(fields=["group", "place"], condition=Q(place__gte=1), name="alerts_group"),
            models.Index(fields=["seq"], condition=Q(position=None), name="alerts_unnumbered"),
            models.Index(fields=["seq"], condition=Q(expanded_at=None), name="alerts_unexpanded"),
        ]

    def __str__(self) -> str:
        return self.title


class AlertRows(models.Model):
    """The rows an act touched beyond an alert's first subjects, in chunks; read by the permalink page only."""

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="chunks")
    chunk = models.PositiveIntegerField()
    rows = models.JSONField()

    class Meta:
        verbose_name_plural = "alert rows"
        ordering = ("chunk",)
        constraints = [models.UniqueConstraint(fields=["alert", "chunk"], name="alerts_one_chunk")]

    def __str__(self) -> str:
        return f"rows of alert {self.alert_id}, chunk {self.chunk}"


class LogHead(models.Model):
    """One row: how far the log is numbered, the oldest position it still holds, and under which epoch."""

    epoch = models.CharField(max_length=22)
    position = models.BigIntegerField(default=0)
    oldest = models.BigIntegerField(default=1)
    fingerprint = models.CharField(max_length=KEY, blank=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="alerts_one_head")]

    def __str__(self) -> str:
        return f"{self.epoch}:{self.position}"


class Delivery(models.Model):
    """One carriage of one alert to one recipient over one transport. Its life is told in `relay/delivering.py`."""

    class State(models.TextChoices):
        WAITING = "waiting"
        LEASED = "leased"
        SENDING = "sending"
        SENT = "sent"
        DEAD = "dead"
        DROPPED = "dropped"
        DISCARDED = "discarded"

    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="deliveries")
    transport = models.CharField(max_length=40)
    recipient = models.CharField(max_length=KEY)
    address = models.CharField(max_length=1000)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_try = models.DateTimeField()
    holder = models.CharField(max_length=40, blank=True)
    beat = models.BigIntegerField(default=0)
    reason = models.TextField(blank=True)
    # It waits for nothing of its own: the transport's server was out of reach, and is due as soon as that answers.
    is_held_up = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["alert", "transport", "recipient"], name="alerts_one_delivery")]
        indexes = [
            models.Index(fields=["next_try"], condition=Q(state="waiting"), name="alerts_due"),
            models.Index(fields=["holder"], condition=Q(state__in=["leased", "sending"]), name="alerts_held"),
            models.Index(fields=["state"], name="alerts_state"),
            models.Index(fields=["transport"], condition=Q(state="waiting", is_held_up=True), name="alerts_held_up"),
        ]

    def __str__(self) -> str:
        return f"{self.transport} to {self.address}"


class Preference(models.Model):
    """What one user wants of their browsers: notifications from this level on."""

    user = models.CharField(max_length=KEY, unique=True)
    level = models.CharField(max_length=10, choices=[*Level.choices, ("none", "None")], default=Level.INFO)

    def __str__(self) -> str:
        return f"user {self.user}: {self.level}"


class ReadState(models.Model):
    """How far one user has read, and a version that rises with each change, so that every tab can tell."""

    user = models.CharField(max_length=KEY, unique=True)
    read_up_to = models.BigIntegerField(default=0)
    version = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"user {self.user} read up to {self.read_up_to}"


class ReadMark(models.Model):
    """An exception to `ReadState.read_up_to`: one alert read beyond it, or unread before it."""

    user = models.CharField(max_length=KEY)
    alert = models.ForeignKey(Alert, on_delete=models.CASCADE, related_name="marks")
    is_read = models.BooleanField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "alert"], name="alerts_one_mark")]

    def __str__(self) -> str:
        return f"alert {self.alert_id} {'read' if self.is_read else 'unread'} by user {self.user}"
