"""A call's page: its bar with a lane for each recording, and every attempt to record it in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.calls.live import asked_before, no_url_words
from recordings.choices import RecordingStatus
from recordings.coverage import Coverage, Doubt, Lane, Span, coverage
from recordings.models import Call, Recording

MOST_LANES = 100
MOST_GAPS = 20
WIDE = 1_000  # the picture's width, in its own units
TAIL = 40  # of them for the time in which the call was not seen any more
# a lane's kind → the role that colours it, and the mark beside its number: colour never speaks alone
LOOKS = {
    "done": ("good", "✓"),
    "running": ("running", "●"),
    "cut": ("attention", "!"),
    "maybe": ("attention", "?"),
    "failed": ("bad", "×"),
}
DOUBTS = {
    Doubt.NONE: gettext_lazy("not recorded"),
    Doubt.LIVE: gettext_lazy("Known when the call ends: Vobiz lists only finished recordings."),
    Doubt.MAY_BE_RECORDING: gettext_lazy(
        "not known yet: the answer to a start was lost, so it may be recorded"
    ),
    Doubt.TIMES: gettext_lazy("not known: Vobiz did not say when one of the recordings began or ended"),
    Doubt.NOT_SYNCED: gettext_lazy(
        "not known yet: no complete sync has run since the call ended, and somebody else may have recorded it"
    ),
    Doubt.END: gettext_lazy(
        "not known yet: the call was not seen live here, so a recording of it may still be running"
    ),
}


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a bar, in the picture's units."""

    kind: str
    x: int
    width: int


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of the picture with what it says, for those who see it and those who do not."""

    label: str | SafeString
    words: str
    blocks: list[Block]


@dataclass(frozen=True, slots=True)
class Attempt:
    """One line of the table: who asked for it, when, what Vobiz answered and what became of it."""

    recording: Recording
    link: str | SafeString
    asked: str | SafeString
    by: str
    answer: str
    error: str
    into: str
    length: str
    what: str
    status: SafeString
    stop_words: str
    can_stop: bool


def context(request: HttpRequest, call: Call, now: datetime) -> dict[str, Any]:
    """Return what the template shows of a call's recordings."""
    people = ("requested_by", "stop_requested_by")
    rows = call.recordings.select_related("account", *people).defer("provider_data", "content_hash")
    newest = list(rows.order_by("-happened_at", "-pk")[: MOST_LANES + 1])
    recordings = newest[:MOST_LANES][::-1]
    for recording in recordings:
        recording.call = call  # the same row, and not to be fetched for each
    found = coverage(call, recordings, now=now)
    return {
        "attempts": [_attempt(request, lane, call, now) for lane in found.lanes],
        "left_out": len(newest) > MOST_LANES,
        "bars": _bars(call, found) if found.call is not None else [],
        "gaps": [_gap_words(found, gap) for gap in found.gaps[:MOST_GAPS]],
        "gaps_left_out": max(0, len(found.gaps) - MOST_GAPS),
        "doubt": str(DOUBTS[found.doubt]),
        "is_certain": found.doubt is Doubt.NONE,
        "sums": _sums(found),
        "span": found.call,
        "tail_words": _tail_words(found),
        "begin_known": found.begin_known,
    }


def _attempt(request: HttpRequest, lane: Lane, call: Call, now: datetime) -> Attempt:
    recording = lane.recording
    runs = recording.is_open and not formatting.may_have_been(recording)
    may_stop = runs and may(request, "stop_recording")
    asked = asked_before(recording, now) if recording.stop_requested_at is not None else ""
    if may_stop and not recording.recording_url:
        asked = no_url_words()
    ms = recording.duration_ms
    running = lane.span.length.total_seconds() if lane.is_running and lane.span else None
    return Attempt(
        recording=recording,
        link=formatting.linked(request, recording, formatting.moment(recording.happened_at)),
        asked=formatting.moment(recording.requested_at),
        by=_by(recording),
        answer=_answer(recording),
        error=formatting.plain(recording.error) if recording.error else "",
        into=_into(lane, call),
        length=formatting.length(running if ms is None else ms / 1_000),
        what=formatting.layout(recording),
        status=formatting.status(recording),
        stop_words=asked if runs else "",
        can_stop=may_stop and bool(recording.recording_url) and recording.may_ask_stop(now),
    )


def _by(recording: Recording) -> str:
    if recording.requested_at is None:
        return recording.get_origin_display()
    return formatting.words(recording.requested_by or _("command line"))


def _answer(recording: Recording) -> str:
    if recording.requested_at is None:
        return _("not started here")
    return recording.get_start_answer_display() if recording.start_answer else _("none yet")


def _into(lane: Lane, call: Call) -> str:
    """Return how far into the call the recording began."""
    recording = lane.recording
    if recording.status == RecordingStatus.FAILED:
        return _("nothing was recorded")
    begins = recording.started_at or recording.requested_at
    if begins is None or call.started_at is None:
        return _("not known")
    seconds = round((begins - call.started_at).total_seconds())
    if seconds < 0:
        words = ngettext("%d second before the call's start", "%d seconds before the call's start", -seconds)
        words = words % -seconds
    else:
        words = ngettext("%d second into the call", "%d seconds into the call", seconds) % seconds
    return _("about %s") % words if lane.is_approximate else words


# The picture


@dataclass(frozen=True, slots=True)
class Scale:
    """Instants as places in the picture."""

    span: Span
    width: int

    def x(self, at: datetime) -> int:
        """Return a time's distance from the left edge."""
        whole = self.span.length.total_seconds() or 1.0
        return max(0, min(self.width, round((at - self.span.begins).total_seconds() / whole * self.width)))

    def block(self, kind: str, span: Span) -> Block:
        """Return a span, wide enough to be seen."""
        x = min(self.x(span.begins), self.width - 4)
        return Block(kind, x, max(4, self.x(span.ends) - x))


def _bars(call: Call, found: Coverage) -> list[Bar]:
    """Return the call's own, then one for each attempt, then what is not covered."""
    span = found.call
    assert span is not None  # noqa: S101 - the caller looked
    has_tail = _tail_words(found) != ""
    scale = Scale(span, WIDE - TAIL if has_tail else WIDE)
    blocks = [scale.block("call", span)]
    if has_tail:
        blocks.append(Block("tail", WIDE - TAIL, TAIL))
    bars = [Bar(_("Call"), _("The call, %s") % _length(span), blocks)]
    for n, lane in enumerate(found.lanes, start=1):
        bars.append(_lane_bar(n, lane, span, scale))
    if found.gaps:
        kind = "gap" if found.doubt is Doubt.NONE else "unknown"
        label = _("Not recorded") if found.doubt is Doubt.NONE else _("Not known")
        words = "; ".join(_gap_words(found, gap) for gap in found.gaps[:MOST_GAPS])
        bars.append(Bar(label, f"{label}: {words}", [scale.block(kind, gap) for gap in found.gaps]))
    return bars


def _lane_bar(n: int, lane: Lane, call: Span, scale: Scale) -> Bar:
    recording = lane.recording
    kind = _kind(lane)
    role, shape = LOOKS[kind]
    label = format_html(
        '<span class="portal-badge portal-{}">{}</span> {} · {}', role, shape, n, formatting.layout(recording)
    )
    blocks = []
    if lane.span is not None:
        place = _place(lane.span, call, about=lane.is_approximate)
        blocks.append(scale.block(kind, lane.span))
    elif kind == "failed":
        place = _("nothing began")
        if (at := recording.requested_at) is not None:
            blocks.append(scale.block(kind, Span(at, at)))
    else:
        place = _("times not known")
    status = recording.get_status_display()
    words = _("Recording %(n)d, %(status)s: %(place)s") % {"n": n, "status": status, "place": place}
    return Bar(label, words, blocks)


def _kind(lane: Lane) -> str:
    """Return what a lane's colour and shape say."""
    if lane.recording.status == RecordingStatus.FAILED:
        return "failed"
    if lane.may_be or lane.span is None:
        return "maybe"
    if lane.is_running:
        return "running"
    return "cut" if lane.recording.was_cut_short else "done"


def _place(span: Span, call: Span, *, about: bool) -> str:
    """Return `0:12 to 10:08`, counted from the beginning of the call's bar."""
    begins, ends = (
        formatting.length(max(0.0, (at - call.begins).total_seconds())) for at in (span.begins, span.ends)
    )
    words = _("%(begins)s to %(ends)s") % {"begins": begins, "ends": ends}
    return _("about %s") % words if about else words


def _gap_words(found: Coverage, gap: Span) -> str:
    assert found.call is not None  # noqa: S101 - there is no gap in nothing
    return f"{_place(gap, found.call, about=not found.begin_known)} ({_length(gap)})"


def _length(span: Span) -> str:
    return formatting.length(span.length.total_seconds())


def _sums(found: Coverage) -> str:
    """Return `10:08 of 12:00 recorded`."""
    if found.call is None:
        return ""
    open_seconds = sum(gap.length.total_seconds() for gap in found.gaps)
    whole = found.call.length.total_seconds()
    return _("%(covered)s of %(whole)s recorded") % {
        "covered": formatting.length(max(0.0, whole - open_seconds)), "whole": formatting.length(whole),
    }  # fmt: skip


def _tail_words(found: Coverage) -> str:
    """Return what is not known about the call's end."""
    if found.call is None or found.seen_over_at is None:
        return ""
    missing = (found.seen_over_at - found.call.ends).total_seconds()
    if missing < 1:
        return ""
    return _("It was over when the portal looked again, %s later; when it ended between is not known.") % (
        formatting.length(missing)
    )
