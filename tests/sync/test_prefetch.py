"""Pages are fetched ahead, several at once, and nothing is taken from an answer that has grown old."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from recordings.choices import SyncState
from recordings.models import Account
from recordings.provider import client_for
from recordings.sync import SyncRequest
from recordings.sync.pagination import Pagination
from recordings.sync.seen_ids import SeenIds
from tests.ledger import asked
from tests.sync.conftest import Sync, known
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once  # test_runner.py and tests/models/test_upsert*.py write the same rows

Past = Callable[..., set[str]]


class Crowd:
    """Counts the requests that are at the sandbox together; until there were two, each waits for another."""

    def __init__(self, seconds: float) -> None:
        self.here, self.most, self.seconds = 0, 0, seconds
        self.changed = threading.Condition()

    def __call__(self, _world: SandboxState) -> None:
        with self.changed:
            self.here += 1
            self.most = max(self.most, self.here)
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.most > 1, timeout=self.seconds)
            self.here -= 1


@pytest.mark.parametrize(("prefetch", "together"), [(0, False), (8, True)])
def test_pages_are_fetched_together_as_the_setting_says(
    world: SandboxState, past: Past, sync_now: Sync, settings: Settings, prefetch: int, *, together: bool
) -> None:
    settings.VOBIZ_PREFETCH = prefetch
    world.quirks.max_limit = 20
    ids, crowd = past(120), Crowd(2.0 if together else 0.05)
    world.faults.plan(Fault(on="recording.list", times=None, first=crowd))
    assert sync_now().state == SyncState.COMPLETE
    assert known() == ids
    assert (crowd.most > 1) is together


def test_a_run_that_needs_one_page_asks_for_one(
    world: SandboxState, past: Past, sync_now: Sync, now: datetime
) -> None:
    world.quirks.max_limit = 20
    past(100)
    sync_now()
    before = len(asked(world, "recording.list"))
    assert sync_now(newest=now).state == SyncState.COMPLETE
    assert len(asked(world, "recording.list")) == before + 1


def test_fewer_are_fetched_at_once_when_vobiz_says_that_they_are_too_many(
    account: Account, world: SandboxState, past: Past
) -> None:
    world.quirks.max_limit = 20
    ids = past(200)
    world.faults.plan(Fault(on="recording.list", skip=4, times=2, status=429, headers={"Retry-After": "0"}))
    with client_for(account) as client:
        pages = Pagination(client, SyncRequest(), pytest.fail)
        shown = {rid for page in pages.all() for rid in page.ids}
        assert client.rate_limited == 2
        assert pages._fetcher._allowed < 8
    assert shown == ids


def test_where_several_at_once_are_refused_for_good_the_page_is_asked_for_alone(
    world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.max_limit = 20
    ids = past(200)
    world.faults.plan(Fault(on="recording.list", skip=4, status=429, headers={"Retry-After": "3600"}))
    assert sync_now().state == SyncState.COMPLETE
    assert known() == ids


def test_an_answer_that_waited_too_long_is_asked_for_again(
    account: Account, world: SandboxState, past: Past, now: datetime
) -> None:
    """Each answer comes with the moment of its request, never one later: what came after it stays due."""
    world.quirks.max_limit = 20
    past(100)
    at = now

    def clock() -> datetime:
        return at

    with client_for(account) as client:
        pages = Pagination(client, SyncRequest(), pytest.fail, clock)
        for _page in pages.all():
            assert at - pages.asked_at <= timedelta(seconds=30)
            at += timedelta(seconds=20)
    offsets = [entry.detail["query"]["offset"] for entry in asked(world, "recording.list")]
    assert len(offsets) > len(set(offsets)) + 1


def test_a_million_ids_are_known_again_in_little_room() -> None:
    seen = SeenIds()
    for first in range(0, 60_000, 100):
        seen.update(f"{at:036}" for at in range(first, first + 105))
    assert len(seen) == 60_005
    assert all(f"{at:036}" in seen for at in range(60_005))
    assert not any(f"{at:036}" in seen for at in range(60_005, 120_000))
    assert len(seen._slots) * seen._slots.itemsize < 60_005 * 24
