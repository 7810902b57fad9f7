"""The admin of calls: list, exports and page."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.admin.base import Fact, ReadOnlyAdmin, may
from recordings.admin.call_filters import (
    AreaFilter,
    ExactRecordingLengthFilter,
    NumberFilter,
    RecordingLengthFilter,
    SideFilter,
    TimeOfDayFilter,
    WeekdayFilter,
)
from recordings.admin.calls.control import ControlMixin
from recordings.admin.calls.detail import page_facts
from recordings.admin.change_list import EVERY_READING, ListSearch, PortalChangeList
from recordings.admin.exports import CsvExportMixin
from recordings.admin.filters import AccountFilter, DateFilter
from recordings.choices import CallState
from recordings.coverage import known_span
from recordings.models import Call, Recording
from recordings.search import find_calls

MOST_MEASURED = 10_000  # recordings that the lengths of a list's calls are told from
SPAN_COLUMNS = (
    "call", "status", "started_at", "requested_at", "ended_at", "duration_ms", "time_limit", "times_approximate",
)  # fmt: skip
REFRESH = 5  # seconds between two looks at a call that is live or recorded


@admin.register(Call)
class CallAdmin(ControlMixin, CsvExportMixin, ReadOnlyAdmin):
    """Calls as far as they are known here."""

    page_template = "admin/recordings/call/page.html"
    csv_related = ("account",)
    list_display = ("when", "numbers", "length", "direction_shown", "state_shown", "recorded", "account_name")
    list_filter = (
        DateFilter, TimeOfDayFilter, "direction", RecordingLengthFilter, "state", NumberFilter, AreaFilter,
        AccountFilter, WeekdayFilter, ExactRecordingLengthFilter, SideFilter,
    )  # fmt: skip
    filter_groups = (
        (gettext_lazy("Common"), (
            "caller", "direction__exact", "date", "hours", "length", "state__exact", "account",
        )),
        (gettext_lazy("Time and length"), ("weekday", "min_length")),
        (gettext_lazy("Numbers"), ("number",)),
    )  # fmt: skip
    list_select_related = ("account",)
    list_deferred = ("provider_data",)
    list_day = "happened_at"
    search_fields = ("call_uuid",)
    readings = EVERY_READING
    search_help_text = gettext_lazy("Number in any spelling, name, call ID or words said")
    list_title = gettext_lazy("Call history")
    list_words = gettext_lazy(
        "Calls seen live here, and calls with a recording; not every call of the account."
    )
    empty_title = gettext_lazy("No calls yet")
    empty_words = gettext_lazy("A call appears here when it is seen among the live calls or has a recording.")
    begins_live = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add how many recordings each has."""
        of_call = Recording.objects.filter(call=OuterRef("pk")).order_by().values("call")
        counted = of_call.annotate(n=Count("pk"))
        n = Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)
        rows: QuerySet[Any] = super().get_queryset(request).annotate(recording_count=n)
        return rows

    def find_read(self, queryset: QuerySet[Any], search: ListSearch) -> QuerySet[Any]:
        """Search by its own facts and by those of its recordings."""
        found = find_calls(queryset, search.query, search.reading)
        return found.rows.order_by(*found.order)

    def on_page(self, request: HttpRequest, cl: PortalChangeList) -> None:
        """Tell how long each call was, from all recordings of the page's calls at once."""
        rows, now = cl.result_list, timezone.now()
        of_calls: dict[int, list[Recording]] = {}
        found = Recording.objects.filter(call__in=[row.pk for row in rows]).only(*SPAN_COLUMNS)
        for recording in found.order_by("-pk")[:MOST_MEASURED]:
            of_calls.setdefault(recording.call_id, []).append(recording)
        for row in rows:
            held = of_calls.get(row.pk, [])
            longest = max((recording.duration_ms or 0 for recording in held), default=0) / 1_000
            span = known_span(row, held, now=now)
            row.seconds = max(longest, span.length.total_seconds() if span is not None else 0) or None

    @admin.display(description=gettext_lazy("direction"))
    def direction_shown(self, call: Call) -> str:
        """Return an arrow and a word."""
        return formatting.direction(call) if call.direction else formatting.NOTHING

    @admin.display(description=gettext_lazy("from → to"))
    def numbers(self, call: Call) -> SafeString:
        """Return who speaks."""
        return formatting.from_to_cell(call)

    @admin.display(description=gettext_lazy("call length"))
    def length(self, call: Any) -> str | SafeString:
        """Return how long the call is known to have gone on."""
        return formatting.NOTHING if call.seconds is None else formatting.length(call.seconds)

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, call: Call) -> SafeString:
        """Return the state: live or ended; a dash for a call that was never seen live here."""
        if call.state == CallState.UNKNOWN:
            return formatting.NOTHING
        return formatting.badge(call.state, call.get_state_display())

    @admin.display(description=gettext_lazy("recordings"))
    def recorded(self, call: Any) -> SafeString:
        """Return how many are known here."""
        return formatting.named(_("Recordings"), call.recording_count)

    def page_context(self, request: HttpRequest, obj: Call) -> dict[str, Any]:
        """Return the call and every attempt to record it."""
        now = timezone.now()
        is_live = obj.state == CallState.LIVE
        attempts = page_facts(request, obj, now)
        is_open = any(row["recording"].is_open for row in attempts["attempts"])
        return {
            "title": formatting.plain(obj),
            "call": obj,
            "is_live": is_live,
            "numbers": formatting.from_to(obj),
            "direction": formatting.direction(obj) if obj.direction else "",
            "at": formatting.day_and_time(obj.happened_at, now),
            "account": formatting.linked(request, obj.account, formatting.account_label(obj.account)),
            "may_start": is_live and obj.account.is_active and may(request, "start_recording"),
            "may_stop": is_live and may(request, "stop_recording"),
            "facts": [fact for fact in self._facts(request, obj) if fact.value != formatting.NONE],
            "raw": formatting.as_said(obj.provider_data) if obj.provider_data is not None else "",
            "every": REFRESH if is_live or is_open else None,
            **attempts,
        }

    def _facts(self, request: HttpRequest, call: Call) -> list[Fact]:
        seen = _("when the portal first saw that it was over") if call.ended_at else ""
        return [
            Fact(_("Call ID"), formatting.identifier(call.call_uuid or call.call_uuid_text)),
            Fact(_("Account"), formatting.linked(request, call.account)),
            Fact(_("Caller"), formatting.number(call.from_number, call.from_digits)),
            Fact(_("Callee"), formatting.number(call.to_number, call.to_digits)),
            Fact(_("Started"), formatting.moment(call.started_at)),
            Fact(_("Ended"), formatting.moment(call.ended_at), hint=seen),
            Fact(_("Last seen live"), formatting.moment(call.seen_live_at)),
            Fact(_("Status at Vobiz"), formatting.words(call.vobiz_status)),
        ]
