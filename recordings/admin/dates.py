"""Lists by date: the days are the reader's, each from its midnight to the next, be they 23, 24 or 25 hours apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR, SEARCH_VAR
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recordings.admin.filters import iso_day
from recordings.admin.zones import reader_zone
from recordings.overview import day_bounds

PARAMETER = "date"  # and, between two dates, `date_from` and `date_to`, both included
FROM, TO = f"{PARAMETER}_from", f"{PARAMETER}_to"
PERIODS = {
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "7": _("Last 7 days"),
    "30": _("Last 30 days"),
    "month": _("This month"),
}


def days_of(period: str, today: date) -> tuple[date, date]:
    """The first and the last day of a period; the last 7 days are today and the six before. KeyError: no period."""
    match period:
        case "today":
            return today, today
        case "yesterday":
            return today - timedelta(days=1), today - timedelta(days=1)
        case "7" | "30":
            return today - timedelta(days=int(period) - 1), today
        case "month":
            return today.replace(day=1), today
    raise KeyError(period)


def between(first: date | None, last: date | None, zone: tzinfo, column: str) -> Q:
    """From the midnight with which `first` begins to the one with which `last` ends, which is not in it any more."""
    found = Q()
    if first is not None:
        found &= Q(**{f"{column}__gte": day_bounds(first, zone)[0]})
    if last is not None:
        found &= Q(**{f"{column}__lt": day_bounds(last, zone)[1]})
    return found


class DateFilter(admin.ListFilter):
    """Today, yesterday, the last 7 or 30 days, this month, or between two dates, by one column."""

    title = _("date")
    template = "admin/recordings/includes/date_filter.html"
    parameters = (PARAMETER, FROM, TO)
    column = "happened_at"

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type[Any], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.zone = reader_zone(request)
        self.others: list[tuple[str, str]] = []
        for name in self.parameters:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        """Always."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """The names of what it reads from an address."""
        return [*self.parameters]

    @property
    def date_from(self) -> str:
        """As given, to be shown again."""
        return str(self.used_parameters.get(FROM, ""))

    @property
    def date_to(self) -> str:
        """As given, to be shown again."""
        return str(self.used_parameters.get(TO, ""))

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """One link for each period; the template adds the form for two dates, which keeps all other choices."""
        self.others = [
            (name, value)
            for name, values in changelist.get_filters_params().items()
            if name not in (*self.parameters, PAGE_VAR)
            for value in (values if isinstance(values, list) else [values])
        ]
        if changelist.query:
            self.others.append((SEARCH_VAR, changelist.query))
        chosen = self.used_parameters.get(PARAMETER)
        none = not self.used_parameters
        yield {
            "selected": none,
            "query_string": changelist.get_query_string(remove=[PARAMETER]),
            "display": _("Any"),
        }
        for name, label in PERIODS.items():
            yield {
                "selected": chosen == name,
                "query_string": changelist.get_query_string({PARAMETER: name}, [FROM, TO]),
                "display": label,
            }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of those days; none for what is no period and no date."""
        if not any(self.used_parameters.values()):
            return queryset
        try:
            first, last = self.days(timezone.now())
        except (KeyError, ValueError):
            return queryset.none()
        return self.within(queryset, first, last)

    def days(self, now: datetime) -> tuple[date | None, date | None]:
        """The first and the last day asked for; None where there is no bound. KeyError, ValueError: not readable."""
        first, last = _day(self.date_from), _day(self.date_to)
        if period := self.used_parameters.get(PARAMETER):
            return days_of(str(period), now.astimezone(self.zone).date())
        return first, last

    def within(self, queryset: QuerySet[Any], first: date | None, last: date | None) -> QuerySet[Any]:
        """The rows of these days."""
        return queryset.filter(between(first, last, self.zone, self.column))


def _day(text: str) -> date | None:
    """A date; None where none was given. ValueError where it is none."""
    day = iso_day(text)
    if text and day is None:
        raise ValueError(text)
    return day


class OfRecordingDateFilter(DateFilter):
    """By when the recording happened, for what belongs to one."""

    column = "recording__happened_at"


class ReceivedDateFilter(DateFilter):
    """By when it came."""

    column = "received_at"


class StartedDateFilter(DateFilter):
    """By when it began."""

    column = "started_at"
