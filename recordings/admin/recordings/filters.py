"""Filters of the recordings' list alone, chosen from a menu or typed: who, how long, at what hour, what it cost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.contrib.auth.models import User
from django.db import connections
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.call_filters import Input, InputFilter, of_length
from recordings.admin.change_list import MOST_COUNTED, count_up_to
from recordings.admin.filters import ChoiceFilter, RareFilter, by_days_left, rare
from recordings.admin.reader import accounts_seen, found_once, is_counted
from recordings.audio.formats import CONTAINERS
from recordings.choices import Direction, FileFormat, Origin, RecordingStatus
from recordings.forms import is_key
from recordings.models import Call, Recording
from recordings.models.recording.queryset import (
    BOTH_TALK,
    CALLEE_TALKS,
    CALLER_TALKS,
    LENGTH,
    LONGEST_CUT,
    SHORTEST_CUT,
    USUAL_KIND,
    WAS_CUT_SHORT,
)
from recordings.search import (
    NEWEST_FIRST,
    few_or_walked,
    found_first,
    rare_or_walked,
)

MOST_PEOPLE = 100  # offered in a menu


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


class OriginFilter(ChoiceFilter):
    """How the portal first learnt of it."""

    title = _("source")
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


class TalkFilter(RareFilter):
    """Who talked most, as measured in a stereo copy: the caller is on the left, the callee on the right."""

    title = _("who talked")
    parameter_name = "talk"
    words: ClassVar[dict[str, Any]] = {
        "caller": _("caller 80% or more"), "callee": _("callee 80% or more"), "balanced": _("each 40% or more"),
    }  # fmt: skip
    conditions: ClassVar[dict[str, Q]] = {
        "caller": CALLER_TALKS, "callee": CALLEE_TALKS, "balanced": BOTH_TALK,
    }  # fmt: skip


class TrueFormatFilter(RareFilter):
    """The format of the copy's content, whatever Vobiz called it."""

    title = _("file type")
    parameter_name = "true_format"
    words: ClassVar[dict[str, Any]] = {name: container.label for name, container in CONTAINERS.items()}
    conditions: ClassVar[dict[str, Q]] = {name: Q(container=name) for name in CONTAINERS}


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


@found_once  # a list counts its views by several such filters
def people_named(request: HttpRequest) -> list[tuple[int, str]]:
    """Return the people who belong to an account that the reader sees, by their user names."""
    accounts = [account.pk for account in accounts_seen(request)]
    people = User.objects.filter(Q(vobiz_accounts__in=accounts) | Q(is_superuser=True), is_staff=True)
    return list(people.distinct().order_by("username").values_list("pk", "username")[:MOST_PEOPLE])


class StarterFilter(admin.SimpleListFilter):
    """Who started it: a person, the command line, or a call flow."""

    title = _("started by")
    parameter_name = "starter"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the people who belong to an account that the reader sees."""
        return [
            ("flow", _("call flow")), ("portal", _("anyone here")), ("command", _("command line")),
            *((str(pk), formatting.plain(name)) for pk, name in people_named(request)),
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
            case pk if is_key(pk):
                condition = Q(requested_by=int(pk))
            case _:
                return queryset.none()
        hits = Recording.objects.filter(condition).values("pk")
        rows, self.order = few_or_walked(queryset, condition, hits, is_counted=is_counted(request))
        return rows


class ShortRecordingsFilter(admin.SimpleListFilter):
    """Leave out the shortest ones; the chip says how many. Stands last, since it counts what the others let through."""

    title = _("short recordings")
    parameter_name = "noise"
    SECONDS = (2, 5, 10)
    shorter: QuerySet[Any] | None = None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the lengths below which a recording can be hidden."""
        return [(str(n), _("hide those under %d s") % n) for n in self.SECONDS]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return those that are not shorter, and those whose length is unknown."""
        if self.value() not in {str(n) for n in self.SECONDS}:
            return queryset
        least = int(self.value() or 0) * 1_000
        if not (request.GET.get(SEARCH_VAR) or request.GET.get(ORDER_VAR)):  # which leave out rows after this
            self.shorter = queryset.alias(length=LENGTH).filter(length__lt=least, duration_ms__isnull=False)
        return queryset.filter(Q(duration_ms__gte=least) | Q(duration_ms__isnull=True))

    def chip(self) -> str:
        """Return what is hidden, and how many they are unless the list is searched or sorted."""
        if self.shorter is None:
            return _("Under %s s hidden") % self.value()
        n = count_up_to(self.shorter)
        number = f"{formatting.count(MOST_COUNTED)}+" if n > MOST_COUNTED else formatting.count(n)
        return _("%(number)s under %(seconds)s s hidden") % {"number": number, "seconds": self.value()}


class EndedFilter(ChoiceFilter):
    """How a recording ended, as the overview counts them; *probably cut* has no known limit and is 60 s long."""

    title = _("how it ended")
    parameter_name = "ended"
    words: ClassVar[dict[str, Any]] = {
        "any": _("finished"), "completed": _("completed"), "cut": _("cut at its limit"), "failed": _("failed"),
        "cut_at_60": _("probably cut at 60 s"),
    }  # fmt: skip
    conditions: ClassVar[dict[str, Q]] = {
        "any": Q(status=RecordingStatus.COMPLETED) | StatusFilter.conditions[RecordingStatus.FAILED],
        "completed": Q(status=RecordingStatus.COMPLETED) & ~WAS_CUT_SHORT,
        "cut": Q(status=RecordingStatus.COMPLETED) & WAS_CUT_SHORT,
        "failed": StatusFilter.conditions[RecordingStatus.FAILED],
        "cut_at_60": Q(time_limit__isnull=True),
    }

    def found(self, request: HttpRequest, rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        """Return the rows that ended so."""
        if self.value() == "cut_at_60":
            rows, self.order = of_length(request, rows, SHORTEST_CUT, LONGEST_CUT)
        # PostgreSQL would join the few with every row of a reader's accounts
        if self.value() == "cut" and is_counted(request) and connections[rows.db].vendor == "sqlite":
            return found_first(rows, Recording.objects.filter(condition))
        return rows.filter(condition)


MOST_MONEY = 10**12


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


class KindFilter(InputFilter):
    """The kind and codec by the words that Vobiz and the file use for them."""

    title = _("kind and codec")
    parameters = ("kind", "codec")
    inputs = (Input("kind", _("Kind"), example="conference"), Input("codec", _("Codec"), example="pcm_mulaw"))

    def found(self, request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those of exactly this kind and codec."""
        conditions = []
        if text := self.typed("kind").lower():
            conditions.append(rare("kind", [text], USUAL_KIND)[text])
        if text := self.typed("codec").lower():
            conditions.append(Q(audio_codec=text))
        orders = []
        for condition in conditions:
            rows, order = rare_or_walked(rows, condition, is_counted=is_counted(request))
            orders.append(order)
        self.order = next((order for order in orders if order != NEWEST_FIRST), NEWEST_FIRST)
        return rows
