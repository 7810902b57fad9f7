"""The sections of a recording's page."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.facts import Fact, Section
from recordings.choices import Origin, RecordingStatus, TranscriptionStatus
from recordings.forms import span
from recordings.models import Recording, Transcription


@dataclass(frozen=True, slots=True)
class Transcript:
    """The transcript, or in words why there is none to read. `opened_by`: the address of the form that opens it."""

    text: str | None
    words: str
    facts: list[Fact]
    badge: str | SafeString
    opened_by: str = ""


def refresh_every(recording: Recording, held: Transcription | None) -> int | None:
    """Return the seconds between two looks at its page while it changes; None once it is completed and archived."""
    if recording.is_open:
        return 5
    is_awaited = held is not None and held.status == TranscriptionStatus.EXPECTED
    return 10 if is_awaited or recording.audio_state.can_be_archived else None


def identity(request: HttpRequest, recording: Recording) -> Section:
    """Return which recording of which call."""
    call = recording.call
    return Section(
        _("The recording"),
        [
            Fact(_("From"), formatting.number(call.from_number, call.from_digits)),
            Fact(_("To"), formatting.number(call.to_number, call.to_digits)),
            Fact(
                _("Call"),
                formatting.linked(
                    request, call, formatting.identifier(call.call_uuid or call.call_uuid_text)
                ),
            ),
            Fact(
                _("Recording id"),
                formatting.identifier(recording.recording_id) if recording.recording_id else _no_id(),
            ),
            Fact(_("Account"), formatting.linked(request, recording.account)),
            Fact(_("Source"), recording.get_origin_display()),
            Fact(_("Last changed at Vobiz"), formatting.moment(recording.synced_at)),
        ],
    )


def _no_id() -> str:
    return _("not known yet: a callback or a sync brings it")


def asked_for(recording: Recording) -> Section:
    """Return what somebody asked for here, and what Vobiz answered."""
    answer = recording.get_start_answer_display() if recording.start_answer else _("none yet")
    facts = [
        Fact(_("Started by"), formatting.words(recording.requested_by or _("command line"))),
        Fact(_("Asked for"), formatting.moment(recording.requested_at)),
        Fact(_("Vobiz's answer"), answer),
        Fact(_("Time limit"), span(recording.time_limit or 0), hint=_cut_hint(recording)),
        Fact(_("Would be cut at"), formatting.moment(recording.time_limit_ends_at)),
        Fact(_("Channels"), recording.get_channels_display() if recording.channels else formatting.NONE),
        Fact(_("Transcribe"), _("yes") if recording.transcribe else _("no")),
        Fact(_("Callback address given to Vobiz"), _callback_address(recording), hint=silence(recording)),
    ]
    if recording.stop_requested_at is not None:
        by = formatting.words(recording.stop_requested_by or _("command line"))
        facts.append(
            Fact(_("Stop asked for"), formatting.moment(recording.stop_requested_at), hint=_("by %s") % by)
        )
    return Section(_("Asked for here"), facts)


def _cut_hint(recording: Recording) -> str:
    return _("it ended at this limit, maybe while the call went on") if recording.was_cut_short else ""


def silence(recording: Recording) -> str:
    """Return a note that no callback came; empty where one came, or may still."""
    if recording.no_callback_at is None:
        return ""
    if recording.status == RecordingStatus.COMPLETED:
        return _("found by read-back, no callback came")
    return _("no callback came; Vobiz is asked instead")


def _callback_address(recording: Recording) -> str:
    """Return the base only: the rest of the path is a secret."""
    if recording.callback_base is None:
        return _("none: Vobiz cannot call this portal")
    return formatting.plain(recording.callback_base)


def transcript(
    request: HttpRequest, recording: Recording, held: Transcription | None, *, opened_by: str
) -> Transcript:
    """For everyone, how it stands; for those who may read it, the address that opens it, which is written down.

    `held` is the recording's, if it has one.
    """
    if held is None:
        return Transcript(None, _none_words(recording), [], "")
    badge = _badge(held)
    if not held.is_readable:
        return Transcript(None, why_none(held), [], badge)
    if not may(request, "read_transcription"):
        return Transcript(None, _("You do not have the permission to read transcripts."), [], badge)
    return Transcript(None, trust_words(held), charges(held), badge, opened_by)


def opened(held: Transcription) -> Transcript:
    """Return the text. Only for a view that has written into the access log who reads it."""
    return Transcript(formatting.plain(held.text or ""), trust_words(held), charges(held), _badge(held))


def _badge(held: Transcription) -> str | SafeString:
    return (
        formatting.not_verified()
        if held.is_unverified
        else formatting.badge(held.status, held.get_status_display())
    )


def charges(held: Transcription) -> list[Fact]:
    """Return what Vobiz said beside the text."""
    return [
        Fact(_("Received"), formatting.moment(held.received_at)),
        Fact(
            _("Charge"),
            formatting.money(held.charge, ""),
            hint=_("Vobiz names no currency") if held.charge else "",
        ),
        Fact(_("Rate a minute"), formatting.money(held.rate, "")),
        Fact(_("Length transcribed"), formatting.length(held.duration)),
    ]


def trust_words(held: Transcription) -> str:
    """Return the trust of a transcript, which is that of the callback that brought it."""
    if held.trust == "signed":
        return _("Received in a signed callback. The portal has the only copy.")
    if held.status != TranscriptionStatus.COMPLETED:
        return _(
            "From an unsigned callback, so anyone who knew its address could have sent it. Vobiz signs this account's "
            "callbacks: the signed transcript is still expected."
        )
    return _(
        "From an unsigned callback, so anyone who knew its address could have sent it. It is the only copy."
    )


def why_none(held: Transcription) -> str:
    """Return why there is no text, and what to do."""
    if held.status == TranscriptionStatus.EXPECTED:
        return _(
            "It was asked for and comes by a callback, as a rule within 5 minutes of the recording's end."
        )
    if held.status == TranscriptionStatus.MISSING:
        return _(
            "No callback brought it, and Vobiz's API has no transcripts to fetch later. Look at "
            "the callbacks for rejected ones, and whether Vobiz reaches this portal."
        )
    said = _("Vobiz could not transcribe it: %s") % formatting.words(held.error)
    if "too large" in (held.error or "").casefold():
        return " ".join([said, _("Record MP3 next time: its files are much smaller than WAV.")])
    return said


def _none_words(recording: Recording) -> str:
    if recording.origin == Origin.PORTAL or recording.requested_at is not None:
        return _("No transcription was asked for when this recording was started.")
    return _(
        "No transcript. The call flow that recorded this call did not request one. It must also name the account's "
        "callback address."
    )
