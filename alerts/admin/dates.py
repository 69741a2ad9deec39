"""The date hierarchy of a list of the log, made of the log's first and last day alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from django.contrib.admin.views.main import ChangeList
from django.utils.formats import date_format

PARTS = ("year", "month", "day")


@dataclass(frozen=True)
class Choice:
    """As `admin/date_hierarchy.html` takes it; the day that is chosen has no link."""

    link: str
    title: str


@dataclass(frozen=True)
class Dates:
    """The years, months or days of a log that goes from `first` to `last`, as links: those within the date chosen.

    Days on which nothing happened are among them: only a look at every row could tell.
    """

    changelist: ChangeList
    first: date
    last: date

    def back(self) -> Choice | None:
        match self._chosen():
            case [year, month, _]:
                return self._month(date(year, month, 1))
            case [year, _]:
                return self._year(year)
            case [_]:
                return Choice(self._link(), "All dates")
        return None

    def choices(self) -> list[Choice]:
        match self._chosen():
            case [year, month, day]:
                return [Choice("", date_format(date(year, month, day), "MONTH_DAY_FORMAT"))]
            case [year, month]:
                return self._days(year, month)
            case [year]:
                return self._months(year)
        if self.first.year != self.last.year:
            return [self._year(year) for year in range(self.first.year, self.last.year + 1)]
        if self.first.month != self.last.month:
            return self._months(self.first.year)
        return self._days(self.first.year, self.first.month)

    def _chosen(self) -> list[int]:
        """The year, with its month, with its day. The changelist has refused what is no date."""
        return [int(value) for value in self._values()]

    def _values(self) -> Iterator[str]:
        for part in PARTS:
            value = self.changelist.params.get(f"{self.changelist.date_hierarchy}__{part}")
            if not value:
                return
            yield value

    def _months(self, year: int) -> list[Choice]:
        months = (date(year, number, 1) for number in range(1, 13))
        return [self._month(month) for month in months if self.first.replace(day=1) <= month <= self.last]

    def _days(self, year: int, month: int) -> list[Choice]:
        days = (date(year, month, 1) + timedelta(days=number) for number in range(31))
        return [self._day(day) for day in days if day.month == month and self.first <= day <= self.last]

    def _year(self, year: int) -> Choice:
        return Choice(self._link(year), str(year))

    def _month(self, month: date) -> Choice:
        return Choice(self._link(month.year, month.month), date_format(month, "YEAR_MONTH_FORMAT"))

    def _day(self, day: date) -> Choice:
        return Choice(self._link(day.year, day.month, day.day), date_format(day, "MONTH_DAY_FORMAT"))

    def _link(self, *parts: int) -> str:
        field = self.changelist.date_hierarchy
        chosen = {f"{field}__{name}": part for name, part in zip(PARTS, parts, strict=False)}
        return self.changelist.get_query_string(chosen, [f"{field}__"])
