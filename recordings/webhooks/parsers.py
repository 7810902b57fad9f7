"""Reading the body of a delivery: bounded, and not yet understood.

The signature does not cover the body, so a body that cannot be understood may still have to be stored: the parser only
reads its bytes. `recordings.callbacks.body` decodes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

from django.http import UnreadablePostError
from django.utils.translation import gettext_lazy as _
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from recordings.callbacks.body import RawBody
from recordings.vobiz.wire import storable
from recordings.webhooks.authentication import signature_check

BODY_LIMIT = 4 * 1024 * 1024  # bytes: four hours of fast English, percent-encoded, three times over
# Of what is not signed, or refused: anyone may send it. Four hours of fast English, percent-encoded, still fit.
UNTRUSTED_LIMIT = 1024 * 1024
CHUNK = 64 * 1024


class BodyTooLargeError(APIException):
    """The body is larger than any callback."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = _("The body is too large.")
    default_code = "too_large"


class BrokenBodyError(APIException):
    """The sender closed the connection in the middle of the body; nobody waits for the answer."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = _("The body broke off.")
    default_code = "broken_off"


class Readable(Protocol):
    """A request's body."""

    def read(self, size: int, /) -> bytes: ...


class BoundedParser(BaseParser):
    """Any content type, as bytes; never more than the limit of its trust, whatever Content-Length says."""

    media_type = "*/*"

    def parse(  # type: ignore[override]  # the stubs know of forms and JSON alone
        self, stream: Readable, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> RawBody:
        """Return the bytes with what the headers say of them. Raises BodyTooLargeError and BrokenBodyError."""
        request = parser_context["request"] if parser_context else None
        meta: Mapping[str, Any] = request.META if request else {}
        signed = request is None or signature_check(request).verdict.trust == "signed"
        limit = BODY_LIMIT if signed else UNTRUSTED_LIMIT
        declared = declared_bytes(meta)
        if declared is not None and declared > limit:
            raise BodyTooLargeError
        return RawBody("POST", *_content_headers(meta), declared, _read(stream, limit))


class FixedNegotiation(BaseContentNegotiation):
    """One parser and one renderer: an unusual `Accept` or `Content-Type` is no reason to lose a callback."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser:
        """Return the only parser."""
        return next(iter(parsers))

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the only renderer."""
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


def raw_body(request: Request) -> RawBody:
    """Return the body of a POST, or the query of a GET; the query of a POST means nothing."""
    if request.method == "GET":
        query = str(request.META.get("QUERY_STRING", "")).encode("latin-1", "replace")
        return RawBody("GET", *_content_headers(request.META), None, query)
    body: Any = request.data
    if not isinstance(body, RawBody):  # DRF calls no parser where no length was declared
        body = BoundedParser().parse(request, request.content_type, request.parser_context)
    return cast("RawBody", body)


def _content_headers(meta: Mapping[str, Any]) -> tuple[str, str]:
    content_type = storable(str(meta.get("CONTENT_TYPE", "")))[:255]
    return content_type, storable(str(meta.get("HTTP_CONTENT_ENCODING", "")))[:64]


def declared_bytes(meta: Mapping[str, Any]) -> int | None:
    """Return the Content-Length; None where there is none, or nonsense."""
    text = str(meta.get("CONTENT_LENGTH"))
    return int(text) if re.fullmatch(r"[0-9]{1,15}", text, re.ASCII) else None


def _read(stream: Readable, limit: int) -> bytes:
    chunks, size = [], 0
    try:
        while size <= limit and (chunk := stream.read(CHUNK)):
            chunks.append(chunk)
            size += len(chunk)
    except UnreadablePostError as error:
        raise BrokenBodyError from error
    if size > limit:
        raise BodyTooLargeError
    return b"".join(chunks)
