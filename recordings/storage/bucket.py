"""The archive in an S3-compatible object storage."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
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

from recordings.storage.archive_names import checked_name, is_name, new_name
from recordings.storage.errors import AccessDeniedError, AudioMissingError, StorageError, os_errors
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
    no parts of an unfinished upload behind. `staging`: the folder of this machine for staging files.
    """

    def __init__(self, *, staging: str | os.PathLike[str], **options: Any) -> None:
        addressing = "path" if options.get("endpoint_url") else "auto"
        config = Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            signature_version="s3v4",
            s3={"addressing_style": addressing},
            # not every other server knows the checksums that boto3 sends by default
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self.staging_folder = Path(staging)
        super().__init__(
            client_config=config, default_acl=None, file_overwrite=False, querystring_auth=True, **options
        )

    @property
    def _client(self) -> Any:
        return self.connection.meta.client

    @property
    def label(self) -> str:
        """Where the archive is, for people."""
        return f"s3://{self.bucket_name}" + (f" ({self.endpoint_url})" if self.endpoint_url else "")

    def keep(self, path: Path, name: str) -> None:
        """Upload the file at `path` as `name`; the file at `path` stays."""
        with _storage_errors():
            self._client.upload_file(
                str(path),
                self.bucket_name,
                checked_name(name),
                ExtraArgs={"ContentType": "application/octet-stream"},
                Config=_ONE_PUT,
            )

    def read_range(self, name: str, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` to before `stop` in blocks; request no others."""
        if stop <= start:
            return
        with _storage_errors():
            answer = self._client.get_object(
                Bucket=self.bucket_name, Key=checked_name(name), Range=f"bytes={start}-{stop - 1}"
            )
            with closing(answer["Body"]) as body:
                yield from body.iter_chunks(BLOCK)

    def open_audio(self, name: str) -> BinaryIO:
        """Open for reading, seekable; each request fetches a megabyte."""
        reader = _RangeReader(self, name, self.size(name))
        return io.BufferedReader(reader, READ_AHEAD)

    def size(self, name: str) -> int:
        """Return the size in bytes."""
        return int(self._head(name)["ContentLength"])

    def exists(self, name: str) -> bool:
        """Return whether there is such an object."""
        try:
            self.size(name)
        except AudioMissingError:
            return False
        return True

    def delete(self, name: str) -> None:
        """Delete the object; no error if it is not there."""
        with _storage_errors():
            self._client.delete_object(Bucket=self.bucket_name, Key=checked_name(name))

    def names(self) -> Iterator[str]:
        """Yield the name of every audio file; other objects of the bucket are skipped."""
        with _storage_errors():
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket_name):
                yield from (one["Key"] for one in page.get("Contents", ()) if is_name(one["Key"]))

    def written_at(self, name: str) -> datetime:
        """Return when the object was uploaded."""
        at: datetime = self._head(name)["LastModified"]
        return at

    def _head(self, name: str) -> dict[str, Any]:
        """Return the object's headers. A refusal of HEAD has no body, so its reason is asked for by a GET."""
        where = {"Bucket": self.bucket_name, "Key": checked_name(name)}
        with _storage_errors():
            try:
                headers: dict[str, Any] = self._client.head_object(**where)
            except ClientError as error:
                if str(error.response.get("Error", {}).get("Code")) == "403":
                    self._client.get_object(**where, Range="bytes=0-0")["Body"].close()
                raise
        return headers

    def is_public(self, name: str) -> bool:
        """Return whether a request without credentials is answered."""
        with _storage_errors():
            try:
                stranger = self.unsigned_connection.meta.client
                stranger.head_object(Bucket=self.bucket_name, Key=checked_name(name))
            except ClientError as error:
                if error.response.get("ResponseMetadata", {}).get("HTTPStatusCode") in (401, 403):
                    return False
                raise
        return True

    def check_reachable(self) -> None:
        """Raise StorageError where the bucket does not answer, or does not know the credentials.

        By GET: the answer to HEAD does not say why it is 403, and without `s3:ListBucket` an absent file is 403, too.
        """
        with suppress(AudioMissingError, AccessDeniedError):
            for _piece in self.read_range(new_name("mp3"), 0, 1):
                pass

    def free_space(self) -> Space | None:
        """Return None: object storage does not report it."""
        return None

    def working_space(self) -> Space:
        """Return the space of this machine's file system, where the staging files are."""
        with os_errors():
            return space_of(self.staging_folder)

    def url(self, name: str, *_options: object, **_more: object) -> NoReturn:
        """Raise: audio has no public address."""
        raise NotImplementedError("Archived files have no public address.")

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        """Open for Django's `Storage.open`, for reading only."""
        if mode != "rb":
            raise ValueError("Archived files are read-only.")
        return File(self.open_audio(name), name)


class _RangeReader(io.RawIOBase):
    """An object as a seekable raw file; each read is a request for its range."""

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
        """Return the rest by one request; RawIOBase would make a request for every 8 KiB."""
        left = b"".join(self._bucket.read_range(self._name, self._at, self._size))
        self._at += len(left)
        return left

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer by one request, as RawIOBase defines it."""
        view = memoryview(buffer).cast("B")
        stop = min(self._size, self._at + len(view))
        filled = 0
        for block in self._bucket.read_range(self._name, self._at, stop):
            view[filled : filled + len(block)] = block
            filled += len(block)
        self._at += filled
        return filled


@contextmanager
def _storage_errors() -> Iterator[None]:
    """Turn boto3's exceptions into StorageError, without their text, which may contain the access key id."""
    try:
        yield
    except ClientError as error:
        raise _from_client_error(error) from error
    except (ConnectionError, HTTPClientError) as error:
        raise StorageError(_("The object storage could not be reached.")) from error
    except Boto3Error as error:  # an upload wraps what went wrong
        if isinstance(error.__context__, ClientError):
            raise _from_client_error(error.__context__) from error
        raise StorageError(_("The object storage did not take the file.")) from error
    except BotoCoreError as error:
        raise StorageError(_("The object storage could not be used (%s).") % type(error).__name__) from error
    except OSError:
        with os_errors():
            raise


def _from_client_error(error: ClientError) -> StorageError:
    """Return what the storage's error code means for the archive."""
    code = str(error.response.get("Error", {}).get("Code", "?"))
    if code in _MISSING:
        return AudioMissingError(_("The object storage has no such file."))
    if code == "NoSuchBucket":
        return StorageError(_("The object storage has no bucket of the name in ARCHIVE_STORAGE."))
    if code in _REFUSED:
        kind = AccessDeniedError if code == "AccessDenied" else StorageError
        return kind(
            _("The object storage refused S3_ACCESS_KEY_ID and its secret, or they may not do this (%s).")
            % code
        )
    if code in _FULL:
        return StorageError(_("The object storage is full (%s).") % code, no_space=True)
    return StorageError(_("The object storage answered with an error (%s).") % code)
