"""What a file is: of many makes, tagged, mislabelled, cut, with sizes that nobody meant, and what is no audio."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable

import numpy as np
import pytest

from recordings import audio
from recordings.audio import Audio, Reason, Verdict
from tests.audio.making import CASES, KINDS, Kind, converted, encoded, look, pcm, tone, wav
from vobiz_portal.sandbox.audio import AudioFile

FRAME = 576  # bytes of the sandbox's MP3 frames, 72 ms each
MP3 = Kind("mp3", "libmp3lame", "mp3", "mp3")
# These keep their length to themselves, or have none, so that a cut is told by Content-Length alone.
NEVER_SEEM_CUT = {"voc", "sox", "ircam", "nut", "mpg"}
# A cut file of these cannot be read at all: its index was at the end, or it is one block.
UNREADABLE_WHEN_CUT = {"m4a", "3gp", "mov", "wv"}


ALAW = Kind("wav", "pcm_alaw", "wav", "pcm_alaw")


def g711(tag: int, data: bytes) -> bytes:
    """A WAV file of 8 bits a sample with this codec's tag."""
    form = b"fmt " + struct.pack("<IHHIIHH", 16, tag, 1, 8_000, 8_000, 1, 8)
    body = b"WAVE" + form + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def made(container: str, channels: int = 1, duration_ms: int = 10_080) -> bytes:
    file = AudioFile("call-1", 0, duration_ms, container, channels)
    return b"".join(file.read(0, file.length))


def heard(body: bytes) -> Audio:
    found = look(body)
    assert found.verdict == Verdict.AUDIO
    assert found.audio is not None
    return found.audio


def facts(body: bytes) -> tuple[str, bool, int | None, int | None]:
    found = heard(body)
    return found.container, found.whole, found.duration_ms, found.channels


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.muxer}-{kind.encoder}-{kind.channels}")
def test_every_container_and_codec_is_audio_with_its_length_and_picture(kind: Kind) -> None:
    body = encoded(kind)
    found = heard(body)
    assert (found.container, found.whole, found.channels) == (kind.container, True, kind.channels)
    assert found.codec == kind.codec
    assert found.sample_rate == kind.rate
    assert found.duration_ms == pytest.approx(6_000, rel=0.025)
    assert found.peaks is not None
    assert found.peaks.channels == kind.channels
    lane = found.peaks.points[: len(found.peaks.points) // kind.channels]
    third = len(lane) // 3
    assert max(lane[:third]) > 180 > max(lane[2 * third + 5 :]) > 30 > max(lane[third + 20 : 2 * third - 20])
    assert kind.container in audio.formats.CONTAINERS
    cut = look(body[: len(body) * 6 // 10])
    if kind.container in UNREADABLE_WHEN_CUT:
        assert cut.verdict == Verdict.UNKNOWN
    elif kind.container not in NEVER_SEEM_CUT:
        assert cut.audio is not None
        assert not cut.audio.whole


@pytest.mark.parametrize(
    ("name", "container", "codec", "seconds"),
    [
        ("m04-vbr-no-xing.mp3", "mp3", "mp3", 6.08), ("m17-starts-midframe.mp3", "mp3", "mp3", 5.69),
        ("m19-trailing-junk.mp3", "mp3", "mp3", 6.19), ("m20-trailing-text.mp3", "mp3", "mp3", 6.19),
        ("m25-xing-counts-itself.mp3", "mp3", "mp3", 6.02), ("o06-amr.mp3", "amr", "amr_nb", 6.0),
        ("o16-speex.spx", "spx", "speex", 6.0), ("w06-gsm610.wav", "wav", "gsm_ms", 6.0),
        ("w38-g726.wav", "wav", "adpcm_g726", 6.0), ("x01-vbr-streamed-no-xing.mp3", "mp3", "mp3", 60.19),
        ("x05-prompt-then-call-other-rate.mp3", "mp3", "mp3", 16.34),
        ("x06-paused-two-parts-xing.mp3", "mp3", "mp3", 24.16),
    ],
)  # fmt: skip
def test_what_the_field_sends_is_whole_and_has_its_true_length(
    name: str, container: str, codec: str, seconds: float
) -> None:
    found = heard((CASES / name).read_bytes())
    assert (found.container, found.codec, found.whole) == (container, codec, True)
    assert found.duration_ms == pytest.approx(seconds * 1_000, abs=10)
    assert found.peaks is not None
    assert len(found.peaks.points) == pytest.approx(min(2_000, seconds * 100), rel=0.5)


@pytest.mark.parametrize("parts", [2, 7])
@pytest.mark.parametrize("mode", ["12.2k", "4.75k"])
def test_joined_amr_files_have_the_length_of_all_of_them(parts: int, mode: str) -> None:
    """Each part brings a header of its own, which is no frame."""
    one = encoded(Kind("amr", "libopencore_amrnb", "amr", "amr_nb"), options={"b": mode})
    alone, together = heard(one), heard(one * parts)
    assert together.whole
    assert together.duration_ms == (alone.duration_ms or 0) * parts
    assert alone.peaks is not None
    assert together.peaks is not None
    halves = np.array_split(np.frombuffer(together.peaks.points, np.uint8), parts)
    assert max(map(int, halves[-1])) == pytest.approx(max(alone.peaks.points), abs=2)


OPUS = Kind("ogg", "libopus", "opus", "opus", 48_000)
OGG_FLAC = Kind("ogg", "flac", "ogg", "flac")


@pytest.mark.parametrize(
    "chain",
    [
        (OPUS, OPUS._replace(channels=2)),
        (OPUS._replace(channels=2), OPUS, OPUS),
        (OGG_FLAC, OGG_FLAC._replace(rate=16_000, channels=2)),
        (OPUS, OGG_FLAC),
    ],
    ids=["1+2 channels", "2+1+1 channels", "8+16 kHz", "two codecs"],
)
def test_each_of_chained_ogg_files_is_read_and_converted(chain: tuple[Kind, ...]) -> None:
    body = b"".join(map(encoded, chain))
    found = heard(body)
    assert found.whole
    assert found.duration_ms == pytest.approx(6_000 * len(chain), abs=50)
    assert found.channels == max(kind.channels for kind in chain)
    assert found.peaks is not None
    lane = found.peaks.points[: len(found.peaks.points) // found.peaks.channels]
    assert all(max(part) > 150 for part in np.array_split(np.frombuffer(lane, np.uint8), len(chain)))
    assert heard(converted(body, "opus")).duration_ms == pytest.approx(6_000 * len(chain), abs=100)
    assert not heard(body[:-400]).whole


@pytest.mark.parametrize("codec", ["pcm_mulaw", "pcm_alaw", "pcm_s16be"])
def test_zeros_behind_the_audio_of_an_au_file_are_none_of_it(codec: str) -> None:
    whole = encoded(Kind("au", codec, "au", codec))
    size = len(whole) - int.from_bytes(whole[4:8], "big")
    body = whole[:8] + size.to_bytes(4, "big") + whole[12:]
    assert facts(body + bytes(40_000)) == facts(body)
    samples = 2 * 8_000 * (2 if codec == "pcm_s16be" else 1)
    more = body + b"\x21" * samples  # not zeros: a recorder that never corrected its header
    assert heard(more).duration_ms == pytest.approx(8_000, abs=10)


def test_the_picture_of_joined_parts_shows_each_as_long_as_it_sounds() -> None:
    """8 s loud, 16 s silent: the second part has a Xing header of its own."""
    found = heard((CASES / "x06-paused-two-parts-xing.mp3").read_bytes())
    assert found.peaks is not None
    points = found.peaks.points
    loud = [at for at, point in enumerate(points) if point > 20]
    assert loud[-1] / len(points) == pytest.approx(8 / 24.16, abs=0.02)
    assert found.sound is not None
    assert found.sound.longest_silence_ms == pytest.approx(16_000, abs=300)


@pytest.mark.parametrize(
    ("name", "regular"),
    [
        ("m04-vbr-no-xing.mp3", False), ("x01-vbr-streamed-no-xing.mp3", False),
        ("x05-prompt-then-call-other-rate.mp3", False), ("x06-paused-two-parts-xing.mp3", False),
        ("m25-xing-counts-itself.mp3", True),
    ],
)  # fmt: skip
def test_a_browser_that_would_find_another_moment_is_not_given_the_file(name: str, *, regular: bool) -> None:
    assert heard((CASES / name).read_bytes()).regular is regular


def test_zeros_after_the_sound_are_no_sound_and_lead_a_browser_astray() -> None:
    found = heard(encoded(MP3)[:-1] + b"\0" * 50_000)
    assert found.duration_ms == pytest.approx(6_000, abs=80)
    assert not found.regular


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("container", ["mp3", "wav"])
@pytest.mark.parametrize("duration_ms", [144, 720, 10_080])
def test_what_vobiz_makes_plays_as_it_is(container: str, channels: int, duration_ms: int) -> None:
    body = made(container, channels, duration_ms)
    assert facts(body) == (container, True, duration_ms, channels)
    assert heard(body).regular
    assert audio.formats.plays_everywhere(container, heard(body).codec)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
@pytest.mark.parametrize(
    "options", [{"b": "64k"}, {"q": "5"}, {"abr": "1", "b": "56k"}], ids=["cbr", "vbr", "abr"]
)
def test_mp3_of_every_rate_and_of_varying_bitrate_has_its_length(rate: int, options: dict[str, str]) -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, (rate * 3, 1))
    noise[: rate // 2] = 0  # so that a variable rate varies
    found = heard(encoded(MP3._replace(rate=rate), noise, options=options))
    assert (found.container, found.whole, found.regular) == ("mp3", True, True)
    assert found.duration_ms == pytest.approx(3_000, abs=150)


ID3V2 = b"ID3\x04\x00\x00" + bytes((0, 0, 8, 0)) + bytes(1024)
ID3V1 = b"TAG" + bytes(125)
APE_TAG = bytes(32) + bytes(64) + b"APETAGEX" + struct.pack("<IIII", 2000, 96, 1, 0x80000000) + bytes(8)
LYRICS = b"LYRICSBEGIN" + b"IND00002" + b"10" + b"000021" + b"LYRICS200"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (ID3V2, b""), (ID3V2 * 2, ID3V1), (b"", ID3V1), (b"", APE_TAG), (b"", APE_TAG + ID3V1),
        (b"", LYRICS + ID3V1), (b"junk" * 100, b""), (b"", bytes(5_000)), (ID3V2, bytes(10) + APE_TAG + ID3V1),
        (b"\xff" * 50, b""), (b"", b"\r\n"), (b"", b"<!-- end -->"),
    ],
)  # fmt: skip
def test_tags_and_padding_around_the_frames_are_neither_sound_nor_a_cut(before: bytes, after: bytes) -> None:
    container, whole, duration_ms, channels = facts(before + made("mp3") + after)
    assert (container, whole, channels) == ("mp3", True, 1)
    assert duration_ms == pytest.approx(10_080, abs=73)


def test_a_tag_in_the_middle_is_stepped_over() -> None:
    body = made("mp3")
    _container, whole, duration_ms, _channels = facts(body[: 10 * FRAME] + ID3V2 + body[10 * FRAME :])
    assert whole
    assert duration_ms == pytest.approx(10_080, abs=150)


@pytest.mark.parametrize("left", [100, FRAME - 10])
def test_mp3_that_ends_within_a_frame_is_not_whole(left: int) -> None:
    container, whole, duration_ms, _channels = facts(made("mp3")[: 20 * FRAME + left])
    assert (container, whole) == ("mp3", False)
    assert duration_ms in (20 * 72, 21 * 72)  # what is left of a frame may be heard


def test_mp3_that_says_how_many_frames_it_has_is_not_whole_with_fewer() -> None:
    body = encoded(MP3, options={"q": "5"})
    ends = [at for at in range(len(body)) if body[at : at + 2] == b"\xff\xe3"]
    assert not heard(body[: ends[len(ends) // 2]]).whole
    assert heard(body).whole


@pytest.mark.parametrize("left", [1_000, 100_000])
def test_wav_with_fewer_bytes_than_its_header_promises_is_not_whole(left: int) -> None:
    assert facts(made("wav")[: 44 + left]) == ("wav", False, round(left / 16), 1)


@pytest.mark.parametrize("rest", [0, 1])
def test_wav_that_promises_sound_and_has_none_may_be_one_without_sound(rest: int) -> None:
    found = look(made("wav")[: 44 + rest])
    assert (found.verdict, found.reason) == (Verdict.NOT_AUDIO, Reason.TOO_SHORT)


@pytest.mark.parametrize(
    "promised",
    [0, 0xFFFFFFFF, 0xFFFFFF00, 0x7FFFFFFF, 0x7FFFF000, 0x80000000, 2_000_000_000, 0x7FFFFFDB, 1_999_999_956],
)
def test_a_size_that_nobody_meant_promises_nothing(promised: int) -> None:
    found = heard(wav(pcm(), promised=promised))
    assert (found.whole, found.duration_ms, found.regular) == (True, 6_000, False)


@pytest.mark.parametrize(
    "body",
    [
        wav(pcm(), before=b"LIST" + struct.pack("<I", 5) + b"odd..\0"),
        wav(pcm(), after=b"LIST" + struct.pack("<I", 5) + b"odd..\0"),
        wav(pcm(), after=b"LIST" + struct.pack("<I", 500) + b"cut"),
        wav(pcm(), before=b"LIST" + struct.pack("<I", 5) + b"odd.."),
        wav(pcm(), before=b"LIST" + struct.pack("<I", 4_000) + b"far too long"),
        wav(pcm(), byte_rate=8_000), wav(pcm(), byte_rate=0), b"\xef\xbb\xbf" + wav(pcm()), b"\r\n" + wav(pcm()),
        wav(pcm()) + b"\r\n",
    ],
    ids=["chunk before", "chunk after", "cut chunk after", "odd chunk", "wrong size", "byte rate", "no byte rate",
         "BOM", "newline", "newline after"],
)  # fmt: skip
def test_a_wav_header_that_is_not_in_order_hides_nothing(body: bytes) -> None:
    found = heard(body)
    assert (found.container, found.whole, found.channels) == ("wav", True, 1)
    assert found.duration_ms == pytest.approx(6_000, abs=1)


def test_data_before_its_format_is_found() -> None:
    data = b"data" + struct.pack("<I", len(pcm())) + pcm()
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8_000, 16_000, 2, 16)
    body = b"RIFF" + struct.pack("<I", 4 + len(data) + len(form)) + b"WAVE" + data + form
    assert facts(body) == ("wav", True, 6_000, 1)


@pytest.mark.parametrize("magic", [b"RF64", b"BW64"])
def test_large_wav_says_its_length_in_a_chunk_of_its_own(magic: bytes) -> None:
    long = b"ds64" + struct.pack("<IQQQI", 28, 0, len(pcm()), 48_000, 0)
    body = wav(pcm(), promised=0xFFFFFFFF, before=long, magic=magic)
    assert facts(body) == ("wav", True, 6_000, 1)
    assert not heard(body).regular  # browsers know RIFF alone
    assert not heard(body[:-2_000]).whole


def test_big_endian_wav_is_read() -> None:
    form = b"fmt " + struct.pack(">IHHIIHH", 16, 1, 1, 8_000, 16_000, 2, 16)
    data = (tone() * 32_767).astype(">i2").tobytes()
    body = b"WAVE" + form + b"data" + struct.pack(">I", len(data)) + data
    assert facts(b"RIFX" + struct.pack(">I", len(body)) + body) == ("wav", True, 6_000, 1)


def test_a_header_of_nothing_but_empty_chunks_is_given_up() -> None:
    assert look(b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 100_000).verdict == Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.EMPTY), (b"\xff", Reason.TOO_SHORT), (b"RIFF1234AVI LIST", Reason.TOO_SHORT),
        (b"<!doctype html><title>Sign in</title>" * 100, Reason.DOCUMENT),
        (b'\xef\xbb\xbf\r\n{"error": "expired"}', Reason.DOCUMENT), (b"Not found\n" * 50, Reason.TEXT),
        (("<html>élan</html>" * 4).encode("utf-16"), Reason.TEXT), ("नहीं मिला".encode() * 3_000, Reason.TEXT),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 50, Reason.DOCUMENT),
        (b"\xff\xd8\xff\xe0" + bytes(range(256)) * 50, Reason.DOCUMENT),
        (b"%PDF-1.7\n" + bytes(range(256)) * 50, Reason.DOCUMENT),
        (b"name" + bytes(253) + b"ustar\0" + bytes(900), Reason.DOCUMENT),
        (b"PK\x03\x04" + encoded(MP3), Reason.DOCUMENT), (ID3V2, Reason.TOO_SHORT),
        (b"\xff\xfb\x90\x64" + b"Service unavailable. " * 40, Reason.TEXT),
        (wav(b"<html><body>Gateway time-out</body></html>" * 3), Reason.TEXT),
        ((CASES / "n10-zip-stored-mp3.mp3").read_bytes(), Reason.DOCUMENT),
        ((CASES / "n14-id3-only.mp3").read_bytes(), Reason.TOO_SHORT),
        ((CASES / "n16-html-after-wavhead.wav").read_bytes(), Reason.TOO_SHORT),
        ((CASES / "n23-ff-fb-text.mp3").read_bytes(), Reason.TOO_SHORT),
    ],
)  # fmt: skip
def test_documents_and_what_is_too_short_are_no_audio(body: bytes, reason: Reason) -> None:
    found = look(body)
    assert (found.verdict, found.reason, found.audio) == (Verdict.NOT_AUDIO, reason, None)


@pytest.mark.parametrize(
    "body",
    [
        b"\xff" * 50_000, bytes(50_000), b"OggS" + bytes(1_000), gzip.compress(wav(pcm())),
        (CASES / "m06-freeformat.mp3").read_bytes(), np.random.default_rng(7).bytes(100_000),
    ],
    ids=["ones", "zeros", "Ogg without anything", "packed", "free-format MP3", "noise"],
)  # fmt: skip
def test_what_cannot_be_read_and_is_no_document_may_be_audio(body: bytes) -> None:
    found = look(body)
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.UNREADABLE)


@pytest.mark.parametrize(
    ("body", "container", "codec"),
    [
        (lambda: made("mp3"), "mp3", "mp3"),
        (lambda: made("wav"), "wav", "pcm_s16le"),
        (lambda: encoded(KINDS[14]), "opus", "opus"),
    ],
)
def test_the_beginning_tells_what_a_file_is(body: Callable[[], bytes], container: str, codec: str) -> None:
    found = audio.probe(body()[:32_768])
    assert found.verdict == Verdict.AUDIO
    assert found.audio is not None
    assert (found.audio.container, found.audio.codec, found.audio.duration_ms) == (container, codec, None)


@pytest.mark.parametrize(
    ("body", "container", "codec"),
    [
        (g711(6, b"\x55" * 48_000), "wav", "pcm_alaw"), (g711(7, b"\x7f" * 48_000), "wav", "pcm_mulaw"),
        (g711(6, b"UTWVUTQP" * 6_000), "wav", "pcm_alaw"), (g711(1, bytes(range(0x41, 0x7F)) * 775), "wav", "pcm_u8"),
        (b"#!AMR\n" + b"\x7c" * 300, "amr", "amr_nb"), (b"#!AMR-WB\n" + b"\x7c" * 300, "awb", "amr_wb"),
    ],
)  # fmt: skip
def test_silence_that_reads_like_text_is_audio(body: bytes, container: str, codec: str) -> None:
    found = heard(body)
    assert (found.container, found.codec) == (container, codec)
    assert found.duration_ms == pytest.approx(6_000, abs=30)


@pytest.mark.parametrize("silence", [b"\xd5", b"\x55", b"\x7f", b"\xff", b"\0"])
def test_sound_without_a_header_is_kept_and_not_taken_for_another_codec(silence: bytes) -> None:
    found = look(silence * 24_000 + g711(6, encoded(ALAW))[100:])
    assert (found.verdict, found.audio and found.audio.codec) == (Verdict.UNKNOWN, None)


@pytest.mark.parametrize("tag", [0, 0x1234])
def test_a_codec_that_nobody_knows_is_kept_and_the_reader_goes_on(tag: int) -> None:
    """It was taken for a crash."""
    found = look(g711(tag, b"\x12\x34" * 4_000))
    assert (found.verdict, found.reason) == (Verdict.UNKNOWN, Reason.UNREADABLE)


def test_a_little_after_the_audio_is_no_more_of_it() -> None:
    data = pcm()
    for after in (
        bytes(range(1, 200)) * 5,
        b"LIST" + struct.pack("<I", 20_000) + b"x" * 20_000,
        bytes(40_000),
    ):
        assert heard(wav(data, after=after)).duration_ms == 6_000
