"""Decoding the body of a delivery: form, multipart, JSON object, plain text or query, all to the same flat texts.

Everything is bounded before it is parsed. Every value becomes text, as the form encoding has it, so that one content
is one content however it is written: JSON's numbers keep their spelling, null is "", an object or list stays JSON.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from binascii import a2b_qp
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext as _

from recordings.callbacks.field_aliases import (
    FIELD_NAME_LENGTH,
    canonical_name,
    is_wrapper,
    max_length,
    truncate,
)
from recordings.vobiz.wire import storable

MAX_DEPTH = 8
MAX_FIELDS = 1_000
MAX_STRAY = 1_000  # percent signs that escape nothing
MAX_WRAPPINGS = 3  # a JSON text within a JSON text, or a list of one list
MAX_PARTS = 20_000  # texts, and brackets of objects and lists, in one JSON body

FORM, JSON, MULTIPART, PLAIN = "form", "json", "multipart", "plain"
_JSON_TYPE = re.compile(r"(?:application|text)/(?:[a-z0-9.-]+\+)?json", re.ASCII)
_CHARSETS = {"utf-8", "ascii", "iso8859-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"}
_ESCAPED_BRACE = re.compile(rb"\s*%(?:7B|5B)", re.IGNORECASE)  # JSON in the form encoding, under no name
_BOM = b"\xef\xbb\xbf"
_FIRST_FIELD = re.compile(rb"\s*[A-Za-z0-9_.-]{1,128}=")  # of a form that is sent as plain text
_ASCII_RUN = re.compile(r"[\x00-\x7f]+")
_STRAY = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# One pass: a text, even one that never ends, is one match, so its brackets are not counted.
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


class UnreadableBodyError(ValueError):
    """A body that no fields can be read from; `str()` says why."""


class UnsupportedBodyError(UnreadableBodyError):
    """A body of a type or encoding that is not decoded here."""


@dataclass(frozen=True, slots=True)
class RawBody:
    """A body as received, or of a GET the query. `declared` is its Content-Length, in bytes."""

    method: str
    content_type: str
    content_encoding: str
    declared: int | None
    content: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """The identity of a body that cannot be decoded."""
        return hashlib.sha256(b"unread\x00" + self.content).hexdigest()


@dataclass(frozen=True, slots=True)
class DecodedBody:
    """The fields of a delivery, and the SHA-256 that identifies them. Without fields, `problem` says why."""

    fields: Mapping[str, str] = field(repr=False)
    digest: str
    problem: UnreadableBodyError | None = None


def decode_body(raw: RawBody) -> DecodedBody:
    """Return the fields, or why there are none. Never raises."""
    try:
        pairs = _bounded(_pairs(raw))
    except UnreadableBodyError as problem:
        return DecodedBody({}, raw.digest, problem)
    written = json.dumps(sorted(pairs.items()), ensure_ascii=False, separators=(",", ":"))
    kept = {name: value if max_length(name) else truncate(value) for name, value in pairs.items()}
    return DecodedBody(kept, hashlib.sha256(written.encode()).hexdigest())


def _pairs(raw: RawBody) -> Iterable[tuple[str, Any]]:
    if raw.content_encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedBodyError(
            _("A body with Content-Encoding “%s” is not read here.") % raw.content_encoding
        )
    if raw.declared is not None and raw.declared > len(raw.content):
        raise UnreadableBodyError(_("The body is shorter than its Content-Length."))
    if raw.method == "GET":
        return _form(raw.content, "utf-8")
    media, charset = _type(raw)
    if media == MULTIPART:
        return _multipart(raw, charset or "utf-8")
    content = raw.content.removeprefix(_BOM)
    if media == JSON or content.lstrip()[:1] in (b"{", b"["):
        # Vobiz's own sample shows JSON under a form's type; no form begins with a brace
        written = content.decode(charset or json.detect_encoding(content), "replace")
        return list(json_object(written.removeprefix("\ufeff")).items())
    if _ESCAPED_BRACE.match(content):
        with suppress(UnreadableBodyError):
            return list(json_object(_form(content, charset or "utf-8")[0][0]).items())
    if media not in (FORM, PLAIN):
        raise UnsupportedBodyError(_("A body of type “%s” is not read here.") % media[:100])
    if media == PLAIN and not _FIRST_FIELD.match(content):
        raise UnreadableBodyError(_("The text holds no fields."))
    return _form(content, charset or "utf-8")


def _type(raw: RawBody) -> tuple[str, str | None]:
    """Return how to decode it (FORM, JSON, MULTIPART, PLAIN or its own type) and the charset that it declares."""
    try:
        media, options = parse_header_parameters(raw.content_type)
    except (ValueError, TypeError) as error:
        raise UnsupportedBodyError(_("The Content-Type cannot be read.")) from error
    try:
        charset = codecs.lookup(options["charset"]).name if options.get("charset") else None
    except (LookupError, ValueError) as error:
        raise UnsupportedBodyError(_("The charset is not known.")) from error
    if charset is not None and charset not in _CHARSETS:
        raise UnsupportedBodyError(_("The charset is not read here."))
    media = media.strip().lower()
    if media == "multipart/form-data":
        return MULTIPART, charset
    if _JSON_TYPE.fullmatch(media):
        return JSON, charset
    if media in ("", "application/x-www-form-urlencoded"):
        return FORM, charset
    if media in ("text/plain", "application/octet-stream"):
        return PLAIN, charset
    return media, charset


def _form(data: bytes, charset: str) -> list[tuple[str, str]]:
    if any(True for _ in islice(_STRAY.finditer(data), MAX_STRAY, None)):
        raise UnreadableBodyError(_("This is not the form encoding."))  # and undoing it would take seconds
    if data.count(b"&") >= MAX_FIELDS:
        raise UnreadableBodyError(_("There are more than %s fields.") % MAX_FIELDS)
    pairs = (part.partition("=") for part in data.decode(charset, "replace").split("&") if part)
    return [(_unquote(name, charset), _unquote(value, charset)) for name, _equals, value in pairs]


def _unquote(text: str, charset: str) -> str:
    """Return what `urllib.parse.unquote_plus` returns, which takes a second for four megabytes of `%ff`."""
    text = text.replace("+", " ")
    if "%" not in text:
        return text
    return _ASCII_RUN.sub(lambda run: _unescape(run[0].encode()).decode(charset, "replace"), text)


def _unescape(data: bytes) -> bytes:
    """Undo the percent signs, by the C decoder of quoted-printable, which has the same escapes behind `=`."""
    return a2b_qp(_STRAY.sub(b"%25", data).replace(b"=", b"=3D").replace(b"%", b"="))


def _multipart(raw: RawBody, charset: str) -> list[tuple[str, str]]:
    meta = {"CONTENT_TYPE": raw.content_type, "CONTENT_LENGTH": str(len(raw.content))}
    try:
        fields, _files = MultiPartParser(meta, BytesIO(raw.content), [], charset).parse()
    except (MultiPartParserError, SuspiciousOperation, ValueError, LookupError, TypeError) as error:
        raise UnreadableBodyError(_("The multipart body cannot be read.")) from error
    return [(str(name), str(value)) for name, value in fields.items()]


def json_object(text: str) -> dict[str, Any]:
    """Return the object that a JSON text, or a list of one item, holds; numbers as they are written.

    Raises UnreadableBodyError.
    """
    value: Any = text
    for _wrapping in range(MAX_WRAPPINGS):
        if isinstance(value, str):
            value = loaded(value)
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
    if not isinstance(value, dict):
        raise UnreadableBodyError(_("The JSON is not an object."))
    return value


def loaded(text: str) -> Any:
    """Return the value of a JSON text; numbers as they are written. Raises UnreadableBodyError."""
    _check_depth(text)
    try:
        return json.loads(
            text.strip("\0 \t\r\n"), parse_int=str, parse_float=str, parse_constant=str,
            object_pairs_hook=_last_that_says, strict=False,
        )  # fmt: skip
    except (ValueError, RecursionError) as error:
        raise UnreadableBodyError(_("The JSON cannot be read.")) from error


def _last_that_says(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the fields; of a name that comes twice the last value that is not empty."""
    fields: dict[str, Any] = {}
    for name, value in pairs:
        if name not in fields or value not in (None, "", [], {}):
            fields[name] = value
    return fields


def _check_depth(text: str) -> None:
    """Count nesting and parts before anything is built."""
    depth = 0
    for part, match in enumerate(_STRUCTURE.finditer(text)):
        mark = text[match.start()]
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH:
            raise UnreadableBodyError(_("The JSON is nested deeper than %s levels.") % MAX_DEPTH)
        if part >= MAX_PARTS or depth < 0:
            raise UnreadableBodyError(_("The JSON cannot be read."))


def _bounded(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Return flat texts, each storable; a name that comes twice has its last value that is not empty."""
    fields: dict[str, str] = {}
    for given, sent in pairs:
        name, value = storable(given), sent
        if len(name) > FIELD_NAME_LENGTH:
            raise UnreadableBodyError(_("A field's name is longer than %s characters.") % FIELD_NAME_LENGTH)
        known = canonical_name(name)
        while isinstance(value, list) and len(value) == 1 and known is not None:
            value = value[0]
        if known == "error" and isinstance(value, dict) and isinstance(value.get("message"), str):
            value = value["message"]
        is_many = isinstance(value, dict | list) and known not in (None, "error")
        if is_many and not is_wrapper(name):
            raise UnreadableBodyError(_("The field %s holds more than one value.") % name)
        text = storable(as_text(value))
        fields[name] = text or fields.get(name, "")
        limit = max_length(name)
        if limit is not None and len(text) > limit:
            raise UnreadableBodyError(
                _("The field %(name)s is longer than %(limit)s characters.") % {"name": name, "limit": limit}
            )
    if not fields:
        raise UnreadableBodyError(_("There are no fields."))
    if len(fields) > MAX_FIELDS:
        raise UnreadableBodyError(_("There are more than %s fields.") % MAX_FIELDS)
    return fields


def as_text(value: Any) -> str:
    """Return a JSON value as the form encoding writes it; an object or list stays JSON."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
