from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.sandbox.conftest import MAIN, OTHER, Client
from tests.sandbox.receiver import Receiver
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState


def drive(sandbox: Sandbox, method: str, path: str = "", body: Any = None, **how: Any) -> Any:
    answer = requests.request(method, f"{sandbox.control_url}/{path}", json=body, timeout=60, **how)
    assert answer.ok, answer.text
    return answer.json()


def test_a_call_is_placed_seen_and_hung_up(sandbox: Sandbox, world: SandboxState) -> None:
    placed = drive(sandbox, "POST", "calls", {"auth_id": OTHER, "from": "+14155550132", "lasts": 90})
    assert (placed["auth_id"], placed["from_number"], placed["state"]) == (OTHER, "+14155550132", "live")
    assert [call["call_uuid"] for call in drive(sandbox, "GET")["calls"]] == [placed["call_uuid"]]
    ended = drive(sandbox, "DELETE", f"calls/{placed['call_uuid']}")
    assert ended["state"] == "ended"
    assert drive(sandbox, "GET")["calls"] == []


def test_without_an_account_the_first_one_gets_the_call(sandbox: Sandbox) -> None:
    assert drive(sandbox, "POST", "calls", {})["auth_id"] == MAIN


def test_recordings_are_added_looked_at_and_deleted(
    sandbox: Sandbox, world: SandboxState, client: Client
) -> None:
    served = drive(sandbox, "POST", "recordings", {"auth_id": MAIN, "age_days": 3, "recording_type": "trunk"})
    assert client.listed_ids() == [served["recording_id"]]
    assert drive(sandbox, "GET", f"recordings/{served['recording_id']}")["kind"] == "trunk"
    drive(sandbox, "DELETE", f"recordings/{served['recording_id']}")
    assert client.listed_ids() == []


def test_callbacks_are_muted_and_heard_again(
    sandbox: Sandbox, world: SandboxState, client: Client, call: Call, receiver: Receiver
) -> None:
    assert drive(sandbox, "POST", "callbacks", {"muted": True})["muted"] is True
    client.record(call, callback_url=receiver.url, time_limit=5)
    drive(sandbox, "POST", "advance", {"seconds": 10})
    assert sandbox.outbox.deliver_now() == []
    drive(sandbox, "POST", "callbacks", {"muted": False})
    client.record(call, callback_url=receiver.url, time_limit=5)
    drive(sandbox, "POST", "advance", {"seconds": 10})
    assert sandbox.outbox.deliver_now() == [200]


def test_faults_are_planned_listed_and_cleared(sandbox: Sandbox, client: Client) -> None:
    planned = drive(sandbox, "POST", "faults", {"on": "recording.list", "status": 503, "times": 2})
    drive(sandbox, "POST", "faults", {"on": "auth.me", "drop": "before"})
    assert client.get("Recording/").status_code == 503
    assert [fault["on"] for fault in drive(sandbox, "GET", "faults")] == ["recording.list", "auth.me"]
    assert drive(sandbox, "DELETE", f"faults/{planned['fault_id']}") == {"cleared": 1}
    assert client.get("Recording/").status_code == 200
    assert drive(sandbox, "DELETE", "faults") == {"cleared": 1}


def test_quirks_flows_and_the_ledger(sandbox: Sandbox, world: SandboxState, client: Client) -> None:
    assert drive(sandbox, "POST", "quirks", {"max_limit": 20})["max_limit"] == 20
    drive(sandbox, "POST", "flows", {"auth_id": MAIN, "callback_url": "https://portal.example/a/"})
    assert drive(sandbox, "POST", "calls", {"flow": True})["flow"] is True
    assert len(world.running(MAIN)) == 1
    client.get("Recording/")
    lines = drive(sandbox, "GET", "ledger?what=request&last=1")
    assert [line["detail"]["operation"] for line in lines] == ["recording.list"]


def test_nothing_secret_is_told(sandbox: Sandbox, client: Client) -> None:
    client.get("Recording/")
    for path in ("", "ledger"):
        text = requests.get(f"{sandbox.control_url}/{path}", timeout=60).text
        assert "main_token" not in text
        assert "sub_token" not in text


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("DELETE", "calls/nothing", None, 404),
        ("POST", "calls", {"auth_id": "MA_NOBODY"}, 404),
        ("POST", "calls", {"nonsense": 1}, 400),
        ("POST", "faults", {"on": "nothing.such"}, 400),
        ("POST", "quirks", {"no_such": 1}, 400),
        ("POST", "advance", {"seconds": -1}, 400),
        ("POST", "advance", {}, 404),
        ("POST", "calls", [], 400),
        ("PUT", "calls", {}, 404),
        ("GET", "elsewhere", None, 404),
    ],
)
def test_what_cannot_be_is_refused_in_words(
    sandbox: Sandbox, method: str, path: str, body: Any, status: int
) -> None:
    answer = requests.request(method, f"{sandbox.control_url}/{path}", json=body, timeout=60)
    assert answer.status_code == status
    assert answer.json()["error"]


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
def test_a_page_in_a_browser_cannot_drive_it(sandbox: Sandbox, headers: dict[str, str]) -> None:
    answer = requests.post(f"{sandbox.control_url}/advance", json={"seconds": 1}, headers=headers, timeout=60)
    assert answer.status_code == 403


def test_the_media_port_has_no_control(sandbox: Sandbox) -> None:
    assert requests.get(f"{sandbox.media_url}/_sandbox/", timeout=60).status_code == 404
