"""Each thing the portal asks of Vobiz: what is sent, and what comes back."""

from __future__ import annotations

import threading
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import (
    AuthenticationError,
    NotFoundError,
    OutcomeUnknownError,
    RefusedError,
    UnexpectedReplyError,
)
from recordings.vobiz.objects import BadRow, RecordingObject
from tests.vobiz.conftest import client_of
from tests.vobiz.payloads import payload
from tests.vobiz.wire_server import WireServer, says

CALL = "6e558798-499c-4a68-bc77-46f2c53d1f69"
RECORDING = "d7801b2e-e76d-4dd8-be9c-9e015a7267b8"
ROOT = "/api/v1/Account/MA_TESTMAIN"


def row(**changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = payload("recordings__documented_call")["objects"][0]
    return {**fields, **changes}


def test_a_check_reads_the_account_and_keeps_none_of_its_secrets(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(payload("account__main")))
    account = client.check()
    assert (server.last.method, server.last.target) == ("GET", "/api/v1/auth/me")
    assert (account.auth_id, account.name) == ("MA_TESTMAIN", "Acme Corp")
    assert "auth_secret" not in account.data


def test_live_calls_are_listed_and_looked_at_with_their_status(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(payload("live_calls__two")), says(payload("live_call__outbound")))
    assert len(client.list_live_calls().call_uuids) == 2
    call = client.retrieve_live_call("2ded13fe-41bc-4e1c-9a2f-1de7ad3bc0f4")
    assert call.direction == "outbound"
    assert [asked.target for asked in server.asked] == [
        f"{ROOT}/Call/?status=live",
        f"{ROOT}/Call/2ded13fe-41bc-4e1c-9a2f-1de7ad3bc0f4/?status=live",
    ]


@pytest.mark.parametrize("refusal", [({"error": "Unauthorized"}, 401), ({"message": "Not Found"}, 404)])
def test_live_calls_are_asked_for_without_the_slash_where_that_is_the_form(
    server: WireServer, client: VobizClient, refusal: tuple[dict[str, str], int]
) -> None:
    two = says(payload("live_calls__two"))
    server.answers(says(*refusal), two, two, says(payload("live_call__outbound")))
    assert client.list_live_calls() == client.list_live_calls()
    client.retrieve_live_call("2ded13fe-41bc-4e1c-9a2f-1de7ad3bc0f4")
    paths = [asked.target.partition("?")[0].removeprefix(ROOT) for asked in server.asked]
    assert paths == [
        "/Call/",
        "/Call",
        "/Call",
        "/Call/2ded13fe-41bc-4e1c-9a2f-1de7ad3bc0f4",
    ]  # it is remembered

    server.answers(says(*refusal), two, two)
    client.list_live_calls()
    client.list_live_calls()
    paths = [asked.target.partition("?")[0].removeprefix(ROOT) for asked in server.asked[4:]]
    assert paths == ["/Call", "/Call/", "/Call/"]


def test_where_both_forms_are_refused_the_credentials_are_wrong(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(*[says({"error": "Unauthorized"}, 401)] * 3)
    for asked in (2, 4):
        with pytest.raises(AuthenticationError):
            client.list_live_calls()
        assert len(server.asked) == asked


def test_a_call_that_has_ended_is_not_found(server: WireServer, client: VobizClient) -> None:
    server.answers(says({"api_id": "a", "error": "call not found"}, 404))
    with pytest.raises(NotFoundError):
        client.retrieve_live_call(CALL)


def test_an_answer_about_another_call_is_not_taken(server: WireServer, client: VobizClient) -> None:
    server.answers(says(payload("live_call__outbound")))
    with pytest.raises(UnexpectedReplyError, match="another call"):
        client.retrieve_live_call(CALL)


def test_a_start_always_sends_its_limit_and_asks_to_be_called_back(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(payload("start__accepted")))
    started = client.start_recording(
        CALL,
        time_limit=14400,
        file_format="mp3",
        channels="stereo",
        callback_url="https://portal.example.com/callbacks/recording/k/",
        transcription_url="https://portal.example.com/callbacks/transcription/k/",
    )
    assert (server.last.method, server.last.target) == ("POST", f"{ROOT}/Call/{CALL}/Record/")
    assert server.last.headers["content-type"] == "application/json"
    assert server.last.json == {
        "time_limit": 14400,
        "file_format": "mp3",
        "record_channel_type": "stereo",
        "callback_url": "https://portal.example.com/callbacks/recording/k/",
        "callback_method": "POST",
        "transcription_type": "auto",
        "transcription_url": "https://portal.example.com/callbacks/transcription/k/",
    }
    assert started.recording_id == "93bc6c26-7c6f-4b6a-8d2f-8f7b3e1f1b6a"
    assert started.url is not None


def test_a_start_without_addresses_asks_for_neither_callback_nor_transcript(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(payload("start__accepted")))
    client.start_recording(
        CALL, time_limit=60, file_format="wav", channels="mono", callback_url=None, transcription_url=None
    )
    assert server.last.json == {"time_limit": 60, "file_format": "wav", "record_channel_type": "mono"}


@pytest.mark.parametrize("status", [200, 201, 202])
@pytest.mark.parametrize(
    ("answer", "recording_id"),
    [
        (payload("start__accepted"), "93bc6c26-7c6f-4b6a-8d2f-8f7b3e1f1b6a"),
        (payload("start__async"), None),
        ({"api_id": "a", "message": "Recording started", "recording_id": "../x"}, None),
        ({"api_id": "a", "recording_id": "rec_1", "error": "transcription is not available"}, "rec_1"),
        ({"api_id": "a", "recording_id": None, "url": None, "new": 1}, None),
    ],
)
def test_a_start_is_accepted_in_every_form_it_is_confirmed_in(
    server: WireServer, client: VobizClient, status: int, answer: dict[str, Any], recording_id: str | None
) -> None:
    server.answers(says(answer, status))
    started = client.start_recording(
        CALL, time_limit=60, file_format="mp3", channels="mono", callback_url=None, transcription_url=None
    )
    assert started.recording_id == recording_id
    assert started.api_id == answer["api_id"]
    assert started.data == answer


def test_one_recording_is_stopped_by_its_url_in_upper_case(server: WireServer, client: VobizClient) -> None:
    server.answers(says("", 204))
    url = "https://media.vobiz.ai/v1/Account/MA_TESTMAIN/Recording/rec_1.mp3"
    client.stop_recording(CALL, url=url)
    assert (server.last.method, server.last.target) == ("DELETE", f"{ROOT}/Call/{CALL}/Record/")
    assert server.last.json == {"URL": url}
    assert list(server.last.json) == ["URL"]
    assert server.last.headers["content-type"] == "application/json"


@pytest.mark.parametrize("url", ["", "  "])
def test_without_a_url_nothing_is_sent_since_everything_would_stop(
    server: WireServer, client: VobizClient, url: str
) -> None:
    server.answers(says("", 204))
    with pytest.raises(ValueError, match="cannot be stopped"):
        client.stop_recording(CALL, url=url)
    assert server.asked == []


def test_all_recordings_of_a_call_are_stopped_without_a_body(server: WireServer, client: VobizClient) -> None:
    server.answers(says("", 204))
    client.stop_all_recordings(CALL)
    assert (server.last.method, server.last.target, server.last.body) == (
        "DELETE",
        f"{ROOT}/Call/{CALL}/Record/",
        b"",
    )


@pytest.mark.parametrize("answer", [says("", 204), says(b"", 200), says({"message": "stopped"}, 202)])
def test_a_stop_is_confirmed_by_any_success(server: WireServer, client: VobizClient, answer: Any) -> None:
    server.answers(answer)
    client.stop_all_recordings(CALL)


def test_a_stop_after_the_call_is_not_found_and_one_with_an_error_is_refused(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says({"error": "call not found"}, 404), says({"error": "failed"}))
    with pytest.raises(NotFoundError):
        client.stop_all_recordings(CALL)
    with pytest.raises(RefusedError):
        client.stop_all_recordings(CALL)


def test_recordings_are_listed_by_limit_and_offset(server: WireServer, client: VobizClient) -> None:
    server.answers(says(payload("recordings__trunk_without_times")))
    page = client.list_recordings(limit=100, offset=40)
    assert server.last.target == f"{ROOT}/Recording/?limit=100&offset=40"
    # The server gave 1 of the 100 asked for, and says that there is more: its `next` is no address to ask.
    assert (page.received, page.limit, page.has_next) == (1, 20, True)


def test_the_filters_are_sent_and_applied_once_more(server: WireServer, client: VobizClient) -> None:
    rows = [
        row(),
        row(recording_id="other-call", call_uuid="call-2"),
        row(recording_id="other-type", recording_type="trunk"),
        row(recording_id="no-call", call_uuid=None),
        row(recording_id=".."),
        row(recording_id="..", call_uuid="call-2"),
        "nonsense",
    ]
    server.answers(says({"objects": rows, "meta": {"next": None}}))
    page = client.list_recordings(limit=20, offset=0, call_uuid=CALL, recording_type="call")
    assert server.last.target == f"{ROOT}/Recording/?limit=20&offset=0&call_uuid={CALL}&recording_type=call"
    kept = [item.recording_id if isinstance(item, RecordingObject) else item.data for item in page.objects]
    assert kept == [RECORDING, rows[4], {"row": "nonsense"}]
    assert page.received == 7
    assert page.ids == (RECORDING, "other-call", "other-type", "no-call")


def test_a_type_that_is_no_word_is_not_sent(server: WireServer, client: VobizClient) -> None:
    server.answers(says(payload("recordings__none")))
    for word in ("", "call&limit=1", "Call", "a b"):
        with pytest.raises(ValueError, match="one word"):
            client.list_recordings(limit=20, offset=0, recording_type=word)
    assert server.asked == []


def test_bad_rows_stay_in_an_unfiltered_page(server: WireServer, client: VobizClient) -> None:
    server.answers(says({"objects": [row(), row(recording_id="BulkDelete")]}))
    page = client.list_recordings(limit=20, offset=0)
    assert [type(item) for item in page.objects] == [RecordingObject, BadRow]


@pytest.mark.parametrize("name", ["recording__flat", "recordings__documented_call"])
def test_a_recording_is_read_back_flat_or_enveloped(
    server: WireServer, client: VobizClient, name: str
) -> None:
    server.answers(says(payload(name)))
    found = client.retrieve_recording(RECORDING)
    assert server.last.target == f"{ROOT}/Recording/{RECORDING}/"
    assert found.recording_id == RECORDING


@pytest.mark.parametrize(
    "answer", [says(payload("recordings__none")), says({"api_id": "a", "error": "Recording not found"}, 404)]
)
def test_a_recording_that_is_gone_is_not_found(server: WireServer, client: VobizClient, answer: Any) -> None:
    server.answers(answer)
    with pytest.raises(NotFoundError):
        client.retrieve_recording(RECORDING)


def test_a_recording_without_its_id_or_with_another_is_not_taken(
    server: WireServer, client: VobizClient
) -> None:
    for answer in (row(recording_id="other-one"), {"api_id": "a"}):
        server.answers(says(answer))
        with pytest.raises(UnexpectedReplyError):
            client.retrieve_recording(RECORDING)


def test_the_former_apis_list_is_recognised_in_words(server: WireServer, client: VobizClient) -> None:
    server.answers(says(payload("recordings__former_api")))
    with pytest.raises(UnexpectedReplyError, match="former API"):
        client.list_recordings(limit=20, offset=0)


def test_a_time_without_a_zone_is_read_in_the_clients(server: WireServer) -> None:
    server.answers(says(row(add_time="2026-09-14 10:30:00")))
    with client_of(server.url, zone=ZoneInfo("Asia/Kolkata")) as client:
        added = client.retrieve_recording(RECORDING).added_at
    assert added is not None
    assert added.at.isoformat() == "2026-09-14T05:00:00+00:00"
    assert added.approximate


def test_a_start_answered_with_an_error_page_is_in_doubt(server: WireServer, client: VobizClient) -> None:
    server.answers(says("<html>welcome to the hotel's network</html>"))
    with pytest.raises(OutcomeUnknownError):
        client.start_recording(
            CALL, time_limit=60, file_format="mp3", channels="mono", callback_url=None, transcription_url=None
        )


def test_one_client_serves_several_threads(server: WireServer, client: VobizClient) -> None:
    server.answers(says(payload("live_calls__two")))
    found: list[int] = []

    def ask() -> None:
        found.extend(len(client.list_live_calls().call_uuids) for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [2] * 20


def test_a_client_can_be_used_again_after_it_was_closed(server: WireServer, client: VobizClient) -> None:
    server.answers(says(payload("live_calls__two")))
    client.list_live_calls()
    client.close()
    assert client.list_live_calls().call_uuids
