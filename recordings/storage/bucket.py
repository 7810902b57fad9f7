"""The archive in an S3-compatible object storage."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004
from django.core.files.base import File
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext as _
from storages.backends.s3 import S3Storage

from recordings.storage.errors import AudioMissing, StorageError, of_os
from recordings.storage.naming import checked_name, is_name
from recordings.storage.space import Space, space_of

BLOCK = 256 * 1024  # bytes
READ_AHEAD = 1024 * 1024
_ONE_PUT = TransferConfig(multipart_threshold=4 * 1024**3, use_threads=False)
_MISSING = {"404", "NoSuchKey"}
_REFUSED = {
    "401", "403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "AllAccessDisabled", "Forbidden",
}  # fmt: skip
_FULL = {"507", "InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "EntityTooLarge"}


@deconstructible
class ArchiveBucket(S3Storage):  # type: ignore[misc]
    """Objects without an ACL, so private as the bucket is, and without any `url`: only the portal hands them out.

    A file goes there in one PUT (the largest audio is 2 GiB, S3's limit 5 GiB): a worker that is killed leaves
    no parts of an unfinished upload behind. `incoming`: the folder of this machine where it is written first.
    """

    def __init__(self, *, incoming: str | os.PathLike[str], **options: Any) -> None:
        addressing = "path" if options.get("endpoint_url") else "auto"
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            signature_version="s3v4",
            s3={"addressing_style": addressing},
            # servers other than Amazon's do not all know the checksums that boto3 sends of its own accord
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self.incoming_folder = Path(incoming)
        super().__init__(
            client_config=config, default_acl=None, file_overwrite=False, querystring_auth=True, **options
        )

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    @property
    def label(self) -> str:
        """For people."""
        return f"s3://{self.bucket_name}" + (f" ({self.endpoint_url})" if self.endpoint_url else "")

    def keep(self, path: Path, name: str) -> None:
        """Make the written file at `path` the archive's `name`, all at once; the file at `path` stays."""
        with _said_plainly():
            self._client.upload_file(
                str(path),
                self.bucket_name,
                checked_name(name),
                ExtraArgs={"ContentType": "application/octet-stream"},
                Config=_ONE_PUT,
            )

    def read_range(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `stop`, in blocks; no more than those are asked for."""
        if stop <= start:
            return
        with _said_plainly():
            answer = self._client.get_object(
                Bucket=self.bucket_name, Key=checked_name(name), Range=f"bytes={start}-{stop - 1}"
            )
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(BLOCK)

    def open_audio(self, name: str) -> BinaryIO:
        """For reading, seekable, in pieces of a megabyte."""
        reader = _RangeReader(self, name, self.size(name))
        return io.BufferedReader(reader, READ_AHEAD)

    def size(self, name: str) -> int:
        """In bytes."""
        with _said_plainly():
            answer = self._client.head_object(Bucket=self.bucket_name, Key=checked_name(name))
        return int(answer["ContentLength"])

    def exists(self, name: str) -> bool:
        """Whether there is such an object."""
        try:
            self.size(name)
        except AudioMissing:
            return False
        return True

    def delete(self, name: str) -> None:
        """Remove it, if it is there."""
        with _said_plainly():
            self._client.delete_object(Bucket=self.bucket_name, Key=checked_name(name))

    def names(self) -> Iterator[str]:
        """Every audio file there is."""
        with _said_plainly():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name):
                yield from (one["Key"] for one in page.get("Contents", ()) if is_name(one["Key"]))

    def written_at(self, name: str) -> datetime:
        """When it was put there."""
        with _said_plainly():
            answer = self._client.head_object(Bucket=self.bucket_name, Key=checked_name(name))
        at: datetime = answer["LastModified"]
        return at

    def is_public(self, name: str) -> bool:
        """Whether it is given to somebody without credentials."""
        with _said_plainly():
            try:
                stranger = self.unsigned_connection.meta.client
                stranger.head_object(Bucket=self.bucket_name, Key=checked_name(name))
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (401, 403):
                    return False
                raise
        return True

    def free_space(self) -> Space | None:
        """Nobody knows."""
        return None

    def working_space(self) -> Space:
        """Of this machine's file system, where files are written on their way in."""
        try:
            return space_of(self.incoming_folder)
        except OSError as error:
            raise of_os(error) from error

    def url(self, name: str, *_options: object, **_more: object) -> NoReturn:
        """There is none: audio is handed out by the portal alone."""
        raise NotImplementedError("What is archived has no public address.")

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("What is archived is only read.")
        return File(self.open_audio(name), name)


class _RangeReader(io.RawIOBase):
    """An object as a file that can be read anywhere."""

    def __init__(self, bucket: ArchiveBucket, name: str, size: int) -> None:
        self._bucket, self._name, self._size, self._at = bucket, name, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readall(self) -> bytes:
        """What is left, asked for at once: the usual way is 8 KiB at a time, each a request."""
        left = b"".join(self._bucket.read_range(self._name, self._at, self._size))
        self._at += len(left)
        return left

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        stop = min(self._size, self._at + len(view))
        filled = 0
        for block in self._bucket.read_range(self._name, self._at, stop):
            view[filled : filled + len(block)] = block
            filled += len(block)
        self._at += filled
        return filled


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn what boto3 raises into a StorageError; its own words may hold a key's id, so they are not shown."""
    try:
        yield
    except ClientError as error:
        raise _of_answer(error) from error
    except (ConnectionError, HTTPClientError) as error:
        raise StorageError(_("The object storage could not be reached.")) from error
    except Boto3Error as error:  # an upload wraps what went wrong
        if isinstance(error.__context__, ClientError):
            raise _of_answer(error.__context__) from error
        raise StorageError(_("The object storage did not take the file.")) from error
    except BotoCoreError as error:
        raise StorageError(_("The object storage could not be used (%s).") % type(error).__name__) from error
    except OSError as error:
        raise of_os(error) from error


def _of_answer(error: ClientError) -> StorageError:
    code = str(error.response.get("Error", {}).get("Code", "?"))
    if code in _MISSING:
        return AudioMissing(_("The object storage has no such file."))
    if code == "NoSuchBucket":
        return StorageError(_("The object storage has no bucket of the name in ARCHIVE_STORAGE."))
    if code in _REFUSED:
        return StorageError(
            _("The object storage refused S3_ACCESS_KEY_ID and its secret, or they may not do this (%s).")
            % code
        )
    if code in _FULL:
        return StorageError(_("The object storage is full (%s).") % code, no_space=True)
    return StorageError(_("The object storage answered with an error (%s).") % code)
