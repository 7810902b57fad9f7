"""`manage.py demo`, run as `make demo` runs it."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.ports import free_ports
from tests.waiting import eventually
from vobiz_portal.sandbox.demo_settings import SECRETS, bare_environment, read_settings

ROOT = Path(__file__).parent.parent.parent


def demo(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "manage.py", "demo", "--dir", str(folder), *arguments]


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A demo that is expected to end by itself."""
    return subprocess.run(
        demo(folder, *arguments),
        cwd=ROOT,
        env=bare_environment({"ENV_FILE": ""}),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@contextmanager
def listening(port: int) -> Iterator[int]:
    """A port on loopback that somebody else listens on."""
    with socket.create_server(("127.0.0.1", port)):
        yield port


def test_a_port_in_use_is_named_with_the_command_that_would_do(tmp_path: Path) -> None:
    with listening(free_ports()) as taken:
        done = run(tmp_path, "--port", str(taken))

    assert done.returncode == 1
    assert f"Port {taken} is in use, so the portal cannot listen there." in done.stderr
    cure = int(done.stderr.split("Cure: make demo PORT=")[1])
    assert cure != taken
    assert not (tmp_path / "settings.env").exists(), "nothing was started"


@pytest.mark.parametrize("which", [0, 1])
def test_a_sandbox_port_in_use_is_named_whichever_of_its_two_it_is(tmp_path: Path, which: int) -> None:
    pair = free_ports(2)
    with listening(pair + which) as taken:
        done = run(tmp_path, "--sandbox-port", str(pair), "--port", str(free_ports()))

    assert done.returncode == 1
    assert f"Port {taken} is in use, so the sandbox cannot listen there." in done.stderr
    assert "Cure: make demo SANDBOX_PORT=" in done.stderr


def test_one_port_for_two_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, "--port", "8101", "--sandbox-port", "8100")

    assert done.returncode == 1
    assert "Port 8101 was asked for twice" in done.stderr


@pytest.mark.parametrize("port", ["80", "65535", "eighty", "٨٠٠٠"])
def test_what_is_not_a_port_is_a_usage_error(tmp_path: Path, port: str) -> None:
    done = run(tmp_path, "--port", port)

    assert done.returncode == 2
    assert f"{port} is not a port from 1024 to 65534" in done.stderr


def test_a_second_demo_in_the_same_folder_is_told_how_to_stop_the_first(tmp_path: Path) -> None:
    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()

        done = run(tmp_path)

    assert done.returncode == 1
    assert f"A demo is running already from {tmp_path} (process 4711)." in done.stderr
    assert "kill 4711" in done.stderr


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()

    done = run(tmp_path / "a file" / "demo")

    assert done.returncode == 1
    assert f"The demo cannot run in {tmp_path / 'a file' / 'demo'}" in done.stderr
    assert "Traceback" not in done.stderr


class Running:
    """A demo that runs, started as `make demo` starts it: in an environment where everything would lead it astray."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._said = (folder.parent / "said").open("w+")
        self._told = (folder.parent / "told").open("w+")
        command = [". scripts/clean-env.sh", 'exec "$@"']
        astray = {
            "DJANGO_SETTINGS_MODULE": "vobiz_portal.settings",
            "PORTAL_URL": "https://portal.example.com",
            "ALLOWED_HOSTS": "portal.example.com",
            "DATABASE_URL": "postgres://nobody@production.invalid/portal",
            "SECRET_KEY": "the developer's own",
            "VOBIZ_API_URL": "https://api.vobiz.invalid/api/v1",
        }
        self.process = subprocess.Popen(
            ["sh", "-c", "; ".join(command), "make", *demo(folder, "--json", *arguments)],
            cwd=ROOT,
            env=dict(os.environ) | astray,
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._told,
        )

    def welcome(self) -> dict[str, Any]:
        """Address, login and processes, once it runs."""

        def said() -> str:
            assert self.process.poll() is None, self.told()
            self._said.seek(0)
            return self._said.read()

        return dict(json.loads(eventually(said, within=300)))

    def told(self) -> str:
        """What it has told people so far."""
        self._told.seek(0)
        return self._told.read()

    def stop(self) -> int:
        """Stop it as a person would, and return its exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)

    def close(self) -> None:
        """Leave nothing behind, whatever the test did."""
        with suppress(subprocess.TimeoutExpired):
            self.process.terminate()
            self.process.wait(30)
        self.process.kill()
        self._said.close()
        self._told.close()


@contextmanager
def running(folder: Path, port: int) -> Iterator[Running]:
    found = Running(folder, "--port", str(port), "--sandbox-port", str(port + 1))
    try:
        yield found
    finally:
        found.close()


def log_in(welcome: dict[str, Any], password: str) -> requests.Session:
    """A session of somebody who logged in with a browser's form."""
    session = requests.Session()
    session.trust_env = False
    form = session.get(welcome["address"], timeout=60)
    answer = session.post(
        form.url,
        data={
            "username": welcome["login"],
            "password": password,
            "csrfmiddlewaretoken": session.cookies["csrftoken"],
        },
        headers={"Referer": form.url},
        timeout=300,
    )
    assert answer.status_code == 200
    assert "Log out" in answer.text
    return session


def change_password(session: requests.Session, welcome: dict[str, Any], old: str, new: str) -> None:
    page = welcome["address"] + "password_change/"
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', session.get(page, timeout=60).text)
    assert token
    fields = {
        "old_password": old,
        "new_password1": new,
        "new_password2": new,
        "csrfmiddlewaretoken": token[1],
    }
    answer = session.post(page, data=fields, headers={"Referer": page}, timeout=60)
    assert answer.url.endswith("/password_change/done/")


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.long(waits=True)
def test_the_demo_runs_stops_goes_on_with_its_data_and_ends_when_a_part_of_it_does(tmp_path: Path) -> None:
    folder, port = tmp_path / "demo", free_ports(3)
    with running(folder, port) as first:
        welcome = first.welcome()
        assert welcome["address"] == f"http://127.0.0.1:{port}/admin/"
        session = log_in(welcome, welcome["password"])
        eventually(lambda: "The first sync" in first.told())
        assert re.search(r"The first sync is done: [1-9]\d* recordings", first.told()), first.told()

        second = run(folder)
        assert second.returncode == 1
        assert f"(process {first.process.pid})" in second.stderr

        assert first.stop() == 0
        assert "The data is kept" in first.told()
        assert "Traceback" not in first.told()
        assert all(is_gone(pid) for pid in welcome["processes"].values())

    with running(folder, port) as again:
        welcome_again = again.welcome()
        assert welcome_again["password"] == welcome["password"]
        assert session.get(welcome_again["address"], timeout=60).url == welcome_again["address"], (
            "still logged in"
        )
        change_password(session, welcome_again, welcome["password"], "a password of her own 1")
        assert again.stop() == 0

    with running(folder, port) as third:
        welcome_third = third.welcome()
        assert welcome_third["password"] is None, "it was changed, and is nobody else's to show"
        log_in(welcome_third, "a password of her own 1")

        os.kill(welcome_third["processes"]["sandbox"], signal.SIGKILL)

        assert third.process.wait(30) == 1
        assert "The sandbox ended unexpectedly (signal 9)" in third.told()
        assert is_gone(welcome_third["processes"]["portal"])

    secrets = [value for name, value in read_settings(folder / "settings.env").items() if name in SECRETS]
    for log in folder.glob("*.log"):
        assert not any(secret in log.read_text() for secret in secrets), log
