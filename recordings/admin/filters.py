"""List filters: account, date range, status and linked sets. Each runs without a count of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, ClassVar

from django.contrib import admin
from django.db import connections
from django.db.models import BooleanField, Exists, F, Func, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recordings import overview
from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.reader import accounts_seen, is_counted, iso_day
from recordings.choices import Attention, AudioState, TranscriptionStatus
from recordings.forms import is_key
from recordings.models import Account, Recording, Transcription
from recordings.models.recording.queryset import AUDIO_STATES, CLIPPED, LONG_SILENCE
from recordings.overview import day_bounds
from recordings.search import common_or_few, few_or_walked, found_first, rare_or_walked


class AccountFilter(admin.SimpleListFilter):
    """One of the reader's accounts; not drawn where there is but one."""

    title = _("account")
    parameter_name = "account"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the accounts the reader sees."""
        found = [(str(account.pk), formatting.plain(account)) for account in accounts_seen(request)]
        return found if len(found) > 1 else []

    def has_output(self) -> bool:
        """Not for one account alone; but a link that names an account is heeded all the same."""
        return bool(self.lookup_choices) or self.value() is not None

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the account; of none for what is no account's number."""
        value = self.value()
        if value is None:
            return queryset
        return self.found(queryset, value) if is_key(value) else queryset.none()

    def found(self, rows: QuerySet[Any], pk: str) -> QuerySet[Any]:
        """Those of the account."""
        return rows.filter(account_id=pk)


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


class AttentionFilter(ChoiceFilter):
    """Whether a person is needed, and why."""

    title = _("needs attention")
    parameter_name = "attention"
    words: ClassVar[dict[str, Any]] = {"yes": _("yes"), **dict(Attention.choices)}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that ask for someone, and for this; none for a reason that is none."""
        value = self.value()
        if value is None:
            return queryset
        asking = Q(needs_attention__isnull=False)
        condition = asking if value == "yes" else asking & Q(needs_attention=value)
        hits = Recording.objects.filter(condition).values("pk")
        if is_counted(request):
            return found_first(queryset, hits)
        rows, self.order = few_or_walked(queryset, condition, hits)
        return rows


class UsualFilter(ChoiceFilter):
    """A choice among values that many rows have and no index: they are walked in the order of the list."""

    def found(self, request: HttpRequest, rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        """Return the rows that meet the condition; SQLite, told nothing, takes them to be few and sorts them."""
        if connections[rows.db].vendor != "sqlite":
            return rows.filter(condition)
        return rows.filter(Func(condition, function="likely", output_field=BooleanField()))


class RareFilter(ChoiceFilter):
    """A choice among conditions that have an index, because few rows may meet them."""

    def found(self, request: HttpRequest, rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        """Return the rows that meet the condition, gathered or walked."""
        rows, self.order = rare_or_walked(rows, condition, is_counted=is_counted(request))
        return rows


def rare(column: str, values: Iterable[str], usual: str) -> dict[str, Q]:
    """Return the condition of each value; that it is not the usual one, as partial indexes want it said, is in it."""
    return {
        value: Q(**{column: value}) & (Q() if value == usual else ~Q(**{column: usual})) for value in values
    }


class LinkedFilter(admin.SimpleListFilter):
    """A choice that only a link makes: on or off, and drawn only while it is on, so that it can be taken off."""

    words: Any = ""
    value_on = "yes"
    rows = ""  # the method of the rows' QuerySet that finds them, where that is all

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Return the one choice, while it is made."""
        return [(self.value_on, self.words)] if self.parameter_name in request.GET else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows, where it is made."""
        return self.found(request, queryset) if self.value() == self.value_on else queryset

    def found(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows it finds."""
        found: QuerySet[Any] = getattr(queryset, self.rows)()
        return found


class KeptFilter(admin.SimpleListFilter):
    """How safe the audio is. What only a link chooses is drawn while it is on, so that it can be taken off."""

    title = _("audio")
    parameter_name = "kept"
    order: tuple[Any, ...] | None = None
    WORDS: ClassVar[dict[str, Any]] = {
        "archived": _("archived"),
        "not_yet": _("not archived yet"),
        "at_risk": _("at risk: deleted by Vobiz soon, no archived copy"),
        "lost": _("lost"),
        "gone": _("deleted at Vobiz"),
    }
    LINKED: ClassVar[dict[str, Any]] = {
        "due": _("waiting for archive"),
        "lost_before": _("deleted by Vobiz before the portal was connected"),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Those for everybody, and the one that a link made."""
        linked = request.GET.get(self.parameter_name)
        return [*self.WORDS.items(), *((key, words) for key, words in self.LINKED.items() if key == linked)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By how long each account's audio is kept; what is at risk or due begins with the first to go."""
        rows: Any = queryset
        found: QuerySet[Any] = queryset
        now, accounts = timezone.now(), Account.objects.visible_to(request.user).order_by()
        match self.value():
            case "archived":
                hits = Recording.objects.filter(archived_at__isnull=False).values("pk")
                found, self.order = few_or_walked(
                    rows, AUDIO_STATES[AudioState.ARCHIVED], hits, is_counted=is_counted(request)
                )
            case "not_yet":
                found = rows.available_to_archive()
            case "gone":
                gone = Q(gone_at_provider_at__isnull=False)
                found, self.order = rare_or_walked(rows, gone, is_counted=is_counted(request))
            case "at_risk":
                found = by_days_left(request, rows, within=overview.soon())
            case "due":
                found = rows.waiting_to_be_archived(accounts).annotate(list_order=F("kept_from"))
            case "lost":
                started, synced = Recording.objects.order_by().lost_in_parts(now, accounts)
                hits = Recording.objects.filter(
                    Q(pk__in=started.values("pk")) | Q(pk__in=synced.values("pk"))
                )
                rows, self.order = few_or_walked(rows, Q(), hits.values("pk"), is_counted=is_counted(request))
                found = rows.lost(now, accounts)
            case "lost_before":
                found = rows.lost_before(now, accounts)
        return found


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


class SoundFilter(RareFilter):
    """What was measured in the archived copy."""

    title = _("sound problem")
    parameter_name = "sound"
    words: ClassVar[dict[str, Any]] = {
        "one_sided": _("one side silent"),
        "silent": _("no sound"),
        "clipped": _("clipped"),
        "long_silence": _("silence of a minute or more"),
    }
    conditions: ClassVar[dict[str, Q]] = {
        "one_sided": Q(one_side_silent=True),
        "silent": Q(is_silent=True),
        "clipped": CLIPPED,
        "long_silence": LONG_SILENCE,
    }


class TranscriptFilter(ChoiceFilter):
    """Whether a transcript came."""

    title = _("transcript")
    parameter_name = "transcript"
    words: ClassVar[dict[str, Any]] = {
        "there": _("yes"), "none": _("no"), "failed": _("failed"), "missing": _("missing"),
    }  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """One that is waited for is not there."""
        # By EXISTS: SQLite would begin a join with the transcripts and sort, and PostgreSQL takes the opposite of an
        # outer join's column to be rare.
        of_row = Transcription.objects.order_by().filter(recording=OuterRef("pk"))
        came = Exists(of_row.filter(status=TranscriptionStatus.COMPLETED))
        held = Transcription.objects.visible_to(request.user)
        match self.value():
            case "there":
                hits = held.filter(status=TranscriptionStatus.COMPLETED).values("recording")
                rows, self.order = common_or_few(queryset, Q(came), hits, is_counted=is_counted(request))
                return rows
            case "none":
                return queryset.filter(~came)
            case "failed" | "missing" as status:
                condition = Q(transcription__status=status)
                hits = held.filter(status=status).exclude(status=TranscriptionStatus.COMPLETED)
            case _:
                return queryset
        rows, self.order = few_or_walked(
            queryset, condition, hits.values("recording"), is_counted=is_counted(request)
        )
        return rows


class MissingCallbackFilter(LinkedFilter):
    """Among the last recordings started here, those of which no callback came."""

    title = _("callback")
    parameter_name = "callback"
    value_on = "missing"
    words = _("none received, among the last started from the portal")

    def found(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """For those who may see callbacks."""
        if not may(request, "view_callbackevent"):
            return queryset.none()
        return queryset.filter(pk__in=overview.starts(request.user, timezone.now()).silent)


class GapFilter(LinkedFilter):
    """Those found to lack their callback, as far as nobody has said that they know of it."""

    title = _("callback that did not come")
    parameter_name = "gap"
    value_on = "unseen"
    words = _("not reviewed")
    rows = "without_callback"


class UnsignedFilter(LinkedFilter):
    """Callbacks that are unsigned where signed ones came before or are required."""

    title = _("signature")
    parameter_name = "unsigned"
    value_on = "unexpected"
    words = _("missing where expected, in 7 days")

    def found(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """By what each account's callbacks were like."""
        now = timezone.now()
        return queryset.filter(overview.unexpectedly_unsigned(overview.accounts(request.user, now), now))


class WithoutEffectFilter(LinkedFilter):
    """Callbacks that had no effect, and that nobody has marked as reviewed."""

    title = _("effect")
    parameter_name = "effect"
    value_on = "none"
    words = _("not applied, not reviewed")
    rows = "without_effect"


class BrokenFilter(LinkedFilter):
    """Syncs that should have made the mirror whole, and did not, since the last that did."""

    title = _("since the last complete one")
    parameter_name = "broken"
    words = _("did not complete")
    rows = "failed_since_last_complete"


class DayFilter(admin.SimpleListFilter):
    """One day, in the reader's zone."""

    title = _("day")
    parameter_name = "day"

    def has_output(self) -> bool:
        """Whenever a day was asked for, even one that is none."""
        return self.value() is not None

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Only the day that a link chose."""
        day = iso_day(request.GET.get(self.parameter_name))
        return [(day.isoformat(), formatting.day(day))] if day is not None else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of that day; none for what is no day."""
        if self.value() is None:
            return queryset
        day = iso_day(self.value())
        if day is None:
            return queryset.none()
        begins, ends = day_bounds(day, timezone.get_current_timezone())
        return queryset.filter(happened_at__gte=begins, happened_at__lt=ends)


PARAMETER = "date"  # and, between two dates, `date_from` and `date_to`, both included
FROM, TO = f"{PARAMETER}_from", f"{PARAMETER}_to"
PERIODS = {
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "7": _("Last 7 days"),
    "week": _("This week"),
    "last_week": _("Last week"),
    "30": _("Last 30 days"),
    "month": _("This month"),
}
DAYS_NAMED = range(2, 8)  # days ago that are choices by their name, so that *last Tuesday* is one


def days_of(period: str, today: date) -> tuple[date, date]:
    """Return the first and last day of a period, or of a day such as `2025-11-06`; KeyError: it is neither.

    The last 7 days are today and the six before. A week begins on Monday (ISO 8601).
    """
    monday = today - timedelta(days=today.weekday())
    match period:
        case "today":
            return today, today
        case "yesterday":
            return today - timedelta(days=1), today - timedelta(days=1)
        case "7" | "30":
            return today - timedelta(days=int(period) - 1), today
        case "month":
            return today.replace(day=1), today
        case "week":
            return monday, today
        case "last_week":
            return monday - timedelta(days=7), monday - timedelta(days=1)
    day = iso_day(period)
    if day is None:
        raise KeyError(period)
    return day, day


def between(first: date | None, last: date | None, zone: tzinfo, column: str) -> Q:
    """From the midnight with which `first` begins to the one with which `last` ends, which is not in it any more."""
    found = Q()
    if first is not None:
        found &= Q(**{f"{column}__gte": day_bounds(first, zone)[0]})
    if last is not None:
        found &= Q(**{f"{column}__lt": day_bounds(last, zone)[1]})
    return found


class ParametersFilter(admin.ListFilter):
    """A filter that reads several parameters of an address, and is always in the panel."""

    parameters: ClassVar[tuple[str, ...]]

    def __init__(
        self, request: HttpRequest, params: dict[str, list[str]], model: type[Any], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        for name in self.parameters:
            if name in params:
                self.used_parameters[name] = params.pop(name)[-1]

    def has_output(self) -> bool:
        """Return True: its fields are always in the panel."""
        return True

    def expected_parameters(self) -> list[str | None]:
        """Return the names of what it reads from an address."""
        return [*self.parameters]


class DateFilter(ParametersFilter):
    """A day, a week, a month, the last 7 or 30 days, or between two dates, by the date of the list's admin."""

    title = _("date")
    parameters = (PARAMETER, FROM, TO)

    def __init__(self, request: HttpRequest, params: Any, model: type[Any], model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        self.column = model_admin.date_column
        self.zone = timezone.get_current_timezone()

    @property
    def date_from(self) -> str:
        """As given, to be shown again."""
        return str(self.used_parameters.get(FROM, ""))

    @property
    def date_to(self) -> str:
        """As given, to be shown again."""
        return str(self.used_parameters.get(TO, ""))

    def choices(self, changelist: Any) -> Iterator[dict[str, Any]]:
        """Return one choice for each period; the template adds the fields for two dates."""
        chosen = self.used_parameters.get(PARAMETER)
        none = not self.used_parameters
        yield {
            "selected": none,
            "query_string": changelist.get_query_string(remove=[PARAMETER]),
            "display": _("All"),
        }
        for name, label in self.labels(timezone.now()).items():
            yield {
                "selected": chosen == name,
                "query_string": changelist.get_query_string({PARAMETER: name}, [FROM, TO]),
                "display": label,
            }

    def labels(self, now: datetime) -> dict[str, Any]:
        """Return what can be chosen, and its label: periods, the days before yesterday, and another day of a link."""
        today = now.astimezone(self.zone).date()
        days = [today - timedelta(days=ago) for ago in DAYS_NAMED]
        named: dict[str, Any] = {day.isoformat(): formatting.weekday(day) for day in days}
        linked = iso_day(str(self.used_parameters.get(PARAMETER, "")))
        if linked is not None:
            named.setdefault(linked.isoformat(), formatting.day(linked))
        first = ("today", "yesterday")
        rest = {name: label for name, label in PERIODS.items() if name not in first}
        return {name: PERIODS[name] for name in first} | named | rest

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of those days; none for what is no period and no date."""
        if not any(self.used_parameters.values()):
            return queryset
        try:
            first, last = self.days(timezone.now())
        except (KeyError, ValueError):
            return queryset.none()
        return self.within(queryset, first, last)

    def days(self, now: datetime) -> tuple[date | None, date | None]:
        """Return the first and last day asked for; None means no bound. KeyError, ValueError: not readable."""
        first, last = _day(self.date_from), _day(self.date_to)
        if period := self.used_parameters.get(PARAMETER):
            return days_of(str(period), now.astimezone(self.zone).date())
        return first, last

    def within(self, queryset: QuerySet[Any], first: date | None, last: date | None) -> QuerySet[Any]:
        """Return the rows of these days."""
        return queryset.filter(between(first, last, self.zone, self.column))


def _day(text: str) -> date | None:
    """Return a date; None where none was given. ValueError where it is none."""
    day = iso_day(text)
    if text and day is None:
        raise ValueError(text)
    return day
