"""Reading an answer of Vobiz: is it a success, what does it hold, and if it is an error, in which words.

Error bodies seen from Vobiz: `{"api_id", "error"}`, `{"error", "details"}`, `{"error", "message"}`, the
gateway's `{"message": "Not Found"}`, `{"status": "failure", "message"}`, `{"status": "error", "error":
{"code", "message", "details"}, "requestId"}`, HTML, plain text and nothing. A 200 may hold an error too.
"""

from __future__ import annotations

import email.utils
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from recordings.vobiz.errors import (
    AuthenticationError,
    NotFoundError,
    PaymentRequiredError,
    RateLimitError,
    RefusedError,
    RouteMissingError,
    Where,
)
from recordings.vobiz.wire import InvalidShapeError, clean, one_line, text

_SAID_LENGTH = 300  # of what Vobiz says, in a sentence of ours
_FIELDS_SHOWN = 5
_TITLE_LENGTH = 120
_EXCERPT_LENGTH = 500
_LOOKED_AT = 4_000  # bytes of a body that is no JSON, when looking for words in it
_TAG = re.compile(r"<(?:script|style)\b.*?</(?:script|style)\s*>|<[^>]*>", re.IGNORECASE | re.DOTALL)
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_SECONDS = re.compile(r"[0-9]{1,7}(?:\.[0-9]{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, whole. `body` is None where it could not be used, and `trouble` says why, as a clause.

    `headers`: names in lower case. `secrets`: texts that must not appear in anything said about it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes | None
    trouble: str | None = None
    secrets: tuple[str, ...] = ()

    def document(self) -> Any:
        """Return the JSON document; raise InvalidShapeError if the body is no JSON, is cut, or is nested too deep.

        A byte that is not UTF-8 costs one character, not the page. NaN and Infinity are no JSON.
        """
        if self.body is None:
            raise InvalidShapeError(f"The answer could not be used: {self.trouble or 'it is not there'}.")
        written = self.body.decode("utf-8-sig", "replace")
        if not written.strip():
            raise InvalidShapeError("The answer is empty.")
        try:
            return json.loads(written, parse_constant=_no_constant)
        except (ValueError, RecursionError) as problem:
            kind = "HTML" if _looks_like_html(written) else "something that is not JSON"
            if isinstance(problem, RecursionError):
                kind = "JSON nested too deeply"
            raise InvalidShapeError(f"The answer is {kind}.") from None

    def mapping(self) -> dict[str, Any]:
        """Return the document, cleaned, if it is a JSON object; else an empty one. Never raises."""
        try:
            document = clean(self.document())
        except InvalidShapeError:
            return {}
        return document if isinstance(document, dict) else {}

    def excerpt(self) -> str | None:
        """Return the beginning of the body on one line, secrets blotted out; None if there is none."""
        if not self.body:
            return None
        return self._fit(self.body[:_LOOKED_AT].decode("utf-8", "replace"), _EXCERPT_LENGTH)

    def said(self) -> str | None:
        """Return the error text of the body, in whichever shape, as one line of at most 300 characters."""
        try:
            document = clean(self.document())
        except InvalidShapeError:
            return self._said_without_json()
        words = list(dict.fromkeys(_words(document)))
        return self._fit(": ".join(words), _SAID_LENGTH)

    def api_id(self) -> str | None:
        """Return Vobiz's id of this request, for its support."""
        body = self.mapping()
        given = text(body.get("api_id"), 64) or text(body.get("requestId"), 64)
        return None if given is None else self._fit(given, 64)

    def _said_without_json(self) -> str | None:
        written = (self.body or b"")[:_LOOKED_AT].decode("utf-8-sig", "replace")
        if not _looks_like_html(written):
            return self._fit(_TAG.sub(" ", written), _SAID_LENGTH)
        title = _TITLE.search(written)
        page = self._fit(_TAG.sub(" ", title[1] if title else written), _TITLE_LENGTH)
        return "a web page" if page is None else f"a web page, “{page}”"

    def _fit(self, words: str, length: int) -> str | None:
        for secret in self.secrets:
            words = words.replace(secret, "…")
        line = one_line(words)
        return (line if len(line) <= length else f"{line[: length - 1]}…") or None


def holds_error(document: Any) -> bool:
    """Return whether a 2xx body reports a failure: a non-empty `error`, or a failing `status`."""
    if not isinstance(document, Mapping):
        return False
    if document.get("error"):
        return True
    return document.get("status") in ("failure", "error") and "recording_id" not in document


def refusal(reply: Reply, doing: str, where: Where) -> RefusedError:
    """Return the error for a refusal. `doing` completes "Vobiz refused to …" and "could not …"."""
    said = reply.said()
    tail = f": {said.rstrip('.')}." if said else "."
    match reply.status:
        case 401:
            return AuthenticationError(
                f"Vobiz refused the credentials when asked to {doing} (401){tail} Either the Auth ID or the "
                f"token is wrong or was rotated, or the path {where.get('path')} is not one Vobiz knows.",
                **where,
            )
        case 402:
            return PaymentRequiredError(
                f"Vobiz refused to {doing} (402){tail} The account's balance may be used up.", **where
            )
        case 404:
            words = f"Vobiz could not {doing} (404){tail}"
            if _is_gateway(reply.mapping()):
                return RouteMissingError(f"{words} Vobiz knows no such route: {where.get('path')}.", **where)
            return NotFoundError(words, **where)
        case 429:
            wait = retry_after(reply)
            if wait is not None:
                tail += f" Try again in {wait:.0f} s."
            return RateLimitError(
                f"Vobiz had too many requests to {doing} (429){tail}", retry_after=wait, **where
            )
    return RefusedError(f"Vobiz refused to {doing} ({reply.status}){tail}", **where)


def retry_after(reply: Reply) -> float | None:
    """Return the seconds until the next try: the Retry-After header (seconds or a date), or `retryAfter`."""
    given = reply.headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(given):
        return float(given)
    if given:
        until, now = _http_date(given), _http_date(reply.headers.get("date", ""))
        if until is not None:
            return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
    return _retry_after_in(reply.mapping())


def named(status: int) -> str:
    """Return the status with its phrase: `503 Service Unavailable`."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _no_constant(name: str) -> Any:
    raise ValueError(name)


def _looks_like_html(written: str) -> bool:
    start = written[:_LOOKED_AT].lstrip().lower()
    return start.startswith("<") and ("<html" in start or "<!doctype" in start or "<body" in start)


def _is_gateway(body: Mapping[str, Any]) -> bool:
    return "error" not in body and "api_id" not in body and text(body.get("message")) is not None


def _words(document: Any) -> Iterator[str]:
    """Return the texts of an error body, the most telling key first."""
    if isinstance(document, str):
        yield document
    if isinstance(document, list):
        for entry in document[:_FIELDS_SHOWN]:
            yield from _field_words(entry)
    if not isinstance(document, Mapping):
        return
    error = document.get("error")
    for part in (error, document.get("message"), document.get("detail"), document.get("details")):
        if isinstance(part, Mapping):
            yield from _words(part)
            yield from _field_list(part)
        elif isinstance(part, list):
            yield from _words(part)
        elif (word := text(part)) is not None:
            yield word
    yield from _field_list(document)
    code = text(document.get("code"))
    if code is not None and not error and not document.get("message"):
        yield code


def _field_list(document: Mapping[str, Any]) -> Iterator[str]:
    errors = document.get("errors")
    if isinstance(errors, list):
        for entry in errors[:_FIELDS_SHOWN]:
            yield from _field_words(entry)


def _field_words(entry: Any) -> Iterator[str]:
    """Return one entry of an error list: `{"field": "time_limit", "message": "too large"}` as text."""
    if isinstance(entry, Mapping):
        words = (text(entry.get(key)) for key in ("field", "message", "msg", "error"))
        line = " ".join(word for word in words if word is not None)
        if line:
            yield line
    elif (word := text(entry)) is not None:
        yield word


def _retry_after_in(body: Any) -> float | None:
    """Return `retryAfter` from the error body: at the top level, in `error` or in its `details`."""
    while isinstance(body, Mapping):
        for key in ("retryAfter", "retry_after"):
            given = text(body.get(key))
            if given is not None and _SECONDS.fullmatch(given):
                return float(given)
        body = body.get("error") if isinstance(body.get("error"), Mapping) else body.get("details")
    return None


def _http_date(given: str) -> datetime | None:
    try:
        at = email.utils.parsedate_to_datetime(given)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
