"""The list of deliveries, the page of each, and dead letters in hand."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import display_for_value
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.views.decorators.http import require_POST

from ..models import Delivery
from .alerts import AlertAdmin
from .deeds import DEEDS
from .filters import AlertFilter, KindOfAlertFilter, TransportFilter
from .log import EMPTY, LogAdmin, badge
from .recipients import recipient_of

State = Delivery.State
REASON = 80  # characters of a reason in a list
MEANING = {
    State.WAITING: "A relay carries it as soon as it is due.",
    State.LEASED: "A relay has taken it up.",
    State.SENDING: "A relay is handing it over just now.",
    State.SENT: "The other side has taken it.",
    State.DEAD: "Given up, for the reason below. Mend what it names and retry it, or discard it.",
    State.DROPPED: "Not carried, for the reason below.",
    State.DISCARDED: "Given up by hand. It can still be retried.",
}


class DeliveryAdmin(LogAdmin):
    """Each delivery with its state and reason; the dead ones can be retried or discarded."""

    list_display = ("alert", "address", "shown_state", "short_reason", "attempts", "due", "transport", "shown_created")
    list_filter = ("state", TransportFilter, KindOfAlertFilter, "alert__created", AlertFilter)
    search_fields = ("address", "alert__title", "reason")
    search_help_text = "In address, title and reason"
    date_hierarchy = "alert__created"
    list_select_related = ("alert",)
    ordering = ("-pk",)
    not_listed = tuple(f"alert__{name}" for name in AlertAdmin.not_listed)
    nothing = "Nothing has been carried yet. A relay makes a delivery for each recipient of an alert that is mailed."
    actions = ("retry_selected", "discard_selected")
    fields = readonly_fields = (
        "shown_alert",
        "kind",
        "shown_created",
        "transport",
        "address",
        "shown_recipient",
        "explained_state",
        "attempts",
        "due",
        "shown_holder",
        "shown_reason",
    )

    def words_for_nothing(self, narrowing: dict[str, str]) -> str:
        if narrowing == {"state__exact": State.DEAD}:
            return "No dead letters: nothing has been given up."
        return super().words_for_nothing(narrowing)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """`alerts.change_delivery`: who may only look sees no buttons and no actions."""
        user: Any = request.user
        return bool(user.has_perm("alerts.change_delivery"))

    @admin.display(description="kind")
    def kind(self, delivery: Delivery) -> str:
        return delivery.alert.kind

    @admin.display(description="created", ordering="pk")
    def shown_created(self, delivery: Delivery) -> str:
        return display_for_value(delivery.alert.created, EMPTY)

    @admin.display(description="state")
    def shown_state(self, delivery: Delivery) -> SafeString:
        return badge(delivery.state, delivery.get_state_display())

    @admin.display(description="state")
    def explained_state(self, delivery: Delivery) -> SafeString:
        return format_html("{}. {}", self.shown_state(delivery), MEANING[State(delivery.state)])

    @admin.display(description="next try")
    def due(self, delivery: Delivery) -> str:
        due = delivery.next_try if delivery.state == State.WAITING else None
        return display_for_value(due, EMPTY)

    @admin.display(description="held by relay")
    def shown_holder(self, delivery: Delivery) -> str:
        return delivery.holder if delivery.state in (State.LEASED, State.SENDING) else EMPTY

    @admin.display(description="reason")
    def short_reason(self, delivery: Delivery) -> str:
        return Truncator(delivery.reason).chars(REASON) or EMPTY

    @admin.display(description="reason")
    def shown_reason(self, delivery: Delivery) -> str:
        return delivery.reason or EMPTY

    @admin.display(description="alert")
    def shown_alert(self, delivery: Delivery) -> SafeString:
        address = reverse("admin:alerts_alert_change", args=[delivery.alert_id])
        return format_html('<a href="{}">{}</a>', address, delivery.alert)

    @admin.display(description="recipient")
    def shown_recipient(self, delivery: Delivery) -> SafeString | str:
        return recipient_of(delivery.recipient)

    # --- in bulk ---

    @admin.action(description="Retry selected deliveries", permissions=["retry"])
    def retry_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        DEEDS["retry"](request, queryset)

    @admin.action(description="Discard selected deliveries", permissions=["retry"])
    def discard_selected(self, request: HttpRequest, queryset: QuerySet[Delivery]) -> None:
        DEEDS["discard"](request, queryset)

    # --- one by one ---

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.settle))
        own = [
            path(f"<path:object_id>/{name}/", view, {"deed": name}, name=f"alerts_delivery_{name}") for name in DEEDS
        ]
        return [*own, *super().get_urls()]

    def settle(self, request: HttpRequest, object_id: str, deed: str) -> HttpResponse:
        """The buttons of a delivery's page: one POST, and back to it."""
        if not self.has_retry_permission(request):
            raise PermissionDenied
        delivery = self.get_object(request, object_id)
        if delivery is None:
            raise Http404("There is no such delivery.")
        DEEDS[deed](request, Delivery.objects.filter(pk=delivery.pk))
        address = reverse("admin:alerts_delivery_change", args=[delivery.pk])
        kept: dict[str, Any] = {"preserved_filters": self.get_preserved_filters(request), "opts": self.opts}
        return HttpResponseRedirect(add_preserved_filters(kept, address))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        more = dict(extra_context or {})
        delivery = self.get_object(request, object_id)
        if delivery is not None and self.has_retry_permission(request):
            more["deeds"] = [name for name, deed in DEEDS.items() if delivery.state in deed.allowed]
        return super().change_view(request, object_id, form_url, more)
