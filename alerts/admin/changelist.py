"""Lists that a long log does not slow: no count of every row, no question of each row for its date."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.functional import cached_property

from ..models import Alert
from .dates import Dates

if TYPE_CHECKING:
    from .log import LogAdmin

MOST_COUNTED = 10_000  # rows; a log of millions is not counted for a page number


class CappedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than 10,000; what lies beyond is found by filters, search and date."""

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[: MOST_COUNTED + 1].count())

    @cached_property
    def count(self) -> int:
        return min(self._counted, MOST_COUNTED)

    @property
    def is_capped(self) -> bool:
        return self._counted > MOST_COUNTED


class LogChangeList(ChangeList):
    """A changelist of the log. Its dates come from the two ends of the log: Django's own ask every row."""

    model_admin: LogAdmin

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[Any]:
        """Without the columns a list does not show: they may hold kilobytes each."""
        return super().get_queryset(request, exclude_parameters).defer(*self.model_admin.not_listed)

    @cached_property
    def narrowing(self) -> dict[str, str]:
        """The filters, dates and search that are on."""
        return {name: value for name, value in self.params.items() if value and name != ORDER_VAR}

    @property
    def emptiness(self) -> str:
        """What an empty list says."""
        return self.model_admin.words_for_nothing(self.narrowing)

    @cached_property
    def dates(self) -> Dates | None:
        """What `admin/date_hierarchy.html` shows; None for an empty log."""
        log = Alert.objects.order_by("seq").values_list("created", flat=True)
        first, last = log.first(), log.last()
        return Dates(self, _local(first).date(), _local(last).date()) if first and last else None


def _local(moment: datetime) -> datetime:
    return timezone.localtime(moment) if timezone.is_aware(moment) else moment
