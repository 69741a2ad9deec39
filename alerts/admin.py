"""Alerts and deliveries in the admin, to look at: what happened, and which mail is waiting or dead, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from .models import Alert, Delivery

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin


class ReadOnly(Base):
    """The log is written by the pipeline alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Alert)
class AlertAdmin(ReadOnly):
    list_display = ("title", "kind", "level", "audience", "actor", "count", "created", "position")
    list_filter = ("kind", "level", "audience")
    search_fields = ("title", "body", "actor")
    date_hierarchy = "created"
    ordering = ("-seq",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ("alert", "transport", "address", "state", "attempts", "next_try", "reason")
    list_filter = ("state", "transport", "alert__kind")
    search_fields = ("address", "alert__title", "reason")
    list_select_related = ("alert",)
    ordering = ("-pk",)
