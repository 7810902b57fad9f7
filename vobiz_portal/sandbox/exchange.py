"""A request received and the reply to it, between the sockets of `server.py` and those who answer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlsplit

MASKED = frozenset({"x-auth-token", "authorization", "cookie"})


@dataclass(frozen=True)
class Request:
    """One request as it came. `target` is the path and query as sent, nothing decoded; header names lower-case."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = "127.0.0.1"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> dict[str, str]:
        """The last value of each parameter."""
        pairs = parse_qs(urlsplit(self.target).query, keep_blank_values=True)
        return {name: values[-1] for name, values in pairs.items()}

    def json(self) -> Any:
        """Return the body as JSON, {} when there is none; raise ValueError for anything else."""
        try:
            return json.loads(self.body) if self.body.strip() else {}
        except RecursionError as error:
            raise ValueError("nested too deep") from error

    def shown(self) -> dict[str, Any]:
        """Return the request for the ledger, without secrets."""
        headers = {
            name: f"({len(value)} characters ending {value[-4:]})" if name in MASKED else value
            for name, value in self.headers.items()
        }
        try:
            body = self.json()
        except ValueError:
            body = self.body[:10_000].decode("utf-8", "replace")
        return {
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "headers": headers,
            "body": body if self.body else None,
        }


@dataclass
class Reply:
    """What to answer. `length` is the body's when it is made piece by piece."""

    status: int
    body: bytes | Iterator[bytes] = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None

    @property
    def size(self) -> int:
        if self.length is not None:
            return self.length
        return len(self.body) if isinstance(self.body, bytes) else 0


def as_json(data: Any, status: int = 200) -> Reply:
    """Return a JSON reply."""
    return Reply(status, json.dumps(data).encode(), {"Content-Type": "application/json"})


def unauthorized() -> Reply:
    """Return Vobiz's 401."""
    return as_json({"error": "unauthorized", "message": "invalid credentials"}, 401)


def no_such_route() -> Reply:
    """Return the gateway's 404, whose body differs from that of a missing resource."""
    return as_json({"message": "Not Found"}, 404)
