"""Endpoints that serve audio and transcripts (play, download, read), and the player that uses them."""

from __future__ import annotations

from base64 import b64encode
from functools import partial
from typing import Any

from csp.constants import NONCE
from csp.decorators import csp_update
from django.contrib import admin
from django.db import models
from django.forms import Script
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, strip_tags
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings import playback
from recordings.admin import formatting
from recordings.admin.base import WRITE, ReadOnlyAdmin, cure_of, may, page, with_cure
from recordings.admin.reader import note_access
from recordings.admin.recordings import archive
from recordings.admin.transcriptions import opened
from recordings.audio import formats
from recordings.choices import NO_AUDIO_WORDS, AccessAction, AccessResult, AudioState
from recordings.models import Recording, Transcription, Waveform
from recordings.playback import (
    Audio,
    AudioRequest,
    AudioUnavailableError,
    ByteRange,
    FileSlice,
    RangeNotSatisfiableError,
    TooManyStreamsError,
)

PLAY = "play"  # the parameter that carries a play id
CONVERTED = "as"  # the parameter that asks for a converted copy, by its kind
ASK_AGAIN = 5  # seconds
BLOCK = 64 * 1024  # bytes that a server without a main loop reads at once
# Nothing of it is a page, is kept by a browser, or is read by another site.
HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}


class AudioMixin(ReadOnlyAdmin):
    """A mixin of the recording's admin: audio and transcript, for those who may hear or read it."""

    class Media:
        js = (Script("recordings/mini_player.js", defer=True),)

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        """Add a play button to the list for those who may hear recordings."""
        columns = list(super().get_list_display(request))
        return ["listen", *columns] if may(request, "hear_recording") else columns

    @admin.display(description=gettext_lazy("listen"), empty_value="")
    def listen(self, recording: Recording) -> str | SafeString:
        """Return a button that plays it in the list, or without JavaScript a link to its page."""
        if not recording.audio_state.can_be_heard:
            return ""
        return format_html('<a href="{}/change/" aria-label="{}">▶</a>', recording.pk, _("Play"))

    def show(
        self, request: HttpRequest, obj: models.Model, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Its page, whose picture of the sound brings a style element: the one that carries the page's nonce."""
        page_of_it = super().show(request, obj, extra_context)
        csp_update({"style-src": [NONCE]})(lambda _request: page_of_it)(request)
        return page_of_it

    @page("<path:object_id>/audio/", permission="recordings.hear_recording", access=AccessAction.PLAY)
    def audio(self, request: HttpRequest, recording: Recording) -> HttpResponseBase:
        """Return the audio or a part of it: our copy, or what Vobiz still has."""
        is_head = request.method == "HEAD"
        kind = request.GET.get(CONVERTED)
        wanted = AudioRequest(
            None if is_head else ByteRange.parse(request.headers.get("Range")),
            request.headers.get("If-Range"),
            only_head=is_head,
            to_play=True,
            converted=kind if kind in formats.CONVERTED else None,
        )
        play_id = playback.play_of(request.GET.get(PLAY, ""), request.user, recording)
        return _send(request, recording, AccessAction.PLAY, wanted, play_id)

    @page("<path:object_id>/play/", permission="recordings.hear_recording", access=AccessAction.PLAY)
    def play(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """Return where a list finds the audio for one play that begins now."""
        words = {
            "play": _("Play"), "pause": _("Pause"), "position": _("Position"), "speed": _("Speed"),
            "close": _("Close the player"), **_failure_words(),
        }  # fmt: skip
        at = strip_tags(formatting.day_and_time(recording.happened_at, timezone.now()))
        given, why = sources_of(request, recording), why_unheard(recording)
        cure = cure_of(request, recording.account)
        response = JsonResponse(
            {
                "seconds": (length_of(recording) or 0) / 1_000,
                "why": why,
                "cure": {"verb": cure.label, "url": cure.url} if why and cure.url else None,
                **given,
                "title": formatting.plain(recording.call),
                "line": f"{at} · {formatting.account_label(recording.account)}",
                "words": words,
            }
        )
        response["Cache-Control"] = "private, no-store"
        return response

    @page(
        "<path:object_id>/transcript/",
        name="transcript",
        permission="recordings.read_transcription",
        also=("recordings.view_recording",),
        methods=WRITE,
        access=AccessAction.TRANSCRIPT,
    )
    def open_transcript(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """Return the recording's page with its transcript."""
        held = Transcription.objects.filter(recording=recording).first()
        if held is None or not held.is_readable:
            return HttpResponseRedirect(self.to_object(recording, anchor="#transcript"))
        note_access(request, AccessAction.TRANSCRIPT, recording)
        return self.show(request, recording, {"transcript": opened(held)})

    @page(
        "<path:object_id>/download/",
        permission="recordings.export_recording",
        also=("recordings.hear_recording",),
        access=AccessAction.DOWNLOAD,
    )
    def download(self, request: HttpRequest, recording: Recording) -> HttpResponseBase:
        """Return the whole file, under a name that people can read. Whoever takes it out must be allowed to hear it."""
        wanted = AudioRequest(only_head=request.method == "HEAD")
        return _send(request, recording, AccessAction.DOWNLOAD, wanted)


def _send(
    request: HttpRequest,
    recording: Recording,
    action: AccessAction,
    wanted: AudioRequest,
    play_id: str | None = None,
) -> HttpResponseBase:
    """Return the audio, logged before its first byte leaves: to be played, or as a file; or why there is none."""
    note = partial(note_access, request, action, recording)
    try:
        audio = playback.open_audio(recording, wanted)
    except AudioUnavailableError as none:
        note(result=AccessResult.FAILED, detail=str(none), play_id=f"{play_id}.failed" if play_id else None)
        return _words(str(none), none.status)
    except RangeNotSatisfiableError as trouble:
        return _out_of_range(trouble)
    except TooManyStreamsError:
        return _busy()
    try:
        note(play_id=play_id)
    except BaseException:
        audio.body.close()
        raise
    response = _response(audio, only_head=wanted.only_head)
    if wanted.to_play:
        response["Accept-Ranges"] = "bytes"
        response["Content-Disposition"] = "inline"
    else:
        name = recording.file_name(audio.extension, timezone.get_current_timezone())
        response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def sources_of(request: HttpRequest, recording: Recording) -> dict[str, Any]:
    """Return the addresses of one play by this reader: `src` first, and `mp3` or `opus` where that fails.

    They are empty without a copy. `type`: what a browser must know to play `src`; empty where every one does.
    """
    url = reverse("admin:recordings_recording_audio", args=[recording.pk])
    src = f"{url}?{urlencode({PLAY: playback.mint(request.user, recording)})}"
    is_archived = recording.audio_state == AudioState.ARCHIVED
    if is_archived and recording.container == formats.UNKNOWN:
        return {"src": src, "type": "", "mp3": "", "opus": ""}
    mp3, opus = (f"{src}&{urlencode({CONVERTED: kind})}" for kind in ("mp3", "opus"))
    given = {"src": src, "type": "", "mp3": mp3, "opus": opus}
    # what is at Vobiz alone shows its format when it is played
    if not is_archived or playback.plays_as_it_is(recording):
        return given
    known_to_some = playback.browser_type(recording)
    return given | ({"type": known_to_some} if known_to_some else {"src": mp3})


def _failure_words() -> dict[str, str]:
    """Why a player fails, by what a browser can tell apart."""
    return {
        "lost": _("The audio did not come: the connection to the portal was lost. Press Play to try again."),
        "unplayable": _("Your browser cannot play this file. Download it to listen in another program."),
    }


def _response(audio: Audio, *, only_head: bool) -> HttpResponseBase:
    """Return the answer, whose body a server sends after this thread is free again where it can."""
    response: HttpResponseBase
    if only_head:
        audio.body.close()
        response = HttpResponse(headers=HEADERS)
    else:
        response = StreamingHttpResponse(audio.body, status=206 if audio.is_part else 200, headers=HEADERS)
        if isinstance(audio.body, FileSlice):
            # Django hands it to the server's own way of sending files.
            response.file_to_stream = audio.body  # type: ignore[attr-defined]
            response.block_size = BLOCK  # type: ignore[attr-defined]
    response["Content-Type"] = audio.content_type
    if audio.stop is not None:
        response["Content-Length"] = str(audio.stop - audio.start)
    if audio.is_part and audio.stop is not None:
        response["Content-Range"] = f"bytes {audio.start}-{audio.stop - 1}/{audio.size}"
    if audio.etag is not None:
        response["ETag"] = audio.etag
    return response


def _words(words: str, status: int) -> HttpResponse:
    """Return why there is nothing to hear."""
    return HttpResponse(words, content_type="text/plain; charset=utf-8", status=status, headers=HEADERS)


def _out_of_range(trouble: RangeNotSatisfiableError) -> HttpResponse:
    response = _words(_("The audio ends before that."), 416)
    if trouble.size is not None:
        response["Content-Range"] = f"bytes */{trouble.size}"
    return response


def _busy() -> HttpResponse:
    response = _words(
        _("Too many people are listening to recordings that are not archived. Try again in a few seconds."),
        503,
    )
    response["Retry-After"] = str(ASK_AGAIN)
    return response


SPEEDS = ("0.5", "0.75", "1", "1.25", "1.5", "1.75", "2")


def player(request: HttpRequest, recording: Recording) -> dict[str, Any]:
    """Return an audio element with a play token of its own and its picture; or in `words` why there is nothing to hear.

    `seconds`: how long it is, as a script reads it, where that is known. `peaks`: in base64, one byte for the loudness
    of each part of the time, channel after channel; empty while there is no copy of ours. `type`, `mp3`, `opus`: as
    `sources_of` says. `is_converted`: `src` is `mp3`. `is_measured`: `seconds` is the length of the decoded audio.
    `original`: the format of the archived file, in words. `notice`: that there is no sound in it.
    """
    if not may(request, "hear_recording"):
        return {"words": _("You do not have the permission to hear recordings.")}
    state = recording.audio_state
    if not state.can_be_heard:
        return {"words": NO_AUDIO_WORDS[state]}
    if why := why_unheard(recording):
        return {"words": with_cure(request, recording.account, why)}
    is_archived = state == AudioState.ARCHIVED
    length = length_of(recording)
    wave = Waveform.objects.filter(recording=recording).first()
    channels = 1 if wave is None else wave.channels
    download = reverse("admin:recordings_recording_download", args=[recording.pk])
    given = sources_of(request, recording)
    return {
        **given,
        "is_converted": given["src"] == given["mp3"],
        "is_measured": is_archived and recording.audio_codec is not None,
        "original": archive.format_of(recording),
        "notice": _("This recording contains no sound.") if recording.is_silent else "",
        "failures": _failure_words(),
        "seconds": "" if length is None else f"{length / 1_000:.3f}",
        "peaks": b64encode(bytes(wave.points)).decode() if wave is not None else "",
        "scale": _scale(length),
        "speeds": SPEEDS,
        "lanes": _lanes(recording, channels),
        "lanes_hint": _lanes_hint(recording, channels),
        "download": download if may(request, "export_recording") else "",
    }


def why_unheard(recording: Recording) -> str:
    """Return why Vobiz cannot be asked for the audio of a recording without an archived copy; empty where it can be."""
    account = recording.account
    if recording.audio_state == AudioState.ARCHIVED or not account.cannot_sync:
        return ""
    if account.is_active:
        words = _("Not archived, so it cannot be played: no token is stored for %s.")
    else:
        words = _("Not archived, so it cannot be played: %s is inactive.")
    return words % formatting.plain(account)


def length_of(recording: Recording) -> int | None:
    """Return the milliseconds of the archived copy, else those that Vobiz reports."""
    is_archived = recording.audio_state == AudioState.ARCHIVED
    length = recording.audio_duration_ms if is_archived else None
    return recording.duration_ms if length is None else length


def _scale(milliseconds: int | None) -> tuple[str, ...]:
    """Return the times at the quarters of what is shorter than a day; nothing for less than four seconds."""
    if milliseconds is None or milliseconds < 4_000:
        return ()
    return tuple(formatting.length(milliseconds * quarter / 4_000) for quarter in range(5))


def _lanes(recording: Recording, channels: int) -> tuple[str, ...]:
    if channels == 1:
        return ("",)
    if channels == 2:
        return archive.sides_of(recording)
    return tuple(_("Channel %d") % number for number in range(1, channels + 1))


def _lanes_hint(recording: Recording, channels: int) -> str:
    """Return why two lanes do not name the caller and the callee."""
    if channels != 2 or archive.knows_sides(recording):
        return ""
    return _("Vobiz does not say which side is the caller.")
