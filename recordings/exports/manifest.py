"""`manifest.csv` of a ZIP: a line for each recording, what became of its file, and its words.

The words of a ZIP's recordings may be hundreds of megabytes, so they are read a few at a time, and once more where the
size has to be known before they leave.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Protocol

from django.utils.translation import gettext as _

from recordings.exports.csv_file import csv_file
from recordings.exports.plan import Item
from recordings.exports.tables import MANIFEST
from recordings.models import Recording

AT_ONCE = 20  # recordings whose words are in memory together
COLUMNS = ("file", "bytes", "sha256", "status", "reason", "transcript")


class WordsChanged(Exception):
    """A transcript is another than the one whose size was told; says so in words."""


class Words(Protocol):
    """The transcripts of recordings."""

    def read(self, recordings: Sequence[Recording]) -> dict[int, str]:
        """By the recordings' primary keys, of those that have one."""

    def note(self, recordings: Sequence[Recording]) -> None:
        """Of these the words are about to leave, and no audio did."""


@dataclass(slots=True)
class Sent:
    """What became of one file."""

    item: Item
    size: int = 0
    sha256: str = ""
    reason: str = ""
    is_there: bool = False

    @property
    def status(self) -> str:
        """For the manifest."""
        if self.is_there:
            return "incomplete" if self.reason else "complete"
        return "missing"


@dataclass(slots=True)
class Manifest:
    """Of what is in `sent` when it leaves. `words` is None where they are withheld."""

    sent: list[Sent]
    zone: tzinfo
    words: Words | None
    withheld: str = field(
        default_factory=lambda: _("withheld: you do not have the permission to read transcripts")
    )
    _is_promised: bool = False
    _promised: dict[int, bytes] = field(
        default_factory=dict
    )  # the digest of each text when the size was told

    def content_length(self) -> int:
        """Return the size in bytes and fix the content: a transcript that comes later is left out."""
        self._is_promised = True
        return sum(len(piece) for piece in self._file(self._to_promise))

    def iter_bytes(self) -> Iterator[bytes]:
        """The file. WordsChanged where it cannot be what was promised."""
        return self._file(self._to_leave)

    def _file(self, read: Callable[[Sequence[Sent]], dict[int, str]]) -> Iterator[bytes]:
        return csv_file([*MANIFEST.header(self.zone), *COLUMNS], self._rows(read))

    def _rows(self, read: Callable[[Sequence[Sent]], dict[int, str]]) -> Iterator[list[str]]:
        for start in range(0, len(self.sent), AT_ONCE):
            batch = self.sent[start : start + AT_ONCE]
            yield from self._lines(batch, read(batch))

    def _lines(self, batch: Sequence[Sent], words: dict[int, str]) -> Iterator[list[str]]:
        for one in batch:
            said = words.get(one.item.recording.pk) if self.words is not None else self.withheld
            yield MANIFEST.row(one.item.recording, self.zone) + MANIFEST.cells(
                one.item.name if one.is_there else None,
                one.size if one.is_there else None,
                one.sha256 or None,
                one.status,
                one.reason or None,
                said,
            )

    def _read(self, batch: Sequence[Sent]) -> dict[int, str]:
        return self.words.read([one.item.recording for one in batch]) if self.words is not None else {}

    def _to_promise(self, batch: Sequence[Sent]) -> dict[int, str]:
        found = self._read(batch)
        self._promised.update((pk, _digest(text)) for pk, text in found.items())
        return found

    def _to_leave(self, batch: Sequence[Sent]) -> dict[int, str]:
        found = self._read(batch)
        if self._is_promised:
            found = {pk: text for pk, text in found.items() if pk in self._promised}
            for pk in {one.item.recording.pk for one in batch} & self._promised.keys():
                if pk not in found or _digest(found[pk]) != self._promised[pk]:
                    raise WordsChanged(_("A transcript changed while the ZIP left. Export it again."))
        if self.words is not None:
            alone = [one for one in batch if one.item.recording.pk in found and not one.is_there]
            self.words.note([one.item.recording for one in alone])
        return found


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()
