"""Filters of the recordings' list whose values are typed: numbers, areas, lengths, hours, costs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import time
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.recordings.filters import local_time, of_length
from recordings.admin.zones import reader_zone
from recordings.forms import parse_span
from recordings.numbers import AREA_NAMES, area_range
from recordings.search import Reading, find_recordings, parse_query

LONGEST_INPUT = 64  # characters
MOST_MONEY = 10**12


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a filter that is typed; `value` is what the address holds."""

    name: str
    label: Any
    kind: str = "text"
    example: Any = ""
    options: tuple[str, ...] = ()  # offered while one types
    value: str = ""


class InputFilter(admin.ListFilter):
    """A filter whose values are typed; what cannot be read finds nothing."""

    inputs: ClassVar[tuple[Input, ...]]
    parameters: ClassVar[tuple[str, ...]]
    order: tuple[Any, ...] | None = None

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type[Any], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.parameters:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1][:LONGEST_INPUT]

    def has_output(self) -> bool:
        """Return True: its fields are always in the panel."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """Return the names of what it reads from an address."""
        return [*self.parameters]

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Return nothing: it is typed."""
        return iter(())

    def typed(self, name: str) -> str:
        """Return what the address holds."""
        return str(self.used_parameters.get(name, "")).strip()

    def fields(self) -> list[Input]:
        """Return its fields with what they hold."""
        return [replace(one, value=self.typed(one.name)) for one in self.inputs]

    def chip(self) -> str:
        """Return what was typed."""
        parts = (f"{one.label} {formatting.plain(one.value)}" for one in self.fields() if one.value)
        return ", ".join(parts)

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
    """A number in any spelling, or part of one: the caller's, the callee's, or either."""

    title = _("caller or called number")
    parameters: ClassVar[tuple[str, ...]] = ("number",)
    inputs: ClassVar[tuple[Input, ...]] = (Input("number", _("Caller or called number"), example="+91 …"),)
    SIDES: ClassVar[dict[str, Any]] = {"number": None, "caller": "from", "callee": "to"}

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Search as the box does, on one side where one is asked for."""
        for name in self.parameters:
            if text := self.typed(name):
                query = replace(parse_query(text), side=self.SIDES[name])
                if Reading.NUMBER not in query.readings:
                    return rows.none()
                hits = find_recordings(rows, query, Reading.NUMBER)
                rows, self.order = hits.rows, hits.order
        return rows


class SideFilter(NumberFilter):
    """The numbers of both sides, each by itself."""

    title = _("numbers by side")
    parameters = ("caller", "callee")
    inputs = (
        Input("caller", _("From number"), example="+91 …"),
        Input("callee", _("To number"), example="+91 …"),
    )


class ExactLengthFilter(InputFilter):
    """A length between two, both included."""

    title = _("length between")
    parameters = ("min_length", "max_length")
    inputs = (
        Input("min_length", _("Length from"), example=_("90 s or 2 min")),
        Input("max_length", _("Length to"), example=_("15 min")),
    )

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those whose length is known and between the two."""
        least, most = (
            parse_span(text) * 1_000 if (text := self.typed(name)) else None for name in self.parameters
        )
        rows, self.order = of_length(request, rows, least, most)
        return rows


class AreaFilter(InputFilter):
    """The area of a caller's or callee's number, by the prefix that its country gives it."""

    title = _("area")
    parameters = ("caller_area", "callee_area")
    inputs = (
        Input("caller_area", _("From area"), example=_("Bengaluru or 080"), options=AREA_NAMES),
        Input("callee_area", _("To area"), example=_("Mumbai or +44 20"), options=AREA_NAMES),
    )

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those whose number, on the side asked for, begins so."""
        for name, column in zip(self.parameters, ("from_digits", "to_digits"), strict=True):
            if text := self.typed(name):
                begins, ends = area_range(text)
                rows = rows.filter(**{f"call__{column}__gte": begins, f"call__{column}__lt": ends})
        return rows


class CostFilter(InputFilter):
    """What Vobiz charges: USD of storage this month, and for the transcript, whose currency Vobiz does not name."""

    title = _("cost")
    parameters = ("min_cost", "max_cost", "min_charge")
    COLUMNS: ClassVar[dict[str, str]] = {
        "min_cost": "monthly_storage_amount__gte", "max_cost": "monthly_storage_amount__lte",
        "min_charge": "transcription__charge__gte",
    }  # fmt: skip
    inputs = (
        Input("min_cost", _("Storage from, USD"), example="0.005"),
        Input("max_cost", _("Storage to, USD"), example="0.05"),
        Input("min_charge", _("Transcript charge from"), example="0.10"),
    )

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those whose cost is known and within the bounds; of transcripts for those who may see them."""
        for name, column in self.COLUMNS.items():
            if text := self.typed(name):
                if name == "min_charge" and not may(request, "view_transcription"):
                    return rows.none()
                rows = rows.filter(**{column: amount(text)})
        return rows


def amount(text: str) -> Decimal:
    """Return an amount of money. ValueError: it is none."""
    try:
        found = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(text) from error
    if not found.is_finite() or not 0 <= found < MOST_MONEY:
        raise ValueError(text)
    return found


class TimeOfDayFilter(InputFilter):
    """Hours of the day in the reader's zone; from 22:00 to 06:00 goes over midnight."""

    title = _("time of day")
    parameters = ("time_from", "time_to")
    inputs = (Input("time_from", _("Time from"), "time"), Input("time_to", _("Time to"), "time"))

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those that began at such an hour; the last minute is not among them."""
        first, last = (
            time.fromisoformat(text) if (text := self.typed(name)) else None for name in self.parameters
        )
        column = "happened_at__time"
        if (clock := local_time(rows, reader_zone(request), "%H:%M")) is not None:
            column, rows = "clock", rows.alias(clock=clock)
            first, last = (f"{one:%H:%M}" if one is not None else None for one in (first, last))  # type: ignore[assignment]
        begins = Q(**{f"{column}__gte": first}) if first is not None else Q()
        ends = Q(**{f"{column}__lt": last}) if last is not None else Q()
        over_midnight = first is not None and last is not None and first > last
        return rows.filter(begins | ends if over_midnight else begins & ends)


class KindFilter(InputFilter):
    """The kind and codec by the words that Vobiz and the file use for them."""

    title = _("kind and codec")
    parameters = ("kind", "codec")
    inputs = (Input("kind", _("Kind"), example="conference"), Input("codec", _("Codec"), example="pcm_mulaw"))

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those of exactly this kind and codec."""
        if text := self.typed("kind"):
            rows = rows.filter(kind=text.lower())
        if text := self.typed("codec"):
            rows = rows.filter(audio_codec=text.lower())
        return rows
