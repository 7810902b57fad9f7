"""Every file in deploy/, started as far as a machine without systemd and Docker can start it."""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
import requests
from botocore.exceptions import ClientError

from recordings.models import Worker
from tests.commands.shell import environment, manage
from tests.object_storage import PORTS, S3_PORTS, ObjectStorage, is_up
from tests.ports import free_ports
from tests.proxy import Proxy, needs_nginx, nginx
from tests.scripts.test_run_for_real import ROOT, server
from tests.waiting import eventually

DEPLOY = ROOT / "deploy"
UNITS = sorted(DEPLOY.glob("*.service"))
KEY = "a-key-that-belongs-to-an-account"


def test_each_file_is_named_where_operators_look() -> None:
    said = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    missing = [path.name for path in DEPLOY.iterdir() if f"deploy/{path.name}" not in said]
    assert missing == []


def command_of(unit: str) -> list[str]:
    """What the unit starts, with this Python in place of the machine's."""
    (line,) = re.findall(r"^ExecStart=(.*)$", (DEPLOY / unit).read_text(), re.MULTILINE)
    python, *arguments = shlex.split(line)
    assert python == "/opt/vobiz-portal/.venv/bin/python"
    return [sys.executable, *arguments]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_systemd_takes_a_unit(unit: Path, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/opt/vobiz-portal/.venv/bin/python", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.django_db(transaction=True)
def test_the_unit_of_the_worker_starts_one_and_its_signal_ends_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command_of("vobiz-portal-worker.service"), cwd=ROOT, env=environment(VAR_DIR=str(tmp_path))
    )
    try:
        eventually(lambda: Worker.objects.alive().exists())
        process.terminate()
        assert process.wait(timeout=60) == 0
    finally:
        process.kill()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    """nginx before the web server of the unit, with production settings."""
    command = command_of("vobiz-portal-web.service")
    with (
        server(tmp_path_factory.mktemp("var"), command) as port,
        nginx(tmp_path_factory.mktemp("nginx"), port) as proxy,
    ):
        yield proxy


def ask(proxy: Proxy, path: str, method: str = "GET", **more: Any) -> requests.Response:
    given = {
        "Host": "portal.example.com",
        "Referer": "https://portal.example.com/",
        **more.pop("headers", {}),
    }
    url = f"https://127.0.0.1:{proxy.port}{path}"
    return requests.request(
        method, url, headers=given, verify=proxy.authority, allow_redirects=False, timeout=60, **more
    )


@needs_nginx
def test_people_and_vobiz_reach_the_portal_through_nginx(proxy: Proxy) -> None:
    page = ask(proxy, "/admin/login/")
    assert page.status_code == 200
    assert "Log in" in page.text
    assert page.headers["Server"] == "nginx"
    # Without a database the portal answers a callback with 503: it came through, its body too.
    callback = ask(proxy, f"/callbacks/account/{KEY}/", "POST", data=b"x" * 4_000_000)
    assert (callback.status_code, callback.headers["Content-Type"]) == (503, "application/json")
    plain = requests.get(
        f"http://127.0.0.1:{proxy.plain_port}/admin/", headers={"Host": "portal.example.com"},
        allow_redirects=False, timeout=60,
    )  # fmt: skip
    assert plain.headers["Location"] == "https://portal.example.com/admin/"


@needs_nginx
def test_a_head_leaves_nothing_on_a_connection_that_is_kept(proxy: Proxy) -> None:
    with requests.Session() as kept:
        for method in ("HEAD", "GET", "HEAD", "GET"):
            answer = kept.request(
                method, f"https://127.0.0.1:{proxy.port}/admin/login/", headers={"Host": "portal.example.com"},
                verify=proxy.authority, timeout=60,
            )  # fmt: skip
            assert answer.status_code == 200
            assert bool(answer.content) == (method == "GET")


@needs_nginx
def test_logs_hold_no_key_no_query_and_no_link(proxy: Proxy) -> None:
    ask(proxy, f"/callbacks/account/{KEY}/", "POST", data={"a": "b"})
    ask(proxy, f"/callbacks/recording/{KEY}?recording=secret-words")
    ask(proxy, "/admin/set-password/MQ/a-one-time-token/")
    ask(proxy, "/admin/?q=secret-words")
    eventually(lambda: '"GET /admin/" ' in proxy.log)
    said = proxy.log + (proxy.folder / "portal.error.log").read_text()
    assert '"POST /callbacks/..." 503' in said
    assert not re.search(f"{KEY}|secret-words|one-time-token", said)


@needs_nginx
def test_who_tries_to_sign_in_without_end_is_held_up_and_callbacks_are_not(proxy: Proxy) -> None:
    form = {"username": "somebody", "password": "guessed", "csrfmiddlewaretoken": "a" * 32}
    token = {"Cookie": f"__Host-csrftoken={'a' * 32}"}
    tries = Counter(
        ask(proxy, "/admin/login/", "POST", data=form, headers=token).status_code for _ in range(50)
    )
    assert tries[429] >= 5  # 30 at once, then one each two seconds
    assert ask(proxy, "/admin/login/").status_code == 200
    assert ask(proxy, f"/callbacks/account/{KEY}/", "POST", data={"a": "b"}).status_code == 503


# The services of deploy/compose.yaml, by the same programs without Docker


def compose_command(service: str, given: dict[str, str]) -> list[str]:
    """Return the command of a service, with `given` in place of its variables."""
    text = (DEPLOY / "compose.yaml").read_text()
    found = re.search(rf"^  {service}:\n(?:    .*\n)*?    command: (\[.*\])$", text, re.MULTILINE)
    assert found is not None
    command: list[str] = json.loads(_filled(found[1], given))
    return command


def _filled(text: str, given: dict[str, str]) -> str:
    return re.sub(r"\$\{(\w+):\?\}", lambda name: given[name[1]], text)


@contextmanager
def started(command: list[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command, cwd=folder, env={"PATH": os.environ["PATH"], "HOME": str(folder)}, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(shutil.which("redis-server") is None, reason="needs redis-server")
def test_the_queue_of_the_compose_file_wants_its_password(tmp_path: Path) -> None:
    port = free_ports()
    command = compose_command("queue", {"REDIS_PASSWORD": "of-the-queue"})

    def answers() -> bool:
        with suppress(redis.ConnectionError):
            return bool(redis.Redis(port=port, password="of-the-queue").ping())
        return False

    with started([*command, "--port", str(port)], tmp_path):
        eventually(answers)
        with pytest.raises(redis.AuthenticationError):
            redis.Redis(port=port).ping()


def test_the_storage_of_the_compose_file_takes_the_archive(tmp_path: Path) -> None:
    given = {"S3_ACCESS_KEY_ID": "of-the-portal", "S3_SECRET_ACCESS_KEY": "a-secret-of-the-portal"}
    content = re.search(r"    content: \|\n((?:      .*\n)+)", (DEPLOY / "compose.yaml").read_text())
    assert content is not None
    (tmp_path / "s3.json").write_text(_filled(content[1], given))
    (tmp_path / "data").mkdir()
    command = compose_command("storage", given)
    assert command[-1] == "-s3.config=/etc/seaweedfs/s3.json"
    ports = dict(zip(PORTS + S3_PORTS, itertools.count(free_ports(len(PORTS + S3_PORTS))), strict=False))
    here = {
        "dir": tmp_path / "data", "s3.config": tmp_path / "s3.json", "ip": "127.0.0.1", "ip.bind": "127.0.0.1",
        "master.telemetry": "false", "filer.localSocket": tmp_path / "filer.sock",
        "s3.localSocket": tmp_path / "s3.sock", "s3.port.iceberg": 0, "s3.port.lance": 0, **ports,
    }  # fmt: skip
    storage = ObjectStorage(f"http://127.0.0.1:{ports['s3.port']}", "portal-audio", *given.values())
    program = str(Path(sysconfig.get_path("scripts")) / "weed")
    with started(
        [program, *command, *(f"-{name}={value}" for name, value in here.items())], tmp_path
    ) as process:
        assert is_up(process, storage)
        eventually(lambda: _made(storage), every=0.5)
        done = manage(
            "test_storage", **storage.environment(), VAR_DIR=str(tmp_path), DATABASE_URL="sqlite://:memory:"
        )
    assert (done.code, done.stderr) == (0, "")


def _made(storage: ObjectStorage) -> bool:
    """Make the bucket, as soon as the storage can."""
    try:
        storage.client().create_bucket(Bucket=storage.bucket)
    except ClientError:
        return False
    return True
