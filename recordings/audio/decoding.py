"""Decoding a file from its first sample to its last, only ever in a reader process: hostile bytes are read in C."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import av
from av.audio.fifo import AudioFifo
from av.error import FFmpegError

from recordings.audio.completeness import GSM_MARK, Packets, begins_amr, is_whole
from recordings.audio.formats import DEMUXERS, container_of
from recordings.audio.measuring import BATCH, Meter
from recordings.audio.promises import (
    LONGEST_MS,
    joined_parts,
    longer_wave,
    mended_size,
    mended_wave,
    wave_layout,
    without_padding,
    xing_frames,
)
from recordings.audio.report import Audio, Reason
from recordings.audio.source import Source, Way

OPTIONS = {
    "format_whitelist": ",".join(DEMUXERS),
    "protocol_whitelist": "",  # nothing can be opened by name, whatever a file asks for
    "max_size": "65536",  # bytes of a PCM packet: fewer packets, less time in Python
}
# bytes in which a known signature is looked for where nothing is found at the beginning
JUNK_BEFORE = 4 * 1024
_SIGNATURES = (
    b"RIFF", b"RIFX", b"RF64", b"BW64", b"riff\x2e\x91\xcf\x11", b"OggS", b"fLaC", b"ID3", b"#!AMR", b".snd", b"FORM",
    b"caff", b"\x1a\x45\xdf\xa3", b"wvpk", b"TTA1", b"Creative Voice File\x1a", b".SoX", b"XoS.", b"FLV\1", b"MAC ",
    b"NIST_1A\n", b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"\x64\xa3\1\0", b"\x64\xa3\2\0",
)  # fmt: skip
_BOX = b"ftyp"  # the name of MPEG-4's first box, behind its length
# FFmpeg's own decoders for AMR do not know comfort noise (DTX), with which telephony saves most of its bytes.
_DECODERS = {"amr_nb": ("libopencore_amrnb", 8_000), "amr_wb": ("libopencore_amrwb", 16_000)}
# by how much the length that a browser expects may differ from the true one: the larger of these
LENGTH_DIFFERS_MS, LENGTH_DIFFERS_SHARE = 250, 100
LONGEST_SECONDS = LONGEST_MS // 1_000 + 7_200
GSM_FRAME = 33  # bytes of a frame
GSM_BYTES = 1_000 * GSM_FRAME
_WITHOUT_SEEKS = ("aac", "latm", "mp2", "amr", "awb")


class UnreadableError(Exception):
    """No decoder read one sample."""


class _Gathered:
    """Frames of one sample format, channel count and rate, measured many at once: a frame may hold only 20 ms."""

    def __init__(self, meter: Meter, shape: tuple[str, int, int] | None = None) -> None:
        self.shape = shape
        self._meter = meter
        self._samples = AudioFifo()

    def add(self, frame: Any) -> None:
        """Take a frame, and pass the samples on once there are enough of them."""
        frame.pts = None  # samples are counted, whatever a file says of its time
        self._samples.write(frame)
        if self._samples.samples >= BATCH:
            self.pass_on()

    def pass_on(self) -> None:
        """Measure what was gathered."""
        frame = self._samples.read()
        if frame is not None and self.shape is not None:
            _, channels, rate = self.shape
            self._meter.add(frame.to_ndarray(), channels, rate, packed=frame.format.is_packed)


def refuse_to_open(*_arguments: object, **_options: object) -> Any:
    """Refuse whatever a file wants to open beside itself."""
    raise PermissionError("a file may not open another")


@contextmanager
def opened(source: Source, demuxer: str | None = None) -> Iterator[Any]:
    """Open a file that has an audio stream; `demuxer`: by that one alone. UnreadableError."""
    source.seek(0)
    try:
        container = av.open(
            source, format=demuxer, options=OPTIONS, io_open=refuse_to_open, metadata_errors="replace"
        )
    except MemoryError:
        raise
    except FFmpegError as error:
        raise UnreadableError(str(error)) from error
    with container:
        if not container.streams.audio:
            raise UnreadableError("no audio stream")
        yield container


def ways(descriptor: int) -> Iterator[Way]:
    """Yield the ways to read a file: as it is, after what stands before a known beginning, with a header put right."""
    whole = Source(descriptor)
    if parts := joined_parts(descriptor, whole):
        yield Way(parts[0], more=tuple(parts[1:]))
    for better in (longer_wave(descriptor, whole), without_padding(descriptor, whole)):
        if better is not None:
            yield Way(better)
    yield Way(whole, is_mended=False)
    head = whole.read_at(0, JUNK_BEFORE)
    found = [at for signature in _SIGNATURES if (at := head.find(signature)) > 0]
    found += [at - 4 for at in (head.find(_BOX),) if at > 4]
    for start in sorted(set(found))[:3]:
        yield Way(Source(descriptor, start=start))
    for mended in (mended_wave(descriptor, whole), mended_size(descriptor, whole)):
        if mended is not None:
            yield Way(mended)
    yield Way(whole, demuxer="mp3")  # its frames may begin anywhere in the first 64 kB


def read(descriptor: int, *, on_first: Callable[[Audio], None], only_first: bool = False) -> Audio:
    """Return what a file is. `on_first` is told after the first sample, should the rest bring the process down.

    `only_first`: the file is the beginning of another, whose length and sound it does not tell. UnreadableError.
    """
    trouble = "empty"
    for way in ways(descriptor):
        try:
            with opened(way.source, way.demuxer) as container:
                return _read(container, way, on_first, only_first)
        except UnreadableError as error:
            trouble = str(error)
    raise UnreadableError(trouble)


def audio_stream(container: Any) -> Any:
    """Return the stream to decode. UnreadableError where its codec is not known."""
    stream = container.streams.best("audio") or container.streams.audio[0]
    if stream.codec_context is None:
        raise UnreadableError("no decoder")
    return stream


def is_gsm(head: bytes) -> bool:
    """Return whether it is GSM without a header: FFmpeg takes G.711 A-law for it, whose silence is 0xD5."""
    others = [byte >> 4 for at, byte in enumerate(head) if at % GSM_FRAME]
    return others.count(GSM_MARK) <= len(others) // 4


def decoder_of(stream: Any) -> Any:
    """Return the codec context that decodes a stream, on one thread."""
    name, rate = _DECODERS.get(stream.codec_context.codec.canonical_name, ("", 0))
    if not name or name not in av.codecs_available:
        stream.codec_context.thread_count = 1
        return stream.codec_context
    decoder: Any = av.CodecContext.create(name, "r")
    decoder.sample_rate, decoder.layout = rate, "mono"
    return decoder


def frames_of(container: Any, stream: Any, packets: Any = None) -> Iterator[Any]:
    """Yield the decoded frames; a packet that cannot be decoded is left out, as every player does."""
    packets = packets if packets is not None else Packets()
    decoder = decoder_of(stream)
    is_amr = container.format.name == "amr"
    demuxed = container.demux(stream)
    while True:
        try:
            packet = next(demuxed)
        except MemoryError:
            raise
        except (StopIteration, FFmpegError):  # a demuxer that gives up is at the end of what can be heard
            return
        if packet.size and is_amr and not begins_amr(bytes(packet)):
            continue  # zeros or text after the sound
        if packet.size:
            packets.count += 1
            packets.last, packets.last_size = bytes(packet)[:4], packet.size
            packets.sizes[packet.size] += 1
            packets.last_failed = False
        try:
            frames = decoder.decode(packet if packet.size else None)
        except MemoryError:
            raise
        except FFmpegError:
            packets.last_failed = bool(packet.size)
            continue
        yield from frames
        if not packet.size:
            return


def frames_of_all(container: Any, way: Way, packets: Packets | None = None) -> Iterator[Any]:
    """Yield the decoded frames of an opened way's file, and of those joined to it that can be read."""
    yield from frames_of(container, audio_stream(container), packets)
    for source in way.more:
        with suppress(UnreadableError), opened(source) as joined:
            yield from frames_of(joined, audio_stream(joined), packets)


def _read(container: Any, way: Way, on_first: Callable[[Audio], None], only_first: bool) -> Audio:  # noqa: FBT001
    stream = audio_stream(container)
    head = way.source.read_at(0, 64)
    codec = stream.codec_context.codec.canonical_name
    if container.format.name == "gsm" and not is_gsm(way.source.read_at(0, GSM_BYTES)):
        raise UnreadableError("no GSM")
    first: Audio | None = None
    meter, packets = Meter(), Packets()
    gathered = _Gathered(meter)
    for frame in frames_of_all(container, way, packets):
        channels = frame.layout.nb_channels
        if not frame.samples or not 1 <= channels <= 64 or not frame.sample_rate:
            continue
        if first is None:
            kind = container_of(container.format.name, codec, head)
            first = Audio(kind, codec, channels=channels, sample_rate=frame.sample_rate)
            on_first(first)
            if only_first and kind != "mp3":
                return replace(first, regular=kind not in _WITHOUT_SEEKS)
        shape = (frame.format.name, channels, frame.sample_rate)
        if shape != gathered.shape:
            gathered.pass_on()
            gathered = _Gathered(meter, shape)
            packets.rates.add(frame.sample_rate)
            packets.layouts.add(channels)
        gathered.add(frame)
        if meter.seconds > LONGEST_SECONDS:
            packets.too_long = True
            break
    if first is None:
        raise UnreadableError("no sample")
    if only_first:
        return replace(first, regular=_begins_with_exact_seeks(way.source, packets))
    gathered.pass_on()
    return _judged(container, stream, way, first, meter, packets)


def _judged(container: Any, stream: Any, way: Way, first: Audio, meter: Meter, packets: Packets) -> Audio:
    milliseconds = round(meter.seconds * 1_000)
    whole = packets.too_long or is_whole(container, stream, way, first, milliseconds, packets)
    expected = container.duration / 1_000 if container.duration else None
    regular = (
        not way.is_mended
        and len(packets.rates) == len(packets.layouts) == 1
        and expected is not None
        and abs(expected - milliseconds) <= max(LENGTH_DIFFERS_MS, milliseconds // LENGTH_DIFFERS_SHARE)
        and _has_exact_seeks(way.source, first, packets)
    )
    peaks, sound = (None, None) if packets.too_long else meter.finish()
    return Audio(
        first.container,
        first.codec,
        whole=whole,
        duration_ms=milliseconds,
        channels=max(packets.layouts),
        sample_rate=first.sample_rate,
        regular=regular,
        peaks=peaks,
        sound=sound,
        reason=Reason.TOO_LONG if packets.too_long else None,
    )


def _has_exact_seeks(source: Source, first: Audio, packets: Packets) -> bool:
    """Whether a moment in the file can be found without decoding all before it."""
    if first.container in ("wav", "w64"):
        layout = wave_layout(source)
        return layout is not None and layout.regular
    if first.container == "mp3":
        constant = max(packets.sizes) - min(packets.sizes) <= 1  # the padding byte
        return constant or xing_frames(source) is not None
    return first.container not in _WITHOUT_SEEKS


def _begins_with_exact_seeks(source: Source, packets: Packets) -> bool:
    """Return the same of the beginning of an MP3, whose last packet may be cut."""
    sizes = packets.sizes - Counter([packets.last_size])
    constant = not sizes or max(sizes) - min(sizes) <= 1
    return constant or xing_frames(source) is not None
