"""One sync of an account at a time; one that died does not stand in the way for ever."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from recordings.choices import SyncState
from recordings.lease import LEASE_DURATION
from recordings.models import Account, SyncRun
from tests.models.together import together

SECOND = timedelta(seconds=1)


def begin(account: Account, now: datetime) -> SyncRun | None:
    return SyncRun.objects.begin(account, now=now, scope={}, by=None)


def begun(account: Account, now: datetime) -> SyncRun:
    run = begin(account, now)
    assert run is not None
    return run


def test_a_second_run_finds_the_first_and_does_not_begin(account: Account, now: datetime) -> None:
    begun(account, now)
    assert begin(account, now + SECOND) is None
    assert SyncRun.objects.count() == 1


def test_another_account_is_not_in_its_way(account: Account, subaccount: Account, now: datetime) -> None:
    begun(account, now)
    begun(subaccount, now)


@pytest.mark.django_db(transaction=True)
def test_of_runs_at_the_same_moment_one_begins(account: Account, now: datetime) -> None:
    runs = together(*[partial(begin, account, now)] * 4)
    assert sum(run is not None for run in runs) == 1


def let_it_run_out(run: SyncRun) -> None:
    """By the database's clock, which leases go by."""
    SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now() - SECOND)


def test_a_run_that_says_nothing_for_its_lease_is_taken_over(account: Account, now: datetime) -> None:
    dead = begun(account, now)
    assert begin(account, now + timedelta(days=1)) is None  # whatever a machine's own clock says
    let_it_run_out(dead)
    begun(account, now + SECOND)

    dead.refresh_from_db()
    assert (dead.state, dead.error) == (SyncState.INTERRUPTED, "The process that ran this sync ended.")
    assert not dead.record_progress(pages=9)
    assert not dead.end(SyncState.COMPLETE, now=now + SECOND)
    assert dead.state == SyncState.INTERRUPTED


def test_a_run_that_says_how_far_it_is_lives_on(account: Account, now: datetime) -> None:
    run = begun(account, now)
    let_it_run_out(run)
    assert run.record_progress(pages=3)
    assert begin(account, now + SECOND) is None
    run.refresh_from_db()
    assert run.pages == 3


@pytest.mark.parametrize("state", [state for state in SyncState if state != SyncState.RUNNING])
def test_a_run_ends_once_and_only_a_complete_one_is_complete(
    account: Account, now: datetime, state: SyncState
) -> None:
    run = begun(account, now)
    assert run.end(state, now=now + SECOND, seen=5)
    assert not run.end(SyncState.FAILED, now=now + SECOND)
    assert (run.state, run.complete, run.ended_at, run.seen) == (
        state,
        state == SyncState.COMPLETE,
        now + SECOND,
        5,
    )
    begun(account, now + 2 * SECOND)


def test_it_keeps_who_asked_for_what(account: Account, now: datetime) -> None:
    user = User.objects.create(username="somebody")
    SyncRun.objects.begin(account, now=now, scope={"full": True}, by=user)
    run = SyncRun.objects.get()
    assert (run.requested_by, run.scope) == (user, {"full": True})
    assert abs(run.lease_until - timezone.now() - LEASE_DURATION) < LEASE_DURATION / 2
