"""Two writers of the same recordings at the same moment: one row each, nobody fails, nobody waits for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

import pytest
from django.db import connection, transaction

from recordings.choices import RecordingStatus
from recordings.models import Account, Call, Recording, claim_recording_id, upsert_recordings
from tests.conftest import OTHER
from tests.models.listed import listed
from tests.models.test_upsert_adoption import asked_for
from tests.models.together import closing_connection, together
from tests.waiting import eventually

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("turn", range(5))
def test_two_upserts_of_the_same_new_recordings_make_each_once(
    account: Account, now: datetime, turn: int
) -> None:
    page = [listed(f"rec-{turn}-{at}", call_uuid=f"call-{turn}-{at // 3}") for at in range(40)]
    upsert = partial(upsert_recordings, account, now=now)

    reports = together(
        lambda: upsert(page), lambda: upsert(page[::-1]), lambda: upsert(page[20:] + page[:20])
    )

    assert Recording.objects.count() == 40
    assert sum(report.created for report in reports) == 40
    assert all(report.seen == {one.recording_id for one in page} for report in reports)
    assert Call.objects.count() == 14


@pytest.mark.parametrize("turn", range(5))
def test_two_upserts_of_the_same_changes_do_not_lock_each_other_out(
    account: Account, now: datetime, turn: int
) -> None:
    ids = [f"rec-{at}" for at in range(40)]
    upsert_recordings(account, [listed(rid) for rid in ids], now=now)
    aged = [listed(rid, recording_storage_duration=9) for rid in ids]
    changed = [listed(rid, recording_storage_duration=9, rounded_recording_duration=120) for rid in ids]

    together(
        lambda: upsert_recordings(account, aged, now=now),
        lambda: upsert_recordings(account, changed[::-1], now=now),
        lambda: upsert_recordings(account, aged[::-1], now=now),
    )

    assert Recording.objects.filter(storage_days=9, billed_seconds__in=[60, 120]).count() == 40


@pytest.mark.parametrize("turn", range(5))
def test_a_start_that_learns_its_id_while_a_sync_lists_it_is_one_row(
    account: Account, now: datetime, turn: int
) -> None:
    row = asked_for(account)
    asked_for(account, at=now)  # so that the sync cannot tell whose id it is

    together(
        lambda: claim_recording_id(row, "rec-1"),
        lambda: upsert_recordings(account, [listed("rec-1"), listed("rec-2")], now=now),
    )
    upsert_recordings(account, [listed("rec-1")], now=now)

    row.refresh_from_db()
    assert (row.recording_id, row.status) == ("rec-1", RecordingStatus.COMPLETED)
    assert Recording.objects.count() == 3


def test_a_row_that_another_family_makes_at_the_same_moment_is_found_on_a_second_look(
    account: Account, now: datetime
) -> None:
    """By order: the first look is over, the row appears, and then the insert is refused."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time, so nothing can appear in between")
    other = Account.objects.create(auth_id=OTHER)
    page = [listed("rec-1", owner=None), listed("rec-2")]
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            upsert_recordings(other, page[:1], now=now)
            upsert = pool.submit(closing_connection, partial(upsert_recordings, account, page, now=now))
            eventually(somebody_waits_for_this_transaction)
        report = upsert.result(timeout=60)

    assert [row.recording_id for row in report.failed] == ["rec-1"]
    assert report.seen == {"rec-2"}
    assert Recording.objects.get(recording_id="rec-1").account == other


def test_who_holds_the_family_is_waited_for_and_what_he_wrote_is_found_unchanged(
    account: Account, now: datetime
) -> None:
    """By order: the first look finds nothing, the other writes and commits, the second look finds his row."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time, so the second begins after the first")
    page = [listed("rec-1"), listed("rec-2")]
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            account.lock_family()
            upsert = pool.submit(closing_connection, partial(upsert_recordings, account, page, now=now))
            eventually(somebody_waits_for_this_transaction)
            upsert_recordings(account, page, now=now)
        report = upsert.result(timeout=60)

    assert (report.created, report.updated, report.unchanged) == (0, 0, 2)


def somebody_waits_for_this_transaction() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid)"
        )
        found = cursor.fetchone()
    return bool(found and found[0])
