"""What goes wrong on request, seen from a client's side of real sockets."""

from __future__ import annotations

import gzip
import time
from dataclasses import replace
from typing import Any

import pytest
import requests

from tests.sandbox.conftest import MAIN, Client
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState


def test_a_fault_happens_as_often_as_planned_and_after_what_it_skips(
    world: SandboxState, client: Client
) -> None:
    world.faults.plan(Fault(on="recording.list", status=500, times=2, skip=1))
    assert [client.get("Recording/").status_code for _ in range(5)] == [200, 500, 500, 200, 200]
    assert world.faults.planned() == []


def test_a_fault_hits_only_what_it_names(world: SandboxState, client: Client) -> None:
    world.faults.plan(Fault(on="call.*", method="GET", path="*/Call/", status=503, times=None))
    assert client.get("Recording/").status_code == 200
    assert client.post("Call/", json={"from": "1", "to": "2"}).status_code == 200
    assert client.get("Call/", params={"status": "live"}).status_code == 503
    assert world.faults.clear() == 1
    assert client.get("Call/", params={"status": "live"}).status_code == 200


@pytest.mark.parametrize("stage", ["before", "after"])
@pytest.mark.parametrize("how", ["drop", "status"])
def test_an_answer_is_lost_before_or_after_the_effect(
    world: SandboxState, client: Client, call: Call, how: str, stage: str
) -> None:
    fault = (
        Fault(on="record.start", drop=stage)
        if how == "drop"
        else Fault(on="record.start", status=502, stage=stage)
    )
    world.faults.plan(fault)
    path = f"Call/{call.call_uuid}/Record/"
    if how == "drop":
        with pytest.raises(requests.ConnectionError):
            client.post(path, json={})
    else:
        assert client.post(path, json={}).status_code == 502
    assert len(world.running()) == (stage == "after")


@pytest.mark.parametrize(
    ("fault", "started"),
    [(Fault(on="record.start", delay_before=30.0), 0), (Fault(on="record.start", delay_after=30.0), 1)],
)
def test_an_answer_is_late_before_or_after_the_effect(
    world: SandboxState, client: Client, call: Call, fault: Fault, started: int
) -> None:
    world.faults.plan(replace(fault))
    with pytest.raises(requests.ReadTimeout):
        requests.post(
            client.url(f"Call/{call.call_uuid}/Record/"), json={}, headers=client.headers, timeout=(20, 1)
        )
    assert len(world.running()) == started


@pytest.mark.parametrize(
    ("reply", "status", "body"),
    [
        ("garbage", 200, b"\x00\xff\xfe"),
        ("cut_json", 200, b'{"api_id": "6684'),
        ("html", 502, b"<html>"),
        ("empty", 200, b""),
        ("error_200", 200, b'{"error"'),
        ("list", 200, b"[]"),
        ("deep", 200, b'{"objects": [[[[['),
    ],
)
def test_answers_are_not_what_they_should_be(
    world: SandboxState, client: Client, reply: str, status: int, body: bytes
) -> None:
    world.faults.plan(Fault(on="recording.list", reply=reply))
    answer = client.get("Recording/")
    assert answer.status_code == status
    assert answer.content.startswith(body)


def test_an_answer_has_the_body_and_headers_that_were_planned(world: SandboxState, client: Client) -> None:
    body = {"status": "error", "error": {"code": "RATE_LIMIT_EXCEEDED", "details": {"retryAfter": 7}}}
    world.faults.plan(Fault(on="recording.list", status=429, body=body, headers={"Retry-After": "7"}))
    answer = client.get("Recording/")
    assert (answer.status_code, answer.json(), answer.headers["Retry-After"]) == (429, body, "7")


def test_an_answer_is_edited(world: SandboxState, client: Client) -> None:
    def without_meta(data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name != "meta"}

    world.faults.plan(Fault(on="recording.list", edit=without_meta))
    assert "meta" not in client.get("Recording/").json()


def test_a_redirect_leads_elsewhere(world: SandboxState, client: Client) -> None:
    world.faults.plan(Fault(on="media.get", redirect="http://192.0.2.1/elsewhere.mp3"))
    url = world.url_of(world.add_recording(MAIN))
    answer = requests.get(url, headers=client.headers, allow_redirects=False, timeout=60)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://192.0.2.1/elsewhere.mp3")


def test_a_body_is_cut_with_or_without_a_length(world: SandboxState, client: Client) -> None:
    url = world.url_of(world.add_recording(MAIN))
    world.faults.plan(Fault(on="media.get", cut=500))
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        _ = requests.get(url, headers=client.headers, timeout=60).content
    world.faults.plan(Fault(on="media.get", cut=500, no_length=True))
    answer = requests.get(url, headers=client.headers, timeout=60)
    assert ("Content-Length" in answer.headers, len(answer.content)) == (False, 500)


def test_a_body_drips(world: SandboxState, client: Client) -> None:
    world.faults.plan(Fault(on="auth.me", drip=0.02, reply="cut_json"))
    before = time.monotonic()
    requests.get(f"{client.sandbox.api_url}/auth/me", headers=client.headers, timeout=60)
    assert time.monotonic() - before > 0.02 * 10


def test_a_body_is_huge_or_compressed_unasked(world: SandboxState, client: Client) -> None:
    world.faults.plan(Fault(on="recording.list", pad=6_000_000))
    assert len(client.get("Recording/").content) == 6_000_000
    world.faults.plan(Fault(on="recording.list", pad=6_000_000, gzip=True))
    answer = client.get("Recording/", stream=True)
    raw = answer.raw.read(decode_content=False)
    assert len(raw) < 10_000
    assert len(gzip.decompress(raw)) == 6_000_000


def test_rows_come_and_go_between_pages(world: SandboxState, client: Client) -> None:
    made = [world.add_recording(MAIN, age_days=age).recording_id for age in range(1, 7)]
    first = client.listed_ids(limit=2)
    world.faults.plan(Fault(on="recording.list", drift={"insert": 1}))
    second = client.listed_ids(limit=2, offset=2)
    assert first == made[:2]
    assert second == made[1:3]
    world.faults.plan(Fault(on="recording.list", drift={"delete": 2, "delete_oldest": 1}))
    assert client.listed_ids() == made[1:5]


def test_quirks_can_hold_for_one_request(world: SandboxState, client: Client) -> None:
    for age in range(10):
        world.add_recording(MAIN, age_days=age)
    world.faults.plan(Fault(on="recording.list", quirks={"max_limit": 3}))
    assert len(client.listed_ids(limit=100)) == 3
    assert len(client.listed_ids(limit=100)) == 10


def test_a_callback_can_beat_the_answer_to_its_start(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call
) -> None:
    tried: list[list[int | None]] = []

    def end_and_deliver(world: SandboxState) -> None:
        world.hang_up(call.call_uuid)
        tried.append(sandbox.outbox.deliver_now())

    world.faults.plan(Fault(on="record.start", then=end_and_deliver))
    client.record(call, callback_url="http://127.0.0.1:9/")
    assert tried == [[None]]


def test_hooks_run_before_the_effect_too(world: SandboxState, client: Client, call: Call) -> None:
    world.faults.plan(Fault(on="record.start", first=lambda world: world.hang_up(call.call_uuid)))
    assert client.post(f"Call/{call.call_uuid}/Record/", json={}).status_code == 404


def test_the_ledger_tells_which_fault_happened(world: SandboxState, client: Client) -> None:
    world.faults.plan(Fault(on="recording.list", drop="after"))
    with pytest.raises(requests.ConnectionError):
        client.get("Recording/")
    (entry,) = world.ledger.of("request")
    assert (entry.detail["status"], entry.detail["fault"]["drop"]) == (None, "after")


@pytest.mark.parametrize(
    "wrong",
    [
        {"on": "no.such"},
        {"drop": "sometimes"},
        {"reply": "poetry"},
        {"encoding": "xml"},
        {"first": "x"},
        {"nope": 1},
    ],
)
def test_a_fault_that_cannot_be_is_refused_in_words(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        Fault.from_json(wrong)


def test_a_star_does_not_touch_callbacks(world: SandboxState) -> None:
    world.faults.plan(Fault(status=500))
    assert world.faults.take("callback.recording") is None
    assert world.faults.take("recording.list", method="GET") is not None
