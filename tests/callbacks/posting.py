"""Delivering callbacks as Vobiz does: signed over the path, in any of its encodings, through Django's test client."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client
from django.urls import reverse

from recordings.vobiz.signature import signed_headers
from tests.conftest import MAIN, TOKENS

FORM, JSON, GET, MULTIPART = "form", "json", "get", "multipart"
TYPES = {
    FORM: "application/x-www-form-urlencoded",
    JSON: "application/json",
    MULTIPART: "multipart/form-data; boundary=BoUnDaRy",
}
_numbers = itertools.count(1)


def fresh_nonces() -> tuple[str, str]:
    """A V2 and a V3 nonce that no delivery has had."""
    return f"{next(_numbers):020d}", f"{next(_numbers):020d}"


def as_text(value: object) -> str:
    """A value as the form encoding writes it."""
    return "" if value is None else str(value)


def encode(fields: Mapping[str, Any], encoding: str = FORM) -> bytes:
    """The body (of GET: the query) that says `fields`."""
    if encoding == JSON:
        return json.dumps(fields).encode()
    if encoding == MULTIPART:
        parts = (
            f'--BoUnDaRy\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{as_text(value)}\r\n'
            for name, value in fields.items()
        )
        return ("".join(parts) + "--BoUnDaRy--\r\n").encode()
    return urlencode({name: as_text(value) for name, value in fields.items()}).encode()


def path_of(door: str, key: str) -> str:
    """The path of a callback address."""
    return reverse(f"callbacks:{door}", args=[key])


def signature(
    door: str,
    key: str,
    *,
    token: str = TOKENS[MAIN],
    parent_token: str | None = None,
    base: str | None = None,
    nonces: Sequence[str] = (),
) -> dict[str, str]:
    """The signature headers of a delivery to this address; `base` where Vobiz was given another one."""
    v2, v3 = nonces or fresh_nonces()
    base = base or f"{settings.PORTAL_URL}{path_of(door, key)}"
    return signed_headers(base, token=token, parent_token=parent_token, nonce_v2=v2, nonce_v3=v3)


def post(
    client: Client,
    path: str,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    content_type: str = TYPES[FORM],
    **extra: Any,
) -> Any:
    """One POST, byte for byte."""
    return client.generic("POST", path, body, content_type=content_type, headers=dict(headers or {}), **extra)


def deliver(
    client: Client,
    key: str,
    fields: Mapping[str, Any],
    *,
    door: str = "recording",
    encoding: str = FORM,
    headers: Mapping[str, str] | None = None,
    **how: Any,
) -> Any:
    """One delivery, signed under the main account's token unless `headers` says otherwise ({}: unsigned)."""
    given = signature(door, key, **how) if headers is None else dict(headers)
    path = path_of(door, key)
    if encoding == GET:
        return client.get(f"{path}?{encode(fields).decode()}", headers=given)
    return post(client, path, encode(fields, encoding), headers=given, content_type=TYPES[encoding])
