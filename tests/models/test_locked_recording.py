"""A recording under its lock changes by the rules of the unlocked transitions, and is read once and written once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import product
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from recordings.choices import Attention, RecordingStatus, Source, StartAnswer
from recordings.models import Account, LockedRecording, Recording
from recordings.models.recording.provenance import Facts
from tests.models.test_upsert_adoption import asked_for

Change = Callable[[Any], Any]
DUE = datetime.fromisoformat("2025-11-07T10:00:00+00:00")
CHANGES: dict[str, Change] = {
    "confirm": lambda row: row.confirm(),
    "complete": lambda row: row.complete(),
    "fail": lambda row: row.fail("no trace of it"),
    "fail with an answer": lambda row: row.fail("no such call", StartAnswer.REFUSED),
    "mark_unconfirmed": lambda row: row.mark_unconfirmed("the answer was lost"),
    "flag_attention": lambda row: row.flag_attention(Attention.ID_CONFLICT),
    "schedule_read_back": lambda row: row.schedule_read_back(DUE),
}


def as_stored(row: Recording) -> dict[str, Any]:
    held = Recording.objects.get(pk=row.pk)
    columns = {column.attname: getattr(held, column.attname) for column in held._meta.concrete_fields}
    return {name: value for name, value in columns.items() if name not in ("id", "callback_key")}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_locked_row_follows_the_same_rules_as_a_conditional_update(
    account: Account, change: Change
) -> None:
    """Over every status and every reason for attention: the same row, and the same word on whether it moved."""
    for status, attention in product(RecordingStatus.values, [None, *Attention]):
        values = {"status": status, "needs_attention": attention, "error": "before", "read_back_due_at": DUE}
        unlocked, row = asked_for(account, **values), asked_for(account, **values)
        moved = change(unlocked)
        with transaction.atomic():
            locked = LockedRecording.lock(row.pk)
            assert change(locked) is moved, (status, attention)
            locked.save()
        assert as_stored(row) == as_stored(unlocked), (status, attention)


def test_many_changes_are_one_select_and_one_update_of_the_columns_that_changed(account: Account) -> None:
    row = asked_for(account, no_callback_at=DUE)
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        locked = LockedRecording.lock(row.pk, recording_id="rec-1")
        assert locked.claim_recording_id("rec-1")
        locked.merge_facts(Facts(duration_ms=9_000), Source.CALLBACK)
        locked.record_delivery()
        locked.schedule_read_back(DUE)
        locked.complete()
        locked.save()
    said = [one["sql"] for one in queries if "recordings_recording" in one["sql"]]
    assert [sql.split()[0] for sql in said] == ["SELECT", "UPDATE"]
    assert "requested_by" not in said[1].partition(" WHERE ")[0]
    row.refresh_from_db()
    assert (row.recording_id, row.duration_ms, row.status) == ("rec-1", 9_000, RecordingStatus.COMPLETED)
    assert (row.no_callback_at, row.read_back_due_at) == (None, DUE)


def test_a_column_that_another_wrote_before_the_lock_is_kept(account: Account, now: datetime) -> None:
    row = asked_for(account)
    row.request_stop(None, now=now)
    with transaction.atomic():
        locked = LockedRecording.lock(row.pk)
        locked.confirm()
        locked.save()
    row.refresh_from_db()
    assert (row.status, row.stop_requested_at) == (RecordingStatus.ACTIVE, now)


def test_nothing_is_written_where_nothing_changed(account: Account) -> None:
    row = asked_for(account, status=RecordingStatus.COMPLETED)
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        locked = LockedRecording.lock(row.pk)
        assert not locked.complete()
        locked.record_delivery()
        locked.save()
    assert not [one for one in queries if one["sql"].startswith("UPDATE")]


def test_a_row_that_is_gone_is_said_to_be_so(account: Account) -> None:
    row = asked_for(account)
    pk = row.pk
    row.delete()
    with pytest.raises(Recording.DoesNotExist), transaction.atomic():
        LockedRecording.lock(pk, recording_id="rec-1")
