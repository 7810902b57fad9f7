"""What a monitor is answered: alive without the database, ready only where all can work, metrics for a token alone."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, InterfaceError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from recordings.models import Account, Worker
from recordings.monitoring import readiness
from tests.admin.rows import a_call, a_recording

TOKEN = "a-token-of-the-metrics-of-more-than-32-characters"


@pytest.fixture
def worker(db: None) -> Worker:
    at = timezone.now()
    made: Worker = Worker.objects.create(name="here", started_at=at, heard_at=at)
    return made


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request looks anew."""
    monkeypatch.setattr(readiness, "HOLDS", -1.0)
    monkeypatch.setattr(readiness, "STORAGE_TIMEOUT", 60.0)  # a busy machine is not what is tried here


def ready(client: Client) -> tuple[int, list[str]]:
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["failed"]


def test_alive_needs_neither_the_database_nor_a_session_nor_the_hosts_name(client: Client) -> None:
    client.cookies["sessionid"] = "x" * 32
    answer = client.get("/healthz", headers={"host": "10.0.0.7:8000"})
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})
    assert client.post("/healthz").status_code == 405


def test_ready_where_all_can_work(client: Client, account: Account, worker: Worker) -> None:
    assert ready(client) == (200, [])


def test_without_a_worker_it_is_not_ready_while_an_account_is_active(
    client: Client, account: Account
) -> None:
    assert ready(client) == (503, ["worker"])
    Account.objects.update(is_active=False)
    assert ready(client) == (200, [])


def test_a_storage_that_cannot_be_written_to_is_named(
    client: Client, account: Account, worker: Worker, settings: Settings
) -> None:
    backend = {
        "BACKEND": "recordings.storage.folder.ArchiveFolder",
        "OPTIONS": {"location": Path("/proc/no")},
    }
    settings.STORAGES = settings.STORAGES | {"archive": backend}
    assert ready(client) == (503, ["storage"])


@pytest.mark.once
def test_object_storage_is_asked_with_the_portals_credentials(
    client: Client, account: Account, worker: Worker, s3_archive: Any, settings: Settings
) -> None:
    assert ready(client) == (200, [])
    archive = settings.STORAGES["archive"]
    wrong = {**archive, "OPTIONS": {**archive["OPTIONS"], "secret_key": "wrong"}}
    settings.STORAGES = settings.STORAGES | {"archive": wrong}
    assert ready(client) == (503, ["storage"])


@pytest.mark.django_db
@pytest.mark.parametrize("error", [DatabaseError, InterfaceError])  # neither is a kind of the other
def test_a_database_that_fails_is_named(
    client: Client, monkeypatch: pytest.MonkeyPatch, settings: Settings, error: type[Exception]
) -> None:
    """The real connection refuses every cursor, as it does where the server is away."""
    settings.METRICS_TOKEN = TOKEN

    def away(*_args: object, **_more: object) -> None:
        raise error("away")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", away)
        patched.setattr(connection, "close", lambda: None)
        assert ready(client) == (503, ["database"])
        assert client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 503


@pytest.mark.django_db(transaction=True)
def test_who_comes_while_another_looks_for_long_waits_no_longer_than_its_turn(
    account: Account, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "TURN_TIMEOUT", 0.1)
    goes_on, reached = threading.Event(), threading.Event()

    def slow(execute: Any, *statement: Any) -> Any:
        reached.set()
        goes_on.wait(30)
        return execute(*statement)

    def look() -> list[str]:
        with connection.execute_wrapper(slow):
            found: list[str] = portal.failed()
        connection.close()
        return found

    portal = readiness.Readiness()
    with ThreadPoolExecutor() as pool:
        first = pool.submit(look)
        reached.wait(30)
        assert portal.failed() == ["database"]
        goes_on.set()
        assert first.result() == []
    assert portal.failed() == []


def test_one_look_serves_all_who_ask_within_seconds(
    client: Client, account: Account, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "HOLDS", 60.0)
    client.get("/readyz")
    monkeypatch.setattr(readiness, "failed", readiness.Readiness().failed)
    client.get("/readyz")
    with CaptureQueriesContext(connection) as asked:
        client.get("/readyz")
    assert len(asked) == 0


@pytest.mark.django_db
def test_without_a_token_there_are_no_metrics(client: Client) -> None:
    assert client.get("/metrics", headers={"authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ä"]
)
def test_metrics_are_for_the_token_alone(client: Client, settings: Settings, given: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert client.get("/metrics", headers={"authorization": given}).status_code == 401


def test_metrics_tell_problems_figures_and_requests_and_no_number(
    client: Client, account: Account, settings: Settings
) -> None:
    settings.METRICS_TOKEN = TOKEN
    a_recording(account, call=a_call(account), happened_at=timezone.now() - timedelta(days=29))
    client.get("/admin/login/")
    client.get(f"/callbacks/recording/{'k' * 32}/")

    answer = client.get("/metrics", headers={"authorization": f"Bearer {TOKEN}"})

    text = answer.content.decode()
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    for line in (
        'vobiz_portal_problem{account="",code="no_worker"} 1.0',
        f'vobiz_portal_problem{{account="{account.pk}",code="at_risk"}} 1.0',
        f'vobiz_portal_recordings_at_risk{{account="{account.pk}"}} 1.0',
        "vobiz_portal_workers 0.0",
        'vobiz_portal_requests_total{method="GET",status="200",view="account_login"} ',
    ):
        assert line in text
    for secret in ("919624705678", account.auth_id, TOKEN, "kkkk", "/callbacks"):
        assert secret not in text
