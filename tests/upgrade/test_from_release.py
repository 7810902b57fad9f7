"""A database of version 0.1 goes on under this version: `migrate` brings it up to date, and its rows are used."""

from __future__ import annotations

import json

import pytest
from django.db import connection

from tests.upgrade.databases import manage, tables
from tests.upgrade.structure import structure

PRINTED = "import json; from django.db import connection; from tests.upgrade.structure import structure;"


@pytest.mark.django_db
def test_a_database_of_the_first_version_is_migrated_built_like_a_new_one_and_used(old_database: str) -> None:
    manage(old_database, "migrate", "--verbosity", "0")
    built = manage(old_database, "shell", "-v0", "-c", f"{PRINTED} print(json.dumps(structure(connection)))")
    assert json.loads(built) == structure(connection)
    plan = manage(old_database, "showmigrations", "recordings", "--plan")
    assert "[ ]" not in plan
    assert "recordings.0001_squashed_0029_access_words" in plan
    found = tables(old_database, "recordings.recording", "recordings.transcription", "auth.group")
    recordings = {row["recording_id"]: row for row in found["recordings.recording"]}
    assert set(recordings) == {
        None,
        "rec-upgrade-0001",
        "rec-upgrade-0002",
        "rec-upgrade-0003",
        "rec-upgrade-0005",
    }
    assert recordings["rec-upgrade-0001"]["storage_rate"] == "0.00500000"
    texts = [row["text"] for row in found["recordings.transcription"]]
    assert sorted(filter(None, texts)) == ["Where is my parcel?"]
    groups = {row["name"] for row in found["auth.group"]}
    assert {"Viewer", "Listener", "Operator", "Auditor", "Account admin"} <= groups
    closed = json.loads(manage(old_database, "prune_history", "--json"))
    assert closed == {"events": 0, "accesses": 0}
