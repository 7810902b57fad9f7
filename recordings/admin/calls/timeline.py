"""The timeline of a call's page: what happened to the call and its recordings, oldest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from recordings import forms
from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.calls.live import layout_words
from recordings.choices import RecordingStatus
from recordings.models import Call, CallbackEvent, Recording

MOST_CALLBACKS = 50
MOST_HAPPENINGS = 60


@dataclass(frozen=True, slots=True)
class Happening:
    """One line. `day` is named where it is another than that of the line before."""

    at: datetime
    icon: str
    words: str | SafeString
    day: str = ""


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
        yield Happening(call.started_at, "phone", _("Call started"))
    if call.ended_at is not None:
        yield Happening(call.ended_at, "phone", _("The portal saw that the call was over"))


def _of_recording(n: int, recording: Recording) -> Iterator[Happening]:
    if recording.requested_at is not None:
        yield _asked(n, recording, recording.requested_at)
    elif recording.started_at is not None:
        words = _("Recording %d started") % n
        yield Happening(recording.started_at, "circle-dot", words)
    if recording.stop_requested_at is not None:
        words = format_html(
            _("<b>{who}</b> stopped recording {n}"), who=formatting.person(recording.stop_requested_by), n=n
        )
        yield Happening(recording.stop_requested_at, "circle-stop", words)
    if recording.ended_at is not None:
        words = (
            _("Recording %d ended at its time limit") if recording.was_cut_short else _("Recording %d ended")
        )
        yield Happening(
            recording.ended_at, "scissors" if recording.was_cut_short else "circle-stop", words % n
        )
    if recording.archived_at is not None:
        yield Happening(recording.archived_at, "archive", _("Recording %d archived") % n)
    if recording.gone_at_provider_at is not None:
        words = _("Recording %d deleted at Vobiz") % n
        yield Happening(recording.gone_at_provider_at, "hourglass", words)


def _asked(n: int, recording: Recording, at: datetime) -> Happening:
    """Return who started it and how, or why it did not start."""
    who = formatting.person(recording.requested_by)
    if recording.status == RecordingStatus.FAILED:
        words = format_html(
            _("<b>{who}</b> tried to start recording {n}. {error}"),
            who=who, n=n, error=formatting.plain(recording.error or ""),
        )  # fmt: skip
        return Happening(at, "circle-x", words)
    sound = layout_words(recording.channels, recording.file_format)
    limit = _("limit %s") % forms.span(recording.time_limit) if recording.time_limit else ""
    how = ", ".join(part for part in (sound, limit) if part)
    words = format_html(_("<b>{who}</b> started recording {n} · {how}"), who=who, n=n, how=how)
    return Happening(at, "circle-dot", words)


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
        yield Happening(event.received_at, "webhook", formatting.linked(request, event, about))
