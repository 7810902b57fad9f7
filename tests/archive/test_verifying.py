"""The archive read again: what is missing or altered is no copy any more, and nothing that is known of it is lost."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from recordings import storage
from recordings.archive.verifying import MANY_MISSING, Report, unknown_files, verify
from recordings.choices import Attention
from recordings.models import Account, Recording
from tests.archive.conftest import Known, Run, after, at_vobiz, holds
from tests.archived import an_archived
from tests.meanwhile import before_statement
from tests.object_storage import ObjectStorage
from tests.ports import free_ports
from vobiz_portal.sandbox.state import SandboxState

Verify = Callable[..., Report]
TAKEN = 'UPDATE "recordings_recording" SET "leased_by"'
pytestmark = pytest.mark.django_db


@pytest.fixture
def verify_it(account: Account, now: datetime, archive_folder: Path) -> Verify:
    """All of the account's, a day after it was archived."""

    def verify_it(**options: Any) -> Report:
        given = {"by": "verifier", "now": now + timedelta(days=1), **options}
        return verify(given.pop("accounts", [account]), **given)

    return verify_it


def copies(account: Account, now: datetime, *, count: int) -> list[Recording]:
    """Of which the first was looked at longest ago."""
    return [
        an_archived(account, b"RIFF%d" % at, archived_at=now, verified_at=now + timedelta(seconds=at))
        for at in range(count)
    ]


def found(report: Report) -> tuple[int, int, int]:
    return report.total("verified"), report.total("missing"), report.total("altered")


def test_a_copy_that_is_as_it_was_is_dated(account: Account, verify_it: Verify, now: datetime) -> None:
    (row,) = copies(account, now, count=1)
    report = verify_it()
    row.refresh_from_db()
    assert found(report) == (1, 0, 0)
    assert report.accounts == {account.auth_id: {"verified": 1}}
    assert report.bytes == row.audio_bytes
    assert after(row.verified_at, now + timedelta(days=1)) < timedelta(minutes=1)
    assert (row.archived_at, row.needs_attention, row.leased_by) == (now, None, None)


@pytest.mark.parametrize(
    ("spoil", "attention", "words"),
    [
        (lambda path: path.unlink(), Attention.AUDIO_MISSING, "no longer in the archive"),
        (lambda path: path.write_bytes(b"RIFF1"), Attention.AUDIO_ALTERED, "not what was archived"),
        (lambda path: path.write_bytes(b"RIFF00"), Attention.AUDIO_ALTERED, "not what was archived"),
        (lambda path: path.write_bytes(b""), Attention.AUDIO_ALTERED, "not what was archived"),
    ],
)
def test_a_copy_that_is_none_any_more_is_due_again_and_what_was_known_of_it_stays(
    account: Account, verify_it: Verify, archive_folder: Path, now: datetime, spoil: Callable[[Path], object],
    attention: Attention, words: str,
) -> None:  # fmt: skip
    row, other = copies(account, now, count=2)
    spoil(archive_folder / str(row.audio))
    report = verify_it()
    before, now_is = row, Recording.objects.get(pk=row.pk)
    missing = attention == Attention.AUDIO_MISSING
    assert found(report) == (1, int(missing), int(not missing))
    assert (now_is.archived_at, now_is.needs_attention, now_is.archive_next_at) == (None, attention, None)
    assert words in str(now_is.archive_error)
    assert (now_is.audio, now_is.audio_sha256, now_is.audio_bytes) == (
        before.audio, before.audio_sha256, before.audio_bytes,
    )  # fmt: skip
    assert list(Recording.objects.due_for_archive(now, [account])) == [now_is]
    assert list(Recording.objects.never_archived()) == [now_is]
    assert Recording.objects.get(pk=other.pk).archived_at == now


@pytest.mark.parametrize("way", ["unlink", "alter"])
def test_what_vobiz_still_has_is_fetched_again(
    known: Known,
    run_now: Run,
    verify_it: Verify,
    archive_folder: Path,
    world: SandboxState,
    now: datetime,
    way: str,
) -> None:
    row = known()
    assert run_now().archived == 1
    row.refresh_from_db()
    path = archive_folder / str(row.audio)
    path.unlink() if way == "unlink" else path.write_bytes(b"RIFF")
    assert found(verify_it())[0] == 0
    assert run_now(now=now + timedelta(days=2)).archived == 1
    row.refresh_from_db()
    assert (row.needs_attention, row.archive_error) == (None, None)
    path.unlink(missing_ok=True)  # the altered file is left where it was
    assert holds(archive_folder, row, at_vobiz(world, row))
    assert found(verify_it(now=now + timedelta(days=3))) == (1, 0, 0)


@pytest.mark.parametrize("seen", [False, True])
def test_what_comes_back_from_a_backup_is_a_copy_again(
    account: Account, verify_it: Verify, archive_folder: Path, now: datetime, *, seen: bool
) -> None:
    (row,) = copies(account, now, count=1)
    path = archive_folder / str(row.audio)
    path.rename(archive_folder / "backup")
    Recording.objects.update(gone_at_provider_at=now)
    assert found(verify_it()) == (0, 1, 0)
    assert found(verify_it()) == (0, 1, 0)  # said again and again
    if seen:
        person = User.objects.create(username="who")
        Recording.objects.all().mark_seen(by=person, note="lost", now=now, accounts=[account])
        assert found(verify_it()) == (0, 0, 0)
    (archive_folder / "backup").rename(path)
    assert found(verify_it()) == (1, 0, 0)
    row.refresh_from_db()
    assert row.archived_at is not None
    assert (row.needs_attention, row.archive_error) == (None, None)


def test_the_longest_unlooked_at_come_first_and_no_more_than_asked_for(
    account: Account, verify_it: Verify, now: datetime
) -> None:
    rows = copies(account, now, count=5)
    for slice_of in (rows[:2], rows[2:4], rows[4:]):
        before = set(Recording.objects.filter(verified_at__gte=now + timedelta(hours=1)))
        assert verify_it(limit=2).total("verified") == len(slice_of)
        looked_at = set(Recording.objects.filter(verified_at__gte=now + timedelta(hours=1)))
        assert looked_at - before == set(slice_of)
    assert verify_it(limit=2).looked_at == 0


def test_copies_known_to_be_spoilt_take_the_place_of_no_whole_one(
    account: Account, verify_it: Verify, archive_folder: Path, now: datetime
) -> None:
    rows = copies(account, now, count=30)
    spoilt, whole = rows[:20], rows[20:]
    for row in spoilt:
        (archive_folder / str(row.audio)).unlink()
    assert found(verify_it()) == (10, 20, 0)
    person = User.objects.create(username="who")
    chosen = Recording.objects.filter(pk__in=[row.pk for row in spoilt[:10]])
    assert len(chosen.mark_seen(by=person, note="lost", now=now, accounts=[account])) == 10

    verified = [verify_it(limit=5, now=now + timedelta(days=day)).total("verified") for day in (2, 3, 4)]

    assert verified == [4, 4, 4]
    looked_at = Recording.objects.filter(pk__in=[row.pk for row in whole])
    assert not looked_at.filter(verified_at__lt=now + timedelta(days=2)).exists()
    assert verify_it(limit=1, now=now + timedelta(days=5)).total("verified") == 1


def test_each_copy_known_to_be_spoilt_has_its_turn_however_few_are_looked_at(
    account: Account, verify_it: Verify, archive_folder: Path, now: datetime
) -> None:
    rows = copies(account, now, count=30)
    for row in rows[:7]:
        (archive_folder / str(row.audio)).unlink()
    assert found(verify_it()) == (23, 7, 0)
    for at, row in enumerate(rows[:7]):
        (archive_folder / str(row.audio)).write_bytes(b"RIFF%d" % at)

    for day in range(2, 9):
        verify_it(limit=10, now=now + timedelta(days=day))

    assert not Recording.objects.filter(archived_at=None).exists()


def test_what_a_slice_has_left_is_for_copies_known_to_be_spoilt(
    account: Account, verify_it: Verify, archive_folder: Path, now: datetime
) -> None:
    rows = copies(account, now, count=12)
    for row in rows[:8]:
        (archive_folder / str(row.audio)).unlink()
    assert found(verify_it()) == (4, 8, 0)
    assert found(verify_it(limit=20, now=now + timedelta(days=2))) == (4, 8, 0)


def test_a_run_ends_when_its_time_is_over_or_it_is_told_to(
    account: Account, verify_it: Verify, now: datetime
) -> None:
    copies(account, now, count=3)
    stop = threading.Event()
    stop.set()
    assert verify_it(stop=stop).looked_at == 0
    assert verify_it(within=timedelta(0)).looked_at == 0
    assert verify_it(within=timedelta(hours=1)).looked_at == 3


def test_only_the_accounts_asked_for_are_looked_at(
    account: Account, subaccount: Account, verify_it: Verify, now: datetime
) -> None:
    copies(account, now, count=1)
    copies(subaccount, now, count=2)
    assert verify_it(accounts=[subaccount]).accounts == {subaccount.auth_id: {"verified": 2}}


def test_what_another_works_on_is_left_to_it(account: Account, verify_it: Verify, now: datetime) -> None:
    row, _other = copies(account, now, count=2)
    assert Recording.objects.filter(pk=row.pk).lease("another", limit=1)
    assert verify_it().looked_at == 1
    row.refresh_from_db()
    assert row.leased_by == "another"


def test_a_disk_that_is_not_mounted_marks_nothing(
    account: Account, verify_it: Verify, archive_folder: Path, now: datetime
) -> None:
    copies(account, now, count=MANY_MISSING + 1)
    archive_folder.rename(archive_folder.with_name("unmounted"))
    report = verify_it()
    assert report.total("missing") == MANY_MISSING + 1
    assert "is the archive's disk mounted" in str(report.stopped)
    assert not Recording.objects.filter(archived_at=None).exists()
    assert verify_it(mark_many=True).stopped is None
    assert not Recording.objects.filter(archived_at__isnull=False).exists()
    archive_folder.with_name("unmounted").rename(archive_folder)
    assert found(verify_it()) == (MANY_MISSING + 1, 0, 0)
    assert not Recording.objects.exclude(needs_attention=None).exists()


def test_a_storage_that_goes_away_while_the_missing_are_marked_ends_the_run_with_its_report(
    account: Account, verify_it: Verify, archive_folder: Path, now: datetime
) -> None:
    gone, _other = copies(account, now, count=2)
    path = archive_folder / str(gone.audio)
    path.unlink()

    def the_disk_goes(report: Report) -> None:
        if report.looked_at == 2:
            path.parent.rmdir()
            path.parent.write_bytes(b"")  # no folder any more: nothing can be said of what lies in it

    report = verify_it(progress=the_disk_goes)

    assert found(report) == (1, 1, 0)
    assert report.stopped == "The archive's folder could not be used: Not a directory."
    assert not Recording.objects.filter(archived_at=None).exists()
    assert not Recording.objects.exclude(leased_by=None).exists()


def test_a_row_that_becomes_part_of_another_while_it_is_taken_is_passed_over(
    account: Account, verify_it: Verify, now: datetime
) -> None:
    gone, other = copies(account, now, count=2)
    with before_statement(TAKEN, lambda: Recording.objects.filter(pk=gone.pk).delete()):
        assert found(verify_it()) == (1, 0, 0)
    assert Recording.objects.get() == other


def test_a_storage_that_is_away_marks_nothing_and_is_not_asked_for_each_file(
    account: Account, s3_archive: ObjectStorage, settings: Settings, now: datetime
) -> None:
    copies(account, now, count=5)
    report = verify([account], by="verifier", now=now + timedelta(days=1))
    assert found(report) == (5, 0, 0)
    backend = settings.STORAGES["archive"]
    away = backend["OPTIONS"] | {"endpoint_url": f"http://127.0.0.1:{free_ports()}"}
    settings.STORAGES = settings.STORAGES | {"archive": backend | {"OPTIONS": away}}
    report = verify([account], by="verifier", now=now + timedelta(days=2))
    assert (found(report), report.unread) == ((0, 0, 0), 3)
    assert report.stopped == "The object storage could not be reached."
    assert not Recording.objects.filter(archived_at=None).exists()


def test_what_is_missing_from_object_storage_or_altered_there_is_found(
    account: Account, s3_archive: ObjectStorage, now: datetime
) -> None:
    gone, altered, emptied, whole = copies(account, now, count=4)
    client = s3_archive.client()
    client.delete_object(Bucket=s3_archive.bucket, Key=gone.audio)
    client.put_object(Bucket=s3_archive.bucket, Key=altered.audio, Body=b"RIFF9")
    client.put_object(Bucket=s3_archive.bucket, Key=emptied.audio, Body=b"")
    report = verify([account], by="verifier", now=now + timedelta(days=1))
    assert found(report) == (1, 1, 2)
    assert Recording.objects.get(archived_at__isnull=False) == whole
    assert list(unknown_files(now=now)) == []


def test_files_that_no_row_tells_of_are_named_once_they_are_old_and_never_removed(
    account: Account, archive_folder: Path, now: datetime
) -> None:
    copies(account, now, count=2)
    strays = []
    for _ in range(2):
        name = storage.new_name("mp3")
        with storage.staging_file() as part:
            part.file.write(b"ID3")
            storage.archive().keep(part.path, name)
        strays.append(archive_folder / name)
    at = now.timestamp()
    for path in archive_folder.rglob("*.mp3"):
        os.utime(path, (at, at - 3_601))
    os.utime(strays[0], (at, at - 3_599))
    assert list(unknown_files(now=now)) == [strays[1].relative_to(archive_folder).as_posix()]
    assert all(path.is_file() for path in strays)
