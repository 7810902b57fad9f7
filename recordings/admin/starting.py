"""What became of a start, in words: what happened, whether a recording may be running, what to do."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.admin import shown
from recordings.choices import CallState, RecordingStatus, StartAnswer
from recordings.models import Recording


def start_words(
    recording: Recording, *, now: datetime, is_first: bool, is_one_of_several: bool = False
) -> tuple[int, str]:
    """Message level and words.

    `is_first` is False where this form had been sent before: nothing was sent again. `is_one_of_several`: more
    calls were started with the same form, so a refusal names its call.
    """
    if recording.status == RecordingStatus.FAILED:
        level, words = messages.ERROR, _refused_words(recording)
        if is_one_of_several:
            words = f"{shown.plain(recording.call)}: {words}"
    elif recording.status == RecordingStatus.COMPLETED:
        level, words = messages.INFO, _("It was recorded, and is over already.")
    elif recording.status == RecordingStatus.ACTIVE:
        level, words = messages.SUCCESS, _("It is being recorded, and %s") % _until(recording, now)
    elif recording.start_answer == StartAnswer.UNKNOWN:
        said = shown.words(recording.error)
        level, words = messages.WARNING, " ".join([shown.unanswered_words(recording), said])
    else:
        level, words = (
            messages.WARNING,
            _("Vobiz has not answered yet. The live calls will say what it answers."),
        )
    if is_first:
        return level, words
    before = _("This form had been sent before, so nothing was sent again.")
    return max(level, messages.INFO), f"{before} {words}"


def began_words(recording: Recording, *, now: datetime) -> str:
    """Who started one that runs, when, and until when."""
    said = {
        "who": shown.words(recording.requested_by or _("Somebody at the command line")),
        "when": shown.clock(recording.requested_at, now=now) if recording.requested_at else shown.NONE,
    }
    if recording.start_answer == StartAnswer.UNKNOWN:
        return _("%(who)s started one at %(when)s, and Vobiz's answer was lost: it may be recording.") % said
    if recording.time_limit_ends_at is None:
        return _("%(who)s started one at %(when)s; it ends with the call.") % said
    until = shown.clock(recording.time_limit_ends_at, now=now)
    return _("%(who)s started one at %(when)s; it is cut at %(until)s.") % {**said, "until": until}


def _refused_words(recording: Recording) -> str:
    """This start began nothing, and why; and how many others of its call go on, which it says nothing about."""
    words = [_("No recording was started. %s") % shown.words(recording.error)]
    others = Recording.objects.open().filter(call=recording.call_id).exclude(call__state=CallState.ENDED)
    statuses = list(others.values_list("status", flat=True))
    if running := statuses.count(RecordingStatus.ACTIVE):
        words.append(
            ngettext(
                "%d other recording of this call runs on.",
                "%d other recordings of this call run on.",
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


def _until(recording: Recording, now: datetime) -> str:
    if recording.time_limit_ends_at is None:
        return _("ends with the call.")
    at = shown.clock(recording.time_limit_ends_at, now=now)
    return _("will be cut at %s unless it is stopped or the call ends first.") % at
