"""Every run has a row that says how it stands and how it ended; two of an account are never at work at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.utils import timezone
from pytest_django import Settings

from recordings import sync, tasks
from recordings.choices import SyncState
from recordings.models import Account, Call, Recording, SyncRun
from recordings.sync import SyncRequest, SyncResult
from recordings.worker.due_syncs import DueSync, due_sync
from tests.ledger import asked
from tests.sync.conftest import known
from tests.waiting import eventually
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

Past = Callable[..., set[str]]


def test_a_run_is_written_down_with_its_counts(account: Account, world: SandboxState, past: Past) -> None:
    world.quirks.max_limit = 20
    past(30)
    synced = tasks.sync_account(account, SyncRequest(full=True), by=None)

    run = SyncRun.objects.get()
    assert synced.run == run
    assert (run.state, run.complete, run.error) == (SyncState.COMPLETE, True, None)
    assert (run.seen, run.created, run.updated, run.unchanged, run.failed) == (30, 30, 0, 0, 0)
    assert (run.pages, run.total_count, run.scope) == (3, 30, {"full": True})
    assert run.ended_at is not None
    assert run.ended_at >= run.started_at


def test_a_partial_run_keeps_what_failed_in_words(account: Account, world: SandboxState, past: Past) -> None:
    world.quirks.max_limit = 20
    past(30)
    world.faults.plan(Fault(on="recording.list", skip=1, reply="garbage"))
    tasks.sync_account(account, SyncRequest(), by=None)

    run = SyncRun.objects.get()
    assert (run.state, run.complete, run.failed) == (SyncState.PARTIAL, False, 1)
    assert run.error is not None
    assert "page at offset 15" in run.failures[0]["reason"]


def test_the_row_shows_how_far_a_run_is(account: Account, world: SandboxState, past: Past) -> None:
    world.quirks.max_limit = 20
    past(60)
    shown: list[tuple[int, int]] = []

    def look(_: SyncResult) -> None:
        run = SyncRun.objects.get()
        shown.append((run.pages, run.seen))

    tasks.sync_account(account, SyncRequest(), by=None, progress=look)
    assert shown[:3] == [(1, 20), (2, 35), (3, 50)]


def test_a_second_run_says_that_one_is_running_and_asks_vobiz_nothing(
    account: Account, world: SandboxState, past: Past, now: datetime
) -> None:
    past(3)
    SyncRun.objects.begin(account, now=timezone.now(), scope={}, by=None)
    synced = tasks.sync_account(account, SyncRequest(), by=None)
    assert (synced.already_running, synced.result.complete, synced.run) == (True, False, None)
    assert asked(world) == []


def lease_ran_out() -> None:
    SyncRun.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def test_after_a_run_that_died_the_next_one_begins(account: Account, past: Past) -> None:
    past(3)
    dead = SyncRun.objects.begin(account, now=timezone.now(), scope={}, by=None)
    assert dead is not None
    lease_ran_out()
    assert tasks.sync_account(account, SyncRequest(), by=None).result.complete
    dead.refresh_from_db()
    assert dead.state == SyncState.INTERRUPTED


def test_a_run_that_a_person_stops_asks_for_no_more_pages_and_is_not_complete(
    account: Account, world: SandboxState, past: Past, settings: Settings, django_user_model: Any
) -> None:
    settings.VOBIZ_PREFETCH = 0
    world.quirks.max_limit = 20
    past(100)
    person = django_user_model.objects.create_user("priya")

    def stop(result: SyncResult) -> None:
        if result.pages == 2:
            assert SyncRun.objects.get().stop(by=person, now=timezone.now())

    synced = tasks.sync_account(account, SyncRequest(full=True), by=None, progress=stop)

    run = SyncRun.objects.get()
    assert synced.result.state == run.state == SyncState.STOPPED
    assert (run.complete, run.error) == (False, "Stopped by priya before every page was read.")
    assert len(asked(world, "recording.list")) == 3  # the page in hand is the last one
    assert (run.pages, run.seen, run.gone) == (3, len(known()), 0)
    assert synced.settled is None
    assert due_sync(account, timezone.now() + timedelta(minutes=6)) == DueSync(SyncRequest())
    assert due_sync(account, timezone.now()) is None  # not begun anew at once, unlike an interrupted one


def test_a_run_that_was_taken_over_stops_at_its_next_page(
    account: Account, world: SandboxState, past: Past, settings: Settings
) -> None:
    settings.VOBIZ_PREFETCH = 0
    world.quirks.max_limit = 20
    past(100)

    def take_over(result: SyncResult) -> None:
        if result.pages == 2:
            lease_ran_out()
            SyncRun.objects.begin(account, now=timezone.now(), scope={}, by=None)

    synced = tasks.sync_account(account, SyncRequest(), by=None, progress=take_over)

    assert synced.result.state == SyncState.INTERRUPTED
    assert synced.result.error == "Another run took over: this one had not been heard of for too long."
    assert len(asked(world, "recording.list")) == 3
    assert [run.state for run in SyncRun.objects.order_by("pk")] == [SyncState.INTERRUPTED, SyncState.RUNNING]


@pytest.mark.parametrize(("interruption", "words"), [
    (KeyboardInterrupt(), "The sync was interrupted."), (RuntimeError("nobody knows"), "RuntimeError('nobody knows')"),
])  # fmt: skip
def test_a_run_that_is_broken_off_says_so_and_keeps_what_it_read(
    account: Account, world: SandboxState, past: Past, interruption: BaseException, words: str
) -> None:
    world.quirks.max_limit = 20
    past(60)

    def break_off(result: SyncResult) -> None:
        if result.pages == 2:
            raise interruption

    with pytest.raises(type(interruption)):
        tasks.sync_account(account, SyncRequest(), by=None, progress=break_off)

    run = SyncRun.objects.get()
    assert (run.state, run.error, run.seen) == (SyncState.INTERRUPTED, words, 35)
    assert Recording.objects.count() == 35


@pytest.mark.django_db(transaction=True)
def test_a_sync_goes_on_behind_the_request_that_asked_for_it(
    account: Account, world: SandboxState, past: Past
) -> None:
    ids = past(5)
    asked_again = threading.Event()
    world.faults.plan(Fault(on="recording.list", first=lambda _: asked_again.wait(60)))

    run, is_new = tasks.sync_in_background(account, SyncRequest(), by=None)
    again, is_second = tasks.sync_in_background(account, SyncRequest(), by=None)
    asked_again.set()

    assert (is_new, is_second, again) == (True, False, run)
    eventually(lambda: SyncRun.objects.filter(complete=True).exists())
    assert known() == ids


@pytest.mark.django_db(transaction=True)
def test_vobiz_is_never_asked_inside_a_transaction(account: Account, world: SandboxState, past: Past) -> None:
    """Rule: no request to Vobiz, and no wait, inside a transaction."""
    world.quirks.max_limit = 20
    ids = sorted(past(30))
    mine = connections["default"]
    inside: list[bool] = []
    world.faults.plan(Fault(on="*", times=None, first=lambda _: inside.append(mine.in_atomic_block)))

    tasks.sync_account(account, SyncRequest(full=True), by=None)
    world.delete_recording(ids[0])
    Recording.objects.filter(recording_id=ids[1]).update(read_back_due_at="2025-01-01T00:00:00Z")
    tasks.sync_account(account, SyncRequest(full=True), by=None)
    tasks.sync_account(account, SyncRequest(dry_run=True), by=None)
    tasks.sync_account(account, SyncRequest(recording_id=ids[2]), by=None)

    assert len(inside) >= 10
    assert not any(inside)


def test_a_recording_started_here_is_the_same_row_when_the_list_shows_it(
    account: Account, world: SandboxState, now: datetime
) -> None:
    call = world.place_call(account.auth_id)
    started = world.start_recording(account.auth_id, call.call_uuid, time_limit=60)
    row = Recording.objects.create(
        account=account, call=Call.objects.obtain(account, call.call_uuid), origin="portal", status="active",
        recording_id=started.recording_id, requested_at=now, happened_at=now, callback_key="key", time_limit=60,
    )  # fmt: skip
    world.advance(61)

    result = sync.run(account, SyncRequest(), now=now, sync_run=None)

    assert (result.created, result.updated, Recording.objects.count()) == (0, 1, 1)
    row.refresh_from_db()
    assert (row.status, row.duration_ms, row.was_cut_short) == ("completed", 60_000, True)


def test_an_account_without_a_token_fails_with_the_cure(account: Account) -> None:
    Account.objects.update(encrypted_token=None)
    account.refresh_from_db()
    result = tasks.sync_account(account, SyncRequest(), by=None).result
    assert result.state == SyncState.FAILED
    assert result.error is not None
    assert result.error == "No token is stored. Enter it on the account's page."
