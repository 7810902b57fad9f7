"""Messages about the outcome of a stop."""

from __future__ import annotations

from datetime import datetime

from django.contrib import messages
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.admin import formatting
from recordings.control import StopOutcome, StopResult
from recordings.models import Call, Recording


def stop_words(recording: Recording, result: StopResult, *, now: datetime) -> tuple[int, str]:
    """Message level and words for a stop of one recording, whose row has been read again."""
    if result.outcome == StopOutcome.SENT:
        return messages.SUCCESS, _("Vobiz was asked to stop the recording. It is completed in a moment.")
    if result.outcome == StopOutcome.ALREADY_ASKED:
        return messages.INFO, " ".join([asked_before(recording, now), _("Nothing was sent again.")])
    if result.outcome == StopOutcome.ALREADY_OVER:
        return messages.INFO, _("There was nothing to stop: the recording is over.")
    if result.outcome == StopOutcome.NO_URL:
        return messages.WARNING, no_url_words()
    if result.outcome == StopOutcome.UNCONFIRMED:
        words = _(
            "Vobiz did not confirm the stop, so it may still be recording. Press Stop again, or wait: %s"
        )
        return messages.WARNING, words % until_words(recording, now)
    return messages.ERROR, _("Nothing was stopped, and the recording goes on. %s") % (result.error or "")


def asked_before(recording: Recording, now: datetime) -> str:
    """Who asked to stop it, and when; and where it runs all the same, that it may be asked again."""
    if recording.stop_requested_at is None:
        return _("Somebody asked to stop it before.")
    who = {
        "who": formatting.words(recording.stop_requested_by or _("Somebody at the command line")),
        "when": formatting.clock(recording.stop_requested_at, now=now),
    }
    if recording.may_ask_stop(now):
        return _("%(who)s asked to stop it at %(when)s, and it may run all the same: stop it again.") % who
    return _("%(who)s asked to stop it at %(when)s.") % who


def until_words(recording: Recording, now: datetime) -> str:
    """When its time limit ends it."""
    if recording.time_limit_ends_at is None:
        return _("it ends with its call.")
    return _("its time limit ends it at %s.") % formatting.clock(recording.time_limit_ends_at, now=now)


def no_url_words() -> str:
    """Why one recording has no stop of its own."""
    return _(
        "It cannot be stopped alone: Vobiz has not told its URL yet, and without one it would stop every recording "
        "of the call. Stop all of this call instead, or wait for its time limit."
    )


def stop_all_words(call: Call, result: StopResult) -> tuple[int, str]:
    """Message level and words for a stop of all recordings of a call."""
    if result.outcome == StopOutcome.SENT:
        count = ngettext(
            "Vobiz was asked to stop %d recording started here, and any other of this call.",
            "Vobiz was asked to stop %d recordings started here, and any other of this call.",
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
    return messages.ERROR, _("Nothing was stopped, and the recordings go on. %s") % (result.error or "")
