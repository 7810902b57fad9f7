"""What a callback costs the database: every statement is counted, those that begin and end transactions too."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from recordings.choices import EventOutcome, RecordingStatus
from recordings.models import Account, Recording, Transcription
from tests.callbacks.posting import deliver, signature
from tests.callbacks.rows import DOCUMENTED, KEY, asked_for, listed_row, the_event
from tests.conftest import MAIN, connected
from tests.vobiz.payloads import payload

pytestmark = pytest.mark.django_db(transaction=True)  # so that transactions are those of the view alone

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
STOPPED = payload("flow_callback__stopped")
MOST = 10
MOST_OF_A_REPEAT = 15  # its first transaction takes it for new


@pytest.fixture
def account(transactional_db: None, now: datetime) -> Account:
    return connected(MAIN, now=now, name="Main")


def statements(client: Client, key: str, fields: dict[str, Any], **how: Any) -> list[str]:
    """The statements of one delivery that is answered with 200."""
    with CaptureQueriesContext(connection) as captured:
        assert deliver(client, key, fields, **how).status_code == 200
    return [sql for query in captured if not is_of_the_connection(sql := str(query["sql"]))]


def is_of_the_connection(sql: str) -> bool:
    """Whether it sets how long SQLite waits for a lock: nothing is read or written, and nothing is waited for."""
    return sql.startswith("PRAGMA busy_timeout")


def commits(found: list[str]) -> int:
    return sum(sql.startswith("COMMIT") for sql in found)


def written(found: list[str], table: str) -> int:
    return sum(sql.startswith((f'UPDATE "{table}"', f'INSERT INTO "{table}"')) for sql in found)


@pytest.mark.parametrize("known", [None, DOCUMENTED], ids=["id unknown", "id known"])
@pytest.mark.parametrize(("door", "fields"), [("recording", ENDED), ("transcription", SPOKEN)])
def test_a_signed_callback_of_a_recording_costs_ten_statements_and_one_commit(
    client: Client, account: Account, door: str, fields: dict[str, Any], known: str | None
) -> None:
    asked_for(account, transcribe=True, recording_id=known)
    found = statements(client, KEY, fields, door=door)
    assert len(found) <= MOST, "\n".join(found)
    assert commits(found) == 1
    assert written(found, "recordings_recording") == 1
    assert written(found, "recordings_callbackevent") == 1
    assert the_event().outcome == EventOutcome.APPLIED


def test_the_recording_is_read_under_its_lock_once(client: Client, account: Account) -> None:
    asked_for(account)
    found = statements(client, KEY, ENDED)
    read = [sql for sql in found if sql.startswith("SELECT") and 'FROM "recordings_recording"' in sql]
    assert len(read) == 2  # by its key, to check the signature; and under its lock
    assert sum('"provider_data"' in sql for sql in read) == 1
    assert sum("FOR UPDATE" in sql for sql in read) == (connection.vendor == "postgresql")


def test_a_signed_callback_of_a_call_flow_costs_ten_statements(client: Client, account: Account) -> None:
    listed_row(account)
    found = statements(client, account.callback_key, STOPPED, door="account")
    assert len(found) <= MOST, "\n".join(found)
    assert commits(found) == 1
    assert Recording.objects.get().status == RecordingStatus.COMPLETED


def test_a_transcript_that_nobody_asked_for_costs_two_statements_more_at_most(
    client: Client, account: Account
) -> None:
    asked_for(account)
    assert len(statements(client, KEY, SPOKEN, door="transcription")) <= MOST + 2
    assert Transcription.objects.get().text == SPOKEN["transcription"]


def test_a_repeated_delivery_commits_once(client: Client, account: Account) -> None:
    asked_for(account)
    headers = signature("recording", KEY)
    statements(client, KEY, ENDED, headers=headers)
    found = statements(client, KEY, ENDED, headers=headers)
    assert len(found) <= MOST_OF_A_REPEAT, "\n".join(found)
    assert commits(found) == 1
    assert the_event().deliveries == 2


def test_an_unknown_key_costs_one_statement(client: Client, account: Account) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert deliver(client, "another-key", ENDED).status_code == 404
    assert len([one for one in captured if not is_of_the_connection(str(one["sql"]))]) == 1
