"""Reading one recording back from the API."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from recordings import sync
from recordings.choices import RecordingStatus
from recordings.mirror import LISTED_WITHIN
from recordings.models import Account, Recording
from recordings.sync import LATER, SyncRequest, read_back
from recordings.vobiz.errors import NotFoundError, VobizError
from tests.conftest import OTHER
from tests.ledger import asked
from tests.models.test_upsert_adoption import asked_for
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


def test_what_vobiz_has_completes_the_row(account: Account, world: SandboxState, now: datetime) -> None:
    listed = world.add_recording(account.auth_id)
    row = asked_for(account, recording_id=listed.recording_id, read_back_due_at=now)
    assert read_back(row, now=now)
    row.refresh_from_db()
    assert (row.status, row.read_back_due_at, row.duration_ms) == (RecordingStatus.COMPLETED, None, 60_000)


@pytest.mark.parametrize(
    ("age", "wait"), [(timedelta(0), timedelta(seconds=60)), (timedelta(hours=2), LATER)]
)
def test_what_vobiz_does_not_have_yet_is_asked_for_again_later(
    account: Account, now: datetime, age: timedelta, wait: timedelta
) -> None:
    row = asked_for(account, at=now - age, recording_id="not-there-yet", read_back_due_at=now)
    assert not read_back(row, now=now)
    row.refresh_from_db()
    assert (row.read_back_due_at, row.status) == (now + wait, RecordingStatus.REQUESTED)


@pytest.mark.parametrize(
    "fault", [{"status": 401}, {"reply": "garbage"}, {"status": 404, "body": {"message": "Not Found"}}]
)
def test_an_answer_that_says_nothing_of_it_changes_nothing(
    account: Account, world: SandboxState, now: datetime, fault: dict[str, object]
) -> None:
    row = asked_for(account, recording_id="rec-1", read_back_due_at=now)
    world.faults.plan(Fault(on="recording.retrieve", **fault))  # type: ignore[arg-type]
    with pytest.raises(VobizError) as error:
        read_back(row, now=now)
    assert not isinstance(error.value, NotFoundError)
    row.refresh_from_db()
    assert row.read_back_due_at == now


@pytest.mark.parametrize(
    ("age", "wait"),
    [(timedelta(0), LATER), (timedelta(days=2), timedelta(days=1)), (timedelta(days=99), timedelta(days=1))],
)
def test_an_answer_that_cannot_be_taken_is_put_off_and_the_row_says_why(
    account: Account, world: SandboxState, now: datetime, age: timedelta, wait: timedelta
) -> None:
    at_vobiz = world.add_recording(account.auth_id)
    row = asked_for(account, at=now - age, recording_id=at_vobiz.recording_id, read_back_due_at=now)
    elsewhere = f"/v1/Account/{OTHER}/Recording/{at_vobiz.recording_id}/"
    world.faults.plan(Fault(on="recording.retrieve", edit=lambda seen: {**seen, "resource_uri": elsewhere}))
    assert not read_back(row, now=now)
    row.refresh_from_db()
    assert (row.status, row.read_back_due_at) == (RecordingStatus.REQUESTED, now + wait)
    assert f"belongs to {OTHER}" in str(row.error)

    assert read_back(row, now=now + wait)  # Vobiz has thought better of it
    row.refresh_from_db()
    assert (row.status, row.read_back_due_at, row.error) == (RecordingStatus.COMPLETED, None, None)


def test_a_completed_recording_that_the_api_never_listed_is_marked_as_deleted_after_a_day(
    account: Account, world: SandboxState, now: datetime
) -> None:
    row = asked_for(
        account, at=now - LISTED_WITHIN, recording_id="rec-1", status=RecordingStatus.COMPLETED,
        duration_ms=10_080, sources={"duration_ms": "callback"}, read_back_due_at=now,
    )  # fmt: skip
    earlier = now - timedelta(seconds=1)
    assert not read_back(row, now=earlier)
    row.refresh_from_db()
    assert row.gone_at_provider_at is None

    assert not read_back(row, now=now)
    row = Recording.objects.get()
    assert (row.gone_at_provider_at, row.read_back_due_at) == (now, None)
    assert (row.status, row.duration_ms, row.sources) == ("completed", 10_080, {"duration_ms": "callback"})

    world.add_recording(account.auth_id, recording_id="rec-1")  # listed after all
    sync.run(account, SyncRequest(full=True), now=now, sync_run=None)
    row = Recording.objects.get()
    assert (row.gone_at_provider_at, row.duration_ms) == (None, 60_000)


@pytest.mark.parametrize(
    "changes",
    [{"status": RecordingStatus.ACTIVE}, {"synced_at": datetime.fromisoformat("2025-01-01T00:00Z")}],
)
def test_one_that_may_run_or_that_the_api_listed_before_is_not_marked_by_one_404(
    account: Account, now: datetime, changes: dict[str, object]
) -> None:
    given = {"status": RecordingStatus.COMPLETED, **changes}
    row = asked_for(account, at=now - 2 * LISTED_WITHIN, recording_id="rec-1", **given)
    assert not read_back(row, now=now)
    row.refresh_from_db()
    assert (row.gone_at_provider_at, row.read_back_due_at) == (None, now + timedelta(days=1))


def test_a_row_without_an_id_cannot_be_asked_for(
    account: Account, world: SandboxState, now: datetime
) -> None:
    assert not read_back(asked_for(account), now=now)
    assert asked(world) == []
    assert Recording.objects.count() == 1
