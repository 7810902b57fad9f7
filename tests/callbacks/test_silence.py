"""The door never calls out, and never tells a log what it was told."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from recordings.callbacks import processing
from recordings.choices import EventOutcome
from recordings.models import Account, CallbackEvent, Recording
from tests.callbacks.posting import FORM, GET, JSON, deliver, path_of, post, signature
from tests.callbacks.rows import KEY
from tests.vobiz.payloads import payload
from tests.vobiz.wire_server import WireServer
from vobiz_portal.redaction import RedactingFormatter

pytestmark = pytest.mark.once  # what is logged and called out is no engine's affair

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
STOPPED = payload("flow_callback__stopped")
WAYS: list[dict[str, Any]] = [{}, {"headers": {}}, {"token": "wrong"}]  # signed, unsigned, refused


@pytest.fixture
def outside(settings: Settings) -> Iterator[WireServer]:
    """All of Vobiz, and everywhere a payload points to: it remembers who asked, and answers nothing."""
    with WireServer() as server:
        settings.VOBIZ_API_URL = f"{server.url}/api/v1"
        settings.VOBIZ_MEDIA_HOSTS = ["127.0.0.1"]
        yield server


@pytest.fixture
def told() -> Iterator[list[str]]:
    """Everything that reaches a log on its way to the portal's handlers, as it would be written."""
    lines: list[str] = []

    class Writing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Writing()
    handler.setFormatter(RedactingFormatter("{name}: {message}", style="{"))
    loggers = [logging.getLogger(), logging.getLogger("django")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.DEBUG)
    yield lines
    for logger, level in zip(loggers, before, strict=True):
        logger.removeHandler(handler)
        logger.setLevel(level)


def everything_that_can_come(client: Client, account: Account, more: dict[str, Any]) -> None:
    for fields in (ENDED, SPOKEN, STOPPED, {"a": "b"}):
        told = {**fields, **more}
        for how in WAYS:
            for encoding in (FORM, JSON, GET):
                given: dict[str, Any] = {**how, "encoding": encoding}
                deliver(client, KEY, told, **given)
                deliver(client, KEY, told, door="transcription", **given)
                deliver(client, account.callback_key, told, door="account", **given)
        deliver(client, "unknown-key", told)
    post(client, path_of("recording", KEY), b"\xff", content_type="a/b", headers=signature("recording", KEY))
    for event in CallbackEvent.objects.all():
        processing.process_again(event, now=event.received_at)


def test_no_delivery_makes_the_door_call_out(
    client: Client, account: Account, recording: Recording, outside: WireServer
) -> None:
    names = ("record_url", "RecordUrl", "recording_url", "transcription_url")
    urls = dict.fromkeys(names, f"{outside.url}/audio.mp3")
    everything_that_can_come(client, account, urls)
    assert CallbackEvent.objects.filter(outcome=EventOutcome.APPLIED).exists()
    assert outside.asked == []


def test_no_log_names_a_key_a_header_or_what_was_said(
    client: Client, account: Account, recording: Recording, told: list[str]
) -> None:
    secret = "what-nobody-may-read-in-a-log"
    headers = {**signature("recording", KEY), "auth-token": secret, "X-Auth-Token": secret}
    deliver(client, KEY, {"transcription": secret}, headers=headers)
    everything_that_can_come(client, account, {"transcription": secret, "From": secret, "record_url": secret})
    logged = "\n".join(told)
    assert "callback refused, kept as event" in logged
    for hidden in (KEY, account.callback_key, secret, *headers.values()):
        assert hidden not in logged
