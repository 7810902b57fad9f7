"""An archive that version 0.1 filled is inspected again by this version: from storage, never from Vobiz."""

from __future__ import annotations

import json
import sqlite3
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.upgrade.databases import FIXTURES, manage, rows

CALLED_CUT = {"m19-trailing-junk.mp3", "m20-trailing-text.mp3", "m25-xing-counts-itself.mp3"}
NO_AUDIO = {"n10-zip-stored-mp3.mp3", "n14-id3-only.mp3", "n16-html-after-wavhead.wav", "n23-ff-fb-text.mp3"}
REFUSED = {"m06-freeformat.mp3", "o06-amr.mp3", "o16-speex.spx"}
OLDEST = "o16-speex.spx"
LENGTHS = {
    "m04-vbr-no-xing.mp3": 6.08,
    "m17-starts-midframe.mp3": 5.69,
    "m19-trailing-junk.mp3": 6.19,
    "m20-trailing-text.mp3": 6.19,
    "m25-xing-counts-itself.mp3": 6.02,
    "w06-gsm610.wav": 6.0,
    "w38-g726.wav": 6.0,
    "x01-vbr-streamed-no-xing.mp3": 60.19,
    "x05-prompt-then-call-other-rate.mp3": 16.34,
    "x06-paused-two-parts-xing.mp3": 24.16,
}  # seconds; fmt: skip
# As the worker does in its next rounds; the old archive is where it was unpacked
ROUND = """
from pathlib import Path
from django.conf import settings
from django.test.utils import override_settings
from django.utils import timezone
from recordings import archive
from recordings.models import Account
kept = {{**settings.STORAGES["archive"], "OPTIONS": {{"location": Path("{folder}")}}}}
with override_settings(STORAGES={{**settings.STORAGES, "archive": kept}}):
    for _ in range({rounds}):
        archive.run(Account.objects.all(), limit=None, workers=1, by="upgrade", now=timezone.now(), automatic=True)
"""


@pytest.mark.engine
@pytest.mark.once
def test_each_file_is_judged_again_and_what_was_refused_is_due(tmp_path: Path) -> None:
    with tarfile.open(FIXTURES / "archive-0.1.tar.gz") as packed:
        packed.extractall(tmp_path, filter="data")
    database = f"sqlite:///{tmp_path}/old.sqlite3"
    with sqlite3.connect(tmp_path / "old.sqlite3") as old:
        old.executescript((tmp_path / "database.sql").read_text())
    old.close()
    names: dict[str, str] = json.loads((tmp_path / "cases.json").read_text())

    manage(database, "migrate", "--verbosity", "0")
    before = by_case(database, names)
    manage(database, "shell", "-c", ROUND.format(folder=tmp_path, rounds=2))
    after = by_case(database, names)
    kept = {name: row for name, row in after.items() if row["audio"]}
    assert {name: row["audio_sha256"] for name, row in kept.items()} == {
        name: before[name]["audio_sha256"] for name in kept
    }
    assert {row["reader_version"] for row in after.values()} == {1}
    assert {name for name, row in kept.items() if row["withdrawn_flag"]} == CALLED_CUT | NO_AUDIO
    assert {name for name, row in kept.items() if row["archive_flag"]} == NO_AUDIO
    assert {(kept[name]["container"], kept[name]["needs_attention"]) for name in NO_AUDIO} == {
        ("unknown", "unknown_format")
    }
    heard = set(kept) - NO_AUDIO
    assert {name: kept[name]["audio_duration_ms"] for name in heard} == {
        name: pytest.approx(LENGTHS[name] * 1_000, rel=0.005) for name in heard
    }
    assert all(kept[name]["audio_codec"] and not kept[name]["is_silent"] for name in heard)
    # refused before: due at once, the nearest to its expiry first; the round ended there, since Vobiz was away
    refused = {name: after[name] for name in REFUSED}
    assert {name for name, row in refused.items() if row["archive_next_at"] is None} == REFUSED - {OLDEST}
    assert "could not be reached" in refused[OLDEST]["archive_error"]


def by_case(database: str, names: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {names[row["recording_id"]]: row for row in rows(database, "recordings.recording")}
