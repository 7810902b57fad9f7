"""Recording objects as Vobiz lists them, made from the documented one."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from recordings.vobiz.objects import RecordingObject
from tests.conftest import MAIN
from tests.vobiz.payloads import payload

DOCUMENTED = "d7801b2e-e76d-4dd8-be9c-9e015a7267b8"
CALL = "6e558798-499c-4a68-bc77-46f2c53d1f69"
KOLKATA = ZoneInfo("Asia/Kolkata")


def listed(recording_id: str = DOCUMENTED, *, owner: str | None = MAIN, **fields: Any) -> RecordingObject:
    """The documented recording under another id; `fields` as on the wire. `owner` None: `resource_uri` names none."""
    row = payload("recordings__documented_call")["objects"][0]
    uri = f"/v1/Account/{owner}/Recording/{recording_id}/" if owner else ""
    return RecordingObject.parse(
        {**row, "recording_id": recording_id, "resource_uri": uri, **fields}, zone=KOLKATA
    )


def running(recording_id: str = DOCUMENTED, **fields: Any) -> RecordingObject:
    """One that has not ended: no end, no duration, no file."""
    unfinished = {"recording_end_ms": None, "recording_duration_ms": None, "recording_url": ""}
    return listed(recording_id, **{**unfinished, **fields})
