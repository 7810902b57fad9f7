"""Judges whether audio is complete or was cut short: what was decoded, against what the header or last packet says."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from recordings.audio.promises import COUNTED_HEADER, LONGEST_MS, WaveLayout, wave_layout, xing_frames
from recordings.audio.report import Audio
from recordings.audio.source import Source, Way

# Demuxers that take `duration` from the header, and do not work it out from the size of the file.
_HEADER_SAYS_LENGTH = {
    "mov", "matroska", "flac", "au", "aiff", "tta", "wv", "flv", "nut", "ape", "asf",
}  # fmt: skip
# by how much less than its header says may be decoded: the larger of these
SHORT_BY_MS, SHORT_BY_SHARE = 500, 100
# Frames that a Xing header may count too many: itself, and one that the encoder still held.
XING_EXTRA = 2
MPEG = ("mp1", "mp2", "mp3")
_FRAMES_OF_ONE_SIZE = (*MPEG, "ac3", "eac3", "dts", "gsm")
GSM_MARK = 0xD  # the first half byte of each frame of GSM


@dataclass(slots=True)
class Packets:
    """What passed on the way from the first packet to the last."""

    count: int = 0
    last: bytes = b""
    last_size: int = 0
    last_failed: bool = False
    sizes: Counter[int] = field(default_factory=Counter)
    rates: set[int] = field(default_factory=set)
    layouts: set[int] = field(default_factory=set)
    too_long: bool = False

    def ends_short(self) -> bool:
        """Return whether all packets have one size, but for a padding byte, and only the last is shorter."""
        others = self.sizes - Counter([self.last_size])
        return bool(others) and max(others) - min(others) <= 1 and self.last_size < min(others) - 1


def is_whole(
    container: Any, stream: Any, way: Way, first: Audio, milliseconds: int, packets: Packets
) -> bool:
    """Return whether what was promised came. Without a promise the last packet must be whole."""
    source = way.source
    if _begins_a_frame(first, packets.last) and (
        packets.last_failed or (first.container in _FRAMES_OF_ONE_SIZE and packets.ends_short())
    ):
        return False
    if first.container in ("wav", "w64"):
        layout = None if way.is_mended else wave_layout(source)
        return layout is None or _seems_whole(layout) or _outlasts(layout.promised, first)
    if first.container in MPEG:
        promised = xing_frames(source)
        return not promised or packets.count + XING_EXTRA >= promised or promised * 1_152 / 8 > LONGEST_MS
    if first.container in ("ogg", "opus", "spx"):
        return _ogg_ends_in_a_page(way.more[-1] if way.more else source)
    promised_ms = _promised_ms(container, stream, milliseconds, packets)
    if promised_ms is None or promised_ms > LONGEST_MS:
        return True
    return promised_ms - milliseconds <= max(SHORT_BY_MS, promised_ms // SHORT_BY_SHARE)


def _seems_whole(layout: WaveLayout) -> bool:
    """Return whether no more is missing than a recorder that counts a header among the audio promises too much."""
    return (layout.promised or 0) - layout.there <= min(max(1, layout.start), COUNTED_HEADER)


def _outlasts(promised: int | None, first: Audio) -> bool:
    """Return whether so many bytes would be longer than any recording, at one byte a sample."""
    rate = (first.sample_rate or 8_000) * (first.channels or 1)
    return promised is not None and promised / rate * 1_000 > LONGEST_MS


def _begins_a_frame(first: Audio, packet: bytes) -> bool:
    """Return whether a packet that could not be decoded was one once, and no text, tag or zeros after the audio."""
    if len(packet) < 2 or re.fullmatch(rb"[\t\r\n\x20-\x7e]{4}", packet):
        return False
    match first.container:
        case "mp1" | "mp2" | "mp3" | "aac":
            return packet[0] == 0xFF and packet[1] >= 0xE0
        case "amr" | "awb":
            return begins_amr(packet)
        case "ac3" | "eac3":
            return packet[:2] == b"\x0b\x77"
        case "latm":
            return packet[0] == 0x56 and packet[1] >> 5 == 7
        case "gsm":
            return packet[0] >> 4 == GSM_MARK
    return True


def begins_amr(packet: bytes) -> bool:
    """Return whether it may be a frame: the padding bits of its header are zero, and it is not all zeros."""
    return packet[0] & 0x83 == 0 and bool(packet.strip(b"\0"))


def _promised_ms(container: Any, stream: Any, milliseconds: int, packets: Packets) -> float | None:
    """Return the length that the header gives, unless the demuxer guessed it from the file size."""
    names = set(container.format.name.split(","))
    if "caf" in names and stream.frames:  # its frames are samples
        return float(stream.frames / (stream.codec_context.sample_rate or 8_000) * 1_000)
    if "avi" in names and stream.frames and packets.count:
        if stream.codec_context.codec.canonical_name.startswith("pcm_"):  # its frames are samples
            return float(stream.frames / (stream.codec_context.sample_rate or 8_000) * 1_000)
        return float(milliseconds * stream.frames / packets.count)
    if not names & _HEADER_SAYS_LENGTH:
        return None
    if stream.duration:
        return float(stream.duration * stream.time_base) * 1_000
    return container.duration / 1_000 if container.duration else None


def _ogg_ends_in_a_page(source: Source) -> bool:
    """Return whether the last page of an Ogg file is whole."""
    at = max(0, source.size - 2 * 65_307)  # no page is longer
    tail = source.read_at(at, source.size - at)
    page = tail.rfind(b"OggS\0")
    head = tail[page : page + 27]
    if page < 0 or len(head) < 27:
        return False
    lengths = tail[page + 27 : page + 27 + head[26]]
    return len(lengths) == head[26] and page + 27 + head[26] + sum(lengths) <= len(tail)
