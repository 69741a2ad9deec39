"""Filters whose choices are known without a look at the rows."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from .. import kinds
from ..models import Alert
from ..transports import registered


class FieldFilter(admin.SimpleListFilter):
    """Rows whose `field` is what was chosen."""

    field: str

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class KindFilter(FieldFilter):
    """The declared kinds."""

    title = parameter_name = field = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(kinds.declared)]


class KindOfAlertFilter(KindFilter):
    field = "alert__kind"


class TransportFilter(FieldFilter):
    """The registered transports."""

    title = parameter_name = field = "transport"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(registered)]


class AlertFilter(admin.SimpleListFilter):
    """The deliveries of one alert: the filter is there for those who come from its page."""

    title = parameter_name = "alert"
    alert: Alert | None = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        key = request.GET.get("alert", "")
        if key.isdecimal():
            self.alert = Alert.objects.filter(pk=key).only("title").first()
        return [(key, self.alert.title if self.alert else "one that is gone")] if key else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(alert=self.alert) if self.alert else queryset.none()
