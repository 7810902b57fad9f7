"""What the player of a recording's page is given."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from recordings.admin.audio import audio_url, can_be_heard, may_download
from recordings.admin.base import may
from recordings.choices import Channels, RecordingStatus
from recordings.models import Recording, Waveform

SPEEDS = ("0.5", "0.75", "1", "1.25", "1.5", "1.75", "2")


@dataclass(frozen=True, slots=True)
class Player:
    """An audio element and its picture; or, without `src`, in words why there is nothing to hear.

    `seconds`: how long it is, as a script reads it, where that is known. `peaks`: in base64, one byte for the loudness
    of each part of the time, channel after channel; empty while there is no copy of ours.
    """

    words: str = ""
    src: str = ""
    seconds: str = ""
    peaks: str = ""
    lanes: tuple[str, ...] = ()
    download: str = ""
    speeds: tuple[str, ...] = SPEEDS


def player(request: HttpRequest, recording: Recording) -> Player:
    """With a play of its own, which whoever opens the page may begin."""
    if not may(request, "hear_recording"):
        return Player(_("You do not have the permission to hear recordings."))
    if recording.is_open:
        return Player(_("It can be heard when it has ended."))
    if recording.status != RecordingStatus.COMPLETED:
        return Player(_("There is nothing to hear: it never began."))
    if not can_be_heard(recording):
        if recording.has_corrupt_copy:
            return Player(
                _(
                    "It was archived, but the archive's copy is missing or damaged, and Vobiz no longer has it. "
                    "It must come back from a backup."
                )
            )
        return Player(_("Vobiz no longer has this audio, and it was never archived."))
    length = recording.audio_duration_ms if recording.archived_at is not None else None
    length = recording.duration_ms if length is None else length
    wave = Waveform.objects.filter(recording=recording).first()
    return Player(
        src=audio_url(request, recording),
        seconds="" if length is None else f"{length / 1_000:.3f}",
        peaks=b64encode(bytes(wave.points)).decode() if wave is not None else "",
        lanes=_lanes(recording, 1 if wave is None else wave.channels),
        download=_download_url(request, recording),
    )


def _lanes(recording: Recording, channels: int) -> tuple[str, ...]:
    """Who is on which side: in stereo that was asked for here, the caller is left and the callee right."""
    if channels == 1:
        return ("",)
    if channels == 2:
        asked = recording.channels == Channels.STEREO
        return (_("Caller"), _("Callee")) if asked else (_("Left"), _("Right"))
    return tuple(_("Channel %d") % number for number in range(1, channels + 1))


def _download_url(request: HttpRequest, recording: Recording) -> str:
    if not may_download(request):
        return ""
    return reverse("admin:recordings_recording_download", args=[recording.pk])
