"""Snapshots of the state in a file, so that a restarted sandbox still has yesterday's recordings.

Tokens are never in it. What was live when it was written has ended by the time it is read.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from vobiz_portal.sandbox.entities import Call, Callback, Flow, Recording
from vobiz_portal.sandbox.serializers import DAY
from vobiz_portal.sandbox.state import SandboxState

VERSION = 1
WRITE_EVERY = 2.0  # seconds, at most this often
FORGET_CALLS_AFTER = 1 * DAY
FORGET_RECORDINGS_AFTER = 60 * DAY


class UnreadableSnapshotError(ValueError):
    """The file is not a snapshot. The text says what is wrong."""


def snapshot(state: SandboxState) -> dict[str, Any]:
    """Return everything worth keeping, as JSON."""
    with state.lock:
        state.tick()
        now = state.now()
        oldest = now - FORGET_RECORDINGS_AFTER
        found = [one for one in state.recordings.all.values() if one.state != "deleted"]
        kept = [one for one in found if (one.added_at or now) > oldest]
        needed = {one.call_uuid for one in kept if one.state != "listed" or not one.transcript_sent}
        calls = [
            call
            for call in state.calls.values()
            if call.call_uuid in needed or (call.ended_at or now) > now - FORGET_CALLS_AFTER
        ]
        return {
            "version": VERSION,
            "saved_at": now,
            "ahead": state.ahead,
            "generation": state.generation,
            "flows": {
                one.auth_id: dataclasses.asdict(one.flow) for one in state.accounts.values() if one.flow
            },
            "calls": [dataclasses.asdict(call) for call in calls],
            "recordings": [dataclasses.asdict(one) for one in kept],
            "owed": [dataclasses.asdict(callback) for callback in state.callbacks.pending],
        }


def save(state: SandboxState, path: Path) -> None:
    """Write the snapshot of the state: callback URLs in it are secrets."""
    write_private(path, json.dumps(snapshot(state)))


def write_private(path: Path, text: str) -> None:
    """Write a file as a whole or not at all, readable by its owner only from the first moment."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(state: SandboxState, path: Path) -> None:
    """Restore the file into a new state that has its accounts; UnreadableSnapshotError if it cannot be read.

    Calls that were open end at the moment the file was written, and with them their recordings.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version = data["version"]
        calls = [Call(**one) for one in data["calls"] if one["auth_id"] in state.accounts]
        recordings = [Recording(**one) for one in data["recordings"] if one["auth_id"] in state.accounts]
        owed = [_callback(one) for one in data["owed"] if one["auth_id"] in state.accounts]
        flows = {
            auth_id: Flow(**flow) for auth_id, flow in data["flows"].items() if auth_id in state.accounts
        }
        saved_at, ahead, generation = float(data["saved_at"]), float(data["ahead"]), int(data["generation"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnreadableSnapshotError(f"{type(error).__name__}: {error}") from error
    if version != VERSION:
        raise UnreadableSnapshotError(f"it is of version {version}, not {VERSION}")
    with state.lock:
        state.next_generation(generation + 1)
        state.ahead = ahead
        for auth_id, flow in flows.items():
            state.accounts[auth_id].flow = flow
        for call in calls:
            if call.state != "ended":
                call.state, call.ended_at = "ended", max(saved_at, call.placed_at)
            state.calls[call.call_uuid] = call
        for recording in sorted(recordings, key=lambda one: one.order):
            _restore(state, recording, saved_at)
        state.callbacks.pending.extend(owed)


class SnapshotWriter:
    """Writes the state to its file after changes, at most every WRITE_EVERY seconds."""

    def __init__(self, state: SandboxState, path: Path) -> None:
        self._state = state
        self._path = path
        self._revision = -1
        self._written_at = float("-inf")

    def tick(self) -> None:
        """Write if something has changed and the last write is long enough ago."""
        now = self._state.now()
        if self._state.revision != self._revision and now - self._written_at >= WRITE_EVERY:
            self.write()

    def write(self) -> None:
        """Write now."""
        self._revision, self._written_at = self._state.revision, self._state.now()
        save(self._state, self._path)


def _restore(state: SandboxState, recording: Recording, saved_at: float) -> None:
    """Store a recording and schedule the steps that were still to come."""
    if recording.state == "running":
        recording.ended_at, recording.end_reason = max(saved_at, recording.started_at), "hangup"
        recording.state = "ending"
    state.store(recording)
    if recording.state == "ending":
        state.plan(saved_at, state.finalise, recording.recording_id)
    elif not recording.transcript_sent:
        state.plan(
            (recording.added_at or saved_at) + state.transcript_delay,
            state.transcribe,
            recording.recording_id,
        )


def _callback(data: dict[str, Any]) -> Callback:
    """Build a pending callback from JSON, where tuples became lists."""
    for name in ("nonces", "schemes"):
        data[name] = None if data[name] is None else tuple(data[name])
    return Callback(**data)
