"""Which sync is due by itself, and when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from recordings.choices import SyncState
from recordings.models import Account, SyncRun
from recordings.sync import SyncRequest
from recordings.worker.due_syncs import due_sync
from tests.conftest import MAIN

DAY = datetime(2025, 11, 7, 9, 0, tzinfo=UTC)  # 14:30 in Kolkata
NIGHT = datetime(2025, 11, 7, 21, 0, tzinfo=UTC)  # 02:30 in Kolkata, the next day
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def account(db: None) -> Account:
    made: Account = Account.objects.create(auth_id=MAIN, time_zone="Asia/Kolkata")
    return made


def ran(account: Account, at: datetime, *, state: str = "complete", **scope: Any) -> SyncRun:
    """A run that began at `at` and ended a minute later."""
    run = SyncRun.objects.begin(account, now=at, scope=scope, by=None)
    assert run is not None
    run.end(SyncState(state), now=at + MINUTE)
    account.refresh_from_db()
    return run


def test_the_first_sync_reads_everything(account: Account) -> None:
    due = due_sync(account, DAY)
    assert due is not None
    assert due.scope == SyncRequest()


def test_then_the_newest_every_five_minutes_with_an_hours_margin(account: Account) -> None:
    ran(account, DAY)
    assert due_sync(account, DAY + 4 * MINUTE) is None
    due = due_sync(account, DAY + 6 * MINUTE)
    assert due is not None
    assert due.scope == SyncRequest(newest=DAY - HOUR)


def test_the_newest_reach_back_to_the_last_run_that_left_no_gap(account: Account) -> None:
    ran(account, DAY)
    ran(account, DAY + HOUR, newest=DAY.isoformat())
    ran(account, DAY + 2 * HOUR, since=(DAY + HOUR).isoformat())  # by hand: what it left out, nobody knows
    ran(account, DAY + 3 * HOUR, call="a-call")
    ran(account, DAY + 4 * HOUR, state="partial", newest=DAY.isoformat())
    due = due_sync(account, DAY + 5 * HOUR)
    assert due is not None
    assert due.scope == SyncRequest(newest=DAY)


def test_while_one_runs_no_other_is_due(account: Account) -> None:
    SyncRun.objects.begin(account, now=DAY, scope={}, by=None)
    assert due_sync(account, DAY + HOUR) is None


def test_at_night_everything_once(account: Account) -> None:
    ran(account, DAY)
    assert due_sync(account, NIGHT) is not None
    due = due_sync(account, NIGHT)
    assert due is not None
    assert due.scope == SyncRequest(full=True)
    ran(account, NIGHT, full=True)
    assert due_sync(account, NIGHT + 2 * MINUTE) is None
    due = due_sync(account, NIGHT + 10 * MINUTE)
    assert due is not None
    assert due.scope == SyncRequest(newest=NIGHT - HOUR)
    due = due_sync(account, NIGHT + timedelta(days=1))
    assert due is not None
    assert due.scope.full


def test_a_night_that_failed_is_tried_again_after_an_hour(account: Account) -> None:
    ran(account, DAY)
    ran(account, NIGHT, state="partial", full=True)
    due = due_sync(account, NIGHT + 10 * MINUTE)
    assert due is not None
    assert not due.scope.full
    due = due_sync(account, NIGHT + HOUR + MINUTE)
    assert due is not None
    assert due.scope.full


def test_nights_without_a_worker_are_made_good_by_day(account: Account) -> None:
    ran(account, DAY - timedelta(days=3))
    due = due_sync(account, DAY)
    assert due is not None
    assert due.scope.full


def test_what_was_interrupted_is_begun_anew_at_once_with_what_was_asked_for(account: Account) -> None:
    ran(account, DAY)
    ran(account, DAY + HOUR, state="interrupted", call="a-call")
    due = due_sync(account, DAY + HOUR + 2 * MINUTE)
    assert due is not None
    assert due.scope == SyncRequest(call_uuid="a-call")


def test_a_sync_that_kills_its_worker_every_time_is_not_begun_anew_for_ever(account: Account) -> None:
    for minute in range(3):
        ran(account, DAY + minute * MINUTE, state="interrupted")
    assert due_sync(account, DAY + 4 * MINUTE) is None
    assert due_sync(account, DAY + 8 * MINUTE) is not None


@pytest.mark.parametrize("full", [True, False])
@pytest.mark.parametrize("state", ["complete", "interrupted", "partial", "failed", "stopped"])
def test_a_run_that_a_fast_clock_dated_in_the_future_neither_stops_syncs_nor_restarts_them(
    account: Account, state: str, full: bool
) -> None:
    ran(account, DAY, full=True)
    ran(account, DAY + timedelta(days=2), state=state, full=full)

    assert due_sync(account, DAY + 4 * MINUTE) is None
    due = due_sync(account, DAY + 6 * MINUTE)
    assert due is not None
    assert due.scope == SyncRequest(newest=DAY - HOUR)
    at_night = due_sync(account, NIGHT)
    assert at_night is not None
    assert at_night.scope == SyncRequest(full=True)
