"""From the bytes of a delivery to its fields: form, JSON object or query, all to the same flat texts.

Everything is bounded before it is parsed. Every value becomes text, as the form encoding has it, so that one content
is one content however it is written: JSON's numbers keep their spelling, null is "", an object or list stays JSON.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, UnreadablePostError
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.utils.http import parse_header_parameters
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import status
from rest_framework.exceptions import APIException

from recordings.callbacks.vocabulary import CUT_AT, CUT_MARK, FIELD_NAME_LENGTH, LONGEST, field_of
from recordings.vobiz.wire import storable

BODY_LIMIT = 4 * 1024 * 1024  # bytes: four hours of fast English, percent-encoded, three times over
CHUNK = 64 * 1024
MAX_DEPTH = 8
MAX_FIELDS = 64
MAX_STRAY = 1_000  # percent signs that escape nothing
MAX_PARTS = 20_000  # texts, and brackets of objects and lists, in one JSON body

FORM, JSON, MULTIPART = "form", "json", "multipart"
_JSON_TYPE = re.compile(r"(?:application|text)/(?:[a-z0-9.-]+\+)?json", re.ASCII)
_CHARSETS = {"utf-8", "ascii", "iso8859-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"}
_STRAY = re.compile(rb"%(?![0-9A-Fa-f]{2})")
# One pass: a text, even one that never ends, is one match, so its brackets are not counted.
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


class TooLarge(APIException):
    """The body is larger than any callback."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = gettext_lazy("The body is larger than 4 MiB.")
    default_code = "too_large"


class BrokenOff(APIException):
    """The sender went away in the middle of the body; nobody waits for the answer."""

    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = gettext_lazy("The body broke off.")
    default_code = "broken_off"


class Unreadable(APIException):
    """A body that no fields can be read from; `str()` says why."""

    status_code: int = status.HTTP_400_BAD_REQUEST
    default_code = "unreadable"


class UnreadableType(Unreadable):
    """A body of a type or encoding that is not read here."""

    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE


@dataclass(frozen=True, slots=True)
class Raw:
    """What came, before it is read. `data` is the body, or of a GET the query."""

    method: str
    content_type: str
    content_encoding: str
    declared: int | None
    data: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """What tells one unreadable content from another."""
        return hashlib.sha256(b"unread\x00" + self.data).hexdigest()


@dataclass(frozen=True, slots=True)
class Content:
    """What a delivery says. Without fields, `unreadable` says why there are none."""

    fields: Mapping[str, str] = field(repr=False)
    digest: str
    unreadable: Unreadable | None = None


def take(request: HttpRequest) -> Raw:
    """The delivery's bytes, and never more than the limit, whatever Content-Length says."""
    meta = request.META
    declared = _whole(meta.get("CONTENT_LENGTH"))
    if declared is not None and declared > BODY_LIMIT:
        raise TooLarge
    if request.method == "GET":
        data, declared = str(meta.get("QUERY_STRING", "")).encode("latin-1", "replace"), None
    else:
        data = _read(request)
    return Raw(
        method=str(request.method),
        content_type=storable(str(meta.get("CONTENT_TYPE", "")))[:255],
        content_encoding=storable(str(meta.get("HTTP_CONTENT_ENCODING", "")))[:64],
        declared=declared,
        data=data,
    )


def read(raw: Raw) -> Content:
    """The fields; where there are none to be read, why. Never raises."""
    try:
        pairs = _bounded(_pairs(raw))
    except Unreadable as problem:
        return Content({}, raw.digest, problem)
    written = json.dumps(sorted(pairs.items()), ensure_ascii=False, separators=(",", ":"))
    kept = {name: value if _limit(name) else _cut(value) for name, value in pairs.items()}
    return Content(kept, hashlib.sha256(written.encode()).hexdigest())


def _whole(text: object) -> int | None:
    return int(str(text)) if re.fullmatch(r"[0-9]{1,15}", str(text), re.ASCII) else None


def _read(request: HttpRequest) -> bytes:
    chunks, size = [], 0
    try:
        while size <= BODY_LIMIT and (chunk := request.read(CHUNK)):
            chunks.append(chunk)
            size += len(chunk)
    except UnreadablePostError as error:
        raise BrokenOff from error
    if size > BODY_LIMIT:
        raise TooLarge
    return b"".join(chunks)


def _pairs(raw: Raw) -> Iterable[tuple[str, Any]]:
    if raw.content_encoding.strip().lower() not in ("", "identity"):
        raise UnreadableType(_("A body with Content-Encoding “%s” is not read here.") % raw.content_encoding)
    if raw.declared is not None and raw.declared > len(raw.data):
        raise Unreadable(_("The body is shorter than its Content-Length."))
    if raw.method == "GET":
        return _form(raw.data, "utf-8")
    media, charset = _type(raw)
    if media == MULTIPART:
        return _multipart(raw, charset)
    if media == JSON or raw.data.lstrip()[:1] == b"{":
        # Vobiz's own sample shows JSON under a form's type; no form begins with a brace
        return _json(raw.data, charset)
    return _form(raw.data, charset)


def _type(raw: Raw) -> tuple[str, str]:
    """How to read it: FORM, JSON or MULTIPART, and in which charset."""
    try:
        media, options = parse_header_parameters(raw.content_type)
    except ValueError as error:
        raise UnreadableType(_("The Content-Type cannot be read.")) from error
    try:
        charset = codecs.lookup(options.get("charset") or "utf-8").name
    except (LookupError, ValueError) as error:
        raise UnreadableType(_("The charset is not known.")) from error
    if charset not in _CHARSETS:
        raise UnreadableType(_("The charset is not read here."))
    media = media.strip().lower()
    if media == "multipart/form-data":
        return MULTIPART, charset
    if _JSON_TYPE.fullmatch(media):
        return JSON, charset
    if media in ("", "application/x-www-form-urlencoded"):
        return FORM, charset
    raise UnreadableType(_("A body of type “%s” is not read here.") % media[:100])


def _form(data: bytes, charset: str) -> list[tuple[str, str]]:
    if any(True for _ in islice(_STRAY.finditer(data), MAX_STRAY, None)):
        raise Unreadable(_("This is not the form encoding."))  # and undoing it would take seconds
    text = data.decode(charset, "replace")
    try:
        return parse_qsl(
            text, keep_blank_values=True, encoding=charset, errors="replace", max_num_fields=MAX_FIELDS
        )
    except ValueError as error:
        raise Unreadable(_("There are more than %s fields.") % MAX_FIELDS) from error


def _multipart(raw: Raw, charset: str) -> list[tuple[str, str]]:
    meta = {"CONTENT_TYPE": raw.content_type, "CONTENT_LENGTH": str(len(raw.data))}
    try:
        fields, _files = MultiPartParser(meta, BytesIO(raw.data), [], charset).parse()
    except (MultiPartParserError, SuspiciousOperation, ValueError, LookupError) as error:
        raise Unreadable(_("The multipart body cannot be read.")) from error
    return [(str(name), str(value)) for name, value in fields.items()]


def _json(data: bytes, charset: str) -> list[tuple[str, Any]]:
    text = data.decode(charset, "replace").removeprefix("\ufeff")
    _check_depth(text)
    try:
        value = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise Unreadable(_("The JSON cannot be read.")) from error
    if not isinstance(value, dict):
        raise Unreadable(_("The JSON is not an object."))
    return list(value.items())


def _check_depth(text: str) -> None:
    """Nesting and parts are counted before anything is built."""
    depth = 0
    for part, match in enumerate(_STRUCTURE.finditer(text)):
        mark = text[match.start()]
        depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH:
            raise Unreadable(_("The JSON is nested deeper than %s levels.") % MAX_DEPTH)
        if part >= MAX_PARTS or depth < 0:
            raise Unreadable(_("The JSON cannot be read."))


def _bounded(pairs: Iterable[tuple[str, Any]]) -> dict[str, str]:
    """Flat texts, each storable; a name that comes twice has its last value."""
    fields: dict[str, str] = {}
    for given, value in pairs:
        name = storable(given)
        if len(name) > FIELD_NAME_LENGTH:
            raise Unreadable(_("A field's name is longer than %s characters.") % FIELD_NAME_LENGTH)
        if isinstance(value, dict | list) and field_of(name) is not None:
            raise Unreadable(_("The field %s holds more than one value.") % name)
        fields[name] = text = storable(_text(value))
        limit = _limit(name)
        if limit is not None and len(text) > limit:
            raise Unreadable(
                _("The field %(name)s is longer than %(limit)s characters.") % {"name": name, "limit": limit}
            )
    if not fields:
        raise Unreadable(_("There are no fields."))
    if len(fields) > MAX_FIELDS:
        raise Unreadable(_("There are more than %s fields.") % MAX_FIELDS)
    return fields


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _limit(name: str) -> int | None:
    known = field_of(name)
    return LONGEST.get(known) if known else None


def _cut(value: str) -> str:
    return value if len(value) <= CUT_AT else f"{value[: CUT_AT - 1]}{CUT_MARK}"
