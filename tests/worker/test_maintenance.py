"""What every worker does at each sweep, and one of all once a night; a step that fails keeps no other from its turn."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from pytest_django import Settings

from recordings import connect, tasks
from recordings.choices import Attention, EventOutcome, SyncState
from recordings.models import AccessEvent, Account, Call, Recording, SyncRun, Worker
from recordings.models.callback_event import READER_VERSION
from recordings.worker.database_queue import DatabaseQueue
from recordings.worker.due_syncs import night_of
from recordings.worker.jobs import ReconcileJob, run_due_syncs
from recordings.worker.maintenance import Maintenance, nightly_maintenance
from tests.archived import an_archived
from tests.callbacks.test_other_shapes import stored_by_an_older_version
from tests.conftest import OTHER, TOKENS
from tests.worker.test_processes import due_for_read_back
from vobiz_portal.sandbox.state import SandboxState

DAY = timedelta(days=1)


def a_worker(name: str = tasks.WORKER_ID, **columns: Any) -> Worker:
    now = timezone.now()
    made: Worker = Worker.objects.create(**{"name": name, "started_at": now, "heard_at": now, **columns})
    return made


def test_archived_files_are_read_again_once_a_night_the_longest_unlooked_at_first(
    account: Account, archive_folder: Path
) -> None:
    now = timezone.now()
    rows = [
        an_archived(account, recording_id=f"rec-{days}", verified_at=now - days * DAY) for days in (1, 2, 3)
    ]
    (archive_folder / str(rows[2].audio)).write_bytes(b"altered")
    a_worker()

    nightly_maintenance()
    for row in rows:
        row.refresh_from_db()
    assert rows[2].needs_attention == Attention.AUDIO_ALTERED
    assert set(Recording.objects.filter(verified_at__gte=now)) == set(rows[:2])
    assert Worker.objects.get().nightly_at is not None

    Recording.objects.update(verified_at=now - DAY)
    nightly_maintenance()
    assert set(Recording.objects.values_list("verified_at", flat=True)) == {now - DAY}


def test_of_several_workers_the_one_there_for_longest_does_it(account: Account, archive_folder: Path) -> None:
    began = timezone.now()
    row = an_archived(account, verified_at=began - DAY)
    mine = a_worker()
    older = a_worker("another:1:0", started_at=timezone.now() - DAY)

    nightly_maintenance()
    assert Recording.objects.filter(verified_at__lt=began).exists()

    Worker.objects.filter(pk=older.pk).update(stopped_at=timezone.now())
    nightly_maintenance()
    row.refresh_from_db()
    assert row.verified_at is not None
    assert row.verified_at >= began
    assert Worker.objects.get(pk=mine.pk).nightly_at is not None


def test_with_every_account_switched_off_what_is_kept_is_read_and_what_is_old_goes(
    account: Account, archive_folder: Path
) -> None:
    began = timezone.now()
    row = an_archived(account, verified_at=began - DAY)
    AccessEvent.objects.create(at=began - 731 * DAY, action="play", result="ok", user_pk=1, username="asha")
    Account.objects.update(is_active=False, time_zone="Asia/Kolkata")
    a_worker()

    nightly_maintenance()
    row.refresh_from_db()
    assert row.verified_at is not None
    assert row.verified_at >= began
    assert not AccessEvent.objects.exists()

    Worker.objects.update(nightly_at=night_of(began, ZoneInfo("Asia/Kolkata")))
    Recording.objects.update(verified_at=began - DAY)
    nightly_maintenance()  # by the account's nights, though it is switched off
    assert Recording.objects.get().verified_at == began - DAY


def test_without_any_account_what_is_old_goes(db: None, archive_folder: Path) -> None:
    now = timezone.now()
    AccessEvent.objects.create(at=now - 731 * DAY, action="play", result="ok", user_pk=1, username="asha")
    a_worker()

    nightly_maintenance()
    assert not AccessEvent.objects.exists()
    assert Worker.objects.filter(nightly_at__gte=night_of(now, UTC)).exists()


class AwayQueue(DatabaseQueue):
    """A queue that does not answer."""

    def clean(self, *, alive: Collection[str], now: datetime) -> None:
        """Raise as a Redis does that is away."""
        raise ConnectionError


def test_while_the_queue_is_away_everything_else_is_done(account: Account, settings: Settings) -> None:
    settings.WORKER_QUEUE = "tests.worker.test_maintenance.AwayQueue"
    now = timezone.now()
    a_worker("old:1:0", heard_at=now - 2 * DAY)
    call = Call.objects.create(account=account, from_number="08071387423", numbers_version=0)
    event = stored_by_an_older_version(account, payload={"event": "x"})
    Account.objects.update(settled_at=now + DAY)

    with pytest.raises(ExceptionGroup) as raised:
        Maintenance()()

    assert {type(error) for error in raised.value.exceptions} == {ConnectionError}
    assert not Worker.objects.filter(name="old:1:0").exists()
    call.refresh_from_db()
    event.refresh_from_db()
    assert call.numbers_version > 0
    assert event.reader_version == READER_VERSION
    assert Account.objects.filter(settled_at__lt=now + DAY).exists()


def test_what_fails_at_night_keeps_the_archive_from_no_check(
    account: Account, archive_folder: Path, tmp_path: Path, settings: Settings
) -> None:
    began = timezone.now()
    row = an_archived(account, verified_at=began - DAY)
    a_worker()
    (tmp_path / "converted").write_text("no folder")  # of the copies, which are deleted before
    settings.VAR_DIR = tmp_path

    with pytest.raises(OSError, match="converted"):
        nightly_maintenance()

    row.refresh_from_db()
    assert row.verified_at is not None
    assert row.verified_at >= began


def test_an_account_that_cannot_be_reconciled_leaves_the_others_their_turn(
    account: Account, world: SandboxState
) -> None:
    [spoilt] = due_for_read_back(account, world, 1)
    Recording.objects.filter(pk=spoilt.pk).update(sources=["not", "a", "table"])
    other = Account.objects.create(auth_id="MA_OTHER", settled_at=timezone.now() - DAY)
    event = stored_by_an_older_version(
        other, payload={"a": "b"}, outcome=EventOutcome.RECEIVED, processed_at=None
    )

    job = ReconcileJob()
    with pytest.raises(ValueError, match="dictionary"):
        job()
    event.refresh_from_db()
    assert event.outcome == EventOutcome.APPLIED
    job()  # and the account rests


def test_an_account_that_cannot_be_synced_leaves_the_others_their_turn(
    account: Account, world: SandboxState
) -> None:
    now = timezone.now()
    begun = SyncRun.objects.begin(account, now=now, scope={}, by=None)
    assert begun is not None
    begun.end(SyncState.INTERRUPTED, now=now)
    SyncRun.objects.filter(pk=begun.pk).update(scope=["not", "a", "table"])
    after = "MA_ZZ00ZZ00"  # accounts are taken in the order of their ids
    world.add_account(after, TOKENS[OTHER], name="Other")
    other = connect.store(after, TOKENS[OTHER], now=now, name="Other")[0]

    with pytest.raises(AttributeError):
        run_due_syncs()

    assert SyncRun.objects.filter(account=other, complete=True).exists()
