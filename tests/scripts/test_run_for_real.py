"""README's "Run it for real": the server line serves people behind a proxy that ends TLS."""

from __future__ import annotations

import os
import re
import shlex
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
PUBLIC = "https://portal.example.com"
LOGIN = "/admin/login/"


def server_line() -> list[str]:
    """The command of the web server as README.md has it, without the Python."""
    part = (ROOT / "README.md").read_text().partition("\n## Run it for real\n")[2].partition("\n## ")[0]
    found = re.search(r"^\S*python (manage\.py serve.*)$", part, re.MULTILINE)
    assert found is not None
    return shlex.split(found[1])


@contextmanager
def server(var: Path, command: list[str]) -> Iterator[int]:
    """The web server with production settings, and its port."""
    port = free_ports()
    settings = {
        "SECRET_KEY": "a-long-random-text-of-more-than-fifty-characters-0123456789",
        "TOKEN_ENCRYPTION_KEYS": "another-random-text-of-32-characters",
        "PORTAL_URL": PUBLIC,
        "VAR_DIR": str(var),
        "ENV_FILE": "",
    }
    env = {"PATH": os.environ["PATH"], **settings}
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "-v0"], cwd=ROOT, env=env, check=True
    )
    process = subprocess.Popen(
        [*command, f"--listen=127.0.0.1:{port}"],
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        eventually(lambda: process.poll() is not None or _listens(port))
        yield port
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def portal(tmp_path: Path) -> Iterator[str]:
    """What a proxy would ask."""
    with server(tmp_path, [sys.executable, *server_line()]) as port:
        yield f"http://127.0.0.1:{port}"


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def login_page(portal: str, **headers: str) -> requests.Response:
    said = {"Host": "portal.example.com", **{name.replace("_", "-"): text for name, text in headers.items()}}
    return requests.get(portal + LOGIN, headers=said, allow_redirects=False, timeout=60)


def test_people_behind_the_proxy_get_the_login_page_and_no_endless_redirect(portal: str) -> None:
    assert login_page(portal, X_Forwarded_Proto="https").status_code == 200
    plain = login_page(portal, X_Forwarded_Proto="http")
    assert (plain.status_code, plain.headers["Location"]) == (301, PUBLIC + LOGIN)
    named = login_page(portal, X_Forwarded_Proto="https", X_Forwarded_Host="evil.test")
    assert named.status_code == 200
    assert "evil.test" not in named.text
