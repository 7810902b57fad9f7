"""Filters of the recordings' list alone: who, how long, at what hour, and what the copy is like."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.db import connections
from django.db.models import CharField, F, Func, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from recordings.admin import formatting
from recordings.admin.keyset import MOST_COUNTED, count_up_to
from recordings.admin.scope import accounts_seen, is_counted
from recordings.admin.zones import reader_zone
from recordings.audio.formats import CONTAINERS
from recordings.choices import Direction, FileFormat, Origin, RecordingStatus
from recordings.models import Call, Recording
from recordings.models.recording.queryset import LENGTH, LONGEST_CUT, SHORTEST_CUT, WAS_CUT_SHORT
from recordings.search import NEWEST_FIRST, few_or_walked, found_first

MOST_PEOPLE = 100  # offered in a menu
FIRST_YEAR = 2020  # no recording at Vobiz is older
MOSTLY, BALANCED = 0.8, 0.4  # shares of the time in which anybody talks
DAYS_OF_WEEK = (
    (2, _("Monday")), (3, _("Tuesday")), (4, _("Wednesday")), (5, _("Thursday")), (6, _("Friday")), (7, _("Saturday")),
    (1, _("Sunday")),
)  # fmt: skip


class ChoiceFilter(admin.SimpleListFilter):
    """A choice among conditions on the row; another value finds every row."""

    words: ClassVar[dict[str, Any]]
    conditions: ClassVar[dict[str, Q]]
    order: tuple[Any, ...] | None = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices by their names."""
        return list(self.words.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that meet the chosen condition."""
        condition = self.conditions.get(self.value() or "")
        return queryset if condition is None else self.found(request, queryset, condition)

    def found(self, request: HttpRequest, rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        """Return the rows that meet the condition."""
        return rows.filter(condition)


class DirectionFilter(ChoiceFilter):
    """Which way the call went."""

    title = _("direction")
    parameter_name = "call__direction__exact"
    words: ClassVar[dict[str, Any]] = dict(Direction.choices)
    conditions: ClassVar[dict[str, Q]] = {value: Q(call__direction=value) for value in Direction.values}

    def found(self, request: HttpRequest, rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        """Return the recordings of such calls."""
        calls = Call.objects.visible_to(request.user).filter(direction=self.value())
        rows, self.order = few_or_walked(
            rows, condition, calls.values("pk"), path="call", is_counted=is_counted(request)
        )
        return rows


def rare(column: str, values: Iterable[str], usual: str) -> dict[str, Q]:
    """Return the condition of each value; that it is not the usual one, as partial indexes want it said, is in it."""
    return {
        value: Q(**{column: value}) & (Q() if value == usual else ~Q(**{column: usual})) for value in values
    }


class OriginFilter(ChoiceFilter):
    """How the portal first learnt of it."""

    title = _("origin")
    parameter_name = "origin__exact"
    words: ClassVar[dict[str, Any]] = dict(Origin.choices)
    conditions: ClassVar[dict[str, Q]] = rare("origin", Origin.values, Origin.SYNC)


class StatusFilter(ChoiceFilter):
    """Where the recording itself stands."""

    title = _("status")
    parameter_name = "status__exact"
    words: ClassVar[dict[str, Any]] = dict(RecordingStatus.choices)
    conditions: ClassVar[dict[str, Q]] = rare("status", RecordingStatus.values, RecordingStatus.COMPLETED)


class FormatFilter(ChoiceFilter):
    """What Vobiz's list calls its format, of those that Vobiz is known to record in."""

    title = _("format")
    parameter_name = "format"
    words: ClassVar[dict[str, Any]] = dict(FileFormat.choices)
    conditions: ClassVar[dict[str, Q]] = {
        FileFormat.MP3: Q(file_format=FileFormat.MP3),
        FileFormat.WAV: Q(file_format=FileFormat.WAV, file_format__isnull=False)
        & ~Q(file_format=FileFormat.MP3),
    }


def of_length(
    request: HttpRequest, rows: QuerySet[Any], least: int | None, most: int | None
) -> tuple[QuerySet[Any], tuple[Any, ...]]:
    """Return the rows of `least` to `most` milliseconds, both included, whose length is known, and their order."""
    bounds = {"gte": least, "lte": most}
    asked = {name: bound for name, bound in bounds.items() if bound is not None}
    condition = Q(**{f"duration_ms__{name}": bound for name, bound in asked.items()})
    by_index = Q(duration_ms__isnull=False, **{f"length__{name}": bound for name, bound in asked.items()})
    if is_counted(request) or connections[rows.db].vendor != "sqlite":
        return rows.alias(length=LENGTH).filter(by_index), NEWEST_FIRST
    hits = Recording.objects.visible_to(request.user).alias(length=LENGTH).filter(by_index)
    return few_or_walked(rows, condition, hits.values("pk"))


class LengthFilter(ChoiceFilter):
    """The length Vobiz reports, in steps."""

    title = _("length")
    parameter_name = "length"
    words: ClassVar[dict[str, Any]] = {
        "10s": _("under 10 s"), "1m": _("10 s to 1 min"), "2m": _("1 to 2 min"), "10m": _("2 to 10 min"),
        "30m": _("10 to 30 min"), "long": _("30 min or more"),
    }  # fmt: skip
    STEPS: ClassVar[dict[str, tuple[int | None, int | None]]] = {
        "10s": (None, 9_999), "1m": (10_000, 59_999), "2m": (60_000, 119_999), "10m": (120_000, 599_999),
        "30m": (600_000, 1_799_999), "long": (1_800_000, None),
    }  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of this step."""
        bounds = self.STEPS.get(self.value() or "")
        if bounds is None:
            return queryset
        rows, self.order = of_length(request, queryset, *bounds)
        return rows


_TALK = F("talk_left_ms") + F("talk_right_ms")


class TalkFilter(ChoiceFilter):
    """Who talked most, as measured in a stereo copy: the caller is on the left, the callee on the right."""

    title = _("talk share")
    parameter_name = "talk"
    words: ClassVar[dict[str, Any]] = {
        "caller": _("caller 80% or more"), "callee": _("callee 80% or more"), "balanced": _("each 40% or more"),
    }  # fmt: skip
    conditions: ClassVar[dict[str, Q]] = {
        "caller": Q(talk_left_ms__gt=0, talk_left_ms__gte=_TALK * MOSTLY),
        "callee": Q(talk_right_ms__gt=0, talk_right_ms__gte=_TALK * MOSTLY),
        "balanced": Q(
            talk_left_ms__gt=0, talk_left_ms__gte=_TALK * BALANCED, talk_right_ms__gte=_TALK * BALANCED
        ),
    }


class TrueFormatFilter(admin.SimpleListFilter):
    """The format of the copy's content, whatever Vobiz called it."""

    title = _("true format")
    parameter_name = "true_format"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the formats that the portal knows."""
        return [(name, container.label) for name, container in CONTAINERS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows whose copy is of this format."""
        value = self.value()
        return queryset.filter(container=value) if value in CONTAINERS else queryset


def local_time(rows: QuerySet[Any], zone: tzinfo, form: str) -> Func | None:
    """Return when a row happened, in SQLite's own words for a form of `strftime`; None where Django's serve as well.

    Django calls Python for each row on SQLite, ten times as slow. Only for zones without summer time, as in India.
    """
    years = range(FIRST_YEAR, timezone.now().year + 2)
    offsets = {zone.utcoffset(datetime(year, month, 1)) for year in years for month in (1, 7)}  # noqa: DTZ001
    offset = offsets.pop()
    if connections[rows.db].vendor != "sqlite" or offsets or offset is None:
        return None
    minutes = offset // timedelta(minutes=1)
    template = f"strftime('{form}', %(expressions)s, '{minutes:+d} minutes')".replace(
        form, form.replace("%", "%%%%")
    )
    return Func(F("happened_at"), template=template, output_field=CharField())


class WeekdayFilter(admin.SimpleListFilter):
    """The day of the week, in the reader's zone."""

    title = _("weekday")
    parameter_name = "weekday"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the days, Monday first."""
        return [(str(number), label) for number, label in DAYS_OF_WEEK]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of this weekday."""
        value = self.value()
        if value not in {str(number) for number, _label in DAYS_OF_WEEK}:
            return queryset
        if (day := local_time(queryset, reader_zone(request), "%w")) is not None:
            queryset = queryset.alias(week_day=day)
            return queryset.filter(week_day=str(int(value) - 1))
        return queryset.filter(happened_at__week_day=int(value))


class DaysLeftFilter(admin.SimpleListFilter):
    """How soon Vobiz deletes what has no copy here; the soonest first."""

    title = _("deleted by Vobiz")
    parameter_name = "left"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the spans of days."""
        return [(str(n), ngettext("within %d day", "within %d days", n) % n) for n in (1, 3, 7, 14)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows without a copy that Vobiz deletes within this time."""
        value = self.value()
        if value not in {"1", "3", "7", "14"}:
            return queryset
        return by_days_left(request, queryset, within=timedelta(days=int(value)))


def by_days_left(
    request: HttpRequest, rows: QuerySet[Any], *, within: timedelta | None = None
) -> QuerySet[Any]:
    """Return those without a copy that Vobiz deletes `within` a time, or at any time to come; the first to go first."""
    of_accounts: Any = rows
    kept_days = {account.retention_days for account in accounts_seen(request)}
    longest = timedelta(days=max(kept_days, default=0))
    at_risk = of_accounts.at_risk(timezone.now(), within or longest, kept_days=kept_days)
    # where all are kept as long, the index over those without a copy has this order already
    order = F("kept_from") if len(kept_days) == 1 else F("leaves_at")
    found: QuerySet[Any] = at_risk.annotate(list_order=order).order_by("list_order", "pk")
    return found


class StarterFilter(admin.SimpleListFilter):
    """Who started it: a person, the command line, or a call flow."""

    title = _("started by")
    parameter_name = "starter"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the people who belong to an account that the reader sees."""
        names = getattr(request, "starters", None)  # a list counts its views by several such filters
        if names is None:
            accounts = [account.pk for account in accounts_seen(request)]
            people = User.objects.filter(Q(vobiz_accounts__in=accounts) | Q(is_superuser=True), is_staff=True)
            found = people.distinct().order_by("username").values_list("pk", "username")
            names = request.starters = list(found[:MOST_PEOPLE])  # type: ignore[attr-defined]
        return [
            ("flow", _("call flow")), ("portal", _("anyone here")), ("command", _("command line")),
            *((str(pk), formatting.plain(name)) for pk, name in names),
        ]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that this person, or kind of start, began."""
        started_here = Q(requested_at__isnull=False)
        match self.value():
            case None:
                return queryset
            case "flow":
                return queryset.filter(~started_here)
            case "portal":
                condition = started_here
            case "command":
                condition = started_here & Q(requested_by__isnull=True)
            case pk if pk.isascii() and pk.isdigit() and len(pk) < 10:
                condition = Q(requested_by=int(pk))
            case _:
                return queryset.none()
        hits = Recording.objects.filter(condition).values("pk")
        rows, self.order = few_or_walked(queryset, condition, hits, is_counted=is_counted(request))
        return rows


class NoiseFilter(admin.SimpleListFilter):
    """Leave out the shortest ones; the chip says how many."""

    title = _("hide short recordings")
    parameter_name = "noise"
    SECONDS = (2, 5, 10)
    shorter: QuerySet[Any] | None = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the lengths below which a recording can be hidden."""
        return [(str(n), _("under %d s") % n) for n in self.SECONDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return those that are not shorter, and those whose length is unknown."""
        if self.value() not in {str(n) for n in self.SECONDS}:
            return queryset
        least = int(self.value() or 0) * 1_000
        self.shorter = queryset.alias(length=LENGTH).filter(length__lt=least, duration_ms__isnull=False)
        return queryset.filter(Q(duration_ms__gte=least) | Q(duration_ms__isnull=True))

    def chip(self) -> str:
        """Return what is hidden, and how many they are."""
        n = count_up_to(self.shorter) if self.shorter is not None else 0
        number = f"{formatting.count(MOST_COUNTED)}+" if n > MOST_COUNTED else formatting.count(n)
        return _("%(number)s under %(seconds)s s hidden") % {"number": number, "seconds": self.value()}


class EndedFilter(ChoiceFilter):
    """How a recording ended, as the overview counts them; *probably cut* has no known limit and is 60 s long."""

    title = _("how it ended")
    parameter_name = "ended"
    words: ClassVar[dict[str, Any]] = {
        "completed": _("completed"), "cut": _("cut at its limit"), "failed": _("failed"),
        "cut_at_60": _("probably cut at 60 s"),
    }  # fmt: skip
    conditions: ClassVar[dict[str, Q]] = {
        "completed": Q(status=RecordingStatus.COMPLETED) & ~WAS_CUT_SHORT,
        "cut": Q(status=RecordingStatus.COMPLETED) & WAS_CUT_SHORT,
        "failed": StatusFilter.conditions[RecordingStatus.FAILED],
        "cut_at_60": Q(time_limit__isnull=True),
    }

    def found(self, request: HttpRequest, rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        """Return the rows that ended so."""
        if self.value() == "cut_at_60":
            rows, self.order = of_length(request, rows, SHORTEST_CUT, LONGEST_CUT)
        if self.value() == "cut" and is_counted(request):
            return found_first(rows, Recording.objects.filter(condition))
        return rows.filter(condition)
