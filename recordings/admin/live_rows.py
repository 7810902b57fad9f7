"""A live call as a row of words, with a line for each recording of it that runs or may run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib import messages
from django.db.models import Count, IntegerField, OuterRef, Subquery
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.admin import shown
from recordings.admin.stopping import asked_before, no_url_words
from recordings.choices import Attention, CallState, RecordingStatus
from recordings.models import Call, Recording


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
    """One live call, or one that was live when its page was opened.

    `before`: where none runs, what became of the starts made here; empty where none was.
    """

    call: Call
    direction: str
    numbers: SafeString
    elapsed: str
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
    def digits(self) -> str:
        """Its numbers in figures, which the narrowing box looks through."""
        return " ".join(filter(None, [self.call.from_digits, self.call.to_digits]))


def live_row(call: Call, now: datetime, *, running: list[Recording] | None = None) -> LiveRow:
    """A live call in words. `running`: its open recordings, where the list did not fetch them with it."""
    since = call.started_at
    until = call.ended_at if call.state == CallState.ENDED and call.ended_at is not None else now
    rows: list[Recording] = call.running if running is None else running  # type: ignore[attr-defined]
    return LiveRow(
        call=call,
        direction=shown.direction(call),
        numbers=shown.from_to(call),
        elapsed=shown.length(max(0.0, (until - since).total_seconds())) if since else shown.NONE,
        started=shown.moment(since),
        running=[_line(row, call, now) for row in rows],
        before="" if rows else _before(call),
    )


def started_here(status: RecordingStatus) -> Subquery:
    """For a query of calls: how many recordings of each were started here and are over like that."""
    rows = Recording.objects.filter(call=OuterRef("pk"), requested_at__isnull=False, status=status)
    counted = rows.order_by().values("call").annotate(n=Count("pk")).values("n")
    return Subquery(counted, output_field=IntegerField())


def _before(call: Call) -> str:
    """What became of the starts made here, as the query of the live calls counted them."""
    recorded: int | None = getattr(call, "recorded_here", None)
    failed: int | None = getattr(call, "failed_here", None)
    if n := recorded:
        return _("%d recorded here, none running now") % n
    if n := failed:
        return ngettext("%d start here, which failed", "%d starts here, which all failed", n) % n
    return ""


def at_row(call: Call, *, level: int = messages.SUCCESS) -> str:
    """The live calls, with the focus on this one's row, or on the words that came along."""
    return reverse("admin:recordings_call_live") + focus_on(f"call-{call.pk}", level=level)


def focus_on(row_id: str, *, level: int) -> str:
    """The fragment that puts the focus on a row, or on the words above where something did not go well."""
    return "#content-start" if level >= messages.WARNING else f"#{row_id}"


def running_of(call: Call) -> list[Recording]:
    """The open recordings of one call."""
    return list(call.open_recordings().select_related("requested_by", "stop_requested_by"))


def keys(running: Collection[Running]) -> str:
    """Their primary keys, as a form carries what it showed."""
    return ",".join(str(line.recording.pk) for line in running)


def _line(recording: Recording, call: Call, now: datetime) -> Running:
    recording.account, recording.call = call.account, call  # the same rows, not to be fetched for every line
    asked = asked_before(recording, now) if recording.stop_requested_at is not None else ""
    return Running(
        recording=recording,
        status=shown.status(recording),
        what=shown.layout(recording),
        left=_left(recording, now),
        asked=asked,
        why_no_stop="" if recording.recording_url or shown.may_have_been(recording) else no_url_words(),
        may_stop=not shown.may_have_been(recording)
        and bool(recording.recording_url)
        and recording.may_ask_stop(now),
    )


def _left(recording: Recording, now: datetime) -> str:
    """`stops in 55:48`; nothing of what stopped with its call, if it ever began."""
    if shown.may_have_been(recording):
        return ""
    if recording.time_limit_ends_at is None:
        return _("stops with the call")
    seconds = (recording.time_limit_ends_at - now).total_seconds()
    if seconds <= 0:
        return _("past its time limit")
    word = _("would stop in %s") if recording.status == RecordingStatus.REQUESTED else _("stops in %s")
    return word % shown.length(seconds)
