"""A real OpenID provider, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
import requests

from tests.ports import free_ports
from tests.waiting import eventually

CLAIMS = (
    {"sub": "sub-priya", "email": "Priya@example.com", "email_verified": True},
    {"sub": "sub-unverified", "email": "priya@example.com", "email_verified": False},
    {"sub": "sub-second", "email": "priya@example.com", "email_verified": True},
    {"sub": "sub-stranger", "email": "stranger@example.com", "email_verified": True},
)


@pytest.fixture(scope="session")
def issuer() -> Iterator[str]:
    """The address of the provider."""
    port = free_ports()
    people = [argument for claims in CLAIMS for argument in ("--user-claims", json.dumps(claims))]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port), *people],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: answers(url))
        yield url
    finally:
        process.kill()
        process.wait()


def answers(url: str) -> bool:
    """Whether the provider says who it is."""
    try:
        return requests.get(f"{url}/.well-known/openid-configuration", timeout=2).ok
    except requests.RequestException:
        return False
