"""Files that mean harm: that name others, that lie about themselves, and fifty mutants each of ten honest ones."""

from __future__ import annotations

import random
import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import av
import pytest

from recordings.audio import NotConvertedError, Verdict
from recordings.audio.decoding import OPTIONS, refuse_to_open
from recordings.audio.formats import DEMUXERS
from recordings.audio.reader import POOL
from recordings.audio.source import Source
from tests.audio.making import CASES, KINDS, converted, encoded, look, pcm, wav

FUZZED = [
    ("wav", 0), ("mp3", 11), ("ogg", 14), ("flac", 16), ("aac", 17), ("m4a", 19), ("mka", 23), ("amr", 25),
    ("caf", 28), ("ts", 29),
]  # fmt: skip
VARIANTS = 50
MEMORY = 400 * 1024  # kB that a reader may hold at any time


class Listener:
    """A loopback server that remembers who asked."""

    def __init__(self, body: bytes) -> None:
        asked: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: object) -> None: ...

        self.asked = asked
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener(wav(pcm()))
    yield one
    one.server.shutdown()
    one.server.server_close()


@pytest.fixture
def local(tmp_path: Path) -> Path:
    path = tmp_path / "secret.wav"
    path.write_bytes(wav(pcm()))
    return path


def atom(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", len(body) + 8) + kind + body


def with_external_data(url: bytes) -> bytes:
    """An MP4 whose samples lie in another file: `dref` names it, and is not marked as this file."""
    whole = encoded(KINDS[22])  # QuickTime
    return (
        whole.replace(b"url \x00\x00\x00\x01", b"url \x00\x00\x00\x00" + url, 1)
        if b"url " in whole
        else whole
    )


def naming(url: str) -> list[bytes]:
    """Files that name another, of every kind that FFmpeg would follow."""
    tag = f"#EXTM3U\n#EXT-X-TARGETDURATION:6\n#EXTINF:6,\n{url}\n#EXT-X-ENDLIST\n"
    return [
        f"ffconcat version 1.0\nfile '{url}'\n".encode(),
        f"ffconcat version 1.0\noption safe 0\nfile '{url}'\n".encode() * 3,
        tag.encode(),
        b"\xff\xfb\x90\x64" + tag.encode(),
        f"v=0\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 5004 RTP/AVP 0\na=control:{url}\n".encode(),
        f'<?xml version="1.0"?><MPD><Period><BaseURL>{url}</BaseURL></Period></MPD>'.encode(),
        f"<smil><body><audio src='{url}'/></body></smil>".encode(),
        f"[playlist]\nFile1={url}\nNumberOfEntries=1\n".encode(),
        b"ID3\x04\0\0\0\0\0\0" + tag.encode(),
        bytes(3) + tag.encode(),
    ]


@pytest.mark.parametrize("kind", range(10))
def test_a_file_that_names_another_leads_nowhere(kind: int, listener: Listener, local: Path) -> None:
    for url in (str(local), f"file:{local}", f"{listener.url}/a.wav", f"tcp://{listener.url[7:]}"):
        body = naming(url)[kind]
        assert look(body).verdict != Verdict.AUDIO
        with pytest.raises(NotConvertedError):
            converted(body, "mp3")
    assert listener.asked == []


def test_an_mp4_with_external_data_is_not_followed(listener: Listener, local: Path) -> None:
    for url in (f"file://{local}".encode(), f"{listener.url}/a.wav".encode()):
        body = with_external_data(url)
        assert url in body
        look(body)
    assert listener.asked == []


@pytest.mark.parametrize("name", ["concat", "hls", "sdp", "rtsp", "image2", "dash", "lavfi", "tedcaptions"])
def test_only_formats_that_hold_their_own_audio_are_listed(name: str) -> None:
    assert name not in DEMUXERS


def test_the_library_itself_refuses_what_is_not_listed(listener: Listener, local: Path) -> None:
    """Without the rules on documents before it, as in a reader that was asked all the same."""
    for body in naming(f"{listener.url}/a.wav")[:3] + naming(str(local))[:3]:
        with tempfile.TemporaryFile(buffering=0) as file:
            file.write(body)
            with pytest.raises(av.FFmpegError):
                av.open(Source(file.fileno()), options=OPTIONS, io_open=refuse_to_open)
    assert listener.asked == []


def mutants(body: bytes, seed: int) -> Iterator[bytes]:
    """Flipped bytes, cuts, repeats, and lies in the header: small and the same at every run."""
    chance = random.Random(seed)
    for number in range(VARIANTS):
        found = bytearray(body)
        for _ in range(chance.choice((1, 3, 20, 200))):
            at = chance.randrange(min(len(found), 200 if number % 2 else len(found)))
            found[at] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))
        if number % 5 == 1:
            del found[chance.randrange(len(found)) :]
        elif number % 5 == 2:
            at = chance.randrange(len(found))
            found[at:at] = found[: chance.randrange(2_000)]
        elif number % 5 == 3:
            at = chance.randrange(len(found))
            del found[at : at + chance.randrange(2_000)]
        yield bytes(found)


@pytest.mark.parametrize(("container", "kind"), FUZZED)
def test_no_mutant_brings_a_worker_down_and_each_ends_with_a_reason(container: str, kind: int) -> None:
    assert KINDS[kind].container in (container, "opus")
    for number, body in enumerate(mutants(encoded(KINDS[kind])[:60_000], seed=kind)):
        found = look(body)
        assert found.verdict == Verdict.AUDIO or found.reason is not None, number
        if found.audio is not None and found.audio.duration_ms is not None:
            assert 0 <= found.audio.duration_ms < 60_000_000
    with POOL.reader() as reader:
        status = Path(f"/proc/{reader.pid}/status").read_text()
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert peak < MEMORY


def test_a_converted_copy_of_a_mutant_is_made_or_refused() -> None:
    for body in list(mutants((CASES / "w06-gsm610.wav").read_bytes(), seed=99))[:10]:
        with suppress(NotConvertedError):
            assert look(converted(body, "mp3")).audio is not None
