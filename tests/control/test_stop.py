"""Stopping one recording: by its own URL and never without, once however many ask, honest about what is lost."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from recordings import control
from recordings.choices import Attention, CallState, RecordingStatus
from recordings.control import StopOutcome, StopResult
from recordings.models import Call, Recording
from tests.control.conftest import Start
from tests.ledger import asked
from tests.models.together import together
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


@pytest.fixture
def row(start: Start) -> Recording:
    """One that runs."""
    return start()


def stop(row: Recording, now: datetime, by: User | None = None) -> StopResult:
    return control.stop(Recording.objects.get(pk=row.pk), by=by, now=now)


def test_one_is_stopped_by_its_url_in_a_json_body_and_the_other_goes_on(
    start: Start, world: SandboxState, now: datetime
) -> None:
    first, second = start(), start()

    assert stop(first, now) == StopResult(StopOutcome.SENT, stopped=1)

    (request,) = asked(world, "record.stop")
    assert request.detail["body"] == {"URL": first.recording_url}
    assert request.detail["query"] == {}
    assert [one.recording_id for one in world.running()] == [second.recording_id]


def test_after_the_204_it_was_asked_to_stop_and_its_status_is_unchanged(
    row: Recording, now: datetime
) -> None:
    operator = User.objects.create(username="operator")
    stop(row, now, operator)
    row.refresh_from_db()
    assert (row.stop_requested_at, row.stop_requested_by) == (now, operator)
    assert (row.status, row.needs_attention) == (RecordingStatus.ACTIVE, None)


@pytest.mark.parametrize("url", [None, ""])
def test_without_a_url_nothing_is_sent(
    row: Recording, world: SandboxState, now: datetime, url: str | None
) -> None:
    """Rule: Vobiz would stop every recording of the call."""
    Recording.objects.update(recording_url=None)
    assert stop(row, now).outcome == StopOutcome.NO_URL
    assert asked(world, "record.stop") == []
    row.refresh_from_db()
    assert row.stop_requested_at is None


def test_a_url_that_came_after_the_page_was_shown_is_used(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    shown = Recording.objects.get()
    shown.recording_url = None
    assert control.stop(shown, by=None, now=now).outcome == StopOutcome.SENT


def test_who_comes_second_is_told_and_sends_nothing(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    stop(row, now)
    assert stop(row, now + timedelta(seconds=1)).outcome == StopOutcome.ALREADY_ASKED
    assert len(asked(world, "record.stop")) == 1


@pytest.mark.django_db(transaction=True)
def test_of_operators_at_the_same_moment_one_sends(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    world.faults.plan(Fault(on="record.stop", delay_before=0.2))
    results = together(*[lambda: stop(row, now)] * 3)
    outcomes = sorted(result.outcome.value for result in results)
    assert outcomes == ["already asked", "already asked", "sent"]
    assert len(asked(world, "record.stop")) == 1


def test_one_that_still_runs_a_minute_later_may_be_stopped_again(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    """The portal may have died between noting the stop and sending it."""
    row.request_stop(None, now=now)
    assert stop(row, now + timedelta(seconds=59)).outcome == StopOutcome.ALREADY_ASKED
    assert stop(row, now + timedelta(seconds=60)).outcome == StopOutcome.SENT
    assert world.running() == []


@pytest.mark.parametrize("status", [RecordingStatus.COMPLETED, RecordingStatus.FAILED])
def test_one_that_is_over_is_not_stopped(
    row: Recording, world: SandboxState, now: datetime, status: str
) -> None:
    shown = Recording.objects.get()
    Recording.objects.update(status=status)
    assert control.stop(shown, by=None, now=now).outcome == StopOutcome.ALREADY_OVER
    assert asked(world, "record.stop") == []


def test_where_the_call_is_over_so_is_the_recording_and_it_is_read_back(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    world.hang_up(str(row.call.call_uuid))
    assert stop(row, now) == StopResult(StopOutcome.ALREADY_OVER)
    row.refresh_from_db()
    assert row.read_back_due_at == now
    assert Call.objects.get().state == CallState.ENDED


def test_a_404_is_not_believed_while_the_call_goes_on(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    world.faults.plan(Fault(on="record.stop", status=404, body={"error": "not found"}))
    assert stop(row, now).outcome == StopOutcome.UNCONFIRMED
    row.refresh_from_db()
    assert (row.needs_attention, row.call.state) == (Attention.STOP_UNCONFIRMED, CallState.LIVE)
    assert stop(row, now).outcome == StopOutcome.SENT
    assert world.running() == []


def test_a_404_is_not_believed_where_vobiz_does_not_say_how_the_call_is(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    world.faults.plan(Fault(on="record.stop", status=404, body={"error": "not found"}))
    world.faults.plan(Fault(on="call.retrieve", status=500, times=None))
    assert stop(row, now).outcome == StopOutcome.UNCONFIRMED


@pytest.mark.django_db(transaction=True)
def test_a_stop_answered_after_the_callback_leaves_nothing_to_do(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    def ended(_world: SandboxState) -> None:
        Recording.objects.get(pk=row.pk).complete()

    world.faults.plan(Fault(on="record.stop", times=3, drop="after", then=ended))
    assert stop(row, now).outcome == StopOutcome.ALREADY_OVER
    row.refresh_from_db()
    assert (row.status, row.needs_attention) == (RecordingStatus.COMPLETED, None)


@pytest.mark.parametrize(
    "fault", [{"status": 401}, {"status": 429}, {"status": 404, "body": {"message": "Not Found"}}]
)
def test_a_stop_vobiz_refused_may_be_asked_for_again(
    row: Recording, world: SandboxState, now: datetime, fault: dict[str, Any]
) -> None:
    world.faults.plan(Fault(on="record.stop", times=None, **fault))
    result = stop(row, now)
    assert (result.outcome, result.stopped) == (StopOutcome.FAILED, 0)
    assert result.error
    row.refresh_from_db()
    assert (row.stop_requested_at, row.stop_requested_by, row.status) == (None, None, RecordingStatus.ACTIVE)
    world.faults.clear()
    assert stop(row, now).outcome == StopOutcome.SENT


def test_a_stop_that_did_not_leave_may_be_asked_for_again(
    row: Recording, now: datetime, settings: Settings
) -> None:
    there, settings.VOBIZ_API_URL = settings.VOBIZ_API_URL, "http://127.0.0.1:9/api/v1"
    assert stop(row, now).outcome == StopOutcome.FAILED
    settings.VOBIZ_API_URL = there
    assert stop(row, now).outcome == StopOutcome.SENT


@pytest.mark.parametrize("fault", [{"status": 500}, {"drop": "after"}, {"reply": "html"}])
def test_a_stop_whose_answer_was_lost_is_tried_again_at_once(
    row: Recording, world: SandboxState, now: datetime, fault: dict[str, Any]
) -> None:
    world.faults.plan(Fault(on="record.stop", times=1, **fault))
    assert stop(row, now).outcome == StopOutcome.SENT
    assert len(asked(world, "record.stop")) == 2
    assert world.running() == []


def test_a_stop_nobody_answered_is_unconfirmed_and_may_be_pressed_again_at_once(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    world.faults.plan(Fault(on="record.stop", times=3, drop="before"))
    assert stop(row, now).outcome == StopOutcome.UNCONFIRMED
    row.refresh_from_db()
    assert (row.needs_attention, row.stop_requested_at) == (Attention.STOP_UNCONFIRMED, now)
    assert len(asked(world, "record.stop")) == 3

    assert stop(row, now + timedelta(seconds=1)).outcome == StopOutcome.SENT
    row.refresh_from_db()
    assert row.needs_attention is None
    assert world.running() == []


def test_a_refused_second_try_does_not_take_back_who_asked_first(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    world.faults.plan(Fault(on="record.stop", times=3, drop="before"))
    stop(row, now)
    world.faults.plan(Fault(on="record.stop", status=401))
    assert stop(row, now + timedelta(seconds=1)).outcome == StopOutcome.FAILED
    row.refresh_from_db()
    assert (row.stop_requested_at, row.needs_attention) == (now, Attention.STOP_UNCONFIRMED)


def test_a_second_try_a_minute_later_that_is_refused_leaves_the_first_ones_note(
    row: Recording, world: SandboxState, now: datetime
) -> None:
    first = User.objects.create(username="first")
    stop(row, now, first)
    world.faults.plan(Fault(on="record.stop", status=401))

    later = now + timedelta(seconds=61)
    assert stop(row, later, User.objects.create(username="second")).outcome == StopOutcome.FAILED

    row.refresh_from_db()
    assert (row.stop_requested_at, row.stop_requested_by) == (now, first)


@pytest.mark.parametrize("text", ["6c1f@10.0.0.1", None])
def test_a_call_without_an_id_is_asked_nothing_and_the_reason_is_given(
    row: Recording, world: SandboxState, now: datetime, text: str | None
) -> None:
    Call.objects.filter(pk=row.call_id).update(call_uuid=None, call_uuid_text=text)
    result = stop(row, now)
    assert result.outcome == StopOutcome.FAILED
    assert (text or "no UUID") in str(result.error)
    assert asked(world, "record.stop") == []
    started = control.start(
        Call.objects.get(pk=row.call_id), control.StartOptions.of(row.account), by=None, now=now
    )
    assert (started.status, (text or "no UUID") in str(started.error)) == (RecordingStatus.FAILED, True)
