"""`manage.py demo`, run as `make demo` runs it."""

from __future__ import annotations

import fcntl
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from vobiz_portal.sandbox.demo_settings import bare_environment

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
        timeout=60,
        check=False,
    )


@contextmanager
def listening() -> Iterator[int]:
    """A port on loopback that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def free_ports(count: int) -> int:
    """The first of `count` ports in a row on which nobody listens."""
    for _ in range(100):
        with ExitStack() as held:
            first = held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1]
            try:
                for port in range(first + 1, first + count):
                    held.enter_context(socket.create_server(("127.0.0.1", port)))
            except OSError:
                continue
            return int(first)
    raise AssertionError("no free ports in a row")


def test_a_port_in_use_is_named_with_the_command_that_would_do(tmp_path: Path) -> None:
    with listening() as taken:
        done = run(tmp_path, "--port", str(taken))

    assert done.returncode == 1
    assert f"Port {taken} is in use, so the portal cannot listen there." in done.stderr
    cure = int(done.stderr.split("Cure: make demo PORT=")[1])
    assert cure != taken
    assert not (tmp_path / "settings.env").exists(), "nothing was started"


@pytest.mark.parametrize("which", [0, 1])
def test_a_sandbox_port_in_use_is_named_whichever_of_its_two_it_is(tmp_path: Path, which: int) -> None:
    with listening() as taken:
        done = run(tmp_path, "--sandbox-port", str(taken - which), "--port", str(free_ports(1)))

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
