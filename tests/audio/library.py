"""A hundred and fifty files of our own making, as the field sends them: audio of every kind, and what is none.

Each audio file is six seconds with one tone between 4.2 and 4.8 s, so that the moment at three quarters is loud and
others are silent.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

import numpy as np

from tests.audio.making import KINDS, RATE, Kind, encoded, pcm, wav

SECONDS = 6.0
LOUD = 4.2, 4.8  # seconds
OTHER_SHAPES = [
    Kind("wav", "pcm_s16le", "wav", "pcm_s16le", 16_000), Kind("wav", "pcm_s16le", "wav", "pcm_s16le", 48_000, 2),
    Kind("wav", "pcm_s16le", "wav", "pcm_s16le", 11_025), Kind("wav", "pcm_s32le", "wav", "pcm_s32le"),
    Kind("wav", "pcm_f64le", "wav", "pcm_f64le"), Kind("wav", "pcm_mulaw", "wav", "pcm_mulaw", 8_000, 2),
    Kind("wav", "pcm_alaw", "wav", "pcm_alaw", 8_000, 2), Kind("wav", "adpcm_ms", "wav", "adpcm_ms", 8_000, 2),
    Kind("wav", "adpcm_ima_wav", "wav", "adpcm_ima_wav", 16_000, 2), Kind("wav", "libmp3lame", "wav", "mp3", 16_000),
    Kind("w64", "pcm_mulaw", "w64", "pcm_mulaw"), Kind("w64", "pcm_s24le", "w64", "pcm_s24le", 16_000, 2),
    Kind("mp3", "libmp3lame", "mp3", "mp3", 16_000), Kind("mp3", "libmp3lame", "mp3", "mp3", 22_050, 2),
    Kind("mp3", "libmp3lame", "mp3", "mp3", 48_000), Kind("mp3", "libmp3lame", "mp3", "mp3", 11_025),
    Kind("mp2", "mp2", "mp2", "mp2", 48_000, 2), Kind("mp2", "mp2", "mp2", "mp2", 24_000),
    Kind("ogg", "libopus", "opus", "opus", 48_000, 2), Kind("ogg", "libopus", "opus", "opus", 16_000),
    Kind("ogg", "flac", "ogg", "flac", 48_000, 2), Kind("wav", "pcm_f32le", "wav", "pcm_f32le", 16_000, 2),
    Kind("mov", "pcm_s24le", "mov", "pcm_s24le", 16_000), Kind("tta", "tta", "tta", "tta", 16_000, 2),
    Kind("flac", "flac", "flac", "flac", 48_000, 2), Kind("adts", "aac", "aac", "aac", 44_100, 2),
    Kind("ipod", "aac", "m4a", "aac", 44_100, 2), Kind("mp4", "aac", "m4a", "aac", 8_000),
    Kind("mp4", "libmp3lame", "m4a", "mp3", 16_000), Kind("mp4", "libopus", "m4a", "opus", 48_000),
    Kind("mp4", "flac", "m4a", "flac", 16_000), Kind("3gp", "libopencore_amrnb", "3gp", "amr_nb"),
    Kind("3g2", "aac", "3gp", "aac", 16_000), Kind("mov", "aac", "mov", "aac", 16_000),
    Kind("mov", "adpcm_ima_qt", "mov", "adpcm_ima_qt"), Kind("matroska", "aac", "mka", "aac", 16_000),
    Kind("matroska", "libmp3lame", "mka", "mp3", 16_000), Kind("matroska", "flac", "mka", "flac"),
    Kind("matroska", "libopus", "mka", "opus", 48_000), Kind("webm", "libopus", "webm", "opus", 48_000, 2),
    Kind("au", "pcm_s16be", "au", "pcm_s16be"), Kind("au", "pcm_alaw", "au", "pcm_alaw"),
    Kind("aiff", "pcm_s24be", "aiff", "pcm_s24be", 16_000), Kind("aiff", "pcm_mulaw", "aiff", "pcm_mulaw"),
    Kind("caf", "pcm_s16be", "caf", "pcm_s16be"), Kind("caf", "pcm_alaw", "caf", "pcm_alaw"),
    Kind("caf", "alac", "caf", "alac", 16_000), Kind("mpegts", "mp2", "ts", "mp2", 48_000),
    Kind("mpegts", "libmp3lame", "ts", "mp3", 44_100), Kind("avi", "pcm_s16le", "avi", "pcm_s16le"),
    Kind("asf", "libmp3lame", "wma", "mp3", 44_100), Kind("asf", "pcm_s16le", "wma", "pcm_s16le"),
    Kind("voc", "pcm_s16le", "voc", "pcm_s16le", 16_000), Kind("ircam", "pcm_mulaw", "ircam", "pcm_mulaw"),
    Kind("flv", "aac", "flv", "aac", 44_100), Kind("nut", "flac", "nut", "flac", 44_100),
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class File:
    """A file that is served as a recording's media. `seconds` are None where it is no audio.

    `given` may be what makes the bytes: every run of the suite names all files, and few of its workers encode them.
    """

    name: str
    given: bytes | Callable[[], bytes]
    seconds: float | None = SECONDS

    @property
    def body(self) -> bytes:
        return self.given if isinstance(self.given, bytes) else self.given()


@cache
def burst(rate: int = RATE, channels: int = 1) -> np.ndarray:
    """Return silence with one loud moment, as samples × channels."""
    at = np.arange(int(SECONDS * rate)) / rate
    samples = 0.8 * np.sin(2 * np.pi * 440 * at) * ((at >= LOUD[0]) & (at < LOUD[1]))
    return np.repeat(samples[:, None], channels, axis=1)


@cache
def made(kind: Kind) -> bytes:
    """Return a file of a kind with the burst in it."""
    return encoded(kind, burst(kind.rate, kind.channels))


def of_kinds() -> Iterator[File]:
    """Yield one file for each container, codec and shape."""
    for kind in (*KINDS, *OTHER_SHAPES):
        name = f"{kind.container}, {kind.codec}, {kind.rate} Hz, {kind.channels} ch"
        yield File(name, partial(made, kind))


def without_size(body: bytes) -> bytes:
    """Return an AU, AIFF or Wave64 file as a recorder leaves it that never came to write the sizes."""
    zeros = bytes(4)
    if body[:4] == b".snd":
        return body[:8] + zeros + body[12:]
    if body[:4] == b"FORM":
        at, frames = body.find(b"SSND") + 4, body.find(b"COMM") + 10
        return body[:4] + zeros + body[8:frames] + zeros + body[frames + 4 : at] + zeros + body[at + 4 :]
    return body[:16] + bytes(8) + body[24:]


def of_odd_headers() -> Iterator[File]:
    """Yield WAV files as recorders, pipes and hosts spoil them."""
    data = pcm(burst()[:, 0])
    for promised in (0, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFF00, 0xFFFFFFFF, 2_000_000_000):
        yield File(f"wav promising {promised:#x}", wav(data, promised=promised))
    for rate in (0, 1, 8_000, 32_000):
        yield File(f"wav of {rate} bytes a second", wav(data, byte_rate=rate))
    for more in (4, 36, 44):
        yield File(f"wav that counts {more} bytes of its header", wav(data, promised=len(data) + more))
    for less in (36, 16_000, 48_000):
        yield File(f"wav left at {less} bytes", wav(data, promised=less))
    yield File(
        "wav of two data chunks",
        wav(data[:48_000], after=b"data" + struct.pack("<I", 48_000) + data[48_000:]),
    )
    said = b"<BWFXML><NOTE>fmt and data of a call.</NOTE></BWFXML>"
    text = b"iXML" + struct.pack("<I", len(said)) + said
    yield File("wav, odd text that says data, without padding", wav(data, before=text))
    for kind in ("au", "aiff", "w64"):
        yield File(f"{kind} of size 0", partial(changed, without_size, of_container(kind)))
    listed = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + struct.pack("<I", 14) + b"Lavf60.16.100\0"
    yield File("wav, LIST before", wav(data, before=listed))
    yield File("wav, LIST after", wav(data, after=listed))
    yield File("wav, JUNK before", wav(data, before=b"JUNK" + struct.pack("<I", 28) + bytes(28)))
    odd = b"note" + struct.pack("<I", 5) + b"hello"
    yield File("wav, odd chunk without padding", wav(data, before=odd))
    yield File("wav, odd chunk with padding", wav(data, before=odd + b"\0"))
    for label, before in (("byte order mark", b"\xef\xbb\xbf"), ("newline", b"\r\n"), ("zeros", bytes(7))):
        yield File(f"wav after a {label}", before + wav(data))
    yield File("wav, newline after", wav(data) + b"\r\n")
    yield File("wav, comment after", wav(data) + b"<!-- served in 3 ms -->")
    yield File("wav as gzip", gzip.compress(wav(data)))


def of_streams() -> Iterator[File]:
    """Yield MP3 and AAC as streams, tags and joins leave them."""
    wide, telephony = Kind("mp3", "libmp3lame", "mp3", "mp3", 16_000), Kind("mp3", "libmp3lame", "mp3", "mp3")
    whole, aac = partial(made, wide), partial(made, Kind("adts", "aac", "aac", "aac", 16_000))
    tag = b"ID3\x03\0\0" + bytes((0, 0, 1, 0)) + b"TIT2" + struct.pack(">I", 7) + b"\0\0\0a call" + bytes(111)
    yield File("mp3 after an ID3 tag", partial(changed, lambda mp3: tag + mp3, whole))
    for label, after in (
        ("an ID3v1 tag", b"TAG" + b"call".ljust(125, b"\0")),
        ("text", b"\n<!-- end -->\n"),
        ("junk", bytes(range(97, 123)) * 100),
        ("zeros", bytes(3_000)),
    ):
        yield File(f"mp3 before {label}", partial(before, after, whole))
    yield File("mp3 as gzip", partial(changed, gzip.compress, whole))
    yield File(
        "mp3 from mid-frame", partial(changed, lambda mp3: mp3[mp3.find(b"\xff\xf3", 200) + 90 :], whole)
    )
    variable = {"compression_level": "2", "q": "4"}
    yield File("mp3 of variable rate", lambda: encoded(telephony, burst(), options=variable))
    quiet = np.zeros((int(3 * RATE), 1))
    for label, kind in (("parts", telephony), ("rates", wide)):
        yield File(
            f"mp3 of two {label}",
            partial(joined, (telephony, quiet), (kind, burst(kind.rate)[3 * kind.rate :])),
        )
    for label, after in (("a newline", b"\r\n"), ("a comment", b"<!-- served -->"), ("zeros", bytes(3_000))):
        yield File(f"amr before {label}", partial(before, after, of_container("amr")))
    yield File("wav of two joined files", wav(pcm(burst()[:24_000, 0])) + wav(pcm(burst()[24_000:, 0])))
    junk = b"HTTP/1.1 200 OK\r\nContent-Type: audio/x\r\n\r\n"
    for container in ("m4a", "mka", "wv", "tta", "voc", "sox", "ircam", "flv", "w64", "au", "caf"):
        found = of_container(container)
        yield File(f"{container} after a header", partial(changed, lambda body: junk + body, found))
    yield File("aac after an ID3 tag", partial(changed, lambda body: tag + body, aac))


def of_container(container: str) -> Callable[[], bytes]:
    """Return what makes the first kind of this container."""
    return partial(made, next(one for one in KINDS if one.container == container))


def changed(change: Callable[[bytes], bytes], whole: Callable[[], bytes]) -> bytes:
    """Return a file that is not as it was made."""
    return change(whole())


def before(what: bytes, whole: Callable[[], bytes]) -> bytes:
    """Return a file with something after it."""
    return whole() + what


def joined(*parts: tuple[Kind, np.ndarray]) -> bytes:
    """Return files of several kinds, one after the other."""
    return b"".join(encoded(kind, samples) for kind, samples in parts)


def of_no_audio() -> Iterator[File]:
    """Yield documents, archives, pictures, texts and remains: none is a recording."""
    sound, mp3 = wav(pcm(burst()[:, 0])), made(KINDS[11])
    packed, tarred = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("call.mp3", mp3)
    with tarfile.open(fileobj=tarred, mode="w") as tar:
        entry = tarfile.TarInfo("call.wav")
        entry.size = len(sound)
        tar.addfile(entry, io.BytesIO(sound))
    page = b"<!doctype html><html><head><title>Sign in</title></head><body>" + b"<p>Session expired</p>" * 40
    texts = {
        "ZIP": packed.getvalue(), "tar": tarred.getvalue(), "bzip2": bz2.compress(sound), "xz": lzma.compress(sound),
        "PDF": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n" * 30, "RTF": b"{\\rtf1\\ansi a call}" * 30,
        "page": page, "page as gzip": gzip.compress(page), "page after a WAV header": sound[:44] + page,
        "page after a frame sync": b"\xff\xfb\x90\x64" + page, "page after a tag": b"ID3\x03\0\0\0\0\0\0" + page,
        "error of a bucket": b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>',
        "JSON": b'{"error": "recording not found", "code": 404}' * 4, "plain words": b"Not ready yet, try again.\n" * 9,
        "words in Hindi": "रिकॉर्डिंग नहीं मिली। ".encode() * 20, "words in UTF-16": ("not found " * 30).encode("utf-16"),
        "playlist": b"#EXTM3U\n#EXTINF:6,\nhttp://127.0.0.1/a.ts\n" * 4,
        "ffconcat": b"ffconcat version 1.0\nfile '/etc/hostname'\n", "SDP": b"v=0\ns=x\nm=audio 5004 RTP/AVP 0\n" * 5,
        "captions": b"WEBVTT\n\n00:00.000 --> 00:06.000\nhello\n" * 4, "base64": b"UklGRiR3AQBXQVZF" * 100,
        "trace": b"Traceback (most recent call last):\n  File \"a.py\", line 1\n" * 5,
        "PNG": b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "JPEG": b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8,
        "GIF": b"GIF89a" + bytes(range(256)) * 8, "WebP": b"RIFF\x00\x10\x00\x00WEBPVP8 " + bytes(range(256)) * 16,
        "program": b"\x7fELF\x02\x01\x01" + bytes(range(256)) * 8, "database": b"SQLite format 3\0" + bytes(4_000),
        "old tar": old_tar(mp3), "ar": b"!<arch>\n" + mp3, "cabinet": b"MSCF\0\0\0\0" + mp3,
        "self-extracting": b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0" + packed.getvalue(),
        "HEIC": b"\0\0\0\x18ftypheic" + bytes(range(256)) * 8, "AVIF": b"\0\0\0\x18ftypavif" + bytes(range(256)) * 8,
        "MIDI": b"MThd\0\0\0\6" + bytes(range(256)) * 8, "font": b"wOF2" + bytes(range(256)) * 8,
        "words in Latin-1": "Fichier supprimé, réessayez plus tard. ".encode("latin-1") * 9,
        "page in UTF-16 without a mark": page.decode().encode("utf-16-le"),
        "page in UTF-32": page.decode().encode("utf-32"),
        "nothing": b"", "a WAV header": sound[:44], "an empty MP4": b"\0\0\0\x18ftypisom\0\0\2\0isommp41",
        "a tag alone": b"ID3\x03\0\0\0\0\0\0", "one byte": b"\xff", "a frame sync": b"\xff\xfb\x90\x64",
        "RIFF cut": sound[:20], "Ogg cut": b"OggS\0\2" + bytes(10),
    }  # fmt: skip
    for name, body in texts.items():
        yield File(name, body, None)


def old_tar(body: bytes) -> bytes:
    """Return a tar archive as before POSIX: no word in it says what it is."""
    head = bytearray(
        b"call.mp3".ljust(100, b"\0") + b"0000644\0" * 3 + b"%011o\0" % len(body) + b"%011o\0" % 0
    )
    head += b" " * 8 + bytes(512 - 156)
    head[148:156] = b"%06o\0 " % sum(head)
    return bytes(head) + body


def every_file() -> list[File]:
    """Return all of them, in an order that stays."""
    return [*of_kinds(), *of_odd_headers(), *of_streams(), *of_no_audio()]
