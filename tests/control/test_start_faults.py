"""Rule: a start is never repeated automatically. Whatever goes wrong, it was sent once, and the row says so."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from pytest_django import Settings

from recordings import sync
from recordings.choices import (
    ATTENTION_WORDS,
    Attention,
    CallState,
    RecordingStatus,
    StartAnswer,
    TranscriptionStatus,
)
from recordings.models import Account, Call, Recording, Transcription
from recordings.sync import SyncRequest
from tests.control.conftest import Start
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"status": 400, "body": {"error": "time_limit is odd"}}, "(400): time_limit is odd."),
    ({"status": 401}, "MA_…668 with the token ending …6789: was it rotated, or is it a sub-account's?"),
    ({"status": 402}, "Top it up in Vobiz's console."),
    ({"status": 403, "body": {"error": {"message": "Account is suspended"}}}, "Account is suspended"),
    ({"status": 404}, "The call is over, so nothing was recorded."),
    ({"status": 404, "body": {"message": "Not Found"}}, "Vobiz knows no such route"),
    ({"status": 409}, "(409)"),
    ({"status": 408}, "(408)"),
    ({"status": 422, "body": {"errors": [{"field": "file_format"}]}}, "file_format"),
    ({"status": 429}, "wait a minute and try again"),
    ({"status": 429, "headers": {"Retry-After": "7"}}, "wait 7 seconds and try again"),
    ({"status": 429, "headers": {"Retry-After": "1"}}, "wait 1 second and try again"),
    ({"reply": "error_200"}, "Vobiz refused to start a recording (200): failed."),
]  # fmt: skip
LOST: list[dict[str, Any]] = [
    {"drop": "before"}, {"drop": "after"}, {"delay_before": 0.6}, {"delay_after": 0.6},
    {"status": 500}, {"status": 503, "stage": "after"}, {"reply": "html"}, {"reply": "garbage", "stage": "after"},
    {"reply": "cut_json", "stage": "after"}, {"reply": "empty", "stage": "after"}, {"reply": "list"}, {"cut": 10},
    {"gzip": True}, {"redirect": "http://127.0.0.1:9/elsewhere"},
]  # fmt: skip


@pytest.mark.once
@pytest.mark.parametrize(("fault", "words"), REFUSED)
def test_what_vobiz_refuses_has_failed_in_words_with_the_cure(
    start: Start, world: SandboxState, fault: dict[str, Any], words: str
) -> None:
    world.faults.plan(Fault(on="record.start", times=None, **fault))
    row = start(transcribe=True)

    assert (row.status, row.start_answer) == (RecordingStatus.FAILED, StartAnswer.REFUSED)
    assert row.error is not None
    assert words in row.error
    assert row.needs_attention is None
    assert len(asked(world, "record.start")) == 1
    assert Transcription.objects.get().status == TranscriptionStatus.MISSING


@pytest.mark.once
@pytest.mark.parametrize("fault", LOST)
def test_a_lost_answer_may_be_a_recording_and_is_not_asked_for_again(
    start: Start, world: SandboxState, settings: Settings, fault: dict[str, Any]
) -> None:
    settings.VOBIZ_READ_TIMEOUT = 0.3
    world.faults.plan(Fault(on="record.start", times=None, **fault))
    row = start(transcribe=True)

    assert (row.status, row.start_answer) == (RecordingStatus.REQUESTED, StartAnswer.UNKNOWN)
    assert row.needs_attention == Attention.MAY_BE_RECORDING
    assert row.error is not None
    assert row.error.endswith("It may have happened.")
    assert len(asked(world, "record.start")) <= 1  # one that is still waiting is not in the ledger yet
    assert len(world.running()) <= 1
    assert Transcription.objects.get().status == TranscriptionStatus.EXPECTED


@pytest.mark.parametrize("api", ["http://127.0.0.1:9/api/v1", "https://vobiz.invalid/api/v1"])
def test_where_nothing_was_sent_it_did_not_happen(
    start: Start, world: SandboxState, settings: Settings, api: str
) -> None:
    settings.VOBIZ_API_URL = api
    row = start()
    assert (row.status, row.start_answer) == (RecordingStatus.FAILED, StartAnswer.NOT_SENT)
    assert row.error is not None
    assert row.error.startswith("Vobiz could not be reached. ")
    assert row.error.endswith("Nothing was sent.")


@pytest.mark.parametrize(("change", "words"), [
    ({"encrypted_token": None}, "No token is stored"), ({"encrypted_token": "junk"}, "TOKEN_ENCRYPTION_KEYS"),
    ({"is_active": False}, "inactive"),
])  # fmt: skip
def test_an_account_that_cannot_ask_says_which_page_or_setting_cures_it(
    call: Call, start: Start, world: SandboxState, change: dict[str, Any], words: str
) -> None:
    Account.objects.update(**change)
    call.account.refresh_from_db()
    row = start()
    assert (row.status, row.start_answer) == (RecordingStatus.FAILED, StartAnswer.NOT_SENT)
    assert row.error is not None
    assert words in row.error
    assert asked(world, "record.start") == []


def test_a_call_that_ended_before_the_click_is_over(call: Call, start: Start, world: SandboxState) -> None:
    world.hang_up(str(call.call_uuid))
    row = start()
    assert (row.status, row.error) == (RecordingStatus.FAILED, "The call is over, so nothing was recorded.")
    call.refresh_from_db()
    assert call.state == CallState.ENDED


def test_a_missing_route_says_nothing_of_the_call(call: Call, start: Start, world: SandboxState) -> None:
    world.faults.plan(Fault(on="record.start", status=404, body={"message": "Not Found"}))
    start()
    call.refresh_from_db()
    assert call.state == CallState.LIVE


def test_a_start_whose_answer_was_lost_is_settled_when_the_list_shows_it(
    account: Account, start: Start, world: SandboxState, now: datetime
) -> None:
    world.faults.plan(Fault(on="record.start", drop="after"))
    row = start()
    (running,) = world.running()
    world.advance(601)

    result = sync.run(account, SyncRequest(), now=now, sync_run=None)

    row.refresh_from_db()
    assert (result.created, Recording.objects.count()) == (0, 1)
    assert (row.recording_id, row.status) == (running.recording_id, RecordingStatus.COMPLETED)
    assert (row.needs_attention, row.error) == (None, None)


def test_a_start_that_began_nothing_stays_open_after_a_sync_and_its_words_say_how_to_tell(
    account: Account, start: Start, world: SandboxState, now: datetime
) -> None:
    world.faults.plan(Fault(on="record.start", drop="before"))
    row = start()
    world.hang_up(str(row.call.call_uuid))

    sync.run(account, SyncRequest(), now=now, sync_run=None)

    row.refresh_from_db()
    assert (row.status, row.needs_attention) == (RecordingStatus.REQUESTED, Attention.MAY_BE_RECORDING)
    words = str(ATTENTION_WORDS[Attention.MAY_BE_RECORDING])
    assert "If it began, a sync or a callback brings it" in words
    assert "if a complete sync after the call's end does not, nothing was recorded" in words
