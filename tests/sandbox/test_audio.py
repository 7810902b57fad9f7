from __future__ import annotations

import io
import json
import tracemalloc
import wave

import pytest

from vobiz_portal.sandbox.audio import CLIPS, FRAME_MS, AudioFile, Conversation, lines

CALL = "6e558798-499c-4a68-bc77-46f2c53d1f69"
EVERY_KIND = [("mp3", 1), ("mp3", 2), ("wav", 1), ("wav", 2)]


def frames_of(data: bytes) -> int:
    """How many whole MPEG-2.5 layer III frames of 64 kbit/s at 8 kHz these bytes are, and nothing else."""
    assert data
    assert len(data) % 576 == 0
    for at in range(0, len(data), 576):
        assert data[at : at + 3] == b"\xff\xe3\x88", f"no frame begins at byte {at}"
        assert data[at + 4] == 0, "a frame leans on the one before it"
    return len(data) // 576


def whole(audio: AudioFile) -> bytes:
    return b"".join(audio.read())


@pytest.mark.parametrize("seconds", [0.5, 10.08, 61.003, 125.5])
@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_lasts_as_long_as_the_recording(seconds: float, channels: int) -> None:
    audio = AudioFile(CALL, 0, round(seconds * 1000), "mp3", channels)
    lasts = frames_of(whole(audio)) * FRAME_MS / 1000
    assert lasts == pytest.approx(seconds, rel=0.02)


@pytest.mark.parametrize("seconds", [0.5, 10.08, 61.003])
@pytest.mark.parametrize("channels", [1, 2])
def test_wav_lasts_exactly_as_long(seconds: float, channels: int) -> None:
    with wave.open(io.BytesIO(whole(AudioFile(CALL, 0, round(seconds * 1000), "wav", channels)))) as sound:
        assert (sound.getnchannels(), sound.getsampwidth(), sound.getframerate()) == (channels, 2, 8000)
        assert sound.getnframes() == round(seconds * 8000)


@pytest.mark.parametrize(("container", "channels"), EVERY_KIND)
def test_any_range_is_the_same_part_of_the_whole(container: str, channels: int) -> None:
    audio = AudioFile(CALL, 4321, 30_003, container, channels)
    data = whole(audio)
    assert len(data) == audio.length
    for start, stop in [
        (0, 1),
        (40, 50),
        (43, 700),
        (576, 1152),
        (99_999, 100_001),
        (audio.length - 3, None),
    ]:
        assert b"".join(audio.read(start, stop)) == data[start:stop]


@pytest.mark.parametrize(("container", "channels"), EVERY_KIND)
def test_two_recordings_of_one_call_hear_the_same(container: str, channels: int) -> None:
    """Later by 100 frames of 72 ms is the same sound, 100 frames on."""
    size = {"mp3": 576, "wav": 1152 * channels}[container]
    early = b"".join(AudioFile(CALL, 0, 36_000, container, channels).read())
    late = b"".join(AudioFile(CALL, 7200, 14_400, container, channels).read())
    header = 44 if container == "wav" else 0
    assert late[header:] == early[header + 100 * size : header + 300 * size]


def test_eight_hours_cost_no_memory() -> None:
    audio = AudioFile(CALL, 0, 8 * 3600 * 1000, "wav", 2)
    assert audio.length == 44 + 8 * 3600 * 32_000
    middle = audio.length // 2
    tracemalloc.start()
    pieces = audio.read()
    for _ in range(200):
        next(pieces)
    assert len(b"".join(audio.read(middle, middle + 1000))) == 1000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_in_stereo_the_caller_is_left_and_the_callee_right() -> None:
    spoken = {"caller": [0, 0], "callee": [0, 0]}
    conversation = Conversation(CALL)
    for segment in conversation.segments:
        if segment.line is not None:
            begin = segment.start * FRAME_MS
            data = whole(AudioFile(CALL, begin, segment.frames * FRAME_MS, "wav", 2))[44:]
            for channel in (0, 1):
                samples = memoryview(data).cast("h")[channel::2].tolist()
                spoken[segment.line.speaker][channel] += sum(map(abs, samples))
    assert spoken["caller"][0] > 0
    assert spoken["caller"][1] == 0
    assert spoken["callee"][0] == 0
    assert spoken["callee"][1] > 0


def test_words_are_those_of_the_clips_in_the_audio() -> None:
    conversation = Conversation(CALL)
    for segment in conversation.segments:
        if segment.line is not None:
            first, last = segment.start, segment.start + segment.frames
            assert conversation.words(first, last) == segment.line.text
            half = conversation.words(first, first + segment.frames // 2)
            assert segment.line.text.startswith(half)
            assert 0 < len(half) < len(segment.line.text)
        else:
            assert conversation.words(segment.start, segment.start + segment.frames) == ""


def test_a_conversation_goes_on_after_its_last_line() -> None:
    conversation = Conversation(CALL)
    assert conversation.words(0, conversation.cycle) == conversation.words(
        conversation.cycle, 2 * conversation.cycle
    )
    assert len(conversation.words(0, conversation.cycle).split()) == sum(
        len(line.text.split()) for line in lines()
    )


def test_calls_sound_different() -> None:
    assert len({whole(AudioFile(f"call-{n}", 0, 20_000, "mp3", 1)) for n in range(8)}) > 3


def test_every_clip_is_there_in_three_shapes_of_one_length_and_all_are_small() -> None:
    for line in json.loads((CLIPS / "lines.json").read_text(encoding="utf-8")):
        mono = (CLIPS / f"{line['name']}.mono.mp3").read_bytes()
        stereo = (CLIPS / f"{line['name']}.stereo.mp3").read_bytes()
        with wave.open(str(CLIPS / f"{line['name']}.wav")) as sound:
            assert frames_of(mono) == frames_of(stereo) == sound.getnframes() / 576
    assert sum(path.stat().st_size for path in CLIPS.iterdir() if path.is_file()) < 3_000_000
