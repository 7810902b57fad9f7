"""What senders of other makes and other programs between make of a delivery."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from django.test import Client

from recordings.callbacks.payload import parse_payload
from recordings.choices import EventOutcome, RecordingStatus, TranscriptionStatus
from recordings.models import Account, CallbackEvent, Recording, Transcription
from tests.callbacks.posting import FORM, JSON, TYPES, deliver, path_of, post, signature
from tests.callbacks.rows import CALL, DOCUMENTED, KEY, URL, asked_for, listed_row, the_event

pytestmark = pytest.mark.once

WORDS = "Where is my parcel?"
SAID = json.dumps({"transcription": WORDS})
ENDED = {"recording_id": DOCUMENTED, "record_url": URL, "recording_duration": "10", "call_uuid": CALL}


def raw(client: Client, door: str, body: bytes, content_type: str) -> None:
    """One signed delivery, byte for byte."""
    headers = signature(door, KEY)
    assert (
        post(client, path_of(door, KEY), body, headers=headers, content_type=content_type).status_code == 200
    )


@pytest.mark.parametrize(
    "fields",
    [
        *(
            {name: WORDS}
            for name in (
                "transcript_text", "TranscriptText", "recording_transcription", "RecordingTranscript", "full_text",
                "transcription-text", " transcription ", "transcription[]", "transcription[0]", "transcription[text]",
                "transcription.text", "data[transcription]", "data.transcription", "speech", "content",
            )
        ),
        *({wrapper: {"transcription": WORDS}} for wrapper in ("result", "object", "event", "call", "message")),
        {"results": [{"transcript": WORDS}]},
        {"data": {"attributes": {"transcription": WORDS}}},
        {"transcription": [WORDS]},
        {"transcription": ["Where is", "my parcel?"]},
        {"transcription": [{"text": "Where is", "start": 0}, {"text": " my parcel?", "start": 1}]},
        {"transcription": {"segments": [{"text": "Where is"}, {"text": "my parcel?"}]}},
        {"transcription": WORDS, "error": False},
        {"transcription": WORDS, "error": "None"},
        {"transcription": WORDS, "call_uuid": "undefined", "recording_id": "null"},
        {"transcription": WORDS, "call_uuid": CALL.upper()},
        {"transcription": WORDS, "recording_id": f'"{DOCUMENTED}"'},
        {"transcription": WORDS, "recording_id": f"{{{DOCUMENTED.upper()}}}"},
        {"transcription": WORDS, "recording_id": [DOCUMENTED]},
    ],
    ids=str,
)  # fmt: skip
def test_a_transcript_is_found(client: Client, account: Account, fields: dict[str, Any]) -> None:
    recording = asked_for(account, recording_id=DOCUMENTED, transcribe=True)
    deliver(client, KEY, fields, door="transcription", encoding=JSON)
    assert (the_event().outcome, the_event().error) == (EventOutcome.APPLIED, None)
    row = Transcription.objects.get(recording=recording)
    assert (row.status, row.text, row.error) == (TranscriptionStatus.COMPLETED, WORDS, None)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (json.dumps(SAID).encode(), TYPES[JSON]),
        (f"[[{SAID}]]".encode(), TYPES[JSON]),
        (SAID.encode("utf-16"), TYPES[JSON]),
        (SAID.encode("utf-16-le"), TYPES[JSON]),
        (SAID.encode("utf-32"), TYPES[JSON]),
        (b"\xef\xbb\xbf" + SAID.encode(), TYPES[FORM]),
        (b"\xef\xbb\xbftranscription=" + quote(WORDS).encode(), TYPES[FORM]),
        (quote(SAID).encode(), TYPES[FORM]),
        (quote(SAID).encode() + b"=", TYPES[FORM]),
        (SAID.encode() + b"\r\n\0", TYPES[JSON]),
        (SAID.encode(), "text/html"),
        (SAID.encode(), "application/x-ndjson"),
        (b"transcription=" + quote(WORDS).encode() + b"&transcription=", TYPES[FORM]),
        (SAID[:-1].encode() + b', "transcription": null}', TYPES[JSON]),
    ],
)
def test_a_body_is_read_as_far_as_it_makes_sense(
    client: Client, account: Account, body: bytes, content_type: str
) -> None:
    asked_for(account, transcribe=True)
    raw(client, "transcription", body, content_type)
    assert Transcription.objects.get().text == WORDS


def test_a_text_of_several_lines_is_no_reason_to_lose_it(client: Client, account: Account) -> None:
    asked_for(account, transcribe=True)
    raw(client, "transcription", b'{"transcription": "one\n\ttwo"}', TYPES[JSON])
    assert Transcription.objects.get().text == "one\n\ttwo"


@pytest.mark.parametrize(
    "fields",
    [
        {"error_message": "no speech"}, {"ErrorMessage": "no speech"}, {"errors": ["no speech"]},
        {"error": {"code": 4, "message": "no speech"}}, {"status": "failed", "transcription_error": "no speech"},
    ],
    ids=str,
)  # fmt: skip
def test_an_error_is_found(client: Client, account: Account, fields: dict[str, Any]) -> None:
    asked_for(account, transcribe=True)
    deliver(client, KEY, fields, door="transcription", encoding=JSON)
    row = Transcription.objects.get()
    assert (row.status, row.error) == (TranscriptionStatus.FAILED, "no speech")


@pytest.mark.parametrize(
    "fields",
    [
        {name.replace("_", "-"): value for name, value in ENDED.items()},
        {name: [value] for name, value in ENDED.items()},
        {"event": "recording.completed", "data": {"object": ENDED}},
        {"recordings": [{"id": DOCUMENTED, "url": URL, "duration": 10}]},
        {"message": json.dumps(ENDED)},
        {"recording[id]": DOCUMENTED, "recording[url]": URL, "recording[duration]": "10"},
        {"RecordingSid": DOCUMENTED, "RecordUrl": URL, "RecordingDuration": " 10 "},
        {**ENDED, "call_uuid": "null"},
        {**ENDED, "recording_id": DOCUMENTED.upper(), "call_uuid": CALL.upper()},
    ],
    ids=str,
)
def test_the_end_of_a_recording_is_found(client: Client, account: Account, fields: dict[str, Any]) -> None:
    asked_for(account)
    deliver(client, KEY, fields, encoding=JSON)
    row = Recording.objects.get()
    assert (row.recording_id, row.status) == (DOCUMENTED, RecordingStatus.COMPLETED)
    assert row.duration_ms == 10_000


@pytest.mark.parametrize("name", ["recording_id", "call_uuid"])
@pytest.mark.parametrize("value", ["null", "None", "undefined", "true", "False", '""', "N/A"])
def test_what_other_languages_write_for_nothing_is_no_id(name: str, value: str) -> None:
    """A recording took `true` for its id, and was then never found."""
    payload = parse_payload({"recording_duration": "10", name: value}, "recording")
    assert (payload.problem, getattr(payload, name)) == (None, None)


@pytest.mark.parametrize("name", ["type", "topic", "name", "action", "notification_type", "data.type"])
@pytest.mark.parametrize("event", ["recording.failed", "TranscriptionDone", "call.recording"])
def test_an_event_by_another_name_that_speaks_of_a_recording_is_not_taken_for_done(
    client: Client, account: Account, name: str, event: str
) -> None:
    deliver(client, account.callback_key, {name: event, "x": 1}, door="account")
    assert the_event().outcome == EventOutcome.UNPARSED


@pytest.mark.parametrize(
    "fields",
    [{"data": {"payload": {"body": ENDED}}}, {"deeper": {"object": ENDED}}, {"error": "it failed"}],
    ids=str,
)
def test_what_is_not_understood_at_a_recording_address_is_not_taken_for_done(
    client: Client, account: Account, fields: dict[str, Any]
) -> None:
    asked_for(account)
    deliver(client, KEY, fields, encoding=JSON)
    assert the_event().outcome == EventOutcome.UNPARSED
    assert the_event() in CallbackEvent.objects.without_effect()


def test_a_capital_letter_in_an_id_finds_its_recording(client: Client, account: Account) -> None:
    row = listed_row(account)
    fields = {"recording_id": DOCUMENTED.upper(), "recording_duration": 3}
    deliver(client, account.callback_key, fields, door="account")
    row.refresh_from_db()
    assert (row.recording_id, row.duration_ms) == (DOCUMENTED, 3_000)
