"""Audio that version 0.1 refused or flagged is judged again by this version, without asking Vobiz for what is here."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.audio.making import pcm, tone, wav
from tests.upgrade.databases import manage, rows

NAME = "ab/cd/abcd" + "0" * 28 + ".wav"
# As the worker does in its next round; the old archive is where this version's is
ROUND = """
from pathlib import Path
from django.conf import settings
from django.test.utils import override_settings
from django.utils import timezone
from recordings import archive
from recordings.models import Account
kept = {{**settings.STORAGES["archive"], "OPTIONS": {{"location": Path("{folder}")}}}}
with override_settings(STORAGES={{**settings.STORAGES, "archive": kept}}):
    archive.run(Account.objects.all(), limit=5, workers=1, by="upgrade", now=timezone.now(), automatic=True)
"""
# What the recording's page says of it, to a person
TIMELINE = """
from django.contrib.auth.models import User
from django.test import Client
from recordings.models import Recording
row = Recording.objects.get(recording_id="rec-upgrade-0001")
client = Client(headers={{"host": "127.0.0.1"}})
client.force_login(User.objects.get(username="upgraded"))
print(client.get(f"/admin/recordings/recording/{{row.pk}}/change/?tab=timeline").content.decode())
"""
# The file's place in the dump is none of the archive's
PLACE = """
from recordings.models import Recording
rows = Recording.objects.filter(recording_id="rec-upgrade-0001")
rows.update(audio="{name}", audio_sha256="{sha}", audio_bytes={size})
"""


def recordings(database: str) -> dict[str, dict[str, Any]]:
    return {row["recording_id"]: row for row in rows(database, "recordings.recording")}


@pytest.mark.parametrize("promised", [0x7FFFFFFF, 10**6], ids=["a placeholder", "truly cut"])
def test_a_flag_of_the_old_parsers_is_withdrawn_where_it_does_not_stand(
    migrated_database: str, tmp_path: Path, promised: int
) -> None:
    body = wav(pcm(tone(10.08)), promised=promised)
    file = tmp_path / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(body)
    sha = hashlib.sha256(body).hexdigest()
    before = recordings(migrated_database)
    assert before["rec-upgrade-0001"]["archive_flag"] == "cut_by_vobiz"

    placed = PLACE.format(name=NAME, sha=sha, size=len(body))
    manage(migrated_database, "shell", "-c", placed + ROUND.format(folder=tmp_path))

    after = recordings(migrated_database)
    copy, refused = after["rec-upgrade-0001"], after["rec-upgrade-0002"]
    assert (copy["audio_codec"], copy["audio_duration_ms"]) == ("pcm_s16le", 10_080)
    assert copy["inspected_at"] is not None
    if promised == 0x7FFFFFFF:
        assert (copy["archive_flag"], copy["needs_attention"]) == (None, None)
        assert copy["withdrawn_flag"] == "cut_by_vobiz"
        assert "was withdrawn" in manage(migrated_database, "shell", "-c", TIMELINE.format())
    else:
        assert (copy["archive_flag"], copy["needs_attention"]) == ("cut_by_vobiz", "cut_by_vobiz")
    was_due = datetime.fromisoformat(before["rec-upgrade-0002"]["archive_next_at"])
    now_due = refused["archive_next_at"]
    assert now_due is None or datetime.fromisoformat(now_due) < was_due
    assert json.dumps(after).count("rec-upgrade-0001") == json.dumps(before).count("rec-upgrade-0001")
