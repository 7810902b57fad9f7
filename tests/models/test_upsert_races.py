"""Two writers of the same recordings at the same moment: one row each, nobody fails, nobody waits for ever."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from recordings import live
from recordings.choices import CallState, RecordingStatus
from recordings.future_times import correct_future_times
from recordings.models import Account, Call, Recording, claim_recording_id, upsert_recordings
from recordings.vobiz.objects import RecordingObject
from tests.admin.test_account_tokens import FORM
from tests.conftest import MAIN, OTHER, SUB
from tests.models.listed import listed
from tests.models.test_upsert_adoption import asked_for
from tests.models.together import closing_connection, together
from tests.waiting import eventually
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

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


def of_calls(*call_uuids: str, owner: str = MAIN) -> list[RecordingObject]:
    return [listed(f"rec-{uuid}", call_uuid=uuid, owner=owner) for uuid in call_uuids]


def test_a_sync_and_a_look_at_the_live_calls_lock_the_same_calls_in_one_order(
    account: Account, world: SandboxState, now: datetime
) -> None:
    """By order: the sync has the first call it knows, the look comes, and then the sync wants the next one."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    placed = sorted((world.place_call(account.auth_id).call_uuid for _each in range(2)), reverse=True)
    calls = [Call.objects.obtain(account, uuid) for uuid in placed]  # so the keys go against the UUIDs
    asked, held = threading.Event(), threading.Event()

    def until_held(_world: SandboxState) -> None:
        asked.set()
        held.wait(60)

    world.faults.plan(Fault(on="call.list", first=until_held))
    with ThreadPoolExecutor(1) as pool:
        look = pool.submit(closing_connection, partial(live.refresh_all, [account], now=now))
        assert asked.wait(60)
        with transaction.atomic():
            upsert_recordings(account, of_calls(placed[0]), now=now)
            held.set()
            eventually(somebody_waits_for_this_transaction)
            upsert_recordings(account, of_calls(placed[1]), now=now)
        assert look.result(timeout=60)
    for call in calls:
        call.refresh_from_db()
        assert (call.state, call.from_number is None) == (CallState.LIVE, False)


def test_a_new_region_of_an_account_waits_for_a_sync_before_it_writes_to_any_call(
    account: Account, subaccount: Account, now: datetime
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    for uuid in ("call-1", "call-2", "call-3"):
        Call.objects.obtain(subaccount, uuid)
    boss = Client()
    boss.force_login(User.objects.create_superuser("boss"))
    save = partial(boss.post, f"/admin/recordings/account/{subaccount.pk}/change/", {**FORM, "region": "US"})
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            upsert_recordings(
                subaccount, of_calls("call-2", owner=SUB), now=now
            )  # from either end it is the second
            saved = pool.submit(closing_connection, save)
            eventually(somebody_waits_for_this_transaction)
            upsert_recordings(subaccount, of_calls("call-1", "call-3", owner=SUB), now=now)
        assert saved.result(timeout=60).status_code == 302
    assert set(Call.objects.values_list("numbers_version", flat=True)) == {0}


def test_who_corrects_many_calls_leaves_out_those_that_another_holds(account: Account, now: datetime) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    held, free = (Call.objects.obtain(account, uuid) for uuid in ("call-1", "call-2"))
    future = timezone.now() + timedelta(days=3)
    Call.objects.update(numbers_version=0, state=CallState.LIVE, seen_live_at=future)
    with ThreadPoolExecutor(1) as pool, transaction.atomic():
        Call.objects.select_for_update().get(pk=held.pk)
        numbers = pool.submit(closing_connection, partial(Call.objects.normalize_due_numbers, limit=9))
        assert numbers.result(timeout=20) == 1
        times = pool.submit(closing_connection, partial(correct_future_times, timezone.now()))
        assert times.result(timeout=20) == 1
    free.refresh_from_db()
    assert free.seen_live_at is not None
    assert free.seen_live_at < future
    assert Call.objects.normalize_due_numbers(limit=9) == 1
    assert correct_future_times(timezone.now()) == 1


@pytest.mark.parametrize("turn", range(5))
def test_syncs_looks_at_live_calls_and_upgrades_of_numbers_do_not_lock_each_other_out(
    account: Account, world: SandboxState, now: datetime, turn: int
) -> None:
    placed = sorted((world.place_call(account.auth_id).call_uuid for _each in range(30)), reverse=True)
    for uuid in placed[::2]:
        Call.objects.obtain(account, uuid)
    Call.objects.update(numbers_version=0)
    upsert = partial(upsert_recordings, account, now=now)

    together(
        lambda: upsert(of_calls(*placed)),
        lambda: live.refresh_all([account], now=now),
        lambda: Call.objects.normalize_due_numbers(limit=100),
        lambda: upsert(of_calls(*placed[::-1])),
    )

    assert Call.objects.live().exclude(from_number=None).count() == 30


def somebody_waits_for_this_transaction() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND transactionid = pg_current_xact_id()::xid)"
        )
        found = cursor.fetchone()
    return bool(found and found[0])
