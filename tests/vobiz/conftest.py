"""A client and the server it talks to, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from recordings.vobiz.client import Credentials, Patience, VobizClient
from tests.vobiz.wire_server import WireServer

TOKEN = "a-secret-token-0123456789"
QUICK = Patience(tries=3, total=5.0, backoff=0.01)


@pytest.fixture
def server() -> Iterator[WireServer]:
    with WireServer() as running:
        yield running


@pytest.fixture
def elsewhere() -> Iterator[WireServer]:
    """Another host: one that is not the API's."""
    with WireServer() as running:
        yield running


def client_of(url: str, **changes: Any) -> VobizClient:
    """A client of the API at `url`, patient enough for a test."""
    options: dict[str, Any] = {
        "api_url": f"{url}/api/v1",
        "media_hosts": ["127.0.0.1"],
        "local": True,
        "connect_timeout": 2.0,
        "read_timeout": 2.0,
        "patience": QUICK,
    }
    return VobizClient(Credentials("MA_TESTMAIN", TOKEN), **(options | changes))


@pytest.fixture
def client(server: WireServer) -> Iterator[VobizClient]:
    with client_of(server.url) as made:
        yield made
