"""Other names, wrappings and encodings of what a delivery brings: it has its effect, or it is not taken for done."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from recordings.callbacks import processing
from recordings.callbacks.body import MAX_FIELDS
from recordings.callbacks.processing import process_refused
from recordings.callbacks.rereading import reread_events
from recordings.choices import EventOutcome, RecordingStatus, TranscriptionStatus, Trust
from recordings.models import Account, CallbackEvent, Recording, Transcription
from recordings.models.callback_event import READER_VERSION
from tests.callbacks.posting import JSON, TYPES, deliver, path_of, post, signature
from tests.callbacks.rows import CALL, DOCUMENTED, KEY, URL, asked_for, listed_row, the_event

pytestmark = pytest.mark.once

WORDS = "Where is my parcel? " * 200  # longer than what is stored of a field that means nothing here
NESTED = {"data": {"payload": {"TranscriptionText": WORDS}}}
TOO_DEEP = {"data": {"payload": {"body": {"transcription": WORDS}}}}


def raw(client: Client, door: str, key: str, body: bytes, content_type: str) -> Any:
    return post(client, path_of(door, key), body, headers=signature(door, key), content_type=content_type)


@pytest.mark.parametrize(
    "fields",
    [
        {"transcription_text": WORDS},
        {"TranscriptionText": WORDS},
        {"transcript": WORDS},
        {"text": WORDS},
        {"response": json.dumps({"transcription": WORDS})},
        {"body": json.dumps({"data": json.dumps({"transcript": WORDS})})},
        {"payload": {"text": WORDS, "recording_id": DOCUMENTED}},
        {"transcription": {"id": "t-00001", "text": WORDS}},
        {"transcription": "", "recording": [{"transcription": WORDS}]},
        NESTED,
    ],
    ids=lambda fields: "-".join(fields),
)
def test_a_transcript_is_found_under_its_names_and_wrappers(
    client: Client, account: Account, fields: dict[str, Any]
) -> None:
    asked_for(account, transcribe=True)
    plain = all(isinstance(value, str) for value in fields.values())
    deliver(client, KEY, fields, door="transcription", encoding="form" if plain else JSON)
    assert the_event().outcome == EventOutcome.APPLIED
    assert Transcription.objects.get().text == WORDS


@pytest.mark.parametrize(
    "fields", [{"words": "hello"}, TOO_DEEP, {"duration": 10, "recording_id": DOCUMENTED}, {"data": "[1, 2]"}]
)
def test_what_brings_a_transcription_address_neither_text_nor_error_is_not_applied(
    client: Client, account: Account, fields: dict[str, Any]
) -> None:
    asked_for(account, transcribe=True)
    assert deliver(client, KEY, fields, door="transcription", encoding=JSON).status_code == 200
    assert the_event().outcome == EventOutcome.UNPARSED
    assert the_event() in CallbackEvent.objects.without_effect()
    assert Transcription.objects.get().status == TranscriptionStatus.EXPECTED


@pytest.mark.parametrize("event", ["recording.completed", "RecordStop", "transcription.completed"])
@pytest.mark.parametrize("names_call", [True, False])
def test_an_event_about_a_recording_that_says_nothing_of_it_is_not_applied(
    client: Client, account: Account, event: str, names_call: bool
) -> None:
    fields = {"event": event, "something": "new"} | ({"call_uuid": CALL} if names_call else {})
    deliver(client, account.callback_key, fields, door="account")
    expected = EventOutcome.UNMATCHED if names_call else EventOutcome.UNPARSED
    assert the_event().outcome == expected


def test_an_event_of_a_call_needs_nobody(client: Client, account: Account) -> None:
    deliver(client, account.callback_key, {"Event": "Hangup", "CallUUID": CALL, "text": "x"}, door="account")
    assert the_event().outcome == EventOutcome.APPLIED


def test_a_transcript_that_names_its_call_alone_goes_to_the_one_recording_that_expects_one(
    client: Client, account: Account
) -> None:
    expecting = asked_for(account, transcribe=True)
    listed_row(account)
    deliver(client, account.callback_key, {"transcription_text": WORDS, "call_uuid": CALL}, door="account")
    assert the_event().outcome == EventOutcome.APPLIED
    assert Transcription.objects.get().recording == expecting


def test_of_two_recordings_that_expect_a_transcript_neither_is_guessed(
    client: Client, account: Account, now: datetime
) -> None:
    one = asked_for(account, transcribe=True)
    asked_for(account, "b-key-of-a-recording-0123456789b", transcribe=True)
    deliver(client, account.callback_key, {"transcription_text": WORDS, "call_uuid": CALL}, door="account")
    assert the_event().outcome == EventOutcome.UNMATCHED
    Transcription.objects.filter(recording=one).update(
        status=TranscriptionStatus.COMPLETED, text="a", tokens="a"
    )
    assert processing.apply(the_event(), now=now) == EventOutcome.APPLIED
    assert Transcription.objects.exclude(recording=one).get().text == WORDS


def test_a_recording_inside_of_an_object_is_read(client: Client, account: Account) -> None:
    listed_row(account)
    fields = {
        "event": "recording.completed",
        "recording": {"id": DOCUMENTED, "url": URL, "duration_ms": 10_080, "call_uuid": CALL},
    }
    deliver(client, account.callback_key, fields, door="account", encoding=JSON)
    row = Recording.objects.get()
    assert (row.status, row.recording_url, row.duration_ms) == (RecordingStatus.COMPLETED, URL, 10_080)


def test_the_answer_to_a_start_brings_its_url(client: Client, account: Account) -> None:
    asked_for(account)
    answer = {"api_id": "a-1", "message": "recording started", "recording_id": DOCUMENTED, "url": URL}
    deliver(client, KEY, answer)
    row = Recording.objects.get()
    assert (row.recording_id, row.recording_url, row.status) == (DOCUMENTED, URL, RecordingStatus.ACTIVE)


def test_the_answer_to_a_start_with_an_error_fails_the_recording(client: Client, account: Account) -> None:
    asked_for(account)
    deliver(client, KEY, {"api_id": "a-1", "error": "call not found"})
    row = Recording.objects.get()
    assert (row.status, row.error, row.read_back_due_at) == (RecordingStatus.FAILED, "call not found", None)
    assert the_event().outcome == EventOutcome.APPLIED


def test_an_error_of_a_start_fails_no_recording_that_has_begun(client: Client, account: Account) -> None:
    asked_for(account, recording_id=DOCUMENTED, status=RecordingStatus.ACTIVE)
    deliver(client, KEY, {"api_id": "a-1", "error": "call not found"})
    assert Recording.objects.get().status == RecordingStatus.ACTIVE
    assert the_event().outcome == EventOutcome.CONFLICT


def test_an_unsigned_error_of_a_start_fails_nothing(client: Client, account: Account) -> None:
    asked_for(account)
    deliver(client, KEY, {"api_id": "a-1", "error": "call not found"}, headers={})
    assert Recording.objects.get().status == RecordingStatus.REQUESTED


def test_the_id_is_read_from_the_end_of_the_url_where_the_call_is_named(
    client: Client, account: Account
) -> None:
    listed_row(account)
    deliver(
        client,
        account.callback_key,
        {"RecordUrl": URL, "CallUUID": CALL, "RecordingDuration": 17},
        door="account",
    )
    assert Recording.objects.get().duration_ms == 17_000
    deliver(client, account.callback_key, {"RecordUrl": URL}, door="account")
    assert CallbackEvent.objects.filter(outcome=EventOutcome.UNPARSED).count() == 1


def test_blanks_around_an_id_mean_nothing(client: Client, account: Account) -> None:
    asked_for(account)
    deliver(client, KEY, {"recording_id": f" {DOCUMENTED}\n", "recording_duration": "17"})
    assert Recording.objects.get().recording_id == DOCUMENTED


@pytest.mark.parametrize(
    "content_type", ["text/plain", "text/plain; charset=utf-8", "application/octet-stream"]
)
@pytest.mark.parametrize("body", [b"recording_duration=17&x=1", b'{"recording_duration": 17}'])
def test_a_form_or_json_sent_as_plain_text_is_read(
    client: Client, account: Account, content_type: str, body: bytes
) -> None:
    asked_for(account)
    assert raw(client, "recording", KEY, body, content_type).status_code == 200
    assert Recording.objects.get().duration_ms == 17_000


def test_a_list_of_one_item_is_the_item_and_of_two_is_kept_as_it_came(
    client: Client, account: Account
) -> None:
    asked_for(account)
    raw(client, "recording", KEY, b'[{"recording_duration": 17}]', TYPES[JSON])
    assert Recording.objects.get().duration_ms == 17_000
    raw(client, "recording", KEY, b'[{"recording_duration": 17}, {}]', TYPES[JSON])
    kept = CallbackEvent.objects.get(outcome=EventOutcome.UNPARSED)
    assert kept.raw_text == '[{"recording_duration": 17}, {}]'


@pytest.mark.parametrize("count", [65, MAX_FIELDS])
def test_many_fields_are_no_reason_to_lose_a_callback(client: Client, account: Account, count: int) -> None:
    asked_for(account)
    fields = {f"x{number}": number for number in range(count - 1)} | {"recording_duration": 17}
    deliver(client, KEY, fields)
    assert Recording.objects.get().duration_ms == 17_000
    assert len(the_event().payload) == count


# Reading again


def stored_by_an_older_version(account: Account, **columns: Any) -> CallbackEvent:
    values: dict[str, Any] = {
        "account": account, "door": "account", "key_digest": "k" * 64, "content_digest": "c" * 64,
        "outcome": EventOutcome.APPLIED, "trust": Trust.SIGNED, "received_at": datetime.now().astimezone(),
        "processed_at": datetime.now().astimezone(), "reader_version": 0,
    }  # fmt: skip
    made: CallbackEvent = CallbackEvent.objects.create(**(values | columns))
    return made


def test_a_transcript_that_an_older_version_settled_without_is_stored(account: Account) -> None:
    asked_for(account, transcribe=True)
    stored_by_an_older_version(account, payload={"transcription_text": "found", "call_uuid": CALL})
    assert reread_events(limit=10) == 1
    assert Transcription.objects.get().text == "found"
    assert (the_event().outcome, the_event().reader_version) == (EventOutcome.APPLIED, READER_VERSION)
    assert Recording.objects.get().read_back_due_at is None  # Vobiz is not asked for every old event
    assert reread_events(limit=10) == 0


@pytest.mark.parametrize("kind", ["transcription", "recording", "other"])
def test_it_is_stored_whatever_kind_the_older_version_took_it_for(account: Account, kind: str) -> None:
    recording = asked_for(account, transcribe=True)
    fields = {"transcription_text": "found", "transcription_charge": "0.1", "call_uuid": CALL}
    stored_by_an_older_version(account, kind=kind, payload=fields, recording=recording)
    assert reread_events(limit=10) == 1
    assert Transcription.objects.get().text == "found"
    assert the_event().outcome == EventOutcome.APPLIED


@pytest.mark.parametrize("outcome", [EventOutcome.APPLIED, EventOutcome.RECEIVED, EventOutcome.UNPARSED])
def test_an_event_that_cannot_be_read_keeps_no_later_one_from_its_turn(
    account: Account, caplog: pytest.LogCaptureFixture, outcome: EventOutcome
) -> None:
    asked_for(account, transcribe=True)
    spoilt = stored_by_an_older_version(account, payload=["+918071387423"], outcome=outcome)
    fields = {"transcription_text": "found", "call_uuid": CALL}
    stored_by_an_older_version(account, payload=fields, content_digest="d" * 64)

    assert reread_events(limit=10) == 2

    assert Transcription.objects.get().text == "found"
    spoilt.refresh_from_db()
    assert (spoilt.outcome, spoilt.payload) == (outcome, ["+918071387423"])
    assert f"callback event {spoilt.pk} could not be read again" in caplog.text
    assert "8071387423" not in caplog.text
    assert reread_events(limit=10) == 0


def test_a_rejected_event_that_cannot_be_read_keeps_no_other_from_its_turn(
    account: Account, now: datetime
) -> None:
    digest = hashlib.sha256(account.callback_key.encode()).hexdigest()
    of_key = {"key_digest": digest, "outcome": EventOutcome.REFUSED}
    spoilt = stored_by_an_older_version(account, payload={}, signature_headers=5, **of_key)
    other = stored_by_an_older_version(account, payload={}, content_digest="d" * 64, **of_key)
    assert process_refused(account, now=now).total() == 2
    spoilt.refresh_from_db()
    other.refresh_from_db()
    assert (spoilt.attempts, other.attempts) == (1, 1)


def test_an_event_that_cannot_be_read_names_no_recording(account: Account) -> None:
    """So that the check of unfinished recordings goes on to the next one."""
    assert processing.named_recording(stored_by_an_older_version(account, payload=["x"])) is None


def test_of_a_transcript_stored_in_part_that_is_said(account: Account) -> None:
    asked_for(account, transcribe=True)
    part = "x" * 1_999 + "…"
    stored_by_an_older_version(account, payload={"transcription_text": part, "call_uuid": CALL})
    reread_events(limit=10)
    assert Transcription.objects.get().text == part
    assert "2,000" in str(the_event().error)


def test_an_old_event_that_waits_for_its_recording_is_made_visible(account: Account) -> None:
    event = stored_by_an_older_version(account, payload={"Event": "transcription.completed", "words": "x"})
    reread_events(limit=10)
    event.refresh_from_db()
    assert event.outcome == EventOutcome.UNPARSED


def test_what_means_the_same_today_is_left_alone(account: Account, now: datetime) -> None:
    recording = asked_for(account, transcribe=True)
    row = Transcription.objects.get()
    row.status, row.text = TranscriptionStatus.COMPLETED, "corrected since"
    row.save()
    applied = stored_by_an_older_version(
        account,
        kind="transcription",
        payload={"transcription": "first", "call_uuid": CALL},
        recording=recording,
    )
    failed = stored_by_an_older_version(
        account, content_digest="d" * 64, payload={"recording_id": "../x"}, outcome=EventOutcome.FAILED,
        error="“../x” is not an id as Vobiz gives them.", seen_at=now - timedelta(days=1), kind="recording",
    )  # fmt: skip
    assert reread_events(limit=10) == 2
    applied.refresh_from_db()
    failed.refresh_from_db()
    assert applied.outcome == EventOutcome.APPLIED
    assert Transcription.objects.get(recording=recording).text == "corrected since"
    assert (failed.outcome, failed.seen_at) == (EventOutcome.FAILED, now - timedelta(days=1))
