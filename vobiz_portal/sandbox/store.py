"""The store of recordings: the finished ones in the order of the list, the others by their state."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence

from vobiz_portal.sandbox.entities import Recording

Row = tuple[float, int, str]


class RecordingStore:
    """All recordings, indexed by account and call. Not thread-safe: the state's lock guards it."""

    def __init__(self) -> None:
        self.all: dict[str, Recording] = {}
        self._open: dict[str, Recording] = {}  # running, or being finished
        self._rows: dict[str, list[Row]] = {}  # by account, oldest first
        self._of_call: dict[str, list[str]] = {}

    def put(self, recording: Recording) -> None:
        """Add a recording, or update its place after its state has changed."""
        one = recording.recording_id
        self.all[one] = recording
        self._open.pop(one, None)
        if recording.state == "listed":
            insort(self._rows.setdefault(recording.auth_id, []), _row(recording))
            self._of_call.setdefault(recording.call_uuid, []).append(one)
        elif recording.state != "deleted":
            self._open[one] = recording

    def remove(self, recording: Recording) -> None:
        """Remove a listed recording from the list."""
        rows = self._rows[recording.auth_id]
        del rows[bisect_left(rows, _row(recording))]
        self._of_call[recording.call_uuid].remove(recording.recording_id)

    def unfinished(self, call_uuid: str | None = None, auth_id: str | None = None) -> list[Recording]:
        """Return running recordings and those being finished, oldest first."""
        return [
            one
            for one in self._open.values()
            if (call_uuid is None or one.call_uuid == call_uuid)
            and (auth_id is None or one.auth_id == auth_id)
        ]

    def page(self, owner: str, since: float, limit: int, offset: int) -> tuple[int, list[Recording]]:
        """Return how many recordings one account has since a time, and `limit` of them, newest first."""
        rows = self._rows.get(owner, [])
        oldest = bisect_left(rows, (since, 0, ""))
        newest = len(rows) - offset
        chosen = rows[max(oldest, newest - limit) : max(oldest, newest)]
        return len(rows) - oldest, [self.all[one] for _, _, one in reversed(chosen)]

    def filter(
        self, owners: Sequence[str], since: float, *, call_uuid: str | None, kind: str | None
    ) -> list[Recording]:
        """Return all that match, newest first."""
        if call_uuid is not None:
            found = [
                self.all[one] for one in self._of_call.get(call_uuid, []) if self.all[one].auth_id in owners
            ]
        else:
            found = [self.all[one] for owner in owners for _, _, one in self._rows.get(owner, [])]
        found = [
            one for one in found if (one.added_at or 0.0) >= since and (kind is None or one.kind == kind)
        ]
        return sorted(found, key=_row, reverse=True)


def _row(recording: Recording) -> Row:
    """Return the sort key: time of listing, then order of insertion."""
    return (recording.added_at or 0.0, recording.order, recording.recording_id)
