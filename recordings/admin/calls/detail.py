"""The parts of a call's page: key facts, a bar of lanes, every attempt to record it, and a timeline."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import dateformat, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import forms
from recordings.admin import formatting
from recordings.admin.base import Fact, Happening, may
from recordings.admin.calls.live import asked_before, layout_words, no_url_words
from recordings.choices import CallState, RecordingStatus, TranscriptionStatus
from recordings.coverage import Coverage, Doubt, Lane, Span, coverage
from recordings.models import Call, CallbackEvent, Recording

MOST_LANES = 100
MOST_GAPS = 20
MOST_CALLBACKS = 50
MOST_HAPPENINGS = 60
WIDE = 1_000  # the picture's width, in thousandths
TAIL = 40  # of them for the time in which the call was not seen any more
LEAST_LABELLED = 110  # a narrower block has no room for words
CHARACTER = 14  # of a label, as wide as on a narrow page
TICKS = 4  # parts of the time scale
# a lane's kind → what its name says beside the number: colour never speaks alone
KINDS = {
    "running": gettext_lazy("recording now"),
    "cut": gettext_lazy("cut short"),
    "maybe": gettext_lazy("not confirmed"),
    "failed": gettext_lazy("not started"),
}
DOUBTS = {
    Doubt.NONE: gettext_lazy("Not recorded"),
    Doubt.LIVE: gettext_lazy("Known when the call ends: Vobiz lists only finished recordings."),
    Doubt.MAY_BE_RECORDING: gettext_lazy(
        "Not known yet: the answer to a start was lost, so it may be recorded"
    ),
    Doubt.TIMES: gettext_lazy("Not known: Vobiz did not say when one of the recordings began or ended"),
    Doubt.NOT_SYNCED: gettext_lazy(
        "Not known yet: no complete sync has run since the call ended, and somebody else may have recorded it"
    ),
    Doubt.END: gettext_lazy(
        "Not known yet: the call was not seen live here, so a recording of it may still be running"
    ),
    Doubt.LEFT_OUT: gettext_lazy("Not known: only the newest hundred recordings of the call are read here"),
}


def page_facts(request: HttpRequest, call: Call, now: datetime) -> dict[str, Any]:
    """Return what the template shows of a call's recordings."""
    people = ("requested_by", "stop_requested_by", "transcription")
    heavy = ("provider_data", "content_hash", "transcription__text", "transcription__tokens")
    rows = call.recordings.select_related("account", *people).defer(*heavy)
    newest = list(rows.order_by("-happened_at", "-pk")[: MOST_LANES + 1])
    recordings = newest[:MOST_LANES][::-1]
    for recording in recordings:
        recording.call = call  # the same row, and not to be fetched for each
    left_out = len(newest) > MOST_LANES
    found = coverage(call, recordings, now=now, are_all=not left_out)
    bars, ticks = _picture(call, found) if found.call is not None else ([], [])
    return {
        "attempts": [_attempt(request, n, lane, found, now) for n, lane in enumerate(found.lanes, start=1)],
        "left_out": left_out,
        "bars": bars,
        "ticks": ticks,
        "gaps": [_gap_words(found, gap) for gap in found.gaps[:MOST_GAPS]],
        "gaps_left_out": max(0, len(found.gaps) - MOST_GAPS),
        "doubt": str(DOUBTS[found.doubt]),
        "is_certain": found.doubt is Doubt.NONE,
        "key_facts": _key_facts(call, found, recordings, left_out=left_out),
        "timeline": timeline(request, call, recordings),
        "tail_words": _tail_words(found),
        "begin_known": found.begin_known,
    }


# Its key facts


def _key_facts(call: Call, found: Coverage, recordings: list[Recording], *, left_out: bool) -> list[Fact]:
    facts = [Fact(_("Call status"), formatting.badge(call.state, call.get_state_display()))]
    if (span := found.call) is None:
        facts += [Fact(_("Duration"), formatting.NONE), Fact(_("Recorded"), formatting.NONE)]
    else:
        ends = _("now") if call.state == CallState.LIVE else formatting.time_of(span.ends)
        between = _("%(begun)s to %(ended)s") % {"begun": formatting.time_of(span.begins), "ended": ends}
        length = formatting.running_length(span.length.total_seconds(), runs=call.state == CallState.LIVE)
        if not found.begin_known:
            length = format_html(_("at least {}"), length)
        facts += [Fact(_("Duration"), length, between), _recorded(call, found)]
    failed = [recording for recording in recordings if recording.status == RecordingStatus.FAILED]
    words = ngettext("%d start failed", "%d starts failed", len(failed)) % len(failed) if failed else ""
    count = formatting.count(len(recordings) - len(failed))
    facts.append(Fact(_("Recordings"), _("%s or more") % count if left_out else count, words))
    return [*facts, Fact(_("Transcript"), _transcripts(recordings))]


def _recorded(call: Call, found: Coverage) -> Fact:
    """Return `98% of the call`; at least that, where something else may have recorded the rest."""
    whole, covered = _seconds(found)
    percent = int(covered / whole * 100) if whole else 0
    words = _("%d%%") % (100 if not found.gaps else min(percent, 99))
    if found.gaps and found.doubt is not Doubt.NONE:
        words = _("at least %s") % words if covered else _("not known yet")
    is_live = call.state == CallState.LIVE
    is_recorded = is_live and any(_runs(lane) for lane in found.lanes)
    sums = {
        "covered": formatting.running_length(covered, runs=is_recorded),
        "whole": formatting.running_length(whole, runs=is_live),
    }
    return Fact(_("Recorded"), words, format_html(_("{covered} of {whole}"), **sums))


def _seconds(found: Coverage) -> tuple[float, float]:
    """Return how long the call was, and how much of it is known to be recorded."""
    assert found.call is not None  # noqa: S101 - the callers looked
    whole = found.call.length.total_seconds()
    return whole, max(0.0, whole - sum(gap.length.total_seconds() for gap in found.gaps))


def _transcripts(recordings: list[Recording]) -> str:
    """Return `1 ready`, `1 expected`, or that there is none."""
    held = [recording.transcription for recording in recordings if hasattr(recording, "transcription")]
    ready = sum(one.status == TranscriptionStatus.COMPLETED for one in held)
    if ready:
        return ngettext("%d ready", "%d ready", ready) % ready
    expected = sum(one.status == TranscriptionStatus.EXPECTED for one in held)
    return ngettext("%d expected", "%d expected", expected) % expected if expected else _("None")


# Its recordings


def _attempt(request: HttpRequest, n: int, lane: Lane, found: Coverage, now: datetime) -> dict[str, Any]:
    """Return a line of the table: which part of the call was recorded, by whom, and what became of it."""
    recording = lane.recording
    runs = recording.is_open and not formatting.may_have_been(recording)
    may_stop = runs and may(request, "stop_recording")
    asked = asked_before(recording, now) if recording.stop_requested_at is not None else ""
    if may_stop and not recording.recording_url:
        asked = no_url_words()
    ms = recording.duration_ms
    running = lane.span.length.total_seconds() if lane.is_running and lane.span else None
    origin = recording.get_origin_display()
    return {
        "recording": recording,
        "no": n,
        "by": formatting.person(recording.requested_by) if recording.requested_at is not None else origin,
        "asked": formatting.moment(recording.requested_at),
        "error": formatting.plain(recording.error) if recording.error else "",
        "part": _part(lane, found),
        "length": formatting.running_length(
            running if ms is None else ms / 1_000, runs=ms is None and _runs(lane)
        ),
        "layout": layout_words(recording.channels, recording.file_format),
        "status": formatting.status(recording),
        "audio": formatting.NONE if runs else formatting.kept(recording, now),
        "stop_words": asked if runs else "",
        "can_stop": may_stop and bool(recording.recording_url) and recording.may_ask_stop(now),
        "is_failed": recording.status == RecordingStatus.FAILED,
    }


def _part(lane: Lane, found: Coverage) -> str | SafeString:
    """Return `0:11 – 10:19`: which part of the call was recorded."""
    if lane.recording.status == RecordingStatus.FAILED:
        return _("nothing was recorded")
    if lane.span is None or found.call is None:
        return _("not known")
    return _place(lane.span, found.call, about=lane.is_approximate, runs=_runs(lane))


def _runs(lane: Lane) -> bool:
    """Return whether it is known to be recorded now, so that the browser may count on."""
    return lane.is_running and lane.covers


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

    def block(self, kind: str, span: Span, *labels: str, runs: bool = False) -> dict[str, Any]:
        """Return a span, wide enough to be seen, with the first of its labels for which there is room.

        `runs`: it goes on, and its labels say how long it is.
        """
        x = min(self.x(span.begins), self.width - 4)
        width = max(4, self.x(span.ends) - x)
        fitting = (one for one in labels if width >= max(LEAST_LABELLED, CHARACTER * len(one)))
        return _block(kind, x, width, next(fitting, ""), int(span.length.total_seconds()) if runs else None)


def _block(kind: str, x: int, width: int, label: str = "", elapsed: int | None = None) -> dict[str, Any]:
    """Return a part of a bar, as SVG writes its place. `label` stands in it where there is room.

    `elapsed`: the seconds that the label says, where they run on.
    """
    place = {"left": _percent(x), "span": _percent(width)}
    return {"kind": kind, **place, "label": label, "elapsed": elapsed}


def _percent(thousandths: int) -> str:
    return f"{thousandths / 10:g}%"


def _picture(call: Call, found: Coverage) -> tuple[list[dict[str, Any]], list[tuple[str, str, str]]]:
    """Return the call's own bar, one for each attempt and what is not covered; and the times under them."""
    span = found.call
    assert span is not None  # noqa: S101 - the caller looked
    has_tail = _tail_words(found) != ""
    scale = Scale(span, WIDE - TAIL if has_tail else WIDE)
    is_live = call.state == CallState.LIVE
    blocks = [scale.block("call", span, _length(span), runs=is_live)]
    if has_tail:
        blocks.append(_block("tail", WIDE - TAIL, TAIL))
    note = formatting.running_length(span.length.total_seconds(), runs=is_live)
    words = _("The call, %s") % _length(span)
    bars: list[dict[str, Any]] = [{"label": _("Call"), "note": note, "words": words, "blocks": blocks}]
    for n, lane in enumerate(found.lanes, start=1):
        bars.append(_lane_bar(n, lane, span, scale))
    if found.gaps:
        kind = "gap" if found.doubt is Doubt.NONE else "unknown"
        label = _("Not recorded") if found.doubt is Doubt.NONE else _("Not known")
        words = "; ".join(_gap_words(found, gap) for gap in found.gaps[:MOST_GAPS])
        whole, covered = _seconds(found)
        gaps = [scale.block(kind, gap) for gap in found.gaps]
        runs = is_live and not any(_runs(lane) for lane in found.lanes)
        note = formatting.running_length(whole - covered, runs=runs)
        bars.append({"label": label, "note": note, "words": f"{label}: {words}", "blocks": gaps})
    return bars, _ticks(call, span, scale)


def _ticks(call: Call, span: Span, scale: Scale) -> list[tuple[str, str, str]]:
    """Return where the times of the scale are, what they say and how they are aligned.

    Its ends are told to the second, those between to the minute where that is enough.
    """
    between = "H:i" if span.length >= timedelta(minutes=2 * TICKS) else "H:i:s"
    found = []
    for n in range(TICKS + 1):
        at = span.begins + span.length * n / TICKS
        x = _percent(scale.x(at))
        if n in (0, TICKS):
            is_now = n == TICKS and call.state == CallState.LIVE
            found.append((x, _("now") if is_now else formatting.time_of(at), "end" if n else "start"))
        else:
            found.append((x, dateformat.format(timezone.localtime(at), between), "middle"))
    return found


def _lane_bar(n: int, lane: Lane, call: Span, scale: Scale) -> dict[str, Any]:
    """Return the bar of an attempt with what it says, for those who see it and those who do not."""
    recording = lane.recording
    kind = _kind(lane)
    label = _("Recording %d") % n
    sound = layout_words(recording.channels, recording.file_format)
    note = ", ".join(str(part) for part in (sound, KINDS.get(kind)) if part)
    blocks = []
    if lane.span is not None:
        place = _place(lane.span, call, about=lane.is_approximate)
        look = ("one", "two")[(n - 1) % 2] if kind == "done" else kind
        labels = (_in_bar(lane), _length(lane.span))
        blocks.append(scale.block(look, lane.span, *labels, runs=_runs(lane)))
    elif kind == "failed":
        place = _("nothing began")
        if (at := recording.requested_at) is not None:
            blocks.append(scale.block(kind, Span(at, at)))
    else:
        place = _("times not known")
    status = recording.get_status_display()
    words = _("Recording %(n)d, %(status)s: %(place)s") % {"n": n, "status": status, "place": place}
    return {"label": label, "note": note, "words": words, "blocks": blocks}


def _in_bar(lane: Lane) -> str:
    """Return `4:00, stopped by Arjun`."""
    recording = lane.recording
    length = _length(lane.span) if lane.span is not None else ""
    if recording.stop_requested_at is None or recording.is_open:
        return length
    who = formatting.person(recording.stop_requested_by)
    return _("%(length)s, stopped by %(who)s") % {"length": length, "who": who}


def _kind(lane: Lane) -> str:
    """Return what a lane's colour and shape say."""
    if lane.recording.status == RecordingStatus.FAILED:
        return "failed"
    if lane.may_be or lane.span is None:
        return "maybe"
    if lane.is_running:
        return "running"
    return "cut" if lane.recording.was_cut_short else "done"


def _place(span: Span, call: Span, *, about: bool, runs: bool = False) -> str | SafeString:
    """Return `0:12 – 10:08`, counted from the beginning of the call's bar."""
    begins, ends = (max(0.0, (at - call.begins).total_seconds()) for at in (span.begins, span.ends))
    words = format_html("{} – {}", formatting.length(begins), formatting.running_length(ends, runs=runs))
    return format_html(_("about {}"), words) if about else words


def _gap_words(found: Coverage, gap: Span) -> str:
    assert found.call is not None  # noqa: S101 - there is no gap in nothing
    return f"{_place(gap, found.call, about=not found.begin_known)} ({_length(gap)})"


def _length(span: Span) -> str:
    return formatting.length(span.length.total_seconds())


def _tail_words(found: Coverage) -> str:
    """Return what is not known about the call's end."""
    if found.call is None or found.seen_over_at is None:
        return ""
    missing = (found.seen_over_at - found.call.ends).total_seconds()
    if missing < 1:
        return ""
    return _(
        "The call was over when the portal looked again, %s later. When it ended in between is not known."
    ) % (formatting.length(missing))


# Its timeline


def timeline(request: HttpRequest, call: Call, recordings: Sequence[Recording]) -> list[Happening]:
    """Return the newest MOST_HAPPENINGS; callbacks only for those who may see them."""
    found = list(_of_call(call))
    for n, recording in enumerate(recordings, start=1):
        found += _of_recording(n, recording)
    if recordings and may(request, "view_callbackevent"):
        found += _callbacks(request, recordings)
    newest = sorted(found, key=lambda one: one.at)[-MOST_HAPPENINGS:]
    return _with_days(newest)


def _with_days(found: list[Happening]) -> list[Happening]:
    named, before = [], None
    for one in found:
        day = timezone.localtime(one.at).date()
        named.append(one if day == before else replace(one, day=formatting.day(day)))
        before = day
    return named


def _of_call(call: Call) -> Iterator[Happening]:
    if call.started_at is not None:
        yield Happening(call.started_at, _("Call started"), icon="phone")
    if call.ended_at is not None:
        yield Happening(call.ended_at, _("The portal saw that the call was over"), icon="phone")


def _of_recording(n: int, recording: Recording) -> Iterator[Happening]:
    if recording.requested_at is not None:
        yield _asked(n, recording, recording.requested_at)
    elif recording.started_at is not None:
        yield Happening(recording.started_at, _("Recording %d started") % n, icon="circle-dot")
    if recording.stop_requested_at is not None:
        words = format_html(
            _("<b>{who}</b> stopped recording {n}"), who=formatting.person(recording.stop_requested_by), n=n
        )
        yield Happening(recording.stop_requested_at, words, icon="circle-stop")
    if recording.ended_at is not None:
        icon, ended = "circle-stop", _("Recording %d ended")
        if recording.was_cut_short:
            icon, ended = "scissors", _("Recording %d ended at its time limit")
        yield Happening(recording.ended_at, ended % n, icon=icon)
    if recording.archived_at is not None:
        yield Happening(recording.archived_at, _("Recording %d archived") % n, icon="archive")
    if recording.gone_at_provider_at is not None:
        yield Happening(
            recording.gone_at_provider_at, _("Recording %d deleted at Vobiz") % n, icon="hourglass"
        )


def _asked(n: int, recording: Recording, at: datetime) -> Happening:
    """Return who started it and how, or why it did not start."""
    who = formatting.person(recording.requested_by)
    if recording.status == RecordingStatus.FAILED:
        words = format_html(
            _("<b>{who}</b> tried to start recording {n}. {error}"),
            who=who, n=n, error=formatting.plain(recording.error or ""),
        )  # fmt: skip
        return Happening(at, words, icon="circle-x")
    sound = layout_words(recording.channels, recording.file_format)
    limit = _("limit %s") % forms.span(recording.time_limit) if recording.time_limit else ""
    how = ", ".join(part for part in (sound, limit) if part)
    words = format_html(_("<b>{who}</b> started recording {n} · {how}"), who=who, n=n, how=how)
    return Happening(at, words, icon="circle-dot")


def _callbacks(request: HttpRequest, recordings: Sequence[Recording]) -> Iterator[Happening]:
    numbers = {recording.pk: n for n, recording in enumerate(recordings, start=1)}
    events: Any = CallbackEvent.objects.visible_to(request.user).filter(recording__in=list(numbers))
    rows = events.only("received_at", "kind", "trust", "recording_id", "outcome").order_by("-received_at")
    for event in rows[:MOST_CALLBACKS]:
        about = _("%(kind)s (recording %(n)d): %(trust)s, %(outcome)s") % {
            "kind": formatting.callback(event),
            "n": numbers[event.recording_id],
            "trust": event.get_trust_display().lower(),
            "outcome": event.get_outcome_display().lower(),
        }
        yield Happening(event.received_at, formatting.linked(request, event, about), icon="webhook")
