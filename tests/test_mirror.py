"""Asking Vobiz for one recording, and what its answer means."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from recordings.choices import Origin, RecordingStatus
from recordings.mirror import ACCOUNT_ERRORS, LISTED_WITHIN, FetchResult, FetchStatus, fetch_recording
from recordings.models import Account, Recording
from recordings.provider import client_for
from recordings.vobiz.errors import RouteMissingError
from tests.conftest import OTHER
from tests.models.test_upsert_adoption import asked_for
from tests.sync.test_failures import refuse
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


def fetch(account: Account, recording_id: str, *, now: datetime, **options: Any) -> FetchResult:
    with client_for(account) as client:
        return fetch_recording(account, recording_id, client=client, now=now, **options)


def test_a_recording_that_vobiz_has_is_stored(account: Account, world: SandboxState, now: datetime) -> None:
    at_vobiz = world.add_recording(account.auth_id)
    result = fetch(account, at_vobiz.recording_id, now=now, origin=Origin.CALLBACK)
    row = Recording.objects.get()
    assert (result.status, result.failure) == (FetchStatus.FOUND, None)
    assert (row.recording_id, row.status, row.origin) == (
        at_vobiz.recording_id,
        RecordingStatus.COMPLETED,
        Origin.CALLBACK,
    )
    assert result.report is not None
    assert result.report.created == 1


@pytest.mark.parametrize(
    ("age", "listed_before", "status"),
    [
        (LISTED_WITHIN - timedelta(seconds=1), False, FetchStatus.NOT_YET),
        (LISTED_WITHIN, False, FetchStatus.GONE),
        (timedelta(0), True, FetchStatus.GONE),
    ],
)
def test_a_404_means_not_yet_only_for_a_young_recording_that_the_api_never_listed(
    account: Account, now: datetime, age: timedelta, listed_before: bool, status: FetchStatus
) -> None:
    row = asked_for(account, at=now - age, recording_id="rec-1")
    row.synced_at = now if listed_before else None
    assert fetch(account, "rec-1", now=now, known=row) == FetchResult(status)


def test_a_404_for_a_recording_without_a_row_means_not_yet(account: Account, now: datetime) -> None:
    assert fetch(account, "rec-1", now=now).status == FetchStatus.NOT_YET


def test_a_missing_route_says_nothing_of_the_recording(
    account: Account, world: SandboxState, now: datetime
) -> None:
    at_vobiz = world.add_recording(account.auth_id)
    world.faults.plan(Fault(on="recording.retrieve", status=404, body={"message": "Not Found"}))
    with pytest.raises(RouteMissingError) as error:
        fetch(account, at_vobiz.recording_id, now=now)
    assert isinstance(error.value, ACCOUNT_ERRORS)
    assert not Recording.objects.exists()


def test_a_recording_of_another_call_is_not_stored(
    account: Account, world: SandboxState, now: datetime
) -> None:
    at_vobiz = world.add_recording(account.auth_id)
    result = fetch(account, at_vobiz.recording_id, now=now, call_uuid="another-call")
    assert result.status == FetchStatus.OTHER_CALL
    assert not Recording.objects.exists()


def test_a_dry_run_stores_nothing(account: Account, world: SandboxState, now: datetime) -> None:
    at_vobiz = world.add_recording(account.auth_id)
    result = fetch(account, at_vobiz.recording_id, now=now, dry_run=True)
    assert result.report is not None
    assert result.report.created == 1
    assert not Recording.objects.exists()


def test_a_recording_that_cannot_be_stored_says_why(
    account: Account, world: SandboxState, now: datetime
) -> None:
    at_vobiz = world.add_recording(account.auth_id)
    elsewhere = f"/v1/Account/{OTHER}/Recording/{at_vobiz.recording_id}/"
    world.faults.plan(Fault(on="recording.retrieve", edit=lambda seen: {**seen, "resource_uri": elsewhere}))
    result = fetch(account, at_vobiz.recording_id, now=now)
    assert result.status == FetchStatus.FOUND
    assert f"belongs to {OTHER}" in str(result.failure)


def test_a_row_that_the_database_refuses_is_a_failure_and_no_exception(
    account: Account, world: SandboxState, now: datetime
) -> None:
    at_vobiz = world.add_recording(account.auth_id)
    refuse(at_vobiz.recording_id)
    assert "The database refused it" in str(fetch(account, at_vobiz.recording_id, now=now).failure)
