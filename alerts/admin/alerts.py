"""The list of alerts, and the page of each."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import display_for_value, flatten_fieldsets
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ..models import Alert, Delivery
from ..outbox import Subject
from .carriage import Carriage
from .filters import KindFilter
from .log import EMPTY, LogAdmin, badge


class AlertAdmin(LogAdmin):
    """Each alert as it was recorded, where it stands in the log, and how far it has been carried."""

    list_display = ("title", "kind", "shown_level", "audience", "actor", "shown_count", "shown_created", "position")
    list_filter = ("level", KindFilter, "created")
    search_fields = ("title", "body", "actor")
    search_help_text = "In title, body and actor"
    date_hierarchy = "created"
    ordering = ("-seq",)
    not_listed = ("body", "url", "subjects", "cause", "data")
    fieldsets = (
        (
            None,
            {"fields": ("title", "body", "shown_level", "kind", "created", "shown_actor", "audience", "shown_page")},
        ),
        ("What it is about", {"fields": ("shown_count", "shown_subjects", "shown_cause", "shown_url", "snapshot")}),
        ("In the log", {"fields": ("uid", "shown_position", "shown_group", "shown_expanded")}),
    )
    readonly_fields = flatten_fieldsets(fieldsets)
    nothing = "Nothing has happened yet. An alert stands here as soon as something happens that a declaration hears."

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        alert = self.get_object(request, object_id)
        more = dict(extra_context or {})
        if alert is not None and self.admin_site.get_model_admin(Delivery).has_view_permission(request):
            more["carriage"] = Carriage.of(alert)
        return super().change_view(request, object_id, form_url, more)

    @admin.display(description="level")
    def shown_level(self, alert: Alert) -> SafeString:
        return badge(alert.level, alert.get_level_display())

    @admin.display(description="rows")
    def shown_count(self, alert: Alert) -> str:
        return f"{alert.count:,}"

    @admin.display(description="created", ordering="seq")
    def shown_created(self, alert: Alert) -> str:
        return display_for_value(alert.created, EMPTY)

    @admin.display(description="actor")
    def shown_actor(self, alert: Alert) -> str:
        return f"{alert.actor} (user {alert.actor_id})" if alert.actor_id else alert.actor or EMPTY

    @admin.display(description="which rows")
    def shown_subjects(self, alert: Alert) -> SafeString | str:
        if not alert.subjects:
            return EMPTY
        rows = [(words_for(row),) for row in alert.subjects]
        if alert.count > len(rows):
            rows.append((f"and {alert.count - len(rows):,} more, listed on its page",))
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", rows))

    @admin.display(description="because of")
    def shown_cause(self, alert: Alert) -> str:
        return words_for(alert.cause) if alert.cause else EMPTY

    @admin.display(description="leads to")
    def shown_url(self, alert: Alert) -> SafeString | str:
        return format_html('<a href="{0}">{0}</a>', alert.url) if alert.url else EMPTY

    @admin.display(description="as it was")
    def snapshot(self, alert: Alert) -> SafeString | str:
        if not alert.data:
            return EMPTY
        return format_html("<pre>{}</pre>", json.dumps(alert.data, indent=2, ensure_ascii=False))

    @admin.display(description="page")
    def shown_page(self, alert: Alert) -> SafeString | str:
        if alert.position is None:
            return "once it has its number"
        return format_html('<a href="{0}">{0}</a> (for its audience)', reverse("alert", args=[alert.uid]))

    @admin.display(description="position")
    def shown_position(self, alert: Alert) -> str:
        return "not numbered yet: a relay does it" if alert.position is None else f"{alert.position:,}"

    @admin.display(description="group")
    def shown_group(self, alert: Alert) -> str:
        return f"{alert.group}, alert {alert.place:,} of it" if alert.group else EMPTY

    @admin.display(description="deliveries planned")
    def shown_expanded(self, alert: Alert) -> str:
        return display_for_value(alert.expanded_at, "not yet: a relay does it")


def words_for(row: Subject) -> str:
    return f"{row['label']} ({row['model']} {row['pk']})" if row["pk"] else row["label"]
