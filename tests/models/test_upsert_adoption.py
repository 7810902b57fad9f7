"""A start whose id was not known: the listed recording of its call is the one it made."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from recordings.choices import Origin, RecordingStatus, StartAnswer
from recordings.models import Account, Call, Recording, upsert_recordings
from tests.conftest import SUB
from tests.models.listed import CALL, listed

ASKED = datetime.fromisoformat("2025-11-06T13:48:58+00:00")  # a second before the documented recording began


def asked_for(account: Account, *, at: datetime = ASKED, **fields: Any) -> Recording:
    """A row that was asked for here and has no id yet."""
    given = {"status": RecordingStatus.REQUESTED, "start_answer": StartAnswer.UNKNOWN, **fields}
    made: Recording = Recording.objects.create(
        account=account, call=Call.objects.obtain(account, CALL), origin=Origin.PORTAL, requested_at=at,
        happened_at=at, callback_key=f"key-{Recording.objects.count()}", time_limit=60, **given,
    )  # fmt: skip
    return made


def test_the_one_row_without_an_id_takes_it(account: Account, now: datetime) -> None:
    row = asked_for(account)
    report = upsert_recordings(account, [listed("rec-1")], now=now)

    row.refresh_from_db()
    assert (report.created, report.updated, report.adopted) == (0, 1, {row.pk})
    assert (row.recording_id, row.status, row.origin) == ("rec-1", RecordingStatus.COMPLETED, Origin.PORTAL)
    assert row.callback_key == "key-0"


def test_with_two_rows_without_an_id_nobody_can_tell_so_it_makes_its_own(
    account: Account, now: datetime
) -> None:
    rows = [asked_for(account), asked_for(account)]
    report = upsert_recordings(account, [listed("rec-1")], now=now)

    assert (report.created, Recording.objects.count()) == (1, 3)
    assert set(Recording.objects.filter(recording_id=None)) == set(rows)


@pytest.mark.parametrize("answer", [StartAnswer.REFUSED, StartAnswer.NOT_SENT])
def test_a_start_that_did_not_happen_takes_no_id_and_does_not_confuse(
    account: Account, now: datetime, answer: str
) -> None:
    asked_for(account, status=RecordingStatus.FAILED, start_answer=answer)
    row = asked_for(account)
    upsert_recordings(account, [listed("rec-1")], now=now)

    assert Recording.objects.get(recording_id="rec-1") == row


def test_a_start_given_up_for_lost_takes_the_id_when_it_appears_after_all(
    account: Account, now: datetime
) -> None:
    row = asked_for(account, status=RecordingStatus.FAILED, error="no trace of it")
    upsert_recordings(account, [listed("rec-1")], now=now)

    row.refresh_from_db()
    assert (row.recording_id, row.status, row.error) == ("rec-1", RecordingStatus.COMPLETED, None)


def test_a_recording_that_ended_before_the_start_was_asked_for_is_another_one(
    account: Account, now: datetime
) -> None:
    asked_for(account, at=ASKED + timedelta(seconds=30))
    report = upsert_recordings(account, [listed("rec-1")], now=now)
    assert (report.created, Recording.objects.count()) == (1, 2)


def test_of_another_call_it_is_another_one(account: Account, now: datetime) -> None:
    asked_for(account)
    report = upsert_recordings(account, [listed("rec-1", call_uuid="another-call")], now=now)
    assert (report.created, report.adopted) == (1, set())


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_new_recordings_the_one_that_began_nearer_to_the_start_is_it(
    account: Account, now: datetime, order: tuple[int, int]
) -> None:
    row = asked_for(account)
    pair = [
        listed("rec-near"),
        listed("rec-far", recording_start_ms=1762436000000, recording_end_ms=1762436999999),
    ]
    upsert_recordings(account, [pair[at] for at in order], now=now)

    row.refresh_from_db()
    assert row.recording_id == "rec-near"
    assert Recording.objects.count() == 2


def test_one_listed_under_the_subaccount_is_still_the_one_asked_for_at_the_parent(
    account: Account, subaccount: Account, now: datetime
) -> None:
    row = asked_for(account)
    upsert_recordings(account, [listed("rec-1", owner=SUB)], now=now)

    row.refresh_from_db()
    assert (row.recording_id, row.account, row.call.account) == ("rec-1", subaccount, subaccount)


def test_a_row_that_is_spoken_for_takes_no_second_id(account: Account, now: datetime) -> None:
    row = asked_for(account)
    report = upsert_recordings(account, [listed("rec-1")], now=now, reserved_ids={row.pk})
    assert (report.created, report.adopted) == (1, set())
