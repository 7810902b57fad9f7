"""What a ZIP of recordings will hold, told before it starts: how many files, how large, and what it lacks and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import tzinfo

from django.utils.translation import gettext as _

from recordings.audio import formats
from recordings.choices import NO_AUDIO_WORDS, AudioState
from recordings.models import Recording
from recordings.storage.space import likely_bytes


@dataclass(frozen=True, slots=True)
class Item:
    """One recording of it. `size` in bytes is known of what is archived; `lacks` says why there is no file."""

    recording: Recording
    name: str
    size: int | None = None
    likely_size: int = 0
    lacks: str = ""

    @property
    def is_archived(self) -> bool:
        """Its file is in the archive."""
        return self.size is not None

    @property
    def is_at_vobiz(self) -> bool:
        """Its file has to be fetched."""
        return self.size is None and not self.lacks


@dataclass(frozen=True, slots=True)
class Plan:
    """All of them, in order. `withheld`: the reader may not hear, so there is no audio in it."""

    items: tuple[Item, ...]
    withheld: bool

    @property
    def files(self) -> int:
        """How many audio files, if all that is at Vobiz can be fetched."""
        return sum(not item.lacks for item in self.items)

    @property
    def fetched(self) -> int:
        """How many of them are still at Vobiz."""
        return sum(item.is_at_vobiz for item in self.items)

    @property
    def missing(self) -> tuple[Item, ...]:
        """Those without a file."""
        return tuple(item for item in self.items if item.lacks)

    @property
    def bytes(self) -> int:
        """Of all audio; of what is at Vobiz about so many."""
        return sum(item.size if item.size is not None else item.likely_size for item in self.items)

    @property
    def is_sized(self) -> bool:
        """The ZIP's size is known to the byte before it starts."""
        return not self.fetched


def plan(recordings: Iterable[Recording], *, zone: tzinfo, may_hear: bool) -> Plan:
    """Return the plan by the rows alone, without asking Vobiz. `zone`: of the times in file names."""
    return Plan(tuple(_item(one, zone, may_hear=may_hear) for one in recordings), withheld=not may_hear)


def _item(recording: Recording, zone: tzinfo, *, may_hear: bool) -> Item:
    if not may_hear:
        lacks = _("withheld: you do not have the permission to hear recordings")
        return Item(recording, "", lacks=lacks)
    state = recording.audio_state
    if not state.can_be_heard:
        return Item(recording, "", lacks=str(NO_AUDIO_WORDS[state]))
    if state == AudioState.ARCHIVED:
        name = recording.file_name(formats.extension_of(recording.container), zone)
        return Item(recording, f"audio/{name}", size=recording.audio_bytes)
    name = recording.file_name(recording.file_format or "mp3", zone)
    likely = likely_bytes(recording.duration_ms, recording.file_format, recording.channels)
    return Item(recording, f"audio/{name}", likely_size=likely)
