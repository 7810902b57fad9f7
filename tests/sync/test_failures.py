"""When a page or a row fails, what is good is kept, and the run says that it is partial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from recordings.choices import SyncState
from recordings.models import Recording
from tests.ledger import asked
from tests.sync.conftest import Sync, known
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

Past = Callable[..., set[str]]


@pytest.fixture(autouse=True)
def impatient(settings: Settings) -> None:
    """A second try, and no third: the pauses between them would only be waited for."""
    settings.VOBIZ_TOTAL_TIMEOUT = 0.5


@pytest.mark.parametrize(
    "fault", [{"status": 500, "times": 2}, {"reply": "garbage"}, {"reply": "cut_json"}, {"status": 200, "body": []}]
)  # fmt: skip
def test_the_good_pages_are_kept_when_one_fails_and_the_run_is_partial(
    world: SandboxState, past: Past, sync_now: Sync, settings: Settings, fault: dict[str, Any]
) -> None:
    settings.VOBIZ_PREFETCH = 0  # so that both tries of one page fail
    world.quirks.max_limit = 20
    ids = past(100)
    world.faults.plan(Fault(on="recording.list", skip=2, **fault))

    result = sync_now()

    assert (result.state, result.failed) == (SyncState.PARTIAL, 1)
    assert result.error
    assert result.failures[0]["reason"] is not None
    assert result.failures[0]["reason"].startswith("The page at offset 30: ")
    assert len(ids - known()) <= 20
    assert len(known()) >= 80


def test_a_first_page_that_fails_does_not_hide_the_others(
    world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.max_limit = 20
    ids = past(60)
    world.faults.plan(Fault(on="recording.list", reply="garbage"))
    assert sync_now().state == SyncState.PARTIAL
    assert len(ids - known()) <= 20


def test_after_three_failed_pages_in_a_row_the_run_gives_up(
    world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.max_limit = 20
    past(200)
    world.faults.plan(Fault(on="recording.list", skip=2, reply="garbage", times=None))
    result = sync_now()
    assert (result.state, result.failed, Recording.objects.count()) == (SyncState.PARTIAL, 3, 35)


@pytest.mark.once
@pytest.mark.parametrize(("status", "words"), [
    (401, "refused Auth ID MA_…668 with the token ending …6789"), (402, "balance"), (403, "refused"),
    (429, "fewer requests"),
])  # fmt: skip
def test_a_refusal_ends_the_run_at_once_and_keeps_what_was_read(
    world: SandboxState, past: Past, sync_now: Sync, status: int, words: str
) -> None:
    world.quirks.max_limit = 20
    past(60)
    fault = Fault(on="recording.list", skip=1, times=None, status=status, headers={"Retry-After": "3600"})
    world.faults.plan(fault)

    result = sync_now()

    assert (result.state, Recording.objects.count()) == (SyncState.PARTIAL, 20)
    assert result.error is not None
    assert words in result.error
    assert len(asked(world)) == 2


@pytest.mark.parametrize("fault", [{"status": 401}, {"drop": "before"}])
def test_where_nothing_could_be_read_the_run_has_failed(
    world: SandboxState, past: Past, sync_now: Sync, fault: dict[str, Any]
) -> None:
    past(3)
    world.faults.plan(Fault(on="recording.list", times=None, **fault))
    result = sync_now()
    assert (result.state, result.pages) == (SyncState.FAILED, 0)
    assert result.error
    assert Recording.objects.count() == 0


def test_a_page_that_fails_for_a_moment_is_read_again(
    world: SandboxState, past: Past, sync_now: Sync
) -> None:
    ids = past(3)
    world.faults.plan(Fault(on="recording.list", status=503, times=1))
    assert sync_now().state == SyncState.COMPLETE
    assert known() == ids


@pytest.mark.once
@pytest.mark.parametrize("bad", ["../Call", "BulkDelete", "a?x=1", "", "x", 5.5, None])
def test_a_row_whose_id_is_none_fails_in_words_and_costs_only_itself(
    world: SandboxState, past: Past, sync_now: Sync, bad: Any
) -> None:
    ids = past(3)

    def spoil(body: Any) -> Any:
        body["objects"].insert(1, {**body["objects"][0], "recording_id": bad})
        return body

    world.faults.plan(Fault(on="recording.list", times=None, edit=spoil))
    result = sync_now()

    assert (result.state, result.failed, known()) == (SyncState.PARTIAL, 1, ids)
    assert len(result.failures) == 1
    assert not [entry for entry in asked(world) if "BulkDelete" in str(entry.detail)]


def test_a_bad_row_shown_on_two_pages_has_failed_once(
    world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.max_limit = 20
    past(50)

    def spoil(body: Any) -> Any:
        body["objects"].append({"recording_id": "../x"})
        return body

    world.faults.plan(Fault(on="recording.list", times=None, edit=spoil))
    assert sync_now().failed == 1


def test_a_row_of_another_main_account_fails_and_is_not_counted_on_every_page(
    world: SandboxState, past: Past, sync_now: Sync
) -> None:
    world.quirks.max_limit = 20
    past(30)
    past(1, first_age=0.25, resource_uri="/v1/Account/MA_STRANGER/Recording/x/")
    result = sync_now()
    assert (result.state, result.failed, result.created) == (SyncState.PARTIAL, 1, 30)


def test_a_row_the_database_refuses_costs_only_itself(past: Past, sync_now: Sync) -> None:
    ids = past(5)
    poison = sorted(ids)[2]
    refuse(poison)

    result = sync_now()

    assert (result.state, result.created, known()) == (SyncState.PARTIAL, 4, ids - {poison})
    assert [failure["recording_id"] for failure in result.failures] == [poison]
    assert "The database refused it" in str(result.failures)


def refuse(recording_id: str) -> None:
    """Have the database itself refuse a row, as it would a value nobody has thought of."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON recordings_recording "
                f"WHEN NEW.recording_id = '{recording_id}' BEGIN SELECT RAISE(ABORT, 'poison'); END"
            )
        else:
            cursor.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = 'data_exception'; END $$"
            )
            cursor.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON recordings_recording FOR EACH ROW "
                f"WHEN (NEW.recording_id = '{recording_id}') EXECUTE FUNCTION refuse()"
            )


def _null(value: object) -> None:
    return None


def _another_type(value: object) -> object:
    return [value] if isinstance(value, str) else str(value) + "?"


@pytest.mark.once
@pytest.mark.parametrize("change", [_null, _another_type])
@pytest.mark.parametrize("known_before", [True, False])
def test_rows_that_have_lost_what_they_always_had_are_a_failed_page(
    world: SandboxState,
    past: Past,
    sync_now: Sync,
    change: Callable[[object], object],
    known_before: bool,
) -> None:
    past(5)
    if known_before:
        assert sync_now().state == SyncState.COMPLETE
    rows = list(Recording.objects.order_by("pk").values())

    def drift(page: Any) -> Any:
        for row in page["objects"]:
            row |= {name: change(value) for name, value in row.items() if name != "recording_id"}
        return page

    world.faults.plan(Fault(on="recording.list", edit=drift, times=None))
    result = sync_now()
    assert (result.state, result.failed, result.gone) == (SyncState.PARTIAL, 1, 0)
    assert result.error
    assert "recording_url" in result.error
    assert list(Recording.objects.order_by("pk").values()) == rows


@pytest.mark.once
@pytest.mark.parametrize("name", ["recording_url", "add_time", "recording_duration_ms"])
def test_one_fact_that_every_row_has_lost_fails_the_page_where_it_is_known(
    world: SandboxState, past: Past, sync_now: Sync, name: str
) -> None:
    past(5)

    def drift(page: Any) -> Any:
        for row in page["objects"]:
            row[name] = None
        return page

    fault = Fault(on="recording.list", edit=drift, times=1)
    world.faults.plan(fault)
    assert sync_now().state == SyncState.COMPLETE  # it may be so at this Vobiz
    assert sync_now().state == SyncState.COMPLETE
    world.faults.plan(Fault(on="recording.list", edit=drift, times=1))
    assert sync_now().state == SyncState.PARTIAL
