"""What the fields of a callback mean, in every spelling and type that Vobiz is known to use."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.callbacks.field_aliases import FIELD_ALIASES
from recordings.callbacks.payload import CallbackPayload, parse_payload
from recordings.choices import EventKind
from recordings.models.recording.provenance import Facts
from tests.callbacks.posting import as_text
from tests.callbacks.rows import CALL, DOCUMENTED, ENDED_AT, STARTED_AT, URL
from tests.vobiz.payloads import payload


def parsed(fields: dict[str, Any]) -> CallbackPayload:
    return parse_payload({name: as_text(value) for name, value in fields.items()})


def test_the_documented_recording_callback_says_all_of_it() -> None:
    ended = parsed(payload("recording_callback__documented"))
    assert (ended.kind, ended.ended, ended.brings_transcript) == (EventKind.RECORDING, True, False)
    assert (ended.recording_id, ended.call_uuid) == (DOCUMENTED, CALL)
    assert ended.facts() == Facts(
        api_id="c9527676-5839-11f0-9fbd-0242ac110003",
        recording_url=URL,
        started_at=STARTED_AT,
        ended_at=ENDED_AT,
        duration_ms=10_080,
    )


def test_a_call_flows_recordstop_says_the_same_in_its_own_spelling() -> None:
    flow, rest = parsed(payload("flow_callback__stopped")), parsed(payload("recording_callback__documented"))
    assert (flow.kind, flow.ended) == (EventKind.RECORDING, True)
    assert (flow.recording_id, flow.call_uuid) == (rest.recording_id, rest.call_uuid)
    assert flow.facts() == Facts(
        recording_url=URL, started_at=STARTED_AT, ended_at=ENDED_AT, duration_ms=10_080
    )


def test_a_call_flows_record_names_the_recording_and_no_more() -> None:
    begun = parsed(payload("flow_callback__begun"))
    assert (begun.kind, begun.ended, begun.recording_id) == (EventKind.RECORDING, False, DOCUMENTED)
    assert begun.facts() == Facts()


def test_event_record_is_a_start_even_with_a_duration() -> None:
    begun = parsed({**payload("flow_callback__stopped"), "Event": "Record"})
    assert (begun.ended, begun.facts()) == (False, Facts())


@pytest.mark.parametrize("name", [name for names in FIELD_ALIASES.values() for name in names])
def test_every_spelling_is_known(name: str) -> None:
    field = next(field for field, names in FIELD_ALIASES.items() if name in names)
    value = {"recording_id": DOCUMENTED, "call_uuid": CALL, "event": "recordstop"}.get(field)
    value = value or ("1762436939422" if field.endswith(("start_ms", "end_ms")) else "7")
    if field in CallbackPayload.__dataclass_fields__:
        assert getattr(parsed({name: value}), field) is not None


@pytest.mark.parametrize(
    "name", ["recording_id", "RecordingID", "RecordingId", "recordingId", "RECORDING_ID", "recordingid"]
)
def test_a_recording_id_is_found_in_any_case(name: str) -> None:
    assert parsed({name: DOCUMENTED}).recording_id == DOCUMENTED


def test_of_several_spellings_the_first_that_is_not_empty_counts() -> None:
    assert (
        parsed({"RecordFile": "https://b", "record_url": "", "RecordUrl": "https://a"}).record_url
        == "https://a"
    )
    assert parsed({"RecordingURL": "https://c", "RecordFile": ""}).record_url == "https://c"


def test_a_url_is_whole_or_none() -> None:
    assert parsed({"record_url": "https://media.vobiz.ai/" + "a" * 1_900}).record_url is not None
    assert parsed({"record_url": "https://media.vobiz.ai/" + "a" * 1_900 + "…"}).record_url is None
    assert parsed({"record_url": "https://media.vobiz.ai/" + "a" * 2_100}).record_url is None


@pytest.mark.parametrize("value", ["10080", "10080.0", "10080.00000", "10079.9999"])
def test_milliseconds_are_whole_however_they_are_written(value: str) -> None:
    assert parsed({"recording_duration_ms": value}).duration_ms == 10_080


@pytest.mark.parametrize(
    "value", ["-1", "", "null", "NaN", "1e999999", "Infinity", "١٢", "1_000", " ", "0x10", "-0"]
)
def test_a_duration_that_is_no_number_is_unknown_and_ends_nothing(value: str) -> None:
    early = parsed({"recording_id": DOCUMENTED, "recording_duration_ms": value, "recording_end_ms": value})
    assert (early.duration_ms, early.recording_end_ms, early.ended) == (None, None, False)


def test_a_duration_of_zero_ends_a_recording() -> None:
    assert parsed({"recording_id": DOCUMENTED, "recording_duration": "0"}).ended


def test_seconds_count_where_milliseconds_are_missing() -> None:
    assert parsed({"recording_duration": "17"}).duration_ms == 17_000
    assert parsed({"recording_duration": "17.4"}).duration_ms == 17_000
    assert parsed({"recording_duration": "17", "recording_duration_ms": "-1"}).duration_ms == 17_000
    assert parsed({"recording_duration": "17", "recording_duration_ms": "16900"}).duration_ms == 16_900


def test_times_are_milliseconds_since_1970_in_utc() -> None:
    fields = {"recording_start_ms": "1762436939422.00000", "recording_end_ms": "1762436949502"}
    assert parsed(fields).recording_start_ms == datetime(2025, 11, 6, 13, 48, 59, 422000, tzinfo=UTC)
    assert parsed(fields).recording_end_ms == ENDED_AT


def test_the_documented_transcription_callback_says_all_of_it() -> None:
    spoken = parsed(payload("transcription_callback__documented"))
    assert (spoken.kind, spoken.brings_transcript, spoken.error) == (EventKind.TRANSCRIPTION, True, None)
    assert spoken.transcription == "Hello, this is Meera. My parcel has not come."
    assert (spoken.transcription_charge, spoken.transcription_rate) == (Decimal("0.3"), Decimal("0.3"))
    assert spoken.duration == 10
    assert not spoken.ended  # `duration` is the transcript's


def test_a_failed_transcription_has_an_error_and_no_text() -> None:
    failed = parsed(payload("transcription_callback__failed"))
    assert (failed.kind, failed.brings_transcript, failed.transcription) == (
        EventKind.TRANSCRIPTION,
        True,
        None,
    )
    assert failed.error == "Recording file size too large for transcription"


def test_a_transcription_without_an_error_field_is_a_transcription() -> None:
    fields = payload("transcription_callback__documented")
    del fields["error"]
    assert (parsed(fields).brings_transcript, parsed(fields).error) == (True, None)
    assert parsed(payload("flow_transcription__documented")).brings_transcript


def test_an_error_alone_belongs_to_the_transcription_of_the_recording_it_names() -> None:
    assert parsed({"recording_id": DOCUMENTED, "error": "too short"}).brings_transcript
    assert not parsed({"call_uuid": CALL, "error": "too short"}).brings_transcript
    assert not parsed({**payload("recording_callback__documented"), "error": "too short"}).brings_transcript


def test_one_delivery_may_be_recording_and_transcription_at_once() -> None:
    both = parsed(
        {**payload("recording_callback__documented"), **payload("transcription_callback__documented")}
    )
    assert (both.kind, both.ended, both.brings_transcript) == (EventKind.TRANSCRIPTION, True, True)


def test_what_names_nothing_known_is_other() -> None:
    assert parsed({"Event": "Hangup", "CallStatus": "completed", "x": "y"}).kind == EventKind.OTHER
    assert parsed({"recording_id": DOCUMENTED}).kind == EventKind.RECORDING


@pytest.mark.parametrize(
    "bad", ["..", "../../Call", "BulkDelete", "bulkdelete", "a?x=1", "a#b", "a/b", "abc", "ａｂｃｄ"]
)
@pytest.mark.parametrize("name", ["recording_id", "call_uuid"])
def test_an_id_that_could_not_be_one_is_a_problem_in_words(name: str, bad: str) -> None:
    wrong = parsed({**payload("transcription_callback__documented"), name: bad, "recording_duration": "3"})
    assert "is not an id" in str(wrong.problem)
    assert (wrong.recording_id, wrong.call_uuid, wrong.brings_transcript) == (None, None, False)


@given(
    st.dictionaries(
        st.sampled_from([n for names in FIELD_ALIASES.values() for n in names]) | st.text(), st.text()
    )
)
def test_no_fields_whatever_raise(fields: dict[str, str]) -> None:
    assert parse_payload(fields).kind in EventKind
