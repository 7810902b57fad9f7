"""The control interface of a running sandbox: JSON over HTTP under `/_sandbox/`, from this machine only.

GET    /_sandbox/                  accounts, open calls, running recordings, faults, pending callbacks
POST   /_sandbox/calls             place a call {"auth_id", "from", "to", "direction", "rings_for", "lasts", "flow"}
DELETE /_sandbox/calls/UUID        hang up
GET    /_sandbox/recordings/ID     all that is known of one recording
POST   /_sandbox/recordings        a recording of the past {"auth_id", "age_days", "duration", …}
DELETE /_sandbox/recordings/ID     somebody deletes it in Vobiz's console
POST   /_sandbox/callbacks         {"muted": true|false}, {"release": true}
POST   /_sandbox/flows             {"auth_id", "callback_url", "transcription_url"}: a call flow that records
POST   /_sandbox/quirks            {"max_limit": 20, …}
GET, POST, DELETE /_sandbox/faults, DELETE /_sandbox/faults/ID
GET    /_sandbox/ledger            what happened: ?what=callback.&recording_id=…&call_uuid=…&auth_id=…&last=100
POST   /_sandbox/advance           {"seconds": 60}
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from vobiz_portal.sandbox.exchange import Reply, Request, as_json
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.outbox import Outbox
from vobiz_portal.sandbox.state import NotFoundError, SandboxState

ROOT = "/_sandbox"
ID_FILTERS = ("auth_id", "call_uuid", "recording_id")

Answer = Callable[[dict[str, Any]], Any]


class Control:
    """The routes under `/_sandbox/`."""

    def __init__(self, state: SandboxState, outbox: Outbox) -> None:
        self.state = state
        self.outbox = outbox
        self._answers: dict[tuple[str, str], Answer] = {
            ("GET", ""): self._state,
            ("POST", "calls"): self._place_call,
            ("DELETE", "calls/"): lambda body: dataclasses.asdict(self.state.hang_up(body["id"])),
            ("GET", "recordings/"): lambda body: dataclasses.asdict(self.state.recording(body["id"])),
            ("POST", "recordings"): self._add_recording,
            ("DELETE", "recordings/"): lambda body: dataclasses.asdict(
                self.state.delete_recording(body["id"])
            ),
            ("POST", "callbacks"): self._callbacks,
            ("POST", "flows"): self._flow,
            ("POST", "quirks"): self._quirks,
            ("GET", "faults"): lambda body: [fault.as_json() for fault in self.state.faults.planned()],
            ("POST", "faults"): lambda body: self.state.faults.plan(Fault.from_json(body)).as_json(),
            ("DELETE", "faults"): lambda body: {"cleared": self.state.faults.clear()},
            ("DELETE", "faults/"): lambda body: {"cleared": self.state.faults.clear(int(body["id"]))},
            ("GET", "ledger"): self._ledger,
            ("POST", "advance"): self._advance,
        }

    def answer(self, request: Request) -> Reply:
        """Run one control request and return the reply."""
        if not _is_local(request):
            return as_json({"error": "the sandbox is driven from its own machine only"}, 403)
        rest = request.path.removeprefix(ROOT).strip("/")
        name, _, one = rest.partition("/")
        answer = self._answers.get((request.method, f"{name}/" if one else name))
        if answer is None:
            return as_json({"error": f"nothing here for {request.method} {rest or '/'}", "see": __doc__}, 404)
        try:
            body = request.json()
            if not isinstance(body, dict):
                return as_json({"error": "send a JSON object"}, 400)
            if request.method == "GET":
                body = dict(request.query)
            return as_json(
                answer({**body, "id": one} if one else body), 201 if request.method == "POST" else 200
            )
        except (NotFoundError, KeyError) as error:
            return as_json({"error": f"not there, or not given: {error}"}, 404)
        except (ValueError, TypeError) as error:
            return as_json({"error": str(error)}, 400)

    def _state(self, body: dict[str, Any]) -> dict[str, Any]:
        state = self.state
        with state.lock:
            state.tick()
            open_calls = [call for call in state.calls.values() if call.state != "ended"]
            return {
                "now": state.now(),
                "accounts": [
                    {"auth_id": one.auth_id, "name": one.name, "parent": one.parent, "flow": bool(one.flow)}
                    for one in state.accounts.values()
                ],
                "calls": [dataclasses.asdict(call) for call in open_calls],
                "running": [dataclasses.asdict(recording) for recording in state.running()],
                "listed": {one: state.page([one], limit=0)[0] for one in state.accounts},
                "quirks": dataclasses.asdict(state.quirks),
                "faults": [fault.as_json() for fault in state.faults.planned()],
                "callbacks": {"muted": state.callbacks.muted, "owed": len(state.callbacks.pending)},
                "ledger": state.ledger.written,
            }

    def _place_call(self, body: dict[str, Any]) -> dict[str, Any]:
        """Place a call; `from` and `to` are accepted for the numbers, the first account is the default."""
        words = {"from": "from_number", "to": "to_number"}
        asked = {words.get(name, name): value for name, value in body.items()}
        auth_id = asked.pop("auth_id", None) or next(iter(self.state.accounts), "")
        return dataclasses.asdict(self.state.place_call(str(auth_id), **asked))

    def _add_recording(self, body: dict[str, Any]) -> dict[str, Any]:
        auth_id = body.pop("auth_id", None) or next(iter(self.state.accounts), "")
        return self.state.served(self.state.add_recording(str(auth_id), **body))

    def _callbacks(self, body: dict[str, Any]) -> dict[str, Any]:
        if "muted" in body:
            self.state.callbacks.muted = bool(body["muted"])
        released = self.outbox.release() if body.get("release") else 0
        return {"muted": self.state.callbacks.muted, "released": released}

    def _flow(self, body: dict[str, Any]) -> dict[str, Any]:
        auth_id = str(body.pop("auth_id"))
        self.state.set_flow(auth_id, **body)
        return {"auth_id": auth_id, "flow": dataclasses.asdict(self.state.accounts[auth_id])["flow"]}

    def _quirks(self, body: dict[str, Any]) -> dict[str, Any]:
        self.state.quirks.change(body)
        return dataclasses.asdict(self.state.quirks)

    def _ledger(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        ids = {name: str(body[name]) for name in ID_FILTERS if name in body}
        entries = self.state.ledger.of(body.get("what"), **ids)
        return [dataclasses.asdict(entry) for entry in entries[-int(body.get("last", 100)) :]]

    def _advance(self, body: dict[str, Any]) -> dict[str, Any]:
        seconds = float(body["seconds"])
        if seconds < 0:
            raise ValueError("time goes forward only")
        self.state.advance(seconds)
        return {"now": self.state.now()}


def _is_local(request: Request) -> bool:
    """Return whether a request comes from a loopback address, to a loopback name, and not from a web page."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    return (
        _loopback(request.peer)
        and (host == "localhost" or _loopback(host))
        and "origin" not in request.headers
    )


def _loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
