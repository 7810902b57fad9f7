"""How much audio a file's header promises. FFmpeg keeps some of this to itself: it corrects a size before it tells it.

A promise is only evidence that a file was cut. Recorders that stream leave a placeholder there, and those are ignored.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from recordings.audio.source import Source

BLOCK = 256 * 1024  # bytes
OGG_PAGE = 27 + 255  # bytes of its header, at most
_AMR = (b"#!AMR\n", b"#!AMR-WB\n")
_OGG_BEGINS = re.compile(rb"OggS\0[\2\3\6\7]")  # the first page of a stream
MAX_CHUNKS = 1_000  # a header has a handful
HEADER_WITHIN = 256 * 1024  # bytes in which a lost `data` chunk is looked for
# From here on a size is a placeholder of a recorder that did not know it: 0x7FFFF000, 2,000,000,000, 0x80000000 …
PLACEHOLDER_BYTES = 0x7000_0000
LONGEST_MS = 24 * 3_600_000  # no recording is longer: the time limit of a start is eight hours
COUNTED_HEADER = 1024  # bytes of a header that a recorder may have counted among the audio
# What follows the audio is no more of it below these: a part of it, and bytes
LITTLE_SHARE, LITTLE_BYTES = 50, 4 * 1024
HIGHEST_RATE = 768_000
_LINEAR_TAGS = (1, 3, 6, 7, 0xFFFE)  # PCM and G.711, which go on byte for byte

RIFF_KINDS = (b"RIFF", b"RIFX", b"RF64", b"BW64")
_W64_RIFF = b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00"
_W64_DATA = b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a"
_XING = re.compile(rb"(?:Xing|Info)(....)(....)|VBRI.{10}(....)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class WaveLayout:
    """Where a WAV file's audio is. `promised` bytes: None where the header has a placeholder.

    `regular`: every size in the header is right, so that each player finds the same audio.
    """

    start: int
    promised: int | None
    there: int
    regular: bool


def is_sane(size: int) -> bool:
    """Return whether a recorder can have meant this many bytes."""
    return 0 < size < PLACEHOLDER_BYTES


def wave_layout(source: Source) -> WaveLayout | None:
    """Return the layout of a RIFF, RIFX, RF64, BW64 or Wave64 file; None for another, or without a `data` chunk."""
    head = source.read_at(0, 40)
    if head[:4] in RIFF_KINDS and head[8:12] == b"WAVE":
        return _riff_layout(source, ">" if head[:4] == b"RIFX" else "<")
    if head[:16] == _W64_RIFF:
        return _w64_layout(source)
    return None


def _riff_layout(source: Source, order: str) -> WaveLayout | None:
    at, form, long_size = 12, b"", None
    for _ in range(MAX_CHUNKS):
        head = source.read_at(at, 8)
        if len(head) < 8:
            return None
        kind, size = head[:4], struct.unpack(f"{order}I", head[4:])[0]
        at += 8
        if kind == b"fmt ":
            form = source.read_at(at, 16)
        elif kind == b"ds64":
            body = source.read_at(at, 16)
            long_size = struct.unpack("<Q", body[8:16])[0] if len(body) == 16 else None
        elif kind == b"data":
            promised = long_size if size == 0xFFFF_FFFF and long_size is not None else size
            there = max(0, source.size - at)
            sane = is_sane(promised)
            # after the audio other chunks may follow
            regular = (
                source.read_at(0, 4) == b"RIFF" and sane and promised <= there and _is_consistent(form, order)
            )
            return WaveLayout(at, promised if sane else None, there, regular)
        at += size + size % 2
    return None


def _is_consistent(form: bytes, order: str) -> bool:
    """Whether `fmt` came before the audio and its bytes per second are those of its blocks."""
    if len(form) < 16:
        return False
    tag, _channels, rate, byte_rate, block, _bits = struct.unpack(f"{order}HHIIHH", form)
    return tag not in (1, 3, 6, 7) or byte_rate == rate * block


def _w64_layout(source: Source) -> WaveLayout | None:
    at = 40
    for _ in range(MAX_CHUNKS):
        head = source.read_at(at, 24)
        if len(head) < 24:
            return None
        size = struct.unpack("<Q", head[16:])[0]
        if head[:16] == _W64_DATA:
            promised, there = max(0, size - 24), max(0, source.size - at - 24)
            sane = is_sane(promised)
            return WaveLayout(at + 24, promised if sane else None, there, sane and promised <= there)
        at += max(24, size + -size % 8)
    return None


def mended_wave(descriptor: int, source: Source) -> Source | None:
    """Return a WAV file with a header of ours, where the chunks of its own do not lead to `fmt` and `data`.

    An odd chunk without its padding, or a wrong size, hides the audio from every reader that goes from chunk to chunk.
    """
    head = source.read_at(0, HEADER_WITHIN)
    if head[:4] not in (b"RIFF", b"RF64", b"BW64") or head[8:12] != b"WAVE":
        return None
    form = next(filter(None, (_form_at(head, at) for at in _all(head, b"fmt "))), None)
    starts = [at + 8 for at in _all(head, b"data")]
    if form is None or not starts:
        return None
    # a text in another chunk may say `data`: the size tells which is meant, or that it was not known
    start = next(
        (at for at in starts if abs(_size_before(head, at) - source.size + at) <= COUNTED_HEADER), None
    )
    start = start or next((at for at in starts if not is_sane(_size_before(head, at))), starts[0])
    return _with_header(descriptor, source, form, start)


def longer_wave(descriptor: int, source: Source) -> Source | None:
    """Return a WAV file with a header of ours, where its own tells much less audio than is there; else None.

    Recorders that died left the size as of an earlier moment, and files were joined. What follows the audio is taken
    for more of it where it is no chunk, or is a file of the same form, and is longer than what anyone appends.
    """
    head, layout = source.read_at(0, HEADER_WITHIN), wave_layout(source)
    if layout is None or layout.promised is None or head[:4] != b"RIFF":
        return None
    end = layout.start + layout.promised + layout.promised % 2
    rest, form = (
        source.size - end,
        next(filter(None, (_form_at(head, at) for at in _all(head, b"fmt "))), None),
    )
    if form is None or struct.unpack("<H", form[8:10])[0] not in _LINEAR_TAGS:
        return None
    if rest < max(struct.unpack("<I", form[16:20])[0], layout.promised // LITTLE_SHARE, LITTLE_BYTES):
        return None
    after = source.read_at(end, HEADER_WITHIN)
    if after[:4] == b"RIFF" and after[8:12] == b"WAVE":
        is_more = form in after[:1024]
    elif after[:4].isalnum() and after[:4].isascii():
        is_more = after[:4] == b"data"
    else:
        is_more = bool(after.strip(b"\0"))
    return _with_header(descriptor, source, form, layout.start) if is_more else None


def joined_parts(descriptor: int, source: Source) -> list[Source]:
    """Return each of the AMR files, or chained Ogg files, that one file is made of; none where it is one alone.

    FFmpeg takes the header of a second AMR file for sound, and ends at an Ogg file of other channels, rate or codec.
    """
    head = source.read_at(0, 16)
    if magic := next(filter(head.startswith, _AMR), None):
        found = _places(source, re.compile(re.escape(magic)))
    elif head.startswith(b"OggS\0"):
        found = _chained(source)
    else:
        return []
    starts = list(islice(found, MAX_CHUNKS))
    if len(starts) < 2:
        return []
    ends = [*starts[1:], source.size]
    return [Source(descriptor, start=at, end=end) for at, end in zip(starts, ends, strict=True)]


def _places(source: Source, pattern: re.Pattern[bytes]) -> Iterator[int]:
    """Yield where matches of at most 16 bytes begin in a file."""
    after = 0
    for at in range(0, source.size, BLOCK):
        for match in pattern.finditer(source.read_at(at, BLOCK + 15)):
            if after <= at + match.start() < at + BLOCK:
                yield at + match.start()
                after = at + match.end()


def _chained(source: Source) -> Iterator[int]:
    """Yield where a chain of Ogg files has another; the streams within each begin with pages one behind the other."""
    expected = -1
    for at in _places(source, _OGG_BEGINS):
        if at != expected:
            yield at
        page = source.read_at(at, OGG_PAGE)
        lengths = page[27 : 27 + page[26]] if len(page) > 26 else b""
        expected = at + 27 + len(lengths) + sum(lengths)


def without_padding(descriptor: int, source: Source) -> Source | None:
    """Return an AU file without the zeros behind the audio that its header tells of; None for another."""
    head = source.read_at(0, 12)
    start, promised = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:12], "big")
    end = start + promised
    if head[:4] != b".snd" or start < 24 or not is_sane(promised) or end >= source.size:
        return None
    if any(any(source.read_at(at, BLOCK)) for at in range(end, source.size, BLOCK)):
        return None
    return Source(descriptor, end=end)


def mended_size(descriptor: int, source: Source) -> Source | None:
    """Return an AU, AIFF or Wave64 file with the sizes that its recorder left 0; None for another."""
    head = source.read_at(0, 4 * 1024)
    if head[:4] == b".snd" and len(head) >= 24 and head[8:12] == bytes(4):
        start = int.from_bytes(head[4:8], "big")
        if 24 <= start <= len(head):
            return Source(descriptor, start=start, header=head[:8] + b"\xff" * 4 + head[12:start])
    if head[:16] == _W64_RIFF and head[16:24] == bytes(8):
        return Source(descriptor, start=24, header=head[:16] + struct.pack("<Q", source.size))
    if head[:4] == b"FORM" and head[8:11] == b"AIF":
        return _mended_aiff(descriptor, source, head)
    return None


def _mended_aiff(descriptor: int, source: Source, head: bytes) -> Source | None:
    common, sound = head.find(b"COMM", 12), head.find(b"SSND", 12)
    start, header = sound + 16, bytearray(head[: sound + 16])
    if (
        not 0 < common < sound
        or len(header) < start
        or all(map(any, (header[4:8], header[sound + 4 : sound + 8])))
    ):
        return None
    channels, bits = (int.from_bytes(head[common + at : common + at + 2], "big") for at in (8, 14))
    header[4:8] = min(source.size - 8, 2**32 - 1).to_bytes(4, "big")
    if not any(header[sound + 4 : sound + 8]):
        length = min(source.size - start, PLACEHOLDER_BYTES)
        header[common + 10 : common + 14] = (length // max(1, channels * -(-bits // 8))).to_bytes(4, "big")
        header[sound + 4 : sound + 8] = (length + 8).to_bytes(4, "big")
    return Source(descriptor, start=start, header=bytes(header))


def _with_header(descriptor: int, source: Source, form: bytes, start: int) -> Source | None:
    length = min(source.size - start, PLACEHOLDER_BYTES)
    if length <= 0:
        return None
    body = b"WAVE" + form + b"data" + struct.pack("<I", length)
    return Source(descriptor, start=start, header=b"RIFF" + struct.pack("<I", len(body) + length) + body)


def _form_at(head: bytes, at: int) -> bytes | None:
    """Return the `fmt` chunk that begins here, None where it cannot be one."""
    size = _size_before(head, at + 8)
    form = head[at : at + 8 + size + size % 2]
    if not 16 <= size <= 1024 or len(form) < 8 + size:
        return None
    channels, rate = struct.unpack("<HI", form[10:16])
    return form if 0 < channels <= 64 and 0 < rate <= HIGHEST_RATE else None


def _size_before(head: bytes, at: int) -> int:
    return int.from_bytes(head[at - 4 : at], "little")


def _all(head: bytes, name: bytes) -> list[int]:
    return [match.start() for match in islice(re.compile(re.escape(name)).finditer(head, 12), MAX_CHUNKS)]


def xing_frames(source: Source) -> int | None:
    """Return how many frames an MP3's Xing, Info or VBRI header promises; None without one, 0 where it says nothing."""
    found = _XING.search(_before_second_frame(source))
    if found is None:
        return None
    if found[3] is not None:
        return int.from_bytes(found[3], "big")
    flags, frames = int.from_bytes(found[1], "big"), int.from_bytes(found[2], "big")
    return frames if flags & 1 else 0


def _before_second_frame(source: Source) -> bytes:
    """Return the beginning of an MP3 after its tag: a Xing header is in its first frame."""
    head = source.read_at(0, 10)
    start = 0
    if head[:3] == b"ID3" and len(head) == 10 and max(head[6:10]) < 0x80:
        start = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
    return source.read_at(start, 2_048)
