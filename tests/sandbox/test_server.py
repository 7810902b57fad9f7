from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit

import pytest
import requests

from tests.sandbox.conftest import MAIN, Client
from tests.waiting import eventually
from vobiz_portal.sandbox.server import PortInUseError, Sandbox
from vobiz_portal.sandbox.state import SandboxState


def port_of(sandbox: Sandbox) -> int:
    return urlsplit(sandbox.api_url).port or 0


def test_one_connection_serves_many_requests(sandbox: Sandbox, client: Client) -> None:
    with socket.create_connection(("127.0.0.1", port_of(sandbox)), 5) as wire:
        for _ in range(3):
            wire.sendall(b"GET /nothing HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert wire.recv(4096).startswith(b"HTTP/1.1 404")


def test_a_stopped_sandbox_drops_its_connections_and_answers_nobody(world: SandboxState) -> None:
    sandbox = Sandbox(world).start()
    url = f"{sandbox.api_url}/auth/me"
    with requests.Session() as session:
        assert session.get(url, headers=world.headers(MAIN), timeout=60).status_code == 200
        sandbox.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(url, headers=world.headers(MAIN), timeout=60)


def test_a_port_in_use_is_named(sandbox: Sandbox, world: SandboxState) -> None:
    port = int(sandbox.media_url.rsplit(":", 1)[1])
    with pytest.raises(PortInUseError, match=f"port {port} on 127.0.0.1 is in use"):
        Sandbox(world, media_port=port).start()


def test_bodies_without_a_fit_length_are_refused(sandbox: Sandbox, client: Client) -> None:
    url = client.url("Call/")
    answer = requests.post(url, data=iter([b"chunked"]), headers=client.headers, timeout=60)
    assert answer.status_code == 413
    with socket.create_connection(("127.0.0.1", port_of(sandbox)), 5) as wire:
        wire.sendall(b"POST /api/v1/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n")
        assert wire.recv(4096).startswith(b"HTTP/1.1 413")


def test_time_passes_by_itself() -> None:
    world = SandboxState()
    world.add_account(MAIN, "token")
    with Sandbox(world):
        call = world.place_call(MAIN, rings_for=0.1, lasts=0.1)
        eventually(lambda: call.state == "ended")


def test_what_stumbles_on_a_tick_is_told_and_does_not_stop_time(
    world: SandboxState, caplog: pytest.LogCaptureFixture
) -> None:
    ticks: list[int] = []
    sandbox = Sandbox(world)

    def stumble() -> None:
        ticks.append(1)
        raise RuntimeError("stumbled")

    sandbox.every_tick.append(stumble)
    with sandbox:
        eventually(lambda: len(ticks) > 1)
    assert "stumbled" in caplog.text


def test_many_clients_at_once_start_and_stop_without_losing_anything(
    sandbox: Sandbox, world: SandboxState
) -> None:
    client = Client(sandbox, MAIN)
    calls = [world.place_call(MAIN) for _ in range(4)]

    def work(number: int) -> None:
        call = calls[number % 4]
        started = client.record(call, time_limit=600)
        client.get("Recording/")
        client.delete(f"Call/{call.call_uuid}/Record/", json={"URL": started["url"]})

    workers = [threading.Thread(target=work, args=(number,)) for number in range(24)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    assert world.running() == []
    assert len(world.ledger.of("recording.listed")) == 24
    assert client.recordings()["meta"]["total_count"] == 24
