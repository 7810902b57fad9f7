"""How an attempt to archive a recording ends, and when the next one is due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recordings.models.recording.queryset import LONGEST_ARCHIVE_WAIT
from recordings.models.recording.transitions import MANY_TRIES

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = LONGEST_ARCHIVE_WAIT
LAST_DAYS, IN_LAST_DAYS = timedelta(days=3), timedelta(hours=1)
# How long after its end a recording may be without its file, before that counts as a failure.
READY_WITHIN = timedelta(hours=1)


class Result(StrEnum):
    """The result of one attempt."""

    ARCHIVED = "archived"
    GONE = "gone"
    """Vobiz has deleted it."""
    NOT_READY = "not_ready"
    FAILED = "failed"
    PAUSED = "paused"
    """The account's circuit is open: none of its recordings is attempted for now."""
    TAKEN = "taken"
    """Another worker holds the lease, or the row has changed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One attempt's result. `words`: why there is no copy. `size`: of the copy, in bytes."""

    result: Result
    words: str = ""
    size: int = 0


class AudioGoneError(Exception):
    """Vobiz has deleted the audio. `is_listed`: its API still lists the recording."""

    def __init__(self, message: str, *, is_listed: bool) -> None:
        super().__init__(message)
        self.is_listed = is_listed


class NotReadyError(Exception):
    """Vobiz has the recording, but not its file yet."""


class CopyFailedError(Exception):
    """An attempt failed by the recording's own fault. `body`: SHA-256 of the response body, if it was audio."""

    def __init__(self, message: str, *, body: str | None = None, same_bodies: int = 0) -> None:
        super().__init__(message)
        self.body = body
        self.same_bodies = same_bodies


class AccountPausedError(Exception):
    """The whole account cannot be archived now. `may_be_its_own`: it may be this recording's fault alone."""

    def __init__(self, message: str, *, may_be_its_own: bool = False) -> None:
        super().__init__(message)
        self.may_be_its_own = may_be_its_own


class LeaseLostError(Exception):
    """The lease is lost or the row is gone: discard the work."""


def after_failing(tries: int, *, now: datetime, leaves_at: datetime) -> datetime:
    """Return when to retry after `tries` failures: exponential backoff, without an end."""
    wait = LONGEST_WAIT if tries >= MANY_TRIES else min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
    return now + (min(wait, IN_LAST_DAYS) if leaves_at - now <= LAST_DAYS else wait)


def when_ready(*, now: datetime, ended_at: datetime) -> datetime:
    """Return when to ask again for a file that is not ready: the older the recording, the later."""
    return now + min(max((now - ended_at) / 2, FIRST_WAIT), LONGEST_WAIT)
