"""Paths, credentials, calls, and starting and stopping recordings."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.conftest import MAIN, OTHER, START, SUB, Client
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState


def get(url: str, headers: dict[str, str] | None = None) -> requests.Response:
    return requests.get(url, headers=headers, timeout=60)


def test_auth_me_tells_who_asks_secret_included(sandbox: Sandbox, world: SandboxState) -> None:
    me = get(f"{sandbox.api_url}/auth/me", world.headers(SUB)).json()
    assert (me["auth_id"], me["name"], me["auth_secret"]) == (SUB, "Sub", "sub_token_9876543210")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Auth-ID": MAIN},
        {"X-Auth-ID": MAIN, "X-Auth-Token": "wrong"},
        {"X-Auth-ID": "MA_NOBODY", "X-Auth-Token": "main_token_0123456789"},
        {"Authorization": "Bearer main_token_0123456789"},
    ],
)
def test_without_both_right_headers_it_is_401(sandbox: Sandbox, headers: dict[str, str]) -> None:
    for path in ("auth/me", f"Account/{MAIN}/Recording/"):
        answer = get(f"{sandbox.api_url}/{path}", headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "unauthorized")


def test_an_extra_authorization_header_is_ignored(sandbox: Sandbox, world: SandboxState) -> None:
    headers = {**world.headers(MAIN), "Authorization": "Bearer nonsense"}
    assert get(f"{sandbox.api_url}/auth/me", headers).status_code == 200


@pytest.mark.parametrize("other", [SUB, OTHER])
def test_credentials_and_path_must_name_the_same_account(
    sandbox: Sandbox, world: SandboxState, other: str
) -> None:
    for path, speaker in ((MAIN, other), (other, MAIN)):
        url = f"{sandbox.api_url}/Account/{path}/Recording/"
        assert get(url, world.headers(speaker)).status_code == 401


@pytest.mark.parametrize(
    "path", ["account/{}/Recording/", "Account/{}/recording/", "Account/{}/Recording", "Account/{}/call"]
)
def test_other_letters_or_a_missing_last_slash_are_401(
    sandbox: Sandbox, world: SandboxState, path: str
) -> None:
    answer = get(f"{sandbox.api_url}/{path.format(MAIN)}?status=live", world.headers(MAIN))
    assert answer.status_code == 401


def test_a_missing_slash_is_404_by_switch(sandbox: Sandbox, world: SandboxState) -> None:
    world.quirks.missing_slash_status = 404
    answer = get(f"{sandbox.api_url}/Account/{MAIN}/Recording", world.headers(MAIN))
    assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_live_calls_are_found_with_and_without_the_slash_unless_told_otherwise(
    sandbox: Sandbox, world: SandboxState
) -> None:
    call = world.place_call(MAIN)
    bare = f"{sandbox.api_url}/Account/{MAIN}/Call"

    def statuses() -> list[int]:
        paths = (bare, f"{bare}/", f"{bare}/{call.call_uuid}", f"{bare}/{call.call_uuid}/")
        return [get(f"{path}?status=live", world.headers(MAIN)).status_code for path in paths]

    assert statuses() == [200, 200, 200, 200]
    world.quirks.live_calls_slash = "required"
    assert statuses() == [401, 200, 401, 200]
    world.quirks.live_calls_slash, world.quirks.missing_slash_status = "refused", 404
    assert statuses() == [200, 404, 200, 404]


def test_an_unknown_route_has_the_gateways_words(sandbox: Sandbox, world: SandboxState) -> None:
    for path in ("Account/x/Number/", "", "auth/you"):
        answer = get(f"{sandbox.api_url}/{path}", world.headers(MAIN))
        assert (answer.status_code, answer.json()) == (404, {"message": "Not Found"})


def test_a_suspended_account_is_403(sandbox: Sandbox, world: SandboxState) -> None:
    world.accounts[SUB].suspended = True
    answer = get(f"{sandbox.api_url}/auth/me", world.headers(SUB))
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "ACCOUNT_INACTIVE")


# Calls


def test_live_calls_are_bare_uuids_and_queued_ones_are_others(
    world: SandboxState, client: Client, call: Call
) -> None:
    ringing = world.place_call(MAIN, rings_for=9)
    world.place_call(OTHER)
    live = client.get("Call/", params={"status": "live"}).json()
    assert live["calls"] == [call.call_uuid]
    assert set(live) == {"api_id", "calls"}
    assert client.get("Call/", params={"status": "queued"}).json()["calls"] == [ringing.call_uuid]
    told = client.get(f"Call/{ringing.call_uuid}/", params={"status": "queued"}).json()
    assert (told["call_status"], set(told) & {"session_start", "stir_attestation"}) == ("queued", set())
    assert client.get("Call/").status_code == 400


def test_a_live_call_is_told_with_numbers_without_plus_and_a_zoneless_time(
    client: Client, call: Call
) -> None:
    told = client.get(f"Call/{call.call_uuid}/", params={"status": "live"}).json()
    assert told == {
        "api_id": told["api_id"],
        "call_status": "in-progress",
        "call_uuid": call.call_uuid,
        "caller_name": "",
        "direction": "inbound",
        "from": "918071387423",
        "request_uuid": call.call_uuid,
        "session_start": "2025-11-06 13:48:59.422000",
        "stir_attestation": "Not Applicable",
        "stir_verification": "Not Applicable",
        "to": "919624705678",
    }


def test_a_call_that_is_over_or_unknown_is_404(world: SandboxState, client: Client, call: Call) -> None:
    world.hang_up(call.call_uuid)
    for one in (call.call_uuid, "0a70a7fb-0000-4000-8000-000000000000"):
        assert client.get(f"Call/{one}/", params={"status": "live"}).status_code == 404
    assert client.get(f"Call/{call.call_uuid}/").json()["end_time"] is not None


def test_live_calls_are_objects_by_switch(world: SandboxState, client: Client, call: Call) -> None:
    world.quirks.live_calls_as_objects = True
    assert client.get("Call/", params={"status": "live"}).json()["calls"][0]["call_uuid"] == call.call_uuid


def test_a_made_call_rings_lives_and_can_be_hung_up(world: SandboxState, client: Client) -> None:
    made = client.post(
        "Call/", json={"from": "918071387423", "to": "919624705678", "answer_url": "https://x.example/"}
    )
    assert (made.status_code, made.json()["message"]) == (200, "Call fired")
    call_uuid = made.json()["request_uuid"]
    assert client.get("Call/", params={"status": "queued"}).json()["calls"] == [call_uuid]
    world.advance(4)
    assert client.get("Call/", params={"status": "live"}).json()["calls"] == [call_uuid]
    assert client.delete(f"Call/{call_uuid}/").status_code == 204
    assert client.delete(f"Call/{call_uuid}/").status_code == 404
    assert client.post("Call/", json={"to": "1"}).status_code == 400


# Starting


def test_a_start_answers_with_id_and_url_and_a_bare_one_is_cut_at_a_minute(
    world: SandboxState, client: Client, call: Call
) -> None:
    started = client.record(call)
    assert set(started) == {"api_id", "message", "recording_id", "url"}
    assert started["message"] == "recording started"
    assert started["url"].endswith(f"/api/v1/Account/{MAIN}/Recording/{started['recording_id']}.mp3")
    world.advance(600)
    row = client.recordings()["objects"][0]
    assert (row["recording_duration_ms"], row["recording_url"]) == ("60000.00000", started["url"])
    assert call.state == "live"


def test_each_start_is_another_recording(world: SandboxState, client: Client, call: Call) -> None:
    first, second = client.record(call), client.record(call)
    assert first["recording_id"] != second["recording_id"]
    assert len(world.running(call_uuid=call.call_uuid)) == 2


def test_a_start_takes_all_documented_options(world: SandboxState, client: Client, call: Call) -> None:
    started = client.record(
        call,
        time_limit=28_800,
        file_format="wav",
        record_channel_type="stereo",
        transcription_type="auto",
        transcription_url="https://portal.example/t/",
        callback_url="https://portal.example/r/",
        callback_method="GET",
        something_else=1,
    )
    recording = world.recording(started["recording_id"])
    assert (recording.time_limit, recording.file_format, recording.channels) == (28_800, "wav", 2)
    assert (recording.transcribe, recording.callback_method) == (True, "GET")
    assert recording.transcription_url == "https://portal.example/t/"
    assert recording.api_id == started["api_id"]
    assert started["url"].endswith(".wav")


@pytest.mark.parametrize(
    "options",
    [
        {"time_limit": 0},
        {"time_limit": 28_801},
        {"time_limit": -1},
        {"time_limit": "60"},
        {"time_limit": 60.5},
        {"time_limit": True},
        {"file_format": "ogg"},
        {"record_channel_type": "quad"},
        {"callback_method": "PUT"},
        {"transcription_type": "hybrid"},
        {"callback_url": "ftp://portal.example/"},
        {"callback_url": "portal"},
        {"transcription_url": 5},
        {"callback_url": "http://[broken"},
    ],
)
def test_a_start_that_asks_for_the_impossible_is_400_and_starts_nothing(
    world: SandboxState, client: Client, call: Call, options: dict[str, Any]
) -> None:
    answer = client.post(f"Call/{call.call_uuid}/Record/", json=options)
    assert answer.status_code == 400
    assert set(answer.json()) == {"api_id", "error"}
    assert world.running() == []


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 50_000])
def test_a_body_that_is_no_json_object_is_400(client: Client, call: Call, body: bytes) -> None:
    url = client.url(f"Call/{call.call_uuid}/Record/")
    assert requests.post(url, data=body, headers=client.headers, timeout=60).status_code == 400


def test_a_call_that_rings_or_is_over_cannot_be_recorded(
    world: SandboxState, client: Client, call: Call
) -> None:
    ringing = world.place_call(MAIN, rings_for=9)
    world.hang_up(call.call_uuid)
    for one in (ringing, call):
        answer = client.post(f"Call/{one.call_uuid}/Record/", json={})
        assert (answer.status_code, answer.json()["error"]) == (404, "call not found")


def test_a_start_answers_202_or_without_ids_by_switch(
    world: SandboxState, client: Client, call: Call
) -> None:
    world.quirks.async_start = True
    world.quirks.start_status = 202
    answer = client.post(f"Call/{call.call_uuid}/Record/", json={})
    assert answer.status_code == 202
    assert answer.json() == {"api_id": answer.json()["api_id"], "message": "async api spawned"}
    assert world.running()[0].api_id == answer.json()["api_id"]


def test_a_conference_start_promises_and_records_nothing(world: SandboxState, client: Client) -> None:
    answer = client.post("Conference/Monday%20stand-up/Record/", json={"file_format": "mp3"})
    assert (answer.status_code, answer.json()["message"]) == (200, "async api spawned")
    assert world.running() == []
    assert client.delete("Conference/Monday%20stand-up/Record/").status_code == 204


# Stopping


def test_a_stop_with_a_url_stops_that_one_and_without_stops_all(
    world: SandboxState, client: Client, call: Call
) -> None:
    first, second, third = (client.record(call, time_limit=600) for _ in range(3))
    path = f"Call/{call.call_uuid}/Record/"
    answer = client.delete(path, json={"URL": second["url"]})
    assert (answer.status_code, answer.content) == (204, b"")
    still = {one.recording_id for one in world.running()}
    assert still == {first["recording_id"], third["recording_id"]}
    assert client.delete(path).status_code == 204
    assert world.running() == []


def test_a_misspelt_url_stops_all(world: SandboxState, client: Client, call: Call) -> None:
    first = client.record(call)
    client.record(call)
    client.delete(f"Call/{call.call_uuid}/Record/", json={"url": first["url"]})
    assert world.running() == []


@pytest.mark.parametrize(
    ("switch", "status", "left"), [("nothing", 204, 1), ("not_found", 404, 1), ("stop_all", 204, 0)]
)
def test_a_url_of_no_running_recording_does_what_the_switch_says(
    world: SandboxState, client: Client, call: Call, switch: str, status: int, left: int
) -> None:
    world.quirks.stop_unknown_url = switch
    client.record(call)
    answer = client.delete(f"Call/{call.call_uuid}/Record/", json={"URL": "https://media.vobiz.ai/other.mp3"})
    assert (answer.status_code, len(world.running())) == (status, left)


def test_stopping_nothing_is_204_and_on_a_call_that_is_over_404(
    world: SandboxState, client: Client, call: Call
) -> None:
    path = f"Call/{call.call_uuid}/Record/"
    assert client.delete(path).status_code == 204
    world.hang_up(call.call_uuid)
    assert client.delete(path).status_code == 404


def test_a_recording_ends_with_its_call(world: SandboxState, client: Client, call: Call) -> None:
    started = client.record(call, time_limit=600)
    world.advance(25)
    world.hang_up(call.call_uuid)
    row = client.recordings()["objects"][0]
    assert row["recording_id"] == started["recording_id"]
    assert row["recording_end_ms"] == f"{round((START + 25) * 1000)}.00000"


def test_the_ledger_tells_what_was_asked_and_hides_tokens(world: SandboxState, client: Client) -> None:
    client.get("Recording/", params={"limit": 5})
    (entry,) = world.ledger.of("request")
    assert (entry.auth_id, entry.detail["operation"], entry.detail["status"]) == (MAIN, "recording.list", 200)
    assert entry.detail["query"] == {"limit": "5"}
    assert "main_token" not in str(entry)
