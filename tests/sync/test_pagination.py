"""Whatever page size the server really gives, and whatever comes and goes meanwhile, no row is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import Settings

from recordings.choices import SyncState
from recordings.models import Recording
from tests.ledger import asked
from tests.sync.conftest import Sync, known
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once  # test_runner.py and tests/models/test_upsert*.py write the same rows

Past = Callable[..., set[str]]


@pytest.mark.parametrize("count", [0, 1, 19, 20, 21, 95, 100, 101, 215])
@pytest.mark.parametrize("page_size", [20, 100])
def test_every_row_is_read_whatever_page_size_the_server_gives(
    world: SandboxState, past: Past, sync_now: Sync, count: int, page_size: int
) -> None:
    world.quirks.max_limit = page_size
    ids = past(count)

    result = sync_now()

    assert (result.state, result.created, result.seen) == (SyncState.COMPLETE, count, count)
    assert known() == ids
    needed = -(-max(1, count - 5) // (page_size - 5))
    assert result.pages in {needed, needed + 1, needed + 2}  # one more for what has arrived on top


@pytest.mark.parametrize("portal_size", [2, 3, 5, 6, 7, 250])
def test_the_portals_own_page_size_may_be_anything(
    past: Past, sync_now: Sync, settings: Settings, portal_size: int
) -> None:
    settings.VOBIZ_PAGE_SIZE = portal_size
    ids = past(23)
    assert sync_now().state == SyncState.COMPLETE
    assert known() == ids


@pytest.mark.parametrize("count", [0, 1, 5, 20, 40, 41])
def test_without_meta_the_list_ends_where_no_new_rows_come(
    world: SandboxState, past: Past, sync_now: Sync, count: int
) -> None:
    world.quirks.max_limit = 20
    ids = past(count)
    world.faults.plan(Fault(on="recording.list", times=None, edit=lambda body: {"objects": body["objects"]}))

    result = sync_now()

    assert (result.state, known()) == (SyncState.COMPLETE, ids)
    assert result.pages <= count // 15 + 6


def test_short_pages_with_a_next_are_not_the_end(world: SandboxState, past: Past, sync_now: Sync) -> None:
    ids = past(60)
    for size in [20, 7, 11, 6, 20, 9] * 3:
        world.faults.plan(Fault(on="recording.list", quirks={"max_limit": size}))
    assert sync_now().state == SyncState.COMPLETE
    assert known() == ids


@pytest.mark.parametrize("total", [0, 3, 10**9, None, "many"])
def test_a_wrong_total_count_is_not_relied_on(
    world: SandboxState, past: Past, sync_now: Sync, total: object
) -> None:
    world.quirks.max_limit = 20
    ids = past(50)

    def lie(body: Any) -> Any:
        body["meta"]["total_count"] = total
        return body

    world.faults.plan(Fault(on="recording.list", times=None, edit=lie))
    assert sync_now().state == SyncState.COMPLETE
    assert known() == ids


def test_next_is_never_followed_as_an_address(world: SandboxState, past: Past, sync_now: Sync) -> None:
    world.quirks.max_limit = 20
    ids = past(50)

    def elsewhere(body: Any) -> Any:
        if body["meta"]["next"]:
            body["meta"]["next"] = "http://evil.example/v1/Account/MA_X/Recording/?offset=999"
        return body

    world.faults.plan(Fault(on="recording.list", times=None, edit=elsewhere))
    assert sync_now().state == SyncState.COMPLETE
    assert known() == ids


def test_a_server_that_ignores_the_offset_does_not_hold_the_sync_for_ever(
    world: SandboxState, past: Past, sync_now: Sync
) -> None:
    past(30)
    first: list[Any] = []

    def again(body: Any) -> Any:
        first.append(body)
        return {**first[0], "meta": {**first[0]["meta"], "next": "/v1/more"}}

    world.faults.plan(Fault(on="recording.list", times=None, edit=again))
    result = sync_now()

    assert result.state == SyncState.PARTIAL
    assert result.error == "Vobiz gave the same rows again and again, and promised more."
    assert result.pages < 10
    assert Recording.objects.count() == 30


def test_an_empty_page_that_promises_more_is_the_end(world: SandboxState, past: Past, sync_now: Sync) -> None:
    ids = past(3)

    def more(body: Any) -> Any:
        body["meta"]["next"] = "/v1/more"
        return body

    world.faults.plan(Fault(on="recording.list", times=None, edit=more))
    assert sync_now().state == SyncState.COMPLETE
    assert known() == ids


def test_a_small_list_is_one_request(world: SandboxState, past: Past, sync_now: Sync) -> None:
    past(7)
    sync_now()
    assert len(asked(world)) == 1
