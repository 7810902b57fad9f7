"""A ZIP made while it is sent: audio as it is, then `manifest.csv` and `SHA256SUMS`.

Where all of it is archived its size is known before it starts, so that a download that broke off is seen as one.
Otherwise what is at Vobiz is fetched on the way; what cannot be had, or breaks off, is in the manifest with the reason.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from typing import Any, Protocol

from django.utils.translation import gettext as _

from recordings import storage
from recordings.exports.dated import DatedZipStream
from recordings.exports.manifest import Manifest, Sent, Words
from recordings.exports.plan import Item, Plan
from recordings.models import Recording
from recordings.storage import StorageError

logger = logging.getLogger(__name__)
MANIFEST_NAME, SUMS_NAME = "manifest.csv", "SHA256SUMS"


class CannotOpen(Exception):
    """There is no audio to be had, or it broke off; says in words why."""


class Opened(Protocol):
    """Audio that is read once, in blocks, and closed. Reading raises CannotOpen where it breaks off."""

    def __iter__(self) -> Iterator[bytes]: ...
    def close(self) -> None: ...


@dataclass(slots=True)
class ZipFile:
    """A plan carried out once. `open_audio` gives a recording's audio, or raises CannotOpen.

    `note` is told of each recording before its first byte leaves, with the reason where none does. `words` is None
    where they are withheld.
    """

    plan: Plan
    open_audio: Callable[[Recording], Opened]
    note: Callable[[Recording, str], None]
    zone: tzinfo
    words: Words | None
    sent: list[Sent] = field(default_factory=list)

    def stream(self) -> tuple[Iterator[bytes], int | None]:
        """The bytes, and how many they are where that is known: where the archive has every file, as stored."""
        self.plan = replace(self.plan, items=tuple(_looked_at(item) for item in self.plan.items))
        if not self.plan.is_sized:
            return self._unsized(), None
        zipped = self._sized()
        return iter(zipped), len(zipped)

    # All of it is archived: everything is known before the first byte

    def _sized(self) -> Any:
        zipped, manifest = DatedZipStream(self.zone, sized=True), self._manifest()
        for item in self.plan.items:
            sent = Sent(
                item, size=item.size or 0, sha256=item.recording.audio_sha256 or "", reason=item.lacks
            )
            self.sent.append(sent)
            if not item.lacks:
                sent.is_there = True
                zipped.add(self._whole(item), item.name, size=item.size)
            elif not self.plan.withheld:
                self.note(item.recording, item.lacks)
        length = manifest.content_length()
        zipped.add(manifest.iter_bytes(), MANIFEST_NAME, size=length)
        zipped.add(self._sums(), SUMS_NAME)
        return zipped

    def _whole(self, item: Item) -> Iterator[bytes]:
        """Its bytes; another number of them than was promised, or none, breaks the download off."""
        self.note(item.recording, "")
        digest = hashlib.sha256()
        for block in _Kept(item):
            digest.update(block)
            yield block
        if digest.hexdigest() != item.recording.audio_sha256:
            raise CannotOpen(_("The archive's file is not the one that was stored."))

    # Some of it has to be fetched: what it comes to is only known afterwards

    def _unsized(self) -> Iterator[bytes]:
        zipped, manifest = DatedZipStream(self.zone), self._manifest()
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
                zipped.add(_counted(audio, sent), item.name)
                yield from zipped.file()
        zipped.add(manifest.iter_bytes(), MANIFEST_NAME)
        zipped.add(self._sums(), SUMS_NAME)
        yield from zipped.finalize()

    def _open(self, sent: Sent) -> Opened | None:
        audio: Opened
        try:
            audio = _Kept(sent.item) if sent.item.is_archived else self.open_audio(sent.item.recording)
        except CannotOpen as trouble:
            sent.reason = str(trouble)
            return None
        sent.is_there = True
        return audio

    # What is in it

    def _manifest(self) -> Manifest:
        return Manifest(self.sent, self.zone, self.words)

    def _sums(self) -> bytes:
        """As `sha256sum -c` reads it: of those files that came whole."""
        lines = [f"{one.sha256}  {one.item.name}\n" for one in self.sent if one.status == "complete"]
        return "".join(lines).encode()


def _looked_at(item: Item) -> Item:
    """As it is, if the archive has it as it was stored; else it has to be fetched, or is found to be missing."""
    if not item.is_archived:
        return item
    try:
        if storage.size(str(item.recording.audio)) == item.size:
            return item
    except (StorageError, OSError) as trouble:
        logger.warning("The archive's copy of recording %s cannot be read: %s", item.recording.pk, trouble)
    return replace(item, size=None)


class _Kept:
    """The archive's copy."""

    def __init__(self, item: Item) -> None:
        self._pieces = storage.read_range(str(item.recording.audio), 0, item.size or 0)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except (StorageError, OSError) as trouble:
            raise CannotOpen(str(trouble)) from trouble

    def close(self) -> None:
        """Give up reading."""
        getattr(self._pieces, "close", lambda: None)()


def _counted(audio: Opened, sent: Sent) -> Iterator[bytes]:
    """Its bytes, with what they come to; where they break off, why."""
    digest = hashlib.sha256()
    try:
        for block in audio:
            digest.update(block)
            sent.size += len(block)
            yield block
    except CannotOpen as trouble:
        sent.reason = str(trouble)
        return
    expected = sent.item.recording.audio_sha256 if sent.item.is_archived else None
    if expected is not None and digest.hexdigest() != expected:
        sent.reason = _("The archive's file is not the one that was stored.")
    sent.sha256 = digest.hexdigest()
