"""What a sync is asked to read, also where the server ignores the filter."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.choices import SyncState
from recordings.models import Account, Recording
from recordings.sync import SyncRequest
from tests.ledger import asked
from tests.sync.conftest import Sync, known
from vobiz_portal.sandbox.state import SandboxState

Past = Callable[..., set[str]]


@pytest.mark.parametrize("ignores", [False, True])
def test_of_one_call(world: SandboxState, past: Past, sync_now: Sync, *, ignores: bool) -> None:
    world.quirks.ignore_filters = ignores
    past(30)
    ids = past(2, call_uuid="the-call")
    result = sync_now(call_uuid="the-call")
    assert (result.state, result.seen, known()) == (SyncState.COMPLETE, 2, ids)
    assert asked(world)[0].detail["query"]["call_uuid"] == "the-call"


@pytest.mark.parametrize("ignores", [False, True])
def test_of_one_type(world: SandboxState, past: Past, sync_now: Sync, *, ignores: bool) -> None:
    world.quirks.ignore_filters = ignores
    past(30)
    ids = past(2, kind="trunk")
    assert sync_now(kind="trunk").state == SyncState.COMPLETE
    assert known() == ids


def test_one_recording_is_one_request(world: SandboxState, past: Past, sync_now: Sync) -> None:
    (one,) = past(1)
    past(30)
    result = sync_now(recording_id=one)
    assert (result.state, known(), len(asked(world))) == (SyncState.COMPLETE, {one}, 1)


@pytest.mark.parametrize("envelope", [False, True])
def test_one_recording_in_either_shape(
    world: SandboxState, past: Past, sync_now: Sync, *, envelope: bool
) -> None:
    world.quirks.envelope_retrieve = envelope
    (one,) = past(1)
    assert sync_now(recording_id=one).created == 1


def test_one_recording_that_vobiz_does_not_have_is_a_failure_in_words(sync_now: Sync) -> None:
    result = sync_now(recording_id="no-such-recording")
    assert (result.state, result.failed) == (SyncState.FAILED, 1)
    assert result.failures == [
        {"recording_id": "no-such-recording", "reason": "Vobiz has no recording with this id."}
    ]


def test_since_a_moment_reads_no_further_than_needed(
    world: SandboxState, past: Past, sync_now: Sync, now: datetime
) -> None:
    world.quirks.max_limit = 20
    new = past(25, first_age=0.1)
    past(200, first_age=5)
    result = sync_now(since=now - timedelta(days=1))
    assert (result.state, known()) == (SyncState.COMPLETE, new)
    assert len(asked(world)) <= 4


def test_since_a_moment_takes_what_has_no_time(
    world: SandboxState, past: Past, sync_now: Sync, now: datetime
) -> None:
    (timeless,) = past(1, add_time=None, recording_start_ms=None)
    sync_now(since=now)
    assert known() == {timeless}


@pytest.mark.parametrize(
    ("limit", "pages", "cut"), [(1, 1, True), (20, 1, True), (21, 2, True), (45, 3, False)]
)
def test_a_limit_cuts_and_says_so(
    world: SandboxState, past: Past, sync_now: Sync, limit: int, pages: int, *, cut: bool
) -> None:
    world.quirks.max_limit = 20
    past(45)
    result = sync_now(limit=limit)
    assert (result.seen, result.pages, result.limit_reached, result.complete) == (limit, pages, cut, not cut)
    assert Recording.objects.count() == limit
    assert result.error == (f"The sync ended at --limit {limit}." if cut else None)


def test_a_limit_that_is_not_reached_cuts_nothing(past: Past, sync_now: Sync) -> None:
    past(5)
    result = sync_now(limit=6)
    assert (result.complete, result.limit_reached, result.seen) == (True, False, 5)


def test_parent_and_subaccount_that_both_list_a_recording_have_one_row(
    account: Account, subaccount: Account, world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.parent_sees_sub_accounts = True
    mine = past(3)
    its = {world.add_recording(subaccount.auth_id).recording_id for _ in range(2)}
    result = sync_now()
    assert (result.state, known()) == (SyncState.COMPLETE, mine | its)
    assert Recording.objects.filter(account=subaccount).count() == 2


def test_only_what_was_asked_for_is_kept_of_a_scope() -> None:
    since = datetime.fromisoformat("2025-11-01T00:00:00+05:30")
    assert SyncRequest().as_json() == {}
    assert SyncRequest(full=True, since=since, kind="trunk", limit=3).as_json() == {
        "full": True, "since": "2025-11-01T00:00:00+05:30", "type": "trunk", "limit": 3,
    }  # fmt: skip


@given(
    st.builds(
        SyncRequest, full=st.booleans(), limit=st.none() | st.integers(1, 9), kind=st.none() | st.just("call")
    )
)
def test_only_a_full_scope_without_limits_settles_what_is_gone(request: SyncRequest) -> None:
    assert request.detects_deleted == (request.full and request.limit is None and request.kind is None)
