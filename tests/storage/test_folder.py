"""The archive in a folder: private, whole or not at all, and plain about a disk that takes no more."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages

from recordings import storage
from recordings.storage.space import Space
from recordings.storage.staging import staging_file, sweep

ROOT = Path(__file__).parent.parent.parent
BODY = bytes(range(256)) * 4096  # 1 MiB


def put(body: bytes = BODY, container: str = "wav") -> str:
    name = storage.new_name(container)
    with storage.staging_file() as part:
        part.file.write(body)
        storage.archive().keep(part.path, name)
    return name


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_kept_file_lies_under_a_name_of_ours_that_only_the_portal_may_read(archive_folder: Path) -> None:
    name = put()
    assert re.fullmatch(r"([0-9a-f]{2})/([0-9a-f]{2})/\1\2[0-9a-f]{28}\.wav", name)
    path = archive_folder / name
    assert path.read_bytes() == BODY
    assert mode(path) == 0o600
    assert {mode(path.parent), mode(path.parent.parent), mode(archive_folder / "incoming")} == {0o700}
    assert files(archive_folder) == [path]


def test_the_first_file_makes_every_folder_private_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with staging_file(tmp_path / "new" / "archive" / "incoming") as part:
            assert mode(part.path) == 0o600
    finally:
        os.umask(before)
    assert {mode(path) for path in tmp_path.rglob("*") if path.is_dir()} == {0o700}


def test_what_is_not_kept_leaves_nothing(archive_folder: Path) -> None:
    with storage.staging_file() as part:
        part.file.write(BODY)
        assert mode(part.path) == 0o600
        assert files(archive_folder) == [part.path]
    assert files(archive_folder) == []


def test_it_is_read_in_part_and_as_a_whole(archive_folder: Path) -> None:
    name = put()
    assert storage.archive().size(name) == len(BODY)
    assert b"".join(storage.archive().read_range(name, 1000, 700_000)) == BODY[1000:700_000]
    assert b"".join(storage.archive().read_range(name, len(BODY) - 5, len(BODY) + 100)) == BODY[-5:]
    assert b"".join(storage.archive().read_range(name, 7, 7)) == b""
    with storage.archive().open_audio(name) as file:
        file.seek(-3, os.SEEK_END)
        assert file.read() == BODY[-3:]


def test_it_says_what_is_there_and_forgets_what_is_deleted(archive_folder: Path) -> None:
    kept = {put(), put(container="mp3")}
    (archive_folder / "stray.mp3").write_bytes(b"x")
    (archive_folder / "ab").mkdir(exist_ok=True)
    assert set(storage.archive().names()) == kept
    gone = kept.pop()
    storage.archive().delete(gone)
    storage.archive().delete(gone)
    assert set(storage.archive().names()) == kept
    for look in (
        storage.archive().size,
        storage.archive().open_audio,
        lambda name: b"".join(storage.archive().read_range(name, 0, 1)),
    ):
        with pytest.raises(storage.AudioMissingError):
            look(gone)


def test_it_is_the_storage_django_knows_as_the_archive_and_has_no_public_address(
    archive_folder: Path,
) -> None:
    archive = storages["archive"]
    name = archive.save(storage.new_name("mp3"), ContentFile(BODY))
    with archive.open(name) as file:
        assert file.read() == BODY
    assert archive.exists(name)
    assert archive.size(name) == len(BODY)
    with pytest.raises(NotImplementedError):
        archive.url(name)


@pytest.mark.parametrize(
    "name",
    ["", "../x.mp3", "/etc/passwd", "ab/cd/ef.mp3", "ab/cd/" + "0" * 32 + ".mp3", "aa/aa/" + "a" * 32 + ".html",
     "aa/aa/" + "a" * 32 + ".mp3\n", "incoming/x.part"],
)  # fmt: skip
def test_no_other_name_reaches_the_disk(archive_folder: Path, name: str) -> None:
    for use in (
        storage.archive().size,
        storage.archive().open_audio,
        storage.archive().delete,
        lambda n: list(storage.archive().read_range(n, 0, 1)),
    ):
        with pytest.raises(ValueError):
            use(name)
    with pytest.raises(ValueError), storage.staging_file() as part:
        storage.archive().keep(part.path, name)


def test_a_link_in_a_files_place_is_not_followed(archive_folder: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    name = put()
    (archive_folder / name).unlink()
    (archive_folder / name).symlink_to(secret)
    with pytest.raises(storage.StorageError):
        storage.archive().open_audio(name)
    assert storage.archive().size(name) != len(b"secret")


def test_what_a_killed_process_left_is_swept_at_once_and_what_is_being_written_is_not(
    archive_folder: Path,
) -> None:
    code = """
import os, sys
from pathlib import Path
from recordings.storage.staging import staging_file
with staging_file(Path(sys.argv[1])) as part:
    part.file.write(b"x")
    print(part.path.name, flush=True)
    sys.stdin.read()
"""
    folder = archive_folder / "incoming"
    with storage.staging_file() as part:
        writer = subprocess.Popen(
            [sys.executable, "-c", code, str(folder)],
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert writer.stdout is not None
        theirs = folder / writer.stdout.readline().strip()
        note = folder / "notes"
        note.write_bytes(b"x")
        assert storage.sweep_leftovers() == 0
        assert set(folder.iterdir()) == {part.path, theirs, note}
        writer.kill()
        writer.communicate()
        assert storage.sweep_leftovers() == 1
        assert set(folder.iterdir()) == {part.path, note}
    assert sweep(archive_folder / "never-made") == 0


@pytest.mark.parametrize(
    ("free", "total", "enough"),
    [
        (1024**3, 10 * 1024**3, True), (1024**3 - 1, 10 * 1024**3, False),
        (49 * 1024**3, 1000 * 1024**3, False), (50 * 1024**3, 1000 * 1024**3, True),
    ],
)  # fmt: skip
def test_a_gigabyte_or_a_twentieth_stays_free(free: int, total: int, *, enough: bool) -> None:
    assert Space(free, total).enough is enough


def test_the_space_is_that_of_the_disk_it_lies_on(archive_folder: Path) -> None:
    found, disk = storage.archive().working_space(), os.statvfs(archive_folder.parent)
    assert found.total == disk.f_blocks * disk.f_frsize
    assert storage.archive().free_space() is not None


def test_a_disk_that_takes_no_more_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    """In a process of its own whose files may not grow beyond a limit: the kernel refuses the write."""
    code = """
import resource, signal, sys
from django.conf import settings
settings.configure(STORAGES={"archive": {
    "BACKEND": "recordings.storage.folder.ArchiveFolder", "OPTIONS": {"location": sys.argv[1]}}})
import django; django.setup()
from recordings import storage
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
from django.core.files.base import ContentFile
from django.core.files.storage import storages
try:
    storages["archive"].save(storage.new_name("mp3"), ContentFile(bytes(300_000)))
except storage.StorageError as error:
    print(error.no_space, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stdout.startswith("True The archive's disk is full"), done.stderr
    assert files(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_said(archive_folder: Path) -> None:
    archive_folder.parent.mkdir(parents=True, exist_ok=True)
    archive_folder.write_bytes(b"a file where the folder should be")
    with pytest.raises(storage.StorageError, match="could not be used") as caught, storage.staging_file():
        pass
    assert not caught.value.no_space
