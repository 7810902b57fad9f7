"""Live calls: record this one? stop which? And the pages that start one recording and stop all of a call."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from recordings import control, live
from recordings.admin import shown
from recordings.admin.base import BOTH, PortalAdmin, may, page
from recordings.admin.starting import start_words
from recordings.admin.stopping import asked_before, no_url_words, stop_all_words
from recordings.choices import Attention, CallState, RecordingStatus
from recordings.control import StartOptions, StopOutcome
from recordings.forms import StartForm, StopAllForm, span
from recordings.models import Account, Call, Recording
from recordings.provider import callback_urls_possible

MOST_CALLS = 500
PATIENCE = 12.0  # seconds in which accounts are asked for; the others come with the next look
STALE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Running:
    """One recording that runs, or may run, as a line of words."""

    recording: Recording
    status: SafeString
    what: str
    left: str
    asked: str
    why_no_stop: str
    may_stop: bool


@dataclass(frozen=True, slots=True)
class LiveRow:
    """One live call."""

    call: Call
    direction: str
    numbers: SafeString
    elapsed: str
    started: str | SafeString
    running: list[Running] = field(default_factory=list)


class LivePages(PortalAdmin):
    """The custom pages of Call that ask Vobiz for something."""

    @page("live/", name="live", permission="recordings.view_live_calls")
    def live(self, request: HttpRequest) -> HttpResponse:
        """The live calls of the visible accounts, seconds fresh; the last known ones where Vobiz does not answer."""
        accounts = list(Account.objects.visible_to(request.user).switched_on().select_related("parent"))
        _refresh(accounts)
        now = timezone.now()
        running = Recording.objects.open().select_related("requested_by", "stop_requested_by")
        running = running.defer("provider_data").order_by("requested_at", "pk")
        calls = (
            Call.objects.live()
            .filter(account__in=accounts)
            .select_related("account")
            .defer("provider_data")
            .prefetch_related(Prefetch("recordings", queryset=running, to_attr="running"))
            .order_by("started_at", "pk")
        )
        rows = [live_row(call, now) for call in calls[: MOST_CALLS + 1]]
        read_at = min((a.live_refreshed_at for a in accounts if a.live_refreshed_at), default=None)
        context: dict[str, Any] = {
            "rows": rows[:MOST_CALLS],
            "is_cut": len(rows) > MOST_CALLS,
            "recording_count": sum(len(row.running) for row in rows),
            "accounts": accounts,
            "silent": [_silence(account, now) for account in accounts if _is_stale(account, now)],
            "read_at": read_at,
            "now": now,
            "may_start": may(request, "start_recording"),
            "may_stop": may(request, "stop_recording"),
        }
        if read_at is not None:
            context |= {"read_ago": shown.ago(read_at, now), "read_moment": shown.moment(read_at)}
        return self.render(request, "admin/recordings/call/live.html", context, title=_("Live calls"))

    @page("<path:object_id>/record/", name="record", permission="recordings.start_recording", methods=BOTH)
    def record(self, request: HttpRequest, call: Call) -> HttpResponse:
        """Ask what to record; on POST start it, once for each form that was shown."""
        now = timezone.now()
        form = _start_form(request, call, now)
        if request.method == "POST" and form.is_valid():
            return self._start(request, call, form, now)
        return self._start_page(request, call, form, now)

    def _start(self, request: HttpRequest, call: Call, form: StartForm, now: datetime) -> HttpResponse:
        intent = form.cleaned_data["intent"]
        if Recording.objects.filter(intent=intent).exclude(call=call).exists():
            raise Http404  # it was shown for another call
        recording = control.start(call, form.options(), by=request.user, now=now, intent=intent)  # type: ignore[arg-type]
        is_first = recording.requested_at == now
        level, words = start_words(recording, now=now, is_first=is_first)
        if is_first:
            self.log_addition(request, recording, words)
            self.log_change(request, call, _("Asked Vobiz to record it: %s") % words)
            if form.too_long_to_transcribe():
                long = _(
                    "Vobiz transcribes nothing longer than 4 hours: a longer recording gets no transcript."
                )
                self.message_user(request, long, messages.WARNING)
        self.message_user(request, words, level)
        return HttpResponseRedirect(self._back(request, call))

    def _start_page(self, request: HttpRequest, call: Call, form: StartForm, now: datetime) -> HttpResponse:
        row = live_row(call, now, running=_running_of(call))
        context = {
            "row": row,
            "form": form,
            "account": call.account,
            "is_over": call.state == CallState.ENDED,
            "back": self._back(request, call),
            "original": call,
        }
        title = _("Record %s") % shown.plain(call)
        status = 200 if request.method != "POST" else 422
        return self.render(request, "admin/recordings/call/record.html", context, title=title, status=status)

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
                to = self._back(request, call)
                return self.conclude(request, call, words=words, log=log, to=to, level=level)
            has_changed = True
        row = live_row(call, now, running=_running_of(call))
        context = {
            "row": row,
            "has_changed": has_changed,
            "expected": ",".join(str(line.recording.pk) for line in row.running),
            "back": self._back(request, call),
            "original": call,
        }
        status = 409 if has_changed else 200
        title = _("Stop all recordings of %s") % shown.plain(call)
        return self.render(
            request, "admin/recordings/call/stop_all.html", context, title=title, status=status
        )

    def _back(self, request: HttpRequest, call: Call) -> str:
        """To the live calls, or to what else this person may open."""
        if may(request, "view_live_calls"):
            return self.to_page("live")
        return self.to_object(call) if self.has_view_permission(request) else self.to_index()


def live_row(call: Call, now: datetime, *, running: list[Recording] | None = None) -> LiveRow:
    """A live call in words. `running`: its open recordings, where the list did not fetch them with it."""
    since = call.started_at
    rows: list[Recording] = call.running if running is None else running  # type: ignore[attr-defined]
    return LiveRow(
        call=call,
        direction=shown.direction(call),
        numbers=shown.from_to(call),
        elapsed=shown.length(max(0.0, (now - since).total_seconds())) if since else shown.NONE,
        started=shown.moment(since),
        running=[_line(row, call, now) for row in rows],
    )


def _line(recording: Recording, call: Call, now: datetime) -> Running:
    recording.account = call.account  # the same row, and not to be fetched for every line
    unconfirmed = recording.needs_attention == Attention.STOP_UNCONFIRMED
    asked = asked_before(recording, now) if recording.stop_requested_at is not None else ""
    return Running(
        recording=recording,
        status=shown.status(recording),
        what=shown.layout(recording),
        left=_left(recording, now),
        asked=asked,
        why_no_stop="" if recording.recording_url else no_url_words(),
        may_stop=bool(recording.recording_url) and (not asked or unconfirmed),
    )


def _left(recording: Recording, now: datetime) -> str:
    """`stops in 55:48`."""
    if recording.cuts_at is None:
        return _("stops with the call")
    seconds = (recording.cuts_at - now).total_seconds()
    if seconds <= 0:
        return _("past its time limit")
    word = _("would stop in %s") if recording.status == RecordingStatus.REQUESTED else _("stops in %s")
    return word % shown.length(seconds)


def _refresh(accounts: list[Account]) -> None:
    """Ask Vobiz for each, longest unasked first, as long as somebody can be expected to wait."""
    enough = monotonic() + PATIENCE
    for account in sorted(accounts, key=lambda one: one.live_tried_at or one.created_at):
        if monotonic() < enough:
            live.refresh(account, now=timezone.now())


def _is_stale(account: Account, now: datetime) -> bool:
    """Its rows are not as fresh as the page says."""
    at = account.live_refreshed_at
    return account.live_error is not None or at is None or now - at > STALE


def _silence(account: Account, now: datetime) -> dict[str, Any]:
    """Since when Vobiz has not answered for an account, and what that means for the rows."""
    at = account.live_refreshed_at
    return {
        "account": shown.plain(account),
        "error": shown.plain(account.live_error or _("Vobiz was slow, so it has not been asked yet.")),
        "as_of": shown.moment(at) if at else "",
        "age": shown.ago(at, now) if at else "",
    }


def _running_of(call: Call) -> list[Recording]:
    return list(call.open_recordings().select_related("requested_by", "stop_requested_by"))


def _start_form(request: HttpRequest, call: Call, now: datetime) -> StartForm:
    defaults = StartOptions.of(call.account)

    def cut_words(limit: int) -> str:
        at = shown.clock(now + timedelta(seconds=limit), now=now)
        words = _("%(span)s, cuts at %(at)s") % {"span": span(limit), "at": at}
        return _("%s (this account's usual)") % words if limit == defaults.time_limit else words

    return StartForm(
        request.POST if request.method == "POST" else None,
        defaults=defaults,
        may_transcribe=callback_urls_possible(),
        cut_words=cut_words,
    )
