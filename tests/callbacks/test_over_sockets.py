"""The door behind the server the portal runs on: bodies as sockets bring them, not as a test client writes them."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from django.db import connections

from recordings.choices import EventOutcome
from recordings.management.commands.serve import make_server
from recordings.models import CallbackEvent, Recording
from recordings.webhooks.parsers import BODY_LIMIT
from tests.callbacks.posting import TYPES, encode, path_of, signature
from tests.callbacks.rows import KEY, asked_for, the_event
from tests.conftest import MAIN, connected
from tests.vobiz.payloads import payload
from vobiz_portal.wsgi import application

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]

ENDED = payload("recording_callback__documented")
PATH = "/callbacks/recording/"


@pytest.fixture
def recording(transactional_db: None, now: datetime) -> Recording:
    return asked_for(connected(MAIN, now=now))


@pytest.fixture
def port(transactional_db: None) -> Iterator[int]:
    """Of a waitress that serves the portal, as `serve` sets it up."""
    kept = connections["default"].settings_dict["CONN_MAX_AGE"]
    connections["default"].settings_dict["CONN_MAX_AGE"] = (
        0  # its threads keep no connection to the test database
    )
    server = make_server(application, "127.0.0.1:0", 2, "127.0.0.1")
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.effective_port
    server.close()
    server.task_dispatcher.shutdown()
    thread.join(60)
    connections["default"].settings_dict["CONN_MAX_AGE"] = kept


def ask(port: int, body: object, headers: dict[str, str], *, chunked: bool = False) -> int:
    """One POST; the status."""
    speaking = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    given = {"Content-Type": TYPES["form"], **headers}
    speaking.request("POST", path_of("recording", KEY), body, given, encode_chunked=chunked)  # type: ignore[arg-type]
    status = speaking.getresponse().status
    speaking.close()
    return status


def test_a_chunked_body_is_read_whole(recording: Recording, port: int) -> None:
    body = encode(ENDED)
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    headers = {**signature("recording", KEY), "Transfer-Encoding": "chunked"}
    assert ask(port, iter(pieces), headers, chunked=True) == 200
    assert the_event().outcome == EventOutcome.APPLIED


def test_a_chunked_body_above_the_limit_is_413(recording: Recording, port: int) -> None:
    pieces = (b"x" * 65_536 for _ in range(BODY_LIMIT // 65_536 + 1))
    headers = {**signature("recording", KEY), "Transfer-Encoding": "chunked"}
    assert ask(port, pieces, headers, chunked=True) == 413
    assert not CallbackEvent.objects.exists()


def test_a_whole_body_above_the_limit_is_413(recording: Recording, port: int) -> None:
    assert ask(port, b"transcription=" + b"x" * BODY_LIMIT, signature("recording", KEY)) == 413
    assert not CallbackEvent.objects.exists()


def test_a_body_that_ends_before_its_content_length_has_no_effect(recording: Recording, port: int) -> None:
    body, lines = (
        encode(ENDED),
        [f"POST {path_of('recording', KEY)} HTTP/1.1", "Host: x", "Connection: close"],
    )
    headers = {
        **signature("recording", KEY),
        "Content-Length": str(len(body) + 100),
        "Content-Type": TYPES["form"],
    }
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as speaking:
        speaking.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        speaking.shutdown(socket.SHUT_WR)
        assert speaking.recv(1_000) == b""
    assert ask(port, body, {}) == 200  # the server goes on
    assert the_event().trust == "unsigned"


def test_a_signature_header_sent_twice_is_a_list(recording: Recording, port: int) -> None:
    speaking = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = encode(ENDED)
    speaking.putrequest("POST", path_of("recording", KEY))
    for name, value in {**signature("recording", KEY), "Content-Length": str(len(body))}.items():
        if "Nonce" not in name and name != "Content-Length":
            speaking.putheader(name, "A" * 43 + "=")
        speaking.putheader(name, value)
    speaking.putheader("Content-Type", TYPES["form"])
    speaking.endheaders(body)
    assert speaking.getresponse().status == 200
    speaking.close()
    assert the_event().trust == "signed"


def test_a_path_written_with_escapes_is_the_same_address(recording: Recording, port: int) -> None:
    """What Vobiz signs is the address as it was given out, however a proxy rewrites it."""
    escaped = path_of("recording", KEY).replace("-", "%2D")
    speaking = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {**signature("recording", KEY), "Content-Type": TYPES["form"]}
    speaking.request("POST", escaped, encode(ENDED), headers)
    assert speaking.getresponse().status == 200
    speaking.close()
    assert the_event().trust == "signed"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"get / HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nCookie: a=\x01\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 300_000 + b"\r\n\r\n", 431),
    ],
    ids=["method", "path", "header", "length", "encoding", "size"],
)
def test_what_is_no_request_is_refused_in_words_and_logs_nothing(
    port: int, request_bytes: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=60) as speaking:
        speaking.sendall(request_bytes)
        assert int(speaking.recv(100).split()[1]) == status
    assert not [one for one in caplog.records if one.name == "waitress"]


@pytest.mark.parametrize(
    "parameter", ["charset*=nowhere'x'%ff", "boundary*=nowhere''x", "charset*=undefined''x"]
)
def test_a_content_type_that_cannot_be_read_loses_no_callback(
    recording: Recording, port: int, parameter: str
) -> None:
    kind = {"Content-Type": f"{TYPES['form']}; {parameter}"}
    assert ask(port, encode(ENDED), {**signature("recording", KEY), **kind}) == 200
    event = the_event()
    assert (event.trust, event.outcome) == ("signed", EventOutcome.UNPARSED)
    assert bytes(event.raw_body or b"") == encode(ENDED)
    assert ask(port, encode(ENDED), kind) == 415
