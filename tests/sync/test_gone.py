"""Deleted at Vobiz: only after a full clean run without it, and a 404 on its own."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from recordings import sync
from recordings.choices import SyncState
from recordings.models import Account, Recording
from recordings.models.recording.queryset import READ_AT_ONCE
from recordings.sync import SyncRequest
from tests.admin.rows import a_recording
from tests.ledger import asked
from tests.sync.conftest import Sync
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

DAY = timedelta(days=1)
Past = Callable[..., set[str]]


@pytest.fixture
def synced(past: Past, account: Account, now: datetime) -> list[str]:
    """Ten recordings, known here since an hour ago; their ids, oldest first."""
    past(10)
    sync.run(account, SyncRequest(), now=now - timedelta(hours=1), sync_run=None)
    return [
        str(one) for one in Recording.objects.order_by("happened_at").values_list("recording_id", flat=True)
    ]


def gone() -> set[str]:
    rows = Recording.objects.filter(gone_at_provider_at__isnull=False)
    return {str(one) for one in rows.values_list("recording_id", flat=True)}


def test_what_a_full_clean_run_does_not_show_and_is_404_on_its_own_is_gone(
    world: SandboxState, synced: list[str], sync_now: Sync, now: datetime
) -> None:
    world.delete_recording(synced[3])
    result = sync_now(full=True)
    assert (result.state, result.gone, gone()) == (SyncState.COMPLETE, 1, {synced[3]})
    assert Recording.objects.count() == 10
    row = Recording.objects.get(recording_id=synced[3])
    assert row.gone_at_provider_at is not None
    assert now <= row.gone_at_provider_at < now + timedelta(minutes=1)
    assert sync_now(full=True).gone == 0


@pytest.mark.parametrize("scope", [
    {}, {"full": True, "since": datetime.fromisoformat("2020-01-01T00:00:00Z")}, {"full": True, "limit": 100},
    {"full": True, "kind": "call"}, {"full": True, "call_uuid": "some-call"},
])  # fmt: skip
def test_a_run_that_is_not_full_settles_nothing(
    world: SandboxState, synced: list[str], sync_now: Sync, scope: dict[str, Any]
) -> None:
    world.delete_recording(synced[3])
    sync_now(**scope)
    assert gone() == set()
    assert asked(world, "recording.retrieve") == []


@pytest.mark.parametrize("fault", [
    {"reply": "garbage", "skip": 1}, {"status": 401, "skip": 1},
    {"edit": lambda body: {**body, "objects": [*body["objects"], {"recording_id": "../x"}]}},
])  # fmt: skip
def test_nothing_is_gone_after_a_partial_run(
    world: SandboxState, synced: list[str], past: Past, sync_now: Sync, fault: dict[str, Any]
) -> None:
    world.quirks.max_limit = 20
    past(30, first_age=2)
    world.delete_recording(synced[3])
    world.faults.plan(Fault(on="recording.list", **fault))
    assert sync_now(full=True).state == SyncState.PARTIAL
    assert gone() == set()


def test_what_the_list_leaves_out_but_vobiz_still_has_is_not_gone(
    world: SandboxState, synced: list[str], sync_now: Sync
) -> None:
    def without(body: Any) -> Any:
        body["objects"] = [row for row in body["objects"] if row["recording_id"] != synced[3]]
        return body

    world.faults.plan(Fault(on="recording.list", times=None, edit=without))
    result = sync_now(full=True)
    assert (result.gone, gone(), result.seen) == (0, set(), 10)


@pytest.mark.parametrize(
    "fault", [{"status": 404, "body": {"message": "Not Found"}}, {"status": 401}, {"reply": "garbage"}]
)
def test_an_answer_that_is_not_about_the_recording_proves_nothing(
    world: SandboxState, synced: list[str], sync_now: Sync, fault: dict[str, Any]
) -> None:
    world.delete_recording(synced[3])
    world.faults.plan(Fault(on="recording.retrieve", times=None, **fault))
    assert sync_now(full=True).state == SyncState.PARTIAL
    assert gone() == set()


def test_a_recording_the_api_has_never_shown_cannot_be_gone(
    world: SandboxState, synced: list[str], sync_now: Sync
) -> None:
    world.delete_recording(synced[3])
    Recording.objects.filter(recording_id=synced[3]).update(synced_at=None)
    sync_now(full=True)
    assert gone() == set()


def test_it_is_not_gone_any_more_when_it_is_listed_again(
    world: SandboxState, synced: list[str], sync_now: Sync
) -> None:
    Recording.objects.filter(recording_id=synced[3]).update(gone_at_provider_at="2025-01-01T00:00:00Z")
    sync_now(full=True)
    assert gone() == set()


def empty_list(world: SandboxState) -> None:
    """Vobiz answers 200, and lists nothing."""
    nothing = {"objects": [], "meta": {"next": None, "total_count": 0}}
    world.faults.plan(Fault(on="recording.list", times=None, body=nothing))
    world.faults.plan(Fault(on="recording.retrieve", times=None, status=404))


def rows(account: Account, world: SandboxState, count: int, *, age: float, now: datetime) -> None:
    """Known recordings, all of one age in days."""
    for _ in range(count):
        world.add_recording(account.auth_id, age_days=age, duration=5.0)
    sync.run(account, SyncRequest(), now=now - timedelta(hours=1), sync_run=None)


@pytest.mark.parametrize(("young", "missing", "alarm"), [
    (60, 51, True), (60, 50, False), (1100, 51, False),
])  # fmt: skip
def test_too_many_young_ones_missing_at_once_marks_nothing_and_raises_an_alarm(
    account: Account,
    world: SandboxState,
    sync_now: Sync,
    now: datetime,
    young: int,
    missing: int,
    *,
    alarm: bool,
) -> None:
    """More than 50 and more than 5 percent of those younger than the account's retention days."""
    rows(account, world, young, age=3, now=now)
    for one in world.recordings_of(account.auth_id)[:missing]:
        world.delete_recording(one.recording_id)

    result = sync_now(full=True)

    assert (len(gone()), result.gone) == ((0, 0) if alarm else (missing, missing))
    assert result.state == (SyncState.PARTIAL if alarm else SyncState.COMPLETE)
    if alarm:
        assert result.error is not None
        assert "51 of 60 recordings younger than 30 days are missing" in result.error
        assert asked(world, "recording.retrieve") == []


def test_rows_older_than_the_retention_days_are_expected_to_vanish(
    account: Account, world: SandboxState, sync_now: Sync, now: datetime
) -> None:
    rows(account, world, 70, age=31, now=now)
    empty_list(world)
    assert sync_now(full=True).gone == 70


def test_at_most_so_many_are_asked_for_in_a_run_the_oldest_first(
    account: Account, world: SandboxState, synced: list[str], sync_now: Sync, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recordings.sync.runner.MAX_DELETION_CHECKS", 4)
    empty_list(world)
    assert sync_now(full=True).gone == 4
    assert gone() == set(synced[:4])
    sync_now(full=True)
    assert gone() == set(synced[:8])


def test_looking_for_what_is_missing_holds_no_more_rows_than_are(account: Account, now: datetime) -> None:
    first = a_recording(account, synced_at=now - timedelta(hours=1), happened_at=now)
    values = {field.attname: getattr(first, field.attname) for field in first._meta.concrete_fields}
    count = 4 * READ_AT_ONCE
    Recording.objects.bulk_create(
        (
            Recording(
                **{**values, "id": None, "recording_id": f"r{number}", "happened_at": now - number * DAY}
            )
            for number in range(1, count)
        ),
        batch_size=100,
    )
    listed = {f"r{number}" for number in range(1, count)} - {"r2", "r3000"}

    tracemalloc.start()
    missing = Recording.objects.missing(account, listed, now=now)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    oldest_first = ["r3000", "r2", first.recording_id]
    assert [recording_id for _pk, recording_id in missing.rows] == oldest_first
    assert (missing.young, missing.known_young) == (2, 31)
    assert peak < count * 150  # bytes: all of them at once are more than 200 each


def test_another_accounts_recordings_are_not_missing_from_this_ones_list(
    account: Account,
    subaccount: Account,
    world: SandboxState,
    synced: list[str],
    sync_now: Sync,
    now: datetime,
) -> None:
    world.add_recording(subaccount.auth_id)
    sync.run(subaccount, SyncRequest(), now=now - timedelta(hours=1), sync_run=None)
    sync_now(full=True)
    assert gone() == set()
