"""Download audio from Vobiz's media host into a staging file, and judge what it is."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable
from datetime import datetime
from typing import BinaryIO

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings import storage
from recordings.archive.outcomes import (
    READY_WITHIN,
    AccountPausedError,
    AudioGoneError,
    CopyFailedError,
    NotReadyError,
)
from recordings.audio import GZIP, GZIP_LAYERS, Audio, Finding, Reason, Verdict, formats, inspect
from recordings.choices import ArchiveFlag
from recordings.models import Account, Recording
from recordings.models.recording.transitions import ArchivedFile
from recordings.provider import explain
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import (
    AuthenticationError,
    NotFoundError,
    RateLimitError,
    RouteMissingError,
    UnreachableError,
    VobizError,
)
from recordings.vobiz.media import AUDIO_CAP
from recordings.vobiz.objects import RecordingObject

SAME_BODIES = 3  # the same incomplete file so often in a row is all that Vobiz has
AWAY = (502, 503, 504)  # the media host's, or what stands before it: not about this file
LOOK_AT_SPACE_EVERY = 32 * 1024 * 1024  # bytes
BLOCK = 1024 * 1024
# By how much the true length may differ from Vobiz's: the larger of these.
TOLERANCE_MS, TOLERANCE_SHARE = 2_000, 50


class Sink(io.RawIOBase):
    """The staging file as a sink: writes every byte or raises; keeps the disk reserve; checks the lease."""

    def __init__(self, file: io.FileIO, may_go_on: Callable[[], None]) -> None:
        self._file = file
        self._may_go_on = may_go_on
        self._until_look = LOOK_AT_SPACE_EVERY

    def writable(self) -> bool:
        return True

    def write(self, block: bytes) -> int:  # type: ignore[override]
        self._may_go_on()
        self._until_look -= len(block)
        if self._until_look < 0:
            self._until_look = LOOK_AT_SPACE_EVERY
            check_space()
        left = memoryview(block)
        with storage.os_errors():
            while left:  # a disk that fills takes a part first
                left = left[self._file.write(left) or 0 :]
        return len(block)


def check_space() -> None:
    """Raise StorageError if less space is free than the reserve."""
    for space in (storage.archive().working_space(), storage.archive().free_space()):
        if space is not None and not space.enough:
            raise storage.StorageError(
                _("Only %(free)s MB are free where audio is kept, and %(reserve)s MB must stay free.")
                % {"free": space.free // 10**6, "reserve": space.reserve // 10**6},
                no_space=True,
            )


def fetch(
    recording: Recording,
    seen: RecordingObject,
    client: VobizClient,
    into: io.FileIO,
    *,
    may_go_on: Callable[[], None],
    now: datetime,
) -> ArchivedFile:
    """Download and inspect the audio at `seen.recording_url`. Raise an error of `outcomes`, or StorageError."""
    if not seen.recording_url:
        raise NotReadyError(_("Vobiz names no address for its audio yet."))
    broken, ended = "", True
    try:
        done = client.download(seen.recording_url, Sink(into, may_go_on))
        sha256, size, ended = done.sha256, done.bytes, done.ended
    except VobizError as error:
        broken = str(error)
        began = isinstance(error, UnreachableError) and error.status in (200, 203, 206)
        if not began:
            raise _cause(error, recording, now) from error
        sha256, size = _digest(into)
    if unpack(into, may_go_on):
        sha256, size = _digest(into)
    finding = inspect(into)
    said_ms = recording.duration_ms if seen.duration_ms is None else seen.duration_ms
    audio = finding.audio
    # a recording of nothing is a header and no more
    if audio is None or (
        finding.verdict == Verdict.NOT_AUDIO and (said_ms is None or said_ms > TOLERANCE_MS)
    ):
        raise CopyFailedError(broken or _no_audio(finding))
    flag = flag_of(audio, said_ms)
    if missing := broken or _missing(audio, said_ms, ended=ended):
        _only_if_it_is_all(recording, sha256, size, missing, now)
        flag = ArchiveFlag.CUT_BY_VOBIZ if flag != ArchiveFlag.UNKNOWN_FORMAT else flag
    name = storage.new_name(formats.extension_of(audio.container))
    return ArchivedFile(name, sha256, size, audio, flag)


def unpack(into: io.FileIO, may_go_on: Callable[[], None]) -> bool:
    """Replace a gzip file by its content; return whether it was one.

    A server may pack what was packed before, so what comes out is looked at again; a few times, as a gzip file can be
    made that unpacks to itself. Raise StorageError, or CopyFailedError if the content is too large.
    A truncated gzip stays as it is: the next attempt may bring the rest.
    """
    layers = 0
    while layers < GZIP_LAYERS and _unpack_once(into, may_go_on):
        layers += 1
    return layers > 0


def _unpack_once(into: io.FileIO, may_go_on: Callable[[], None]) -> bool:
    into.seek(0)
    if into.read(len(GZIP)) != GZIP:
        return False
    into.seek(0)
    with storage.staging_file() as unpacked:
        sink, size = Sink(unpacked.file, may_go_on), 0
        try:
            with gzip.GzipFile(fileobj=into) as packed:
                while block := packed.read(BLOCK):
                    size += len(block)
                    if size > AUDIO_CAP:
                        raise CopyFailedError(_("Unpacked, what Vobiz gave is too large."))
                    sink.write(block)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return False
        into.seek(0)
        into.truncate()
        unpacked.file.seek(0)
        target = Sink(into, may_go_on)
        while block := unpacked.file.read(BLOCK):
            target.write(block)
    return True


def look(file: BinaryIO, name: str, recording: Recording) -> ArchivedFile | None:
    """Inspect the file that an earlier attempt stored as `name` for `recording`; return None if it is not audio."""
    sha256, size = _digest(file)
    audio = inspect(file).audio
    if audio is None:
        return None
    return ArchivedFile(name, sha256, size, audio, flag_of(audio, recording.duration_ms))


def flag_of(audio: Audio, said_ms: int | None) -> ArchiveFlag | None:
    """Return the flag for a file, given the length in milliseconds that Vobiz reports."""
    if audio.container == formats.UNKNOWN:
        return ArchiveFlag.UNKNOWN_FORMAT
    return _length_flag(audio, said_ms) if audio.whole else ArchiveFlag.CUT_BY_VOBIZ


def _missing(audio: Audio, said_ms: int | None, *, ended: bool) -> str:
    """Return why the file may be incomplete; an empty text if it is complete.

    `ended`: whether the response stated its own length.
    """
    if audio.container == formats.UNKNOWN:
        return _("No decoder can read the file.")  # it may be incomplete, or not written yet
    if not audio.whole:
        return _("The file ends before its own structure says so.")
    if not ended and _length_flag(audio, said_ms) and (audio.duration_ms or 0) < (said_ms or 0):
        return _("The file is shorter than Vobiz says, and the response did not state where it ends.")
    return ""


def _only_if_it_is_all(recording: Recording, sha256: str, size: int, missing: str, now: datetime) -> None:
    """Raise CopyFailedError, unless the same incomplete file came so often that Vobiz has no more."""
    same = recording.archive_same_bodies + 1 if recording.archive_body_sha256 == sha256 else 1
    is_young = now - (recording.ended_at or recording.happened_at) < READY_WITHIN  # Vobiz may still be at it
    if same >= SAME_BODIES and not is_young:
        return
    times = ngettext(
        "%(size)d bytes came, %(same)d time.", "%(size)d bytes came, %(same)d times the same.", same
    )
    raise CopyFailedError(f"{missing} {times % {'size': size, 'same': same}}", body=sha256, same_bodies=same)


def _cause(error: VobizError, recording: Recording, now: datetime) -> Exception:
    """Return the error to raise: the recording's own, or one of the whole account."""
    account: Account = recording.account
    # at a file's address either says that it has no file
    if isinstance(error, NotFoundError | RouteMissingError):
        ended_at = recording.ended_at or recording.happened_at
        if now >= recording.retention_ends_at:
            words = _("Vobiz has deleted its audio, as it does after the account's days of storage.")
            return AudioGoneError(words, is_listed=True)
        if now - ended_at < READY_WITHIN:
            return NotReadyError(_("Vobiz does not have its file ready yet."))
        return CopyFailedError(_("Vobiz lists it and does not have its file (404)."))
    if isinstance(error, RateLimitError):
        return AccountPausedError(explain(error, account))
    if isinstance(error, AuthenticationError):
        return AccountPausedError(explain(error, account), may_be_its_own=True)
    if isinstance(error, UnreachableError) and error.status in (None, *AWAY):
        return AccountPausedError(explain(error, account), may_be_its_own=True)
    return CopyFailedError(explain(error, account))


def _length_flag(audio: Audio, said_ms: int | None) -> ArchiveFlag | None:
    if audio.duration_ms is None or said_ms is None:
        return None
    allowed = max(TOLERANCE_MS, said_ms // TOLERANCE_SHARE)
    return ArchiveFlag.LENGTH_DIFFERS if abs(audio.duration_ms - said_ms) > allowed else None


def _digest(file: BinaryIO | io.FileIO) -> tuple[str, int]:
    """Return the SHA-256 in hex and the size in bytes."""
    digest, size = hashlib.sha256(), 0
    file.seek(0)
    while block := file.read(BLOCK):
        digest.update(block)
        size += len(block)
    return digest.hexdigest(), size


def _no_audio(finding: Finding) -> str:
    """Return the reason why a file is not audio, for people."""
    match finding.reason:
        case Reason.EMPTY:
            return _("Vobiz gave an empty file.")
        case Reason.TOO_SHORT:
            return _("The file has a beginning and no sound.")
        case Reason.TEXT:
            return _("What Vobiz gave is a text, not audio.")
    return _("What Vobiz gave is no audio: %s.") % finding.detail
