"""Errors of the archive's storage, in words for its operator."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from django.utils.translation import gettext as _

# a quota and the largest file a process may write are limits of the place, not of the recording
NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class StorageError(Exception):
    """The archive could not be read or written. `no_space`: because it is full. Never names a secret."""

    def __init__(self, message: str, *, no_space: bool = False) -> None:
        super().__init__(message)
        self.no_space = no_space


class AudioMissingError(StorageError):
    """The archive answered that it has no file of this name."""


class AccessDeniedError(StorageError):
    """The archive knows the key and refuses this; S3 answers so for an absent file, too, without `s3:ListBucket`."""


@contextmanager
def os_errors() -> Iterator[None]:
    """Raise what an error of the operating system means for the archive."""
    try:
        yield
    except FileNotFoundError as error:
        raise AudioMissingError(_("The archive has no such file.")) from error
    except OSError as error:
        words = error.strerror or type(error).__name__
        if error.errno in NO_SPACE:
            raise StorageError(_("The archive's disk is full (%s).") % words, no_space=True) from error
        raise StorageError(_("The archive's folder could not be used: %s.") % words) from error
