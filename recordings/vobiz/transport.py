"""How requests to Vobiz's API travel: where they may go, how long they may take, when they are tried again.

Only the routes listed here exist. Paths are copied literally from Vobiz's documents: voice paths end in a
slash, `/auth/me` does not, and a path in another case answers 401 as wrong credentials do. Credentials go
to the host of the API address, which is looked at once more on the request that is really sent.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests

from recordings.vobiz.addresses import InvalidAddressError, checked_api_url
from recordings.vobiz.connection import AnswerTooLargeError, Exchange, ExchangeError, GuardedAdapter, body_of
from recordings.vobiz.errors import (
    NotConnectedError,
    OutcomeUnknownError,
    UnexpectedReplyError,
    UnreachableError,
    VobizError,
    Where,
)
from recordings.vobiz.replies import Reply, holds_error, named, refusal, retry_after
from recordings.vobiz.wire import InvalidIdError, InvalidShapeError, checked_id, one_line

USER_AGENT = "vobiz-portal"
API_BODY_CAP = 5 * 1024 * 1024
LONGEST_RETRY_AFTER = 30.0
CONNECTIONS = 32  # kept open at most for the next requests
TOO_MANY_REQUESTS = 429

_HEADER_VALUE = re.compile(r"[\x21-\x7e]{1,512}", re.ASCII)
_TRIED_AGAIN = frozenset({408, TOO_MANY_REQUESTS})

log = logging.getLogger(__name__)

Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account's Auth ID and token. The token is left out of every representation."""

    auth_id: str
    auth_token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a read is tried: at most `tries` requests, and `total` seconds for all of them together.

    Between tries: `backoff` seconds, doubled each time, or what Vobiz asks for up to 30 s.
    """

    tries: int
    total: float
    backoff: float = 0.2

    def wait(self, tried: int, deadline: float, asked_for: float | None) -> bool:
        """Wait before the next try; False at once if that would take too long.

        `tried`: how many there were. `deadline`: on time.monotonic(). `asked_for`: Vobiz's own wish, seconds.
        """
        pause = self.backoff * 2 ** (tried - 1) if asked_for is None else max(asked_for, self.backoff)
        if pause > LONGEST_RETRY_AFTER or time.monotonic() + pause >= deadline:
            return False
        time.sleep(pause)
        return True


BACKGROUND = RetryPolicy(5, 60.0)
INTERACTIVE = RetryPolicy(2, 10.0)  # somebody is looking at a page that does not come


def worth_repeating(status: int) -> bool:
    """Return whether the request is worth a retry after this status: 408, 429 and 5xx."""
    return status in _TRIED_AGAIN or status >= 500


class Route(Enum):
    """Every request the portal can make, and what it does, in words that follow "to"."""

    ACCOUNT = ("GET", "/auth/me", "read the account")
    LIVE_CALLS = ("GET", "/Account/{auth_id}/Call/", "list the live calls")
    LIVE_CALL = ("GET", "/Account/{auth_id}/Call/{call_uuid}/", "look at the call")
    START = ("POST", "/Account/{auth_id}/Call/{call_uuid}/Record/", "start a recording")
    STOP = ("DELETE", "/Account/{auth_id}/Call/{call_uuid}/Record/", "stop the recording")
    RECORDINGS = ("GET", "/Account/{auth_id}/Recording/", "list the recordings")
    RECORDING = ("GET", "/Account/{auth_id}/Recording/{recording_id}/", "read the recording")

    def __init__(self, method: str, template: str, doing: str) -> None:
        self.method = method
        self.template = template
        self.doing = doing

    def path(self, ids: Mapping[str, str], *, bare: bool = False) -> str:
        """Return the path, if `bare` without its last slash. Raise InvalidIdError unless each id is shaped like one."""
        form = self.template.rstrip("/") if bare else self.template
        return form.format_map({name: quote(checked_id(id_), safe="") for name, id_ in ids.items()})


class Transport:
    """One account's way to the API. May be used by several threads at once."""

    def __init__(
        self,
        credentials: Credentials,
        *,
        api_url: str,
        local: bool,
        connect_timeout: float,
        read_timeout: float,
        retry_policy: RetryPolicy,
    ) -> None:
        """Raise NotConnectedError if the credentials or the address cannot be used. Timeouts are in seconds."""
        try:
            self.api_url = checked_api_url(api_url, local=local)
            checked_id(credentials.auth_id)
        except InvalidAddressError as problem:
            raise NotConnectedError(f"There is no usable API address. {problem}") from None
        except InvalidIdError as problem:
            raise NotConnectedError(f"There is no usable Auth ID. {problem}") from None
        if not _HEADER_VALUE.fullmatch(credentials.auth_token):
            raise NotConnectedError(
                "There is no usable auth token: it is empty or holds characters no token has."
            )
        self.credentials = credentials
        self.connect_timeout = connect_timeout
        self.read_timeout = read_timeout
        self.retry_policy = retry_policy
        self.rate_limited = 0
        """Answers with status 429 so far."""
        self._adapter = GuardedAdapter(pool_maxsize=CONNECTIONS)

    def close(self) -> None:
        """Close the connections that are kept for the next request."""
        self._adapter.close()

    def secret_headers(self) -> dict[str, str]:
        """Return the two authentication headers, for a request that may carry them."""
        return {"X-Auth-ID": self.credentials.auth_id, "X-Auth-Token": self.credentials.auth_token}

    def read(
        self,
        route: Route,
        parse: Callable[[Any], Parsed],
        *,
        query: Mapping[str, str | int] | None = None,
        bare: bool = False,
        **ids: str,
    ) -> Parsed:
        """Ask for something, as often as the retry policy allows, and have its JSON document parsed.

        `bare`: by a path without its last slash.
        """
        asked = self._asked(route, ids, query, None, bare=bare)
        reply = self._make(asked, self._adapter, self.retry_policy.tries)
        try:
            document = reply.document()
            if holds_error(document):
                raise refusal(reply, route.doing, asked.where(reply))
            return parse(document)
        except InvalidShapeError as problem:
            raise _not_understood(asked, reply, str(problem)) from None

    def write(
        self,
        route: Route,
        body: Mapping[str, Any] | None,
        parse: Callable[[Any], Parsed],
        *,
        tries: int = 1,
        **ids: str,
    ) -> Parsed:
        """Have something done: once, unless `tries` says that a repetition does no harm.

        `parse` gets the JSON document, or None where the body is empty. Each call uses fresh connections: a
        kept one that the server has just closed would leave the outcome unknown for no good reason.
        """
        asked = self._asked(route, ids, None, body)
        with closing(GuardedAdapter()) as adapter:
            reply = self._make(asked, adapter, tries)
        try:
            document = None if reply.body is not None and not reply.body.strip() else reply.document()
            if holds_error(document) and not (isinstance(document, dict) and document.get("recording_id")):
                raise refusal(reply, route.doing, asked.where(reply))
            return parse(document)
        except InvalidShapeError as problem:
            raise _in_doubt(asked, f"the answer was not understood. {problem}", reply) from None

    def _asked(
        self,
        route: Route,
        ids: Mapping[str, str],
        query: Mapping[str, str | int] | None,
        body: Mapping[str, Any] | None,
        *,
        bare: bool = False,
    ) -> _Asked:
        url = self.api_url + route.path({"auth_id": self.credentials.auth_id, **ids}, bare=bare)
        if query:
            url += f"?{urlencode(query)}"
        headers = {
            **self.secret_headers(),
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
        }
        data = None if body is None else json.dumps(body).encode("ascii")
        request = requests.Request(route.method, url, headers=headers, data=data).prepare()
        if request.url != url:
            raise NotConnectedError("The API's address is not sent as it is written.")
        return _Asked(route, request, urlsplit(url).path, (self.credentials.auth_token,))

    def _make(self, asked: _Asked, adapter: GuardedAdapter, tries: int) -> Reply:
        """Return the first 2xx answer within `tries` and the total deadline; else raise the last error."""
        # One deadline for all tries: a socket timeout restarts with every byte, so a slow server could hold a request
        # for any length of time. On the monotonic clock, which a change of the system time does not move.
        deadline = time.monotonic() + self.retry_policy.total
        tried = 0
        doubt = False  # whether an earlier try of a write may have had its effect
        while True:
            tried += 1
            error: VobizError
            asked_for: float | None = None
            try:
                reply = self._exchange(asked, adapter, deadline)
            except ExchangeError as failure:
                error, retryable = _unanswered(asked, failure, in_doubt=doubt), failure.retryable
            else:
                if 200 <= reply.status < 300:
                    return reply
                error, retryable = _declined(asked, reply, in_doubt=doubt), worth_repeating(reply.status)
                self.rate_limited += reply.status == TOO_MANY_REQUESTS
                asked_for = retry_after(reply) if retryable else None
            doubt = doubt or isinstance(error, OutcomeUnknownError)
            if not retryable or tried >= tries or not self.retry_policy.wait(tried, deadline, asked_for):
                raise error

    def exchange_until(self, deadline: float, *, body_cap: int, public_only: bool = False) -> Exchange:
        """Return the limits for one request. `deadline` on time.monotonic(), `body_cap` in bytes."""
        return Exchange(deadline, self.connect_timeout, self.read_timeout, body_cap, public_only)

    def _exchange(self, asked: _Asked, adapter: GuardedAdapter, deadline: float) -> Reply:
        """Send one request; raise ExchangeError if no status came, or a success without its body."""
        exchange = self.exchange_until(deadline, body_cap=API_BODY_CAP)
        answer = adapter.exchange(asked.request, exchange)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        _note_deprecation(asked, headers)
        body: bytes | None = None
        trouble: str | None = None
        if headers.get("content-encoding", "identity").strip().lower() not in ("", "identity"):
            answer.close()
            trouble = "it is compressed, which was not asked for"
        else:
            try:
                body = b"".join(body_of(answer, exchange))
            except ExchangeError as failure:
                if 200 <= answer.status_code < 300 and not isinstance(failure, AnswerTooLargeError):
                    raise
                trouble = failure.why
        return Reply(answer.status_code, headers, body, trouble, asked.secrets)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request as it is sent, and what may be said about it."""

    route: Route
    request: requests.PreparedRequest = field(repr=False)
    path: str
    secrets: tuple[str, ...] = field(repr=False)

    @property
    def writes(self) -> bool:
        return self.route.method != "GET"

    def where(self, reply: Reply | None = None) -> Where:
        where: Where = {"method": self.route.method, "path": self.path}
        if reply is not None:
            where |= {"status": reply.status, "api_id": reply.api_id()}
            if self.route is not Route.ACCOUNT:  # the account object holds the account's secrets
                where["reply"] = reply.excerpt()
        return where


def _unanswered(asked: _Asked, failure: ExchangeError, *, in_doubt: bool) -> VobizError:
    """Return the error for a missing answer. For a write it matters whether any byte left."""
    if isinstance(failure, AnswerTooLargeError) and not asked.writes:
        return _not_understood(asked, None, f"{failure.why[0].upper()}{failure.why[1:]}.")
    if not asked.writes:
        return UnreachableError(
            f"Vobiz could not be asked to {asked.route.doing}: {failure.why}.", **asked.where()
        )
    if failure.sent or in_doubt:
        return _in_doubt(asked, failure.why, None)
    return UnreachableError(
        f"Vobiz could not be asked to {asked.route.doing}: {failure.why}. Nothing was sent.", **asked.where()
    )


def _declined(asked: _Asked, reply: Reply, *, in_doubt: bool) -> VobizError:
    """Return the error for an answer that is no success."""
    said = reply.said()
    told = named(reply.status) + (f" ({said})" if said else "")
    if 400 <= reply.status < 500:
        if asked.writes and in_doubt and reply.status in _TRIED_AGAIN:
            return _in_doubt(asked, f"the last answer was {told}", reply)
        if reply.status != 408 or asked.writes:
            return refusal(reply, asked.route.doing, asked.where(reply))
    elif asked.writes:
        return _in_doubt(asked, f"the answer was {told}", reply)
    elif reply.status < 500:
        return _not_understood(
            asked, reply, f"It was {told}; where an answer points elsewhere it is never followed."
        )
    return UnreachableError(
        f"Vobiz could not {asked.route.doing}: its answer was {told}.", **asked.where(reply)
    )


def _in_doubt(asked: _Asked, why: str, reply: Reply | None) -> OutcomeUnknownError:
    end = "" if why.endswith(".") else "."
    return OutcomeUnknownError(
        f"Vobiz was asked to {asked.route.doing}, but {why}{end} It may have happened.", **asked.where(reply)
    )


def _not_understood(asked: _Asked, reply: Reply | None, problem: str) -> UnexpectedReplyError:
    return UnexpectedReplyError(
        f"Vobiz was asked to {asked.route.doing}, and its answer was not understood. {problem}",
        **asked.where(reply),
    )


def _note_deprecation(asked: _Asked, headers: Mapping[str, str]) -> None:
    """Log that Vobiz announces the end of a route in these two headers (Vobiz docs: "Versioning")."""
    for name in ("deprecation", "sunset"):
        if name in headers:
            log.warning(
                "Vobiz announces %s of %s %s: %s",
                name,
                asked.route.method,
                asked.route.template,
                one_line(headers[name])[:100],
            )
