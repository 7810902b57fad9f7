"""However many listen, and however slowly, and however many guess, a callback is answered: by README's server."""

from __future__ import annotations

import itertools
import json
import os
import resource
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
import requests

from tests.ports import free_ports
from tests.scripts.test_run_for_real import ROOT, server_line
from tests.waiting import eventually
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

AUTH_ID, TOKEN = "MA_SLOW00001", "a-token-for-slow-listeners"
LISTENERS = 24  # of each kind; the server has 8 threads
GUESSERS, SECONDS = 40, 2.5
SLOW_CONNECTIONS = 1_200
LISTENER = "203.0.113.9"  # as the proxy in front says
CALLBACK_TIMEOUT = 8.0  # seconds. Vobiz waits three; who is kept waiting here is so until the listeners go
# Everything there must be before somebody listens; prints what a listener and Vobiz need to know.
PREPARE = """
import hashlib, json, sys
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from recordings import connect, storage
from recordings.models import Call, Recording
from recordings.models.account import new_callback_key
auth_id, token, recording_id = sys.argv[-3:]
now = timezone.now()
account, _made = connect.store(auth_id, token, now=now)
call = Call.objects.create(account=account, call_uuid="a-call-of-slow-listeners", state="ended")
name, size = storage.new_name("mp3"), 80_000_000
with storage.staging_file() as part:
    part.file.truncate(size)
    storage.archive().keep(part.path, name)
common = {"account": account, "call": call, "origin": "sync", "status": "completed", "happened_at": now}
kept = Recording.objects.create(
    **common, recording_id="kept-here", audio=name, audio_sha256="0" * 64, audio_bytes=size, container="mp3",
    archived_at=now,
)
away = Recording.objects.create(**common, recording_id=recording_id)
client = Client()
client.force_login(User.objects.create_superuser("listener"))
print(json.dumps({
    "session": client.cookies["sessionid"].value, "kept": kept.pk, "away": away.pk, "key": account.callback_key,
}))
"""


@dataclass(frozen=True)
class Portal:
    """Where it listens, and what was prepared."""

    port: int
    session: str
    kept: int
    away: int
    key: str

    def post(self, path: str, form: dict[str, str], **headers: str) -> int:
        """Post a form on a connection of its own; return the status."""
        given = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("POST", path, urlencode(form), given)
            answer = connection.getresponse()
            answer.read()
            return answer.status

    def listen(self, pk: int) -> socket.socket:
        """Ask for a whole recording, and read nothing of it."""
        listening = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        listening.sendall(
            f"GET /admin/recordings/recording/{pk}/audio/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"X-Forwarded-For: {LISTENER}\r\nCookie: sessionid={self.session}\r\n\r\n".encode()
        )
        return listening


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the portal keeps its database."""
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="module")
def portal(folder: Path, prepared: Path) -> Iterator[Portal]:
    """The server, with a long recording in its archive and another that only Vobiz has."""
    world = SandboxState(seed=3)
    world.add_account(AUTH_ID, TOKEN)
    at_vobiz = world.add_recording(AUTH_ID, age_days=1, duration=4 * 3_600)  # 115 MB
    port = free_ports()
    with Sandbox(world, deliver=False) as sandbox:
        env = {
            "PATH": os.environ["PATH"], "ENV_FILE": "", "VAR_DIR": str(folder), "VOBIZ_API_URL": sandbox.api_url,
            "VOBIZ_MEDIA_HOSTS": "127.0.0.1", "PORTAL_URL": f"http://127.0.0.1:{port}",
            "SECRET_KEY": "a-long-random-text-of-more-than-fifty-characters-0123456789",
            "TOKEN_ENCRYPTION_KEYS": "another-random-text-of-32-characters",
        }  # fmt: skip
        shutil.copytree(prepared, folder, dirs_exist_ok=True)
        setup = f"import django; django.setup()\n{PREPARE}"
        made = subprocess.run(
            [sys.executable, "-c", setup, AUTH_ID, TOKEN, str(at_vobiz.recording_id)],
            cwd=ROOT, env={**env, "DJANGO_SETTINGS_MODULE": "vobiz_portal.settings"}, check=True,
            capture_output=True, text=True,
        )  # fmt: skip
        server = subprocess.Popen(
            [sys.executable, *server_line(), f"--listen=127.0.0.1:{port}"],
            cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            eventually(lambda: server.poll() is not None or listens(port))
            yield Portal(port, **json.loads(made.stdout.splitlines()[-1]))
        finally:
            server.kill()
            server.wait()


def listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def first_line(listening: socket.socket) -> str:
    return listening.recv(40).decode("latin-1").partition("\r\n")[0]


def test_slow_listeners_do_not_keep_a_callback_waiting(portal: Portal, folder: Path) -> None:
    with ExitStack() as stack:
        here = [stack.enter_context(portal.listen(portal.kept)) for _each in range(LISTENERS)]
        away = [stack.enter_context(portal.listen(portal.away)) for _each in range(LISTENERS)]
        answers = [first_line(one) for one in [*here, *away]]

        asked_at = time.monotonic()
        answer = requests.post(
            f"http://127.0.0.1:{portal.port}/callbacks/account/{portal.key}/",
            data={
                "recording_id": "another-one",
                "call_uuid": "a-call-of-slow-listeners",
                "recording_duration": "5",
            },
            timeout=CALLBACK_TIMEOUT,
        )
        waited = time.monotonic() - asked_at

    assert answer.status_code == 200
    assert waited < CALLBACK_TIMEOUT
    assert answers[:LISTENERS] == ["HTTP/1.1 200 OK"] * LISTENERS
    assert set(answers[LISTENERS:]) == {"HTTP/1.1 200 OK", "HTTP/1.1 503 Service Unavailable"}
    with closing(sqlite3.connect(folder / "portal.sqlite3")) as rows:
        known = rows.execute(
            "SELECT DISTINCT address FROM recordings_accessevent WHERE action = 'play'"
        ).fetchall()
    assert known == [(LISTENER,)]


def test_a_thousand_slow_connections_do_not_keep_a_callback_waiting(portal: Portal) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, SLOW_CONNECTIONS + 1_000), hard))
    with ExitStack() as stack:
        for _each in range(SLOW_CONNECTIONS):
            slow = stack.enter_context(socket.create_connection(("127.0.0.1", portal.port), timeout=10))
            slow.sendall(b"POST /callbacks/account/x/ HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")

        asked_at = time.monotonic()
        body = {"recording_id": "of-a-thousand", "call_uuid": "a-call", "recording_duration": "5"}
        assert portal.post(f"/callbacks/account/{portal.key}/", body) == 200
        assert time.monotonic() - asked_at < CALLBACK_TIMEOUT


def test_guessers_do_not_keep_a_callback_waiting(portal: Portal) -> None:
    until, answers = time.monotonic() + SECONDS, Counter[int]()
    waited: list[float] = []
    token = {"Cookie": f"csrftoken={'a' * 32}"}

    def guess(number: int) -> None:
        for tries in itertools.count():
            if time.monotonic() > until:
                return
            name = f"name{number}-{tries}" if number % 2 else "listener"
            form = {"username": name, "password": f"guess{tries}", "csrfmiddlewaretoken": "a" * 32}
            address = f"10.{number}.{tries // 250}.{tries % 250}"
            answers[portal.post("/admin/login/", form, **token, **{"X-Forwarded-For": address})] += 1

    guessers = [threading.Thread(target=guess, args=(number,)) for number in range(GUESSERS)]
    for one in guessers:
        one.start()
    while time.monotonic() < until:
        asked_at = time.monotonic()
        body = {
            "recording_id": f"of-guessers-{len(waited)}",
            "call_uuid": "a-call",
            "recording_duration": "5",
        }
        assert portal.post(f"/callbacks/account/{portal.key}/", body) == 200
        waited.append(time.monotonic() - asked_at)
    for one in guessers:
        one.join()

    # Half a second on a quiet machine of two cores, which also has the guessers to run.
    assert sorted(waited)[len(waited) // 2] < 3
    assert max(waited) < CALLBACK_TIMEOUT
    assert 0 < answers[200] < answers[503]  # a few were worked on, and the rest was refused at once
