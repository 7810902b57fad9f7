"""A query that is compiled once finds what the same queryset finds anew, in every thread and with every value."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from recordings.choices import Origin, RecordingStatus
from recordings.compiled_query import CompiledQuery
from recordings.models import Account, Call, Recording

AT = datetime(2026, 11, 3, 9, 30, 0, 123456, tzinfo=UTC)


def rows_of(key: str, pk: int) -> QuerySet[Recording]:
    rows = Recording.objects.select_related("account__parent", "call").defer("call__to_number")
    return rows.filter(callback_key=key).exclude(pk=pk).order_by("pk")


@pytest.fixture
def recordings(account: Account) -> list[Recording]:
    call = Call.objects.create(account=account, call_uuid="c-1", happened_at=AT)
    return [
        Recording.objects.create(
            account=account, call=call, origin=Origin.PORTAL, status=RecordingStatus.REQUESTED, happened_at=AT,
            callback_key=key, time_limit=60, requested_at=AT, storage_rate="0.00500000", sources={"kind": "api"},
            content_hash=bytes(32),
        )
        for key in ("one", "two")
    ]  # fmt: skip


def columns(row: Any) -> dict[str, Any]:
    return {
        name: bytes(value) if isinstance(value, memoryview) else value
        for name, value in vars(row).items()
        if name != "_state"
    }


def test_rows_and_their_relations_are_those_of_the_queryset(recordings: list[Recording]) -> None:
    query = CompiledQuery[Recording](rows_of, "the key", -1)
    for key in ("one", "two", "three"):
        expected = list(rows_of(key, -1))
        found = query.all(key, -1)
        assert [columns(row) for row in found] == [columns(row) for row in expected]
        assert [columns(row.account) for row in found] == [columns(row.account) for row in expected]
        assert [row.call.get_deferred_fields() for row in found] == [{"to_number"} for _row in expected]
        assert [row.account.parent for row in found] == [None for _row in expected]
    assert query.first("one", recordings[0].pk) is None


def test_a_found_row_can_be_saved(recordings: list[Recording]) -> None:
    row = CompiledQuery[Recording](rows_of, "the key", -1).first("one", -1)
    assert row is not None
    row.error = "why"
    row.save()
    assert Recording.objects.get(pk=recordings[0].pk).error == "why"


@pytest.mark.django_db(transaction=True)
def test_a_lock_is_part_of_it(recordings: list[Recording]) -> None:
    query = CompiledQuery[Recording](lambda pk: Recording.objects.locked().filter(pk=pk).order_by(), -1)
    for row in recordings:
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            assert query.all(row.pk) == [row]
        locks = sum("FOR UPDATE" in str(one["sql"]) for one in captured)
        assert locks == (connection.vendor == "postgresql")
