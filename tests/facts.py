"""Facts merged into a row by themselves, as a callback or an answer merges them beside other changes."""

from __future__ import annotations

from recordings.choices import Source
from recordings.models import Recording, change_locked
from recordings.models.recording.provenance import Facts


def merge_facts(recording: Recording, facts: Facts, source: Source) -> list[str]:
    """Store what `facts` may change by their rank; return the columns changed."""
    return change_locked(recording, lambda locked: locked.merge_facts(facts, source))
