"""What is known of a call: seen live, or owning a recording."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from recordings.choices import CallState
from recordings.models import Account, Call, Recording, upsert_recordings
from recordings.numbers import NUMBERS_VERSION
from recordings.vobiz.objects import LiveCall
from tests.models.listed import listed
from tests.models.test_upsert_adoption import asked_for


def live(call_uuid: str = "call-1", **fields: Any) -> LiveCall:
    """As Vobiz says it of a call under way."""
    said = {
        "call_uuid": call_uuid, "direction": "inbound", "from": "918071387423", "to": "919624705678",
        "call_status": "in-progress", "session_start": "2025-11-07 08:59:28.586839", **fields,
    }  # fmt: skip
    return LiveCall.parse(said)


def test_a_live_call_is_kept_with_its_start_in_utc(account: Account, now: datetime) -> None:
    Call.objects.note_live(account, [live()], now=now)

    call = Call.objects.get()
    assert (call.state, call.direction, call.vobiz_status) == (CallState.LIVE, "inbound", "in-progress")
    assert (call.from_digits, call.to_digits) == ("918071387423", "919624705678")
    assert call.started_at == datetime.fromisoformat("2025-11-07T08:59:28.586839+00:00")
    assert call.provider_data
    assert call.provider_data["call_uuid"] == "call-1"


def test_words_vobiz_may_invent_do_not_break_the_row(account: Account, now: datetime) -> None:
    Call.objects.note_live(
        account, [live(direction="sideways", call_status="on-hold " * 20, session_start="soon")], now=now
    )
    call = Call.objects.get()
    assert (call.direction, call.started_at, call.state) == (None, None, CallState.LIVE)


def test_what_a_later_look_leaves_out_stays_known(account: Account, now: datetime) -> None:
    Call.objects.note_live(account, [live()], now=now)
    Call.objects.note_live(account, [live(**{"from": "", "to": "+919624705679"})], now=now)

    call = Call.objects.get()
    assert (call.from_number, call.from_digits) == ("918071387423", "918071387423")
    assert (call.to_number, call.to_digits) == ("+919624705679", "919624705679")


def test_a_call_that_is_no_longer_listed_is_over_and_one_that_comes_back_is_live(
    account: Account, now: datetime
) -> None:
    Call.objects.note_live(account, [live("call-1"), live("call-2")], now=now)
    later = now + timedelta(seconds=5)
    Call.objects.note_listed(account, ["call-2"], now=later)
    assert Call.objects.note_over(account, live_uuids=["call-2"], now=later) == 1
    assert Call.objects.get(call_uuid="call-1").ended_at == later
    assert list(Call.objects.live().values_list("call_uuid", flat=True)) == ["call-2"]

    Call.objects.note_listed(account, ["call-1"], now=later)
    call = Call.objects.get(call_uuid="call-1")
    assert (call.state, call.ended_at) == (CallState.LIVE, None)


def test_calls_of_other_accounts_are_left_alone(account: Account, subaccount: Account, now: datetime) -> None:
    Call.objects.note_live(account, [live()], now=now)
    Call.objects.note_live(subaccount, [live()], now=now)
    Call.objects.note_over(subaccount, live_uuids=[], now=now + timedelta(seconds=5))
    assert Call.objects.get(account=account).state == CallState.LIVE


def test_a_call_seen_only_through_a_recording_is_neither_live_nor_over(
    account: Account, now: datetime
) -> None:
    call = Call.objects.obtain(account, "call-1")
    Call.objects.note_over(account, live_uuids=[], now=now)
    assert Call.objects.obtain(account, "call-1") == call
    assert Call.objects.get().state == CallState.UNKNOWN


def test_the_end_of_a_call_is_noted_once(account: Account, now: datetime) -> None:
    call = Call.objects.obtain(account, "call-1")
    assert call.end(now)
    assert not call.end(now + timedelta(hours=1))
    assert Call.objects.get().ended_at == now


def test_its_open_recordings_are_those_that_run_or_may_run(account: Account) -> None:
    rows = [asked_for(account, status=status) for status in ("requested", "active", "completed", "failed")]
    assert list(rows[0].call.open_recordings()) == rows[:2]


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ({"from_number": "+919876543210", "to_number": "919624705678"}, "+91 98765 43210 → +91 96247 05678"),
        ({"from_number": "sip:lobby@pbx"}, "sip:lobby@pbx → ?"),
        ({}, "call-1"),
    ],
)
def test_a_call_is_named_by_its_numbers(numbers: dict[str, str], shown: str) -> None:
    assert str(Call(call_uuid="call-1", **numbers)) == shown


def test_a_call_is_of_when_it_started_else_of_its_earliest_recording_else_of_when_it_became_known(
    account: Account, now: datetime
) -> None:
    Call.objects.note_listed(account, ["only-listed"], now=now)
    Call.objects.note_live(account, [live("unreadable", session_start="soon")], now=now)
    Call.objects.note_live(account, [live("unreadable", session_start="soon")], now=now + timedelta(hours=1))
    Call.objects.note_live(account, [live("started")], now=now)
    hour = 3_600_000
    for recording_id, call_uuid, ms in (
        ("rec-2", "recorded", 2 * hour),
        ("rec-1", "recorded", hour),
        ("rec-3", "started", 0),
    ):
        begun = 1_762_000_000_000 + ms
        one = listed(
            recording_id,
            call_uuid=call_uuid,
            recording_start_ms=f"{begun}",
            recording_end_ms=f"{begun + 10_080}",
        )
        upsert_recordings(account, [one], now=now)

    at = dict(Call.objects.values_list("call_uuid", "happened_at"))
    assert at["only-listed"] == at["unreadable"] == now
    assert at["started"] == datetime.fromisoformat("2025-11-07T08:59:28.586839+00:00")
    assert at["recorded"] == Recording.objects.get(recording_id="rec-1").happened_at
    assert [call.call_uuid for call in Call.objects.all()][2:] == ["started", "recorded"]


def test_numbers_of_older_rules_are_normalised_again_in_the_accounts_region(account: Account) -> None:
    for uuid, number in (
        ("call-due-1", "9607712345"),
        ("call-due-2", "2125550123"),
        ("call-not-due", "5550123"),
    ):
        Call.objects.create(
            account=account, call_uuid=uuid, from_number=number, from_digits="1", numbers_version=0
        )
    Call.objects.filter(call_uuid="call-not-due").update(numbers_version=NUMBERS_VERSION)
    Account.objects.filter(pk=account.pk).update(region="US")

    assert [Call.objects.normalize_due_numbers(limit=1) for _each in range(3)] == [1, 1, 0]

    assert dict(Call.objects.values_list("call_uuid", "from_digits")) == {
        "call-due-1": "9607712345", "call-due-2": "12125550123", "call-not-due": "1",
    }  # fmt: skip
