"""Audio from somebody who means harm: what it costs, where it leads, and who is shown the credentials."""

from __future__ import annotations

import errno
import gzip
import io
import os
import pty
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import IO

import pytest

from recordings.vobiz.client import RetryPolicy, VobizClient
from recordings.vobiz.connection import GuardedAdapter
from recordings.vobiz.errors import MediaRefusedError, UnexpectedReplyError, VobizError
from recordings.vobiz.media import Media
from recordings.vobiz.media_hosts import MediaHosts
from recordings.vobiz.transport import Credentials, Transport
from tests.vobiz.conftest import TOKEN, client_of
from tests.vobiz.wire_server import WireServer, redirects, says

WRITTEN_AT_ONCE = 4 * 1024 * 1024  # bytes of memory that a download may take at most


@cache
def bomb() -> bytes:
    """194 kB that unpack to 200 MB."""
    return gzip.compress(bytes(200_000_000), 9)


@pytest.fixture
def other_address() -> Iterator[WireServer]:
    """Another machine, as far as addresses go."""
    with WireServer(host="127.0.0.2") as running:
        yield running


@pytest.fixture
def media(server: WireServer) -> Media:
    """The way to audio where 127.0.0.1 is Vobiz's own host, and 127.0.0.2 a listed one that is not."""
    hosts = MediaHosts(frozenset({"127.0.0.1", "127.0.0.2"}), trusted=frozenset({"127.0.0.1"}), local=True)
    transport = Transport(
        Credentials("MA_TESTMAIN", TOKEN),
        api_url=server.url,
        local=True,
        connect_timeout=20.0,
        read_timeout=20.0,
        retry_policy=RetryPolicy(1, 60.0),
    )
    return Media(transport, hosts)


def peak_of(client: VobizClient, url: str, into: IO[bytes], **limits: int) -> int:
    """The most bytes of memory that a download took, over what was taken before."""
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    try:
        client.download(url, into, **limits)
    except VobizError:
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        peak = tracemalloc.get_traced_memory()[1] - before
        tracemalloc.stop()
    return peak


def test_a_gzip_bomb_is_unpacked_in_small_blocks_and_no_further_than_audio_may_be_large(
    server: WireServer, client: VobizClient, tmp_path: Path
) -> None:
    server.answers(says(bomb(), headers={"Content-Encoding": "gzip"}, kind="audio/mpeg"))
    with (tmp_path / "audio").open("wb") as into:
        assert peak_of(client, f"{server.url}/a.mp3", into, max_bytes=5_000_000) < WRITTEN_AT_ONCE
    assert (tmp_path / "audio").stat().st_size <= 5_000_000
    with pytest.raises(UnexpectedReplyError, match="larger than"):
        client.download(f"{server.url}/a.mp3", io.BytesIO(), max_bytes=1_000)


def test_a_gzip_bomb_that_does_not_say_so_stays_packed(server: WireServer, client: VobizClient) -> None:
    server.answers(says(bomb(), kind="audio/mpeg"))
    into = io.BytesIO()
    assert peak_of(client, f"{server.url}/a.mp3", into) < WRITTEN_AT_ONCE
    assert into.getvalue() == bomb()


def test_a_page_under_the_name_of_audio_is_handed_on_as_it_is_for_the_archive_to_judge(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(b"<!doctype html><p>Sign in", kind="audio/mpeg"))
    into = io.BytesIO()
    got = client.download(f"{server.url}/a.mp3", into)
    assert (got.content_type, into.getvalue()) == ("audio/mpeg", b"<!doctype html><p>Sign in")


def test_a_full_disk_is_said_to_be_one_and_not_taken_for_vobizs_fault(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(b"RIFF" * 1000, kind="audio/wav"))
    with io.FileIO("/dev/full", "w") as full, pytest.raises(OSError, match="No space left") as caught:
        client.download(f"{server.url}/a.mp3", full)
    assert caught.value.errno == errno.ENOSPC
    assert len(server.asked) == 1


def test_a_disk_that_fails_is_said_to_and_not_taken_for_vobizs_fault(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(says(b"RIFF" * 1000, kind="audio/wav"))
    other_end, terminal = pty.openpty()
    os.close(other_end)  # what is written to a terminal that nobody holds is an I/O error
    with io.FileIO(terminal, "w") as failing, pytest.raises(OSError, match="Input/output error") as caught:
        client.download(f"{server.url}/a.mp3", failing)
    assert caught.value.errno == errno.EIO
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_another_address_that_is_listed_is_never_shown_the_credentials(
    server: WireServer, other_address: WireServer, media: Media, status: int
) -> None:
    server.answers(redirects(f"{other_address.url}/signed.mp3?sig=1", status))
    other_address.answers(says(b"RIFF"))
    into = io.BytesIO()
    media.download(f"{server.url}/a.mp3", into, max_bytes=1000, total=60.0)
    assert into.getvalue() == b"RIFF"
    assert TOKEN in server.last.headers.values()
    sent = other_address.last
    assert set(sent.headers) == {"host", "user-agent", "accept", "accept-encoding"}
    assert TOKEN not in sent.target + str(sent.headers)
    assert "MA_TESTMAIN" not in sent.target + str(sent.headers)


def test_another_address_that_is_not_listed_is_not_asked(
    server: WireServer, other_address: WireServer, client: VobizClient
) -> None:
    server.answers(redirects(f"{other_address.url}/a.mp3"))
    other_address.answers(says(b"RIFF"))
    for url in (f"{server.url}/a.mp3", f"{other_address.url}/a.mp3"):
        with pytest.raises(MediaRefusedError, match=r"127\.0\.0\.2, which is not one of the hosts"):
            client.download(url, io.BytesIO())
    assert other_address.asked == []


def test_a_loop_between_two_addresses_ends_and_shows_the_credentials_to_one_of_them(
    server: WireServer, other_address: WireServer, media: Media
) -> None:
    server.answers(redirects(f"{other_address.url}/a.mp3"))
    other_address.answers(redirects(f"{server.url}/a.mp3"))
    with pytest.raises(MediaRefusedError, match="more than 2 times"):
        media.download(f"{server.url}/a.mp3", io.BytesIO(), max_bytes=1000, total=60.0)
    assert (len(server.asked), len(other_address.asked)) == (2, 1)
    assert TOKEN not in str(other_address.last.headers)


def test_a_redirect_from_https_to_http_is_not_followed_even_on_this_machine(
    tls_server: WireServer, server: WireServer, certificate: Path, media: Media
) -> None:
    hosts = MediaHosts.of(["localhost", "127.0.0.1"], api_url="https://localhost", local=True)
    media = Media(media._transport, hosts)
    server.answers(says(b"RIFF"))
    tls_server.answers(redirects(f"{server.url}/a.mp3"))
    with closing(GuardedAdapter()) as adapter:
        adapter.tls.load_verify_locations(certificate)
        with pytest.raises(MediaRefusedError, match="from one that was https"):
            media._open(adapter, f"https://localhost:{tls_server.port}/a.mp3", time.monotonic() + 60.0, 1000)
    assert len(tls_server.asked) == 1
    assert server.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example\\@media.vobiz.ai/v1/a.mp3",
        "https://evil.example%5C@media.vobiz.ai/v1/a.mp3",
        "https://media.vobiz.ai\\@evil.example/v1/a.mp3",
        "https://user:word@media.vobiz.ai/v1/a.mp3",
        "https://@media.vobiz.ai/v1/a.mp3",
        "https:\\\\media.vobiz.ai/v1/a.mp3",
        "https://media.vobiz.ai\t.evil.example/v1/a.mp3",
        "https://media.vobiz.ai\n@evil.example/v1/a.mp3",
        "http://media.vobiz.ai/v1/a.mp3",
        "HTTP://media.vobiz.ai/v1/a.mp3",
    ],
)
def test_an_address_that_two_readers_read_in_two_ways_is_not_asked_nor_led_to(
    server: WireServer, url: str
) -> None:
    hosts = ["127.0.0.1", "media.vobiz.ai", "evil.example"]
    one_try = RetryPolicy(1, 20.0)
    with client_of(server.url, media_hosts=hosts, retry_policy=one_try) as client:
        with pytest.raises(MediaRefusedError):
            client.download(url, io.BytesIO())
        assert server.asked == []
        server.answers(redirects(url.replace("\n", "%0A")))
        with pytest.raises(MediaRefusedError):
            client.download(f"{server.url}/a.mp3", io.BytesIO())
    assert len(server.asked) == 1
