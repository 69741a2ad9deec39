"""What both lists of the log share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from .changelist import CappedPaginator, LogChangeList

if TYPE_CHECKING:
    Base = admin.ModelAdmin[Any]
else:
    Base = admin.ModelAdmin

EMPTY = "–"  # Django shows its own in a list only: on a page a None would be read as "None"


class LogAdmin(Base):
    """To look at only: the log is written by the pipeline alone."""

    paginator = CappedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # they count every row
    list_per_page = 50
    empty_value_display = EMPTY
    sortable_by = ("shown_created",)  # what the key's own index sorts
    not_listed: tuple[str, ...]
    nothing: str  # what the list says as long as there is nothing to list

    class Media:
        css = {"all": ("alerts/admin.css",)}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **options: Any) -> type[ChangeList]:
        return LogChangeList

    def words_for_nothing(self, narrowing: dict[str, str]) -> str:
        return f"No {self.opts.verbose_name} matches." if narrowing else self.nothing


def badge(look: str, words: str) -> SafeString:
    """A state or a level, in words and a colour."""
    return format_html('<span class="alerts-badge" data-look="{}">{}</span>', look, words)
