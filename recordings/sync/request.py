"""The request for a sync, and its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from recordings.choices import SyncState
from recordings.models import UpsertReport
from recordings.sync.seen_ids import SeenIds
from recordings.vobiz.objects import RecordingObject

MAX_STORED_FAILURES = 100  # failed rows written out on the run; beyond these they are counted only
COLUMNS = (
    "pages", "seen", "created", "updated", "unchanged", "gone", "failed", "total_count", "failures",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """What a run reads. Without any of these: every recording in the account's list."""

    full: bool = False
    """Also detect recordings deleted at Vobiz."""
    since: datetime | None = None
    newest: datetime | None = None
    """Only the newest pages: until one says nothing new and holds nothing that was added after this moment."""
    call_uuid: str | None = None
    recording_id: str | None = None
    kind: str | None = None
    limit: int | None = None
    dry_run: bool = False

    def as_json(self) -> dict[str, object]:
        """Return what was asked for, for the run's row."""
        values = {
            "full": self.full, "since": _text(self.since), "newest": _text(self.newest), "call": self.call_uuid,
            "recording": self.recording_id, "type": self.kind, "limit": self.limit,
        }  # fmt: skip
        return {name: value for name, value in values.items() if value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SyncRequest:
        """Build the request from a run's row."""
        return cls(
            full=bool(values.get("full")),
            since=_moment(values.get("since")),
            newest=_moment(values.get("newest")),
            call_uuid=values.get("call"),
            recording_id=values.get("recording"),
            kind=values.get("type"),
            limit=values.get("limit"),
        )

    @property
    def detects_deleted(self) -> bool:
        """It reads everything, so that what it does not see may be gone."""
        narrowed = self.since or self.newest or self.call_uuid or self.recording_id or self.kind or self.limit
        return self.full and not narrowed

    def is_before_since(self, seen: RecordingObject) -> bool:
        """Return whether it was added, or where that is not known started, before `since`."""
        return self.since is not None and _is_before(seen, self.since)

    def ends_with(self, rows: Sequence[RecordingObject], *, changed: int) -> bool:
        """Return whether the pages after this one are outside the request. `changed`: rows new or changed on it."""
        if not rows:
            return False
        if self.newest is not None:
            return changed == 0 and all(_is_before(row, self.newest) for row in rows)
        return all(self.is_before_since(row) for row in rows)

    def matches(self, seen: RecordingObject) -> bool:
        """Return whether a row is within the request. Each is checked, because Vobiz may ignore a filter."""
        if self.call_uuid and seen.call_uuid != self.call_uuid:
            return False
        if self.kind and seen.recording_type != self.kind:
            return False
        return not self.is_before_since(seen)


def _is_before(seen: RecordingObject, at: datetime) -> bool:
    moment = seen.added_at.at if seen.added_at else seen.started_at
    return moment is not None and moment < at


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@dataclass(slots=True)
class SyncResult:
    """The counts of a run so far; at its end, its result."""

    pages: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    gone: int = 0
    failed: int = 0
    total_count: int | None = None
    failures: list[dict[str, str | None]] = field(default_factory=list)
    error: str | None = None
    state: SyncState = SyncState.RUNNING
    ids: SeenIds = field(default_factory=SeenIds)
    failed_ids: set[str] = field(default_factory=set)
    """Ids of rows that failed: shown again on the next page, they have not failed twice."""
    limit_reached: bool = False
    """--limit ended it: not complete, and nothing wrong."""

    @property
    def seen(self) -> int:
        """Distinct recordings."""
        return len(self.ids)

    @property
    def changed(self) -> int:
        """Rows that are new or have changed, or could not be taken."""
        return self.created + self.updated + self.failed

    @property
    def complete(self) -> bool:
        """Every page asked for was read and every row applied."""
        return self.state == SyncState.COMPLETE

    @property
    def failure_state(self) -> SyncState:
        """What was read is kept; where nothing was, the run has failed."""
        return SyncState.PARTIAL if self.pages or self.ids else SyncState.FAILED

    def is_unseen(self, recording_id: str) -> bool:
        """Return whether it was neither stored nor refused yet. Overlapping pages show a row twice."""
        return recording_id not in self.ids and recording_id not in self.failed_ids

    def counts(self) -> dict[str, object]:
        """Return the columns of a SyncRun."""
        return {name: getattr(self, name) for name in COLUMNS}

    def add(self, report: UpsertReport) -> None:
        """Count what became of one page."""
        self.created += report.created
        self.updated += report.updated
        self.unchanged += report.unchanged
        self.ids.update(report.seen)
        for row in report.failed:
            self.fail(row.recording_id, row.reason)

    def fail(self, recording_id: str | None, reason: str) -> None:
        """Count a row or page that could not be stored, with the reason."""
        self.failed += 1
        if recording_id is not None:
            self.failed_ids.add(recording_id)
        if len(self.failures) < MAX_STORED_FAILURES:
            self.failures.append({"recording_id": recording_id, "reason": reason})
