"""The admin of calls: list, page and exports."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import columns, formatting
from recordings.admin.base import ReadOnlyAdmin, may
from recordings.admin.calls import detail
from recordings.admin.calls.start import StartMixin
from recordings.admin.exports import CsvExportMixin
from recordings.admin.facts import Fact, as_said
from recordings.admin.filters import AccountFilter, DateFilter
from recordings.admin.search import EVERY_READING, ListSearch
from recordings.choices import CallState
from recordings.models import Call, Recording
from recordings.search import find_calls

REFRESH = 5  # seconds between two looks at a call that is live or recorded


@admin.register(Call)
class CallAdmin(StartMixin, CsvExportMixin, ReadOnlyAdmin):
    """Calls as far as they are known here."""

    page_template = "admin/recordings/call/page.html"
    change_list_template = "admin/recordings/worded_list.html"
    csv_related = ("account",)
    list_display = ("when", "numbers", "direction_shown", "state_shown", "recorded", "account_name")
    list_display_links = ("when",)
    list_filter = (DateFilter, "state", "direction", AccountFilter)
    list_select_related = ("account",)
    list_deferred = ("provider_data",)
    list_day = "happened_at"
    search_fields = ("call_uuid",)
    readings = EVERY_READING
    search_help_text = gettext_lazy("Number in any spelling, name, call ID or words said")
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

    @admin.display(description=gettext_lazy("when"))
    def when(self, call: Any) -> SafeString:
        """Return when it started; else when its first recording did; else when it became known here."""
        under_day = getattr(call, "under_day", False)
        return columns.day_and_time(call.happened_at, timezone.now(), under_day=under_day)

    @admin.display(description=gettext_lazy("direction"))
    def direction_shown(self, call: Call) -> str:
        """Return an arrow and a word."""
        return formatting.direction(call) if call.direction else columns.NOTHING

    @admin.display(description=gettext_lazy("from → to"))
    def numbers(self, call: Call) -> SafeString:
        """Return who speaks."""
        return columns.from_to(call)

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, call: Call) -> str | SafeString:
        """Return the state: live, ended or unknown."""
        return formatting.badge(call.state, call.get_state_display())

    @admin.display(description=gettext_lazy("recordings"))
    def recorded(self, call: Any) -> SafeString:
        """Return how many are known here."""
        return columns.named(_("Recordings"), call.recording_count)

    @admin.display(description=gettext_lazy("account"))
    def account_name(self, call: Call) -> SafeString:
        """Return whose call it is."""
        return columns.account_name(call.account)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Add words for what these are, and for when there is none."""
        said = {"title": _("Call history"), "empty_words": self.empty_words, "list_words": self.list_words}
        return super().changelist_view(request, {**said, **(extra_context or {})})

    def page_context(self, request: HttpRequest, obj: Call) -> dict[str, Any]:
        """Return the call and every attempt to record it."""
        now = timezone.now()
        is_live = obj.state == CallState.LIVE
        attempts = detail.context(request, obj, now)
        is_open = any(row.recording.is_open for row in attempts["attempts"])
        return {
            "title": formatting.plain(obj),
            "call": obj,
            "is_live": is_live,
            "numbers": formatting.from_to(obj),
            "direction": formatting.direction(obj) if obj.direction else "",
            "at": columns.day_and_time(obj.happened_at, now),
            "account": formatting.linked(request, obj.account, obj.account.name or obj.account.auth_id),
            "may_start": is_live and obj.account.is_active and may(request, "start_recording"),
            "may_stop": is_live and may(request, "stop_recording"),
            "facts": [fact for fact in self._facts(request, obj) if fact.value != formatting.NONE],
            "raw": as_said(obj.provider_data) if obj.provider_data is not None else "",
            "every": REFRESH if is_live or is_open else None,
            **attempts,
        }

    def _facts(self, request: HttpRequest, call: Call) -> list[Fact]:
        return [
            Fact(_("Call ID"), formatting.identifier(call.call_uuid or call.call_uuid_text)),
            Fact(_("Account"), formatting.linked(request, call.account)),
            Fact(_("Caller"), formatting.number(call.from_number, call.from_digits)),
            Fact(_("Callee"), formatting.number(call.to_number, call.to_digits)),
            Fact(_("Started"), formatting.moment(call.started_at)),
            Fact(_("Ended"), formatting.moment(call.ended_at), hint=_ended_hint(call)),
            Fact(_("Last seen live"), formatting.moment(call.seen_live_at)),
            Fact(_("Status at Vobiz"), formatting.words(call.vobiz_status)),
        ]


def _ended_hint(call: Call) -> str:
    return _("when the portal first saw that it was over") if call.ended_at else ""
