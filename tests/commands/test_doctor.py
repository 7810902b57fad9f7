"""`doctor`: a portal that is well, and one misconfiguration after the other, each found and its cure named.

Everything is real: the web server, the worker and the doctor are processes, the proxy is nginx with deploy/nginx.conf
as an operator might spoil it, and Vobiz is the sandbox.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import time
from typing import Any

import pytest

from tests.faults.rig import SECRET, Rig
from tests.ports import free_ports
from tests.proxy import make_certificate, needs_nginx, nginx
from tests.waiting import eventually
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = [pytest.mark.once, needs_nginx]

AUTH_ID, TOKEN = "MA_DOCTOR0001", "a-token-for-the-doctor"
ISSUER = {"OIDC_CLIENT_ID": "portal", "OIDC_CLIENT_SECRET": "of-the-portal"}
OUTSIDE = ("public address", "certificate", "callbacks")
Found = dict[str, list[dict[str, str]]]


@dataclass(frozen=True)
class Portal:
    """A portal that is well, at the port its proxy has, which is not started yet."""

    rig: Rig
    proxy: Path
    port: int

    @contextmanager
    def behind(self, changes: dict[str, str] | None = None, upstream: int = 0) -> Iterator[None]:
        """Have nginx run before it."""
        where = {
            "proxy_port": self.port,
            "host": self.rig.environment["PORTAL_URL"].split("/")[2].split(":")[0],
        }
        with nginx(self.proxy, upstream or self.rig.port, changes=changes, **where):  # type: ignore[arg-type]
            yield

    def doctor(self, *only: str, **more: str) -> Found:
        """Run the doctor, and return its findings that are not as they should be, by check."""
        options = [option for name in only for option in ("--only", name)]
        done = self.rig.manage("doctor", "--json", *options, check=False, **more)
        said = json.loads(done.stdout)
        found: Found = {}
        for one in said["checks"]:
            if one["state"] in {"warning", "failed"}:
                assert one["cure"], one
                found.setdefault(one["check"], []).append(one)
        is_failed = any(one["state"] == "failed" for those in found.values() for one in those)
        assert (done.returncode, said["ok"]) == ((1, False) if is_failed else (0, True)), done.stderr
        return found


def started(folder: Path, prepared: Path, api_url: str, host: str) -> Portal:
    port, proxy = free_ports(2), folder / "nginx"
    proxy.mkdir()
    rig = Rig(folder, api_url=api_url, prepared=prepared, SWEEP_SECONDS="15")
    rig.environment |= {
        "PORTAL_URL": f"https://{host}:{port}", "SSL_CERT_FILE": str(proxy / "portal.pem"), "ALLOWED_HOSTS": host,
    }  # fmt: skip
    rig.start("web")
    return Portal(rig, proxy, port)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Portal]:
    """A local portal with a worker and an account of the sandbox, https included."""
    world = SandboxState(seed=5)
    world.add_account(AUTH_ID, TOKEN)
    world.add_recording(AUTH_ID, age_days=1, duration=30)
    with Sandbox(world, deliver=False) as sandbox:
        portal = started(tmp_path_factory.mktemp("portal"), prepared, sandbox.api_url, "localhost")
        try:
            portal.rig.manage("connect_account", VOBIZ_AUTH_ID=AUTH_ID, VOBIZ_AUTH_TOKEN=TOKEN)
            portal.rig.manage("sync_recordings")
            portal.rig.start("worker")
            alive = "SELECT 1 FROM recordings_worker WHERE heard_at IS NOT NULL"
            eventually(lambda: rows(portal, alive), every=0.2)
            yield portal
        finally:
            portal.rig.stop()


@pytest.fixture(scope="module")
def production(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Portal]:
    """A portal that is not local, under a name for this machine that is no loopback address."""
    folder = tmp_path_factory.mktemp("production")
    portal = started(folder, prepared, "https://vobiz.invalid/api/v1", "0.0.0.0")
    try:
        yield portal
    finally:
        portal.rig.stop()


def assert_found(found: Found, check: str, words: str, cure: str) -> None:
    those = [one for one in found.get(check, []) if words in one["words"]]
    assert those, found
    assert cure in those[0]["cure"], those


def rows(portal: Portal, statement: str) -> list[Any]:
    with closing(sqlite3.connect(portal.rig.folder / "portal.sqlite3", timeout=60)) as database:
        found = database.execute(statement).fetchall()
        database.commit()
        return found


def test_a_portal_that_is_well_has_nothing_to_cure_and_keeps_nothing_of_the_rehearsal(portal: Portal) -> None:
    with portal.behind():
        done = portal.rig.manage("doctor")
    for name in ("settings", "storage", "public address", "callbacks", "credentials", "media host", "worker"):
        assert f"✓ {name}: " in done.stdout
    assert not re.search("^[×!→]", done.stdout, re.MULTILINE)
    assert not [secret for secret in (SECRET, TOKEN) if secret in done.stdout + done.stderr]
    assert rows(portal, "SELECT count(*) FROM recordings_callbackevent") == [(0,)]
    assert rows(portal, "SELECT count(*) FROM recordings_cacheentry WHERE key LIKE '%rehearsal%'") == [(0,)]
    assert list((portal.rig.folder / "archive").rglob("*.part")) == []


# The proxy


def test_a_proxy_that_spoils_callbacks_is_found(portal: Portal) -> None:
    with portal.behind({
        "    location / {": "    location /callbacks/ { proxy_pass http://portal/; }\n    location / {",
        "server_tokens off;": 'proxy_set_header X-Vobiz-Signature-V3 "";',
        "X-Forwarded-For $remote_addr;": "X-Forwarded-For $http_x_forwarded_for;",
    }):  # fmt: skip
        found = portal.doctor("callbacks")
    for words, cure in (
        ("Expected /callbacks/account/…/, received /account/…/", "proxy_pass without a path"),
        ("drops headers of the signature: X-Vobiz-Signature-V3.", "pass every header on"),
        ("Clients may say which address they have", "X-Forwarded-For $remote_addr"),
    ):
        assert_found(found, "callbacks", words, cure)
    with portal.behind({"client_max_body_size 5m;": "client_max_body_size 1m;"}):
        found = portal.doctor("callbacks")
    assert_found(found, "callbacks", "of 4000000 bytes (413)", "client_max_body_size 5m")
    elsewhere = "return 301 https://example.com/;"
    with portal.behind(
        {"limit_req zone=portal_sign_in burst=30 nodelay;": elsewhere, "server_tokens off;": elsewhere}
    ):
        found = portal.doctor(*OUTSIDE)
    assert_found(found, "public address", "redirects to https://example.com/", "PORTAL_URL")
    assert_found(found, "callbacks", "answered with a redirect (301)", "PORTAL_URL")


def test_a_web_server_that_does_not_run_is_told_from_a_proxy_that_does_not(portal: Portal) -> None:
    with portal.behind(upstream=free_ports()):
        found = portal.doctor(*OUTSIDE)
        assert_found(
            found, "public address", "reaches no web server (502)", "systemctl start vobiz-portal-web"
        )
        assert_found(found, "callbacks", "(502)", "systemctl start vobiz-portal-web")
    found = portal.doctor(*OUTSIDE)
    assert_found(found, "public address", "refused the connection", "Start the proxy")


def test_certificates_that_nobody_believes_are_found(portal: Portal) -> None:
    try:
        for names, days, words in ((("localhost",), -1, "expired"), (("other.example.com",), 90, "match")):
            make_certificate(portal.proxy, *names, days=days)
            with portal.behind():
                found = portal.doctor(*OUTSIDE)
            assert_found(found, "public address", words, "Renew the certificate")
        make_certificate(portal.proxy, "localhost", days=5.5)
        with portal.behind():
            assert_found(portal.doctor(*OUTSIDE), "certificate", "in 5 days", "Renew it")
    finally:
        make_certificate(portal.proxy, "localhost", "127.0.0.1")


def test_a_proxy_that_hides_what_pages_need_is_found(production: Portal) -> None:
    with production.behind(
        {"Host $host;": "Host internal;", "X-Forwarded-For $remote_addr;": 'X-Forwarded-For "";'}
    ):
        found = production.doctor(*OUTSIDE)
    assert_found(found, "public address", "refuses the host name", "ALLOWED_HOSTS")
    assert_found(found, "callbacks", "passes on the host internal", "proxy_set_header Host")
    assert_found(found, "callbacks", "everybody under one address, 127.0.0.1", "--trusted-proxy")
    with production.behind({"X-Forwarded-Proto https;": "X-Forwarded-Proto http;"}):
        found = production.doctor(*OUTSIDE)
    assert_found(found, "public address", "redirects to itself", "X-Forwarded-Proto")
    assert_found(found, "callbacks", "for plain http", "--trusted-proxy")


# Settings


def test_settings_of_the_web_server_that_are_not_those_of_the_shell_are_found(
    portal: Portal, tmp_path: Path
) -> None:
    with portal.behind():
        found = portal.doctor("callbacks", PORTAL_URL=f"https://127.0.0.1:{portal.port}", ALLOWED_HOSTS="")
        assert_found(
            found, "callbacks", f"Signed https://127.0.0.1:{portal.port}/callbacks/account/…/, expected https://localhost",
            "letter for letter",
        )  # fmt: skip
        assert_found(
            found, "callbacks", "other settings than this command: PORTAL_URL", "Restart the web server"
        )
        rows(portal, "PRAGMA wal_checkpoint(TRUNCATE)")
        other = shutil.copy(portal.rig.folder / "portal.sqlite3", tmp_path / "other.sqlite3")
        found = portal.doctor("callbacks", DATABASE_URL=f"sqlite:///{other}")
        assert_found(found, "callbacks", "or the web server uses another database", "ENV_FILE")


def test_what_the_portal_depends_on_outside_is_found_when_it_does_not_answer(portal: Portal) -> None:
    dead = f"127.0.0.1:{free_ports()}"
    found = portal.doctor(
        "e-mail", "single sign-on", "shared cache", "media host", "credentials", "clock",
        EMAIL_URL=f"smtp://{dead}", OIDC_ISSUER=f"http://{dead}", **ISSUER, TASKS_BACKEND=f"redis://{dead}/0",
        VOBIZ_MEDIA_HOSTS="media.example.com",
    )  # fmt: skip
    assert_found(found, "e-mail", "cannot be reached", "EMAIL_URL")
    assert_found(found, "single sign-on", "cannot be reached", "OIDC_ISSUER")
    assert_found(found, "shared cache", "Redis", "TASKS_BACKEND")
    assert_found(found, "media host", "Audio cannot be fetched", "VOBIZ_MEDIA_HOSTS")
    assert "credentials" not in found
    found = portal.doctor(
        "credentials", "clock", "settings",
        TOKEN_ENCRYPTION_KEYS="x" * 40, VOBIZ_API_URL=f"http://{dead}/api/v1", VOBIZ_PAGE_SIZE="many",
    )  # fmt: skip
    assert_found(found, "credentials", "opens with none of TOKEN_ENCRYPTION_KEYS", "token")
    assert_found(found, "clock", "refused the connection", "VOBIZ_API_URL")
    assert_found(found, "settings", "VOBIZ_PAGE_SIZE is not a number", "Correct it")


def test_settings_that_production_must_not_have_are_found(production: Portal) -> None:
    found = production.doctor(
        "settings",
        "credentials",
        "clock",
        "e-mail",
        DEBUG="on",
        ALLOWED_HOSTS="*",
        SECRET_KEY="",
        PORTAL_URL="http://a.example.com",
    )
    for words, cure in (
        ("DEBUG is on", "Remove DEBUG"),
        ("ALLOWED_HOSTS holds *", "Name the portal's own hosts"),
        ("PORTAL_URL must be https", "Local mode"),
        ("SECRET_KEY is not set", "long random text"),
    ):
        assert_found(found, "settings", words, cure)
    assert_found(found, "clock", "the name vobiz.invalid could not be found", "VOBIZ_API_URL")
    assert_found(found, "credentials", "No account is connected", "connect_account")


class AnotherVobiz(BaseHTTPRequestHandler):
    """A Vobiz that refuses every token, ten minutes from now."""

    def date_time_string(self, timestamp: float | None = None) -> str:
        return formatdate((timestamp or time()) + 600, usegmt=True)

    def do_GET(self) -> None:
        body = b'{"error": "Authentication failed"}'
        self.send_response(401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_said: Any) -> None:
        pass


def test_a_refused_token_and_a_clock_that_is_wrong_are_found(portal: Portal) -> None:
    with HTTPServer(("127.0.0.1", 0), AnotherVobiz) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        found = portal.doctor(
            "credentials", "clock", VOBIZ_API_URL=f"http://127.0.0.1:{other.server_port}/api/v1"
        )
        other.shutdown()
    assert_found(found, "credentials", "Vobiz refused Auth ID", "enter the new token")
    assert_found(found, "clock", "s ahead of this machine's", "timedatectl set-ntp true")


# Files and the database


def test_files_that_are_open_damaged_or_missing_are_found(portal: Portal, tmp_path: Path) -> None:
    """On a copy of everything that the portal keeps."""
    var = tmp_path / "var"
    tmp_path.chmod(0o755)
    rows(portal, "PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(portal.rig.folder, var, ignore=shutil.ignore_patterns("nginx", "archive", "*.log"))
    database = var / "portal.sqlite3"
    with closing(sqlite3.connect(database)) as copy:
        copy.execute("DELETE FROM django_migrations WHERE app = 'recordings' AND name >= '0018'")
        copy.execute("DROP TRIGGER recordings_search_numbers_insert")
        (event,) = copy.execute(
            "SELECT name FROM sqlite_master WHERE sql LIKE '%recordings_outgoingevent%' "
            "AND type = 'trigger' LIMIT 1"
        ).fetchone()
        copy.execute(f"DROP TRIGGER {event}")
        copy.execute("UPDATE recordings_worker SET heard_at = '2026-01-01', stopped_at = NULL")
        copy.commit()
    (var / "archive").write_text("a file where a folder should be")
    (var / "static" / "staticfiles.json").unlink()
    for path in (var, database):
        path.chmod(0o755)
    found = portal.doctor(VAR_DIR=str(var), DATABASE_URL=f"sqlite:///{database}")
    for check, words, cure in (
        (
            "settings",
            f"The database can be read or entered by other users of this machine: {database}",
            "chmod go=",
        ),
        ("settings", "VAR_DIR can be read", "chmod go="),
        ("settings", "static files are not collected", "collectstatic"),
        ("migrations", "migrations are not applied, the first is recordings.0018", "manage.py migrate"),
        ("search", "Indexes of the search are missing", "rebuild_search"),
        ("outgoing events", "triggers are missing (1)", "manage.py migrate"),
        ("storage", "cannot keep recordings", "Give the folder to the user"),
        ("worker", "No worker is running: the last one was heard of at 2026-01-01", "vobiz-portal-worker"),
    ):
        assert_found(found, check, words, cure)


def test_a_damaged_or_absent_database_is_found_and_stops_no_other_check(
    portal: Portal, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.sqlite3"
    rows(portal, "PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray((portal.rig.folder / "portal.sqlite3").read_bytes())
    middle = len(content) // 2 // 4_096 * 4_096
    content[middle : middle + 40_960] = os.urandom(40_960)
    damaged.write_bytes(content)
    found = portal.doctor("database", "free disk", DATABASE_URL=f"sqlite:///{damaged}")
    assert_found(found, "database", "damaged", "restore the last backup")
    away = f"postgres://nobody@127.0.0.1:{free_ports()}/none"
    found = portal.doctor(DATABASE_URL=away)
    assert_found(found, "database", "cannot be used", "DATABASE_URL")
    assert "storage" not in found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_files_of_another_user_are_found(portal: Portal) -> None:
    database = portal.rig.folder / "portal.sqlite3"
    os.chown(database, 12_345, 12_345)
    try:
        found = portal.doctor("owner of files")
    finally:
        os.chown(database, 0, 0)
    assert_found(found, "owner of files", f"{database} belongs to another user", "chown -R --reference")


def test_a_database_that_answers_before_it_has_stored_is_found(portal: Portal) -> None:
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        pytest.skip("needs PostgreSQL (TEST_DATABASE_URL)")
    found = portal.doctor("database", DATABASE_URL=f"{url}?options=-c%20synchronous_commit%3Doff")
    assert_found(found, "database", "synchronous_commit is off", "ALTER")
