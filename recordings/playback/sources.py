"""Where a recording's audio is: in the archive, or still at Vobiz. And which part of it is to be sent."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings import storage
from recordings.audio import Reason, Verdict, formats, probe
from recordings.choices import NO_AUDIO_WORDS, AudioState
from recordings.models import Recording
from recordings.playback.converted import ConversionError, converted_copy, converted_from_vobiz
from recordings.playback.ranges import ByteRange
from recordings.playback.streaming import FileSlice, Stream
from recordings.provider import client_for, explain
from recordings.storage import AudioMissingError, StorageError
from recordings.storage.folder import ArchiveFolder
from recordings.vobiz.client import INTERACTIVE, VobizClient
from recordings.vobiz.errors import VobizError
from recordings.vobiz.media import AudioStream

# A part of a stream that a listener asks for is answered with this much at most (RFC 9110, 15.3.7, allows it; players
# ask for the rest when they need it): less than what waitress buffers, so that no slow listener holds a thread.
MOST_OF_A_STREAM = 8 * 1024 * 1024
MOST_TO_CONVERT = 512 * 1024 * 1024  # bytes fetched from Vobiz for a converted copy
SNIFFED = 64 * 1024  # bytes that tell what a file is: the first page of every container is in them
UNREADABLE = gettext_lazy("The portal cannot read this file's format, so it cannot play it.")
GONE = (AudioState.CORRUPT, AudioState.DELETED)  # answered 410; the others, whose audio may still come, 409
logger = logging.getLogger(__name__)


class AudioUnavailableError(Exception):
    """There is none to be had now; says in words why. `status` is the HTTP status that says the same."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


class StaleCopyError(StorageError):
    """The archive gave a file that is not the one that was put there."""


class RangeNotSatisfiableError(Exception):
    """Not one byte of the range is in the file, which has `size` bytes where that is known."""

    def __init__(self, size: int | None) -> None:
        super().__init__(size)
        self.size = size


@dataclass(frozen=True, slots=True)
class Audio:
    """What is sent: the bytes from `start` to `stop` of `size`, of a file of this `container`.

    `stop` and `size` are None where Vobiz does not say. `is_part`: a range was asked for, and this is it. `etag`
    names the bytes of the whole file; what is still at Vobiz has none. Whoever opened it closes the body.
    """

    container: str
    start: int
    stop: int | None
    size: int | None
    body: FileSlice | Stream
    is_part: bool = False
    etag: str | None = None

    @property
    def content_type(self) -> str:
        """The media type."""
        return formats.content_type_of(self.container)

    @property
    def extension(self) -> str:
        """The file extension, without the dot."""
        return formats.extension_of(self.container)


@dataclass(frozen=True, slots=True)
class AudioRequest:
    """What a request asks for; `if_range`: its range counts only for a file of this ETag.

    `to_play`: what no browser can play is refused with the reason, and not sent. `converted`: not the file itself,
    but a copy of this kind.
    """

    part: ByteRange | None = None
    if_range: str | None = None
    only_head: bool = False
    to_play: bool = False
    converted: str | None = None

    def of(self, etag: str | None) -> ByteRange | None:
        """Return the range to send of a file with this ETag (If-Range, RFC 9110, 13.1.5)."""
        return self.part if self.if_range is None or self.if_range == etag else None


def open_audio(recording: Recording, wanted: AudioRequest) -> Audio:
    """Open the archived copy, else the audio at Vobiz.

    Raises AudioUnavailableError, RangeNotSatisfiableError or TooManyStreamsError.
    """
    state = recording.audio_state
    if not state.can_be_heard:
        raise AudioUnavailableError(str(NO_AUDIO_WORDS[state]), 410 if state in GONE else 409)
    if state == AudioState.ARCHIVED:
        try:
            if wanted.converted is not None:
                return _converted(recording, wanted, wanted.converted)
            return _kept(recording, wanted)
        except StorageError as trouble:
            logger.warning("The archive's copy of recording %s cannot be read: %s", recording.pk, trouble)
            if not recording.is_at_vobiz:
                raise AudioUnavailableError(*_unread(trouble)) from trouble
    if wanted.converted is not None:
        return _converted_from_vobiz(recording, wanted, wanted.converted)
    return _at_vobiz(recording, wanted)


# Our copy


def _unread(trouble: StorageError) -> tuple[str, int]:
    """Return the reason and HTTP status for a copy that only we have: lost, or the storage is unreachable."""
    if isinstance(trouble, AudioMissingError | StaleCopyError):
        return _("The archived copy cannot be read, and Vobiz has deleted the original. %s") % trouble, 410
    words = _(
        "The archive's storage could not be reached, so this audio cannot be given now. Nothing is lost: its copy "
        "is there as soon as the storage answers again. %s"
    )
    return words % trouble, 503


def _kept(recording: Recording, wanted: AudioRequest) -> Audio:
    """Open the archived copy. Raises AudioMissingError, StaleCopyError or, if the archive is away, StorageError."""
    name, etag = str(recording.audio), f'"{recording.audio_sha256}"'
    container = recording.container if recording.container in formats.CONTAINERS else formats.UNKNOWN
    if wanted.to_play and container == formats.UNKNOWN:
        raise AudioUnavailableError(str(UNREADABLE), 415)
    size = storage.archive().size(name)
    if size != recording.audio_bytes:
        raise StaleCopyError(_("Its file is not as long as the one that was stored."))
    asked = wanted.of(etag)
    found = (0, size) if asked is None else asked.within(size)
    if found is None:
        raise RangeNotSatisfiableError(size)
    start, stop = found
    if isinstance(storage.archive(), ArchiveFolder):
        return Audio(
            container,
            start,
            stop,
            size,
            FileSlice(storage.archive().open_audio(name), start, stop),
            asked is not None,
            etag,
        )
    if asked is not None:
        stop = min(stop, start + MOST_OF_A_STREAM)
    body = Stream()
    if not wanted.only_head:
        _begin(body, name, start, stop)
    return Audio(container, start, stop, size, body, is_part=asked is not None, etag=etag)


def _begin(body: Stream, name: str, start: int, stop: int) -> None:
    """Read the first bytes, so that an error of the archive is raised before the response begins."""
    pieces = storage.archive().read_range(name, start, stop)
    try:
        body.begin(pieces, getattr(pieces, "close", lambda: None))
        body.peek(1)
    except BaseException:
        body.close()
        raise


def _converted(recording: Recording, wanted: AudioRequest, kind: str) -> Audio:
    """Open the converted copy.

    Raises AudioUnavailableError, RangeNotSatisfiableError, or StorageError if the archived file is unreadable.
    """
    if recording.container in (None, formats.UNKNOWN):
        raise AudioUnavailableError(str(UNREADABLE), 415)
    return _copy(lambda: converted_copy(recording, kind), wanted, kind)


def _copy(make: Callable[[], Path], wanted: AudioRequest, kind: str) -> Audio:
    """Open a converted copy. Its ETag changes when it is made anew."""
    try:
        path = make()
        file = path.open("rb")
    except ConversionError as error:
        raise AudioUnavailableError(str(error), 415) from error
    facts = os.fstat(file.fileno())
    size, etag = facts.st_size, f'"{path.name}-{facts.st_size}"'
    asked = wanted.of(etag)
    found = (0, size) if asked is None else asked.within(size)
    if found is None:
        file.close()
        raise RangeNotSatisfiableError(size)
    return Audio(kind, *found, size, FileSlice(file, *found), asked is not None, etag)


# Still at Vobiz


def _at_vobiz(recording: Recording, wanted: AudioRequest) -> Audio:
    """Stream from Vobiz, storing nothing."""
    body = Stream()
    try:
        return _proxied(recording, wanted, body)
    except VobizError as error:
        body.close()
        raise AudioUnavailableError(explain(error, recording.account), 502) from error
    except BaseException:
        body.close()
        raise


def _url_of(recording: Recording, client: VobizClient) -> str:
    """Ask the API where the audio is now; an empty text if it names no address."""
    return client.retrieve_recording(str(recording.recording_id)).recording_url or ""


def _converted_from_vobiz(recording: Recording, wanted: AudioRequest, kind: str) -> Audio:
    """Fetch the whole file from Vobiz, and open a copy of it that browsers play."""

    def download(into: BinaryIO) -> None:
        with client_for(recording.account, retry_policy=INTERACTIVE) as client:
            client.download(_url_of(recording, client), into, max_bytes=MOST_TO_CONVERT)

    try:
        return _copy(lambda: converted_from_vobiz(recording, kind, download), wanted, kind)
    except VobizError as error:
        raise AudioUnavailableError(explain(error, recording.account), 502) from error
    except (StorageError, OSError) as error:
        logger.warning("Recording %s could not be converted: %s", recording.pk, error)
        raise AudioUnavailableError(
            _("There is no room on the portal's disk for a converted copy."), 503
        ) from error


def _proxied(recording: Recording, wanted: AudioRequest, body: Stream) -> Audio:
    asked = wanted.of(None)
    with client_for(recording.account, retry_policy=INTERACTIVE) as client:
        url = _url_of(recording, client)
        beginning = f"bytes=0-{SNIFFED - 1}"
        header = asked.header(most=MOST_OF_A_STREAM) if asked is not None else None
        if wanted.only_head:
            header = beginning
        # what the file is, is judged by its beginning, whatever part a listener asks for
        head = None
        if header is not None and not wanted.only_head:
            with closing(client.open_audio(url, beginning)) as first:
                head = _beginning_of(first)
        stream = client.open_audio(url, header)
        body.begin(stream.pieces, stream.close)
        if stream.unsatisfiable:
            raise RangeNotSatisfiableError(stream.size)
        if head is None:
            head = body.peek(SNIFFED)
    container = _container_of(head, stream.size, to_play=wanted.to_play)
    if asked is None or stream.size is None:
        return Audio(container, 0, stream.size, stream.size, body)
    return _cut(stream, asked, stream.size, body, container)


def _beginning_of(stream: AudioStream) -> bytes:
    head = b""
    while len(head) < SNIFFED and (piece := next(stream.pieces, None)) is not None:
        head += piece
    return head[:SNIFFED]


def _container_of(head: bytes, size: int | None, *, to_play: bool) -> str:
    """Return the container by the first bytes; Vobiz's name and type are not trusted. Raises AudioUnavailableError."""
    found = probe(head, is_all=size == len(head))
    if found.verdict == Verdict.AUDIO and found.audio is not None:
        container, codec = found.audio.container, found.audio.codec
        if to_play and not (
            formats.plays_everywhere(container, codec) or formats.browser_type(container, codec)
        ):
            words = _("Browsers cannot play %s. The portal's player plays a converted copy.")
            raise AudioUnavailableError(words % formats.label_of(container, codec), 415)
        if to_play and found.reason is None and not found.audio.regular:
            words = _(
                "Browsers find no exact moment in this file. The portal's player plays a converted copy."
            )
            raise AudioUnavailableError(words, 415)
        return container
    is_incomplete = len(head) < SNIFFED if size is None else len(head) < min(SNIFFED, size)
    if is_incomplete and found.reason not in (Reason.DOCUMENT, Reason.TEXT):
        raise AudioUnavailableError(
            _("The audio broke off on its way from Vobiz and is incomplete: try again."), 502
        )
    if found.verdict == Verdict.NOT_AUDIO:
        raise AudioUnavailableError(_("What Vobiz gave is no audio, so it is not played."), 502)
    if to_play:
        raise AudioUnavailableError(str(UNREADABLE), 415)
    return formats.UNKNOWN


def _cut(stream: AudioStream, asked: ByteRange, size: int, body: Stream, container: str) -> Audio:
    """Cut the requested range out of the answer: Vobiz may send that range or the whole file."""
    found = asked.within(size)
    if found is None:
        raise RangeNotSatisfiableError(size)
    start = found[0]
    last = size if stream.stop is None else stream.stop
    stop = min(found[1], start + MOST_OF_A_STREAM, last)
    if not stream.start <= start < stop:
        raise AudioUnavailableError(
            _("Vobiz sent another part of the audio than the one that was asked for."), 502
        )
    body.cut(skip=start - stream.start, take=stop - start)
    return Audio(container, start, stop, size, body, is_part=True)
