"""Live calls: the page, and its rows."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.contrib import messages
from django.db.models import Count, Exists, IntegerField, OuterRef, Prefetch, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings import live
from recordings.admin import formatting
from recordings.admin.base import LONGEST_TERM, PortalAdmin, may, page
from recordings.choices import Attention, CallState, Channels, RecordingStatus
from recordings.control import StartOptions
from recordings.forms import span
from recordings.models import Account, Call, Recording
from recordings.search import Reading, find_calls, parse_query
from recordings.signin.sessions import BACKGROUND, is_background

MOST_CALLS = 500
EVERY = 5  # seconds between two looks of a page that is looked at
KEYS = re.compile(r"\d{1,18}", re.ASCII)


class LiveCallsMixin(PortalAdmin):
    """A mixin of the call's admin: the live calls page, which the browser refreshes by polling, and the stop pages."""

    @page("live/", permission="recordings.view_live_calls")
    def live(self, request: HttpRequest) -> HttpResponse:
        """Show the live calls of the visible accounts, seconds fresh; the last known ones where Vobiz does not answer.

        A background refresh gets only what changes: counts, warnings, rows. `q` and `recording` narrow the rows;
        `shown` holds the calls that a page shows already, and the answer says which of them are over.
        """
        accounts = list(Account.objects.visible_to(request.user).active().select_related("parent"))
        live.refresh_all(accounts, now=timezone.now())
        is_fragment = is_background(request)
        context = self._live_context(request, accounts, timezone.now())
        context["is_fragment"] = is_fragment
        if is_fragment:
            context["over"] = _over(request, accounts, {row.call.pk for row in context["rows"]})
        name = "includes/live_now.html" if is_fragment else "call/live.html"
        answer = self.render(request, f"admin/recordings/{name}", context, title=_("Live calls"))
        patch_vary_headers(answer, [BACKGROUND])
        return answer

    def _live_context(self, request: HttpRequest, accounts: list[Account], now: datetime) -> dict[str, Any]:
        term, recorded = request.GET.get("q", "").strip()[:LONGEST_TERM], request.GET.get("recording", "")
        calls = _live_calls(accounts, term=term, recorded=recorded)
        rows = [live_row(call, now) for call in calls[: MOST_CALLS + 1]]
        count, recorded_count = len(rows), sum(bool(row.running) for row in rows)
        if term or recorded or count > MOST_CALLS:
            whole = Call.objects.live().filter(account__in=accounts)
            count, recorded_count = whole.count(), whole.filter(_is_recorded()).count()
        defaults = {defaults_words(account) for account in accounts}
        return {
            "rows": rows[:MOST_CALLS],
            "is_cut": len(rows) > MOST_CALLS,
            "call_count": count,
            "recorded_count": recorded_count,
            "bare_count": count - recorded_count,
            "recording_count": sum(len(row.running) for row in rows),
            "term": term,
            "recorded": recorded,
            "defaults": defaults.pop() if len(defaults) == 1 else "",
            "accounts": accounts,
            "silent": [
                _silence(request, account, now) for account in accounts if live.is_stale(account, now)
            ],
            "every": EVERY,
            "may_start": may(request, "start_recording"),
            "may_stop": may(request, "stop_recording"),
        }

    def back(self, request: HttpRequest, call: Call | None, *, level: int = messages.SUCCESS) -> str:
        """Return where the button was pressed: the call's page, the live calls, or what else this person may open.

        `level`: of the words that go along.
        """
        if call is not None and came_from(request) and self.has_view_permission(request):
            return self.to_object(call)
        if may(request, "view_live_calls"):
            return self.to_page("live") if call is None else at_row(call, level=level)
        if call is not None and self.has_view_permission(request):
            return self.to_object(call)
        return self.to_index()


def _is_recorded() -> Exists:
    return Exists(Recording.objects.open().filter(call=OuterRef("pk")))


def _live_calls(accounts: list[Account], *, term: str, recorded: str) -> Any:
    """Return the longest first, each with its open recordings. `recorded`: `off` for those that are not."""
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
    if recorded:
        calls = calls.exclude(_is_recorded()) if recorded == "off" else calls.filter(_is_recorded())
    return calls


def _over(request: HttpRequest, accounts: list[Account], still: Collection[int]) -> dict[int, str]:
    """Of the calls that a page shows, those that it is not sent again: `ended 14:03`, or that nothing is known."""
    asked = {int(key) for key in KEYS.findall(request.GET.get("shown", ""))[: 2 * MOST_CALLS]} - set(still)
    if not asked:
        return {}
    now, words = timezone.now(), dict.fromkeys(asked, _("No longer shown here"))
    ended = Call.objects.filter(pk__in=asked, account__in=accounts, state=CallState.ENDED)
    for pk, at in ended.values_list("pk", "ended_at"):
        words[pk] = _("Call ended %s") % formatting.clock(at, now=now) if at else _("Call ended")
    return words


def _silence(request: HttpRequest, account: Account, now: datetime) -> dict[str, Any]:
    """Since when Vobiz has not answered for an account, and what that means for the rows."""
    at = account.live_refreshed_at
    return {
        "account": formatting.account_label(account),
        "error": formatting.plain(account.live_error or _("Vobiz was slow, so it has not been asked yet.")),
        "url": reverse("admin:recordings_account_change", args=[account.pk])
        if may(request, "view_account")
        else "",
        "as_of": formatting.moment(at) if at else "",
        "age": formatting.ago(at, now) if at else "",
    }


class Progress(StrEnum):
    """The one state of an open recording that is shown."""

    STARTING = "starting"
    UNCONFIRMED = "unconfirmed"
    RUNNING = "running"
    STOPPING = "stopping"
    ENDING = "ending"


@dataclass(frozen=True, slots=True)
class Running:
    """One recording that runs, or may run, as a line of words."""

    recording: Recording
    state: Progress
    words: str
    what: str
    used: int  # seconds of its time limit; 0 where nothing is known to run
    left: int | None  # seconds until its time limit stops it; None where it does not run or has no limit
    asked: str
    why_no_stop: str
    may_stop: bool

    @property
    def stops_at(self) -> str:
        """When its time limit ends it."""
        at = self.recording.time_limit_ends_at
        return _("Stops at %s") % formatting.clock(at, now=timezone.now()) if at is not None else ""


@dataclass(frozen=True, slots=True)
class LiveRow:
    """One live call, or one that was live when its page was opened.

    `before`: where none runs, what became of the starts made here; empty where none was.
    """

    call: Call
    direction: str
    numbers: SafeString
    elapsed: str
    elapsed_seconds: int | None
    started: str | SafeString
    running: list[Running] = field(default_factory=list)
    before: str = ""

    @property
    def is_over(self) -> bool:
        """The call is, and nothing of it runs: what was asked for and not confirmed may only have been recorded."""
        is_running = any(line.recording.status == RecordingStatus.ACTIVE for line in self.running)
        return self.call.state == CallState.ENDED and not is_running

    @property
    def is_uncertain(self) -> bool:
        """A start of its was not answered, so it may be recorded."""
        return any(line.recording.needs_attention == Attention.MAY_BE_RECORDING for line in self.running)

    @property
    def direction_words(self) -> str:
        """Inbound or outbound, for those who hear the page."""
        return formatting.direction_words(self.call)

    @property
    def way(self) -> str:
        """The class of its mark."""
        return formatting.WAYS[self.call.direction]

    @property
    def defaults(self) -> str:
        """What one press records."""
        return defaults_words(self.call.account)

    @property
    def asks_first(self) -> bool:
        """Recording it may make a second recording, so a form asks before."""
        return bool(self.running) or self.call.account.recorded_by_flow

    @property
    def digits(self) -> str:
        """Its numbers in figures, which the narrowing box looks through."""
        return " ".join(filter(None, [self.call.from_digits, self.call.to_digits]))


def live_row(call: Call, now: datetime, *, running: list[Recording] | None = None) -> LiveRow:
    """Return a live call in words. `running`: its open recordings, where the list did not fetch them with it."""
    since = call.started_at
    until = call.ended_at if call.state == CallState.ENDED and call.ended_at is not None else now
    elapsed = max(0, int((until - since).total_seconds())) if since else None
    rows: list[Recording] = call.running if running is None else running  # type: ignore[attr-defined]
    return LiveRow(
        call=call,
        direction=formatting.direction(call),
        numbers=formatting.from_to(call),
        elapsed=formatting.length(elapsed),
        elapsed_seconds=elapsed,
        started=formatting.moment(since),
        running=[_line(row, call, now) for row in rows],
        before="" if rows else _before(call),
    )


def started_here(status: RecordingStatus) -> Subquery:
    """For a query of calls: how many recordings of each were started here and are over like that."""
    rows = Recording.objects.filter(call=OuterRef("pk"), requested_at__isnull=False, status=status)
    counted = rows.order_by().values("call").annotate(n=Count("pk")).values("n")
    return Subquery(counted, output_field=IntegerField())


def _before(call: Call) -> str:
    """Return what became of the starts made here, as the query of the live calls counted them."""
    recorded: int | None = getattr(call, "recorded_here", None)
    failed: int | None = getattr(call, "failed_here", None)
    if n := recorded:
        return _("%d recorded here, none running now") % n
    if n := failed:
        return ngettext("%d start here, which failed", "%d starts here, which all failed", n) % n
    return ""


def came_from(request: HttpRequest) -> str:
    """Return what the forms of a start and a stop carry along, so that they lead back to the call's page."""
    given = request.POST if request.method == "POST" else request.GET
    return "call" if given.get("back") == "call" else ""


def at_row(call: Call, *, level: int = messages.SUCCESS) -> str:
    """Return the live calls, with the focus on this one's row, or on the words that came along."""
    return reverse("admin:recordings_call_live") + focus_on(f"call-{call.pk}", level=level)


def focus_on(row_id: str, *, level: int) -> str:
    """Return the fragment that puts the focus on a row, or on the words above where something did not go well."""
    return "#content-start" if level >= messages.WARNING else f"#{row_id}"


def running_of(call: Call) -> list[Recording]:
    """Return the open recordings of one call."""
    return list(call.open_recordings().select_related("requested_by", "stop_requested_by"))


def keys(running: Collection[Running]) -> str:
    """Return their primary keys, as a form carries what it showed."""
    return ",".join(str(line.recording.pk) for line in running)


def _line(recording: Recording, call: Call, now: datetime) -> Running:
    recording.account, recording.call = call.account, call  # the same rows, not to be fetched for every line
    state = _progress(recording, now)
    asked = asked_before(recording, now) if recording.stop_requested_at is not None else ""
    ends_at, limit = recording.time_limit_ends_at, recording.time_limit or 0
    used = 0
    if ends_at is not None and state in (Progress.RUNNING, Progress.ENDING):
        used = min(limit, max(0, limit - int((ends_at - now).total_seconds())))
    runs_until = ends_at if state == Progress.RUNNING else None
    return Running(
        recording=recording,
        state=state,
        words=_progress_words(recording, state, now),
        what=layout_words(recording.channels, recording.file_format),
        used=used,
        left=int((runs_until - now).total_seconds()) if runs_until is not None else None,
        asked=asked,
        why_no_stop="" if recording.recording_url or formatting.may_have_been(recording) else no_url_words(),
        may_stop=not formatting.may_have_been(recording)
        and bool(recording.recording_url)
        and recording.may_ask_stop(now),
    )


def _progress(recording: Recording, now: datetime) -> Progress:
    if recording.needs_attention == Attention.MAY_BE_RECORDING or formatting.may_have_been(recording):
        return Progress.UNCONFIRMED
    if recording.stop_requested_at is not None and not recording.may_ask_stop(now):
        return Progress.STOPPING
    if recording.status == RecordingStatus.REQUESTED:
        return Progress.STARTING
    ends_at = recording.time_limit_ends_at
    return Progress.ENDING if ends_at is not None and ends_at <= now else Progress.RUNNING


def _progress_words(recording: Recording, state: Progress, now: datetime) -> str:
    """Return `3 h 47 min left`, or what it is if it does not record."""
    if state == Progress.UNCONFIRMED:
        return _("May have been recorded") if formatting.may_have_been(recording) else _("Not confirmed")
    if state == Progress.STOPPING:
        return _("Stopping")
    if state == Progress.STARTING:
        return _("Starting")
    if state == Progress.ENDING:
        return _("Ending")
    if recording.time_limit_ends_at is None:
        return _("Recording until the call ends")
    seconds = int((recording.time_limit_ends_at - now).total_seconds())
    return _("%s left") % (span(seconds - seconds % 60) if seconds >= 3_600 else formatting.length(seconds))


def layout_words(channels: str | None, file_format: str | None) -> str:
    """Return `Stereo MP3`, as far as it is known."""
    kinds = {Channels.STEREO.value: _("Stereo"), Channels.MONO.value: _("Mono")}
    kind = kinds.get(channels or "", channels)
    return formatting.plain(" ".join(filter(None, [kind, (file_format or "").upper()])))


def defaults_words(account: Account) -> str:
    """Return what one press records: `Stereo MP3, 4 h limit, transcript`."""
    defaults = StartOptions.of(account)
    words = _("%(layout)s, %(limit)s limit") % {
        "layout": layout_words(defaults.channels, defaults.file_format), "limit": span(defaults.time_limit),
    }  # fmt: skip
    return _("%s, transcript") % words if defaults.transcribe else words


def asked_before(recording: Recording, now: datetime) -> str:
    """Return who asked to stop it, and when; and where it runs all the same, that it may be asked again."""
    if recording.stop_requested_at is None:
        return _("Somebody asked to stop it before.")
    who = {
        "who": formatting.person(recording.stop_requested_by),
        "when": formatting.clock(recording.stop_requested_at, now=now),
    }
    if recording.may_ask_stop(now):
        return _("%(who)s pressed Stop at %(when)s, but Vobiz did not confirm it. Press Stop again.") % who
    return _("%(who)s pressed Stop at %(when)s.") % who


def no_url_words() -> str:
    """Return why one recording has no stop of its own."""
    return _(
        "This recording cannot be stopped on its own yet: Vobiz has not sent its URL. “Stop all of this call…” stops "
        "every recording of this call."
    )
