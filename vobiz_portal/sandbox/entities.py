"""The entities of the simulated Vobiz: accounts, calls, recordings, callbacks, and a ledger of events.

Times are seconds since the epoch (float, the simulated clock); durations are seconds unless a name says `_ms`.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

LEDGER_SIZE = 50_000  # lines, some 1 kB each


@dataclass
class Flow:
    """A call flow (XML) that records the calls it answers and reports to account-wide URLs."""

    callback_url: str
    transcription_url: str | None = None
    file_format: str = "mp3"
    max_length: int = 3600


@dataclass
class Account:
    """A main account (`MA_…`) or, with `parent`, a sub-account (`SA_…`) with a token of its own."""

    auth_id: str
    token: str
    name: str
    parent: str | None = None
    suspended: bool = False
    zone_minutes: int = 0  # the offset its `add_time` is written in: 330 is +05:30
    flow: Flow | None = None


@dataclass
class Call:
    """One call. `state`: queued (ringing), live, ended."""

    call_uuid: str
    auth_id: str
    from_number: str
    to_number: str
    direction: str
    placed_at: float
    state: str = "queued"
    answered_at: float | None = None
    ended_at: float | None = None
    lasts: float | None = None
    flow: bool = False


@dataclass
class Recording:
    """One recording. `state`: running, ending (the file is being made), listed, deleted.

    `overrides` replace served fields value for value. `container` is what the bytes are: mp3 or wav, whatever
    `file_format` claims. `audio_gone`: True, False, or None to follow the account's retention.
    """

    recording_id: str
    auth_id: str
    call_uuid: str
    from_number: str
    to_number: str
    started_at: float
    state: str = "running"
    ended_at: float | None = None
    added_at: float | None = None
    api_id: str = ""
    file_format: str = "mp3"
    container: str = "mp3"
    url_extension: str = "mp3"
    channels: int = 1
    time_limit: int = 60
    kind: str = "call"
    conference_name: str | None = None
    call_offset: float = 0.0  # seconds into the call's conversation at which it begins
    end_reason: str | None = None
    timed: bool = True  # False: start and end are served as null, as for some trunk rows
    callback_url: str | None = None
    callback_method: str = "POST"
    transcribe: bool = False
    transcription_url: str | None = None
    transcript_sent: bool = False
    by_flow: bool = False
    audio_gone: bool | None = None
    overrides: dict[str, Any] = field(default_factory=dict)
    order: int = 0  # breaks ties between recordings added at one instant

    @property
    def started_ms(self) -> int:
        return round(self.started_at * 1000)

    @property
    def ended_ms(self) -> int | None:
        return None if self.ended_at is None else round(self.ended_at * 1000)

    @property
    def duration_ms(self) -> int | None:
        ended = self.ended_ms
        return None if ended is None else max(0, ended - self.started_ms)


@dataclass
class Callback:
    """One callback to deliver. `kind`: recording, transcription, or flow (begun by a call flow).

    `fields` are what the body says, numbers still as numbers: the encoding decides how they are written.
    `attempt` counts the tries made. `nonces` (V2, V3) are kept between tries when they should not change.
    """

    callback_id: str
    kind: str
    auth_id: str
    url: str
    method: str
    fields: dict[str, Any]
    recording_id: str
    call_uuid: str
    due: float
    attempt: int = 0
    nonces: tuple[str, str] | None = None
    planned: bool = False  # whether planned faults have been looked up
    token: str | None = None
    base: str | None = None
    unsigned: bool = False
    schemes: tuple[str, ...] | None = None
    encoding: str | None = None
    held: bool = False
    after_next: bool = False  # held until another has been tried


@dataclass
class Quirks:
    """How this Vobiz behaves where its documents are silent, contradict each other, or allow several ways."""

    default_limit: int = 20
    max_limit: int = 100  # 20 by some accounts; larger limits are clamped silently
    ignore_filters: bool = False
    envelope_retrieve: bool = False  # one recording as a list envelope
    async_start: bool = False  # start answers "async api spawned", without recording_id and url
    start_status: int = 200
    make_call_status: int = 200
    made_calls_ring_for: float = 3.0
    made_calls_last: float | None = 120.0
    stop_unknown_url: str = "nothing"  # nothing (204), not_found (404), stop_all
    missing_slash_status: int = 401
    live_calls_slash: str = "both"  # both, required, refused: how the paths of live calls may end
    parent_sees_sub_accounts: bool = False
    unfinished_listed: bool = False  # running recordings in the list, with an empty recording_url
    live_calls_as_objects: bool = False
    empty_conference_name: str | None = None  # what a plain call's conference_name is: null or ""
    mp3_is_wav: bool = False  # new mp3 recordings are WAV inside
    finalise_after: float = 0.0  # from a recording's end until it is listed and its callback owed
    transcripts_to_callback_url: bool = False  # when transcription was asked for without an URL of its own
    retention_days: float | None = None  # audio older than this is gone
    rows_vanish_after_days: float | None = None  # rows older than this are not listed any more
    media_needs_credentials: bool = True
    media_ranges: bool = True
    media_redirect: str | None = (
        None  # base URL of a store that audio is redirected to, e.g. http://localhost:1
    )
    media_prefix: str = "/api/v1"  # some files live under /v1
    sign_callbacks: bool = True
    nonce_changes_on_retry: bool = True
    tokens_in_headers: bool = False  # signed callbacks that carry auth-token in clear text
    user_agent: str = "Vobiz"

    def change(self, changes: dict[str, Any]) -> None:
        """Set several quirks by name; raise ValueError for the first that does not exist."""
        for name in changes:
            if name not in self.__dataclass_fields__:
                raise ValueError(f"there is no quirk called {name!r}")
        for name, value in changes.items():
            setattr(self, name, value)


@dataclass(frozen=True)
class Entry:
    """One line of the ledger. `what`: call.placed, recording.ended, request, callback.tried, fault and others."""

    what: str
    at: float
    auth_id: str | None = None
    call_uuid: str | None = None
    recording_id: str | None = None
    detail: dict[str, Any] = field(default_factory=dict)


class Ledger:
    """A thread-safe log of events, in order; the oldest entries are dropped when there are too many."""

    def __init__(self, size: int = LEDGER_SIZE) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self._lock = threading.Lock()
        self.written = 0

    def write(self, entry: Entry) -> None:
        """Append an entry."""
        with self._lock:
            self._entries.append(entry)
            self.written += 1

    def of(self, what: str | None = None, **ids: str) -> list[Entry]:
        """Return the entries with this `what` (or that prefix, if it ends in a dot) and these ids."""
        return [entry for entry in self if _matches(entry, what, ids)]

    def __iter__(self) -> Iterator[Entry]:
        """Yield all entries, oldest first."""
        with self._lock:
            return iter(list(self._entries))

    def __len__(self) -> int:
        with self._lock:
            return len(self._entries)


def _matches(entry: Entry, what: str | None, ids: dict[str, str]) -> bool:
    if what is not None and entry.what != what and not (what.endswith(".") and entry.what.startswith(what)):
        return False
    return all(getattr(entry, name) == value for name, value in ids.items())
