"""The command, as its own process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.ports import free_ports
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
TOKEN = "token_from_the_environment"


@contextmanager
def running(
    *more: str, tokens: str = f"MA_DEMO00000001={TOKEN}"
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    port = free_ports()
    command = [
        sys.executable,
        "manage.py",
        "runsandbox",
        "--port",
        str(port),
        "--media-port",
        str(free_ports()),
        *more,
    ]
    env = {**os.environ, "SANDBOX_TOKENS": tokens, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: process.poll() is not None or _answers(url))
        yield process, url
    finally:
        process.kill()
        process.communicate()


def _answers(url: str) -> bool:
    try:
        return requests.get(f"{url}/_sandbox/", timeout=60).ok
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_a_world_and_stops_cleanly(number: signal.Signals) -> None:
    with running() as (process, url):
        headers = {"X-Auth-ID": "MA_DEMO00000001", "X-Auth-Token": TOKEN}
        page = requests.get(
            f"{url}/api/v1/Account/MA_DEMO00000001/Recording/", headers=headers, timeout=60
        ).json()
        assert page["meta"]["total_count"] > 100
        audio = requests.get(page["objects"][0]["recording_url"], headers=headers, timeout=60)
        assert audio.status_code == 200
        state = requests.get(f"{url}/_sandbox/", timeout=60).json()
        assert len(state["calls"]) >= 4
        assert [one["parent"] for one in state["accounts"]] == [None, "MA_DEMO00000001", None]
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert TOKEN not in out
    assert "SA_DEMO00000001   " in out  # made up, so shown
    assert "The sandbox has stopped." in out


def test_it_remembers_between_runs(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    ids: list[set[str]] = []
    for _ in range(2):
        with running("--state", str(file), "--recordings", "20", "--calls-per-minute", "0") as (process, url):
            headers = {"X-Auth-ID": "MA_DEMO00000001", "X-Auth-Token": TOKEN}
            requests.post(f"{url}/_sandbox/recordings", json={}, timeout=60)
            listing = f"{url}/api/v1/Account/MA_DEMO00000001/Recording/"
            rows = requests.get(listing, headers=headers, timeout=60).json()["objects"]
            ids.append({row["recording_id"] for row in rows})
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
            assert process.returncode == 0
    assert ids[0] < ids[1]
    assert len(ids[1]) == len(ids[0]) + 1


def test_a_port_in_use_is_said_with_the_cure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with running("--media-port", port) as (process, _):
            _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"port {port} on 127.0.0.1 is in use" in err
    assert "Cure:" in err


def test_a_broken_memory_is_said_with_the_cure(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{", encoding="utf-8")
    with running("--state", str(tmp_path / "state.json")) as (process, _):
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Cure: move the file away" in err
