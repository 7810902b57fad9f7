"""A link by e-mail survives a worker that is killed and a mail server that is away, on both queues."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from redis import Redis

from recordings.models import Account, Worker
from recordings.worker.database_queue import DatabaseQueue
from tests.alerts.conftest import MailServer
from tests.commands.shell import manage
from tests.ports import free_ports
from tests.waiting import eventually
from tests.worker.test_processes import nothing_to_sync
from tests.worker.test_queues import WOKEN, a_task, queue  # noqa: F401 - a fixture
from tests.workers import Begin

PATH = "recordings.tasks.mail_password_link"


@pytest.fixture
def asha(account: Account) -> User:
    nothing_to_sync(account)
    made: User = User.objects.create_user("asha", "asha@example.com", is_staff=True)
    return made


@pytest.fixture
def smtp(tmp_path: Path) -> Iterator[MailServer]:
    """A mail server that is away until it is started."""
    server = MailServer(free_ports(), tmp_path / "maildir")
    yield server
    server.stop()


@contextmanager
def silent(port: int) -> Iterator[threading.Event]:
    """Run a server that takes a connection and says nothing; the event tells that one came."""
    came = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as listener:

        def listen() -> None:
            held = []
            while True:
                try:
                    held.append(listener.accept())
                except OSError:
                    return
                came.set()

        threading.Thread(target=listen, daemon=True).start()
        yield came
        listener.shutdown(socket.SHUT_RDWR)


def ask(queue: str, user: User) -> None:  # noqa: F811 - the fixture
    """As the web process does it, in a process of its own."""
    code = (
        "from recordings import tasks; from django.contrib.auth.models import User;"
        f"tasks.request_password_link(User.objects.get(pk={user.pk}))"
    )
    assert manage("shell", "-v", "0", "-c", code, TASKS_BACKEND=queue).code == 0


def deferred(queue: str) -> bool:  # noqa: F811 - the fixture
    """Return whether a task waits for its time, and make it due."""
    if queue == "database":
        later = DBTaskResult.objects.filter(status="READY", run_after__gt=timezone.now())
        return bool(later.exclude(run_after__year=9999).update(run_after=timezone.now()))
    with Redis.from_url(queue) as client:
        waiting = client.zrange("rq:scheduled:settle", 0, -1)
        return any(client.zadd("rq:scheduled:settle", {job: 1}, ch=True) for job in waiting)


def forget_dead_workers(queue: str) -> None:  # noqa: F811 - the fixture
    """As after the minutes in which nothing is heard of a worker."""
    Worker.objects.update(heard_at=timezone.now() - timedelta(seconds=61))
    if queue != "database":
        with Redis.from_url(queue) as client:
            for job in client.zrange("rq:wip:settle", 0, -1):
                client.zadd("rq:wip:settle", {job: 1})


def test_a_link_goes_out_when_the_mail_server_is_back(
    asha: User,
    begin: Begin,
    queue: str,  # noqa: F811 - the fixture
    smtp: MailServer,
) -> None:
    begin(TASKS_BACKEND=queue, EMAIL_URL=f"smtp://127.0.0.1:{smtp.port}")
    ask(queue, asha)
    eventually(lambda: deferred(queue))
    smtp.start()
    eventually(lambda: deferred(queue) or smtp.mails())
    eventually(lambda: len(smtp.mails()) == 1)


def test_a_link_that_a_killed_worker_had_in_hand_is_sent_by_another(
    asha: User,
    begin: Begin,
    queue: str,  # noqa: F811 - the fixture
    smtp: MailServer,
) -> None:
    mail = {"TASKS_BACKEND": queue, "EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}"}
    with silent(smtp.port) as came:
        killed = begin(**mail)
        ask(queue, asha)
        assert came.wait(WOKEN)
        killed.send(signal.SIGKILL)
        killed.ended()
    smtp.start()
    forget_dead_workers(queue)
    begin(**mail)
    eventually(lambda: deferred(queue) or smtp.mails())
    eventually(lambda: len(smtp.mails()) == 1)


@pytest.mark.django_db
def test_a_link_that_no_worker_took_for_a_day_waits_on() -> None:
    now, old = timezone.now(), timezone.now() - timedelta(hours=25)
    waiting, left = a_task("READY", "", task_path=PATH), a_task("RUNNING", "here:2:dead", task_path=PATH)
    DBTaskResult.objects.update(enqueued_at=old)
    DatabaseQueue("settle", "here:1:living").clean(alive=["here:1:living"], now=now)
    assert set(DBTaskResult.objects.ready().values_list("pk", flat=True)) == {waiting.pk, left.pk}
