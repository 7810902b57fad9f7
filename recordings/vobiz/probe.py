"""One bounded request to any address, for whoever checks that it is reachable: ours, an issuer's, Vobiz's.

It carries nothing but what it is given, follows no redirect, and reads an environment's proxy settings as little as the
requests to Vobiz do.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import requests

from recordings.vobiz.connection import Exchange, GuardedAdapter, body_of

CONNECT_TIMEOUT = 5.0  # seconds
TOTAL = 15.0
BODY_CAP = 256 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. The names of `headers` are in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(method: str, url: str, *, headers: Mapping[str, str] | None = None, body: bytes = b"") -> Answer:
    """Send one request. Raises ExchangeError, which says why nothing came back."""
    request = requests.Request(method, url, dict(headers or {}), data=body).prepare()
    limits = Exchange(time.monotonic() + TOTAL, CONNECT_TIMEOUT, TOTAL, BODY_CAP)
    with closing(GuardedAdapter()) as adapter:
        # OpenSSL's SSL_CERT_FILE, where it is set: for a certificate of somebody's own authority
        answer = adapter.exchange(request, limits, verify=ssl.get_default_verify_paths().cafile or True)
        return Answer(answer.status_code, answer.headers, b"".join(body_of(answer, limits)))


def certificate_end(host: str, port: int) -> datetime:
    """Return until when a server's certificate is good. Raises OSError where it cannot be read or is not trusted."""
    context = ssl.create_default_context()
    with (
        socket.create_connection((host, port), timeout=CONNECT_TIMEOUT) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        said = secure.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(said["notAfter"])), UTC)
