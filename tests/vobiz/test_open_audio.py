"""Audio as it comes, whole or a part, under the guards of a download."""

from __future__ import annotations

import pytest

from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import MediaRefusedError, NotFoundError, UnexpectedReplyError, UnreachableError
from recordings.vobiz.media import AudioStream
from tests.vobiz.conftest import TOKEN
from tests.vobiz.test_media import MEDIA_HOSTS, production_client
from tests.vobiz.wire_server import WireServer, redirects, says, sends

AUDIO = b"RIFF" + bytes(range(256)) * 1000
SIZE = len(AUDIO)


def part(start: int, stop: int, *, claims: str = "", body: bytes | None = None) -> bytes:
    said = claims or f"bytes {start}-{stop - 1}/{SIZE}"
    sent = AUDIO[start:stop] if body is None else body
    head = f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(sent)}\r\nContent-Range: {said}\r\n\r\n"
    return head.encode() + sent


def read(stream: AudioStream) -> bytes:
    try:
        return b"".join(stream.pieces)
    finally:
        stream.close()


def test_a_part_comes_with_where_it_begins_and_how_long_the_whole_is(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(sends(part(100, 300)))
    stream = client.open_audio(f"{server.url}/a.mp3", "bytes=100-299")
    assert (stream.start, stream.stop, stream.size, stream.unsatisfiable) == (100, 300, SIZE, False)
    assert read(stream) == AUDIO[100:300]
    assert server.last.headers["range"] == "bytes=100-299"
    assert server.last.headers["x-auth-token"] == TOKEN
    assert server.last.headers["accept-encoding"] == "identity"


def test_the_whole_is_asked_for_without_a_range(server: WireServer, client: VobizClient) -> None:
    server.answers(says(AUDIO))
    stream = client.open_audio(f"{server.url}/a.mp3")
    assert (stream.start, stream.stop, stream.size) == (0, SIZE, SIZE)
    assert read(stream) == AUDIO
    assert "range" not in server.last.headers


def test_a_server_without_ranges_gives_the_whole_and_says_so(server: WireServer, client: VobizClient) -> None:
    server.answers(says(AUDIO))
    stream = client.open_audio(f"{server.url}/a.mp3", "bytes=100-299")
    assert (stream.start, stream.stop, stream.size) == (0, SIZE, SIZE)
    assert read(stream) == AUDIO


def test_a_range_past_the_end_is_no_error(server: WireServer, client: VobizClient) -> None:
    server.answers(
        sends(f"HTTP/1.1 416 No\r\nContent-Length: 0\r\nContent-Range: bytes */{SIZE}\r\n\r\n".encode())
    )
    stream = client.open_audio(f"{server.url}/a.mp3", f"bytes={SIZE}-")
    assert (stream.unsatisfiable, stream.size) == (True, SIZE)
    assert read(stream) == b""


@pytest.mark.parametrize(
    "claims",
    [
        "bytes 100-299/*",
        "bytes 300-100/400",
        "bytes 0-400/300",
        "bytes 100-298/256004",
        "items 1-2/3",
        "bytes x-y/z",
    ],
)
def test_a_part_that_does_not_say_rightly_which_it_is_is_not_taken(
    server: WireServer, client: VobizClient, claims: str
) -> None:
    server.answers(sends(part(100, 300, claims=claims)))
    with pytest.raises(UnexpectedReplyError):
        client.open_audio(f"{server.url}/a.mp3", "bytes=100-299")


def test_a_part_that_was_not_asked_for_is_not_taken(server: WireServer, client: VobizClient) -> None:
    server.answers(sends(part(0, 300)))
    with pytest.raises(UnexpectedReplyError):
        client.open_audio(f"{server.url}/a.mp3")


def test_a_stream_that_breaks_off_says_so(server: WireServer, client: VobizClient) -> None:
    server.answers(sends(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", AUDIO[:300]))
    stream = client.open_audio(f"{server.url}/a.mp3")
    with pytest.raises(UnreachableError, match="broke off after"):
        read(stream)


def test_a_stream_without_a_length_is_cut_at_the_cap(server: WireServer, client: VobizClient) -> None:
    server.answers(sends(b"HTTP/1.1 200 OK\r\n\r\n", AUDIO * 20))
    stream = client.open_audio(f"{server.url}/a.mp3", max_bytes=100_000)
    assert stream.size is None
    with pytest.raises(UnexpectedReplyError, match="larger than 100000"):
        read(stream)


@pytest.mark.parametrize(
    "head", ["Content-Length: 200000\r\n", "Content-Length: 5\r\nContent-Encoding: br\r\n"]
)
def test_what_is_too_large_or_compressed_is_not_begun(
    server: WireServer, client: VobizClient, head: str
) -> None:
    server.answers(sends(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode(), b"abcde"))
    with pytest.raises(UnexpectedReplyError):
        client.open_audio(f"{server.url}/a.mp3", max_bytes=100_000)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/a.mp3",
        "https://evil.example\\@media.vobiz.ai/a.mp3",
        "https://user@media.vobiz.ai/a.mp3",
        "http://media.vobiz.ai/a.mp3",
        "https://media.vobiz.ai:8443/a.mp3",
        "file:///etc/passwd",
        "",
    ],
)
def test_no_address_is_asked_that_a_download_would_not_ask(url: str) -> None:
    with production_client(media_hosts=MEDIA_HOSTS) as client, pytest.raises(MediaRefusedError):
        client.open_audio(url, "bytes=0-99")


def test_a_redirect_to_another_host_is_not_followed_and_the_range_goes_along_to_a_listed_one(
    server: WireServer, client: VobizClient
) -> None:
    server.answers(redirects("https://evil.example/a.mp3"))
    with pytest.raises(MediaRefusedError):
        client.open_audio(f"{server.url}/a.mp3", "bytes=0-99")
    server.answers(redirects(f"{server.url}/b.mp3"), sends(part(0, 100)))
    stream = client.open_audio(f"{server.url}/a.mp3", "bytes=0-99")
    assert read(stream) == AUDIO[:100]
    assert (server.last.target, server.last.headers["range"]) == ("/b.mp3", "bytes=0-99")


def test_what_is_not_there_is_said_at_once(server: WireServer, client: VobizClient) -> None:
    server.answers(says({"error": "file not found"}, 404))
    with pytest.raises(NotFoundError):
        client.open_audio(f"{server.url}/a.mp3", "bytes=0-99")


def test_a_stream_closed_early_leaves_nothing_open(server: WireServer, client: VobizClient) -> None:
    server.answers(says(AUDIO))
    stream = client.open_audio(f"{server.url}/a.mp3")
    next(stream.pieces)
    stream.close()
    stream.close()
    assert list(stream.pieces) == []
