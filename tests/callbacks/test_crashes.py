"""Deliveries while the database fails: the portal dies, a commit fails, two transactions wait for each other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from threading import Event, Thread
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from django.utils import timezone

from recordings.callbacks import processing
from recordings.choices import EventOutcome, RecordingStatus
from recordings.models import Account, CallbackEvent, Recording, SpentNonce, Transcription
from tests.callbacks.posting import deliver, signature
from tests.callbacks.rows import KEY, asked_for, the_event
from tests.conftest import MAIN, connected
from tests.meanwhile import before_statement
from tests.vobiz.payloads import payload

pytestmark = pytest.mark.django_db(transaction=True)

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
BOTH = {**ENDED, **SPOKEN}
WRITES = (
    'INSERT INTO "recordings_spentnonce"',
    'UPDATE "recordings_transcription"',
    'UPDATE "recordings_recording"',
    'INSERT INTO "recordings_callbackevent"',
)
on_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="row locks are PostgreSQL's")
on_sqlite = pytest.mark.skipif("connection.vendor != 'sqlite'", reason="one writer at a time is SQLite's")


@pytest.fixture
def account(transactional_db: None, now: datetime) -> Account:
    return connected(MAIN, now=now, name="Main")


@pytest.fixture
def recording(account: Account) -> Recording:
    return asked_for(account, transcribe=True)


def nothing_is_stored() -> bool:
    row, transcript = Recording.objects.get(), Transcription.objects.get()
    untouched = (row.status, row.recording_id, transcript.status) == ("requested", None, "expected")
    return untouched and not CallbackEvent.objects.exists() and not SpentNonce.objects.exists()


def all_is_applied() -> bool:
    row, transcript, event = Recording.objects.get(), Transcription.objects.get(), the_event()
    return (row.status, transcript.text, event.outcome) == (
        RecordingStatus.COMPLETED,
        SPOKEN["transcription"],
        EventOutcome.APPLIED,
    )


def in_another_process(doing: Callable[[], object]) -> int:
    """Run `doing` in a forked process with a connection of its own; return its exit code."""
    connections.close_all()
    if pid := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    try:
        doing()
    finally:
        os._exit(0)


def killed_at(statement: str, headers: dict[str, str]) -> int:
    """Deliver in a process that dies just before `statement` ("COMMIT": before the commit)."""

    def deliver_and_die() -> None:
        if statement == "COMMIT":
            connection.connect()
            connection._commit = lambda: os._exit(9)  # type: ignore[attr-defined]
            deliver(Client(), KEY, BOTH, headers=headers)
        with before_statement(statement, lambda: os._exit(9)):
            deliver(Client(), KEY, BOTH, headers=headers)

    return in_another_process(deliver_and_die)


@pytest.mark.parametrize("statement", [*WRITES, "COMMIT"])
def test_a_portal_killed_at_any_write_has_stored_nothing_and_the_next_try_stores_it_all(
    client: Client, recording: Recording, statement: str
) -> None:
    headers = signature("recording", KEY)
    assert killed_at(statement, headers) == 9
    assert nothing_is_stored()
    # Vobiz had no answer, so it sends the same again: neither a retry nor a replay
    assert deliver(client, KEY, BOTH, headers=headers).status_code == 200
    assert all_is_applied()
    assert the_event().deliveries == 1


@contextmanager
def failing_commits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the database lose its connection at every commit."""

    def lost() -> None:
        wrapper: Any = connection
        wrapper.connection.close()
        raise wrapper.Database.OperationalError("the server closed the connection")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "_commit", lost)
        yield


def test_a_commit_that_fails_is_answered_503_and_never_200(
    client: Client, recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = signature("recording", KEY)
    with failing_commits(monkeypatch):
        assert deliver(client, KEY, BOTH, headers=headers).status_code == 503
    connection.close()
    assert nothing_is_stored()
    assert deliver(client, KEY, BOTH, headers=headers).status_code == 200
    assert all_is_applied()


@on_postgresql
def test_a_connection_that_breaks_while_applying_is_opened_anew(client: Client, recording: Recording) -> None:
    def end_this_session() -> None:
        pid = connection.connection.info.backend_pid

        def end_it() -> None:
            with connections["default"].cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
            connections.close_all()

        ending = Thread(target=end_it)
        ending.start()
        ending.join()

    with before_statement('UPDATE "recordings_recording"', end_this_session):
        assert deliver(client, KEY, BOTH).status_code == 200
    assert all_is_applied()


@on_postgresql
def test_a_deadlock_costs_no_delivery(client: Client, recording: Recording) -> None:
    """Another transaction holds the transcript and wants the recording, which the delivery has locked."""
    locked, wanted = Event(), Event()

    def hold_and_want() -> None:
        # PostgreSQL chooses which of the two it ends
        with suppress(OperationalError), closing(connections["default"]), transaction.atomic():
            list(Transcription.objects.select_for_update().filter(recording=recording))
            locked.set()
            wanted.wait(60)
            list(Recording.objects.select_for_update().filter(pk=recording.pk))

    other = Thread(target=hold_and_want)
    other.start()
    assert locked.wait(60)
    with before_statement('UPDATE "recordings_transcription"', wanted.set):
        assert deliver(client, KEY, BOTH).status_code == 200
    other.join(60)
    assert the_event().outcome in (EventOutcome.APPLIED, EventOutcome.RECEIVED)
    processing.apply(the_event(), now=timezone.now())
    assert all_is_applied()


@on_sqlite
def test_a_database_that_another_holds_for_too_long_is_answered_503(
    client: Client, recording: Recording
) -> None:
    headers = signature("recording", KEY)
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 20")
    held, release = Event(), Event()

    def hold() -> None:
        with transaction.atomic():
            Recording.objects.update(error="held")
            held.set()
            release.wait(60)
            transaction.set_rollback(True)
        connections.close_all()

    other = Thread(target=hold)
    other.start()
    assert held.wait(60)
    try:
        assert deliver(client, KEY, BOTH, headers=headers).status_code == 503
    finally:
        release.set()
        other.join(60)
    assert nothing_is_stored()
    assert deliver(client, KEY, BOTH, headers=headers).status_code == 200
    assert all_is_applied()


def refuse_updates(table: str) -> None:
    """Have the database itself refuse every UPDATE of `table`."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                f"CREATE TRIGGER refused BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'refused'); END"
            )
            return
        cursor.execute(
            "CREATE OR REPLACE FUNCTION refused() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'refused'; END $$"
        )
        cursor.execute(
            f"CREATE TRIGGER refused BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refused()"
        )


def allow_updates(table: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER refused" + (f" ON {table}" if connection.vendor == "postgresql" else ""))


def test_what_fails_while_it_is_applied_leaves_nothing_half_done(
    client: Client, recording: Recording
) -> None:
    """The transcript is written before the recording, so it must be taken back with it."""
    refuse_updates("recordings_recording")
    try:
        assert deliver(client, KEY, BOTH).status_code == 200
        assert Transcription.objects.get().status == "expected"
        assert Recording.objects.get().status == RecordingStatus.REQUESTED
        event: Any = the_event()
        assert (event.outcome, event.attempts, event.deliveries) == (EventOutcome.RECEIVED, 1, 1)
        assert "refused" in str(event.error)
        assert SpentNonce.objects.count() == 2
    finally:
        allow_updates("recordings_recording")
    assert processing.apply(the_event(), now=timezone.now()) == EventOutcome.APPLIED
    assert all_is_applied()
