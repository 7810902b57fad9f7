"""One signed webhook for one cause, one when it is over; a typed address leads to the public internet only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings import overview, tasks
from recordings.alerts import wire
from recordings.choices import ProblemCode
from recordings.models import Account, AlertMessage, AlertWebhook
from recordings.models.alert import ATTEMPT, FIRST_WAIT
from recordings.vobiz.addresses import InvalidAddressError
from recordings.vobiz.connection import ExchangeError
from tests.admin.conftest import Person, staff  # noqa: F401 - a fixture
from tests.admin.test_problems import FAULTS
from tests.alerts.conftest import heal
from tests.sandbox.receiver import Delivery, Receiver
from tests.vobiz.wire_server import WireServer, drips, says, sends
from tests.waiting import eventually

MINUTE = timedelta(minutes=1)
TOLD = [code for code in FAULTS if code != ProblemCode.ALERTS_FAILING]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def hook(account: Account, receiver: Receiver) -> tuple[AlertWebhook, str]:
    return AlertWebhook.create(account, f"{receiver.url}/alerts?key=private", "standard")


def look(after: timedelta = timedelta(0)) -> None:
    tasks.run_alerts(timezone.now() + after, check=True)


def verifies(delivery: Delivery, secret: str) -> bool:
    """As the specification of Standard Webhooks says, written here anew."""
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + delivery.body
    made = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return f"v1,{made}" in headers["webhook-signature"].split()


@pytest.mark.parametrize("code", TOLD)
def test_one_webhook_for_one_fault_and_one_when_it_is_over(
    account: Account, receiver: Receiver, hook: tuple[AlertWebhook, str], code: ProblemCode
) -> None:
    FAULTS[code][0](account)
    look()
    look(MINUTE)
    heal(account)
    look(2 * MINUTE)
    look(8 * MINUTE)
    look(9 * MINUTE)
    bodies = [json.loads(delivery.body) for delivery in receiver.deliveries]
    assert [body["type"] for body in bodies] == ["problem.started", "problem.ended"]
    assert {body["data"]["code"] for body in bodies} == {code.value}
    assert all(verifies(delivery, hook[1]) for delivery in receiver.deliveries)
    assert receiver.deliveries[0].path == "/alerts"
    assert "9624705678" not in str(bodies)
    assert "8071387423" not in str(bodies)


def test_a_receiver_away_for_an_hour_loses_nothing_and_gets_no_flood(
    account: Account, receiver: Receiver, hook: tuple[AlertWebhook, str]
) -> None:
    receiver.statuses = [503] * 100
    Account.objects.update(encrypted_token=None)
    FAULTS[ProblemCode.AT_RISK][0](account)
    for minute in range(0, 60, 2):
        look(minute * MINUTE)
    assert 5 <= len(receiver.deliveries) <= 14
    assert {one.error for one in AlertMessage.objects.filter(tries__gt=0)} == {"The receiver answered 503."}
    [problem] = [one for one in overview.problems() if one.code == ProblemCode.ALERTS_FAILING]
    assert problem.account == account.pk
    receiver.statuses, before = [], len(receiver.deliveries)
    for minute in range(60, 130, 2):
        look(minute * MINUTE)
    came = [json.loads(one.body)["data"]["code"] for one in receiver.deliveries[before:]]
    assert sorted(came) == ["at_risk", "no_token"]
    assert not AlertMessage.objects.failing().exists()


def test_a_receiver_that_is_too_slow_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, account: Account, receiver: Receiver, hook: tuple[AlertWebhook, str]
) -> None:
    monkeypatch.setattr(wire, "TIMEOUT", 0.5)
    Account.objects.update(encrypted_token=None)
    receiver.go_on.clear()
    look()
    assert AlertMessage.objects.get().error == "The receiver did not answer."
    receiver.go_on.set()
    look(MINUTE)
    assert AlertMessage.objects.get().sent_at is not None


def test_both_secrets_sign_while_one_is_rotated_and_the_former_ends(
    account: Account, receiver: Receiver, hook: tuple[AlertWebhook, str]
) -> None:
    webhook, former = hook
    current = webhook.rotate(timezone.now())
    Account.objects.update(encrypted_token=None)
    look()
    heal(account)
    look(25 * 60 * MINUTE)
    during, after = receiver.deliveries
    assert verifies(during, former)
    assert verifies(during, current)
    assert verifies(after, current)
    assert not verifies(after, former)


def test_slack_gets_one_text_in_which_nothing_is_markup(account: Account, receiver: Receiver) -> None:
    Account.objects.update(name="<!channel> & co", encrypted_token=None)
    AlertWebhook.create(account, receiver.url, "slack")
    look()
    [delivery] = receiver.deliveries
    body = json.loads(delivery.body)
    assert body.keys() == {"text"}
    assert body["text"].startswith("&lt;!channel&gt; &amp; co: No auth token")
    assert re.search(r"<http://127.0.0.1:8000/admin/\S+\|Open>", body["text"])


def test_address_and_secret_are_stored_encrypted(account: Account, hook: tuple[AlertWebhook, str]) -> None:
    [row] = AlertWebhook.objects.values()
    assert "private" not in str(row)
    assert hook[1] not in str(row)
    assert AlertWebhook.objects.get().url.endswith("/alerts?key=private")


REFUSED = (
    "http://hooks.example.com/", "https://127.0.0.1/", "https://localhost/", "https://10.0.0.7/", "https://[::1]/",
    "https://169.254.169.254/latest/meta-data/", "https://100.64.0.1/", "https://192.168.1.1/", "https://0.0.0.0/",
    "https://[::ffff:10.0.0.7]/", "https://[fe80::1]/", "https://[fd00:ec2::254]/", "https://2130706433/",
    "https://0x7f.1/", "https://user:pass@hooks.example.com/", "https://hooks.example.com\\@10.0.0.7/",
    "file:///etc/passwd", "https://hooks.example.com/#x",
)  # fmt: skip


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_is_not_public_https_is_refused(url: str) -> None:
    with pytest.raises(InvalidAddressError):
        wire.post(url, b"{}", {}, local=False)


@pytest.mark.parametrize(
    "private",
    [
        "10.0.0.7",
        "127.0.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "::1",
        "fe80::1",
        "::ffff:192.168.0.1",
        "fd00::1",
    ],
)
def test_a_name_with_one_private_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, private: str
) -> None:
    """The system's resolver is stood in for: no name on the internet leads here."""

    def found(*_args: object, **_more: object) -> list[Any]:
        return [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443)),
            (
                socket.AF_INET6 if ":" in private else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (private, 443),
            ),
        ]

    def connects(*_args: object) -> None:
        raise AssertionError("connected")

    monkeypatch.setattr(socket, "getaddrinfo", found)
    monkeypatch.setattr(socket.socket, "connect", connects)
    with pytest.raises(ExchangeError) as refused:
        wire.post("https://hooks.example.com/", b"{}", {}, local=False)
    assert not refused.value.sent
    assert not refused.value.retryable


def test_no_redirect_is_followed_and_a_large_or_slow_answer_holds_nobody(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    with WireServer() as server:
        server.answers(
            sends(f"HTTP/1.1 302 Found\r\nLocation: {receiver.url}/\r\nContent-Length: 0\r\n\r\n".encode())
        )
        assert wire.post(server.url, b"{}", {}, local=True) == 302
        server.answers(says(b"x" * 1_000_000))
        assert wire.post(server.url, b"{}", {}, local=True) == 200
        monkeypatch.setattr(wire, "TIMEOUT", 2.0)
        server.answers(drips(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000))
        began = time.monotonic()
        assert wire.post(server.url, b"{}", {}, local=True) == 200  # its status had come
        assert time.monotonic() - began < 30  # its thousand drops take fifty
    assert receiver.deliveries == []


def test_the_page_adds_tests_rotates_and_sends_again_and_shows_a_secret_once(
    account: Account,
    receiver: Receiver,
    staff: Person,  # noqa: F811
) -> None:
    client: Client = staff("view_account", "change_account", accounts=[account])
    page = f"/admin/recordings/account/{account.pk}/webhooks/"
    added = client.post(page, {"do": "add", "url": f"{receiver.url}/secret-path", "form": "standard"})
    secret = re.findall(r"whsec_[A-Za-z0-9+/=]{44}", added.content.decode())
    assert len(secret) == 1
    assert "no-store" in added.headers["Cache-Control"]
    shown = client.get(page).content.decode()
    assert "whsec_" not in shown
    assert "secret-path" not in shown

    key = AlertWebhook.objects.get().pk
    assert client.post(page, {"do": "test", "key": key}).status_code == 302
    look()
    message = AlertMessage.objects.get()
    client.post(page, {"do": "again", "key": message.pk})
    look()
    assert [json.loads(one.body)["type"] for one in receiver.deliveries] == ["test", "test"]
    assert len({one.headers["webhook-id"] for one in receiver.deliveries}) == 1
    assert "whsec_" in client.post(page, {"do": "rotate", "key": key}).content.decode()
    asked = client.get(f"{page}?remove={key}").content.decode()
    assert "Remove the webhook 127.0.0.1" in asked
    assert 'value="remove"' in asked
    assert 'value="remove"' not in client.get(page).content.decode()
    assert client.post(page, {"do": "remove", "key": key}).status_code == 302
    assert not AlertWebhook.objects.exists()


def test_a_webhook_of_another_account_is_not_there(
    account: Account,
    subaccount: Account,
    receiver: Receiver,
    staff: Person,  # noqa: F811
    settings: Settings,
) -> None:
    theirs, _secret = AlertWebhook.create(subaccount, receiver.url, "standard")
    client = staff("view_account", "change_account", accounts=[account])
    page = f"/admin/recordings/account/{account.pk}/webhooks/"
    for do in ("test", "rotate", "remove", "again"):
        assert client.post(page, {"do": do, "key": theirs.pk}).status_code == 404
    settings.LOCAL_MODE = False
    assert client.post(page, {"do": "add", "url": receiver.url, "form": "standard"}).status_code == 422


@pytest.mark.django_db(transaction=True)
def test_each_message_of_a_long_look_has_the_time_of_its_own_attempt(
    account: Account, receiver: Receiver, hook: tuple[AlertWebhook, str]
) -> None:
    """Else a lease has ended before it is taken, a backoff is over when it begins, and signatures are too old."""
    began = timezone.now()
    with Receiver() as slow:
        first, _secret = AlertWebhook.create(account, slow.url, "standard")
        for webhook in (first, hook[0]):
            AlertMessage.objects.create(webhook=webhook, kind="test", created_at=began, next_at=began)
        slow.go_on.clear()
        receiver.go_on.clear()
        receiver.statuses = [503]
        looking = threading.Thread(target=in_a_thread, args=(look,))
        looking.start()
        eventually(lambda: slow.deliveries)
        time.sleep(2.5)
        slow.go_on.set()
        eventually(lambda: receiver.deliveries)
        [leased] = AlertMessage.objects.filter(webhook=hook[0])
        time.sleep(1.5)
        receiver.go_on.set()
        looking.join()
    [failed] = AlertMessage.objects.filter(webhook=hook[0])
    [delivery] = receiver.deliveries
    headers = {name.lower(): value for name, value in delivery.headers.items()}

    assert int(headers["webhook-timestamp"]) >= began.timestamp() + 1.5  # written in whole seconds
    assert leased.next_at is not None
    assert leased.next_at >= began + timedelta(seconds=2.5) + ATTEMPT
    assert failed.next_at is not None
    assert failed.next_at >= began + timedelta(seconds=4) + FIRST_WAIT
    assert AlertMessage.objects.get(webhook=first).sent_at > began + timedelta(seconds=2)  # type: ignore[operator]


def in_a_thread(do: Callable[[], None]) -> None:
    """Do it, with a database connection of its own."""
    try:
        do()
    finally:
        connection.close()
