"""Alerts and deliveries in the admin: what happened, which mail waits or is dead and why, and dead letters in hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from . import kinds, letters
from .models import Alert, Delivery
from .transports import registered

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
    Inline = admin.TabularInline[Any, Any]
else:
    Base = admin.ModelAdmin
    Inline = admin.TabularInline

MOST_COUNTED = 10_000  # rows; a log of millions is not counted for a page number
NONE = "–"


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than 10,000; what lies beyond is found by filters, search and date."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return len(rows.order_by().values_list("pk", flat=True)[:MOST_COUNTED])


class KindFilter(admin.SimpleListFilter):
    """The declared kinds: a million rows are not asked which they are of."""

    title = parameter_name = "kind"
    field = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(kinds.declared)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(**{self.field: self.value()}) if self.value() else queryset


class KindOfAlertFilter(KindFilter):
    field = "alert__kind"


class TransportFilter(KindFilter):
    title = parameter_name = field = "transport"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in sorted(registered)]


class ReadOnly(Base):
    """The log is written by the pipeline alone."""

    paginator = CappedPaginator
    show_full_result_count = False
    list_per_page = 50

    class Media:
        css = {"all": ("alerts/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class DeliveryInline(Inline):
    model = Delivery
    fields = readonly_fields = ("transport", "address", "shown_state", "attempts", "next_try", "reason")
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    @admin.display(description="state")
    def shown_state(self, delivery: Delivery) -> SafeString:
        return badge(delivery.get_state_display(), delivery.state)


@admin.register(Alert)
class AlertAdmin(ReadOnly):
    list_display = ("title", "kind", "shown_level", "audience", "actor", "count", "created", "position")
    list_filter = ("level", KindFilter, "created")
    search_fields = ("title", "body", "actor")
    search_help_text = "In title, body and actor"
    date_hierarchy = "created"
    ordering = ("-seq",)
    inlines = (DeliveryInline,)
    fields = readonly_fields = (
        "title",
        "body",
        "kind",
        "shown_level",
        "audience",
        "actor",
        "shown_subjects",
        "count",
        "shown_cause",
        "snapshot",
        "page",
        "position",
        "group",
        "created",
    )

    @admin.display(description="level", ordering="level")
    def shown_level(self, alert: Alert) -> SafeString:
        return badge(alert.get_level_display(), alert.level)

    @admin.display(description="rows")
    def shown_subjects(self, alert: Alert) -> SafeString | str:
        rows = ((f"{row['label']} ({row['model']} {row['pk']})",) for row in alert.subjects)
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}</li>", rows)) if alert.subjects else NONE

    @admin.display(description="through")
    def shown_cause(self, alert: Alert) -> str:
        return f"{alert.cause['label']} ({alert.cause['model']} {alert.cause['pk']})" if alert.cause else NONE

    @admin.display(description="as it was")
    def snapshot(self, alert: Alert) -> SafeString | str:
        if not alert.data:
            return NONE
        return format_html("<pre>{}</pre>", json.dumps(alert.data, indent=2, ensure_ascii=False))

    @admin.display(description="on the feed")
    def page(self, alert: Alert) -> SafeString | str:
        if alert.position is None:
            return "not numbered yet"
        return format_html('<a href="{}">Its page, with every row</a>', reverse("alert", args=[alert.uid]))


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly):
    list_display = ("alert", "transport", "address", "shown_state", "attempts", "next_try", "reason")
    list_filter = ("state", TransportFilter, KindOfAlertFilter, "alert__created")
    search_fields = ("address", "alert__title", "reason")
    search_help_text = "In address, title and reason"
    date_hierarchy = "alert__created"
    list_select_related = ("alert",)
    ordering = ("-pk",)
    actions = ("retry_selected", "discard_selected")
    change_form_template = "admin/alerts/delivery/change_form.html"
    fields = readonly_fields = (
        "shown_alert",
        "transport",
        "address",
        "shown_recipient",
        "shown_state",
        "attempts",
        "next_try",
        "reason",
    )

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """`alerts.change_delivery`: who may only look sees no buttons."""
        user: Any = request.user
        return bool(user.has_perm("alerts.change_delivery"))

    @admin.display(description="state", ordering="state")
    def shown_state(self, delivery: Delivery) -> SafeString:
        return badge(delivery.get_state_display(), delivery.state)

    @admin.display(description="alert")
    def shown_alert(self, delivery: Delivery) -> SafeString:
        address = reverse("admin:alerts_alert_change", args=[delivery.alert_id])
        return format_html('<a href="{}">{}</a>', address, delivery.alert)

    @admin.display(description="recipient")
    def shown_recipient(self, delivery: Delivery) -> SafeString | str:
        model = get_user_model()
        user = model._default_manager.filter(pk=delivery.recipient).first()
        if user is None:
            return f"user {delivery.recipient}, who is gone"
        try:
            address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[user.pk])
        except NoReverseMatch:
            return user.get_username()
        return format_html('<a href="{}">{}</a>', address, user.get_username())

    # --- in bulk ---

    @admin.action(description="Retry selected deliveries", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._settle(request, queryset, letters.retry, letters.RETRYABLE, "retried")

    @admin.action(description="Discard selected deliveries", permissions=["retry"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        self._settle(request, queryset, letters.discard, letters.DISCARDABLE, "discarded")

    # --- one by one ---

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.settle_one))
        own = [
            path(f"<path:object_id>/{deed}/", view, {"deed": deed}, name=f"alerts_delivery_{deed}")
            for deed in ("retry", "discard")
        ]
        return [*own, *super().get_urls()]

    def settle_one(self, request: HttpRequest, object_id: str, deed: str) -> HttpResponse:
        if not self.has_retry_permission(request):
            raise PermissionDenied
        one = Delivery.objects.filter(pk=object_id) if object_id.isdecimal() else Delivery.objects.none()
        if not one.exists():
            raise Http404("There is no such delivery.")
        if deed == "retry":
            self._settle(request, one, letters.retry, letters.RETRYABLE, "retried")
        else:
            self._settle(request, one, letters.discard, letters.DISCARDABLE, "discarded")
        return HttpResponseRedirect(reverse("admin:alerts_delivery_change", args=[object_id]))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        delivery = self.get_object(request, object_id)
        state = delivery.state if delivery is not None and self.has_retry_permission(request) else ""
        deeds = {"may_retry": state in letters.RETRYABLE, "may_discard": state in letters.DISCARDABLE}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **deeds})

    def _settle(
        self,
        request: HttpRequest,
        queryset: QuerySet[Delivery],
        deed: Callable[[QuerySet[Delivery]], int],
        states: Iterable[str],
        done: str,
    ) -> None:
        chosen = Delivery.objects.filter(pk__in=queryset.order_by().values("pk"))
        asked = chosen.count()
        fitting = list(chosen.filter(state__in=states).values_list("pk", flat=True)[:MOST_COUNTED])
        count = deed(Delivery.objects.filter(pk__in=queryset.order_by().values("pk")))
        who: Any = request.user
        LogEntry.objects.log_actions(
            who.pk,
            Delivery.objects.filter(pk__in=fitting[:1_000]),
            CHANGE,
            change_message=f"{done.capitalize()}.",
        )
        if count:
            then = " A relay takes them up within a second." if done == "retried" else ""
            self.message_user(request, f"{_deliveries(count)} {done}.{then}", messages.SUCCESS)
        if asked > count:
            allowed = " or ".join(Delivery.State(state).label.lower() for state in states)
            self.message_user(
                request,
                f"{_deliveries(asked - count)} left alone: only what is {allowed} can be {done}.",
                messages.WARNING,
            )


def badge(words: str, look: str) -> SafeString:
    return format_html('<span class="alerts-badge" data-look="{}">{}</span>', look, words)


def _deliveries(count: int) -> str:
    return "1 delivery" if count == 1 else f"{count:,} deliveries"
