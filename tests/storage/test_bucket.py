"""The archive in object storage, against a real S3-compatible server that turns strangers away."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from django.core.files.storage import storages
from pytest_django import Settings

from recordings import storage
from tests.object_storage import SECRET_KEY, ObjectStorage
from tests.ports import free_ports

BODY = bytes(range(256)) * 20_480  # 5 MiB: more than the server keeps in one piece
MISSING = "aa/bb/aabb0000000000000000000000000000.mp3"


def put(body: bytes = BODY, container: str = "wav") -> str:
    name = storage.new_name(container)
    with storage.staging_file() as part:
        part.file.write(body)
        storage.archive().keep(part.path, name)
    return name


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_is_kept_is_there_whole_and_nothing_of_it_stays_behind(
    s3_archive: ObjectStorage, tmp_path: Path
) -> None:
    name = put()
    held = s3_archive.client().get_object(Bucket=s3_archive.bucket, Key=name)
    assert held["Body"].read() == BODY
    assert s3_archive.names() == [name]
    assert files(tmp_path) == []


def test_it_is_read_in_part_and_as_a_whole(s3_archive: ObjectStorage) -> None:
    name = put()
    assert storage.archive().size(name) == len(BODY)
    assert b"".join(storage.archive().read_range(name, 1000, 1010)) == BODY[1000:1010]
    assert b"".join(storage.archive().read_range(name, 0, len(BODY))) == BODY
    assert b"".join(storage.archive().read_range(name, len(BODY) - 5, len(BODY) + 100)) == BODY[-5:]
    assert b"".join(storage.archive().read_range(name, 7, 7)) == b""
    with storage.archive().open_audio(name) as file:
        assert file.read() == BODY
        file.seek(-3, os.SEEK_END)
        assert file.read(100) == BODY[-3:]
        file.seek(4_000_000)
        assert file.read(5) == BODY[4_000_000:4_000_005]


def test_a_reader_who_stops_early_leaves_the_connection_fit_for_the_next(s3_archive: ObjectStorage) -> None:
    name = put()
    for _ in range(20):  # more than the connections that are kept open
        blocks = storage.archive().read_range(name, 0, len(BODY))
        assert next(iter(blocks))[:4] == BODY[:4]
        blocks.close()  # type: ignore[attr-defined]
    assert b"".join(storage.archive().read_range(name, 0, 4)) == BODY[:4]


def test_it_says_what_is_there_and_forgets_what_is_deleted(s3_archive: ObjectStorage) -> None:
    kept = {put(b"RIFF"), put(b"ID3", "mp3")}
    s3_archive.client().put_object(Bucket=s3_archive.bucket, Key="somebody/elses.txt", Body=b"x")
    assert set(storage.archive().names()) == kept
    gone = kept.pop()
    assert storage.archive().exists(gone)
    storage.archive().delete(gone)
    storage.archive().delete(gone)
    assert set(storage.archive().names()) == kept
    assert not storage.archive().exists(gone)


@pytest.mark.parametrize(
    "use",
    [
        lambda name: storage.archive().size(name),
        lambda name: storage.archive().open_audio(name),
        lambda name: list(storage.archive().read_range(name, 0, 9)),
    ],
)
def test_a_file_that_is_not_there_is_told_apart_from_a_storage_that_is_not(
    s3_archive: ObjectStorage, use: Callable[[str], object]
) -> None:
    with pytest.raises(storage.AudioMissingError):
        use(MISSING)


def test_nobody_else_may_read_it_and_it_has_no_address(s3_archive: ObjectStorage) -> None:
    name = put()
    for path in (
        f"/{s3_archive.bucket}/{name}",
        f"/{s3_archive.bucket}/",
        f"/{s3_archive.bucket}?list-type=2",
    ):
        assert requests.get(s3_archive.endpoint + path, timeout=60).status_code == 403
    with pytest.raises(NotImplementedError):
        storages["archive"].url(name)


def wrong_secret(settings: Settings, _at: ObjectStorage) -> None:
    change(settings, secret_key="not-the-secret-of-that-key")


def wrong_key(settings: Settings, _at: ObjectStorage) -> None:
    change(settings, access_key="nobody")


def wrong_bucket(settings: Settings, _at: ObjectStorage) -> None:
    change(settings, bucket_name="another")


def nobody_there(settings: Settings, _at: ObjectStorage) -> None:
    change(settings, endpoint_url=f"http://127.0.0.1:{free_ports()}")


def no_such_name(settings: Settings, _at: ObjectStorage) -> None:
    change(settings, endpoint_url="http://storage.invalid")


def change(settings: Settings, **options: Any) -> None:
    now = settings.STORAGES["archive"]
    settings.STORAGES = settings.STORAGES | {"archive": now | {"OPTIONS": now["OPTIONS"] | options}}


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (wrong_secret, "refused S3_ACCESS_KEY_ID"),
        (wrong_key, "refused S3_ACCESS_KEY_ID"),
        (wrong_bucket, "refused S3_ACCESS_KEY_ID|no bucket of the name"),
        (nobody_there, "could not be reached"),
        (no_such_name, "could not be reached"),
    ],
)
def test_what_is_wrong_with_the_settings_is_said_and_no_secret_is(
    s3_archive: ObjectStorage,
    settings: Settings,
    spoil: Callable[[Settings, ObjectStorage], None],
    words: str,
) -> None:
    name = put(b"RIFF")
    spoil(settings, s3_archive)
    uses: list[Callable[[], object]] = [
        lambda: put(b"RIFF"),
        lambda: storage.archive().size(name),
        lambda: storage.archive().open_audio(name),
        lambda: list(storage.archive().read_range(name, 0, 4)),
        lambda: list(storage.archive().names()),
        lambda: storage.archive().delete(name),
    ]
    for use in uses:
        with pytest.raises(storage.StorageError, match=words) as failed:
            use()
        assert not isinstance(failed.value, storage.AudioMissingError)
        assert SECRET_KEY not in str(failed.value)
        assert not failed.value.no_space
    assert s3_archive.names() == [name]
