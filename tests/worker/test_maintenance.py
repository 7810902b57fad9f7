"""What is done once a night, by one worker of all."""

from __future__ import annotations

from datetime import UTC, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from recordings import tasks
from recordings.choices import Attention
from recordings.models import AccessEvent, Account, Recording, Worker
from recordings.worker.maintenance import nightly_maintenance
from recordings.worker.schedule import night_of
from tests.archived import an_archived

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
