"""Trying the archive's storage: what is wrong with it is found before a recording depends on it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from recordings.archive.trial import Step, Trial, try_storage
from recordings.storage import Space, StorageError
from recordings.storage.folder import ArchiveFolder
from tests.object_storage import NO_LIST, OPEN_BUCKET, WRITER, ObjectStorage, as_s3_answers_without_list
from tests.ports import free_ports

EVERYTHING = tuple(Step)


class Full(ArchiveFolder):
    """A disk with hardly any room."""

    def working_space(self) -> Space:
        return Space(10**6, 10**12)


class Forgetful(ArchiveFolder):
    """A disk that gives back something else."""

    def keep(self, path: Path, name: str) -> None:
        body = path.read_bytes()
        path.write_bytes(body[:1_500] + bytes([body[1_500] ^ 1]) + body[1_501:])
        super().keep(path, name)


class Modeless(ArchiveFolder):
    """A disk such as a memory stick's, on which everything is everybody's."""

    def keep(self, path: Path, name: str) -> None:
        super().keep(path, name)
        for folder in (self.location / name, *(self.location / name).parents):
            if folder.is_relative_to(self.location):
                folder.chmod(0o777)


class Stubborn(ArchiveFolder):
    """A disk that lets nothing go."""

    def delete(self, name: str) -> None:
        raise StorageError("Not allowed.")


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def kept_by(settings: Settings, backend: type[ArchiveFolder], folder: Path) -> None:
    backend_name = f"{backend.__module__}.{backend.__qualname__}"
    settings.STORAGES = settings.STORAGES | {
        "archive": {"BACKEND": backend_name, "OPTIONS": {"location": folder}}
    }


def spoil(settings: Settings, **options: Any) -> None:
    now = settings.STORAGES["archive"]
    settings.STORAGES = settings.STORAGES | {"archive": now | {"OPTIONS": now["OPTIONS"] | options}}


def test_a_folder_that_works_is_said_to_and_left_as_it_was(archive_folder: Path) -> None:
    assert try_storage() == Trial(f"file://{archive_folder}", EVERYTHING)
    assert files(archive_folder) == []


def test_a_bucket_that_works_is_said_to_and_left_as_it_was(s3_archive: ObjectStorage, tmp_path: Path) -> None:
    assert try_storage() == Trial(f"s3://audio ({s3_archive.endpoint})", EVERYTHING)
    assert s3_archive.names() == []
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("backend", "step", "why", "left"),
    [
        (Full, Step.SPACE, "1 MB are free, and 50000 MB must stay free", False),
        (Forgetful, Step.COMPARE, "not what was written", False),
        (Stubborn, Step.DELETE, "Not allowed", True),
    ],
)
def test_the_step_that_fails_is_named_with_its_cure(
    settings: Settings, tmp_path: Path, backend: type[ArchiveFolder], step: Step, why: str, *, left: bool
) -> None:
    kept_by(settings, backend, tmp_path / "archive")
    tried = try_storage()
    assert (tried.ok, tried.failed, tried.done) == (False, step, EVERYTHING[: EVERYTHING.index(step)])
    assert why in tried.why
    assert tried.cure
    assert [path.name for path in files(tmp_path)] == ([Path(tried.left or "").name] if left else [])
    assert (tried.left is not None) is left


def test_a_folder_that_cannot_be_made_fails_to_be_written(settings: Settings, tmp_path: Path) -> None:
    in_the_way = tmp_path / "archive"
    in_the_way.write_bytes(b"a file where the folder should be")
    kept_by(settings, ArchiveFolder, in_the_way)
    tried = try_storage()
    assert (tried.failed, tried.left) == (Step.WRITE, None)
    assert "Give the folder to the user" in tried.cure


def test_a_disk_that_keeps_no_modes_is_open_to_every_user_of_the_machine(
    settings: Settings,
) -> None:
    with tempfile.TemporaryDirectory() as closed:  # pytest's own folders lie in one that is closed
        folder = Path(closed)
        kept_by(settings, Modeless, folder / "archive")
        assert try_storage().ok
        folder.chmod(0o755)
        assert try_storage().failed == Step.PRIVATE
        assert files(folder) == []


@pytest.mark.parametrize(
    ("options", "step", "why"),
    [
        ({"secret_key": "wrong"}, Step.WRITE, "refused S3_ACCESS_KEY_ID"),
        ({"access_key": "nobody"}, Step.WRITE, "refused S3_ACCESS_KEY_ID"),
        ({"bucket_name": "another"}, Step.WRITE, "refused S3_ACCESS_KEY_ID"),
        ({"access_key": WRITER[0], "secret_key": WRITER[1]}, Step.READ, "may not do this"),
        ({"bucket_name": OPEN_BUCKET}, Step.PRIVATE, "read by others than the portal"),
    ],
)
def test_what_is_wrong_with_a_bucket_is_found_at_its_step(
    s3_archive: ObjectStorage, settings: Settings, options: dict[str, str], step: Step, why: str
) -> None:
    spoil(settings, **options)
    tried = try_storage()
    assert (tried.failed, tried.left) == (step, None)
    assert why in tried.why
    assert tried.cure
    assert s3_archive.names() == []
    assert s3_archive.client().list_objects_v2(Bucket=OPEN_BUCKET)["KeyCount"] == 0


def test_a_key_that_may_not_list_lacks_that_right_and_no_other(
    s3_archive: ObjectStorage, settings: Settings
) -> None:
    key = {"access_key": NO_LIST[0], "secret_key": NO_LIST[1]}
    with as_s3_answers_without_list(s3_archive) as endpoint:
        spoil(settings, endpoint_url=endpoint, **key)
        tried = try_storage()
    assert (tried.failed, tried.left) == (Step.LIST, None)
    assert "s3:ListBucket" in tried.cure
    assert s3_archive.names() == []


def test_a_storage_that_is_away_is_said_to_be(s3_archive: ObjectStorage, settings: Settings) -> None:
    spoil(settings, endpoint_url=f"http://127.0.0.1:{free_ports()}")
    tried = try_storage()
    assert (tried.failed, tried.why) == (Step.WRITE, "The object storage could not be reached.")
