"""Settling what callbacks left open: against the sandbox, over real HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings import control, reconcile
from recordings.choices import Attention, EventOutcome, Origin, RecordingStatus, Source
from recordings.models import Account, Call, CallbackEvent, Recording, Transcription, upsert_recordings
from recordings.reconcile import ReconcileResult
from tests.callbacks.posting import deliver
from tests.callbacks.rows import CALL, DOCUMENTED, KEY, asked_for, due_at, listed_row, the_event
from tests.conftest import MAIN, OTHER, SUB
from tests.ledger import asked
from tests.models.listed import listed
from tests.vobiz.payloads import payload
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
STOPPED = payload("flow_callback__stopped")
FLOW_SPOKEN = payload("flow_transcription__documented")
UNSIGNED: dict[str, Any] = {"headers": {}}


@pytest.fixture
def documented(world: SandboxState) -> str:
    """The documented recording is at Vobiz."""
    row = payload("recordings__documented_call")["objects"][0]
    world.add_recording(MAIN, **row)
    return DOCUMENTED


def kept_for_long(account: Account) -> None:
    """Vobiz still has what was recorded in 2025."""
    account.retention_days = 10_000
    account.save()


def just_now() -> dict[str, Any]:
    """Columns of a recording that may still run."""
    return {"requested_at": timezone.now(), "happened_at": timezone.now()}


def the_recording() -> Recording:
    row: Recording = Recording.objects.get()
    return row


def test_nothing_open_asks_vobiz_nothing(account: Account, world: SandboxState, now: datetime) -> None:
    assert reconcile.run(account, now=now) == ReconcileResult(settled=0, open=0)
    assert asked(world) == []


def test_a_recording_completed_by_a_signed_callback_is_read_back(
    client: Client, account: Account, world: SandboxState, documented: str, now: datetime
) -> None:
    asked_for(account)
    deliver(client, KEY, {**ENDED, "recording_duration_ms": 9_999})
    later = due_at(the_recording())
    assert reconcile.run(account, now=later) == ReconcileResult(settled=1, open=0)
    row = the_recording()
    assert (row.duration_ms, row.source_of("duration_ms"), row.read_back_due_at) == (10_080, Source.API, None)
    assert len(asked(world, "recording.retrieve")) == 1


def test_an_unsigned_event_is_applied_when_its_read_back_was_made(
    client: Client, account: Account, documented: str, now: datetime
) -> None:
    asked_for(account, recording_id=DOCUMENTED)
    deliver(client, KEY, ENDED, **UNSIGNED)
    assert the_event().outcome == EventOutcome.RECEIVED
    later = due_at(the_recording())
    assert reconcile.run(account, now=later) == ReconcileResult(settled=2, open=0)
    assert the_event().outcome == EventOutcome.APPLIED
    assert the_recording().status == RecordingStatus.COMPLETED
    deliver(client, KEY, ENDED, **UNSIGNED)  # a retry that was long under way
    assert (the_event().outcome, the_recording().read_back_due_at) == (EventOutcome.APPLIED, None)


def test_a_sync_that_saw_the_recording_is_its_read_back(
    client: Client, account: Account, world: SandboxState, documented: str
) -> None:
    asked_for(account, recording_id=DOCUMENTED)
    deliver(client, KEY, ENDED, **UNSIGNED)
    later = _later()
    upsert_recordings(account, [listed()], now=later)
    assert reconcile.run(account, now=later) == ReconcileResult(settled=1, open=0)
    assert the_event().outcome == EventOutcome.APPLIED
    assert asked(world) == []


def test_a_read_back_that_finds_nothing_yet_undoes_nothing_and_is_tried_again(
    client: Client, account: Account, world: SandboxState
) -> None:
    kept_for_long(account)
    asked_for(account)
    deliver(client, KEY, ENDED)
    due = due_at(the_recording())
    assert reconcile.run(account, now=due) == ReconcileResult(settled=0, open=1)
    row = the_recording()
    assert (row.status, row.duration_ms) == (RecordingStatus.COMPLETED, 10_080)
    assert due_at(row) > due
    assert reconcile.run(account, now=due).settled == 0  # not before it is due again
    assert len(asked(world, "recording.retrieve")) == 1
    world.add_recording(MAIN, **payload("recordings__documented_call")["objects"][0])
    assert reconcile.run(account, now=due_at(row)) == ReconcileResult(settled=1, open=0)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({}, "Vobiz has no trace of it."),
        (
            {"recording_id": DOCUMENTED, "status": RecordingStatus.ACTIVE},
            "Vobiz has no trace of it: nothing was recorded, or it was deleted at Vobiz.",
        ),
    ],
)
def test_one_that_vobiz_named_and_no_longer_has_is_given_up_without_saying_that_it_never_was(
    account: Account, world: SandboxState, columns: dict[str, Any], words: str
) -> None:
    asked_for(account, read_back_due_at=account.created_at, **columns)

    reconcile.run(account, now=_later())

    assert (the_recording().status, the_recording().error) == (RecordingStatus.FAILED, words)


def test_a_recording_deleted_before_the_api_listed_it_is_settled_a_day_after_its_signed_callback(
    client: Client, account: Account, world: SandboxState
) -> None:
    kept_for_long(account)
    asked_for(account)
    deliver(client, KEY, ENDED)  # of a recording that ended weeks ago; its times are not signed
    told = the_event().received_at
    early, late = told + timedelta(hours=23), told + timedelta(hours=25)
    Recording.objects.update(read_back_due_at=early)
    assert reconcile.run(account, now=early).open == 1
    assert the_recording().gone_at_provider_at is None
    Recording.objects.update(read_back_due_at=late)
    assert reconcile.run(account, now=late).open == 0
    row = the_recording()
    assert row.gone_at_provider_at is not None
    assert (row.status, row.duration_ms) == (RecordingStatus.COMPLETED, 10_080)
    asked_before = len(asked(world, "recording.retrieve"))
    assert reconcile.run(account, now=late + timedelta(days=2)).open == 0
    assert len(asked(world, "recording.retrieve")) == asked_before


def test_an_unsigned_event_stays_open_until_the_api_knows_its_recording(
    client: Client, account: Account
) -> None:
    asked_for(account, recording_id=DOCUMENTED, **just_now())
    deliver(client, KEY, ENDED, **UNSIGNED)
    assert reconcile.run(account, now=_later()) == ReconcileResult(
        settled=0, open=2
    )  # the event and the read-back
    assert the_event().outcome == EventOutcome.RECEIVED


# Announced on the account's door


@pytest.mark.parametrize("how", [{}, UNSIGNED], ids=["signed", "unsigned"])
def test_an_unmatched_recording_is_read_back_and_its_events_are_applied(
    client: Client, account: Account, world: SandboxState, documented: str, now: datetime, how: dict[str, Any]
) -> None:
    for fields in (STOPPED, FLOW_SPOKEN):
        deliver(client, account.callback_key, fields, door="account", **how)
    assert reconcile.run(account, now=_later()) == ReconcileResult(settled=2, open=0)
    row = the_recording()
    assert (row.origin, row.status, row.call.call_uuid) == (Origin.CALLBACK, RecordingStatus.COMPLETED, CALL)
    assert row.source_of("duration_ms") == Source.API
    assert Transcription.objects.get().text == FLOW_SPOKEN["transcription"]
    assert Transcription.objects.get().trust == ("unsigned" if how else "signed")
    events = CallbackEvent.objects.filter(recording=row, outcome=EventOutcome.APPLIED)
    assert events.count() == CallbackEvent.objects.count() == 2
    assert len(asked(world, "recording.retrieve")) == 1  # once for both


def test_an_unmatched_event_whose_recording_a_sync_has_found_is_applied(
    client: Client, account: Account, documented: str
) -> None:
    deliver(client, account.callback_key, STOPPED, door="account")
    listed_row(account)
    assert reconcile.run(account, now=_later()).open == 0
    assert the_event().outcome == EventOutcome.APPLIED
    assert the_recording().duration_ms == 10_080


@pytest.mark.once
def test_a_recording_vobiz_does_not_know_is_asked_for_ever_more_rarely_and_then_given_up(
    client: Client, account: Account, world: SandboxState
) -> None:
    deliver(client, account.callback_key, STOPPED, door="account")
    received = the_event().received_at
    for minute in (*range(11), *range(11, 200, 4)):
        reconcile.run(account, now=received + timedelta(minutes=minute))
        if minute == 10:
            assert len(asked(world, "recording.retrieve")) == 4  # at once, and after 1, 3 and 7 minutes
    event = the_event()
    assert (event.outcome, event.attempts) == (EventOutcome.FAILED, 8)
    assert "does not know recording" in str(event.error)
    assert len(asked(world, "recording.retrieve")) == 8
    assert not Recording.objects.exists()
    assert reconcile.run(account, now=_later()).open == 1  # still there to be seen


def test_an_unmatched_recording_of_another_family_makes_no_row(
    client: Client, account: Account, world: SandboxState
) -> None:
    fields = payload("recordings__documented_call")["objects"][0]
    world.add_recording(MAIN, **{**fields, "resource_uri": f"/v1/Account/{OTHER}/Recording/{DOCUMENTED}/"})
    deliver(client, account.callback_key, STOPPED, door="account")
    assert reconcile.run(account, now=_later()) == ReconcileResult(settled=0, open=1)
    assert the_event().outcome == EventOutcome.FAILED
    assert "MA_OTHER003" in str(the_event().error)
    assert not Recording.objects.exists()


def test_an_id_that_could_not_be_one_never_reaches_vobiz(
    client: Client, account: Account, world: SandboxState
) -> None:
    for bad in ("BulkDelete", "../../Call", "a?x=1"):
        deliver(client, account.callback_key, {**STOPPED, "RecordingID": bad}, door="account")
    reconcile.run(account, now=_later())
    assert asked(world) == []


# Announced by an unsigned callback to a recording whose id is not known


def test_an_id_that_only_an_unsigned_callback_names_is_taken_once_the_api_confirms_it(
    client: Client, account: Account, documented: str
) -> None:
    first = asked_for(account, **just_now())
    second = asked_for(
        account, "another-key-of-ours-0123456789ab", **just_now()
    )  # so the call alone does not tell
    deliver(client, str(second.callback_key), ENDED, **UNSIGNED)
    assert reconcile.run(account, now=_later()).open == 1  # the first is looked for again
    second.refresh_from_db()
    first.refresh_from_db()
    assert (second.recording_id, second.status) == (DOCUMENTED, RecordingStatus.COMPLETED)
    assert (first.recording_id, first.status) == (None, RecordingStatus.REQUESTED)
    assert the_event().outcome == EventOutcome.APPLIED


def test_an_unsigned_callback_that_names_a_recording_of_another_call_is_a_conflict(
    client: Client, account: Account, documented: str
) -> None:
    asked_for(account, call_uuid="another-call", **just_now())
    fields = {name: value for name, value in ENDED.items() if name != "call_uuid"}
    deliver(client, KEY, fields, **UNSIGNED)
    reconcile.run(account, now=_later())
    assert (the_recording().recording_id, the_recording().status) == (None, RecordingStatus.REQUESTED)
    assert the_event().outcome == EventOutcome.CONFLICT


# What failed


def test_an_event_that_was_written_down_and_never_applied_is_applied(
    client: Client, account: Account, documented: str
) -> None:
    asked_for(account)
    deliver(client, KEY, ENDED)
    # as if the process had died between the two transactions
    CallbackEvent.objects.update(outcome=EventOutcome.RECEIVED, processed_at=None)
    Recording.objects.update(
        status=RecordingStatus.REQUESTED,
        recording_id=None,
        duration_ms=None,
        sources={},
        read_back_due_at=None,
    )
    assert reconcile.run(account, now=_later()) == ReconcileResult(settled=2, open=0)
    assert (the_event().outcome, the_recording().status) == (EventOutcome.APPLIED, RecordingStatus.COMPLETED)


def test_an_event_that_failed_for_good_is_left_to_a_person(client: Client, account: Account) -> None:
    asked_for(account)
    deliver(client, KEY, ENDED)
    CallbackEvent.objects.update(outcome=EventOutcome.FAILED)
    Recording.objects.update(read_back_due_at=None)
    assert reconcile.run(account, now=_later()) == ReconcileResult(settled=0, open=1)
    assert the_event().outcome == EventOutcome.FAILED


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(on="recording.retrieve", status=401, times=None), "refused Auth ID"),
        (Fault(on="recording.retrieve", drop="before", times=None), "could not be reached"),
        (
            Fault(on="recording.retrieve", status=429, headers={"Retry-After": "90"}, times=None),
            "fewer requests",
        ),
    ],
)
def test_what_would_end_the_same_way_for_every_recording_stops_the_account_and_is_said(
    client: Client, account: Account, world: SandboxState, settings: Settings, fault: Fault, words: str
) -> None:
    settings.VOBIZ_TOTAL_TIMEOUT = 0.5
    world.faults.plan(fault)
    for number in range(3):
        listed_row(account, f"recording-{number}", read_back_due_at=account.created_at)
    deliver(client, account.callback_key, STOPPED, door="account")
    report = reconcile.run(account, now=_later())
    assert words in str(report.error)
    assert (report.settled, report.open) == (0, 4)
    ids = {str(entry.recording_id or entry.detail) for entry in asked(world, "recording.retrieve")}
    assert len(ids) == 1  # however often it was tried, only one was asked for
    assert the_event().outcome == EventOutcome.UNMATCHED


def test_one_answer_that_makes_no_sense_does_not_stop_the_others(
    account: Account, world: SandboxState, documented: str
) -> None:
    due = account.created_at
    listed_row(account, "recording-odd", read_back_due_at=due - timedelta(seconds=1))
    good = listed_row(account, read_back_due_at=due)
    world.faults.plan(Fault(on="recording.retrieve", path="*recording-odd*", reply="garbage", times=None))
    report = reconcile.run(account, now=_later())
    assert (report.settled, report.open) == (1, 1)
    assert report.error
    good.refresh_from_db()
    assert good.source_of("duration_ms") == Source.API
    odd = Recording.objects.get(recording_id="recording-odd")
    assert due_at(odd) > _later()  # behind the others next time


def test_an_account_that_is_switched_off_asks_nothing_and_applies_what_it_can(
    client: Client, account: Account, world: SandboxState, documented: str
) -> None:
    asked_for(account)
    deliver(client, KEY, ENDED)
    CallbackEvent.objects.update(outcome=EventOutcome.RECEIVED, processed_at=None)
    account.is_active = False
    account.save()
    report = reconcile.run(account, now=_later())
    assert "inactive" in str(report.error)
    assert (the_event().outcome, report.open) == (EventOutcome.APPLIED, 1)
    assert asked(world) == []


def test_no_transaction_is_open_while_vobiz_is_asked(
    client: Client, account: Account, world: SandboxState, documented: str
) -> None:
    depths = []
    mine = connections["default"]  # this thread's; the sandbox looks at it from its own
    inside = len(mine.savepoint_ids)
    world.faults.plan(
        Fault(on="recording.retrieve", then=lambda _: depths.append(len(mine.savepoint_ids)), times=None)
    )
    listed_row(account, "recording-two", read_back_due_at=account.created_at)
    deliver(client, account.callback_key, STOPPED, door="account")
    reconcile.run(account, now=_later())
    assert len(asked(world, "recording.retrieve")) == 2
    assert depths
    assert set(depths) == {inside}


def test_a_whole_story_start_callback_transcript_and_settling(
    client: Client,
    account: Account,
    sandbox: Sandbox,
    world: SandboxState,
    live_server: Any,
    settings: Settings,
    now: datetime,
) -> None:
    """The sandbox itself signs and posts, to the portal's own server."""
    settings.PORTAL_URL = live_server.url
    at_vobiz = world.place_call(MAIN, from_number="+918071387423", to_number="919624705678")
    call = Call.objects.obtain(account, at_vobiz.call_uuid)
    options = control.StartOptions(time_limit=60, file_format="mp3", channels="stereo", transcribe=True)
    row = control.start(call, options, by=None, now=now)
    assert (row.status, row.needs_attention) == (RecordingStatus.ACTIVE, None)
    world.advance(600)
    assert sandbox.outbox.deliver_now() == [200, 200]
    row.refresh_from_db()
    assert (row.status, row.duration_ms, row.was_cut_short) == (RecordingStatus.COMPLETED, 60_000, True)
    assert row.transcription.status == "completed"
    assert row.transcription.text
    assert set(CallbackEvent.objects.values_list("trust", "outcome")) == {("signed", EventOutcome.APPLIED)}
    assert reconcile.run(account, now=_later()) == ReconcileResult(settled=1, open=0)
    row.refresh_from_db()
    assert row.source_of("ended_at") == Source.API
    assert (Recording.objects.count(), row.needs_attention != Attention.ID_CONFLICT) == (1, True)


def _later() -> datetime:
    """After everything that is due now: the door stamps what it keeps with the real time."""
    return timezone.now() + timedelta(seconds=5)


def test_a_sub_accounts_recordings_are_settled_with_the_sub_account(
    subaccount: Account, account: Account, world: SandboxState
) -> None:
    fields = payload("recordings__documented_call")["objects"][0]
    world.add_recording(SUB, **{**fields, "resource_uri": f"/v1/Account/{SUB}/Recording/{DOCUMENTED}/"})
    listed_row(subaccount, read_back_due_at=account.created_at)
    assert reconcile.run(account, now=_later()) == ReconcileResult(settled=0, open=0)
    assert reconcile.run(subaccount, now=_later()) == ReconcileResult(settled=1, open=0)
