"""Audio files of many makes, by PyAV and by hand."""

from __future__ import annotations

import io
import struct
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from recordings import audio
from recordings.audio import Finding

CASES = Path(__file__).parent / "cases"
RATE = 8_000


class Kind(NamedTuple):
    """A container and a codec as FFmpeg names them, and as the portal does."""

    muxer: str
    encoder: str
    container: str
    codec: str
    rate: int = RATE
    channels: int = 1


KINDS = [
    Kind("wav", "pcm_s16le", "wav", "pcm_s16le", channels=2), Kind("wav", "pcm_mulaw", "wav", "pcm_mulaw"),
    Kind("wav", "pcm_alaw", "wav", "pcm_alaw"), Kind("wav", "pcm_u8", "wav", "pcm_u8"),
    Kind("wav", "pcm_s24le", "wav", "pcm_s24le"), Kind("wav", "pcm_f32le", "wav", "pcm_f32le"),
    Kind("wav", "adpcm_ms", "wav", "adpcm_ms"), Kind("wav", "adpcm_ima_wav", "wav", "adpcm_ima_wav"),
    Kind("wav", "g722", "wav", "adpcm_g722", 16_000), Kind("wav", "g726", "wav", "adpcm_g726"),
    Kind("w64", "pcm_s16le", "w64", "pcm_s16le"), Kind("mp3", "libmp3lame", "mp3", "mp3"),
    Kind("mp3", "libmp3lame", "mp3", "mp3", 44_100, 2), Kind("mp2", "mp2", "mp2", "mp2", 16_000),
    Kind("ogg", "libopus", "opus", "opus", 48_000), Kind("ogg", "flac", "ogg", "flac"),
    Kind("flac", "flac", "flac", "flac"), Kind("adts", "aac", "aac", "aac"), Kind("latm", "aac", "latm", "aac_latm"),
    Kind("ipod", "aac", "m4a", "aac", 16_000), Kind("mp4", "alac", "m4a", "alac", 16_000),
    Kind("3gp", "aac", "3gp", "aac", 16_000), Kind("mov", "pcm_s16be", "mov", "pcm_s16be"),
    Kind("matroska", "pcm_s16le", "mka", "pcm_s16le"), Kind("webm", "libopus", "webm", "opus", 48_000),
    Kind("amr", "libopencore_amrnb", "amr", "amr_nb"), Kind("au", "pcm_mulaw", "au", "pcm_mulaw"),
    Kind("aiff", "pcm_s16be", "aiff", "pcm_s16be"), Kind("caf", "adpcm_ima_qt", "caf", "adpcm_ima_qt"),
    Kind("mpegts", "aac", "ts", "aac", 16_000), Kind("mpeg", "mp2", "mpg", "mp2", 48_000),
    Kind("avi", "libmp3lame", "avi", "mp3", 16_000), Kind("ac3", "ac3", "ac3", "ac3", 48_000),
    Kind("eac3", "eac3", "eac3", "eac3", 48_000), Kind("tta", "tta", "tta", "tta"),
    Kind("wv", "wavpack", "wv", "wavpack"), Kind("voc", "pcm_u8", "voc", "pcm_u8"),
    Kind("sox", "pcm_s32le", "sox", "pcm_s32le"), Kind("ircam", "pcm_s16le", "ircam", "pcm_s16le"),
    Kind("flv", "libmp3lame", "flv", "mp3", 44_100), Kind("nut", "pcm_s16le", "nut", "pcm_s16le"),
]  # fmt: skip


def tone(seconds: float = 6.0, rate: int = RATE, level: float = 0.8) -> np.ndarray:
    """A third each of tone, silence, and softer tone, between -1 and 1."""
    at = np.arange(int(seconds * rate)) / rate
    samples = level * np.sin(2 * np.pi * 440 * at)
    third = len(samples) // 3
    samples[third : 2 * third] = 0
    samples[2 * third :] *= 0.25
    return samples


def encoded(kind: Kind, samples: np.ndarray | None = None, *, options: dict[str, str] | None = None) -> bytes:
    """A file of this kind: of samples × channels where given, else of `tone` on every channel."""
    if samples is None:
        samples = np.repeat(tone(rate=kind.rate)[:, None], kind.channels, axis=1)
    layout = "mono" if kind.channels == 1 else "stereo"
    whole = (samples * 32_767).astype(np.int16)
    out = io.BytesIO()
    with av.open(out, "w", format=kind.muxer) as container:
        stream: Any = container.add_stream(kind.encoder, rate=kind.rate, options=options or {}, layout=layout)
        for start in range(0, len(whole), 4_096):
            block = np.ascontiguousarray(whole[start : start + 4_096].reshape(1, -1))
            frame = av.AudioFrame.from_ndarray(block, format="s16", layout=layout)
            frame.sample_rate = kind.rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def wav(
    data: bytes,
    *,
    promised: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    byte_rate: int = 16_000,
    magic: bytes = b"RIFF",
) -> bytes:
    """16-bit mono PCM at 8 kHz, with other chunks and sizes where asked for."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8_000, byte_rate, 2, 16)
    size = len(data) if promised is None else promised
    body = b"WAVE" + before + form + b"data" + struct.pack("<I", size) + data + after
    return magic + struct.pack("<I", len(body)) + body


def pcm(samples: np.ndarray | None = None) -> bytes:
    """16-bit PCM of samples between -1 and 1; of `tone` without."""
    samples = tone() if samples is None else samples
    return (samples * 32_767).astype("<i2").tobytes()


def look(body: bytes) -> Finding:
    """What the reader says of a file of these bytes."""
    with tempfile.TemporaryFile(buffering=0) as file:
        file.write(body)
        return audio.inspect(file)


def converted(body: bytes, kind: str) -> bytes:
    """A copy of these bytes that browsers play."""
    with tempfile.TemporaryFile(buffering=0) as file, tempfile.TemporaryFile() as into:
        file.write(body)
        audio.convert(file, into, kind)
        into.seek(0)
        return into.read()
