"""`manifest.csv` of a ZIP: a line for each recording, what became of its file, and its transcript.

The transcripts of a ZIP's recordings may be hundreds of megabytes, so they are read a few at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Protocol

from django.utils.translation import gettext as _

from recordings.exports.csv_file import csv_file
from recordings.exports.plan import Item
from recordings.exports.tables import MANIFEST
from recordings.models import Recording

AT_ONCE = 20  # recordings whose transcripts are in memory together
COLUMNS = ("file", "bytes", "sha256", "status", "reason", "transcript")


class TranscriptSource(Protocol):
    """The transcripts of recordings."""

    def read(self, recordings: Sequence[Recording]) -> dict[int, str]:
        """Return them by the recordings' primary keys; recordings without one are left out."""

    def note(self, recordings: Sequence[Recording]) -> None:
        """Log that the transcripts of these are about to leave without their audio."""


@dataclass(slots=True)
class Sent:
    """The outcome of one recording of the ZIP."""

    item: Item
    size: int = 0
    sha256: str = ""
    reason: str = ""
    is_there: bool = False

    @property
    def status(self) -> str:
        """The status in the manifest."""
        if self.is_there:
            return "incomplete" if self.reason else "complete"
        return "missing"


@dataclass(slots=True)
class Manifest:
    """The manifest of `sent`. `transcripts` is None where the reader may not read transcripts."""

    sent: list[Sent]
    zone: tzinfo
    transcripts: TranscriptSource | None
    withheld: str = field(
        default_factory=lambda: _("withheld: you do not have the permission to read transcripts")
    )

    def iter_bytes(self) -> Iterator[bytes]:
        """Yield the file; each transcript is read once, and logged before it is yielded."""
        return csv_file([*MANIFEST.header(self.zone), *COLUMNS], self._rows())

    def _rows(self) -> Iterator[list[str]]:
        for start in range(0, len(self.sent), AT_ONCE):
            batch = self.sent[start : start + AT_ONCE]
            texts = self._transcripts_of(batch)
            for one in batch:
                said = texts.get(one.item.recording.pk) if self.transcripts is not None else self.withheld
                yield MANIFEST.row(one.item.recording, self.zone) + MANIFEST.cells(
                    one.item.name if one.is_there else None,
                    one.size if one.is_there else None,
                    one.sha256 or None,
                    one.status,
                    one.reason or None,
                    said,
                )

    def _transcripts_of(self, batch: Sequence[Sent]) -> dict[int, str]:
        """Return the transcripts by primary key, after logging those that leave without their audio."""
        if self.transcripts is None:
            return {}
        found = self.transcripts.read([one.item.recording for one in batch])
        alone = [one.item.recording for one in batch if one.item.recording.pk in found and not one.is_there]
        self.transcripts.note(alone)
        return found
