"""Both documented recordings, served by the sandbox and read by a sync: every attribute, end to end."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from recordings.models import Account, Recording
from tests.models.listed import CALL, DOCUMENTED
from tests.sync.conftest import Sync
from tests.vobiz.payloads import payload
from vobiz_portal.sandbox.state import SandboxState


@pytest.mark.parametrize("example", ["recordings__documented_call", "recordings__documented_conference"])
def test_a_documented_recording_comes_out_of_a_sync_with_every_attribute_right(
    account: Account, world: SandboxState, sync_now: Sync, example: str
) -> None:
    (said,) = payload(example)["objects"]
    world.add_recording(account.auth_id, **said)

    assert sync_now().created == 1

    row = Recording.objects.select_related("call").get()
    assert row.provider_data == said
    assert {
        "recording_id": DOCUMENTED, "recording_url": said["recording_url"], "file_format": "mp3", "kind": "call",
        "conference_name": None, "duration_ms": 10_080, "billed_seconds": 60, "storage_days": 1,
        "storage_rate": Decimal("0.005"), "monthly_storage_amount": Decimal(0), "times_approximate": False,
        "added_at": datetime(2025, 11, 6, 13, 49, 10, 751_756, UTC),
        "started_at": datetime(2025, 11, 6, 13, 48, 59, 422_000, UTC),
        "ended_at": datetime(2025, 11, 6, 13, 49, 9, 502_000, UTC),
    } == {name: getattr(row, name) for name in (
        "recording_id", "recording_url", "file_format", "kind", "conference_name", "duration_ms", "billed_seconds",
        "storage_days", "storage_rate", "monthly_storage_amount", "times_approximate", "added_at", "started_at",
        "ended_at",
    )}  # fmt: skip
    assert (row.call.call_uuid, row.call.from_number, row.call.to_number) == (
        CALL,
        "+918071387423",
        "919624705678",
    )
    assert (row.call.from_digits, row.call.to_digits) == ("918071387423", "919624705678")


def test_the_two_examples_are_one_recording(account: Account, world: SandboxState, sync_now: Sync) -> None:
    """The same id, once with null and once with `""` as its conference: not even an update."""
    (said,) = payload("recordings__documented_call")["objects"]
    world.add_recording(account.auth_id, **said)
    sync_now()
    (other,) = payload("recordings__documented_conference")["objects"]
    world.recording(DOCUMENTED).overrides.update(other)

    result = sync_now()

    assert said["conference_name"] != other["conference_name"]
    assert (result.created, result.updated, result.unchanged) == (0, 0, 1)
