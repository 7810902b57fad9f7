"""Vobiz's documented endpoints, quirks included. Requests in, replies out; no sockets here.

Paths are exact: a voice path in other letters or without its last slash is refused with 401, as if the
credentials were wrong. Only the live calls are found without it too, as the official SDKs ask for them; the quirk
`live_calls_slash` allows one form alone. The account in the path and the one in the headers must be the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from vobiz_portal.sandbox import serializers
from vobiz_portal.sandbox.entities import Account, Call, Quirks, Recording
from vobiz_portal.sandbox.exchange import Reply, Request, as_json, no_such_route, unauthorized
from vobiz_portal.sandbox.routes import ROUTES
from vobiz_portal.sandbox.state import NotFoundError, SandboxState

PREFIX = "/api/v1"
LONGEST = 28_800  # seconds: the largest time_limit
ASYNC = "async api spawned"


class BadRequestError(Exception):
    """A request that Vobiz answers with 400 and this text."""


def _pattern(template: str) -> re.Pattern[str]:
    """Compile a route; ids match anything but a slash."""
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", PREFIX + template))


_ROUTES = [(operation, method, _pattern(template)) for operation, method, template in ROUTES]
_FOLDED = [re.compile(pattern.pattern.rstrip("/?") + "/?", re.IGNORECASE) for _, _, pattern in _ROUTES]
MOST_QUEUED = 20  # UUIDs in one answer


def _match(request: Request) -> tuple[str, dict[str, str]]:
    """Return the operation and the ids in its path; "unknown" for a path that is not documented."""
    for operation, method, pattern in _ROUTES:
        if method == request.method and (found := pattern.fullmatch(request.path)):
            return operation, found.groupdict()
    return "unknown", {}


@dataclass(frozen=True)
class RequestContext:
    """An authenticated request. `ids`: the ids in its path."""

    request: Request
    account: Account
    ids: dict[str, str]
    quirks: Quirks
    api_id: str


class Api:
    """The endpoints of api.vobiz.ai."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self._answers: dict[str, Callable[[RequestContext], Reply]] = {
            "auth.me": self._me,
            "call.list": self._list_calls,
            "call.make": self._make_call,
            "call.retrieve": self._retrieve_call,
            "call.hangup": self._hang_up,
            "record.start": self._start,
            "record.stop": self._stop,
            "conference.record": self._record_conference,
            "conference.stop": lambda context: Reply(204),
            "recording.list": self._list_recordings,
            "recording.retrieve": self._retrieve_recording,
            "recording.delete": self._delete_recording,
        }

    def operation(self, request: Request) -> str:
        """Return which of `faults.OPERATIONS` a request is."""
        return _match(request)[0]

    def answer(self, request: Request, quirks: Quirks) -> Reply:
        """Authenticate the request, run its operation, and return the reply."""
        operation, ids = _match(request)
        if operation == "unknown":
            return _wrong_route(request, quirks)
        if not _is_allowed_form(operation, request, quirks):
            return unauthorized() if quirks.missing_slash_status == 401 else no_such_route()
        account = self.state.authenticate(
            request.headers.get("x-auth-id"), request.headers.get("x-auth-token")
        )
        if account is None or ids.get("auth_id", account.auth_id) != account.auth_id:
            return unauthorized()
        if account.suspended:
            error = {"code": "ACCOUNT_INACTIVE", "message": "Account is suspended", "details": {}}
            return as_json({"status": "error", "error": error}, 403)
        context = RequestContext(request, account, ids, quirks, self.state.new_id())
        try:
            return self._answers[operation](context)
        except NotFoundError as error:
            return as_json({"api_id": context.api_id, "error": str(error)}, 404)
        except BadRequestError as error:
            return as_json({"api_id": context.api_id, "error": str(error)}, 400)

    # Accounts and calls

    def _me(self, context: RequestContext) -> Reply:
        return as_json(serializers.account_object(context.account, context.api_id))

    def _list_calls(self, context: RequestContext) -> Reply:
        state = _requested_state(context.request)
        calls = self.state.calls_of(context.account.auth_id, state)
        calls = calls[:MOST_QUEUED] if state == "queued" else calls
        as_objects = context.quirks.live_calls_as_objects
        shown = [
            serializers.live_call(call, context.api_id) if as_objects else call.call_uuid for call in calls
        ]
        return as_json({"api_id": context.api_id, "calls": shown})

    def _retrieve_call(self, context: RequestContext) -> Reply:
        """Return one call; Vobiz finds an open one only with the `status` it has."""
        call = self._call(context)
        status = context.request.query.get("status")
        if status is None and call.state == "ended":
            return as_json(serializers.finished_call(call, context.api_id))
        if status is None or call.state != _requested_state(context.request):
            raise NotFoundError("call not found")
        shape = serializers.live_call if call.state == "live" else serializers.queued_call
        return as_json(shape(call, context.api_id))

    def _make_call(self, context: RequestContext) -> Reply:
        body = _body(context.request)
        caller, callee = body.get("from"), body.get("to")
        if not (isinstance(caller, str) and isinstance(callee, str) and caller and callee):
            raise BadRequestError("from and to are required")
        call = self.state.place_call(
            context.account.auth_id,
            from_number=caller,
            to_number=callee,
            direction="outbound",
            rings_for=context.quirks.made_calls_ring_for,
            lasts=context.quirks.made_calls_last,
        )
        made = {"api_id": context.api_id, "message": "Call fired", "request_uuid": call.call_uuid}
        return as_json(made, context.quirks.make_call_status)

    def _hang_up(self, context: RequestContext) -> Reply:
        self.state.hang_up(self._call(context).call_uuid)
        return Reply(204)

    def _call(self, context: RequestContext) -> Call:
        self.state.tick()
        call = self.state.calls.get(context.ids["call_uuid"])
        if call is None or call.auth_id != context.account.auth_id:
            raise NotFoundError("call not found")
        return call

    # Recording

    def _start(self, context: RequestContext) -> Reply:
        options = start_options(_body(context.request))
        if context.quirks.mp3_is_wav:
            options["container"] = "wav"
        account, call_uuid = context.account.auth_id, context.ids["call_uuid"]
        recording = self.state.start_recording(account, call_uuid, api_id=context.api_id, **options)
        if context.quirks.async_start:
            return as_json({"api_id": context.api_id, "message": ASYNC}, context.quirks.start_status)
        started = {
            "api_id": context.api_id,
            "message": "recording started",
            "recording_id": recording.recording_id,
            "url": self.state.url_of(recording),
        }
        return as_json(started, context.quirks.start_status)

    def _stop(self, context: RequestContext) -> Reply:
        """Stop recordings: only `URL`, in capitals, in a JSON body chooses one; anything else stops all."""
        body = _body(context.request)
        url = body.get("URL") or None
        self.state.stop_recordings(
            context.account.auth_id,
            context.ids["call_uuid"],
            None if url is None else str(url),
            unknown_url=context.quirks.stop_unknown_url,
        )
        return Reply(204)

    def _record_conference(self, context: RequestContext) -> Reply:
        """Accept the request and record nothing, as Vobiz was seen to do."""
        return as_json({"message": ASYNC, "api_id": context.api_id})

    # Recordings

    def _owners(self, context: RequestContext) -> list[str]:
        """Return the Auth IDs whose recordings the account sees."""
        own = context.account.auth_id
        if not context.quirks.parent_sees_sub_accounts:
            return [own]
        return [own, *(one.auth_id for one in self.state.accounts.values() if one.parent == own)]

    def _list_recordings(self, context: RequestContext) -> Reply:
        limit = (
            _number(context.request, "limit", context.quirks.default_limit) or context.quirks.default_limit
        )
        limit = min(limit, context.quirks.max_limit)
        offset = _number(context.request, "offset", 0)
        filters = {} if context.quirks.ignore_filters else context.request.query
        unfinished: list[Recording] = []
        if context.quirks.unfinished_listed:
            unfinished = self.state.running(context.account.auth_id)[::-1]
        total, page = self.state.page(
            self._owners(context),
            limit=limit,
            offset=offset,
            call_uuid=filters.get("call_uuid"),
            kind=filters.get("recording_type"),
            unfinished=unfinished,
        )
        where = f"/v1/Account/{context.account.auth_id}/Recording/?limit={limit}&offset="
        meta = {
            "limit": limit,
            "next": f"{where}{offset + limit}" if offset + limit < total else None,
            "offset": offset,
            "previous": f"{where}{max(0, offset - limit)}" if offset > 0 else None,
            "total_count": total,
        }
        objects = [self._served(context, recording) for recording in page]
        return as_json({"api_id": context.api_id, "meta": meta, "objects": objects})

    def _retrieve_recording(self, context: RequestContext) -> Reply:
        recording = self.state.find_recording(context.ids["recording_id"], self._owners(context))
        served = self._served(context, recording)
        if context.quirks.envelope_retrieve:
            meta = {"limit": 20, "next": None, "offset": 0, "previous": None, "total_count": 1}
            return as_json({"api_id": context.api_id, "meta": meta, "objects": [served]})
        return as_json({"api_id": context.api_id, **served})

    def _delete_recording(self, context: RequestContext) -> Reply:
        recording = self.state.find_recording(context.ids["recording_id"], self._owners(context))
        self.state.delete_recording(recording.recording_id)
        return Reply(204)

    def _served(self, context: RequestContext, recording: Recording) -> dict[str, Any]:
        """Return the Recording object under the quirks of this request."""
        served = self.state.served(recording)
        if recording.conference_name is None and "conference_name" not in recording.overrides:
            served["conference_name"] = context.quirks.empty_conference_name
        return served


def start_options(body: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a start as fields of `Recording`; raise BadRequestError for a wrong value."""
    limit = body.get("time_limit", 60)
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= LONGEST:
        raise BadRequestError(f"time_limit must be an integer from 1 to {LONGEST}")
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
    """Return a field's value, the first of `allowed` when it is missing or empty."""
    value = body.get(name) or allowed[0]
    if value not in allowed:
        raise BadRequestError(f"{name} must be one of {', '.join(allowed)}")
    return str(value)


def _url(body: dict[str, Any], name: str) -> str | None:
    """Return an optional http or https URL of the body."""
    value = body.get(name)
    if value is None or value == "":
        return None
    try:
        parts = urlsplit(value) if isinstance(value, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise BadRequestError(f"{name} must be an http or https URL")
    return str(value)


def _body(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body; raise BadRequestError for anything else."""
    try:
        body = request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadRequestError("the body must be a JSON object")
    return body


def _number(request: Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,9}", text, re.ASCII):
        raise BadRequestError(f"{name} must be a whole number")
    return int(text)


def _requested_state(request: Request) -> str:
    status = request.query.get("status", "")
    if status not in {"live", "queued"}:
        raise BadRequestError("status must be live or queued")
    return status


def _is_allowed_form(operation: str, request: Request, quirks: Quirks) -> bool:
    """Return whether this path may end as it does: with a slash, or without where the route allows both."""
    if operation not in {"call.list", "call.retrieve"} or quirks.live_calls_slash == "both":
        return True
    return request.path.endswith("/") == (quirks.live_calls_slash == "required")


def _wrong_route(request: Request, quirks: Quirks) -> Reply:
    """Return the reply for a path that is not documented: 404, 405, or 401 as Vobiz gives for wrong letters."""
    if any(pattern.fullmatch(request.path) for _, _, pattern in _ROUTES):
        return as_json({"message": "Method Not Allowed"}, 405)
    slashed = replace(request, target=f"{request.path}/").path
    if any(pattern.fullmatch(slashed) for _, _, pattern in _ROUTES):
        return unauthorized() if quirks.missing_slash_status == 401 else no_such_route()
    if any(pattern.fullmatch(request.path) for pattern in _FOLDED):
        return unauthorized()
    return no_such_route()
