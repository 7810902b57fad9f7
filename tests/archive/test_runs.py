"""Many recordings: in their order, side by side, each once, and what stops all of them."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from recordings import archive, storage, sync
from recordings.archive import Outcome, Result
from recordings.archive.copying import archive_leased
from recordings.audio import inspect
from recordings.choices import Attention
from recordings.clock import Clock
from recordings.models import Account, Recording, Waveform
from recordings.sync import SyncRequest
from tests.archive.conftest import Known, Run, at_vobiz, files, sha256
from tests.ledger import asked
from tests.meanwhile import before_statement
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

ROW = pytest.mark.django_db
THREADS = pytest.mark.django_db(transaction=True)


def fetched(world: SandboxState) -> list[str]:
    """The ids whose audio was asked for, in order."""
    return [entry.detail["path"].rpartition("/")[2].split(".")[0] for entry in asked(world, "media.get")]


@ROW
def test_the_nearest_to_leaving_comes_first_whichever_account_it_is_of(
    known: Known, account: Account, subaccount: Account, world: SandboxState, now: datetime, run_now: Run
) -> None:
    Account.objects.filter(pk=account.pk).update(retention_days=90)
    account.refresh_from_db()
    old, older = known(age_days=80.0), known(age_days=85.0)
    theirs = world.add_recording(subaccount.auth_id, age_days=22.0)
    sync.run(subaccount, SyncRequest(), now=now, sync_run=None)
    report = run_now(accounts=[account, subaccount])
    assert fetched(world) == [older.recording_id, theirs.recording_id, old.recording_id]
    assert {auth_id: tally.archived for auth_id, tally in report.accounts.items()} == {
        account.auth_id: 2, subaccount.auth_id: 1,
    }  # fmt: skip
    assert report.bytes == sum(row.audio_bytes or 0 for row in Recording.objects.all())


@ROW
def test_what_a_person_asked_for_comes_first_also_of_an_account_that_is_not_archived_automatically(
    known: Known, account: Account, subaccount: Account, world: SandboxState, now: datetime, run_now: Run
) -> None:
    Account.objects.filter(pk=subaccount.pk).update(archive_automatically=False)
    subaccount.refresh_from_db()
    oldest, asked_for = known(age_days=20.0), known()
    for _ in range(2):
        world.add_recording(subaccount.auth_id, age_days=1.0)
    sync.run(subaccount, SyncRequest(), now=now, sync_run=None)
    theirs = Recording.objects.filter(account=subaccount).first()
    assert theirs is not None
    rows = Recording.objects.filter(pk__in=[asked_for.pk, theirs.pk])
    assert rows.request_archive(now) == 2
    assert run_now(accounts=[account, subaccount], automatic=True).archived == 3
    assert fetched(world) == [asked_for.recording_id, theirs.recording_id, oldest.recording_id]
    assert not Recording.objects.filter(archive_asked_at__isnull=False).exists()


@ROW
def test_what_is_not_due_is_left_alone(
    known: Known, run_now: Run, world: SandboxState, now: datetime
) -> None:
    later, gone, kept, running = known(), known(), known(), known()
    rows = Recording.objects
    rows.filter(pk=later.pk).update(archive_next_at=now + timedelta(seconds=1))
    rows.filter(pk=gone.pk).update(gone_at_provider_at=now)
    run_now(only=[kept.pk])
    rows.filter(pk=running.pk).update(status="active")
    before = len(asked(world))
    assert run_now().tried == 0
    assert len(asked(world)) == before


@ROW
def test_a_limit_is_kept_and_progress_is_told(known: Known, run_now: Run) -> None:
    for _ in range(4):
        known()
    told: list[int] = []
    assert run_now(limit=3, progress=lambda report: told.append(report.archived)).archived == 3
    assert told == [1, 2, 3]
    assert run_now().archived == 1


@THREADS
def test_side_by_side_each_is_archived_once_and_nothing_is_left_over(
    known: Known, account: Account, archive_folder: Path, world: SandboxState, now: datetime
) -> None:
    rows = [known() for _ in range(24)]
    reports: list[archive.Report] = []

    def one_worker(name: str) -> None:
        reports.append(archive.run([account], limit=None, workers=3, by=name, now=now))

    threads = [threading.Thread(target=one_worker, args=(f"worker-{at}",)) for at in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert sum(report.archived for report in reports) == 24
    assert Counter(fetched(world)) == Counter({str(row.recording_id): 1 for row in rows})
    assert len(files(archive_folder)) == 24
    for row in Recording.objects.all():
        assert (
            sha256((archive_folder / row.audio).read_bytes())
            == row.audio_sha256
            == sha256(at_vobiz(world, row))
        )
        assert (row.leased_by, row.leased_until) == (None, None)
    assert Waveform.objects.count() == 24


@ROW
def test_a_pause_stops_the_account_and_no_other_and_is_probed_with_one_recording_a_minute(
    known: Known, account: Account, subaccount: Account, world: SandboxState, now: datetime, run_now: Run
) -> None:
    for _ in range(3):
        known()
    world.add_recording(subaccount.auth_id)
    sync.run(subaccount, SyncRequest(), now=now, sync_run=None)
    world.faults.plan(Fault(on="recording.retrieve", path=f"*{account.auth_id}*", status=401, times=None))
    both = [account, subaccount]
    report = run_now(accounts=both)
    assert report.accounts[subaccount.auth_id].archived == 1
    assert list(report.stopped) == [account.auth_id]
    tries = len(asked(world, "recording.retrieve"))
    assert run_now(accounts=both).stopped  # it is still said
    assert len(asked(world, "recording.retrieve")) == tries
    minute = now + timedelta(seconds=61)
    run_now(accounts=both, now=minute)
    assert len(asked(world, "recording.retrieve")) == tries + 1
    assert set(Recording.objects.values_list("archive_tries", flat=True)) == {0}
    world.faults.clear()
    report = run_now(accounts=both, now=minute + timedelta(minutes=3))
    assert (report.archived, report.stopped) == (3, {})
    assert Account.objects.filter(archive_pause=None).count() == 2


@ROW
@pytest.mark.parametrize("status", [401, 500])
def test_one_that_vobiz_cannot_be_asked_about_stops_the_others_for_a_while_and_not_for_ever(
    known: Known, account: Account, world: SandboxState, now: datetime, run_now: Run, status: int
) -> None:
    bad, good = known(age_days=20.0), known()
    path = f"*{bad.recording_id}*"
    world.faults.plan(Fault(on="recording.retrieve", path=path, status=status, times=None))
    assert run_now().stopped
    assert run_now(now=now + timedelta(minutes=1.5)).stopped
    report = run_now(now=now + timedelta(minutes=3))
    assert (report.archived, report.stopped) == (1, {})
    good.refresh_from_db()
    assert good.archived_at is not None
    run_now(now=now + timedelta(minutes=6))
    bad.refresh_from_db()
    account.refresh_from_db()
    assert (bad.archive_tries, account.archive_pause) == (1, None)  # now it is its own affair


@ROW
def test_after_a_pause_those_that_are_gone_keep_the_others_waiting_no_longer(
    known: Known, account: Account, world: SandboxState, now: datetime, run_now: Run
) -> None:
    for _ in range(3):
        world.delete_recording(str(known(age_days=20.0).recording_id))
    good = known()
    account.open_archive_circuit("the token was refused", now=now - timedelta(minutes=5))
    report = run_now()
    assert (report.archived, sum(tally.gone for tally in report.accounts.values()), report.stopped) == (
        1,
        3,
        {},
    )
    good.refresh_from_db()
    assert good.archived_at is not None


@ROW
def test_what_was_begun_before_a_pause_does_not_end_it(known: Known, account: Account, now: datetime) -> None:
    row = known()
    assert Recording.objects.filter(pk=row.pk).lease("tester", limit=1)
    outcome = archive_leased(
        row.pk,
        by="tester",
        clock=Clock(now),
        may_go_on=lambda: account.open_archive_circuit("refused", now=now),
    )
    account.refresh_from_db()
    assert (outcome.result, account.archive_pause) == (Result.ARCHIVED, "refused")


@ROW
def test_a_pause_ends_where_nothing_is_left_that_it_could_stop(
    known: Known, account: Account, world: SandboxState, now: datetime, run_now: Run
) -> None:
    world.delete_recording(str(known().recording_id))
    account.open_archive_circuit("the token was refused", now=now - timedelta(minutes=5))
    assert run_now().stopped == {}
    account.refresh_from_db()
    assert account.archive_pause is None


@ROW
def test_a_broken_row_does_not_stand_in_the_way_of_the_others(
    known: Known, run_now: Run, archive_folder: Path, world: SandboxState
) -> None:
    bad, good = known(age_days=20.0), known()
    world.faults.plan(Fault(on="media.get", path=f"*{bad.recording_id}*", body=b"<html>", times=None))
    report = run_now()
    assert (report.archived, report.failed, report.stopped) == (1, 1, {})
    assert Recording.objects.get(pk=good.pk).archived_at is not None
    assert len(files(archive_folder)) == 1


@ROW
def test_a_storage_that_cannot_be_used_stops_everything_before_a_row_is_touched(
    known: Known, run_now: Run, archive_folder: Path, account: Account, world: SandboxState
) -> None:
    known()
    archive_folder.write_bytes(b"a file where the folder should be")
    before = len(asked(world, "media.get"))
    assert "could not be used" in run_now().stopped[account.auth_id]
    assert len(asked(world, "media.get")) == before


@ROW
def test_old_leftovers_are_swept(known: Known, run_now: Run, archive_folder: Path) -> None:
    known()
    left = archive_folder / "incoming" / "0.part"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half a file")
    os.utime(left, (0, 0))
    run_now()
    assert not left.exists()


@ROW
def test_a_copy_left_without_its_picture_gets_one(
    known: Known, archive_it: Callable[..., Outcome], archive_folder: Path
) -> None:
    """As after a crash between the two; drawn in a process of its own, to the same picture."""
    row = known(channels=2)
    archive_it(row)
    Waveform.objects.all().delete()
    Recording.objects.update(archived_at=timezone.now())
    stop = threading.Event()
    stop.set()
    assert archive.inspect_again(timezone.now(), limit=5, by="tester", stop=stop) == 0
    assert archive.inspect_again(timezone.now(), limit=5, by="tester") == 1
    drawn = Waveform.objects.get(recording=row)
    with storage.archive().open_audio(str(row.audio)) as file:
        found = inspect(file).audio
    assert found is not None
    assert found.peaks is not None
    assert (drawn.channels, bytes(drawn.points)) == (found.peaks.channels, found.peaks.points)
    assert archive.inspect_again(timezone.now(), limit=5, by="tester") == 0
    row.refresh_from_db()
    assert row.leased_by is None


@ROW
def test_a_copy_that_becomes_part_of_another_row_while_it_is_taken_keeps_no_other_from_its_picture(
    known: Known, archive_it: Callable[..., Outcome], archive_folder: Path
) -> None:
    rows = [known(), known()]
    for row in rows:
        archive_it(row)
    Waveform.objects.all().delete()
    Recording.objects.update(archived_at=timezone.now())
    merged = Recording.objects.without_waveform(timezone.now())[0]
    taken = 'UPDATE "recordings_recording" SET "leased_by"'
    with before_statement(taken, lambda: Recording.objects.filter(pk=merged.pk).delete()):
        assert archive.inspect_again(timezone.now(), limit=5, by="tester") == 1
    assert Waveform.objects.get().recording in rows


@ROW
def test_a_picture_that_cannot_be_drawn_now_keeps_no_copy_from_being_made(
    known: Known, archive_it: Callable[..., Outcome], run_now: Run, archive_folder: Path
) -> None:
    """A bad sector, as the file system tells of it: here a folder where the file should be."""
    row, other, new = known(), known(), known(age_days=0.5)
    archive_it(row)
    archive_it(other)
    Waveform.objects.all().delete()
    Recording.objects.filter(archived_at__isnull=False).update(archived_at=timezone.now())
    (archive_folder / str(other.audio)).unlink()
    (archive_folder / str(other.audio)).mkdir()
    assert run_now(now=timezone.now()).archived == 1
    assert set(Waveform.objects.values_list("recording_id", flat=True)) == {row.pk, new.pk}
    other.refresh_from_db()
    assert other.leased_by is None


@ROW
def test_what_cannot_be_drawn_is_not_tried_again(
    known: Known, archive_it: Callable[..., Outcome], archive_folder: Path
) -> None:
    row = known()
    archive_it(row)
    Waveform.objects.all().delete()
    Recording.objects.update(archived_at=timezone.now())
    (archive_folder / str(row.audio)).write_bytes(b"altered")
    assert archive.inspect_again(timezone.now(), limit=5, by="tester") == 1
    assert archive.inspect_again(timezone.now(), limit=5, by="tester") == 0
    assert bytes(Waveform.objects.get().points) == b""


@ROW
def test_a_copy_that_was_found_missing_is_fetched_again(
    known: Known, archive_it: Callable[..., Outcome], run_now: Run
) -> None:
    row = known()
    archive_it(row)
    before = row.audio
    Recording.objects.update(needs_attention=Attention.AUDIO_MISSING, archived_at=None)
    assert run_now().archived == 1
    row.refresh_from_db()
    assert (row.needs_attention, row.archive_flag) == (None, None)
    assert row.audio != before


@THREADS
def test_told_to_stop_it_finishes_what_it_has_in_hand(
    known: Known, run_now: Run, world: SandboxState
) -> None:
    for _ in range(5):
        known()
    stop = threading.Event()
    world.faults.plan(Fault(on="media.get", first=lambda _world: stop.set()))
    report = run_now(workers=2, stop=stop)
    assert 1 <= report.archived <= 2
    assert not Recording.objects.filter(leased_by__isnull=False).exists()


@THREADS
def test_a_run_that_breaks_ends_itself_and_not_the_worker_it_is_part_of(known: Known, run_now: Run) -> None:
    """As when the database goes away in the middle: the worker's other work goes on."""
    for _ in range(3):
        known()
    stop = threading.Event()

    def break_down(_report: Any) -> None:
        raise OperationalError("the database is away")

    with pytest.raises(OperationalError):
        run_now(workers=2, stop=stop, progress=break_down)
    assert not stop.is_set()
    assert run_now(workers=2, stop=stop).archived >= 1
    assert not Recording.objects.filter(archived_at=None).exists()


@THREADS
def test_interrupted_it_drops_what_it_has_in_hand_and_frees_it(
    known: Known, run_now: Run, archive_folder: Path, world: SandboxState
) -> None:
    known(duration=600.0)
    known(duration=600.0)

    def interrupt(_report: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_now(workers=2, progress=interrupt)
    assert not Recording.objects.filter(leased_by__isnull=False).exists()
    assert len(files(archive_folder)) == Recording.objects.filter(archived_at__isnull=False).count()
