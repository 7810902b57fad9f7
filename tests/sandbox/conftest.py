"""A SandboxState that stands still at the moment of the documented recording, served on real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import requests

from tests.sandbox.receiver import Receiver
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

START = 1_762_436_939.422  # 2025-11-06 13:48:59.422 UTC
MAIN, SUB, OTHER = "MA_PU0XU668", "SA_TEST0002", "MA_OTHER003"


@dataclass
class Client:
    """A client of the API with an account's headers."""

    sandbox: Sandbox
    auth_id: str

    @property
    def headers(self) -> dict[str, str]:
        return self.sandbox.state.headers(self.auth_id)

    def url(self, path: str) -> str:
        return f"{self.sandbox.api_url}/Account/{self.auth_id}/{path}"

    def get(self, path: str, **how: Any) -> requests.Response:
        return requests.get(self.url(path), headers=self.headers, timeout=60, **how)

    def post(self, path: str, json: Any = None, **how: Any) -> requests.Response:
        return requests.post(self.url(path), headers=self.headers, json=json, timeout=60, **how)

    def delete(self, path: str, json: Any = None) -> requests.Response:
        return requests.delete(self.url(path), headers=self.headers, json=json, timeout=60)

    def record(self, call: Call, **options: Any) -> dict[str, Any]:
        """Start recording; the answer."""
        answer = self.post(f"Call/{call.call_uuid}/Record/", json=options)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def recordings(self, **query: Any) -> dict[str, Any]:
        return dict(self.get("Recording/", params=query).json())

    def listed_ids(self, **query: Any) -> list[str]:
        return [row["recording_id"] for row in self.recordings(**query)["objects"]]


@pytest.fixture
def world() -> SandboxState:
    world = SandboxState(clock=lambda: START, seed=1)
    world.add_account(MAIN, "main_token_0123456789", name="Main")
    world.add_account(SUB, "sub_token_9876543210", name="Sub", parent=MAIN, zone_minutes=330)
    world.add_account(OTHER, "other_token_5555555555", name="Other")
    return world


@pytest.fixture
def sandbox(world: SandboxState) -> Iterator[Sandbox]:
    """Served, with callbacks that go out only when a test sends them."""
    with Sandbox(world, deliver=False, timeout=20) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox) -> Client:
    return Client(sandbox, MAIN)


@pytest.fixture
def call(world: SandboxState) -> Call:
    return world.place_call(MAIN, from_number="+918071387423", to_number="+919624705678")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def record_and_report(client: Client, call: Call, receiver: Receiver, **options: object) -> dict[str, Any]:
    """Start a recording of 20 s that reports to the receiver, transcript included."""
    asked = {
        "callback_url": f"{receiver.url}/callbacks/recording/k3y/",
        "transcription_url": f"{receiver.url}/callbacks/transcription/k3y/",
        "transcription_type": "auto",
        "time_limit": 20,
    }
    return client.record(call, **{**asked, **options})
