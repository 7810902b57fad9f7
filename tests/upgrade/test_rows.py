"""Rows that version 0.1 misread are read again by this version, in batches that can be interrupted."""

from __future__ import annotations

from tests.upgrade.databases import execute, manage, rows, tables

# As the worker does, a batch at a time until nothing is left
REREAD = """
from recordings.callbacks.rereading import reread_events as batch
from recordings.models import CallbackEvent
while done := batch(limit=1):
    print(done, CallbackEvent.objects.filter(reader_version=0).count())
"""
NUMBERS = """
from recordings.models import Call
while done := Call.objects.normalize_due_numbers(limit=2):
    print(done, Call.objects.filter(numbers_version=0).count())
"""
# The call whose recording expects a transcript; version 0.1 stored nothing under such a name
EXPECTING = """UPDATE recordings_callbackevent
    SET payload = '{"transcription_text": "lost until now", "call_uuid": "call-upgrade-0004"}'
    WHERE kind = 'transcription'"""


def said(database: str, code: str) -> list[list[int]]:
    """Return what each batch did, and how many rows were left."""
    lines = manage(database, "shell", "--verbosity", "0", "-c", code).splitlines()
    return [[int(number) for number in line.split()] for line in lines if line[:1].isdigit()]


def test_a_transcript_that_was_settled_as_applied_and_lost_is_stored(migrated_database: str) -> None:
    execute(migrated_database, EXPECTING)
    assert said(migrated_database, REREAD) == [[1, 2], [1, 1], [1, 0]]
    found = tables(migrated_database, "recordings.transcription", "recordings.callbackevent")
    texts = [row["text"] for row in found["recordings.transcription"]]
    assert sorted(filter(None, texts)) == ["Where is my parcel?", "lost until now"]
    events = {row["kind"]: row for row in found["recordings.callbackevent"]}
    assert events["transcription"]["outcome"] == "applied"
    assert events["transcription"]["recording"] is not None
    assert events["other"]["outcome"] == "refused"


def test_a_transcript_of_a_call_that_expects_none_is_unmatched_and_seen(migrated_database: str) -> None:
    said(migrated_database, REREAD)
    events = {row["kind"]: row for row in rows(migrated_database, "recordings.callbackevent")}
    assert events["transcription"]["outcome"] == "unmatched"
    assert "expects a transcript" in events["transcription"]["error"]


def test_numbers_are_normalised_again_by_todays_rules_two_at_a_time(migrated_database: str) -> None:
    before = {row["call_uuid"]: row["from_digits"] for row in rows(migrated_database, "recordings.call")}
    assert before["call-upgrade-0002"] == "18002095577"  # North American, to version 0.1

    assert said(migrated_database, NUMBERS) == [[2, 3], [2, 1], [1, 0]]

    digits = {row["call_uuid"]: row["from_digits"] for row in rows(migrated_database, "recordings.call")}
    assert digits["call-upgrade-0001"] == "919624705678"
    assert digits["call-upgrade-0002"] == "9118002095577"
    assert digits["call-upgrade-0003"] == "14155550132"
    assert digits["call-upgrade-0004"] == "919607712345"
