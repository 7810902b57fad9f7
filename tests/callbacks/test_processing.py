"""What a delivery may do: by its trust, by its door, by its fields; and processing it again."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from recordings.choices import (
    Attention,
    EventOutcome,
    RecordingStatus,
    Source,
    StartAnswer,
    TranscriptionStatus,
)
from recordings.models import (
    Account,
    CallbackEvent,
    Recording,
    Transcription,
    claim_recording_id,
)
from recordings.models.recording.provenance import Facts
from tests.callbacks.posting import deliver, signature
from tests.callbacks.rows import (
    CALL,
    DOCUMENTED,
    ENDED_AT,
    KEY,
    STARTED_AT,
    asked_for,
    everything,
    listed_row,
    the_event,
)
from tests.conftest import MAIN, SUB, TOKENS
from tests.facts import merge_facts
from tests.vobiz.payloads import payload

ENDED = payload("recording_callback__documented")
EARLY = payload("recording_callback__too_early")
SPOKEN = payload("transcription_callback__documented")
FAILED = payload("transcription_callback__failed")
STOPPED = payload("flow_callback__stopped")
BEGUN = payload("flow_callback__begun")
WRONG = "a wrong token"


def fresh(recording: Recording) -> Recording:
    row: Recording = Recording.objects.get(pk=recording.pk)
    return row


# A recording's own doors


def test_a_signed_callback_fills_what_is_empty_and_says_where_it_is_from(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, ENDED)
    row = fresh(recording)
    assert (row.started_at, row.ended_at, row.duration_ms) == (STARTED_AT, ENDED_AT, 10_080)
    assert (row.recording_url, row.api_id) == (ENDED["record_url"], ENDED["api_id"])
    assert row.happened_at == STARTED_AT
    assert row.source_of("duration_ms") == Source.CALLBACK


def test_what_the_api_or_the_start_said_is_never_overwritten(client: Client, recording: Recording) -> None:
    claim_recording_id(recording, DOCUMENTED)
    merge_facts(recording, Facts(recording_url="https://media.vobiz.ai/a.mp3"), Source.ANSWER)
    merge_facts(recording, Facts(duration_ms=9_000, ended_at=STARTED_AT), Source.API)
    deliver(client, KEY, ENDED)
    row = fresh(recording)
    assert (row.duration_ms, row.ended_at) == (9_000, STARTED_AT)
    assert row.recording_url == "https://media.vobiz.ai/a.mp3"
    assert row.started_at == STARTED_AT  # a gap


def test_a_payload_without_end_and_duration_fills_ids_only(client: Client, recording: Recording) -> None:
    deliver(client, KEY, EARLY)
    row = fresh(recording)
    assert (row.status, row.recording_id, row.api_id) == (
        RecordingStatus.REQUESTED,
        DOCUMENTED,
        EARLY["api_id"],
    )
    assert (row.recording_url, row.started_at, row.duration_ms) == (None, None, None)
    assert row.read_back_due_at is not None
    assert the_event().outcome == EventOutcome.APPLIED


def test_durations_of_minus_one_overwrite_nothing_and_end_nothing_again(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, ENDED)
    before = everything(Recording)
    deliver(client, KEY, EARLY)
    deliver(client, KEY, {**BEGUN, "RecordingDuration": "5"})
    assert everything(Recording) == before


@pytest.mark.parametrize("status", list(RecordingStatus))
def test_completed_is_reached_from_every_state(client: Client, account: Account, status: str) -> None:
    asked_for(account, status=status, error="lost", needs_attention=Attention.MAY_BE_RECORDING)
    deliver(client, KEY, ENDED)
    row = Recording.objects.get()
    assert (row.status, row.needs_attention) == (RecordingStatus.COMPLETED, None)
    assert status == RecordingStatus.COMPLETED or row.error is None


def test_a_callback_that_beats_the_answer_to_the_start_is_an_ordinary_case(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, ENDED)
    row = fresh(recording)
    merge_facts(
        row, Facts(api_id=ENDED["api_id"], recording_url="https://media.vobiz.ai/b.mp3"), Source.ANSWER
    )
    assert claim_recording_id(row, DOCUMENTED)
    row.confirm()
    assert (fresh(row).status, fresh(row).start_answer) == (RecordingStatus.COMPLETED, StartAnswer.ACCEPTED)


def test_another_recording_id_than_the_known_one_contradicts_and_changes_nothing(
    client: Client, recording: Recording
) -> None:
    claim_recording_id(recording, DOCUMENTED)
    deliver(client, KEY, {**ENDED, **SPOKEN, "recording_id": "another-recording"})
    row = fresh(recording)
    assert (row.recording_id, row.status) == (DOCUMENTED, RecordingStatus.REQUESTED)
    assert (row.duration_ms, row.needs_attention) == (None, Attention.ID_CONFLICT)
    assert not Transcription.objects.exists()
    event = the_event()
    assert event.outcome == EventOutcome.CONFLICT
    assert "another-recording" in str(event.error)
    assert event.payload["transcription"] == SPOKEN["transcription"]


def test_an_unsigned_contradiction_does_not_even_raise_a_flag(client: Client, recording: Recording) -> None:
    claim_recording_id(recording, DOCUMENTED)
    deliver(client, KEY, {**SPOKEN, "recording_id": "another-recording"}, headers={})
    assert fresh(recording).needs_attention is None
    assert the_event().outcome == EventOutcome.CONFLICT
    assert not Transcription.objects.exists()


def test_another_call_contradicts_unless_the_recording_id_is_the_known_one(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, {**ENDED, "call_uuid": "another-call"})
    assert fresh(recording).recording_id is None
    assert the_event().outcome == EventOutcome.CONFLICT
    claim_recording_id(recording, DOCUMENTED)
    deliver(client, KEY, {**ENDED, "call_uuid": "a-third-call"})
    assert fresh(recording).status == RecordingStatus.COMPLETED


def test_an_id_of_another_recording_started_here_is_not_taken(client: Client, recording: Recording) -> None:
    other = asked_for(recording.account, "another-key-of-ours-0123456789ab", recording_id=DOCUMENTED)
    deliver(client, KEY, ENDED)
    assert (fresh(recording).recording_id, fresh(recording).needs_attention) == (None, Attention.ID_CONFLICT)
    assert fresh(other).status == RecordingStatus.REQUESTED
    assert the_event().outcome == EventOutcome.CONFLICT


@pytest.mark.parametrize("family", [True, False])
def test_a_row_a_sync_made_first_becomes_one_with_the_one_asked_for(
    client: Client, recording: Recording, stranger: Account, *, family: bool
) -> None:
    made = listed_row(recording.account if family else stranger)
    deliver(client, KEY, ENDED)
    assert Recording.objects.filter(pk=made.pk).exists() is not family
    assert (fresh(recording).recording_id == DOCUMENTED) is family
    assert the_event().outcome == (EventOutcome.APPLIED if family else EventOutcome.CONFLICT)


@pytest.mark.parametrize("bad", ["..", "BulkDelete", "a/b/c", "a?x=1", "abc"])
@pytest.mark.parametrize("door", ["recording", "account"])
def test_an_id_that_could_not_be_one_is_kept_and_does_nothing(
    client: Client, recording: Recording, bad: str, door: str
) -> None:
    key = KEY if door == "recording" else recording.account.callback_key
    before = everything(Recording, Transcription)
    assert deliver(client, key, {**ENDED, **SPOKEN, "recording_id": bad}, door=door).status_code == 200
    assert everything(Recording, Transcription) == before
    assert the_event().outcome == EventOutcome.FAILED
    assert "is not an id" in str(the_event().error)


def test_an_unknown_kind_of_event_is_kept_and_does_nothing(client: Client, recording: Recording) -> None:
    before = everything(Recording, Transcription)
    deliver(client, KEY, {"Event": "Hangup", "CallStatus": "completed"})
    assert everything(Recording, Transcription) == before
    assert (the_event().kind, the_event().outcome) == ("other", EventOutcome.APPLIED)


# Transcripts


def test_a_transcript_is_stored_with_its_price_and_its_trust(client: Client, account: Account) -> None:
    row = asked_for(account, transcribe=True)
    assert row.transcription.status == TranscriptionStatus.EXPECTED
    deliver(client, KEY, SPOKEN, door="transcription")
    spoken = Transcription.objects.get()
    assert (spoken.recording, spoken.status, spoken.text) == (row, "completed", SPOKEN["transcription"])
    assert (str(spoken.charge), str(spoken.rate), spoken.duration) == ("0.30000000", "0.30000000", 10)
    assert (spoken.trust, spoken.error) == ("signed", None)
    assert fresh(row).status == RecordingStatus.REQUESTED  # a transcript ends nothing
    assert fresh(row).recording_id == DOCUMENTED


def test_a_transcript_comes_through_any_door_of_the_recording(client: Client, recording: Recording) -> None:
    deliver(client, KEY, {**ENDED, **SPOKEN}, door="recording")
    assert Transcription.objects.get().text == SPOKEN["transcription"]
    assert fresh(recording).status == RecordingStatus.COMPLETED


@pytest.mark.parametrize("drop", [(), ("error",)])
def test_a_silent_recording_has_an_empty_transcript(
    client: Client, recording: Recording, drop: tuple[str, ...]
) -> None:
    fields = {name: value for name, value in {**SPOKEN, "transcription": ""}.items() if name not in drop}
    deliver(client, KEY, fields, door="transcription")
    assert (Transcription.objects.get().status, Transcription.objects.get().text) == ("completed", "")


def test_a_failed_transcription_says_why(client: Client, recording: Recording) -> None:
    deliver(client, KEY, FAILED, door="transcription")
    failed = Transcription.objects.get()
    assert (failed.status, failed.text, failed.error) == ("failed", None, FAILED["error"])


def test_an_unsigned_transcript_is_stored_and_marked_and_a_signed_one_replaces_it(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, {**SPOKEN, "transcription": "unsigned words"}, door="transcription", headers={})
    assert (Transcription.objects.get().text, Transcription.objects.get().trust) == (
        "unsigned words",
        "unsigned",
    )
    deliver(client, KEY, SPOKEN, door="transcription")
    assert (Transcription.objects.get().text, Transcription.objects.get().trust) == (
        SPOKEN["transcription"], "signed",
    )  # fmt: skip


@pytest.mark.parametrize("how", [{}, {"headers": {}}], ids=["signed", "unsigned"])
def test_otherwise_the_first_transcript_stands_and_another_is_a_flagged_revision(
    client: Client, recording: Recording, how: dict[str, Any]
) -> None:
    deliver(client, KEY, SPOKEN, door="transcription")
    deliver(client, KEY, {**SPOKEN, "transcription": "other words"}, door="transcription", **how)
    assert Transcription.objects.get().text == SPOKEN["transcription"]
    assert fresh(recording).needs_attention == Attention.TRANSCRIPT_REVISED
    event = CallbackEvent.objects.latest("pk")
    assert (event.outcome, event.payload["transcription"]) == (EventOutcome.CONFLICT, "other words")


def test_a_transcription_before_the_recording_callback_is_an_ordinary_case(
    client: Client, recording: Recording
) -> None:
    deliver(client, KEY, SPOKEN, door="transcription")
    deliver(client, KEY, ENDED)
    assert set(CallbackEvent.objects.values_list("outcome", flat=True)) == {EventOutcome.APPLIED}
    assert fresh(recording).status == RecordingStatus.COMPLETED


# The account's door


def test_a_call_flows_callback_completes_a_recording_known_by_sync(client: Client, account: Account) -> None:
    row = listed_row(account)
    deliver(client, account.callback_key, BEGUN, door="account")
    assert fresh(row).status == RecordingStatus.ACTIVE
    deliver(client, account.callback_key, STOPPED, door="account")
    assert (fresh(row).status, fresh(row).duration_ms) == (RecordingStatus.COMPLETED, 10_080)
    assert fresh(row).read_back_due_at is not None
    events = CallbackEvent.objects.filter(recording=row, outcome=EventOutcome.APPLIED)
    assert events.count() == CallbackEvent.objects.count() == 2


@pytest.mark.parametrize("fields", [STOPPED, payload("flow_transcription__documented")])
@pytest.mark.parametrize("how", [{}, {"headers": {}}], ids=["signed", "unsigned"])
def test_an_unknown_recording_is_unmatched_and_no_row_is_made(
    client: Client, account: Account, fields: dict[str, Any], how: dict[str, Any]
) -> None:
    assert deliver(client, account.callback_key, fields, door="account", **how).status_code == 200
    assert the_event().outcome == EventOutcome.UNMATCHED
    assert not Recording.objects.exists()
    listed_row(account)  # once it is known, the same delivery is applied
    deliver(client, account.callback_key, fields, door="account", **how)
    assert the_event().outcome == (EventOutcome.APPLIED if not how else EventOutcome.RECEIVED)


def test_a_recording_of_a_sub_account_is_of_the_family(
    client: Client, account: Account, subaccount: Account
) -> None:
    row = listed_row(subaccount)
    headers = signature("account", account.callback_key, token=TOKENS[SUB], parent_token=TOKENS[MAIN])
    deliver(client, account.callback_key, STOPPED, door="account", headers=headers)
    assert the_event().scheme.startswith("ma-")
    assert fresh(row).status == RecordingStatus.COMPLETED


def test_a_recording_of_another_family_is_out_of_reach(
    client: Client, account: Account, stranger: Account
) -> None:
    row = listed_row(stranger)
    before = everything(Recording, Transcription)
    deliver(client, account.callback_key, {**STOPPED, **SPOKEN}, door="account")
    assert everything(Recording, Transcription) == before
    assert (the_event().outcome, the_event().recording) == (EventOutcome.UNMATCHED, None)
    assert row.account == stranger


def test_what_names_no_recording_on_an_accounts_door_says_so(client: Client, account: Account) -> None:
    deliver(client, account.callback_key, {"transcription": "words without a home"}, door="account")
    assert (the_event().outcome, "no recording and no call" in str(the_event().error)) == (
        EventOutcome.UNPARSED,
        True,
    )
    deliver(client, account.callback_key, {"Event": "Hangup", "CallUUID": CALL}, door="account")
    assert CallbackEvent.objects.latest("pk").outcome == EventOutcome.APPLIED
