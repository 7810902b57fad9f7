"""Fault injection on requests: before the effect, after it, and on the wire."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Callable, Iterator

from vobiz_portal.sandbox.exchange import Reply, Request, as_json
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
JSON = {"Content-Type": "application/json"}
CANNED: dict[str, Callable[[], Reply]] = {
    "garbage": lambda: Reply(200, b"\x00\xff\xfe not JSON \x80", dict(JSON)),
    "cut_json": lambda: Reply(200, b'{"api_id": "6684', dict(JSON)),
    "html": lambda: Reply(502, HTML, {"Content-Type": "text/html"}),
    "empty": lambda: Reply(200, b"", dict(JSON)),
    "error_200": lambda: as_json({"error": "failed"}),
    "list": lambda: as_json([]),
    "deep": lambda: Reply(200, b'{"objects": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", dict(JSON)),
}


class DroppedError(Exception):
    """The connection is to be closed without an answer."""


def before_effect(
    fault: Fault, state: SandboxState, request: Request, stopping: threading.Event
) -> Reply | None:
    """Apply the parts of a fault before the effect; return a reply that replaces the effect, or None."""
    if fault.first is not None:
        fault.first(state)
    change_rows(state, request, fault.drift)
    stopping.wait(fault.delay_before)
    if fault.drop == "before":
        raise DroppedError
    return planned_reply(fault) if fault.answers and fault.stage == "before" else None


def after_effect(fault: Fault, state: SandboxState, reply: Reply, stopping: threading.Event) -> Reply:
    """Apply the parts of a fault between the effect and the answer; return the answer."""
    if fault.then is not None:
        fault.then(state)
    stopping.wait(fault.delay_after)
    if fault.drop == "after":
        raise DroppedError
    if fault.answers and fault.stage == "after":
        return planned_reply(fault)
    if fault.edit is not None and isinstance(reply.body, bytes) and reply.body:
        reply.body = json.dumps(fault.edit(json.loads(reply.body))).encode()
    return reply


def planned_reply(fault: Fault) -> Reply:
    """Return the reply of a fault; `status` alone has a body like Vobiz's generic errors."""
    if fault.redirect:
        return Reply(fault.status or 302, b"", {"Location": fault.redirect})
    if fault.reply is not None:
        reply = CANNED[fault.reply]()
        reply.status = fault.status or reply.status
        return reply
    status = fault.status or 200
    if isinstance(fault.body, bytes):
        return Reply(status, fault.body)
    if isinstance(fault.body, str):
        return Reply(status, fault.body.encode(), {"Content-Type": "text/plain"})
    if fault.body is not None:
        return as_json(fault.body, status)
    return as_json({"error": f"planned fault: {status}"}, status)


def change_reply(fault: Fault, reply: Reply) -> Reply:
    """Apply extra headers, padding and unrequested compression to a reply."""
    reply.headers.update(fault.headers)
    if isinstance(reply.body, bytes):
        if fault.pad > len(reply.body):
            reply.body = reply.body.ljust(fault.pad)
        if fault.gzip:
            reply.body = gzip.compress(reply.body)
            reply.headers["Content-Encoding"] = "gzip"
    return reply


def body_pieces(fault: Fault | None, reply: Reply, stopping: threading.Event) -> Iterator[bytes]:
    """Yield the body as it is sent: whole, cut, or byte by byte."""
    left = fault.cut if fault is not None and fault.cut is not None else None
    for piece in [reply.body] if isinstance(reply.body, bytes) else reply.body:
        kept = piece if left is None else piece[:left]
        if left is not None:
            left -= len(kept)
        if fault is not None and fault.drip:
            for at in range(len(kept)):
                yield kept[at : at + 1]
                stopping.wait(fault.drip)
        elif kept:
            yield kept
        if left == 0 or stopping.is_set():
            return


def change_rows(state: SandboxState, request: Request, how: dict[str, int]) -> None:
    """Add rows (`insert`) and delete the newest (`delete`) or oldest (`delete_oldest`) while a client reads pages."""
    parts = request.path.split("/")
    if not how or len(parts) < 5 or parts[4] not in state.accounts:
        return
    auth_id = parts[4]
    for _ in range(how.get("insert", 0)):
        state.add_recording(auth_id)
    listed = state.recordings_of(auth_id)
    count, oldest = how.get("delete", 0), how.get("delete_oldest", 0)
    for recording in listed[:count] + (listed[-oldest:] if oldest else []):
        state.delete_recording(recording.recording_id)
