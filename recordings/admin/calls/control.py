"""The pages that start recordings, of one call or several, or stop all of a call, and what they say of the outcome."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings import control
from recordings.admin import formatting
from recordings.admin.base import BOTH, page, with_cure
from recordings.admin.calls.live import (
    LiveCallsMixin,
    LiveRow,
    asked_before,
    came_from,
    keys,
    live_row,
    no_url_words,
    running_of,
)
from recordings.choices import CallState, RecordingStatus, StartAnswer
from recordings.control import (
    ConcurrentRecordingsError,
    StartLimitError,
    StartOptions,
    StartRequest,
    StopOutcome,
    StopResult,
)
from recordings.forms import StartForm, StopAllForm, keys_among, span
from recordings.models import Account, Call, Recording
from recordings.provider import callback_urls_possible

MOST_SELECTED = 20
LEVELS = {
    messages.SUCCESS: "good",
    messages.INFO: "quiet",
    messages.WARNING: "attention",
    messages.ERROR: "bad",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the start of one call among several."""

    row: LiveRow
    role: str
    words: str
    recording: Recording | None = None


class ControlMixin(LiveCallsMixin):
    """A mixin of the call's admin: start and stop. Each form that was shown starts once."""

    @page("<path:object_id>/record/", permission="recordings.start_recording", methods=BOTH)
    def record(self, request: HttpRequest, call: Call) -> HttpResponse:
        """Record one call; if another recording has begun since the form was shown, ask again."""
        now = timezone.now()
        form = start_form(request, call.account, now, asks_first=call.account.recorded_by_flow)
        if request.method != "POST":
            return self._start_page(request, call, form, now)
        if not form.is_valid():
            return self._start_page(request, call, form, now, status=422)
        if Recording.objects.filter(intent=form.cleaned_data["intent"]).exclude(call=call).exists():
            raise Http404  # it was shown for another call
        return self._start(request, call, form, now)

    def _start(self, request: HttpRequest, call: Call, form: StartForm, now: datetime) -> HttpResponse:
        by: Any = request.user
        intent = form.cleaned_data["intent"]
        try:
            recording = control.start(
                call, form.options(), by=by, now=now, idempotency_key=intent, expected=form.shown()
            )
        except ConcurrentRecordingsError as others:
            began = [began_words(row, now=now) for row in others.began]
            return self._start_page(request, call, form, now, status=409, began=began)
        except StartLimitError as limit:
            self.message_user(request, str(limit), messages.ERROR)
            return self._start_page(request, call, form, now, status=429)
        level, words = start_words(recording, now=now, is_first=recording.requested_at == now)
        if recording.requested_at == now:
            self._note_start(request, recording, words)
            if form.too_long_to_transcribe():
                long = _(
                    "Vobiz transcribes nothing longer than 4 hours: a longer recording gets no transcript."
                )
                self.message_user(request, long, messages.WARNING)
        if level == messages.ERROR and call.account.cannot_sync:
            words = with_cure(request, call.account, words)
        self.message_user(request, words, level)
        return HttpResponseRedirect(self.back(request, call, level=level))

    def _start_page(
        self,
        request: HttpRequest,
        call: Call,
        form: StartForm,
        now: datetime,
        *,
        status: int = 200,
        began: Iterable[str] = (),
    ) -> HttpResponse:
        row = live_row(call, now, running=running_of(call))
        context = {
            "row": row,
            "expected": keys(row.running),
            "began": began,
            "is_over": call.state == CallState.ENDED,
            "back": self.back(request, call),
            "came_from": came_from(request),
            "original": call,
            **form_context(form, call.account),
        }
        title = _("Record %s") % formatting.plain(call)
        return self.render(request, "admin/recordings/call/record.html", context, title=title, status=status)

    @page("record/", permission="recordings.start_recording", methods=BOTH)
    def record_selected(self, request: HttpRequest) -> HttpResponse:
        """Up to 20 ticked calls with one form; on POST the result for each. Sent again it starts nothing again."""
        now = timezone.now()
        sent = request.POST if request.method == "POST" else request.GET
        calls = self._ticked(request, keys_among(sent.getlist("call")))
        again = keys_among(sent.getlist("again"))  # though they are being recorded
        account = calls[0].account if calls else Account()
        asks_first = any(call.account.recorded_by_flow for call in calls)
        form = start_form(request, account, now, asks_first=asks_first)
        rows = [live_row(call, now) for call in calls]
        if request.method == "POST" and 0 < len(calls) <= MOST_SELECTED and form.is_valid():
            outcomes = self._start_each(request, rows, form, again, now)
            context: dict[str, Any] = {"outcomes": outcomes}
            title = started_title(outcomes)
            context["back"] = self.back(request, calls[0])
            return self.render(request, "admin/recordings/call/started.html", context, title=title)
        context = {
            "rows": rows,
            "most": MOST_SELECTED,
            "too_many": len(rows) > MOST_SELECTED,
            "expected": keys([line for row in rows for line in row.running]),
            "again": again,
            "back": self.back(request, None),
            **form_context(form, account),
        }
        status = 422 if request.method == "POST" else 200
        title = _("Record selected calls")
        return self.render(
            request, "admin/recordings/call/record_selected.html", context, title=title, status=status
        )

    def _ticked(self, request: HttpRequest, pks: list[int]) -> list[Call]:
        """Those of them that this person may see, and one more than may be started at once."""
        running = Recording.objects.open().select_related("requested_by", "stop_requested_by")
        fetched = Prefetch("recordings", queryset=running.order_by("requested_at", "pk"), to_attr="running")
        calls = Call.objects.visible_to(request.user).filter(pk__in=pks)
        ordered = calls.select_related("account").prefetch_related(fetched).order_by("started_at", "pk")
        return list(ordered[: MOST_SELECTED + 1])

    def _start_each(
        self,
        request: HttpRequest,
        rows: list[LiveRow],
        form: StartForm,
        again: list[int],
        now: datetime,
    ) -> list[Outcome]:
        """Start a call that is being recorded only if it was ticked again, having been shown so."""
        by: Any = request.user
        live = [row for row in rows if row.call.state != CallState.ENDED]
        wanted = [
            StartRequest(
                row.call,
                form.options(),
                uuid5(form.cleaned_data["intent"], str(row.call.pk)),
                form.shown() if row.call.pk in again else frozenset(),
            )
            for row in live
        ]
        started = dict(
            zip([row.call.pk for row in live], control.start_many(wanted, by=by, now=now), strict=True)
        )
        return [self._outcome(request, row, started.get(row.call.pk), now) for row in rows]

    def _outcome(
        self,
        request: HttpRequest,
        row: LiveRow,
        made: Recording | ConcurrentRecordingsError | StartLimitError | None,
        now: datetime,
    ) -> Outcome:
        recording = None
        if made is None:
            level, words = messages.WARNING, _("This call is over, so it cannot be recorded.")
        elif isinstance(made, ConcurrentRecordingsError):
            began = " ".join(began_words(other, now=now) for other in made.began)
            level, words = messages.INFO, _("Skipped: this call is already being recorded. %s") % began
        elif isinstance(made, StartLimitError):
            level, words = messages.ERROR, str(made)
        else:
            recording = made
            is_first = made.requested_at == now
            level, words = start_words(made, now=now, is_first=is_first, is_one_of_several=True)
            if is_first:
                self._note_start(request, made, words)
        return Outcome(row, LEVELS[level], words, recording)

    def _note_start(self, request: HttpRequest, recording: Recording, words: str) -> None:
        """Into the histories of the recording and of its call."""
        self.log_addition(request, recording, words)
        self.log_change(request, recording.call, _("Asked Vobiz to record it: %s") % words)

    @page("<path:object_id>/stop-all/", permission="recordings.stop_recording", methods=BOTH)
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
                if level == messages.ERROR and call.account.cannot_sync:
                    words = with_cure(request, call.account, words)
                to = self.back(request, call, level=level)
                return self.conclude(request, call, words=words, log=log, to=to, level=level)
            has_changed = True
        row = live_row(call, now, running=running_of(call))
        context = {
            "row": row,
            "has_changed": has_changed,
            "expected": keys(row.running),
            "back": self.back(request, call),
            "came_from": came_from(request),
            "original": call,
        }
        status = 409 if has_changed else 200
        title = _("Stop all recordings of %s") % formatting.plain(call)
        return self.render(
            request, "admin/recordings/call/stop_all.html", context, title=title, status=status
        )


def started_title(outcomes: Sequence[Outcome]) -> str:
    """Return `1 of 3 recordings started, 1 not confirmed`."""
    made = [one.recording for one in outcomes if one.recording is not None]
    n = sum(one.status in (RecordingStatus.ACTIVE, RecordingStatus.COMPLETED) for one in made)
    unsure = sum(one.status == RecordingStatus.REQUESTED for one in made)
    if n == len(outcomes):
        return ngettext("%d recording started", "%d recordings started", n) % n
    if not n and not unsure:
        return _("No recordings started")
    said = _("%(n)d of %(of)d recordings started") % {"n": n, "of": len(outcomes)}
    return _("%(said)s, %(unsure)d not confirmed") % {"said": said, "unsure": unsure} if unsure else said


def start_form(request: HttpRequest, account: Account, now: datetime, *, asks_first: bool) -> StartForm:
    """Return the form with the account's usual choices, and for each limit when it would cut."""
    defaults = StartOptions.of(account)

    def cut_words(limit: int) -> SafeString:
        at = timezone.localtime(now + timedelta(seconds=limit))
        clock = dateformat.format(at, "H:i")
        return format_html('<span>{}</span><small data-cuts-in="{}">{}</small>', span(limit), limit, clock)

    return StartForm(
        request.POST if request.method == "POST" else None,
        defaults=defaults,
        may_transcribe=callback_urls_possible(),
        cut_words=cut_words,
        asks_first=asks_first,
    )


def form_context(form: StartForm, account: Account) -> dict[str, Any]:
    """Return what includes/start_form.html shows besides the form: cost, and the reader's zone for the script."""
    at = timezone.localtime()
    rate = None
    if account.pk:
        rated = Recording.objects.filter(account=account, storage_rate__isnull=False)
        rate = rated.order_by("-happened_at", "-pk").values_list("storage_rate", flat=True).first()
    return {
        "form": form,
        "account": account,
        "rate": formatting.money(rate) if rate is not None else "",
        "zone": timezone.get_current_timezone_name(),
        "zone_short": formatting.zone_name(at),
    }


def start_words(
    recording: Recording, *, now: datetime, is_first: bool, is_one_of_several: bool = False
) -> tuple[int, str]:
    """Return message level and words.

    `is_first` is False where this form had been sent before: nothing was sent again. `is_one_of_several`: more
    calls were started with the same form, so a refusal names its call.
    """
    if recording.status == RecordingStatus.FAILED:
        level, words = messages.ERROR, _refused_words(recording)
        if is_one_of_several:
            words = f"{formatting.plain(recording.call)}: {words}"
    elif recording.status == RecordingStatus.COMPLETED:
        ended = _("It has already ended.")
        level, words = messages.INFO, f"{_('Recording started.')} {ended}" if is_first else ended
    elif recording.status == RecordingStatus.ACTIVE:
        stops = _stops_words(recording, now)
        level, words = messages.SUCCESS, f"{_('Recording started.')} {stops}" if is_first else stops
    elif recording.start_answer == StartAnswer.UNKNOWN:
        said = formatting.words(recording.error)
        level, words = messages.WARNING, " ".join([formatting.unanswered_words(recording), said])
    else:
        level, words = (
            messages.WARNING,
            _("Vobiz has not answered the start request yet. Live calls shows the answer."),
        )
    if is_first:
        return level, words
    before = _("This recording was already started.")
    return max(level, messages.INFO), f"{before} {words}"


def began_words(recording: Recording, *, now: datetime) -> str:
    """Return who started one that runs, when, and until when."""
    said = {
        "who": formatting.person(recording.requested_by),
        "when": formatting.clock(recording.requested_at, now=now)
        if recording.requested_at
        else formatting.NONE,
    }
    if recording.start_answer == StartAnswer.UNKNOWN:
        return (
            _("%(who)s started a recording at %(when)s. Vobiz did not answer, so it may be running.") % said
        )
    if recording.time_limit_ends_at is None:
        return _("%(who)s started a recording at %(when)s. It stops when the call ends.") % said
    until = formatting.clock(recording.time_limit_ends_at, now=now)
    return _("%(who)s started a recording at %(when)s. It stops at %(until)s.") % {**said, "until": until}


def _refused_words(recording: Recording) -> str:
    """Say that this start began nothing and why, and how many other recordings of its call go on."""
    words = [_("Recording not started. %s") % formatting.words(recording.error)]
    others = Recording.objects.open().filter(call=recording.call_id).exclude(call__state=CallState.ENDED)
    statuses = list(others.values_list("status", flat=True))
    if running := statuses.count(RecordingStatus.ACTIVE):
        words.append(
            ngettext(
                "%d other recording of this call is still running.",
                "%d other recordings of this call are still running.",
                running,
            )
            % running
        )
    if unsure := len(statuses) - running:
        words.append(
            ngettext(
                "%d other start on this call is not confirmed: it may be recording.",
                "%d other starts on this call are not confirmed: they may be recording.",
                unsure,
            )
            % unsure
        )
    return " ".join(words)


def _stops_words(recording: Recording, now: datetime) -> str:
    if recording.time_limit_ends_at is None:
        return _("It stops when the call ends.")
    at = formatting.clock(recording.time_limit_ends_at, now=now)
    return _("It stops at %s or when the call ends.") % at


def stop_words(recording: Recording, result: StopResult, *, now: datetime) -> tuple[int, str]:
    """Return message level and words for a stop of one recording, whose row has been read again."""
    if result.outcome == StopOutcome.SENT:
        return messages.SUCCESS, _("Stopping the recording. It appears under Recordings within a minute.")
    if result.outcome == StopOutcome.ALREADY_ASKED:
        return messages.INFO, " ".join([asked_before(recording, now), _("Nothing was sent again.")])
    if result.outcome == StopOutcome.ALREADY_OVER:
        return messages.INFO, _("The recording had already ended.")
    if result.outcome == StopOutcome.NO_URL:
        return messages.WARNING, no_url_words()
    if result.outcome == StopOutcome.UNCONFIRMED:
        words = _("Stop not confirmed: the recording may still be running. Press Stop again; otherwise %s")
        until = _("it ends with its call.")
        if recording.time_limit_ends_at is not None:
            at = formatting.clock(recording.time_limit_ends_at, now=now)
            until = _("its time limit ends it at %s.") % at
        return messages.WARNING, words % until
    return messages.ERROR, _("Recording not stopped: %s It is still running.") % (result.error or "")


def stop_all_words(call: Call, result: StopResult) -> tuple[int, str]:
    """Return message level and words for a stop of all recordings of a call."""
    if result.outcome == StopOutcome.SENT:
        count = ngettext(
            "Stopping %d recording started from the portal, and any other of this call.",
            "Stopping %d recordings started from the portal, and any other of this call.",
            result.stopped,
        )
        return messages.SUCCESS, count % result.stopped
    if result.outcome == StopOutcome.ALREADY_OVER:
        return messages.INFO, _("The call %s is over, and so are its recordings.") % formatting.plain(call)
    if result.outcome == StopOutcome.UNCONFIRMED:
        return messages.WARNING, _(
            "Vobiz did not confirm the stop, so recordings of this call may still run. Stop all again, or wait: "
            "each ends at its time limit or with the call."
        )
    return messages.ERROR, _("Recordings not stopped: %s They are still running.") % (result.error or "")
