"""Filters that the lists of calls and of recordings share: by number, area, hour and length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta, tzinfo
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import (
    BooleanField,
    Case,
    CharField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recordings.admin import formatting
from recordings.admin.filters import ChoiceFilter, ParametersFilter
from recordings.admin.reader import is_counted
from recordings.forms import parse_span, span
from recordings.models import Call, Recording
from recordings.models.recording.queryset import LENGTH
from recordings.numbers import AREA_NAMES, area_named
from recordings.search import (
    NEWEST_FIRST,
    Reading,
    few_or_walked,
    find_calls,
    find_recordings,
    of_area,
    parse_query,
)

AREA_CODE = re.compile(r"0[1-9]\d{1,3}", re.ASCII)  # `080`, `0484`
FIRST_YEAR = 2020  # no recording at Vobiz is older


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


def walked(rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
    """Return the rows that meet a condition which no index serves, in a form that PostgreSQL walks newest first.

    It has no statistics of a computed value, expects one row of 200 to have it, and would read and sort the table. Of a
    CASE it expects one of two.
    """
    if connections[rows.db].vendor != "postgresql":
        return rows.filter(condition)
    met = Case(When(condition, then=Value(True)), default=Value(False), output_field=BooleanField())  # noqa: FBT003
    found: QuerySet[Any] = rows.alias(meets=met).filter(meets=True)
    return found


class WeekdayFilter(ChoiceFilter):
    """The day of the week, in the reader's zone."""

    title = _("weekday")
    parameter_name = "weekday"
    words: ClassVar[dict[str, Any]] = {
        "2": _("Monday"), "3": _("Tuesday"), "4": _("Wednesday"), "5": _("Thursday"), "6": _("Friday"),
        "7": _("Saturday"), "1": _("Sunday"),
    }  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of this weekday."""
        value = self.value()
        if value is None or value not in self.words:
            return queryset
        if (day := local_time(queryset, timezone.get_current_timezone(), "%w")) is not None:
            queryset = queryset.alias(week_day=day)
            return queryset.filter(week_day=str(int(value) - 1))
        return walked(queryset, Q(happened_at__week_day=int(value)))


LONGEST_INPUT = 64  # characters


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a filter that is typed, or chosen among `choices`; `value` is what the address holds."""

    name: str
    label: Any
    kind: str = "text"
    example: Any = ""
    suggestions: str = ""  # the id of the list that is offered while one types
    options: tuple[str, ...] = ()  # that list, where it stands beside this field
    choices: tuple[tuple[str, Any], ...] = ()
    value: str = ""

    @property
    def words(self) -> str:
        """What was chosen, or what was typed after its label and a colon."""
        chosen = dict(self.choices).get(self.value)
        return str(chosen) if chosen is not None else f"{self.label}: {formatting.plain(self.value)}"


class InputFilter(ParametersFilter):
    """A filter whose values are typed; what cannot be read finds nothing."""

    inputs: ClassVar[tuple[Input, ...]]
    order: tuple[Any, ...] | None = None

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Return nothing: it is typed."""
        return iter(())

    def typed(self, name: str) -> str:
        """Return what the address holds."""
        return str(self.used_parameters.get(name, ""))[:LONGEST_INPUT].strip()

    def fields(self) -> list[Input]:
        """Return its fields with what they hold."""
        return [replace(one, value=self.typed(one.name)) for one in self.inputs]

    def chip(self) -> str:
        """Return what was typed."""
        return ", ".join(one.words for one in self.fields() if one.value)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows; none for what cannot be read."""
        if not any(one.value for one in self.fields()):
            return queryset
        try:
            return self.found(request, queryset)
        except (ValueError, ValidationError):
            return queryset.none()

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that fit what was typed. ValueError, ValidationError: it cannot be read."""
        raise NotImplementedError


class NumberFilter(InputFilter):
    """A number in any spelling, part of one, or its area: the caller's, the callee's, or either."""

    title = _("caller or callee")
    parameters: ClassVar[tuple[str, ...]] = ("number",)
    inputs: ClassVar[tuple[Input, ...]] = (
        Input("number", _("Caller or callee"), example=_("+91 … or Bengaluru"), suggestions="areas"),
    )
    SIDES: ClassVar[dict[str, Any]] = {"number": None, "caller": "from", "callee": "to"}

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Search as the box does, on one side where one is asked for; by a city or its code, those of its area."""
        for name in self.parameters:
            if text := self.typed(name):
                if area_named(text) or AREA_CODE.fullmatch(text):
                    path = "" if rows.model is Call else "call__"
                    rows = rows.filter(of_area(text, self.SIDES[name], path=path))
                    continue
                query = replace(parse_query(text), side=self.SIDES[name])
                if Reading.NUMBER not in query.readings:
                    return rows.none()
                find = find_calls if rows.model is Call else find_recordings
                hits = find(rows, query, Reading.NUMBER)
                rows, self.order = hits.rows, hits.order
        return rows


class SideFilter(NumberFilter):
    """The numbers of both sides, each by itself."""

    title = _("caller and callee")
    parameters = ("caller", "callee")
    inputs = (
        Input(
            "caller", _("Caller"), example=_("+91 … or Bengaluru"), suggestions="areas", options=AREA_NAMES
        ),
        Input("callee", _("Callee"), example=_("022 or Mumbai"), suggestions="areas"),
    )


class AreaFilter(InputFilter):
    """The area of a number, which only a link or a saved view asks for: the fields of numbers take areas too."""

    title = _("area")
    is_linked = True
    parameters = ("area", "caller_area", "callee_area")
    inputs = (
        Input("area", _("Area")),
        Input("caller_area", _("Caller’s area")),
        Input("callee_area", _("Callee’s area")),
    )
    SIDES: ClassVar[dict[str, Any]] = {"area": None, "caller_area": "from", "callee_area": "to"}

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those whose number, on the side asked for or on either, begins so."""
        path = "" if rows.model is Call else "call__"
        for name in self.parameters:
            if text := self.typed(name):
                rows = rows.filter(of_area(text, self.SIDES[name], path=path))
        return rows


class TimeOfDayFilter(InputFilter):
    """A part of the day or hours of it, in the reader's zone; from 22:00 to 06:00 goes over midnight."""

    title = _("time of day")
    parameters = ("hours", "time_from", "time_to")
    HOURS: ClassVar[dict[str, tuple[Any, str, str]]] = {
        "morning": (_("Morning, 06:00 to 12:00"), "06:00", "12:00"),
        "afternoon": (_("Afternoon, 12:00 to 17:00"), "12:00", "17:00"),
        "evening": (_("Evening, 17:00 to 22:00"), "17:00", "22:00"),
        "night": (_("Night, 22:00 to 06:00"), "22:00", "06:00"),
    }
    inputs = (
        Input(
            "hours", _("Time of day"), "pills", choices=tuple((name, one[0]) for name, one in HOURS.items())
        ),
        Input("time_from", _("Time from"), "time"),
        Input("time_to", _("Time to"), "time"),
    )

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those that began at such an hour; the last minute is not among them."""
        if name := self.typed("hours"):
            if name not in self.HOURS:
                raise ValueError(name)
            _label, first, last = self.HOURS[name]
            rows = between_hours(rows, time.fromisoformat(first), time.fromisoformat(last))
        begins, ends = (
            time.fromisoformat(text) if (text := self.typed(name)) else None
            for name in ("time_from", "time_to")
        )
        return between_hours(rows, begins, ends)


def between_hours(rows: QuerySet[Any], first: time | None, last: time | None) -> QuerySet[Any]:
    """Return the rows that began from `first` on and before `last`, which may be on the next day; None: no bound."""
    if first is None and last is None:
        return rows
    column = "happened_at__time"
    bounds: tuple[Any, Any] = (first, last)
    if (clock := local_time(rows, timezone.get_current_timezone(), "%H:%M")) is not None:
        column, rows = "clock", rows.alias(clock=clock)
        bounds = tuple(f"{one:%H:%M}" if one is not None else None for one in bounds)  # type: ignore[assignment]
    begins = Q(**{f"{column}__gte": bounds[0]}) if first is not None else Q()
    ends = Q(**{f"{column}__lt": bounds[1]}) if last is not None else Q()
    over_midnight = first is not None and last is not None and first > last
    return walked(rows, begins | ends if over_midnight else begins & ends)


def length_between(least: int | None, most: int | None) -> tuple[Q, Q]:
    """Return the condition that a recording has `least` to `most` milliseconds, both included; None: no bound.

    First on its own column, then, for an index, on the alias `length` of LENGTH.
    """
    bounds = {"gte": least, "lte": most}
    asked = {name: bound for name, bound in bounds.items() if bound is not None}
    condition = Q(**{f"duration_ms__{name}": bound for name, bound in asked.items()})
    return condition, Q(
        duration_ms__isnull=False, **{f"length__{name}": bound for name, bound in asked.items()}
    )


def of_length(
    request: HttpRequest, rows: QuerySet[Any], least: int | None, most: int | None
) -> tuple[QuerySet[Any], tuple[Any, ...]]:
    """Return the rows of `least` to `most` milliseconds, both included, whose length is known, and their order."""
    condition, by_index = length_between(least, most)
    is_sqlite = connections[rows.db].vendor == "sqlite"
    held = Recording.objects.visible_to(request.user)
    if is_sqlite and held.are_few():  # the index would lead through the rows of every account
        return rows.filter(condition), NEWEST_FIRST
    if is_counted(request) or not is_sqlite:
        return rows.alias(length=LENGTH).filter(by_index), NEWEST_FIRST
    hits = held.alias(length=LENGTH).filter(by_index)
    return few_or_walked(rows, condition, hits.values("pk"))


class LengthFilter(ChoiceFilter):
    """The length Vobiz reports, in steps."""

    measured = staticmethod(of_length)
    title = _("length")
    parameter_name = "length"
    words: ClassVar[dict[str, Any]] = {
        "10s": _("under 10 s"), "1m": _("10 s to 1 min"), "2m": _("1 to 2 min"), "over_2m": _("2 min or more"),
        "10m": _("2 to 10 min"), "30m": _("10 to 30 min"), "long": _("30 min or more"),
    }  # fmt: skip
    STEPS: ClassVar[dict[str, tuple[int | None, int | None]]] = {
        "10s": (None, 9_999), "1m": (10_000, 59_999), "2m": (60_000, 119_999), "10m": (120_000, 599_999),
        "30m": (600_000, 1_799_999), "long": (1_800_000, None), "over_2m": (120_000, None),
    }  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of this step."""
        bounds = self.STEPS.get(self.value() or "")
        if bounds is None:
            return queryset
        rows, self.order = self.measured(request, queryset, *bounds)
        return rows


def _as_read(text: str) -> str:
    try:
        return span(parse_span(text)) if text else ""
    except ValidationError:
        return text


class ExactLengthFilter(InputFilter):
    """A length between two, both included."""

    measured = staticmethod(of_length)
    title = _("length between")
    parameters = ("min_length", "max_length")
    inputs = (
        Input("min_length", _("Length from"), example=_("90 s or 2 min")),
        Input("max_length", _("Length to"), example=_("15 min")),
    )

    def fields(self) -> list[Input]:
        """Return its fields with the lengths as they were read: `2` is 2 min."""
        return [replace(one, value=_as_read(one.value)) for one in super().fields()]

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those whose length is known and between the two."""
        least, most = (
            parse_span(text) * 1_000 if (text := self.typed(name)) else None for name in self.parameters
        )
        rows, self.order = self.measured(request, rows, least, most)
        return rows


def with_recording_of_length(
    request: HttpRequest, rows: QuerySet[Any], least: int | None, most: int | None
) -> tuple[QuerySet[Any], tuple[Any, ...]]:
    """Return the calls that have a recording of `least` to `most` milliseconds, both included, and their order."""
    condition, by_index = length_between(least, most)
    held = Recording.objects.visible_to(request.user).order_by()
    of_call = Recording.objects.order_by().filter(call=OuterRef("pk"))
    if connections[rows.db].vendor == "sqlite" and held.are_few():  # as above
        return rows.filter(Exists(of_call.filter(condition))), NEWEST_FIRST
    of_length = Exists(of_call.alias(length=LENGTH).filter(by_index))
    hits = held.alias(length=LENGTH).filter(by_index).values("call")
    return few_or_walked(rows, Q(of_length), hits, is_counted=is_counted(request))


class RecordingLengthFilter(LengthFilter):
    """The length of one of the call's recordings, in steps."""

    measured = staticmethod(with_recording_of_length)
    title = _("recording length")


class ExactRecordingLengthFilter(ExactLengthFilter):
    """The length of one of the call's recordings, between two, both included."""

    measured = staticmethod(with_recording_of_length)
    title = _("recording length between")
    inputs = (
        Input("min_length", _("Recording length from"), example=_("90 s or 2 min")),
        Input("max_length", _("Recording length to"), example=_("15 min")),
    )
