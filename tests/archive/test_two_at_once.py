"""Two who have one recording in hand: a lease that was lost, a row that was merged. No copy is lost by that."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from recordings.archive import Outcome, Result
from recordings.choices import Origin, RecordingStatus
from recordings.models import Recording, claim_recording_id
from recordings.models.account import new_callback_key
from recordings.storage import StorageError
from recordings.storage.folder import ArchiveFolder
from tests.archive.conftest import Known, at_vobiz, files, holds
from tests.archived import archive_one
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.django_db


class Meeting(ArchiveFolder):
    """The archive's folder, where something happens once, between a file's arrival and the look at it."""

    meanwhile: Callable[[], Any] | None = None

    def size(self, name: str) -> int:
        happens, Meeting.meanwhile = Meeting.meanwhile, None
        if happens is not None:
            happens()
        return super().size(name)


@pytest.fixture
def meeting(settings: Settings, archive_folder: Path) -> Iterator[Path]:
    backend = f"{Meeting.__module__}.{Meeting.__qualname__}"
    archived = {"BACKEND": backend, "OPTIONS": {"location": archive_folder}}
    settings.STORAGES = settings.STORAGES | {"archive": archived}
    yield archive_folder
    Meeting.meanwhile = None


def test_what_another_found_and_archived_meanwhile_is_not_deleted(
    known: Known, meeting: Path, world: SandboxState, now: datetime
) -> None:
    row = known()
    outcomes: list[Outcome] = []

    def another_takes_it() -> None:
        Recording.objects.filter(pk=row.pk).update(leased_until=now - timedelta(days=4_000))
        outcomes.append(archive_one(Recording.objects.get(pk=row.pk), by="second", now=now))

    Meeting.meanwhile = another_takes_it
    first = archive_one(row, by="first", now=now)

    assert (first.result, outcomes[0].result) == (Result.TAKEN, Result.ARCHIVED)
    row.refresh_from_db()
    assert holds(meeting, row, at_vobiz(world, row))


def test_what_a_merged_row_archived_meanwhile_is_not_deleted(
    known: Known, meeting: Path, world: SandboxState, now: datetime
) -> None:
    row = known()
    began = now - timedelta(days=2)
    asked = Recording.objects.create(
        account=row.account, call=row.call, origin=Origin.PORTAL, status=RecordingStatus.REQUESTED,
        callback_key=new_callback_key(), requested_at=began, time_limit=100, happened_at=began,
    )  # fmt: skip
    outcomes: list[Outcome] = []

    def a_callback_names_it() -> None:
        assert claim_recording_id(asked, str(row.recording_id))
        outcomes.append(archive_one(Recording.objects.get(pk=asked.pk), by="second", now=now))

    Meeting.meanwhile = a_callback_names_it
    first = archive_one(row, by="first", now=now)

    assert (first.result, outcomes[0].result) == (Result.TAKEN, Result.ARCHIVED)
    asked.refresh_from_db()
    assert holds(meeting, asked, at_vobiz(world, asked))


def test_what_another_never_saw_is_deleted(
    known: Known, meeting: Path, world: SandboxState, now: datetime
) -> None:
    row = known()

    def another_fetches_it_anew() -> None:
        Recording.objects.filter(pk=row.pk).update(
            leased_until=now - timedelta(days=4_000), coming_audio=None, coming_sha256=None
        )
        archive_one(Recording.objects.get(pk=row.pk), by="second", now=now)

    Meeting.meanwhile = another_fetches_it_anew
    assert archive_one(row, by="first", now=now).result == Result.TAKEN

    row.refresh_from_db()
    assert holds(meeting, row, at_vobiz(world, row))


def test_a_file_that_cannot_be_read_back_leaves_nothing_behind(
    known: Known, meeting: Path, now: datetime
) -> None:
    row = known()

    def away() -> None:
        raise StorageError("The folder could not be read.")

    Meeting.meanwhile = away
    assert archive_one(row, by="first", now=now).result == Result.PAUSED

    row.refresh_from_db()
    assert (row.archived_at, row.coming_audio, files(meeting)) == (None, None, [])
