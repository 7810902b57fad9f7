"""How a try to archive one recording ends, and when the next one is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from recordings.models.recording.transitions import MANY_TRIES

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
LAST_DAYS, IN_LAST_DAYS = timedelta(days=3), timedelta(hours=1)
# How long after its end a recording may be without its file, before that counts as a failure.
READY_WITHIN = timedelta(hours=1)


class Result(StrEnum):
    """What became of one recording."""

    ARCHIVED = "archived"
    GONE = "gone"
    """Vobiz has it no more."""
    NOT_READY = "not_ready"
    FAILED = "failed"
    PAUSED = "paused"
    """For a cause that is not its own: nothing of its account is tried for now."""
    TAKEN = "taken"
    """Another has it, or it is another row by now."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`words`: why there is no copy. `size`: of the copy, in bytes."""

    result: Result
    words: str = ""
    size: int = 0


class AudioGoneError(Exception):
    """Vobiz says that it has the audio no more. `is_listed`: its API knows the recording all the same."""

    def __init__(self, message: str, *, is_listed: bool) -> None:
        super().__init__(message)
        self.is_listed = is_listed


class NotReadyError(Exception):
    """Vobiz has the recording, and its file is not there yet."""


class CopyFailedError(Exception):
    """A try failed for a cause of the recording's own. `body`: the SHA-256 of what came, if that was audio."""

    def __init__(self, message: str, *, body: str | None = None, same_bodies: int = 0) -> None:
        super().__init__(message)
        self.body = body
        self.same_bodies = same_bodies


class AccountPausedError(Exception):
    """Nothing of this account can be archived now. `may_be_its_own`: though another recording might."""

    def __init__(self, message: str, *, may_be_its_own: bool = False) -> None:
        super().__init__(message)
        self.may_be_its_own = may_be_its_own


class LeaseLostError(Exception):
    """The lease is lost, or the row is gone: whatever was done is for nobody."""


def after_failing(tries: int, *, now: datetime, leaves_at: datetime) -> datetime:
    """When a recording that failed `tries` times is tried again: ever more rarely, but never given up."""
    wait = LONGEST_WAIT if tries >= MANY_TRIES else min(FIRST_WAIT * 2 ** (tries - 1), LONGEST_WAIT)
    return now + (min(wait, IN_LAST_DAYS) if leaves_at - now <= LAST_DAYS else wait)


def when_ready(*, now: datetime, ended_at: datetime) -> datetime:
    """When to ask again for a file that is not there yet: the older the recording, the more rarely."""
    return now + min(max((now - ended_at) / 2, FIRST_WAIT), LONGEST_WAIT)
