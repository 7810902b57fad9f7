"""Live calls: record this one? stop which? And the page that stops all recordings of a call."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Prefetch
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _

from recordings import control, live
from recordings.admin import shown
from recordings.admin.base import BOTH, LONGEST_TERM, may, page
from recordings.admin.live_rows import keys, live_row, running_of, started_here
from recordings.admin.start_pages import StartPages
from recordings.admin.stopping import stop_all_words
from recordings.choices import CallState, RecordingStatus
from recordings.control import StopOutcome
from recordings.forms import StopAllForm
from recordings.models import Account, Call, Recording
from recordings.search import Reading, find_calls, parse_query

MOST_CALLS = 500
EVERY = 5  # seconds between two looks of a page that is looked at
KEYS = re.compile(r"\d{1,18}", re.ASCII)


class LivePages(StartPages):
    """The custom pages of Call that ask Vobiz for something."""

    @page("live/", name="live", permission="recordings.view_live_calls")
    def live(self, request: HttpRequest) -> HttpResponse:
        """The live calls of the visible accounts, seconds fresh; the last known ones where Vobiz does not answer.

        With the header HX-Request only what changes: counts, warnings, rows. `q` and `recording` narrow the rows;
        `shown` holds the calls that a page shows already, and the answer says which of them are over.
        """
        accounts = list(Account.objects.visible_to(request.user).active().select_related("parent"))
        live.refresh_all(accounts, now=timezone.now())
        is_fragment = request.headers.get("HX-Request") == "true"
        context = self._live_context(request, accounts, timezone.now())
        if is_fragment:
            context["over"] = _over(request, accounts, {row.call.pk for row in context["rows"]})
        name = "includes/live_now.html" if is_fragment else "call/live.html"
        answer = self.render(request, f"admin/recordings/{name}", context, title=_("Live calls"))
        patch_vary_headers(answer, ["HX-Request"])
        return answer

    def _live_context(self, request: HttpRequest, accounts: list[Account], now: datetime) -> dict[str, Any]:
        term, only_recorded = request.GET.get("q", "").strip()[:LONGEST_TERM], "recording" in request.GET
        calls = _live_calls(accounts, term=term, only_recorded=only_recorded)
        rows = [live_row(call, now) for call in calls[: MOST_CALLS + 1]]
        count = len(rows)
        if term or only_recorded:
            count = Call.objects.live().filter(account__in=accounts).count()
        read_at = min((a.live_refreshed_at for a in accounts if a.live_refreshed_at), default=None)
        return {
            "rows": rows[:MOST_CALLS],
            "is_cut": len(rows) > MOST_CALLS,
            "call_count": count,
            "recording_count": sum(len(row.running) for row in rows),
            "term": term,
            "only_recorded": only_recorded,
            "accounts": accounts,
            "silent": [_silence(account, now) for account in accounts if live.is_stale(account, now)],
            "read_at": read_at,
            "read_ago": shown.ago(read_at, now) if read_at else "",
            "read_moment": shown.moment(read_at),
            "every": EVERY,
            "zone": timezone.get_current_timezone_name(),
            "may_start": may(request, "start_recording"),
            "may_stop": may(request, "stop_recording"),
        }

    @page("<path:object_id>/stop-all/", name="stop_all", permission="recordings.stop_recording", methods=BOTH)
    def stop_all(self, request: HttpRequest, call: Call) -> HttpResponse:
        """Say what will stop; on POST stop it, unless others run by now: then say so and ask again."""
        now = timezone.now()
        has_changed = False
        if request.method == "POST":
            form = StopAllForm(request.POST)
            expected = form.shown() if form.is_valid() else frozenset({-1})
            stopping = list(call.open_recordings())
            result = control.stop_all(call, by=request.user, now=now, expected=expected)  # type: ignore[arg-type]
            if result.outcome != StopOutcome.SET_CHANGED:
                level, words = stop_all_words(call, result)
                log = _("Asked to stop all of it: %s") % words
                self.log_each(request, list(stopping), log)
                to = self.back(request, call, level=level)
                return self.conclude(request, call, words=words, log=log, to=to, level=level)
            has_changed = True
        row = live_row(call, now, running=running_of(call))
        context = {
            "row": row,
            "has_changed": has_changed,
            "expected": keys(row.running),
            "is_over": row.is_over,
            "back": self.back(request, call),
            "original": call,
        }
        status = 409 if has_changed else 200
        title = _("Stop all recordings of %s") % shown.plain(call)
        return self.render(
            request, "admin/recordings/call/stop_all.html", context, title=title, status=status
        )


def _live_calls(accounts: list[Account], *, term: str, only_recorded: bool) -> Any:
    """The longest first, each with its open recordings."""
    running = Recording.objects.open().select_related("requested_by", "stop_requested_by")
    running = running.defer("provider_data").order_by("requested_at", "pk")
    calls = (
        Call.objects.live()
        .filter(account__in=accounts)
        .select_related("account")
        .defer("provider_data")
        .prefetch_related(Prefetch("recordings", queryset=running, to_attr="running"))
        .annotate(
            recorded_here=started_here(RecordingStatus.COMPLETED),
            failed_here=started_here(RecordingStatus.FAILED),
        )
        .order_by("started_at", "pk")
    )
    if term:
        query = parse_query(term)
        offered = query.offered((Reading.NUMBER, Reading.ID, Reading.NAME))
        calls = find_calls(calls, query, offered[0] if offered else None).rows
    if only_recorded:
        calls = calls.filter(Exists(Recording.objects.open().filter(call=OuterRef("pk"))))
    return calls


def _over(request: HttpRequest, accounts: list[Account], still: Collection[int]) -> dict[int, str]:
    """Of the calls that a page shows, those that it is not sent again: `ended 14:03`, or that nothing is known."""
    asked = {int(key) for key in KEYS.findall(request.GET.get("shown", ""))[: 2 * MOST_CALLS]} - set(still)
    if not asked:
        return {}
    now, words = timezone.now(), dict.fromkeys(asked, _("no longer shown here"))
    ended = Call.objects.filter(pk__in=asked, account__in=accounts, state=CallState.ENDED)
    for pk, at in ended.values_list("pk", "ended_at"):
        words[pk] = _("ended %s") % shown.clock(at, now=now) if at else _("ended")
    return words


def _silence(account: Account, now: datetime) -> dict[str, Any]:
    """Since when Vobiz has not answered for an account, and what that means for the rows."""
    at = account.live_refreshed_at
    return {
        "account": shown.plain(account),
        "error": shown.plain(account.live_error or _("Vobiz was slow, so it has not been asked yet.")),
        "as_of": shown.moment(at) if at else "",
        "age": shown.ago(at, now) if at else "",
    }
