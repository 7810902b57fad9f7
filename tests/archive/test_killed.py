"""Killed at any point of an archive, again and again: every recording is archived once, and nothing is left over."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone
from pytest_django import Settings

from recordings import storage, sync
from recordings.archive import Outcome, Result
from recordings.models import Account, Recording, Waveform
from recordings.sync import SyncRequest
from tests.archive.conftest import at_vobiz, files, sha256
from tests.archived import archive_one
from tests.commands.shell import MANAGE, environment
from tests.conftest import MAIN
from tests.ledger import asked
from tests.object_storage import NO_LIST, ObjectStorage, as_s3_answers_without_list
from tests.waiting import eventually
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.django_db(transaction=True)
RECORDINGS = 150


class Lives:
    """A command, each life of it a process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self) -> int:
        """Its pid."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return int(self._line())

    def ended(self) -> int:
        """Its exit status, once it has ended."""
        return int(self._line())

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def lives(*command: str, **environ: str) -> Iterator[Lives]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.archive.forked", *command], cwd=MANAGE.parent,
        env=environment(**environ), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield Lives(process)
    finally:
        process.communicate(timeout=60)


@pytest.fixture
def now() -> datetime:
    """The children's clock is the real one."""
    return timezone.now()


@pytest.fixture
def due(world: SandboxState, account: Account, now: datetime) -> list[Recording]:
    """Many recordings to be archived, of both formats and several lengths."""
    for at in range(RECORDINGS):
        container = ("mp3", "wav")[at % 2]
        world.add_recording(MAIN, age_days=1 + at / 100, duration=2.0 + at % 9, file_format=container)
    sync.run(account, SyncRequest(full=True), now=now, sync_run=None)
    rows = list(Recording.objects.order_by("pk"))
    assert len(rows) == RECORDINGS
    return rows


def tries(world: SandboxState) -> int:
    """How often an archive was begun: it asks for the recording first."""
    return len(asked(world, "recording.retrieve"))


def kill_again_and_again(command: Lives, times: int, world: SandboxState) -> int:
    """At a random moment after it has begun; how often it had an archive in hand."""
    rng, pause, in_hand = random.Random(1), threading.Event(), 0
    for _ in range(times):
        before = tries(world)
        pid = command.begin()
        eventually(lambda before=before: tries(world) > before, every=0.005)  # type: ignore[misc]
        pause.wait(rng.uniform(0, 0.15))
        os.kill(pid, signal.SIGKILL)
        assert command.ended() == -signal.SIGKILL
        held = Recording.objects.filter(leased_until__gt=Now())
        in_hand += bool(held)
        held.update(leased_until=datetime(2000, 1, 1, tzinfo=UTC))  # as if its 30 seconds were over
    return in_hand


def all_is_well(world: SandboxState, due: list[Recording]) -> None:
    """Each is archived under one name with Vobiz's bytes, has its picture, and nobody has it in hand."""
    rows = list(Recording.objects.order_by("pk"))
    assert [row.pk for row in rows] == [row.pk for row in due]
    for row in rows:
        body = at_vobiz(world, row)
        assert row.archived_at is not None, row.archive_error
        assert (row.audio_sha256, row.audio_bytes) == (sha256(body), len(body))
        with storage.archive().open_audio(str(row.audio)) as kept:
            assert kept.read() == body
    assert sorted(storage.archive().names()) == sorted(str(row.audio) for row in rows)
    assert not Recording.objects.exclude(coming_audio=None, needs_attention=None).exists()
    assert not Recording.objects.filter(leased_until__gt=Now()).exists()
    assert Waveform.objects.count() == len(rows)


def ran_to_its_end(command: Lives) -> None:
    """Twice: at its start it draws a few of what was never drawn, in the end all."""
    for _ in range(3):
        command.begin()
        assert command.ended() == 0


def worked_until_all_was_there(command: Lives) -> None:
    """And then was asked to stop."""
    pid = command.begin()
    eventually(lambda: Waveform.objects.count() == RECORDINGS, within=120)
    os.kill(pid, signal.SIGTERM)
    assert command.ended() == 0


@pytest.mark.parametrize("kept_in", ["folder", "bucket"])
def test_what_was_put_there_before_a_kill_is_taken_for_the_copy(
    world: SandboxState, account: Account, now: datetime, request: pytest.FixtureRequest, kept_in: str
) -> None:
    """The file lies in the archive, and its process was killed before the row could say so."""
    request.getfixturevalue("archive_folder" if kept_in == "folder" else "s3_archive")
    row, body = put_there(world, account, now)
    assert archive_one(row, by="the next", now=now) == Outcome(Result.ARCHIVED, size=len(body))
    assert asked(world, "media.get") == []
    all_is_well(world, [row])
    assert Recording.objects.get().audio == row.coming_audio


def _overwrite(path: Path) -> None:
    path.write_bytes(b"RIFF")


def test_what_was_put_there_and_is_another_now_is_fetched_again(
    world: SandboxState, account: Account, now: datetime, archive_folder: Path
) -> None:
    for spoil in (_overwrite, Path.unlink):
        Recording.objects.all().delete()
        row, _body = put_there(world, account, now)
        spoil(archive_folder / str(row.coming_audio))
        assert archive_one(row, by="the next", now=now).result == Result.ARCHIVED
        (copied,) = Recording.objects.all()
        assert copied.audio != row.coming_audio
        assert files(archive_folder) == [archive_folder / str(copied.audio)]
        (archive_folder / str(copied.audio)).unlink()


def test_a_key_that_may_not_list_fetches_again_what_a_kill_left_unsaid(
    world: SandboxState, account: Account, now: datetime, s3_archive: ObjectStorage, settings: Settings
) -> None:
    row, body = put_there(world, account, now)
    s3_archive.empty()  # killed before the upload; S3 answers such a key 403, not 404
    options = settings.STORAGES["archive"]["OPTIONS"]
    with as_s3_answers_without_list(s3_archive) as endpoint:
        options = options | {"endpoint_url": endpoint, "access_key": NO_LIST[0], "secret_key": NO_LIST[1]}
        settings.STORAGES = settings.STORAGES | {
            "archive": settings.STORAGES["archive"] | {"OPTIONS": options}
        }
        assert archive_one(row, by="the next", now=now) == Outcome(Result.ARCHIVED, size=len(body))
    account.refresh_from_db()
    assert account.archive_pause is None
    assert s3_archive.names() == [Recording.objects.get().audio]


def test_a_key_that_is_refused_altogether_pauses_before_anything_is_fetched(
    world: SandboxState, account: Account, now: datetime, s3_archive: ObjectStorage, settings: Settings
) -> None:
    row, _body = put_there(world, account, now)
    options = settings.STORAGES["archive"]["OPTIONS"] | {"secret_key": "wrong"}
    settings.STORAGES = settings.STORAGES | {"archive": settings.STORAGES["archive"] | {"OPTIONS": options}}
    assert archive_one(row, by="the next", now=now).result == Result.PAUSED
    assert asked(world, "media.get") == []
    assert Recording.objects.get().coming_audio == row.coming_audio


def put_there(world: SandboxState, account: Account, now: datetime) -> tuple[Recording, bytes]:
    made = world.add_recording(MAIN, age_days=1.0, duration=3.0)
    sync.run(account, SyncRequest(recording_id=made.recording_id), now=now, sync_run=None)
    row = Recording.objects.get(recording_id=made.recording_id)
    body = at_vobiz(world, row)
    name = storage.new_name("mp3")
    with storage.staging_file() as part:
        part.file.write(body)
        assert Recording.objects.filter(pk=row.pk).lease("killed", limit=1)
        assert row.begin_upload("killed", name=name, sha256=sha256(body))
        storage.archive().keep(part.path, name)
    row.release("killed")
    row.refresh_from_db()
    return row, body


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "times"), [("archive_recordings", 30), pytest.param("worker", 15, marks=pytest.mark.once)]
)
def test_killed_again_and_again_it_archives_everything_once_and_leaves_nothing(
    world: SandboxState, due: list[Recording], archive_folder: Path, name: str, times: int
) -> None:
    world.faults.plan(Fault(on="media.get", delay_before=0.08, times=None))
    given: dict[str, Any] = {"VAR_DIR": str(archive_folder.parent), "SWEEP_SECONDS": "0.2"}
    options = ["--workers", "2"] if name == "archive_recordings" else []
    with lives(name, *options, **given) as command:
        in_hand = kill_again_and_again(command, times, world)
        left = Recording.objects.filter(archived_at=None).count()
        assert in_hand >= 0.8 * times
        assert left > 0
        world.faults.clear()
        finish = worked_until_all_was_there if name == "worker" else ran_to_its_end
        finish(command)
    all_is_well(world, due)
    assert len(files(archive_folder)) == RECORDINGS
