"""What a file is by its own structure: the sandbox's and an encoder's, tagged, cut, and what is no audio at all."""

from __future__ import annotations

import io
import struct
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from recordings.audio import Audio, inspect
from vobiz_portal.sandbox.audio import AudioFile

FRAME = 576  # bytes of the sandbox's MP3 frames, 72 ms each


def made(container: str, channels: int = 1, duration_ms: int = 10_080) -> bytes:
    file = AudioFile("call-1", 0, duration_ms, container, channels)
    return b"".join(file.read(0, file.length))


def encoded(*, rate: int = 44_100, channels: int = 2, seconds: float = 3.0, mode: str = "CONSTANT") -> bytes:
    """MP3 of another make: LAME's, with its Info or Xing frame."""
    noise = np.random.default_rng(1).normal(0, 0.1, (int(rate * seconds), channels))
    noise[: rate // 2] = 0  # so that a variable rate varies
    out = io.BytesIO()
    soundfile.write(out, noise, rate, format="MP3", bitrate_mode=mode, compression_level=0.5)
    return out.getvalue()


def wav(data: bytes, *, promised: int | None = None, before: bytes = b"", after: bytes = b"") -> bytes:
    head = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 16_000, 2, 16)
    size = len(data) if promised is None else promised
    body = b"WAVE" + head + before + b"data" + struct.pack("<I", size) + data + after
    return b"RIFF" + struct.pack("<I", len(body)) + body


def whole(container: str, duration_ms: int | None, channels: int | None) -> Audio:
    return Audio(container, whole=True, duration_ms=duration_ms, channels=channels)


def cut(container: str, duration_ms: int | None, channels: int | None) -> Audio:
    return Audio(container, whole=False, duration_ms=duration_ms, channels=channels)


def look(body: bytes) -> Audio | None:
    return inspect(io.BytesIO(body))


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("container", ["mp3", "wav"])
@pytest.mark.parametrize("duration_ms", [72, 720, 10_080, 3_600_000])
def test_a_whole_file_says_its_container_length_and_channels(
    container: str, channels: int, duration_ms: int
) -> None:
    assert look(made(container, channels, duration_ms)) == whole(container, duration_ms, channels)


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE", "AVERAGE"])
@pytest.mark.parametrize(
    ("rate", "channels"), [(8_000, 1), (16_000, 2), (22_050, 1), (44_100, 2), (48_000, 2)]
)
def test_mp3_of_every_rate_and_of_varying_bitrate_is_walked_to_its_end(
    rate: int, channels: int, mode: str
) -> None:
    body = encoded(rate=rate, channels=channels, mode=mode)
    found = look(body)
    assert found is not None
    assert (found.container, found.whole, found.channels) == ("mp3", True, channels)
    with soundfile.SoundFile(io.BytesIO(body)) as sound:  # the decoder leaves the encoder's own padding out
        assert found.duration_ms == pytest.approx(sound.frames / rate * 1_000, abs=200)


ID3V2 = b"ID3\x04\x00\x00" + bytes((0, 0, 8, 0)) + bytes(1024)
ID3V1 = b"TAG" + bytes(125)
APE_TAG = bytes(32) + bytes(64) + b"APETAGEX" + struct.pack("<IIII", 2000, 96, 1, 0x80000000) + bytes(8)
LYRICS = b"LYRICSBEGIN" + b"IND00002" + b"10" + b"000021" + b"LYRICS200"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ID3V2, b""), (ID3V2 * 2, ID3V1), (b"", ID3V1), (b"", APE_TAG), (b"", APE_TAG + ID3V1),
        (b"", LYRICS + ID3V1), (b"junk" * 100, b""), (b"", bytes(5_000)), (ID3V2, bytes(10) + APE_TAG + ID3V1),
        (b"\xff" * 50, b""),
    ],
)  # fmt: skip
def test_tags_and_padding_around_the_frames_are_neither_sound_nor_a_cut(before: bytes, after: bytes) -> None:
    assert look(before + made("mp3") + after) == whole("mp3", 10_080, 1)


def test_a_tag_in_the_middle_is_stepped_over() -> None:
    body = made("mp3")
    assert look(body[: 10 * FRAME] + ID3V2 + body[10 * FRAME :]) == whole("mp3", 10_080, 1)


@pytest.mark.parametrize("left", [1, 2, 3, 4, 100, FRAME - 1])
def test_mp3_that_ends_within_a_frame_is_not_whole(left: int) -> None:
    assert look(made("mp3")[: 20 * FRAME + left]) == cut("mp3", 20 * 72, 1)


def test_mp3_cut_in_its_first_frame_is_audio_though_nothing_of_it_can_be_heard() -> None:
    assert look(made("mp3")[:300]) == cut("mp3", 0, None)
    assert look(ID3V2[:500]) == cut("mp3", None, None)


def test_mp3_that_says_how_many_frames_it_has_is_not_whole_with_fewer() -> None:
    body = encoded(mode="VARIABLE")
    ends = [at for at in range(len(body)) if body[at : at + 2] == b"\xff\xfb"]
    between = [end for start, end in pairwise(ends) if end > len(body) // 2]
    early = next(end for end in between if (found := look(body[:end])) is not None and not found.whole)
    assert early < len(body)
    assert look(body) is not None


@pytest.mark.parametrize("left", [0, 1, 100, 159_000])
def test_wav_with_fewer_bytes_than_its_header_promises_is_not_whole(left: int) -> None:
    found = look(made("wav")[: 44 + left])
    assert found == cut("wav", left * 1_000 // 16_000, 1)


@pytest.mark.parametrize("length", [12, 20, 35, 36, 40])
def test_wav_cut_in_its_header_is_audio_that_is_not_whole(length: int) -> None:
    found = look(made("wav")[:length])
    assert found is not None
    assert (found.container, found.whole) == ("wav", False)


@pytest.mark.parametrize("promised", [0, 0xFFFFFFFF])
def test_a_header_that_promises_nothing_is_whole_with_what_is_there(promised: int) -> None:
    assert look(wav(bytes(16_000), promised=promised)) == whole("wav", 1_000, 1)


def test_other_chunks_before_and_after_the_sound_do_not_count() -> None:
    chunk = b"LIST" + struct.pack("<I", 5) + b"odd..\0"
    assert look(wav(bytes(16_000), before=chunk, after=chunk)) == whole("wav", 1_000, 1)
    cut_after_the_sound = wav(bytes(16_000), after=chunk)[:-4]
    assert look(cut_after_the_sound) == whole("wav", 1_000, 1)


def test_large_wav_says_its_length_in_a_chunk_of_its_own() -> None:
    long = b"ds64" + struct.pack("<IQQQI", 28, 0, 16_000, 8_000, 0)
    body = b"RF64" + wav(bytes(16_000), promised=0xFFFFFFFF, before=long)[4:]
    assert look(body) == whole("wav", 1_000, 1)
    found = look(body[:-1])
    assert found is not None
    assert not found.whole


def test_a_header_of_nothing_but_empty_chunks_is_given_up() -> None:
    found = look(b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 100_000)
    assert found == cut("wav", None, None)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\xff", b"<!doctype html><title>Sign in</title>" * 100, b'{"error": "expired"}', b"RIFF1234AVI LIST",
        "<html>élan</html>".encode("utf-16"), b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50,
        b"\xff\xd8\xff\xe0" + bytes(range(256)) * 50, b"\x1f\x8b\x08" + bytes(range(255, -1, -1)) * 400,
        b"\xff" * 200_000, bytes(200_000), b"OggS" + bytes(1_000), b"\x00\xff\xfe not JSON \x80",
        b"\xff\xf1P\x80\x02\x1f\xfc" * 400,
        ID3V2 + b"<html>not what it says</html>" * 10,
    ],
)  # fmt: skip
def test_what_is_no_mp3_and_no_wav_is_no_audio(body: bytes) -> None:
    assert look(body) is None


def test_noise_is_no_audio() -> None:
    chance = np.random.default_rng(7)
    assert [look(chance.bytes(100_000)) for _ in range(20)] == [None] * 20
