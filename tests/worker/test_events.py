"""Events posted by real workers: by themselves, and with the same id after a kill between sending and marking."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from recordings.choices import OutgoingKind
from recordings.models import Account, AlertWebhook, OutgoingEvent, SyncRun
from tests.conftest import MAIN
from tests.sandbox.receiver import Receiver
from tests.waiting import eventually
from tests.workers import Begin
from vobiz_portal.sandbox.state import SandboxState


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def hook(account: Account, receiver: Receiver) -> AlertWebhook:
    made, _secret = AlertWebhook.create(account, receiver.url, "standard")
    kinds = [kind.value for kind in OutgoingKind if kind != OutgoingKind.TEST]
    made.choose(
        alerts=False,
        events=kinds,
        with_numbers=False,
        with_text=False,
        now=timezone.now() - timedelta(days=1),
    )
    return made


def said(receiver: Receiver) -> list[tuple[str, str]]:
    """Type and id of what came."""
    return [
        (json.loads(one.body)["type"], {k.lower(): v for k, v in one.headers.items()}["webhook-id"])
        for one in receiver.deliveries
    ]


def test_two_workers_tell_of_each_recording_once_until_its_copy(
    account: Account, world: SandboxState, receiver: Receiver, hook: AlertWebhook, begin: Begin
) -> None:
    Account.objects.update(archive_automatically=True)
    for _ in range(4):
        world.add_recording(MAIN, age_days=0.01, duration=2)
    begin()
    begin()
    eventually(lambda: len(receiver.deliveries) >= 8)
    eventually(lambda: not OutgoingEvent.objects.pending().exists())
    came = said(receiver)
    assert len(came) == len({id_ for _type, id_ in came}) == 8
    of_each: dict[str, list[str]] = {}
    for one in receiver.deliveries:
        body = json.loads(one.body)
        of_each.setdefault(body["data"]["recording_id"], []).append(body["type"])
    assert list(of_each.values()) == [["recording.completed", "recording.archived"]] * 4


def test_a_worker_killed_after_sending_is_followed_by_the_same_id(
    account: Account, world: SandboxState, receiver: Receiver, hook: AlertWebhook, begin: Begin
) -> None:
    world.add_recording(MAIN, age_days=0.01, duration=2)
    receiver.go_on.clear()
    killed = begin()
    eventually(lambda: len(receiver.deliveries) == 1)
    killed.send(signal.SIGKILL)
    assert killed.ended() == -signal.SIGKILL
    receiver.go_on.set()
    event = OutgoingEvent.objects.get()
    assert event.sent_at is None
    assert event.next_at is not None
    OutgoingEvent.objects.update(next_at=timezone.now() + timedelta(hours=1))
    begin()
    assert len(receiver.deliveries) == 1  # it is still the dead one's
    OutgoingEvent.objects.update(next_at=timezone.now())
    eventually(lambda: OutgoingEvent.objects.get().sent_at is not None)
    assert said(receiver) == [("recording.completed", f"evt_{event.pk}")] * 2
    assert SyncRun.objects.exists()
