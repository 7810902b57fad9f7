"""A ZIP made while it is sent: audio as it is, then `manifest.csv` and `SHA256SUMS`.

Where all of it is archived its size is known before it starts, so that a download that broke off is seen as one.
Otherwise what is at Vobiz is fetched on the way; what cannot be had, or breaks off, is in the manifest with the reason.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import IO, Protocol

from django.utils.translation import gettext as _

from recordings import storage
from recordings.exports.manifest import Manifest, Sent, TranscriptSource
from recordings.exports.plan import Item, Plan
from recordings.exports.zip_writer import ZipWriter, zip_length
from recordings.models import Recording
from recordings.storage import StorageError

logger = logging.getLogger(__name__)
IN_MEMORY = 1024 * 1024  # bytes of a manifest; a longer one is in a temporary file
BLOCK = 256 * 1024  # bytes
MANIFEST_NAME, SUMS_NAME = "manifest.csv", "SHA256SUMS"


class AudioOpenError(Exception):
    """There is no audio to be had, or it broke off; says in words why."""


class Opened(Protocol):
    """Audio that is read once, in blocks, and closed. Reading raises AudioOpenError where it breaks off."""

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class ZipExport:
    """One download of a plan. `open_audio` returns a recording's audio, or raises AudioOpenError.

    `note` logs a recording before its first byte leaves, or with the reason why none does. `transcripts` is None where
    the reader may not read transcripts.
    """

    plan: Plan
    open_audio: Callable[[Recording], Opened]
    note: Callable[[Recording, str], None]
    zone: tzinfo
    transcripts: TranscriptSource | None
    sent: list[Sent] = field(default_factory=list)

    def stream(self) -> tuple[Iterator[bytes], int | None]:
        """Return the bytes, and their number where the archive has every file as it was stored; else None."""
        self.plan = replace(self.plan, items=tuple(_checked(item) for item in self.plan.items))
        if not self.plan.is_sized:
            return self._unsized(), None
        return self._sized()

    # All of it is archived: everything is known before the first byte

    def _sized(self) -> tuple[Iterator[bytes], int]:
        """Return the body and its length. The manifest is written first, so that its length is known."""
        entries: list[tuple[str, int]] = []
        for item in self.plan.items:
            sent = Sent(
                item, size=item.size or 0, sha256=item.recording.audio_sha256 or "", reason=item.lacks
            )
            sent.is_there = not item.lacks
            self.sent.append(sent)
            if sent.is_there:
                entries.append((item.name, sent.size))
            elif not self.plan.withheld:
                self.note(item.recording, item.lacks)
        file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the body closes it
        for piece in self._manifest().iter_bytes():  # not writelines, which moves to the disk at its end only
            file.write(piece)
        sums, length = self._sums(), file.tell()
        entries += [(MANIFEST_NAME, length), (SUMS_NAME, len(sums))]
        return _Body(self._sized_bytes(file, length, sums), file), zip_length(entries)

    def _sized_bytes(self, manifest: IO[bytes], length: int, sums: bytes) -> Iterator[bytes]:
        zipped = ZipWriter(self.zone)
        for sent in self.sent:
            if sent.is_there:
                yield from zipped.entry(sent.item.name, self._whole(sent.item), size=sent.size)
        manifest.seek(0)
        blocks = iter(lambda: manifest.read(BLOCK), b"")
        yield from zipped.entry(MANIFEST_NAME, blocks, size=length)
        yield from zipped.entry(SUMS_NAME, [sums], size=len(sums))
        yield zipped.finish()

    def _whole(self, item: Item) -> Iterator[bytes]:
        """Yield its bytes; raise AudioOpenError, which ends the download, where they are not those that were stored."""
        self.note(item.recording, "")
        digest = hashlib.sha256()
        for block in _ArchivedAudio(item):
            digest.update(block)
            yield block
        if digest.hexdigest() != item.recording.audio_sha256:
            raise AudioOpenError(_("The archive's file is not the one that was stored."))

    # Some of it has to be fetched: what it comes to is only known afterwards

    def _unsized(self) -> Iterator[bytes]:
        """Yield the audio that could be had, the manifest and the sums."""
        zipped = ZipWriter(self.zone)
        for item in self.plan.items:
            sent = Sent(item, reason=item.lacks)
            self.sent.append(sent)
            audio = None if item.lacks else self._open(sent)
            if audio is None:
                if not self.plan.withheld:
                    self.note(item.recording, sent.reason)
                continue
            with closing(audio):
                self.note(item.recording, "")
                yield from zipped.entry(item.name, _counted(audio, sent))
        yield from zipped.entry(MANIFEST_NAME, self._manifest().iter_bytes())
        yield from zipped.entry(SUMS_NAME, [self._sums()])
        yield zipped.finish()

    def _open(self, sent: Sent) -> Opened | None:
        """Open the audio; None, and the reason in `sent`, where there is none."""
        audio: Opened
        try:
            audio = (
                _ArchivedAudio(sent.item) if sent.item.is_archived else self.open_audio(sent.item.recording)
            )
        except AudioOpenError as trouble:
            sent.reason = str(trouble)
            return None
        sent.is_there = True
        return audio

    # What is in it

    def _manifest(self) -> Manifest:
        return Manifest(self.sent, self.zone, self.transcripts)

    def _sums(self) -> bytes:
        """Return the SHA-256 of each complete file, as `sha256sum -c` reads them."""
        lines = [f"{one.sha256}  {one.item.name}\n" for one in self.sent if one.status == "complete"]
        return "".join(lines).encode()


def _checked(item: Item) -> Item:
    """Return the item, without its size where the archive's file is missing or has another length."""
    if not item.is_archived:
        return item
    try:
        if storage.archive().size(str(item.recording.audio)) == item.size:
            return item
    except (StorageError, OSError) as trouble:
        logger.warning("The archive's copy of recording %s cannot be read: %s", item.recording.pk, trouble)
    return replace(item, size=None)


@dataclass(slots=True)
class _Body:
    """The bytes of a response, and the file that is closed with them, begun or not."""

    pieces: Iterator[bytes]
    file: IO[bytes]

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces

    def __next__(self) -> bytes:
        return next(self.pieces)

    def close(self) -> None:
        """Close both."""
        getattr(self.pieces, "close", lambda: None)()
        self.file.close()


class _ArchivedAudio:
    """The archive's copy, whose storage errors become AudioOpenError."""

    def __init__(self, item: Item) -> None:
        self._pieces = storage.archive().read_range(str(item.recording.audio), 0, item.size or 0)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except (StorageError, OSError) as trouble:
            raise AudioOpenError(str(trouble)) from trouble

    def close(self) -> None:
        """Stop reading."""
        getattr(self._pieces, "close", lambda: None)()


def _counted(audio: Opened, sent: Sent) -> Iterator[bytes]:
    """Yield the bytes and record in `sent` their number and hash, or why they broke off."""
    digest = hashlib.sha256()
    try:
        for block in audio:
            digest.update(block)
            sent.size += len(block)
            yield block
    except AudioOpenError as trouble:
        sent.reason = str(trouble)
        return
    expected = sent.item.recording.audio_sha256 if sent.item.is_archived else None
    if expected is not None and digest.hexdigest() != expected:
        sent.reason = _("The archive's file is not the one that was stored.")
    sent.sha256 = digest.hexdigest()
