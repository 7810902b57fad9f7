"""A dry run changes nothing at all, and counts what a real one would do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from recordings import sync, tasks
from recordings.models import Account, Call, Recording, SyncRun
from recordings.sync import SyncRequest
from tests.snapshot import snapshot
from tests.sync.conftest import Sync
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

Past = Callable[..., set[str]]


@pytest.fixture
def changed(world: SandboxState, past: Past, account: Account, now: datetime) -> None:
    """New, changed, unchanged, aged, gone and failing rows, a start that has no id yet, over several pages."""
    world.quirks.max_limit = 20
    ids = sorted(past(40))
    sync.run(account, SyncRequest(), now=now - timedelta(hours=1), sync_run=None)
    world.delete_recording(ids[0])
    for one in ids[1:6]:
        world.recording(one).overrides["rounded_recording_duration"] = 600
    for one in ids[6:9]:
        world.recording(one).overrides["recording_storage_duration"] = 9
    past(12, first_age=1)
    past(1, first_age=2, resource_uri="/v1/Account/MA_STRANGER/Recording/x/")
    call = Call.objects.obtain(account, "call-of-a-lost-start")
    Recording.objects.create(
        account=account, call=call, origin="portal", status="requested", callback_key="key", time_limit=60,
        requested_at=now - timedelta(days=3), happened_at=now, start_answer="unknown",
    )  # fmt: skip
    for age in (0.01, 1.5):  # on different pages: the first takes the row, the second makes its own
        world.add_recording(account.auth_id, call_uuid=call.call_uuid, age_days=age)


@pytest.mark.usefixtures("changed")
def test_it_changes_nothing_and_counts_as_the_real_one_does(sync_now: Sync) -> None:
    before = snapshot()
    dry = sync_now(full=False, dry_run=True)
    assert snapshot() == before

    real = sync_now(full=False)
    assert dry.counts() == real.counts()
    assert (real.created, real.updated, real.failed) == (13, 6, 1)


@pytest.mark.usefixtures("changed")
def test_it_counts_what_is_gone_and_marks_nothing(world: SandboxState, sync_now: Sync) -> None:
    world.faults.plan(
        Fault(
            on="recording.list", times=None,
            edit=lambda body: {**body, "objects": [row for row in body["objects"] if "STRANGER" not in str(row)]},
        )
    )  # fmt: skip
    before = snapshot()
    dry = sync_now(full=True, dry_run=True)
    assert snapshot() == before
    assert (dry.gone, dry.counts()) == (1, sync_now(full=True).counts())


@pytest.mark.usefixtures("changed")
def test_it_leaves_no_run_behind_and_settles_nothing(account: Account) -> None:
    before = snapshot()
    synced = tasks.sync_account(account, SyncRequest(dry_run=True), by=None)
    assert (synced.run, synced.settled, synced.result.created) == (None, None, 13)
    assert snapshot() == before


def test_it_may_look_while_another_run_writes(account: Account, past: Past, now: datetime) -> None:
    past(3)
    assert SyncRun.objects.begin(account, now=now, scope={}, by=None)
    assert tasks.sync_account(account, SyncRequest(dry_run=True), by=None).result.created == 3
