"""The invariants I1 to I7, asked of the portal's rows and files against the ledger of the sandbox.

`unsettled` says what may still come by itself; `broken` what never may be. Nothing here asks the portal's own code.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from tests.faults.rig import Rig
from vobiz_portal.sandbox.entities import Recording
from vobiz_portal.sandbox.serializers import audio_of
from vobiz_portal.sandbox.state import SandboxState

ROWS = """
    SELECT r.*, c.call_uuid, c.from_number, c.to_number, t.status AS transcript FROM recordings_recording r
    JOIN recordings_call c ON c.id = r.call_id LEFT JOIN recordings_transcription t ON t.recording_id = r.id
"""


def unsettled(rig: Rig, state: SandboxState) -> list[str]:
    """Return what is not yet as it must become: lost or stuck, if nothing of it comes by itself."""
    rows = rig.rows(ROWS)
    by_id = {row["recording_id"]: row for row in rows if row["recording_id"]}
    at_vobiz = all_at_vobiz(state)
    listed = {one.recording_id for one in at_vobiz if one.state == "listed"}
    deleted = {one.recording_id for one in at_vobiz if one.state == "deleted"}
    found = [
        f"{row['id']}: open as {row['status']}" for row in rows if row["status"] in {"requested", "active"}
    ]
    for one in sorted(listed):
        row = by_id.get(one)
        if row is None:
            found.append(f"{one}: Vobiz has it, the portal does not know it")
        elif row["archived_at"] is None:
            found.append(f"{one}: not archived ({row['status']}: {row['archive_error']})")
        elif row["read_back_due_at"] is not None and row["status"] != "completed":
            found.append(f"{one}: to be read back")
    found += [
        f"{one}: deleted at Vobiz, not known"
        for one in deleted & set(by_id)
        if by_id[one]["gone_at_provider_at"] is None and not _is_given_up(by_id[one])
    ]
    found += [f"{row['id']}: a transcript is expected" for row in rows if row["transcript"] == "expected"]
    for event in rig.rows("SELECT id, outcome, error, payload FROM recordings_callbackevent"):
        about_deleted = any(one in str(event["payload"]) for one in deleted)
        if event["outcome"] in {"received", "unmatched", "failed"} and not about_deleted:
            found.append(f"callback event {event['id']}: {event['outcome']} {event['error'] or ''}")
    running = rig.rows("SELECT id FROM recordings_syncrun WHERE state = 'running'")
    return found + [f"sync {run['id']}: running" for run in running]


def _is_given_up(row: dict[str, Any]) -> bool:
    """Return whether the row says that it may have been deleted: no list and no callback had told of it before."""
    return row["status"] == "failed" and "deleted at Vobiz" in (row["error"] or "")


def broken(rig: Rig, state: SandboxState, intents: set[str]) -> dict[str, list[str]]:
    """Return what breaks an invariant, under its number."""
    rows = rig.rows(ROWS)
    return {
        "I1": _acknowledged(rig, state),
        "I2": _starts(rows, state, intents),
        "I3": _gone(rows, state),
        "I4": _files(rig, rows, state),
        "I5": _facts(rows, state),
        "I6": _times(rows, state),
    }


def all_at_vobiz(state: SandboxState) -> list[Recording]:
    with state.lock:
        return list(state.recordings.all.values())


def _acknowledged(rig: Rig, state: SandboxState) -> list[str]:
    """I1: each callback answered with 200 is stored, as often as it was."""
    acknowledged: Counter[tuple[str, str]] = Counter()
    for entry in state.ledger.of("callback.tried"):
        if entry.detail["status"] == 200:
            key = str(entry.detail["path"]).strip("/").split("/")[-1]
            acknowledged[hashlib.sha256(key.encode()).hexdigest(), str(entry.recording_id)] += 1
    stored: Counter[tuple[str, str]] = Counter()
    names = {digest_and_id[1] for digest_and_id in acknowledged}
    for event in rig.rows("SELECT key_digest, payload, deliveries FROM recordings_callbackevent"):
        for name in names & set(_texts(str(event["payload"]))):
            stored[event["key_digest"], name] += event["deliveries"]
    return [
        f"{name}: {count} acknowledged, {stored[digest, name]} stored"
        for (digest, name), count in acknowledged.items()
        if stored[digest, name] < count
    ]


def _texts(payload: str) -> list[str]:
    return payload.replace('"', " ").replace("'", " ").replace("/", " ").replace(".", " ").split()


def _starts(rows: list[dict[str, Any]], state: SandboxState, intents: set[str]) -> list[str]:
    """I2: one request at most for each intent, and one recording at Vobiz at most."""
    keys: Counter[str] = Counter()
    for entry in state.ledger.of("request"):
        if entry.detail["operation"] == "record.start" and isinstance(entry.detail["body"], dict):
            keys[str(entry.detail["body"]["callback_url"]).strip("/").split("/")[-1]] += 1
    found = [f"a start was sent {times} times" for times in keys.values() if times > 1]
    begun = Counter(one.callback_url for one in all_at_vobiz(state) if one.callback_url)
    found += [f"{times} recordings of one start" for times in begun.values() if times > 1]
    asked = Counter(str(row["intent"]) for row in rows if row["intent"])
    found += [f"{times} rows of one intent" for times in asked.values() if times > 1]
    strange = set(keys) - {row["callback_key"] for row in rows}
    found += ["a start was sent of which no row is known"] * len(strange)
    return found + ["a row of an intent that nobody had"] * max(0, len(asked) - len(intents))


def _gone(rows: list[dict[str, Any]], state: SandboxState) -> list[str]:
    """I3: nothing is marked as deleted at Vobiz that is there, and nothing is known that never was."""
    at_vobiz = {one.recording_id: one for one in all_at_vobiz(state)}
    found = []
    for row in rows:
        one = at_vobiz.get(row["recording_id"])
        if row["recording_id"] and one is None:
            found.append(f"{row['recording_id']}: Vobiz never had it")
        if row["gone_at_provider_at"] is not None and one is not None and one.state != "deleted":
            found.append(f"{row['recording_id']}: marked as deleted at Vobiz, and is there")
        is_honest = one is not None and one.state == "deleted" and _is_given_up(row)
        if row["status"] == "failed" and row["recording_id"] and one is not None and not is_honest:
            found.append(f"{row['recording_id']}: failed here, recorded there")
    return found


def _files(rig: Rig, rows: list[dict[str, Any]], state: SandboxState) -> list[str]:
    """I4: what is archived is in its file byte for byte, as Vobiz has it."""
    at_vobiz = {one.recording_id: one for one in all_at_vobiz(state)}
    found = []
    for row in rows:
        if row["archived_at"] is None:
            continue
        file = rig.folder / "archive" / row["audio"]
        content = file.read_bytes() if file.is_file() else b""
        sha256 = hashlib.sha256(content).hexdigest()
        if (sha256, len(content)) != (row["audio_sha256"], row["audio_bytes"]):
            found.append(f"{row['recording_id']}: its file is not what the row says")
        audio = audio_of(at_vobiz[row["recording_id"]])
        if content != b"".join(audio.read(0, audio.length)):
            found.append(f"{row['recording_id']}: its file is not what Vobiz has")
    return found


def _facts(rows: list[dict[str, Any]], state: SandboxState) -> list[str]:
    """I5: however it came, the row says what Vobiz says."""
    at_vobiz = {one.recording_id: one for one in all_at_vobiz(state)}
    found = []
    for row in rows:
        one = at_vobiz.get(row["recording_id"])
        if one is None or one.state != "listed":
            continue
        here = (row["status"], row["call_uuid"], row["duration_ms"], row["recording_url"])
        there = ("completed", one.call_uuid, one.duration_ms, state.url_of(one))
        if here != there:
            found.append(f"{row['recording_id']}: {here}, Vobiz has {there}")
    return found


def _times(rows: list[dict[str, Any]], state: SandboxState) -> list[str]:
    """I6: the instants are Vobiz's, to the millisecond, whatever its zone and our clock."""
    at_vobiz = {one.recording_id: one for one in all_at_vobiz(state) if one.timed and one.state == "listed"}
    found = []
    for row in rows:
        one = at_vobiz.get(row["recording_id"])
        for name, there in (("started_at", one.started_ms), ("ended_at", one.ended_ms)) if one else ():
            here = milliseconds(row[name])
            if here != there:
                found.append(f"{row['recording_id']}: {name} is {here}, Vobiz has {there}")
    return found


def milliseconds(value: Any) -> int | None:
    """Return an instant as both databases give it, in milliseconds since the epoch."""
    if value is None:
        return None
    at = datetime.fromisoformat(value).replace(tzinfo=UTC) if isinstance(value, str) else value
    return round(at.timestamp() * 1000)
