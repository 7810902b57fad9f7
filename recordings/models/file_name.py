"""What a recording's file is called when it is taken out: by people who sort files by name, on any system."""

from __future__ import annotations

import re
from datetime import tzinfo

from recordings.models.recording import Recording

_OTHER = re.compile(r"[^A-Za-z0-9]+", re.ASCII)
LONGEST_PART = 40  # characters


def file_name(recording: Recording, extension: str, zone: tzinfo) -> str:
    """`2025-11-06_19-19-10_918071387423_919624705678_<id>.mp3`: the time in `zone`, and only [A-Za-z0-9._-].

    What Vobiz calls the numbers and the recording may be any text; other signs become hyphens.
    """
    at = recording.happened_at.astimezone(zone).strftime("%Y-%m-%d_%H-%M-%S")
    who = (recording.call.from_number, recording.call.to_number)
    parts = [_safe(part or "unknown") for part in (*who, recording.recording_id or str(recording.pk))]
    return f"{'_'.join([at, *parts])}.{_safe(extension)}"


def _safe(text: str) -> str:
    return _OTHER.sub("-", text).strip("-")[:LONGEST_PART] or "unknown"
