"""The coverage of a call: which parts of it are recorded, and which are known not to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from recordings.choices import MAX_TIME_LIMIT, CallState, RecordingStatus
from recordings.models import Call, Recording, SyncRun

TOO_SHORT = timedelta(seconds=1)  # a gap of less than this is how clocks differ
LOOKED_AT = 20  # sync runs


class Doubt(Enum):
    """A reason why a part that no known recording covers may be recorded all the same."""

    NONE = "none"  # it is not recorded
    LIVE = "the call goes on"
    MAY_BE_RECORDING = "a start was not answered"
    TIMES = "when a recording began or ended is not known"
    NOT_SYNCED = "no complete sync since the end"
    END = "whether the call is over is not known"
    LEFT_OUT = "not all of its recordings were read"


@dataclass(frozen=True, slots=True)
class Span:
    """A time span; `ends` is not before `begins`."""

    begins: datetime
    ends: datetime

    @property
    def length(self) -> timedelta:
        """The length of time."""
        return self.ends - self.begins


@dataclass(frozen=True, slots=True)
class Lane:
    """One attempt to record. `span` is None where nothing began, or it is not known when it began or ended."""

    recording: Recording
    span: Span | None
    is_running: bool = False
    may_be: bool = False
    is_approximate: bool = False

    @property
    def covers(self) -> bool:
        """Whether the time in its span is recorded."""
        return self.span is not None and not self.may_be


@dataclass(frozen=True, slots=True)
class Coverage:
    """A call's bar and its lanes.

    `call` is where it is known to have gone on; None where nothing is known. It was first seen to be over at
    `seen_over_at`, which may be long after it was last seen to go on: of the time between, nothing is claimed.
    """

    call: Span | None
    begin_known: bool
    seen_over_at: datetime | None
    lanes: list[Lane]
    gaps: list[Span]
    doubt: Doubt


def coverage(call: Call, recordings: Sequence[Recording], *, now: datetime, are_all: bool = True) -> Coverage:
    """Return how `recordings` cover the call. Runs one query.

    Where they are not all of the call's, no gap between them is certain.
    """
    lanes = [lane_of(recording, call, now=now) for recording in recordings]
    span = _known_span(call, lanes, now=now)
    if span is None:
        return Coverage(None, False, call.ended_at, lanes, [], Doubt.END)  # noqa: FBT003 - a field of its own name
    gaps = _gaps(span, [lane.span for lane in lanes if lane.covers and lane.span is not None])
    doubt = _doubt(call, lanes, gaps, span) if gaps else Doubt.NONE
    if gaps and doubt is Doubt.NONE and not are_all:
        doubt = Doubt.LEFT_OUT
    return Coverage(
        call=span,
        begin_known=call.started_at is not None,
        seen_over_at=call.ended_at,
        lanes=lanes,
        gaps=gaps,
        doubt=doubt,
    )


def known_span(call: Call, recordings: Sequence[Recording], *, now: datetime) -> Span | None:
    """Return the time in which the call is known to have gone on; None where nothing is known of it."""
    return _known_span(call, [lane_of(recording, call, now=now) for recording in recordings], now=now)


def lane_of(recording: Recording, call: Call, *, now: datetime) -> Lane:
    """Return when one recording began and ended, as far as that is known."""
    begins = recording.started_at or recording.requested_at
    approximate = recording.started_at is None or bool(recording.times_approximate)
    if recording.status == RecordingStatus.FAILED or begins is None:
        return Lane(recording, None, is_approximate=approximate)
    if recording.is_open:
        # of a call that is over: it goes no further than the call, which was last seen to go on then
        over = (call.seen_live_at or call.ended_at) if call.state == CallState.ENDED else None
        last = min(filter(None, (now, over, recording.time_limit_ends_at)))
        return Lane(
            recording,
            Span(begins, max(begins, last)),
            is_running=last == now,
            may_be=recording.status == RecordingStatus.REQUESTED,
            is_approximate=approximate,
        )
    ends = recording.ended_at
    if ends is None and recording.duration_ms is not None:
        ends = begins + timedelta(milliseconds=min(recording.duration_ms, MAX_TIME_LIMIT * 10_000))
    span = None if ends is None or ends < begins else Span(begins, ends)
    return Lane(recording, span, is_approximate=approximate)


def _known_span(call: Call, lanes: Sequence[Lane], *, now: datetime) -> Span | None:
    """Return the time in which the call is known to have gone on: Vobiz listed it, or it was being recorded."""
    spans = [lane.span for lane in lanes if lane.covers and lane.span is not None]
    begins = min(filter(None, (call.started_at, *(span.begins for span in spans))), default=None)
    if begins is None:
        return None
    if call.state == CallState.LIVE:
        return Span(begins, max(begins, now))
    ends = max(filter(None, (begins, call.seen_live_at, *(span.ends for span in spans))))
    return Span(begins, ends)


def _gaps(whole: Span, spans: Sequence[Span]) -> list[Span]:
    """Return the parts of `whole` that none of `spans` covers."""
    found, at = [], whole.begins
    for span in sorted(spans, key=lambda one: one.begins):
        if span.begins - at >= TOO_SHORT:
            found.append(Span(at, span.begins))
        at = max(at, span.ends)
    if whole.ends - at >= TOO_SHORT:
        found.append(Span(at, whole.ends))
    return found


def _doubt(call: Call, lanes: Sequence[Lane], gaps: Sequence[Span], span: Span) -> Doubt:
    if call.state == CallState.LIVE:
        return Doubt.LIVE
    if any(lane.may_be for lane in lanes):
        return Doubt.MAY_BE_RECORDING
    if any(lane.span is None and lane.recording.status != RecordingStatus.FAILED for lane in lanes):
        return Doubt.TIMES
    if call.state == CallState.ENDED and call.ended_at is not None:
        return Doubt.NONE if _read_since(call, call.ended_at, begins=span.begins) else Doubt.NOT_SYNCED
    # never seen live: but what would cover a gap has ended when no recording can be as long as that
    over = gaps[-1].ends + timedelta(seconds=MAX_TIME_LIMIT)
    return Doubt.NONE if _read_since(call, over, begins=span.begins) else Doubt.END


def _read_since(call: Call, over_at: datetime, *, begins: datetime) -> bool:
    """Return whether a sync that began after `over_at` has applied everything that Vobiz lists of the call."""
    runs = SyncRun.objects.filter(account=call.account_id, complete=True, started_at__gt=over_at)
    scopes = runs.order_by("-started_at").values_list("scope", flat=True)[:LOOKED_AT]
    return any(_takes_in(scope, call, begins) for scope in scopes)


def _takes_in(scope: dict[str, Any], call: Call, begins: datetime) -> bool:
    if scope.keys() & {"recording", "type", "limit"} or scope.get("call", call.call_uuid) != call.call_uuid:
        return False
    if (since := scope.get("since")) is None:
        return True
    try:
        at = datetime.fromisoformat(str(since))
    except ValueError:
        return False
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)) <= begins
