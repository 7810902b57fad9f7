"""Callbacks that are lost, late, doubled, reordered, wrongly signed or oddly written on request."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from recordings.vobiz.signature import verify
from tests.sandbox.conftest import MAIN, Client, record_and_report
from tests.sandbox.receiver import Receiver
from vobiz_portal.sandbox.entities import Call
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState


def plan_and_deliver(world: SandboxState, client: Client, receiver: Receiver, fault: Fault) -> None:
    world.faults.plan(replace(fault))
    record_and_report(client, world.place_call(MAIN), receiver, transcription_type="")
    world.advance(20)
    client.sandbox.outbox.deliver_now()


def test_a_muted_callback_is_lost(world: SandboxState, client: Client, receiver: Receiver) -> None:
    plan_and_deliver(world, client, receiver, Fault(on="callback.recording", mute=True))
    assert receiver.deliveries == []
    world.callbacks.muted = True
    plan_and_deliver(world, client, receiver, Fault(on="media.get"))
    assert receiver.deliveries == []
    assert len(world.ledger.of("callback.muted")) == 2


def test_a_callback_is_duplicated(world: SandboxState, client: Client, receiver: Receiver) -> None:
    plan_and_deliver(world, client, receiver, Fault(on="callback.*", duplicate=3))
    assert len(receiver.deliveries) == 4
    assert len({delivery.body for delivery in receiver.deliveries}) == 1


def test_a_callback_is_late(world: SandboxState, client: Client, receiver: Receiver) -> None:
    plan_and_deliver(world, client, receiver, Fault(on="callback.recording", delay=90))
    assert receiver.deliveries == []
    world.advance(91)
    assert client.sandbox.outbox.deliver_now() == [200]


def test_a_callback_goes_after_the_next_one(
    world: SandboxState, sandbox: Sandbox, client: Client, call: Call, receiver: Receiver
) -> None:
    world.faults.plan(Fault(on="callback.recording", reorder=True))
    record_and_report(client, call, receiver)
    world.advance(30)
    sandbox.outbox.deliver_now()
    assert receiver.paths == ["/callbacks/transcription/k3y/", "/callbacks/recording/k3y/"]


def test_a_callback_is_held_until_it_is_released(
    world: SandboxState, client: Client, receiver: Receiver
) -> None:
    plan_and_deliver(world, client, receiver, Fault(on="callback.recording", hold=True))
    outbox = client.sandbox.outbox
    world.advance(100)
    assert (outbox.deliver_now(), len(outbox.pending())) == ([], 1)
    assert outbox.release() == 1
    assert outbox.deliver_now() == [200]


@pytest.mark.parametrize(
    ("fault", "trust"),
    [
        (Fault(on="callback.recording", unsigned=True), "unsigned"),
        (Fault(on="callback.recording", token="another_token"), "refused"),
        (Fault(on="callback.recording", base="http://inner.example/cb/"), "refused"),
        (Fault(on="callback.recording", schemes=("ma-v2",)), "signed"),
    ],
)
def test_a_callback_is_signed_wrongly_or_not_at_all(
    world: SandboxState, client: Client, receiver: Receiver, fault: Fault, trust: str
) -> None:
    plan_and_deliver(world, client, receiver, fault)
    (delivery,) = receiver.deliveries
    verdict = verify(
        delivery.headers, bases=[receiver.url + delivery.path], tokens=[world.accounts[MAIN].token]
    )
    assert verdict.trust == trust
    if fault.schemes:
        assert verdict.scheme == "ma-v2"
        assert not any("V3" in name for name in delivery.headers)


def test_a_callback_comes_as_json_with_numbers_and_with_changed_fields(
    world: SandboxState, client: Client, receiver: Receiver
) -> None:
    fault = Fault(on="callback.recording", encoding="json", fields={"recording_duration": -1, "api_id": None})
    plan_and_deliver(world, client, receiver, fault)
    (delivery,) = receiver.deliveries
    body = json.loads(delivery.body)
    assert (body["recording_duration"], body["recording_duration_ms"]) == (-1, 20_000)
    assert "api_id" not in body
