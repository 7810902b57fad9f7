"""The settings as a process reads them: local mode is derived, production is safe, and the documents agree."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

ROOT = Path(__file__).parent.parent
NAMES = "LOCAL_MODE ALLOWED_HOSTS UNREADABLE_SETTINGS VOBIZ_PAGE_SIZE VOBIZ_READ_TIMEOUT DEBUG PORTAL_URL SECRET_KEY"
PRODUCTION = {
    "PORTAL_URL": "https://portal.example.com",
    "SECRET_KEY": "k3J9-long-random-text_of-more-than-50-characters-0123456789abcdef",
    "TOKEN_ENCRYPTION_KEYS": "one-secret-of-more-than-32-characters",
    "DATABASE_URL": "sqlite://:memory:",
}


def process(code: str, tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Python in a process that has only these settings."""
    base = {"PATH": os.environ["PATH"], "ENV_FILE": "", "VAR_DIR": str(tmp_path / "var")}
    return subprocess.run(
        [sys.executable, "-c", code], env={**base, **environment}, cwd=ROOT,
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip


def read(tmp_path: Path, **environment: str) -> dict[str, Any]:
    """Some settings, as a process with this environment has them."""
    code = (
        "import json; from vobiz_portal import settings as s;"
        f"names = '{NAMES} VOBIZ_AUTH_TOKEN TOKEN_ENCRYPTION_KEYS SESSION_COOKIE_SECURE INSTALLED_APPS'.split();"
        "print(json.dumps({name: getattr(s, name, None) for name in names}))"
    )
    done = process(code, tmp_path, **environment)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_with_nothing_set_the_portal_is_local_and_debug_is_off(tmp_path: Path) -> None:
    found = read(tmp_path)
    assert (found["LOCAL_MODE"], found["DEBUG"], found["SECRET_KEY"]) == (True, False, "")
    assert found["ALLOWED_HOSTS"] == ["127.0.0.1"]
    assert "vobiz_portal.sandbox" in found["INSTALLED_APPS"]


@pytest.mark.parametrize(
    ("portal", "hosts", "local"),
    [
        ("http://localhost:8000", "localhost,127.0.0.1,[::1]", True),
        ("http://[::1]:8000", "", True),
        ("https://portal.example.com", "", False),
        ("http://127.0.0.1:8000", "127.0.0.1,portal.example.com", False),
        ("http://127.0.0.1:8000", "*", False),
        ("https://portal.example.com", "127.0.0.1", False),
        ("http://127.0.0.1.example.com", "127.0.0.1", False),
    ],
)
def test_local_mode_holds_only_where_every_host_is_loopback(
    tmp_path: Path, portal: str, hosts: str, *, local: bool
) -> None:
    found = read(tmp_path, PORTAL_URL=portal, ALLOWED_HOSTS=hosts, DEBUG="on")
    assert found["LOCAL_MODE"] is local
    assert found["SESSION_COOKIE_SECURE"] is (None if local else True)
    assert ("vobiz_portal.sandbox" in found["INSTALLED_APPS"]) is local


def test_empty_values_count_as_not_set_and_odd_ones_are_taken_as_they_stand(tmp_path: Path) -> None:
    found = read(
        tmp_path, PORTAL_URL="", ALLOWED_HOSTS=" ", VOBIZ_PAGE_SIZE="", VOBIZ_READ_TIMEOUT="soon",
        SECRET_KEY="$PATH and = more #", VOBIZ_AUTH_TOKEN="$abc", TOKEN_ENCRYPTION_KEYS=" one , two,,",
    )  # fmt: skip
    assert (found["PORTAL_URL"], found["VOBIZ_PAGE_SIZE"]) == ("http://127.0.0.1:8000", 100)
    assert (found["VOBIZ_READ_TIMEOUT"], found["UNREADABLE_SETTINGS"]) == (10.0, ["VOBIZ_READ_TIMEOUT"])
    assert (found["SECRET_KEY"], found["VOBIZ_AUTH_TOKEN"]) == ("$PATH and = more #", "$abc")
    assert found["TOKEN_ENCRYPTION_KEYS"] == ["one", "two"]


def test_the_environment_wins_over_the_file_and_a_line_that_cannot_be_read_is_not_shown(
    tmp_path: Path,
) -> None:
    file = tmp_path / "portal.env"
    file.write_text("VOBIZ_PAGE_SIZE=50\nVOBIZ_READ_TIMEOUT=4\n oops VOBIZ_AUTH_TOKEN secret-4711\n")
    done = process(
        "from vobiz_portal import settings as s; print(s.VOBIZ_PAGE_SIZE, s.VOBIZ_READ_TIMEOUT)",
        tmp_path, ENV_FILE=str(file), VOBIZ_PAGE_SIZE="60",
    )  # fmt: skip
    assert done.stdout == "60 4.0\n"
    assert "4711" not in done.stderr


@pytest.fixture
def installed(tmp_path: Path, collected_once: Path) -> Path:
    """The folder of a process whose static files are collected, as `make install` leaves them."""
    (tmp_path / "var").mkdir(mode=0o700)
    (tmp_path / "var" / "static").symlink_to(collected_once)
    return tmp_path


def test_the_deployment_checks_are_clean_under_production_settings(installed: Path) -> None:
    code = (
        "import sys; from django.core.management import execute_from_command_line as run;"
        "run(['manage.py', 'check', '--deploy', '--fail-level', 'WARNING'])"
    )
    done = process(code, installed, DJANGO_SETTINGS_MODULE="vobiz_portal.settings", **PRODUCTION)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
def test_a_server_does_not_start_with_wrong_settings_and_says_the_cure(installed: Path, server: str) -> None:
    start = f"import vobiz_portal.{server}"
    assert process(start, installed, **PRODUCTION).returncode == 0
    wrong = process(start, installed, **{**PRODUCTION, "PORTAL_URL": "http://portal.example.com"})
    assert wrong.returncode == 1
    assert "recordings.E004" in wrong.stderr
    assert "https" in wrong.stderr


def database_options(tmp_path: Path, url: str) -> dict[str, Any]:
    """What a process tells the driver of its database."""
    code = "import json; from vobiz_portal import settings as s; print(json.dumps(s.DATABASES['default']['OPTIONS']))"
    done = process(code, tmp_path, DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    options: dict[str, Any] = json.loads(done.stdout)
    return options


def test_a_postgresql_that_falls_silent_is_noticed_in_seconds_unless_its_address_says_otherwise(
    tmp_path: Path,
) -> None:
    url = "postgres://portal:secret@db.example.com:5432/portal"
    noticed = {"keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2}
    default = {"connect_timeout": 1, "tcp_user_timeout": 5_000, **noticed}
    assert database_options(tmp_path, url) == default
    own = {"connect_timeout": 3, "tcp_user_timeout": 0, "keepalives_idle": 60}
    query = "&".join(f"{name}={value}" for name, value in own.items())
    assert database_options(tmp_path, f"{url}?{query}&sslmode=require") == {
        **default,
        **own,
        "sslmode": "require",
    }
    assert "keepalives" not in database_options(tmp_path, "sqlite://:memory:")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite is no connection over a network")
def test_the_connection_to_postgresql_has_these_times(db: None) -> None:
    connection.ensure_connection()
    with socket.socket(fileno=os.dup(connection.connection.fileno())) as of_ours:
        if of_ours.family == socket.AF_UNIX:
            pytest.skip("a socket of this machine has no such times")
        assert of_ours.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert of_ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 5
        assert of_ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 5_000


def settings_read() -> set[str]:
    """Every name settings.py takes from the environment."""
    source = (ROOT / "vobiz_portal/settings.py").read_text(encoding="utf-8")
    return set(re.findall(r"\b(?:text|names|read|switch|os\.environ\.get)\(\s*\"([A-Z][A-Z0-9_]+)\"", source))


def test_settings_example_file_and_readme_name_the_same_settings() -> None:
    example = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    table = (ROOT / "README.md").read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    readme = {
        name
        for row in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)
        for name in re.findall(r"`([A-Z0-9_]+)`", row)
    }
    read_elsewhere = {"TEST_DATABASE_URL"}  # by the tests
    assert example == readme == settings_read() | read_elsewhere
    assert len(example) > 15


def test_nothing_but_settings_reads_the_environment() -> None:
    allowed = {
        "vobiz_portal/settings.py", "vobiz_portal/wsgi.py", "vobiz_portal/asgi.py", "manage.py",
        "recordings/audio/reader.py",  # hands the path of the machine's libraries on to its child, and nothing else
    }  # fmt: skip
    readers = {
        str(path.relative_to(ROOT))
        for folder in ("recordings", "vobiz_portal")
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"\bos\.(environ|getenv)|\bgetenv\(", path.read_text(encoding="utf-8"))
    }
    assert {path for path in readers if not path.startswith("vobiz_portal/sandbox/")} <= allowed


@pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX systems")
def test_what_the_first_start_makes_is_for_its_user_alone(tmp_path: Path) -> None:
    code = (
        "import os; os.umask(0o022)\n"
        "from django.core.management import execute_from_command_line as run\n"
        "os.environ['DJANGO_SETTINGS_MODULE'] = 'vobiz_portal.settings'\n"
        "run(['manage.py', 'migrate', '--verbosity', '0', 'contenttypes'])"
    )
    secrets = {name: PRODUCTION[name] for name in ("SECRET_KEY", "TOKEN_ENCRYPTION_KEYS")}
    done = process(code, tmp_path, **secrets)
    assert done.returncode == 0, done.stderr
    var = tmp_path / "var"
    modes = {path.name: path.stat().st_mode & 0o777 for path in (var, *var.iterdir())}
    assert modes == {"var": 0o700, "portal.sqlite3": 0o600}
