"""The search indexes: what a role without rights is told, and rebuilding them."""

from __future__ import annotations

import io
from datetime import datetime

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from recordings.choices import Origin, RecordingStatus
from recordings.models import Account, Call, Recording, Transcription
from recordings.models.call import numbers
from recordings.search import Reading, find_recordings, index, parse_query


class Terminal(io.StringIO):
    """An output that is a terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no extensions and no roles")
def test_a_role_without_the_right_to_it_is_stopped_with_the_one_statement_that_an_owner_must_run() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP EXTENSION pg_trgm CASCADE")
        cursor.execute("CREATE ROLE without_rights")
        cursor.execute("GRANT USAGE ON SCHEMA public TO without_rights")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO without_rights")
        cursor.execute("SET LOCAL ROLE without_rights")

    with pytest.raises(CommandError, match=f"{index.EXTENSION};$"):
        index.after_migrate(using="default")


@pytest.mark.django_db(transaction=True)
def test_rebuilding_finds_again_what_was_lost_and_shows_its_progress(
    account: Account, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = Call.objects.create(
        account=account, call_uuid="of-0", happened_at=now, **numbers("+918071387423", None)
    )
    for place in range(3):
        recording = Recording.objects.create(
            account=account, call=call, recording_id=f"rec-{place}", origin=Origin.SYNC,
            status=RecordingStatus.COMPLETED, happened_at=now,
        )  # fmt: skip
        Transcription.objects.create(recording=recording, status="completed", text="Where is my parcel?")
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for table in index.FULL_TEXT_TABLES:
                cursor.execute(f"DELETE FROM {table.name}")  # noqa: S608
        assert not _found("387423", Reading.NUMBER)
    monkeypatch.setattr(index, "ROWS_AT_ONCE", 2)
    shown = Terminal()

    call_command("rebuild_search", stdout=io.StringIO(), stderr=shown)

    assert _found("387423", Reading.NUMBER) == _found("parcel", Reading.WORDS) == 3
    steps = [step for step in shown.getvalue().split("\r\x1b[K") if step]
    assert [step for step in steps if step.startswith(f"{index.WORDS}: ")]
    assert len(steps) > len(index.FULL_TEXT_TABLES)


def _found(typed: str, reading: Reading) -> int:
    return find_recordings(Recording.objects.all(), parse_query(typed), reading).rows.count()
