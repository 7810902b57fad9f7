"""Rows arrive and vanish while the pages are read: every row that was there all the time is known at the end."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import pytest

from recordings.choices import SyncState
from recordings.models import Account
from recordings.provider import client_for
from recordings.sync import SyncRequest
from recordings.sync.pagination import Pagination
from tests.ledger import asked
from tests.sync.conftest import Sync, known
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once  # test_runner.py and tests/models/test_upsert*.py write the same rows

Past = Callable[..., set[str]]


def listed(world: SandboxState, account: Account) -> set[str]:
    return {one.recording_id for one in world.recordings_of(account.auth_id)}


def between_pages(world: SandboxState, account: Account, changes: Iterable[tuple[int, int, int]]) -> None:
    """Before each page after the first: rows added on top, taken off the top, and taken from anywhere."""
    chance = random.Random(7)

    def change(added: int, newest: int, anywhere: int) -> Callable[[SandboxState], None]:
        def happen(world: SandboxState) -> None:
            for _ in range(added):
                world.add_recording(account.auth_id, duration=5.0)
            rows = world.recordings_of(account.auth_id)
            gone = rows[:newest] + chance.sample(rows, min(anywhere, len(rows)))
            for one in {one.recording_id for one in gone}:
                world.delete_recording(one)

        return happen

    world.faults.plan(Fault(on="recording.list"))
    for how in changes:
        world.faults.plan(Fault(on="recording.list", first=change(*how)))


def random_changes(seed: int) -> list[tuple[int, int, int]]:
    chance, most = random.Random(seed), 1 + seed % 8
    return [(chance.randint(0, most), chance.randint(0, most), chance.randint(0, most)) for _ in range(30)]


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_passed_over_while_rows_come_and_go(
    account: Account, world: SandboxState, past: Past, seed: int
) -> None:
    world.quirks.max_limit = 20
    before = past(150)
    between_pages(world, account, random_changes(seed))

    with client_for(account) as client:
        pages = Pagination(client, SyncRequest(), pytest.fail)
        shown = {rid for page in pages.all() for rid in page.ids}

    assert pages.incomplete_reason is None
    assert before & listed(world, account) <= shown
    assert len(asked(world)) < 40


@pytest.mark.parametrize("seed", range(5, 8))
def test_nothing_is_lost_while_rows_come_and_go(
    account: Account, world: SandboxState, past: Past, sync_now: Sync, seed: int
) -> None:
    world.quirks.max_limit = 20
    before = past(100)
    between_pages(world, account, random_changes(seed))

    result = sync_now()

    assert result.state == SyncState.COMPLETE, result.error
    assert before & listed(world, account) <= known()


@pytest.mark.parametrize("gone", [4, 5, 6, 19, 20, 21, 40, 70, 90])
def test_many_rows_that_vanish_at_once_make_the_reading_step_back(
    account: Account, world: SandboxState, past: Past, sync_now: Sync, gone: int
) -> None:
    world.quirks.max_limit = 20
    past(150)
    between_pages(world, account, [(0, 0, 0), (0, 0, 0), (0, gone, 0)])
    assert sync_now().state == SyncState.COMPLETE
    assert listed(world, account) <= known()


def test_rows_that_vanish_so_that_the_next_page_is_empty_are_no_end(
    account: Account, world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.max_limit = 20
    past(45)
    between_pages(world, account, [(0, 0, 0), (0, 18, 0)])  # the third page would begin behind the last row
    assert sync_now().state == SyncState.COMPLETE
    assert listed(world, account) <= known()


@pytest.mark.parametrize("arrived", [1, 19, 20, 21, 60])
def test_what_arrives_while_the_pages_are_read_is_read_at_the_end_however_much(
    account: Account, world: SandboxState, past: Past, sync_now: Sync, arrived: int
) -> None:
    world.quirks.max_limit = 20
    past(50)
    between_pages(world, account, [(0, 0, 0), (arrived, 0, 0)])
    assert sync_now().state == SyncState.COMPLETE
    assert listed(world, account) == known()


def test_a_list_that_changes_faster_than_it_can_be_read_is_partial_and_says_so(
    account: Account, world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.max_limit = 20
    past(700)
    between_pages(world, account, [(0, 0, 0)] * 8 + [(0, 60, 0)] * 20)
    result = sync_now()
    assert (result.state, result.error) == (
        SyncState.PARTIAL,
        "Rows vanished faster than they could be read.",
    )


def test_a_row_shown_on_two_pages_is_counted_once(
    account: Account, world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.max_limit = 20
    past(50)
    between_pages(world, account, [(7, 0, 0), (7, 0, 0), (7, 0, 0)])
    result = sync_now()
    assert (result.created, result.updated, result.unchanged) == (71, 0, 0)
