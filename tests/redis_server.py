"""A Redis of the tests' own, which keeps nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.ports import free_ports
from tests.waiting import eventually


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run it, and yield its address."""
    binary = shutil.which("redis-server")
    if binary is None:
        assert not os.environ.get("CI"), "redis-server is not installed"
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    port = str(free_ports())
    server = subprocess.Popen(
        [binary, "--bind", "127.0.0.1", "--port", port, "--save", "", "--dir", str(folder)],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"redis://127.0.0.1:{port}/1"
    try:
        eventually(lambda: _answers(url))
        yield url
    finally:
        server.terminate()
        server.wait()


def empty(url: str) -> None:
    """Delete all that it holds."""
    with Redis.from_url(url) as client:
        client.flushdb()


def _answers(url: str) -> bool:
    try:
        with Redis.from_url(url) as client:
            return bool(client.ping())
    except RedisError:
        return False
