"""What a sync is asked to read, and what it has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from recordings.choices import SyncState
from recordings.models import UpsertReport
from recordings.vobiz.objects import RecordingObject

KEPT_FAILURES = 100  # failed rows written out on the run; beyond these they are counted only
COLUMNS = (
    "pages", "seen", "created", "updated", "unchanged", "gone", "failed", "total_count", "failures",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What a run is asked to read. Without any of these: every recording the account's list shows."""

    full: bool = False
    """Also settle which rows are gone at Vobiz."""
    since: datetime | None = None
    newest: datetime | None = None
    """Only the newest pages: until one says nothing new and holds nothing that was added after this moment."""
    call_uuid: str | None = None
    recording_id: str | None = None
    kind: str | None = None
    limit: int | None = None
    dry_run: bool = False

    def as_json(self) -> dict[str, object]:
        """Only what was asked for, for the run's row."""
        said = {
            "full": self.full, "since": _text(self.since), "newest": _text(self.newest), "call": self.call_uuid,
            "recording": self.recording_id, "type": self.kind, "limit": self.limit,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Scope:
        """What a run's row says that it was asked for."""
        return cls(
            full=bool(said.get("full")),
            since=_moment(said.get("since")),
            newest=_moment(said.get("newest")),
            call_uuid=said.get("call"),
            recording_id=said.get("recording"),
            kind=said.get("type"),
            limit=said.get("limit"),
        )

    @property
    def settles_gone(self) -> bool:
        """It reads everything, so that what it does not see may be gone."""
        narrowed = self.since or self.newest or self.call_uuid or self.recording_id or self.kind or self.limit
        return self.full and not narrowed

    def is_too_old(self, seen: RecordingObject) -> bool:
        """It was added, or where that is not said began, before `since`."""
        return self.since is not None and _is_before(seen, self.since)

    def ends_with(self, rows: Sequence[RecordingObject], *, brought: int) -> bool:
        """Nothing that follows a page of these rows was asked for. `brought`: how many were new or had changed."""
        if not rows:
            return False
        if self.newest is not None:
            return brought == 0 and all(_is_before(row, self.newest) for row in rows)
        return all(self.is_too_old(row) for row in rows)

    def wants(self, seen: RecordingObject) -> bool:
        """Vobiz may ignore a filter, so each row is looked at again."""
        if self.call_uuid and seen.call_uuid != self.call_uuid:
            return False
        if self.kind and seen.recording_type != self.kind:
            return False
        return not self.is_too_old(seen)


def _is_before(seen: RecordingObject, at: datetime) -> bool:
    moment = seen.added_at.at if seen.added_at else seen.started_at
    return moment is not None and moment < at


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


@dataclass(slots=True)
class Tally:
    """What a run has found so far; at its end, the report."""

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
    ids: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    """Ids of rows that failed: shown again on the next page, they have not failed twice."""
    cut: bool = False
    """--limit ended it: not complete, and nothing wrong."""

    @property
    def seen(self) -> int:
        """Distinct recordings."""
        return len(self.ids)

    @property
    def brought(self) -> int:
        """Rows that are new or have changed, or could not be taken."""
        return self.created + self.updated + self.failed

    @property
    def complete(self) -> bool:
        """Every page asked for was read and every row applied."""
        return self.state == SyncState.COMPLETE

    @property
    def state_when_broken(self) -> SyncState:
        """What was read is kept; where nothing was, the run has failed."""
        return SyncState.PARTIAL if self.pages or self.ids else SyncState.FAILED

    def is_new(self, recording_id: str) -> bool:
        """Neither taken nor refused yet: overlapping pages show a row twice."""
        return recording_id not in self.ids and recording_id not in self.refused

    def counts(self) -> dict[str, object]:
        """The columns of a SyncRun."""
        return {name: getattr(self, name) for name in COLUMNS}

    def add(self, report: UpsertReport) -> None:
        """Count what became of one page."""
        self.created += report.created
        self.updated += report.updated
        self.unchanged += report.unchanged
        self.ids |= report.seen
        for row in report.failed:
            self.fail(row.recording_id, row.reason)

    def fail(self, recording_id: str | None, reason: str) -> None:
        """A row or page that could not be taken; kept in words, never dropped."""
        self.failed += 1
        if recording_id is not None:
            self.refused.add(recording_id)
        if len(self.failures) < KEPT_FAILURES:
            self.failures.append({"recording_id": recording_id, "reason": reason})
