"""Limits that a server cannot talk its way around: time, bytes, and where a name may lead."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from recordings.vobiz.connection import (
    AddressRefusedError,
    AnswerTooLargeError,
    Exchange,
    ExchangeError,
    GuardedAdapter,
    body_of,
)
from tests.ports import free_ports
from tests.vobiz.wire_server import WireServer, drips, drops, hangs, says, sends

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture
def adapter() -> Iterator[GuardedAdapter]:
    made = GuardedAdapter()
    yield made
    made.close()


def limits(
    total: float = 60.0, *, read: float = 20.0, cap: int = 1000, public_only: bool = False
) -> Exchange:
    return Exchange(time.monotonic() + total, 20.0, read, cap, public_only)


def fetch(adapter: GuardedAdapter, url: str, exchange: Exchange) -> bytes:
    request = requests.Request("GET", url, headers={"Accept-Encoding": "identity"}).prepare()
    return b"".join(body_of(adapter.exchange(request, exchange), exchange))


def failure(adapter: GuardedAdapter, url: str, exchange: Exchange) -> ExchangeError:
    with pytest.raises(ExchangeError) as failed:
        fetch(adapter, url, exchange)
    return failed.value


def test_an_answer_comes_through_whole(server: WireServer, adapter: GuardedAdapter) -> None:
    server.answers(says(b"hello"))
    exchange = limits()
    assert fetch(adapter, server.url, exchange) == b"hello"
    assert exchange.sent


def test_a_connection_is_kept_for_the_next_request(server: WireServer, adapter: GuardedAdapter) -> None:
    server.answers(says(b"hello"))
    for _ in range(3):
        assert fetch(adapter, server.url, limits()) == b"hello"
    (pool,) = [adapter.poolmanager.pools[key] for key in adapter.poolmanager.pools.keys()]  # noqa: SIM118
    assert pool.num_connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        drips(HEAD + b"Content-Length: 100000\r\n\r\n"),
        drips(HEAD + b"\r\n"),
        drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drips(HEAD + b"X-Header: "),
        drips(HEAD, b"X: y\r\n"),
        drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        drips(b"H"),
    ],
    ids=["length", "to-the-end", "chunked", "header", "headers", "continue", "status"],
)
def test_a_server_that_drips_for_ever_is_left_at_the_deadline(
    server: WireServer, adapter: GuardedAdapter, answer: object
) -> None:
    server.answers(answer)  # type: ignore[arg-type]
    failed = failure(adapter, server.url, limits(0.9, read=0.8, cap=10**9))
    assert "within the time allowed" in failed.why
    assert failed.sent


def test_a_server_that_says_nothing_is_left_after_the_read_timeout(
    server: WireServer, adapter: GuardedAdapter
) -> None:
    server.answers(hangs)
    failed = failure(adapter, server.url, limits(60, read=0.2))
    assert failed.why == "127.0.0.1 did not answer within 0.2 s"
    assert failed.sent


def test_a_single_read_lasts_no_longer_than_the_deadline(server: WireServer, adapter: GuardedAdapter) -> None:
    server.answers(hangs)
    assert "within the time allowed" in failure(adapter, server.url, limits(0.3, read=30)).why


def test_a_body_that_stops_coming_is_left_after_the_read_timeout(
    server: WireServer, adapter: GuardedAdapter
) -> None:
    server.answers(drips(HEAD + b"Content-Length: 5\r\n\r\nab", every=60))
    failed = failure(adapter, server.url, limits(60, read=0.2))
    assert "did not answer within" in failed.why


@pytest.mark.parametrize(
    "answer",
    [
        says(b"x" * 1001),
        sends(HEAD, b"\r\n", b"x" * 5000),
        sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"7d0\r\n" + b"x" * 2000 + b"\r\n0\r\n\r\n"),
        drips(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 50_000, every=0.001),
        drips(b"", b"HTTP/1.1 100 Continue\r\nX: " + b"y" * 60_000 + b"\r\n\r\n", every=0.001),
    ],
    ids=["length", "to-the-end", "chunk", "tiny-chunks", "headers"],
)
def test_an_answer_larger_than_the_cap_is_cut_off(
    server: WireServer, adapter: GuardedAdapter, answer: object
) -> None:
    server.answers(answer)  # type: ignore[arg-type]
    failed = failure(adapter, server.url, limits(30))
    assert isinstance(failed, AnswerTooLargeError)
    assert not failed.retryable


@pytest.mark.parametrize(
    "answer",
    [
        drops,
        sends(b""),
        sends(HEAD + b"Content-Length: 10\r\n\r\nshort"),
        sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhel"),
        sends(HEAD + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n"),
        sends(b"SSH-2.0-OpenSSH_9\r\n"),
        sends(b"HTTP/1.1 999999 What\r\n\r\n"),
    ],
    ids=["dropped", "nothing", "length", "chunk", "chunk-size", "not-http", "status"],
)
def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(
    server: WireServer, adapter: GuardedAdapter, answer: object
) -> None:
    server.answers(answer)  # type: ignore[arg-type]
    failed = failure(adapter, server.url, limits())
    assert failed.why == "the connection to 127.0.0.1 broke before the answer was complete"
    assert failed.sent
    assert failed.retryable


def test_a_compressed_answer_is_not_unpacked(server: WireServer, adapter: GuardedAdapter) -> None:
    packed = b"\x1f\x8b\x08\x00 whatever this is"
    server.answers(says(packed, headers={"Content-Encoding": "gzip"}))
    assert fetch(adapter, server.url, limits()) == packed


def test_a_refused_connection_says_so_and_sends_nothing(adapter: GuardedAdapter) -> None:
    exchange = limits()
    failed = failure(adapter, f"http://127.0.0.1:{free_ports()}/", exchange)
    assert failed.why == "127.0.0.1 refused the connection"
    assert not failed.sent


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 63 + ".invalid"])
def test_an_unknown_name_says_so_and_sends_nothing(adapter: GuardedAdapter, host: str) -> None:
    failed = failure(adapter, f"http://{host}/", limits())
    assert failed.why == f"the name {host} could not be found"
    assert not failed.sent


def test_a_deadline_that_has_passed_sends_nothing(server: WireServer, adapter: GuardedAdapter) -> None:
    server.answers(says(b"hello"))
    failed = failure(adapter, server.url, limits(-1))
    assert "within the time allowed" in failed.why
    assert not failed.sent
    assert server.asked == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "0x7f.1", "2130706433", "0"])
def test_a_name_that_leads_off_the_public_internet_is_not_dialled(
    server: WireServer, adapter: GuardedAdapter, host: str
) -> None:
    failed = failure(adapter, f"http://{host}:{server.port}/", limits(public_only=True))
    assert isinstance(failed, AddressRefusedError)
    assert not failed.sent
    assert server.asked == []


def test_proxies_of_the_environment_are_not_used(
    server: WireServer, elsewhere: WireServer, adapter: GuardedAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, elsewhere.url)
    monkeypatch.delenv("no_proxy", raising=False)
    server.answers(says(b"direct"))
    elsewhere.answers(says(b"by proxy"))
    assert fetch(adapter, server.url, limits()) == b"direct"
    assert elsewhere.asked == []


def test_cookies_are_not_kept(server: WireServer, adapter: GuardedAdapter) -> None:
    server.answers(says(b"", headers={"Set-Cookie": "a=b"}))
    fetch(adapter, server.url, limits())
    fetch(adapter, server.url, limits())
    assert "cookie" not in server.last.headers


# --- TLS ---------------------------------------------------------------------------------------------------


def test_an_encrypted_answer_keeps_the_same_limits(
    tls_server: WireServer, adapter: GuardedAdapter, certificate: Path
) -> None:
    adapter.tls.load_verify_locations(certificate)
    url = f"https://localhost:{tls_server.port}/"
    tls_server.answers(says(b"hello"), says(b"x" * 5000), drips(HEAD + b"\r\n"), hangs)
    assert fetch(adapter, url, limits()) == b"hello"
    assert isinstance(failure(adapter, url, limits()), AnswerTooLargeError)
    assert "within the time allowed" in failure(adapter, url, limits(0.4, read=0.3)).why
    assert "did not answer within" in failure(adapter, url, limits(60, read=0.2)).why


def test_a_certificate_nobody_vouches_for_ends_it_before_anything_is_sent(
    tls_server: WireServer, adapter: GuardedAdapter
) -> None:
    tls_server.answers(says(b"hello"))
    failed = failure(adapter, f"https://localhost:{tls_server.port}/", limits())
    assert "no secure connection to localhost could be made (" in failed.why
    assert "certificate" in failed.why
    assert not failed.sent
    assert tls_server.asked == []


def test_a_server_without_tls_ends_it_before_anything_is_sent(
    server: WireServer, adapter: GuardedAdapter
) -> None:
    server.answers(says(b"hello"))
    failed = failure(adapter, f"https://127.0.0.1:{server.port}/", limits())
    assert "no secure connection to 127.0.0.1 could be made" in failed.why
    assert not failed.sent
