"""Stopping every recording of a call: a different action, asked for by name, and only of what the person was shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from recordings import control
from recordings.choices import Attention, CallState, RecordingStatus
from recordings.control import StopOutcome, StopResult
from recordings.models import Call, Recording
from tests.control.conftest import Start
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


def stop_all(call: Call, now: datetime, expected: set[Recording] | None = None) -> StopResult:
    pks = None if expected is None else frozenset(row.pk for row in expected)
    return control.stop_all(call, by=None, now=now, expected=pks)


def test_one_request_without_a_url_stops_all_of_the_call_also_what_was_not_started_here(
    call: Call, start: Start, world: SandboxState, now: datetime
) -> None:
    rows = {start(), start()}
    world.start_recording(call.account.auth_id, str(call.call_uuid))

    assert stop_all(call, now, rows) == StopResult(StopOutcome.SENT, stopped=2)

    (request,) = asked(world, "record.stop")
    assert not request.detail["body"]
    assert world.running() == []
    assert Recording.objects.filter(stop_requested_at=now).count() == 2


def test_recordings_of_other_calls_go_on(
    call: Call, start: Start, world: SandboxState, now: datetime
) -> None:
    start()
    other = world.place_call(call.account.auth_id)
    world.start_recording(call.account.auth_id, other.call_uuid)
    stop_all(call, now)
    assert [one.call_uuid for one in world.running()] == [other.call_uuid]


def test_one_that_may_be_recording_is_stopped_too(
    call: Call, start: Start, world: SandboxState, now: datetime
) -> None:
    world.faults.plan(Fault(on="record.start", drop="after"))
    row = start()
    assert stop_all(call, now, {row}).outcome == StopOutcome.SENT
    assert world.running() == []


@pytest.mark.parametrize("more", [True, False])
def test_where_others_run_than_the_person_was_shown_nothing_is_sent(
    call: Call, start: Start, world: SandboxState, now: datetime, *, more: bool
) -> None:
    first, second = start(), start()
    shown = {first} if more else {first, second}
    if not more:
        second.complete()
    assert stop_all(call, now, shown).outcome == StopOutcome.SET_CHANGED
    assert asked(world, "record.stop") == []
    assert not Recording.objects.exclude(stop_requested_at=None).exists()


def test_where_nothing_runs_that_is_known_here_vobiz_is_asked_all_the_same(
    call: Call, world: SandboxState, now: datetime
) -> None:
    world.start_recording(call.account.auth_id, str(call.call_uuid))
    assert stop_all(call, now, set()) == StopResult(StopOutcome.SENT, stopped=0)
    assert world.running() == []


def test_where_the_call_is_over_so_are_its_recordings(
    call: Call, start: Start, world: SandboxState, now: datetime
) -> None:
    start()
    world.quirks.async_start = True
    start()
    world.hang_up(str(call.call_uuid))

    assert stop_all(call, now) == StopResult(StopOutcome.ALREADY_OVER)

    call.refresh_from_db()
    assert call.state == CallState.ENDED
    with_id = Recording.objects.get(recording_id__isnull=False)
    without = Recording.objects.get(recording_id=None)
    assert (with_id.read_back_due_at, without.read_back_due_at) == (now, None)


@pytest.mark.parametrize(("fault", "outcome", "attention"), [
    ({"status": 401}, StopOutcome.FAILED, None),
    ({"drop": "before"}, StopOutcome.UNCONFIRMED, Attention.STOP_UNCONFIRMED),
])  # fmt: skip
def test_what_did_not_work_is_said_of_every_recording(
    call: Call, start: Start, world: SandboxState, now: datetime, fault: dict[str, Any], outcome: StopOutcome,
    attention: str | None,
) -> None:  # fmt: skip
    rows = {start(), start()}
    world.faults.plan(Fault(on="record.stop", times=None, **fault))

    result = stop_all(call, now, rows)

    assert (result.outcome, result.stopped) == (outcome, 0)
    assert result.error
    for row in Recording.objects.all():
        assert (row.status, row.needs_attention) == (RecordingStatus.ACTIVE, attention)
        assert (row.stop_requested_at is None) == (outcome == StopOutcome.FAILED)


def test_a_refusal_takes_back_only_what_it_had_noted_itself(
    call: Call, start: Start, world: SandboxState, now: datetime
) -> None:
    first, second = start(), start()
    control.stop(first, by=None, now=now)
    world.faults.plan(Fault(on="record.stop", status=401))
    stop_all(call, now)
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.stop_requested_at, second.stop_requested_at) == (now, None)


def test_a_stop_of_all_a_minute_later_that_is_refused_leaves_the_first_ones_note(
    call: Call, start: Start, world: SandboxState, now: datetime
) -> None:
    row, first = start(), User.objects.create(username="first")
    control.stop(row, by=first, now=now)
    world.faults.plan(Fault(on="record.stop", status=401))

    assert stop_all(call, now + timedelta(seconds=61)).outcome == StopOutcome.FAILED

    row.refresh_from_db()
    assert (row.stop_requested_at, row.stop_requested_by) == (now, first)
