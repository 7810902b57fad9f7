"""The two queues, each the real thing: a task wakes a worker, and nothing depends on one."""

from __future__ import annotations

import json
import pickle
import signal
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from redis import Redis
from rq.serializers import JSONSerializer

from recordings import tasks
from recordings.choices import RecordingStatus
from recordings.models import Account, Recording, SyncRun, Worker
from recordings.sync import SyncRequest
from recordings.worker.database_queue import DatabaseQueue
from recordings.worker.maintenance import Maintenance
from recordings.worker.redis_queue import ForeignJobError, PortalJob
from tests.commands.shell import manage
from tests.conftest import MAIN
from tests.waiting import eventually
from tests.worker.test_processes import due_for_read_back, nothing_to_sync
from tests.workers import Begin
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

# Seconds. A worker that is begun with `looks=False` looks once by itself, and then after a minute.
WOKEN = 40.0


@pytest.fixture(params=["database", pytest.param("redis", marks=pytest.mark.once)])
def queue(request: pytest.FixtureRequest) -> str:
    """TASKS_BACKEND."""
    return "database" if request.param == "database" else str(request.getfixturevalue("redis_server"))


def wake(queue: str, what: str, row: int) -> str:
    """As the web process does it, in a process of its own."""
    code = f"from recordings import tasks; print(tasks.wake(tasks.{what}, {row}))"
    return manage("shell", "-v", "0", "-c", code, TASKS_BACKEND=queue).stdout.strip()


def test_a_task_has_a_worker_look_at_once(
    account: Account, world: SandboxState, begin: Begin, queue: str
) -> None:
    nothing_to_sync(account)
    begin(looks=False, TASKS_BACKEND=queue)
    eventually(lambda: Account.objects.filter(settled_at__isnull=False).exists())
    due_for_read_back(account, world, 1)
    assert wake(queue, "settle_account", account.pk) == "True"
    eventually(lambda: Recording.objects.filter(status=RecordingStatus.COMPLETED).exists(), within=WOKEN)
    assert wake(queue, "settle_account", account.pk) == "True"  # nothing is due any more: it does nothing
    row = Recording.objects.get()
    assert row.archived_at is None  # by itself nothing of this account is archived
    Recording.objects.filter(pk=row.pk).request_archive(timezone.now())
    assert wake(queue, "archive_account", account.pk) == "True"
    eventually(lambda: Recording.objects.filter(archived_at__isnull=False).exists(), within=WOKEN)


def test_a_sync_that_a_person_asks_for_is_carried_out_by_the_worker(
    account: Account, world: SandboxState, begin: Begin, queue: str
) -> None:
    nothing_to_sync(account)
    worker = begin(looks=False, TASKS_BACKEND=queue)
    world.add_recording(MAIN, age_days=3)
    code = (
        "from recordings import tasks; from recordings.models import Account; from recordings.sync import SyncRequest;"
        "tasks.sync_in_background(Account.objects.get(), SyncRequest(), by=None)"
    )
    assert (
        manage("shell", "-v", "0", "-c", code, TASKS_BACKEND=queue).code == 0
    )  # its own threads end with it
    eventually(lambda: Recording.objects.exists(), within=WOKEN)
    eventually(lambda: SyncRun.objects.filter(complete=True, scope={}).exists(), within=WOKEN)
    worker.send(signal.SIGTERM)
    assert worker.ended() == 0


def test_where_the_queue_is_away_the_rows_are_enough(
    account: Account, world: SandboxState, begin: Begin
) -> None:
    nothing_to_sync(account)
    away = "redis://127.0.0.1:9/1"
    begin(TASKS_BACKEND=away)
    due_for_read_back(account, world, 2)
    eventually(lambda: Recording.objects.filter(status=RecordingStatus.COMPLETED).count() == 2)
    assert wake(away, "settle_account", account.pk) == "False"


@pytest.mark.django_db
def test_what_was_woken_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "MOST_WOKEN", 3)
    for row in range(10):
        assert not tasks.wake(tasks.settle_account, row)
    assert len(tasks._woken) <= 3


def test_without_a_worker_nobody_is_woken_and_a_sync_lives_in_a_thread(
    account: Account, world: SandboxState
) -> None:
    world.add_recording(MAIN, age_days=3)
    assert not tasks.wake(tasks.settle_account, account.pk)
    run, is_new = tasks.sync_in_background(account, SyncRequest(), by=None)
    assert is_new
    eventually(lambda: SyncRun.objects.filter(pk=run.pk, complete=True).exists())
    eventually(lambda: not any(thread.name == f"sync-{run.pk}" for thread in threading.enumerate()))
    assert not DBTaskResult.objects.exists()


# What is left of tasks


def a_task(status: str, by: str, **columns: object) -> DBTaskResult[..., Any]:
    """A row of the database's queue; `by` had it in hand."""
    now = timezone.now()
    values = {
        "status": status, "args_kwargs": {"args": [0], "kwargs": {}}, "queue_name": "settle", "backend_name": "default",
        "task_path": "recordings.tasks.settle_account", "worker_ids": [by], "started_at": now, "run_after": now,
        "exception_class_path": "", "traceback": "",
    }  # fmt: skip
    return DBTaskResult.objects.create(id=uuid4(), **(values | columns))


def test_a_task_that_a_killed_worker_left_running_is_cleaned_away(
    account: Account, world: SandboxState, begin: Begin
) -> None:
    nothing_to_sync(account)
    killed = begin(looks=False)
    eventually(lambda: Account.objects.filter(settled_at__isnull=False).exists())
    held = threading.Event()
    world.faults.plan(Fault(on="recording.retrieve", first=lambda _: held.set(), delay_before=30))
    due_for_read_back(account, world, 1)
    assert wake("database", "settle_account", account.pk) == "True"
    assert held.wait(60)
    killed.send(signal.SIGKILL)
    killed.ended()
    running = DBTaskResult.objects.get(status="RUNNING")
    Maintenance()()
    assert DBTaskResult.objects.filter(pk=running.pk).exists()  # it was heard of a moment ago
    Worker.objects.update(heard_at=timezone.now() - timedelta(seconds=61))
    Maintenance()()
    assert not DBTaskResult.objects.exists()


@pytest.mark.django_db
def test_tasks_are_kept_while_they_say_something() -> None:
    now, old = timezone.now(), timezone.now() - timedelta(hours=25)
    kept = [
        a_task("RUNNING", "here:1:living"),
        a_task("RUNNING", "stock-worker-of-another"),
        a_task("SUCCESSFUL", "here:1:living", finished_at=now),
        a_task("READY", "here:1:living"),
    ]
    a_task("RUNNING", "here:2:dead")
    a_task("RUNNING", "stock-worker-of-another", started_at=old)
    a_task("SUCCESSFUL", "here:2:dead", finished_at=old)
    a_task("FAILED", "here:2:dead", finished_at=old)
    forgotten = a_task("READY", "here:2:dead")
    DBTaskResult.objects.filter(pk=forgotten.pk).update(enqueued_at=old)
    DatabaseQueue("settle", "here:1:living").clean(alive=["here:1:living"], now=now)
    assert set(DBTaskResult.objects.values_list("pk", flat=True)) == {row.pk for row in kept}


@pytest.mark.django_db
def test_workers_not_heard_of_for_a_day_are_forgotten() -> None:
    now = timezone.now()
    for name, ago in (("young", timedelta(minutes=5)), ("old", timedelta(hours=25))):
        Worker.objects.create(name=name, started_at=now - ago, heard_at=now - ago)
    Maintenance()()
    assert list(Worker.objects.values_list("name", flat=True)) == ["young"]


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL counts its indexes by itself")
def test_sqlite_is_told_to_count_its_indexes_at_the_start_and_not_at_every_look(account: Account) -> None:
    def counted() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT stat FROM sqlite_stat1 WHERE tbl = 'recordings_account'")
            return cursor.fetchone() is not None

    chores = Maintenance()
    chores()
    assert counted()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM sqlite_stat1")

    chores()

    assert not counted()


# What another writer put into Redis


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (self.path, "w")


@pytest.mark.once
@pytest.mark.parametrize("column", ["data", "meta"])
def test_what_is_pickled_in_redis_is_never_run(
    account: Account, begin: Begin, redis_server: str, tmp_path: Path, column: str
) -> None:
    nothing_to_sync(account)
    made = tmp_path / "made"
    with Redis.from_url(redis_server) as client:
        client.hset("rq:job:foreign", mapping=a_job() | {column: pickle.dumps(Payload(str(made)))})
        client.rpush("rq:queue:settle", "foreign")
        begin(looks=False, TASKS_BACKEND=redis_server)
        eventually(lambda: client.llen("rq:queue:settle") == 0, within=WOKEN)
    assert_the_queue_goes_on(account, redis_server)
    assert not made.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"data": json.dumps(["os.getcwd", None, [], {}])},
        {"success_callback_name": "os.getcwd"},
        {"failure_callback_name": "os.getcwd"},
        {"webhooks": json.dumps([{"url": "http://127.0.0.1:9/", "events": ["finished"]}])},
    ],
    ids=lambda changes: str(next(iter(changes))),
)
def test_a_job_that_names_other_code_is_dropped(redis_server: str, changes: dict[str, str]) -> None:
    with Redis.from_url(redis_server) as client:
        client.hset("rq:job:own", mapping=a_job())
        assert PortalJob.fetch("own", connection=client, serializer=JSONSerializer).func_name
        client.hset("rq:job:foreign", mapping=a_job() | changes)
        with pytest.raises(ForeignJobError):
            PortalJob.fetch("foreign", connection=client, serializer=JSONSerializer)
        client.delete("rq:job:own", "rq:job:foreign")


FOREIGN: tuple[dict[str, Any], ...] = (
    {"data": json.dumps(["os.getcwd", None, [], {}])},
    {"data": pickle.dumps(0)},
    {"data": b"\xff"},
    {"origin": b"\xff"},
)


@pytest.mark.once
def test_what_the_portal_did_not_write_keeps_no_job_in_hand_from_being_cleaned(redis_server: str) -> None:
    with Redis.from_url(redis_server) as client:
        jobs = {"own": {}, **{f"foreign{n}": changes for n, changes in enumerate(FOREIGN)}}
        for name, changes in jobs.items():
            client.hset(f"rq:job:{name}", mapping=a_job() | {"status": "started"} | changes)
        client.zadd("rq:wip:settle", {f"{name}:1": 1 for name in [*jobs, "gone"]} | {b"\xff": 1})
        code = (
            "from django.utils import timezone; from recordings.worker.redis_queue import RedisQueue;"
            "RedisQueue('settle', 'here:1:living').clean(alive=[], now=timezone.now())"
        )
        ran = manage("shell", "-v", "0", "-c", code, TASKS_BACKEND=redis_server)
        assert ran.code == 0, ran.stderr
        assert client.zrange("rq:wip:settle", 0, -1) == []
        assert client.hget("rq:job:own", "status") == b"failed"


def a_job() -> dict[Any, Any]:
    """The columns of a job in Redis, as the portal writes them."""
    return {
        "data": json.dumps(["recordings.tasks.settle_account", None, [0], {}]), "origin": "settle", "status": "queued",
        "created_at": "2026-01-01T00:00:00.000000Z", "timeout": -1, "meta": json.dumps({"backend_name": "default"}),
    }  # fmt: skip


def assert_the_queue_goes_on(account: Account, queue: str) -> None:
    """The worker takes a genuine task after a foreign one."""
    before = Account.objects.get(pk=account.pk).settled_at
    assert wake(queue, "settle_account", account.pk) == "True"
    eventually(lambda: Account.objects.get(pk=account.pk).settled_at != before, within=WOKEN)
