"""Of many recordings to be read back, each has its turn: against the sandbox, over real HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings import reconcile
from recordings.choices import Origin, RecordingStatus
from recordings.models import Account, Call, CallbackEvent, Recording, Transcription
from recordings.reconcile import BATCH_SIZE
from recordings.reconcile.context import UNSIGNED_READS
from tests.callbacks.posting import deliver
from tests.callbacks.rows import CALL, listed_row
from tests.conftest import MAIN, OTHER
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


def many(account: Account, ids: list[str], *, due: datetime, status: str) -> None:
    """Recordings not asked for here, all to be read back at one moment."""
    call = Call.objects.obtain(account, CALL)
    Recording.objects.bulk_create(
        Recording(
            account=account, call=call, origin=Origin.SYNC, status=status, happened_at=due,
            recording_id=recording_id, read_back_due_at=due,
        )
        for recording_id in ids
    )  # fmt: skip


def _later() -> datetime:
    """After everything that is due now."""
    return timezone.now() + timedelta(seconds=5)


def test_a_settling_is_bounded(account: Account, world: SandboxState) -> None:
    many(
        account,
        [f"recording-{number}" for number in range(BATCH_SIZE + 5)],
        due=account.created_at,
        status="active",
    )
    reconcile.run(account, now=_later())
    assert len(asked(world, "recording.retrieve")) == BATCH_SIZE


def test_any_number_of_recordings_whose_answers_cannot_be_taken_leave_the_others_their_turn(
    account: Account, world: SandboxState
) -> None:
    due = account.created_at
    refused = [world.add_recording(MAIN).recording_id for _ in range(BATCH_SIZE)]
    many(account, refused, due=due - timedelta(minutes=1), status="completed")
    good = listed_row(account, world.add_recording(MAIN).recording_id, read_back_due_at=due)

    def of_another(seen: Any) -> Any:
        return {**seen, "resource_uri": f"/v1/Account/{OTHER}/"} if seen["recording_id"] in refused else seen

    world.faults.plan(Fault(on="recording.retrieve", edit=of_another, times=None))
    for _ in range(2):
        reconcile.run(account, now=_later())
    good.refresh_from_db()
    assert (good.status, good.read_back_due_at) == (RecordingStatus.COMPLETED, None)
    assert len(asked(world, "recording.retrieve")) == BATCH_SIZE + 1  # each once


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"event": "transcription", "transcription": "Another text."}, id="contradicts"),
        pytest.param({"event": "transcription", "words": "0"}, id="has no transcript"),
    ],
)
def test_an_unsigned_callback_without_effect_causes_no_request_beside_that_budget(
    client: Client, account: Account, world: SandboxState, fields: dict[str, str]
) -> None:
    for number in range(UNSIGNED_READS + 5):
        row = listed_row(account, f"known-{number}", status=RecordingStatus.COMPLETED)
        Transcription.objects.create(recording=row, status="completed", text="First.", trust="signed")
        for _again in range(2):
            sent = {**fields, "recording_id": str(row.recording_id)}
            deliver(client, account.callback_key, sent, door="account", headers={})
    now = timezone.now().replace(second=30)
    reconcile.run(account, now=now + timedelta(minutes=1))
    assert len(asked(world, "recording.retrieve")) <= UNSIGNED_READS


def test_callbacks_that_anyone_sent_have_a_budget_of_requests_which_signed_ones_do_not_share(
    client: Client, account: Account, world: SandboxState
) -> None:
    for number in range(UNSIGNED_READS + 5):
        fields = {"event": "recording", "recording_id": f"made-up-{number}"}
        deliver(client, account.callback_key, fields, door="account", headers={})
    genuine = world.add_recording(MAIN).recording_id
    deliver(client, account.callback_key, {"recording_id": genuine}, door="account")
    now = timezone.now().replace(second=30)
    reconcile.run(account, now=now + timedelta(minutes=1))
    assert len(asked(world, "recording.retrieve")) == UNSIGNED_READS + 1
    assert Recording.objects.get().recording_id == genuine
    reconcile.run(account, now=now + timedelta(minutes=1, seconds=5))
    assert len(asked(world, "recording.retrieve")) == UNSIGNED_READS + 1
    reconcile.run(account, now=now + timedelta(minutes=2))  # the others have their turn, once each
    assert not CallbackEvent.objects.filter(attempts=0, recording=None).exists()


def test_unsigned_callbacks_about_ended_recordings_do_not_hold_up_what_else_is_due(
    client: Client, account: Account, world: SandboxState
) -> None:
    named = [world.add_recording(MAIN).recording_id for _ in range(UNSIGNED_READS + 5)]
    for recording_id in named:
        listed_row(account, recording_id, status="completed")
        deliver(client, account.callback_key, {"recording_id": recording_id}, door="account", headers={})
    due, signed = (listed_row(account, world.add_recording(MAIN).recording_id) for _ in range(2))
    Recording.objects.filter(pk=due.pk).update(read_back_due_at=timezone.now())
    deliver(client, account.callback_key, {"recording_id": signed.recording_id}, door="account")
    deliver(client, account.callback_key, {"recording_id": signed.recording_id}, door="account", headers={})
    reconcile.run(account, now=_later())
    assert len(asked(world, "recording.retrieve")) == UNSIGNED_READS + 2
    assert not Recording.objects.filter(pk__in=[due.pk, signed.pk], read_back_due_at__isnull=False).exists()
