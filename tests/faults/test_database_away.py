"""The database locked, gone or frozen: callbacks get 503 in time, pages a plain page, the log one line each."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from recordings.webhooks.database import POSTGRESQL_WAIT, SQLITE_WAIT
from tests.faults.rig import Rig
from vobiz_portal.sandbox.outbox import DELIVERY_TIMEOUT

pytestmark = pytest.mark.once

CALLBACK = "/callbacks/account/a-key-that-nobody-was-given/"
IN_TIME = 5.0  # seconds: Vobiz hangs up after three, and this machine may have other things to do
SESSION = {"sessionid": "a-session-of-before"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Rig]:
    """A portal on SQLite."""
    rig = Rig(tmp_path_factory.mktemp("locked"), api_url="http://127.0.0.1:9/api/v1", prepared=prepared)
    rig.start("web")
    yield rig
    rig.stop()


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Iterator[Rig]:
    """A portal whose PostgreSQL takes connections and never answers, as one that is frozen does."""
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        url = f"postgres://nobody@127.0.0.1:{frozen.getsockname()[1]}/none"
        rig = Rig(
            tmp_path_factory.mktemp("silent"), api_url="http://127.0.0.1:9/api/v1", database_url=url,
            prepared=prepared,
        )  # fmt: skip
        rig.start("web")
        yield rig
        rig.stop()


def timed(url: str, *, post: bool = False) -> tuple[requests.Response, float]:
    began = time.monotonic()
    if post:
        answer = requests.post(url, data={"event": "hangup"}, timeout=30)
    else:
        answer = requests.get(url, cookies=SESSION, timeout=30)
    return answer, time.monotonic() - began


def test_all_that_a_callback_waits_for_is_over_before_vobiz_hangs_up() -> None:
    assert 2 * SQLITE_WAIT < DELIVERY_TIMEOUT
    assert POSTGRESQL_WAIT < DELIVERY_TIMEOUT


def test_a_callback_gets_503_in_time_while_sqlite_is_held_and_its_answer_after(locked: Rig) -> None:
    with locked.database_locked():
        answer, took = timed(locked.url + CALLBACK, post=True)
        assert (answer.status_code, took < IN_TIME) == (503, True)
    assert timed(locked.url + CALLBACK, post=True)[0].status_code == 404  # nobody was given this key


def test_a_callback_gets_503_in_time_while_postgresql_does_not_answer(silent: Rig) -> None:
    answer, took = timed(silent.url + CALLBACK, post=True)
    assert (answer.status_code, took < IN_TIME) == (503, True)


def test_a_page_is_a_plain_503_and_the_log_has_no_traceback(silent: Rig) -> None:
    answer, _took = timed(f"{silent.url}/admin/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "cannot reach its database" in answer.text
    assert "Permissions-Policy" in answer.headers
    said = silent.log("web").read_text()
    assert "/admin/" in said
    assert "Traceback" not in said


def test_a_command_ends_in_words_and_an_exit_code(silent: Rig) -> None:
    for command in (("sync_recordings",), ("reconcile_recordings",)):
        ended = silent.manage(*command, check=False)
        assert ended.returncode == 1
        assert "The database failed" in ended.stderr
        assert "Traceback" not in ended.stderr
