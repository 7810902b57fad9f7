"""Filters of the recordings' list alone: who, how long, at what hour, and what the copy is like."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import time, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, QueryDict
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from recordings.admin import formatting
from recordings.admin.keyset import MOST_COUNTED, POSITIONS, count_up_to
from recordings.admin.scope import accounts_seen
from recordings.audio.formats import CONTAINERS
from recordings.forms import parse_span
from recordings.models import Account, SavedView
from recordings.search import Reading, find_recordings, parse_query

MOST_PEOPLE = 100  # offered in a menu
MOSTLY, BALANCED = 0.8, 0.4  # shares of the time in which anybody talks
LONGEST_INPUT = 64  # characters
DAYS_OF_WEEK = (
    (2, _("Monday")), (3, _("Tuesday")), (4, _("Wednesday")), (5, _("Thursday")), (6, _("Friday")), (7, _("Saturday")),
    (1, _("Sunday")),
)  # fmt: skip


class ChoiceFilter(admin.SimpleListFilter):
    """A choice among conditions on the row; another value finds every row."""

    words: ClassVar[dict[str, Any]]
    conditions: ClassVar[dict[str, Q]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the choices by their names."""
        return list(self.words.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that meet the chosen condition."""
        condition = self.conditions.get(self.value() or "")
        return queryset if condition is None else queryset.filter(condition)


class LengthFilter(ChoiceFilter):
    """The length Vobiz reports, in steps."""

    title = _("length")
    parameter_name = "length"
    words: ClassVar[dict[str, Any]] = {
        "10s": _("under 10 s"), "1m": _("10 s to 1 min"), "2m": _("1 to 2 min"), "10m": _("2 to 10 min"),
        "30m": _("10 to 30 min"), "long": _("30 min or more"),
    }  # fmt: skip
    conditions: ClassVar[dict[str, Q]] = {
        "10s": Q(duration_ms__lt=10_000),
        "1m": Q(duration_ms__gte=10_000, duration_ms__lt=60_000),
        "2m": Q(duration_ms__gte=60_000, duration_ms__lt=120_000),
        "10m": Q(duration_ms__gte=120_000, duration_ms__lt=600_000),
        "30m": Q(duration_ms__gte=600_000, duration_ms__lt=1_800_000),
        "long": Q(duration_ms__gte=1_800_000),
    }


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
        rows: Any = queryset
        kept_days = {account.retention_days for account in accounts_seen(request)}
        at_risk = rows.at_risk(timezone.now(), timedelta(days=int(value)), kept_days=kept_days)
        found: QuerySet[Any] = at_risk.annotate(list_order=F("leaves_at"))
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
        match self.value():
            case None:
                return queryset
            case "flow":
                return queryset.filter(requested_at__isnull=True)
            case "portal":
                return queryset.filter(requested_at__isnull=False)
            case "command":
                return queryset.filter(requested_at__isnull=False, requested_by__isnull=True)
            case pk if pk.isascii() and pk.isdigit() and len(pk) < 10:
                return queryset.filter(requested_by=int(pk))
        return queryset.none()


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
        self.shorter = queryset.filter(duration_ms__lt=least)
        return queryset.filter(Q(duration_ms__gte=least) | Q(duration_ms__isnull=True))

    def chip(self) -> str:
        """Return what is hidden, and how many they are."""
        n = count_up_to(self.shorter) if self.shorter is not None else 0
        number = f"{formatting.count(MOST_COUNTED)}+" if n > MOST_COUNTED else formatting.count(n)
        return _("%(number)s under %(seconds)s s hidden") % {"number": number, "seconds": self.value()}


@dataclass(frozen=True, slots=True)
class Input:
    """One field of a filter that is typed; `value` is what the address holds."""

    name: str
    label: Any
    kind: str = "text"
    example: Any = ""
    value: str = ""


class InputFilter(admin.ListFilter):
    """A filter whose values are typed; what cannot be read finds nothing."""

    inputs: ClassVar[tuple[Input, ...]]
    parameters: ClassVar[tuple[str, ...]]

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
            return self.found(queryset)
        except (ValueError, ValidationError):
            return queryset.none()

    def found(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that fit what was typed. ValueError, ValidationError: it cannot be read."""
        raise NotImplementedError


class NumberFilter(InputFilter):
    """A number in any spelling, or part of one: the caller's, the callee's, or either."""

    title = _("caller or called number")
    parameters: ClassVar[tuple[str, ...]] = ("number",)
    inputs: ClassVar[tuple[Input, ...]] = (Input("number", _("Caller or called number"), example="+91 …"),)
    SIDES: ClassVar[dict[str, Any]] = {"number": None, "caller": "from", "callee": "to"}
    order: tuple[Any, ...] | None = None

    def found(self, rows: QuerySet[Any]) -> QuerySet[Any]:
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

    def found(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those whose length is known and between the two."""
        if text := self.typed("min_length"):
            rows = rows.filter(duration_ms__gte=parse_span(text) * 1_000)
        if text := self.typed("max_length"):
            rows = rows.filter(duration_ms__lte=parse_span(text) * 1_000)
        return rows


class TimeOfDayFilter(InputFilter):
    """Hours of the day in the reader's zone; from 22:00 to 06:00 goes over midnight."""

    title = _("time of day")
    parameters = ("time_from", "time_to")
    inputs = (Input("time_from", _("Time from"), "time"), Input("time_to", _("Time to"), "time"))

    def found(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those that began at such an hour; the last minute is not among them."""
        first, last = self.typed("time_from"), self.typed("time_to")
        begins = Q(happened_at__time__gte=time.fromisoformat(first)) if first else Q()
        ends = Q(happened_at__time__lt=time.fromisoformat(last)) if last else Q()
        over_midnight = bool(first and last) and time.fromisoformat(first) > time.fromisoformat(last)
        return rows.filter(begins | ends if over_midnight else begins & ends)


class KindFilter(InputFilter):
    """The kind and codec by the words that Vobiz and the file use for them."""

    title = _("kind and codec")
    parameters = ("kind", "codec")
    inputs = (Input("kind", _("Kind"), example="conference"), Input("codec", _("Codec"), example="pcm_mulaw"))

    def found(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return those of exactly this kind and codec."""
        if text := self.typed("kind"):
            rows = rows.filter(kind=text.lower())
        if text := self.typed("codec"):
            rows = rows.filter(audio_codec=text.lower())
        return rows


MOST_SAVED, LONGEST_QUERY = 50, 2_000


class SavedViewForm(forms.Form):
    """A name for the filters of the recordings' list; who changes an account may share them with all who see it."""

    name = forms.CharField(label=_("Name"), max_length=60)
    query = forms.CharField(required=False, widget=forms.HiddenInput, max_length=LONGEST_QUERY)
    account = forms.ModelChoiceField(
        Account.objects.none(),
        label=_("For"),
        required=False,
        empty_label=_("Me alone"),
    )

    def __init__(self, request: HttpRequest, data: Any = None) -> None:
        super().__init__(data, initial={"query": request.GET.urlencode()})
        self.user: Any = request.user
        shared: Any = self.fields["account"]
        shared.queryset = Account.objects.visible_to(self.user).order_by("name", "auth_id")
        if not request.user.has_perm("recordings.change_account"):
            del self.fields["account"]

    def clean_query(self) -> str:
        """Return the filters without the place in the list and without empty fields; there must be some."""
        sent = QueryDict(self.cleaned_data["query"]).items()
        kept = [(name, str(value)) for name, value in sent if value and name not in {*POSITIONS, PAGE_VAR}]
        if not kept:
            raise forms.ValidationError(_("The list has no filter. Choose some, then save the view."))
        return urlencode(kept)

    def clean_name(self) -> str:
        """Return a name that is none of the person's other views, of which there are at most MOST_SAVED."""
        name: str = self.cleaned_data["name"]
        views = SavedView.objects.filter(user_id=self.user.pk)
        if views.filter(name=name).exists():
            raise forms.ValidationError(_("You have a view of this name."))
        if views.count() >= MOST_SAVED:
            raise forms.ValidationError(_("You have %d views. Delete one first.") % MOST_SAVED)
        return name

    def store(self) -> SavedView:
        """Store the view."""
        data = self.cleaned_data
        return SavedView.objects.create(
            user=self.user, name=data["name"], query=data["query"], account=data.get("account")
        )

    def rename(self, view: SavedView, name: str) -> bool:
        """Give a view another name; False, with an error said, where it cannot have it."""
        name = name.strip()[:60]
        taken = SavedView.objects.filter(user_id=self.user.pk, name=name).exclude(pk=view.pk).exists()
        if not name or taken:
            return False
        SavedView.objects.filter(pk=view.pk).update(name=name)
        return True
