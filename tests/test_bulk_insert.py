"""Rows inserted in bulk are the rows that `save` writes, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.forms.models import model_to_dict

from recordings.bulk_insert import insert_rows, update_row
from recordings.choices import Origin, RecordingStatus
from recordings.models import Account, Call, Recording, Transcription

AT = datetime(2026, 11, 3, 9, 30, 0, 123456, tzinfo=UTC)


def recording(account: Account, call: Call, name: str) -> Recording:
    return Recording(
        account=account, call=call, recording_id=name, origin=Origin.SYNC, status=RecordingStatus.COMPLETED,
        happened_at=AT, duration_ms=61_080, storage_rate=Decimal("0.005"), content_hash=bytes(range(32)),
        conference_name="हिन्दी\t\\N \x7f \"'", provider_data={"a": [None, 1.5, "\\ \t \n ₹"]}, sources={"kind": "api"},
    )  # fmt: skip


def test_every_column_is_what_save_would_have_written(account: Account) -> None:
    insert_rows([Call(account=account, call_uuid="c-1", from_number="+91 1", happened_at=AT)])
    call = Call.objects.get()
    recording(account, call, "saved").save()
    insert_rows([recording(account, call, "a"), recording(account, call, "b")])
    saved, *others = (
        {name: value for name, value in model_to_dict(row).items() if name not in ("id", "recording_id")}
        for row in Recording.objects.order_by("-recording_id")
    )
    assert others == [saved, saved]


def test_a_key_that_is_given_is_kept(account: Account) -> None:
    insert_rows([Call(pk=4711, account=account, call_uuid="c-1", happened_at=AT)])
    assert Call.objects.get().pk == 4711


def test_a_field_that_sets_itself_does_so(account: Account) -> None:
    call = Call.objects.create(account=account, call_uuid="c-1", happened_at=AT)
    row = recording(account, call, "a")
    row.save()
    held = Transcription(
        recording=row, account=account, text="Two words", status="completed", trust="signed", received_at=AT
    )
    insert_rows([held])
    assert Transcription.objects.get().tokens == "two words"


@pytest.mark.parametrize("ignore", [True, False])
def test_a_conflict_is_left_out_or_refused(account: Account, *, ignore: bool) -> None:
    rows = [Call(account=account, call_uuid=name, happened_at=AT) for name in ("c-1", "c-2")]
    insert_rows(rows[:1])
    if ignore:
        insert_rows(rows, ignore_conflicts=True)
    else:
        with pytest.raises(IntegrityError), transaction.atomic():
            insert_rows(rows)
    assert Call.objects.count() == (2 if ignore else 1)


def test_an_updated_row_holds_what_save_would_have_written_and_nothing_else(account: Account) -> None:
    call = Call.objects.create(account=account, call_uuid="c-1", happened_at=AT)
    row = recording(account, call, "a")
    row.save()
    row.duration_ms, row.sources, row.storage_rate = 5, {"duration_ms": "callback"}, Decimal("0.01")
    row.error = "not written"
    update_row(row, ["duration_ms", "sources", "storage_rate", "added_at"])
    found = Recording.objects.get()
    assert (found.duration_ms, found.sources, found.storage_rate) == (5, row.sources, Decimal("0.01"))
    assert (found.error, found.conference_name) == (None, row.conference_name)


def test_a_row_that_is_gone_is_not_updated_in_silence(account: Account) -> None:
    call = Call.objects.create(account=account, call_uuid="c-1", happened_at=AT)
    row = recording(account, call, "a")
    row.pk = 4711
    with pytest.raises(DatabaseError):
        update_row(row, ["error"])
