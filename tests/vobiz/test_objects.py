"""What Vobiz says, from documented and captured bodies."""

from __future__ import annotations

import copy
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.vobiz.objects import (
    AccountObject,
    BadRow,
    LiveCall,
    LiveCallList,
    RecordingObject,
    RecordingPage,
    StartAnswer,
)
from recordings.vobiz.wire import Instant, InvalidIdError, InvalidShapeError
from tests.vobiz.payloads import payload

KOLKATA = ZoneInfo("Asia/Kolkata")
DOCUMENTED = "d7801b2e-e76d-4dd8-be9c-9e015a7267b8"


def row(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = payload("recordings__documented_call")["objects"][0]
    return {**fields, **changes}


def parsed(**changes: Any) -> RecordingObject:
    return RecordingObject.parse(row(**changes), zone=KOLKATA)


@pytest.mark.parametrize("name", ["recordings__documented_conference", "recordings__documented_call"])
def test_both_documented_examples_come_out_with_every_attribute_right(name: str) -> None:
    document = payload(name)
    page = RecordingPage.parse(document, zone=KOLKATA)
    assert (page.received, page.limit, page.offset, page.total_count) == (1, 20, 0, 1)
    assert page.ids == (DOCUMENTED,)
    assert page.has_next is False
    assert page.objects == (
        RecordingObject(
            recording_id=DOCUMENTED,
            call_uuid="6e558798-499c-4a68-bc77-46f2c53d1f69",
            owner_auth_id="MA_PU0XU668",
            recording_url=f"https://media.vobiz.ai/api/v1/Account/MA_PU0XU668/Recording/{DOCUMENTED}.mp3",
            recording_format="mp3",
            recording_type="call",
            conference_name=None,
            from_number="+918071387423",
            to_number="919624705678",
            added_at=Instant(
                datetime(2025, 11, 6, 13, 49, 10, 751756, tzinfo=UTC),
                approximate=False,
                text="2025-11-06 13:49:10.751756+00:00",
            ),
            started_at=datetime(2025, 11, 6, 13, 48, 59, 422000, tzinfo=UTC),
            ended_at=datetime(2025, 11, 6, 13, 49, 9, 502000, tzinfo=UTC),
            duration_ms=10_080,
            rounded_duration=60,
            storage_days=1,
            storage_rate=Decimal("0.005"),
            monthly_storage_amount=Decimal(0),
            api_id=None,
            data=document["objects"][0],
        ),
    )


def test_a_trunk_recording_without_times_keeps_the_time_it_was_added() -> None:
    page = RecordingPage.parse(payload("recordings__trunk_without_times"), zone=KOLKATA)
    (recording,) = page.objects
    assert isinstance(recording, RecordingObject)
    assert recording.started_at is None
    assert recording.ended_at is None
    assert recording.duration_ms is None
    assert recording.added_at is not None
    assert recording.added_at.at == datetime(2026, 5, 7, 4, 15, 35, 792760, tzinfo=UTC)
    assert recording.owner_auth_id == "SA_TESTLEG1"
    assert recording.from_number == "sip:lobby@trunk.example.com"
    assert recording.to_number == "04012345678"
    assert page.has_next is True
    assert page.total_count == 721


def test_an_empty_conference_name_and_none_are_the_same() -> None:
    assert parsed(conference_name="").conference_name is None
    assert parsed(conference_name=None).conference_name is None
    assert parsed(conference_name="Board").conference_name == "Board"


def test_unknown_fields_are_ignored_and_kept_and_unknown_words_shown() -> None:
    recording = parsed(recording_type="Stream", mood="good", nested={"a": ["\x00"]})
    assert recording.recording_type == "stream"
    assert recording.data["mood"] == "good"
    assert recording.data["recording_type"] == "Stream"
    assert recording.data["nested"] == {"a": ["\ufffd"]}


@pytest.mark.parametrize(
    "number", ["919624705678", "09624705678", "sip:a@b.example", "+1 (415) 555", 919624705678]
)
def test_a_number_is_kept_as_it_was_given(number: object) -> None:
    assert parsed(to_number=number).to_number == str(number)


def test_missing_values_are_unknown_and_never_empty_texts() -> None:
    recording = RecordingObject.parse({"recording_id": DOCUMENTED}, zone=UTC)
    known = {
        name
        for name in RecordingObject.__slots__
        if getattr(recording, name) not in (None, False) and name != "data"
    }
    assert known == {"recording_id"}
    assert parsed(recording_url="", to_number="", call_uuid="").recording_url is None


@pytest.mark.parametrize(
    ("uri", "owner"),
    [
        ("/v1/Account/MA_X1/Recording/abcd/", "MA_X1"),
        ("/api/v1/Account/SA_67401KW8/Recording/abcd/", "SA_67401KW8"),
        ("/v1/Account/500000/Recording/abcd/", None),
        ("/v1/Account/MA_a-b/Recording/abcd/", None),
        ("/v1/Account/MA_../", None),
        ("/v1/account/MA_X1/", None),
        ("/v1/Account/MA_" + "A" * 80 + "/", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_the_owner_is_the_account_the_resource_uri_names_if_it_is_readable(
    uri: object, owner: str | None
) -> None:
    assert parsed(resource_uri=uri).owner_auth_id == owner


def test_overlong_texts_are_cut_and_an_overlong_url_is_none() -> None:
    recording = parsed(conference_name="x" * 9999, recording_url="https://media.vobiz.ai/" + "x" * 9999)
    assert recording.conference_name == "x" * 256
    assert recording.recording_url is None


@pytest.mark.parametrize("changes", [{"recording_id": ".."}, {"recording_id": None}])
def test_a_recording_with_an_unusable_id_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidIdError):
        parsed(**changes)


@pytest.mark.parametrize(
    ("sent", "uuid", "as_text"),
    [
        (" call-0001 ", "call-0001", None), ("6c1f@10.0.0.1", None, "6c1f@10.0.0.1"), (None, None, None),
        ("SCL_a.b:5060", None, "SCL_a.b:5060"), ("../x", None, "../x"), ("BulkDelete", None, "BulkDelete"),
        ("x" * 300, None, "x" * 255), ("\x00", None, "\ufffd"), (7, None, "7"), ([], None, None), ("", None, None),
    ],
)  # fmt: skip
def test_what_is_no_call_uuid_is_kept_as_text(sent: Any, uuid: str | None, as_text: str | None) -> None:
    recording = parsed(call_uuid=sent)
    assert (recording.call_uuid, recording.call_text) == (uuid, as_text)


@pytest.mark.parametrize(
    ("start", "end", "known", "doubtful"),
    [
        ("1762436939422.00000", "1762436949502", (True, True), False),
        ("1762436939", 1762436949, (True, True), False),  # seconds
        ("1762436939422", "1762436900000", (False, False), True),  # swapped
        ("1420070399", None, (False, False), True),  # 2014
        ("9999999999999", "1762436949502", (False, True), True),  # 2286
        (None, "-1", (False, False), False),
        (0, "0.00000", (False, False), False),
        ("soon", None, (False, False), True),
    ],
)
def test_a_time_outside_of_2015_to_tomorrow_is_unknown_and_doubtful(
    start: Any, end: Any, known: tuple[bool, bool], doubtful: bool
) -> None:
    recording = parsed(recording_start_ms=start, recording_end_ms=end)
    assert (recording.started_at is not None, recording.ended_at is not None) == known
    assert recording.times_doubtful is doubtful
    assert recording.data["recording_start_ms"] == start


def test_seconds_are_the_same_instant_as_their_milliseconds() -> None:
    assert parsed(recording_start_ms=1762436939).started_at == datetime(2025, 11, 6, 13, 48, 59, tzinfo=UTC)


def test_an_unusable_row_is_kept_as_such_beside_the_good_ones() -> None:
    document = {"objects": [row(), row(recording_id="BulkDelete"), "nonsense", None]}
    page = RecordingPage.parse(document, zone=UTC)
    assert page.received == 4
    assert page.ids == (DOCUMENTED,)
    bad = [item for item in page.objects if isinstance(item, BadRow)]
    assert [item.recording_id_text for item in bad] == ["BulkDelete", None, None]
    assert "“BulkDelete” is not an id" in bad[0].reason
    assert bad[0].data["to_number"] == "919624705678"
    assert bad[1].data == {"row": "nonsense"}
    assert bad[1].reason == "Expected a recording, got something that is not a JSON object."


def test_a_page_without_meta_asks_for_another_until_one_is_empty() -> None:
    assert RecordingPage.parse({"objects": [row()]}, zone=UTC).has_next is True
    assert RecordingPage.parse({"objects": []}, zone=UTC).has_next is False
    nonsense = RecordingPage.parse({"objects": [row()], "meta": "soon"}, zone=UTC)
    assert (nonsense.has_next, nonsense.limit, nonsense.total_count) == (True, None, None)


def test_a_page_with_wrong_counts_says_what_it_was_told() -> None:
    document = {"objects": [row()], "meta": {"limit": "20", "offset": -4, "total_count": "many", "next": ""}}
    page = RecordingPage.parse(document, zone=UTC)
    assert (page.limit, page.offset, page.total_count, page.has_next) == (20, None, None, False)


def test_no_recordings_may_be_written_as_null_only_where_the_count_says_so() -> None:
    assert RecordingPage.parse(payload("recordings__none"), zone=UTC).received == 0
    assert RecordingPage.parse({"objects": None, "meta": {"total_count": 0}}, zone=UTC).received == 0
    with pytest.raises(InvalidShapeError):
        RecordingPage.parse({"objects": None}, zone=UTC)


def test_the_former_api_is_recognised_by_name() -> None:
    with pytest.raises(InvalidShapeError, match="former API"):
        RecordingPage.parse(payload("recordings__former_api"), zone=UTC)


@pytest.mark.parametrize("document", [None, [], "text", 5, {}, {"objects": {}}, {"objects": "x"}])
def test_what_is_no_list_of_recordings_is_refused(document: object) -> None:
    with pytest.raises(InvalidShapeError):
        RecordingPage.parse(document, zone=UTC)


@pytest.mark.parametrize("name", ["recording__flat", "recordings__documented_call"])
def test_a_recording_is_read_flat_or_in_an_envelope(name: str) -> None:
    found = RecordingObject.parse_sole(payload(name), asked=DOCUMENTED, zone=UTC)
    assert found is not None
    assert found.duration_ms == 10_080
    flat = name == "recording__flat"
    assert found.api_id == ("668470b7-7a8f-49b6-9011-50075754a50a" if flat else None)


def test_an_empty_envelope_is_no_recording() -> None:
    assert RecordingObject.parse_sole(payload("recordings__none"), asked=DOCUMENTED, zone=UTC) is None


def test_the_recording_asked_for_is_taken_from_among_several() -> None:
    document = {"objects": [row(recording_id="other-one"), row(recording_id=DOCUMENTED.upper())]}
    found = RecordingObject.parse_sole(document, asked=DOCUMENTED, zone=UTC)
    assert found is not None
    assert found.recording_id == DOCUMENTED.upper()


@pytest.mark.parametrize(
    "document", [{"recording_id": "other-one"}, {"objects": [{"recording_id": "other-one"}]}]
)
def test_an_answer_about_another_recording_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidShapeError, match="another recording"):
        RecordingObject.parse_sole(document, asked=DOCUMENTED, zone=UTC)


@pytest.mark.parametrize("document", [{}, {"api_id": "x"}, {"objects": "x"}, {"objects": ["x"]}, []])
def test_an_answer_about_no_recording_is_refused(document: object) -> None:
    with pytest.raises(InvalidShapeError):
        RecordingObject.parse_sole(document, asked=DOCUMENTED, zone=UTC)


def test_live_calls_are_ids_each_once_in_their_order() -> None:
    assert LiveCallList.parse(payload("live_calls__two")).call_uuids == (
        "eac94337-b1cd-499b-82d1-b39bca50dc31",
        "0a70a7fb-168e-4944-a846-4f3f4d2f96f1",
    )
    mixed = LiveCallList.parse({"calls": ["call-2", {"call_uuid": "call-1"}, "call-2", "..", 7, {}]})
    assert mixed.call_uuids == ("call-2", "call-1")
    assert [bad.data for bad in mixed.bad] == [{"row": ".."}, {"row": 7}, {}]


def test_no_live_calls_may_be_an_empty_list_or_null_but_not_silence() -> None:
    assert LiveCallList.parse({"calls": []}) == LiveCallList((), ())
    assert LiveCallList.parse({"calls": None}) == LiveCallList((), ())
    documents: list[object] = [{}, {"calls": "x"}, [], None]
    for document in documents:
        with pytest.raises(InvalidShapeError):
            LiveCallList.parse(document)


def test_a_live_call_starts_in_utc() -> None:
    call = LiveCall.parse(payload("live_call__outbound"))
    assert call.started_at == datetime(2026, 6, 11, 16, 3, 28, 586839, tzinfo=UTC)
    assert (call.from_number, call.to_number) == ("911171366914", "919624705678")
    assert (call.direction, call.call_status) == ("outbound", "in-progress")


def test_a_start_is_answered_with_a_recording_or_with_a_promise() -> None:
    accepted = StartAnswer.parse(payload("start__accepted"))
    assert accepted.recording_id == "93bc6c26-7c6f-4b6a-8d2f-8f7b3e1f1b6a"
    assert accepted.url is not None
    promised = StartAnswer.parse(payload("start__async"))
    assert (promised.recording_id, promised.url) == (None, None)
    assert promised.api_id == "0b9b9f0e-8bb2-4ff2-a02d-9b0d0d3f0f7e"


def test_a_start_with_an_id_of_no_shape_is_a_start_without_an_id() -> None:
    answer = StartAnswer.parse({"recording_id": "../Call", "message": "recording started"})
    assert answer.recording_id is None
    assert answer.data["recording_id"] == "../Call"


@pytest.mark.parametrize("document", [None, [], {}, {"message": "Not Found"}, "recording started"])
def test_an_answer_that_names_nothing_is_no_start(document: object) -> None:
    with pytest.raises(InvalidShapeError):
        StartAnswer.parse(document)


@pytest.mark.parametrize(
    ("name", "auth_id"), [("account__main", "MA_TESTMAIN"), ("account__sub", "SA_TESTLEG1")]
)
def test_an_account_is_named_and_its_secrets_are_not_kept(name: str, auth_id: str) -> None:
    account = AccountObject.parse(payload(name))
    assert account.auth_id == auth_id
    assert account.name
    assert "in-clear" not in repr(account)
    assert account.data["name"] == account.name


def test_an_answer_without_an_account_is_refused() -> None:
    documents: list[object] = [None, [], {}, "account"]
    for document in documents:
        with pytest.raises(InvalidShapeError):
            AccountObject.parse(document)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(row())), values, st.booleans())
def test_a_page_with_any_value_in_any_field_is_read_or_kept_as_bad(
    field: str, value: Any, absent: bool
) -> None:
    changed = copy.deepcopy(row())
    changed[field] = value
    if absent:
        del changed[field]
    page = RecordingPage.parse({"objects": [changed]}, zone=KOLKATA)
    assert page.received == len(page.objects) == 1


@given(values)
def test_any_document_is_parsed_or_refused(document: Any) -> None:
    for parse in (LiveCall.parse, LiveCallList.parse, StartAnswer.parse, AccountObject.parse):
        with suppress(InvalidShapeError):
            assert parse(document)
