"""Vobiz's documented endpoints, quirks included, over a World. Requests in, replies out; no sockets here.

Paths are exact: a voice path in other letters or without its last slash is refused with 401, as if the
credentials were wrong. The account in the path and the one in the headers must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from vobiz_portal.sandbox import shapes
from vobiz_portal.sandbox.exchange import Reply, Request, as_json, no_such_route, nothing, unauthorized
from vobiz_portal.sandbox.facts import Account, Call, Quirks, Recording
from vobiz_portal.sandbox.world import NotThereError, World

PREFIX = "/api/v1"
ROUTES = (
    ("auth.me", "GET", "/auth/me"),
    ("call.list", "GET", "/Account/{auth_id}/Call/"),
    ("call.make", "POST", "/Account/{auth_id}/Call/"),
    ("call.retrieve", "GET", "/Account/{auth_id}/Call/{call_uuid}/"),
    ("call.hangup", "DELETE", "/Account/{auth_id}/Call/{call_uuid}/"),
    ("record.start", "POST", "/Account/{auth_id}/Call/{call_uuid}/Record/"),
    ("record.stop", "DELETE", "/Account/{auth_id}/Call/{call_uuid}/Record/"),
    ("conference.record", "POST", "/Account/{auth_id}/Conference/{name}/Record/"),
    ("conference.stop", "DELETE", "/Account/{auth_id}/Conference/{name}/Record/"),
    ("recording.list", "GET", "/Account/{auth_id}/Recording/"),
    ("recording.retrieve", "GET", "/Account/{auth_id}/Recording/{recording_id}/"),
    ("recording.delete", "DELETE", "/Account/{auth_id}/Recording/{recording_id}/"),
)
LONGEST = 28_800  # seconds: the largest time_limit
ASYNC = "async api spawned"


class RefusedError(Exception):
    """A request Vobiz answers with 400 and these words."""


def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", PREFIX + template))


_ROUTES = [(operation, method, _pattern(template)) for operation, method, template in ROUTES]
_FOLDED = [re.compile(pattern.pattern.rstrip("/") + "/?", re.IGNORECASE) for _, _, pattern in _ROUTES]


@dataclass(frozen=True)
class Asked:
    """A request whose sender is known. `ids`: what the path names."""

    request: Request
    account: Account
    ids: dict[str, str]
    quirks: Quirks
    api_id: str


class Api:
    """Answers what is asked of api.vobiz.ai."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._answers: dict[str, Callable[[Asked], Reply]] = {
            "auth.me": self._me,
            "call.list": self._list_calls,
            "call.make": self._make_call,
            "call.retrieve": self._retrieve_call,
            "call.hangup": self._hang_up,
            "record.start": self._start,
            "record.stop": self._stop,
            "conference.record": self._record_conference,
            "conference.stop": lambda asked: nothing(),
            "recording.list": self._list_recordings,
            "recording.retrieve": self._retrieve_recording,
            "recording.delete": self._delete_recording,
        }

    def operation(self, request: Request) -> str:
        """Which of `faults.OPERATIONS` a request is."""
        for operation, method, pattern in _ROUTES:
            if method == request.method and pattern.fullmatch(request.path):
                return operation
        return "unknown"

    def answer(self, request: Request, quirks: Quirks) -> Reply:
        operation = self.operation(request)
        if operation == "unknown":
            return _wrong_route(request, quirks)
        pattern = next(pattern for name, _, pattern in _ROUTES if name == operation)
        found = pattern.fullmatch(request.path)
        ids = found.groupdict() if found else {}
        account = self.world.authenticate(
            request.headers.get("x-auth-id"), request.headers.get("x-auth-token")
        )
        if account is None or ids.get("auth_id", account.auth_id) != account.auth_id:
            return unauthorized()
        if account.suspended:
            error = {"code": "ACCOUNT_INACTIVE", "message": "Account is suspended", "details": {}}
            return as_json({"status": "error", "error": error}, 403)
        asked = Asked(request, account, ids, quirks, self.world.new_id())
        try:
            return self._answers[operation](asked)
        except NotThereError as error:
            return as_json({"api_id": asked.api_id, "error": str(error)}, 404)
        except RefusedError as error:
            return as_json({"api_id": asked.api_id, "error": str(error)}, 400)

    # Accounts and calls

    def _me(self, asked: Asked) -> Reply:
        return as_json(shapes.account_object(asked.account, asked.api_id))

    def _list_calls(self, asked: Asked) -> Reply:
        calls = self.world.calls_of(asked.account.auth_id, _state_asked(asked.request))
        if asked.quirks.live_calls_as_objects:
            return as_json(
                {"api_id": asked.api_id, "calls": [shapes.live_call(call, asked.api_id) for call in calls]}
            )
        return as_json({"api_id": asked.api_id, "calls": [call.call_uuid for call in calls]})

    def _retrieve_call(self, asked: Asked) -> Reply:
        call = self._call(asked)
        status = asked.request.query.get("status")
        if status is None and call.state == "ended":
            return as_json(shapes.finished_call(call, asked.api_id))
        if status is None or call.state != _state_asked(asked.request):
            raise NotThereError("call not found")
        return as_json(shapes.live_call(call, asked.api_id))

    def _make_call(self, asked: Asked) -> Reply:
        body = _body(asked.request)
        caller, callee = body.get("from"), body.get("to")
        if not (isinstance(caller, str) and isinstance(callee, str) and caller and callee):
            raise RefusedError("from and to are required")
        call = self.world.place_call(
            asked.account.auth_id,
            from_number=caller,
            to_number=callee,
            direction="outbound",
            rings_for=asked.quirks.made_calls_ring_for,
            lasts=asked.quirks.made_calls_last,
        )
        made = {"api_id": asked.api_id, "message": "Call fired", "request_uuid": call.call_uuid}
        return as_json(made, asked.quirks.make_call_status)

    def _hang_up(self, asked: Asked) -> Reply:
        self.world.hang_up(self._call(asked).call_uuid)
        return nothing()

    def _call(self, asked: Asked) -> Call:
        self.world.tick()
        call = self.world.calls.get(asked.ids["call_uuid"])
        if call is None or call.auth_id != asked.account.auth_id:
            raise NotThereError("call not found")
        return call

    # Recording

    def _start(self, asked: Asked) -> Reply:
        options = start_options(_body(asked.request))
        if asked.quirks.mp3_is_wav:
            options["container"] = "wav"
        account, call_uuid = asked.account.auth_id, asked.ids["call_uuid"]
        recording = self.world.start_recording(account, call_uuid, api_id=asked.api_id, **options)
        if asked.quirks.async_start:
            return as_json({"api_id": asked.api_id, "message": ASYNC}, asked.quirks.start_status)
        started = {
            "api_id": asked.api_id,
            "message": "recording started",
            "recording_id": recording.recording_id,
            "url": self.world.url_of(recording),
        }
        return as_json(started, asked.quirks.start_status)

    def _stop(self, asked: Asked) -> Reply:
        """Only `URL`, in capitals, in a JSON body chooses one; anything else stops all."""
        body = _body(asked.request)
        url = body.get("URL") or None
        self.world.stop_recordings(
            asked.account.auth_id,
            asked.ids["call_uuid"],
            None if url is None else str(url),
            unknown_url=asked.quirks.stop_unknown_url,
        )
        return nothing()

    def _record_conference(self, asked: Asked) -> Reply:
        """Says yes, and nothing is written: as seen in the field."""
        return as_json({"message": ASYNC, "api_id": asked.api_id})

    # Recordings

    def _owners(self, asked: Asked) -> list[str]:
        own = asked.account.auth_id
        if not asked.quirks.parent_sees_sub_accounts:
            return [own]
        return [own, *(one.auth_id for one in self.world.accounts.values() if one.parent == own)]

    def _list_recordings(self, asked: Asked) -> Reply:
        limit = _number(asked.request, "limit", asked.quirks.default_limit) or asked.quirks.default_limit
        limit = min(limit, asked.quirks.max_limit)
        offset = _number(asked.request, "offset", 0)
        filters = {} if asked.quirks.ignore_filters else asked.request.query
        unfinished: list[Recording] = []
        if asked.quirks.unfinished_listed:
            unfinished = self.world.running(asked.account.auth_id)[::-1]
        total, page = self.world.page(
            self._owners(asked),
            limit=limit,
            offset=offset,
            call_uuid=filters.get("call_uuid"),
            kind=filters.get("recording_type"),
            unfinished=unfinished,
        )
        where = f"/v1/Account/{asked.account.auth_id}/Recording/?limit={limit}&offset="
        meta = {
            "limit": limit,
            "next": f"{where}{offset + limit}" if offset + limit < total else None,
            "offset": offset,
            "previous": f"{where}{max(0, offset - limit)}" if offset > 0 else None,
            "total_count": total,
        }
        objects = [self._served(asked, recording) for recording in page]
        return as_json({"api_id": asked.api_id, "meta": meta, "objects": objects})

    def _retrieve_recording(self, asked: Asked) -> Reply:
        recording = self.world.find_recording(asked.ids["recording_id"], self._owners(asked))
        served = self._served(asked, recording)
        if asked.quirks.envelope_retrieve:
            meta = {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 1}
            return as_json({"api_id": asked.api_id, "meta": meta, "objects": [served]})
        return as_json({"api_id": asked.api_id, **served})

    def _delete_recording(self, asked: Asked) -> Reply:
        recording = self.world.find_recording(asked.ids["recording_id"], self._owners(asked))
        self.world.delete_recording(recording.recording_id)
        return nothing()

    def _served(self, asked: Asked, recording: Recording) -> dict[str, Any]:
        served = self.world.served(recording)
        if recording.conference_name is None and "conference_name" not in recording.overrides:
            served["conference_name"] = asked.quirks.empty_conference_name
        return served


def start_options(body: dict[str, Any]) -> dict[str, Any]:
    """What a start asks for, as fields of `Recording`; RefusedError says what cannot be."""
    limit = body.get("time_limit", 60)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LONGEST:
        raise RefusedError(f"time_limit must be an integer from 1 to {LONGEST}")
    file_format = _one_of(body, "file_format", "mp3", "wav")
    channels = 2 if _one_of(body, "record_channel_type", "mono", "stereo") == "stereo" else 1
    return {
        "time_limit": limit,
        "file_format": file_format,
        "channels": channels,
        "transcribe": bool(body.get("transcription_type"))
        and _one_of(body, "transcription_type", "auto") == "auto",
        "transcription_url": _url(body, "transcription_url"),
        "callback_url": _url(body, "callback_url"),
        "callback_method": _one_of(body, "callback_method", "POST", "GET"),
    }


def _one_of(body: dict[str, Any], name: str, *allowed: str) -> str:
    """A field's value, the first of `allowed` when it is missing or empty."""
    value = body.get(name) or allowed[0]
    if value not in allowed:
        raise RefusedError(f"{name} must be one of {', '.join(allowed)}")
    return str(value)


def _url(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is None or value == "":
        return None
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise RefusedError(f"{name} must be an http or https URL")
    return str(value)


def _body(request: Request) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusedError("the body must be a JSON object")
    return body


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise RefusedError(f"{name} must be a whole number")
    return int(text)


def _state_asked(request: Request) -> str:
    status = request.query.get("status", "")
    if status not in {"live", "queued"}:
        raise RefusedError("status must be live or queued")
    return status


def _wrong_route(request: Request, quirks: Quirks) -> Reply:
    if any(pattern.fullmatch(request.path) for _, _, pattern in _ROUTES):
        return as_json({"message": "Method Not Allowed"}, 405)
    slashed = replace(request, target=f"{request.path}/").path
    if any(pattern.fullmatch(slashed) for _, _, pattern in _ROUTES):
        return unauthorized() if quirks.missing_slash_status == 401 else no_such_route()
    if any(pattern.fullmatch(request.path) for pattern in _FOLDED):
        return unauthorized()
    return no_such_route()
