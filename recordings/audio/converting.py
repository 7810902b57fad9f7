"""Make a copy that browsers play, of any audio the reader can decode. It runs only in a reader process."""

from __future__ import annotations

import io
from typing import Any

import av
from av.audio.resampler import AudioResampler

from recordings.audio.decoding import UnreadableError, frames_of_all, opened, ways
from recordings.audio.formats import CONVERTED
from recordings.audio.source import Way

# The nearest rate that the encoders know, so that telephony stays as small as it is.
RATES = {"mp3": (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000), "opus": (48_000,)}
BITS_PER_CHANNEL = {"mp3": 48_000, "opus": 24_000}
LOWEST_RATE_BITS = 32_000  # of a channel of MP3 at 8 kHz, where the format allows no more than 64 kbit/s


def convert(descriptor: int, into: int, wanted: str) -> None:
    """Write a constant-rate MP3, or Ogg Opus, into the file `into`. UnreadableError; OSError where it is too large."""
    for way in ways(descriptor):
        try:
            with opened(way.source, way.demuxer) as container, io.FileIO(into, "w", closefd=False) as file:
                file.seek(0)
                file.truncate()
                if _encode(container, way, file, wanted):
                    return
        except UnreadableError:
            continue
    raise UnreadableError("no sample")


def _encode(container: Any, way: Way, file: io.FileIO, wanted: str) -> bool:
    """Return whether there was anything to encode."""
    output: Any = None
    encoder: Any = None
    resampler: Any = None
    shape: tuple[int, str, str] | None = None
    form = CONVERTED[wanted]
    for frame in frames_of_all(container, way):
        if not frame.samples or not frame.sample_rate:
            continue
        if output is None:
            output = av.open(file, "w", format=form.muxer, options=form.options)
            encoder = _encoder(output, wanted, frame)
        if shape != (frame.sample_rate, frame.layout.name, frame.format.name):
            # a part of another rate or layout: what the resampler still holds belongs before it
            if resampler is not None:
                _pass(output, encoder, resampler.resample(None))
            resampler = AudioResampler(encoder.format.name, encoder.layout.name, encoder.sample_rate)
            shape = (frame.sample_rate, frame.layout.name, frame.format.name)
        frame.pts = None  # the clock counts samples, not what a file says of its time
        _pass(output, encoder, resampler.resample(frame))
    if output is None:
        return False
    _pass(output, encoder, resampler.resample(None))
    output.mux(encoder.encode(None))
    output.close()
    return True


def _pass(output: Any, encoder: Any, frames: Any) -> None:
    for frame in frames:
        frame.pts = None
        output.mux(encoder.encode(frame))


def _encoder(output: Any, wanted: str, frame: Any) -> Any:
    rate = next((rate for rate in RATES[wanted] if rate >= frame.sample_rate), RATES[wanted][-1])
    channels = min(frame.layout.nb_channels, 2)
    stream = output.add_stream(
        CONVERTED[wanted].codec, rate=rate, layout="stereo" if channels == 2 else "mono"
    )
    each = BITS_PER_CHANNEL[wanted] if rate > 8_000 or wanted != "mp3" else LOWEST_RATE_BITS
    stream.bit_rate = each * channels
    stream.codec_context.thread_count = 1
    return stream
