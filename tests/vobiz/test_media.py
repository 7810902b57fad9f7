"""Fetching audio: from whom, with what, how far, and that a part is never taken for the whole."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from typing import Any

import pytest

from recordings.vobiz.client import Download, RetryPolicy, VobizClient
from recordings.vobiz.errors import (
    AuthenticationError,
    MediaRefusedError,
    NotFoundError,
    RateLimitError,
    RefusedError,
    UnexpectedReplyError,
    UnreachableError,
)
from recordings.vobiz.media import Media
from recordings.vobiz.media_hosts import MediaHosts
from recordings.vobiz.transport import Credentials, Transport
from tests.ports import free_ports
from tests.vobiz.conftest import TOKEN, client_of
from tests.vobiz.wire_server import WireServer, drips, drops, hangs, redirects, says, sends

AUDIO = b"RIFF" + bytes(range(256)) * 1000
MEDIA_HOSTS = ["media.vobiz.ai", "recordings.vobiz.ai", "vobiz.ai", "s3.example.com"]


def fetch(client: VobizClient, url: str, **limits: Any) -> tuple[bytes, Download]:
    into = io.BytesIO()
    got = client.download(url, into, **limits)
    return into.getvalue(), got


def production_client(*, media_hosts: list[str] | None = None) -> VobizClient:
    return client_of(
        "https://api.vobiz.ai",
        local=False,
        media_hosts=MEDIA_HOSTS if media_hosts is None else media_hosts,
        connect_timeout=0.5,
        retry_policy=RetryPolicy(1, 2.0),
    )


def production_hosts(*names: str) -> MediaHosts:
    return MediaHosts.of(names or MEDIA_HOSTS, api_url="https://api.vobiz.ai/api/v1", local=False)


def test_audio_comes_whole_with_its_hash_and_its_type(server: WireServer, client: VobizClient) -> None:
    server.answers(says(AUDIO, kind="Audio/MPEG; charset=binary"))
    body, got = fetch(client, f"{server.url}/v1/Account/MA_X/Recording/a.mp3?x=%2F")
    assert body == AUDIO
    assert got == Download(hashlib.sha256(AUDIO).hexdigest(), len(AUDIO), "audio/mpeg", ended=True)
    assert server.last.target == "/v1/Account/MA_X/Recording/a.mp3?x=%2F"
    assert server.last.headers["x-auth-token"] == TOKEN
    assert server.last.headers["accept-encoding"] == "identity"


def test_audio_without_a_length_ends_where_the_answer_says_so(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(
        sends(b"HTTP/1.1 200 OK\r\n\r\n", AUDIO),
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nRIFF\r\n0\r\n\r\n"),
    )
    body, got = fetch(client, f"{server.url}/a.mp3")
    assert body == AUDIO
    assert (got.content_type, got.ended) == (None, False)
    body, got = fetch(client, f"{server.url}/a.mp3")
    assert (body, got.bytes, got.ended) == (b"RIFF", 4, True)


def test_audio_needs_the_credentials_and_gets_them(server: WireServer) -> None:
    def closed_file(handler: Any) -> None:
        known = handler.headers.get("X-Auth-Token") == TOKEN
        (says(AUDIO) if known else says({"error": "unauthorized"}, 401))(handler)

    server.answers(closed_file)
    with client_of(server.url) as client:
        assert fetch(client, f"{server.url}/a.mp3")[1].bytes == len(AUDIO)


@pytest.mark.parametrize(
    "answer",
    [
        drips(b"HTTP/1.1 200 OK\r\n\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        drips(b"HTTP/1.1 200 OK\r\nX: "),
    ],
)
def test_audio_that_drips_is_given_up_at_the_total(
    server: WireServer, client: VobizClient, answer: Any
) -> None:
    server.answers(answer)
    with pytest.raises(UnreachableError, match="within the time allowed"):
        fetch(client, f"{server.url}/a.mp3", total=0.4)


@pytest.mark.parametrize(
    "answer",
    [
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", AUDIO[:500]),
        sends(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\nRIFF"),
    ],
)
def test_audio_that_breaks_off_is_said_to_be_and_not_asked_for_twice(
    server: WireServer, client: VobizClient, answer: Any
) -> None:
    server.answers(answer)
    with pytest.raises(UnreachableError, match="broke off after"):
        fetch(client, f"{server.url}/a.mp3")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        says(AUDIO),
        sends(b"HTTP/1.1 200 OK\r\n\r\n", AUDIO),
        sends(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n"),
    ],
)
def test_audio_beyond_the_cap_is_refused(server: WireServer, client: VobizClient, answer: Any) -> None:
    server.answers(answer)
    with pytest.raises(UnexpectedReplyError, match="larger than 1000 bytes"):
        fetch(client, f"{server.url}/a.mp3", max_bytes=1000)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
def test_audio_that_comes_compressed_unasked_is_unpacked(
    server: WireServer, client: VobizClient, encoding: str
) -> None:
    server.answers(says(gzip.compress(AUDIO), headers={"Content-Encoding": encoding}))
    body, got = fetch(client, f"{server.url}/a.mp3")
    assert body == AUDIO
    assert (got.bytes, got.sha256, got.ended) == (len(AUDIO), hashlib.sha256(AUDIO).hexdigest(), True)


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        ("deflate", zlib.compress(AUDIO)), ("deflate", zlib.compress(AUDIO)[2:-4]),
        ("aws-chunked, gzip", gzip.compress(AUDIO)), ("gzip", AUDIO), ("x-gzip", AUDIO), ("aws-chunked", AUDIO),
        ("utf-8", AUDIO), ("binary", AUDIO), ("None", AUDIO), ("", AUDIO), ("identity, identity", AUDIO),
    ],
)  # fmt: skip
def test_an_encoding_that_is_none_or_was_undone_loses_no_audio(
    server: WireServer, client: VobizClient, encoding: str, sent: bytes
) -> None:
    server.answers(says(sent, headers={"Content-Encoding": encoding}))
    body, got = fetch(client, f"{server.url}/a.mp3")
    assert (body, got.bytes) == (AUDIO, len(AUDIO))


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (
            says(gzip.compress(AUDIO)[:-20], headers={"Content-Encoding": "gzip"}),
            UnreachableError,
            "incomplete",
        ),
        (
            says(b"\x1f\x8b" + b"x" * 50, headers={"Content-Encoding": "gzip"}),
            UnexpectedReplyError,
            "unpacked",
        ),
        (says(AUDIO, headers={"Content-Encoding": "br"}), UnexpectedReplyError, "compressed"),
    ],
)
def test_what_cannot_be_unpacked_is_said_so(
    server: WireServer, client: VobizClient, answer: Any, kind: type[Exception], words: str
) -> None:
    server.answers(answer)
    with pytest.raises(kind, match=words):
        fetch(client, f"{server.url}/a.mp3")


@pytest.mark.parametrize(
    "answer",
    [says(AUDIO, 203), says(AUDIO, 206, headers={"Content-Range": f"bytes 0-{len(AUDIO) - 1}/{len(AUDIO)}"})],
)
def test_the_whole_file_is_taken_under_other_statuses_too(
    server: WireServer, client: VobizClient, answer: Any
) -> None:
    server.answers(answer)
    assert fetch(client, f"{server.url}/a.mp3")[0] == AUDIO


@pytest.mark.parametrize("form", [" {} ", "\t{}\n", "//{host}/a.mp3"])
def test_an_address_is_read_as_it_is_meant(server: WireServer, client: VobizClient, form: str) -> None:
    server.answers(says(AUDIO))
    url = form.format(f"{server.url}/a.mp3", host=server.url.removeprefix("http://"))
    assert fetch(client, url)[0] == AUDIO


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (says({"error": "unauthorized"}, 401), AuthenticationError),
        (says("", 403), RefusedError),
        (says({"api_id": "a-7", "error": "not ready"}, 404), NotFoundError),
        (says("", 416), RefusedError),
        (says(AUDIO, 206), UnexpectedReplyError),
        (says("", 204), UnexpectedReplyError),
        (says("", 304), UnexpectedReplyError),
        (redirects(""), MediaRefusedError),
    ],
)
def test_an_answer_that_is_no_audio_is_told_apart_and_nothing_is_written(
    server: WireServer, client: VobizClient, answer: Any, kind: type[Exception]
) -> None:
    server.answers(answer)
    into = io.BytesIO()
    with pytest.raises(kind) as failed:
        client.download(f"{server.url}/a.mp3", into)
    assert type(failed.value) is kind
    assert into.getvalue() == b""
    assert TOKEN not in str(failed.value)


@pytest.mark.parametrize("trouble", [drops, says("", 503), says({"retryAfter": 0.01}, 429), says("", 408)])
def test_the_opening_is_tried_again_since_nothing_was_written(
    server: WireServer, client: VobizClient, trouble: Any
) -> None:
    server.answers(trouble, trouble, says(AUDIO))
    assert fetch(client, f"{server.url}/a.mp3")[0] == AUDIO


def test_an_opening_that_fails_for_good_says_why(server: WireServer, client: VobizClient) -> None:
    server.answers(says("", 503))
    with pytest.raises(UnreachableError, match="503 Service Unavailable"):
        fetch(client, f"{server.url}/a.mp3")
    server.answers(says({}, 429, {"Retry-After": "99"}))
    with pytest.raises(RateLimitError) as limited:
        fetch(client, f"{server.url}/a.mp3")
    assert limited.value.retry_after == 99
    with pytest.raises(UnreachableError, match="refused the connection"):
        fetch(client, f"http://127.0.0.1:{free_ports()}/a.mp3")
    server.answers(hangs)
    with (
        client_of(server.url, read_timeout=0.5) as hasty,
        pytest.raises(UnreachableError, match="did not answer"),
    ):
        fetch(hasty, f"{server.url}/a.mp3")


# --- where from --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "",
        "media.vobiz.ai/a.mp3",
        "file:///etc/passwd",
        "http://media.vobiz.ai/a.mp3",
        "https://media.vobiz.ai:8443/a.mp3",
        "https://vobiz.ai.evil.test/",
        "https://evil.test/?x=vobiz.ai",
        "https://media.vobiz.ai@evil.test/",
        "https://evil.test\\@media.vobiz.ai/",
        "https://notmedia.vobiz.ai/a.mp3",
        "https://x.media.vobiz.ai/a.mp3",
        "https://media.vobiz.ai./a.mp3",
        "https://media.vobiz.ai%2f@evil.test/",
        "https://s3.amazonaws.com/a.mp3",
        "https://127.0.0.1/a.mp3",
        "https://169.254.169.254/latest/meta-data/",
        "https://api.vobiz.ai/api/v1/auth/me",
    ],
)
def test_an_address_that_is_not_listed_or_not_plain_is_not_asked(url: str) -> None:
    with production_client() as client, pytest.raises(MediaRefusedError):
        fetch(client, url)


def test_a_listed_name_that_leads_into_a_private_network_is_not_asked() -> None:
    with (
        production_client(media_hosts=["localhost", "127.0.0.1"]) as client,
        pytest.raises(MediaRefusedError, match="not on the public internet"),
    ):
        fetch(client, "https://localhost/a.mp3")


def test_credentials_are_for_the_api_and_vobizs_own_names_of_those_that_are_listed() -> None:
    hosts = production_hosts(*MEDIA_HOSTS, "evilvobiz.ai", "vobiz.ai.evil.test", "API.vobiz.ai")
    assert hosts.trusted == {"media.vobiz.ai", "recordings.vobiz.ai", "vobiz.ai", "api.vobiz.ai"}
    assert hosts.listed - hosts.trusted == {"s3.example.com", "evilvobiz.ai", "vobiz.ai.evil.test"}
    gateway = MediaHosts.of(["gw.example.com"], api_url="https://gw.example.com/vobiz", local=False)
    assert gateway.trusted == {"gw.example.com"}


def test_in_local_mode_every_listed_name_gets_the_credentials() -> None:
    hosts = MediaHosts.of(["127.0.0.1", "[::1]"], api_url="http://127.0.0.1:9/api/v1", local=True)
    assert hosts.trusted == {"127.0.0.1", "::1"}
    assert hosts.trusts(hosts.checked("http://[::1]:8000/a.mp3"))


def test_the_list_is_of_exact_names_in_any_case(server: WireServer) -> None:
    server.answers(says(AUDIO))
    for hosts, allowed in (
        ([" 127.0.0.1 "], True),
        (["127.0.0.2"], False),
        (["*"], False),
        (["0.1"], False),
        ([], False),
    ):
        with client_of(server.url, media_hosts=hosts) as client:
            if allowed:
                assert fetch(client, f"{server.url}/a.mp3")[0] == AUDIO
            else:
                with pytest.raises(MediaRefusedError, match=r"127\.0\.0\.1, which is not one of the hosts"):
                    fetch(client, f"{server.url}/a.mp3")
    assert len(server.asked) == 1


def test_local_mode_has_http_for_this_machine_only() -> None:
    with (
        client_of("http://127.0.0.1:9", media_hosts=["media.vobiz.ai"]) as client,
        pytest.raises(MediaRefusedError, match="not https"),
    ):
        fetch(client, "http://media.vobiz.ai/a.mp3")


# --- redirects ---------------------------------------------------------------------------------------------


def test_a_redirect_is_followed_twice_and_no_further(server: WireServer, client: VobizClient) -> None:
    server.answers(redirects("/b.mp3", 301), redirects(f"{server.url}/c.mp3?sig=1", 307), says(AUDIO))
    assert fetch(client, f"{server.url}/a.mp3")[0] == AUDIO
    assert [asked.target for asked in server.asked] == ["/a.mp3", "/b.mp3", "/c.mp3?sig=1"]
    server.answers(redirects("/again.mp3"))
    with pytest.raises(MediaRefusedError, match="more than 2 times"):
        fetch(client, f"{server.url}/a.mp3")
    assert len(server.asked) == 6


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//evil.test/a.mp3",
        "https://evil.test/a.mp3",
        "http://127.0.0.2/a.mp3",
        "http://localhost:{port}/a.mp3",
        "http://user@127.0.0.1:{port}/a.mp3",
        "\\\\evil.test\\a.mp3",
        "http://evil.test\\@127.0.0.1:{port}/",
        "//[",
        "http://127.0.0.1:99999/",
        "",
    ],
)
def test_a_redirect_is_looked_at_as_closely_as_the_first_address(
    server: WireServer, elsewhere: WireServer, client: VobizClient, target: str
) -> None:
    server.answers(redirects(target.format(port=elsewhere.port)))
    elsewhere.answers(says(AUDIO))
    with pytest.raises(MediaRefusedError):
        fetch(client, f"{server.url}/a.mp3")
    assert len(server.asked) == 1
    assert elsewhere.asked == []


def test_a_redirect_from_https_to_http_is_refused_even_to_this_machine() -> None:
    hosts = MediaHosts.of(["127.0.0.1"], api_url="https://api.vobiz.ai", local=True)
    secure = hosts.checked("https://127.0.0.1:8443/a.mp3")
    with pytest.raises(MediaRefusedError, match="from one that was https"):
        hosts.checked("http://127.0.0.1:8000/a.mp3", secure)
    assert hosts.checked("https://127.0.0.1:9/a.mp3", secure)


def test_a_host_that_is_not_trusted_is_asked_without_the_credentials(
    server: WireServer, elsewhere: WireServer
) -> None:
    # Two listed hosts, of which only the first is trusted; on one machine they go by its two names.
    hosts = MediaHosts(frozenset({"127.0.0.1", "localhost"}), trusted=frozenset({"127.0.0.1"}), local=True)
    server.answers(redirects(f"http://localhost:{elsewhere.port}/signed.mp3?sig=1"))
    elsewhere.answers(says(AUDIO), says("", 403))
    transport = Transport(
        Credentials("MA_TESTMAIN", TOKEN),
        api_url=server.url,
        local=True,
        connect_timeout=20.0,
        read_timeout=20.0,
        retry_policy=RetryPolicy(1, 60.0),
    )
    media, into = Media(transport, hosts), io.BytesIO()
    media.download(f"{server.url}/a.mp3", into, max_bytes=10**6, total=60.0)
    assert into.getvalue() == AUDIO
    assert server.last.headers["x-auth-token"] == TOKEN
    assert set(elsewhere.last.headers) == {"host", "user-agent", "accept", "accept-encoding"}
    with pytest.raises(RefusedError, match="asked without the account's credentials") as refused:
        media.download(f"http://localhost:{elsewhere.port}/a.mp3", into, max_bytes=10**6, total=60.0)
    assert not isinstance(refused.value, AuthenticationError)
    assert "x-auth-token" not in elsewhere.last.headers


def test_downloads_share_a_connection_that_is_closed_with_the_client(server: WireServer) -> None:
    server.answers(says(AUDIO))
    client = client_of(server.url)
    with client:
        for name in ("a", "b"):
            assert fetch(client, f"{server.url}/{name}.mp3")[0] == AUDIO
    assert len({asked.client_port for asked in server.asked}) == 1
    fetch(client, f"{server.url}/c.mp3")
    assert len({asked.client_port for asked in server.asked}) == 2
    client.close()


def test_a_kept_connection_that_the_server_has_closed_is_opened_anew(server: WireServer) -> None:
    server.answers(says(AUDIO, headers={"Connection": "close"}), says(AUDIO))
    with client_of(server.url) as client:
        for name in ("a", "b"):
            assert fetch(client, f"{server.url}/{name}.mp3")[0] == AUDIO
    assert len({asked.client_port for asked in server.asked}) == 2


def test_a_body_that_broke_off_leaves_no_connection_to_be_used_again(server: WireServer) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + b"x" * 50
    server.answers(sends(cut), says(AUDIO))
    with client_of(server.url) as client:
        with pytest.raises(UnreachableError):
            fetch(client, f"{server.url}/a.mp3")
        assert fetch(client, f"{server.url}/a.mp3")[0] == AUDIO
