"""A web server as a process: its log as JSON, without numbers, keys and queries, and whether it is ready."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.faults.rig import Rig
from tests.waiting import eventually

pytestmark = [pytest.mark.once]
KEY = "kC7pZ3vQ9xR1tY5uB8nM2wE6aD4sF0gH"
SANE = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Rig]:
    """A web server in a process of its own, that logs JSON."""
    rig = Rig(tmp_path_factory.mktemp("portal"), api_url="http://127.0.0.1:9/api/v1", prepared=prepared)
    rig.environment |= {"LOG_FORMAT": "json"}
    rig.start("web")
    yield rig
    rig.stop()


def lines(portal: Rig) -> list[dict[str, str]]:
    return [json.loads(line) for line in portal.log("web").read_text().splitlines() if line.startswith("{")]


def test_each_line_is_an_object_under_the_id_that_the_answer_bears(portal: Rig) -> None:
    answer = requests.get(f"{portal.url}/admin/login/", headers={"X-Request-ID": SANE}, timeout=60)
    assert answer.headers["X-Request-ID"] == SANE
    [line] = [line for line in lines(portal) if line.get("request_id") == SANE]
    assert line["message"].startswith("GET account_login 200 ")
    assert line["level"] == "INFO"


@pytest.mark.parametrize(
    "given", ["919624705678", "short", "x" * 65, "id with blanks in it", '{"a": "0123456789abcdef"}']
)
def test_an_id_that_is_not_sane_is_replaced(portal: Rig, given: str) -> None:
    answer = requests.get(f"{portal.url}/healthz", headers={"X-Request-ID": given}, timeout=60)
    assert answer.headers["X-Request-ID"] != given
    assert len(answer.headers["X-Request-ID"]) == 32
    assert given not in portal.log("web").read_text()


def test_keys_queries_and_numbers_are_not_written(portal: Rig) -> None:
    for path in (f"/callbacks/recording/{KEY}/", "/nowhere/+919624705678/?q=%2B918071387423", f"/{KEY}x"):
        requests.get(portal.url + path, timeout=60)
    text = portal.log("web").read_text()
    assert "Not Found" in text
    for secret in (f"recording/{KEY}", "9624705678", "8071387423"):
        assert secret not in text


def test_a_database_that_lacks_a_migration_is_named(portal: Rig) -> None:
    assert requests.get(f"{portal.url}/readyz", timeout=60).status_code == 200
    with sqlite3.connect(portal.folder / "portal.sqlite3") as database:
        database.execute("DELETE FROM django_migrations WHERE app = 'recordings'")
    answer = eventually(lambda: _not_ready(portal))
    assert answer == {"status": "unavailable", "failed": ["migrations"]}


def _not_ready(portal: Rig) -> object:
    answer = requests.get(f"{portal.url}/readyz", timeout=60)
    return answer.json() if answer.status_code == 503 else None
