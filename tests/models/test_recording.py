"""The moves of a recording: by name, one conditional UPDATE each; who comes second is told so and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from recordings.choices import Attention, RecordingStatus, StartAnswer
from recordings.models import Account, Recording, upsert_recordings
from recordings.models.recording.model import STOP_TAKES
from tests.models.listed import listed
from tests.models.test_upsert_adoption import asked_for

REQUESTED, ACTIVE, COMPLETED, FAILED = RecordingStatus.values
Move = Callable[[Recording], Any]


def confirm(row: Recording) -> bool:
    return row.confirm()


def fail(row: Recording) -> bool:
    return row.fail("no trace of it")


def finish(row: Recording) -> bool:
    return row.complete()


def note_unknown(row: Recording) -> bool:
    return row.mark_unconfirmed("the answer was lost")


MOVES: list[tuple[Move, dict[str, str]]] = [
    (confirm, {REQUESTED: ACTIVE}),
    (fail, {REQUESTED: FAILED, ACTIVE: FAILED}),
    (finish, {REQUESTED: COMPLETED, ACTIVE: COMPLETED, FAILED: COMPLETED}),
    (note_unknown, {REQUESTED: REQUESTED}),
]


@pytest.mark.parametrize("before", RecordingStatus.values)
@pytest.mark.parametrize(("move", "allowed"), MOVES)
def test_each_move_is_made_from_its_own_states_only_and_says_whether_it_was(
    account: Account, before: str, move: Move, allowed: dict[str, str]
) -> None:
    row = asked_for(account, status=before)
    assert move(row) is (before in allowed)
    row.refresh_from_db()
    assert row.status == allowed.get(before, before)


@pytest.mark.parametrize(("first", "second", "end"), [
    (finish, fail, COMPLETED), (finish, confirm, COMPLETED), (fail, confirm, FAILED), (fail, finish, COMPLETED),
])  # fmt: skip
def test_who_comes_second_looks_at_the_row_and_not_at_what_he_remembers(
    account: Account, first: Move, second: Move, end: str
) -> None:
    row = asked_for(account)
    remembered = Recording.objects.get(pk=row.pk)
    first(row)
    second(remembered)
    row.refresh_from_db()
    assert row.status == end


def test_a_confirmed_start_no_longer_says_that_it_may_be_recording(account: Account) -> None:
    row = asked_for(account)
    row.mark_unconfirmed("the answer was lost")
    row.refresh_from_db()
    assert (row.start_answer, row.needs_attention) == (StartAnswer.UNKNOWN, Attention.MAY_BE_RECORDING)
    assert row.error == "the answer was lost"

    row.confirm()
    row = Recording.objects.get()
    assert (row.start_answer, row.needs_attention, row.error) == (StartAnswer.ACCEPTED, None, None)


@pytest.mark.parametrize("move", [fail, finish])
def test_an_end_settles_what_was_uncertain_and_nothing_else(account: Account, move: Move) -> None:
    for attention in Attention:
        row = asked_for(account, needs_attention=attention)
        move(row)
        row.refresh_from_db()
        uncertain = attention in (Attention.MAY_BE_RECORDING, Attention.STOP_UNCONFIRMED)
        assert row.needs_attention == (None if uncertain else attention)


def test_a_failure_that_comes_too_late_clears_nothing(account: Account) -> None:
    row = asked_for(account, status=COMPLETED, needs_attention=Attention.STOP_UNCONFIRMED)
    row.fail("no trace of it")
    row.refresh_from_db()
    assert (row.error, row.needs_attention) == (None, Attention.STOP_UNCONFIRMED)


def test_only_the_first_asks_to_stop_and_the_row_keeps_who_it_was(account: Account, now: datetime) -> None:
    row = asked_for(account)
    first, second = User.objects.create(username="first"), User.objects.create(username="second")
    assert row.request_stop(first, now=now)
    assert not row.request_stop(second, now=now + timedelta(seconds=1))
    row.refresh_from_db()
    assert (row.stop_requested_by, row.stop_requested_at) == (first, now)


def test_what_still_runs_a_minute_after_its_stop_may_be_stopped_again(
    account: Account, now: datetime
) -> None:
    row = asked_for(account)
    row.request_stop(None, now=now)
    assert row.request_stop(None, now=now + STOP_TAKES)


@pytest.mark.parametrize("status", [COMPLETED, FAILED])
def test_what_has_ended_cannot_be_asked_to_stop(account: Account, now: datetime, status: str) -> None:
    assert not asked_for(account, status=status).request_stop(None, now=now)


def test_a_reason_for_a_person_to_look_is_not_replaced_by_a_second(account: Account) -> None:
    row = asked_for(account)
    row.flag_attention(Attention.ID_CONFLICT)
    row.flag_attention(Attention.STOP_UNCONFIRMED)
    row.clear_attention(Attention.STOP_UNCONFIRMED)
    row.refresh_from_db()
    assert row.needs_attention == Attention.ID_CONFLICT


def test_what_is_heard_while_the_api_is_asked_has_it_asked_again(account: Account, now: datetime) -> None:
    row, heard = asked_for(account, recording_id="rec-1"), now + timedelta(seconds=1)
    row.schedule_read_back(now)
    row.schedule_read_back(heard)
    row.reschedule_read_back(now, until=None)
    assert list(Recording.objects.due_for_read_back(heard)) == [row]
    row.reschedule_read_back(heard, until=None)
    assert list(Recording.objects.due_for_read_back(heard)) == []


@pytest.mark.parametrize(("duration_ms", "stopped", "cut"), [
    (60_000, False, True), (59_100, False, True), (58_000, False, False), (60_000, True, False),
    (None, False, False),
])  # fmt: skip
def test_a_recording_that_hit_its_limit_was_cut(
    account: Account, now: datetime, duration_ms: int | None, stopped: bool, cut: bool
) -> None:
    row = asked_for(account, duration_ms=duration_ms, stop_requested_at=now if stopped else None)
    assert row.was_cut_short is cut


def test_the_moment_it_cuts_counts_from_its_start_once_that_is_known(account: Account, now: datetime) -> None:
    row = asked_for(account, at=now)
    assert row.time_limit_ends_at == now + timedelta(seconds=60)
    row.started_at = now + timedelta(seconds=2)
    assert row.time_limit_ends_at == now + timedelta(seconds=62)


def test_one_not_started_here_has_no_limit_and_leaves_vobiz_by_the_accounts_days(
    account: Account, now: datetime
) -> None:
    upsert_recordings(account, [listed()], now=now)
    row = Recording.objects.get()
    assert row.time_limit_ends_at is None
    assert not row.was_cut_short
    assert row.added_at is not None
    assert row.retention_ends_at == row.added_at + timedelta(days=30)


def test_one_that_vobiz_has_not_named_yet_is_called_by_the_minute_it_was_asked_for_and_its_zone() -> None:
    at = datetime(2026, 11, 21, 18, 21, 14, 962_487, tzinfo=UTC)

    assert str(Recording(requested_at=at)) == "recording asked for at 2026-11-21 18:21 UTC"
    assert str(Recording(requested_at=at, recording_id="r1")) == "r1"
