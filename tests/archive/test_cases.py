"""What the field has sent, from a real server through the whole of archiving: kept as what it is, or refused."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from recordings import archive
from recordings.archive import Outcome, Result
from recordings.choices import ArchiveFlag, Attention
from recordings.models import Account, Recording, Waveform
from tests.archive.conftest import Known, Run, files, holds
from tests.audio.making import CASES, KINDS, encoded, pcm, wav
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

Archive = Callable[..., Outcome]
pytestmark = [pytest.mark.django_db, pytest.mark.once]
WHOLE = wav(pcm())


@pytest.mark.parametrize(
    ("body", "container", "codec"),
    [
        *(
            (encoded(kind), kind.container, kind.codec)
            for kind in KINDS
            if kind.container in ("opus", "flac", "m4a", "webm", "amr", "aiff", "caf", "3gp", "w64")
        ),
        ((CASES / "o16-speex.spx").read_bytes(), "spx", "speex"),
        ((CASES / "w06-gsm610.wav").read_bytes(), "wav", "gsm_ms"),
        ((CASES / "m17-starts-midframe.mp3").read_bytes(), "mp3", "mp3"),
        ((CASES / "m19-trailing-junk.mp3").read_bytes(), "mp3", "mp3"),
        ((CASES / "m20-trailing-text.mp3").read_bytes(), "mp3", "mp3"),
        ((CASES / "m25-xing-counts-itself.mp3").read_bytes(), "mp3", "mp3"),
        (wav(pcm(), promised=0x7FFFF000), "wav", "pcm_s16le"),
        (wav(pcm(), promised=0), "wav", "pcm_s16le"),
        (wav(pcm(), byte_rate=8_000), "wav", "pcm_s16le"),
        (b"\xef\xbb\xbf" + WHOLE, "wav", "pcm_s16le"),
        (wav(pcm(), promised=len(pcm()) + 44), "wav", "pcm_s16le"),
        (wav(pcm(), promised=16_000), "wav", "pcm_s16le"),
    ],
)
def test_audio_of_every_kind_is_kept_as_it_came_without_a_flag(
    known: Known,
    archive_it: Archive,
    archive_folder: Path,
    world: SandboxState,
    body: bytes,
    container: str,
    codec: str,
) -> None:
    row = known(duration=6.0)
    world.faults.plan(Fault(on="media.get", body=body))
    assert archive_it(row).result == Result.ARCHIVED
    assert holds(archive_folder, row, body)
    assert (row.container, row.audio_codec, row.archive_flag, row.needs_attention) == (
        container,
        codec,
        None,
        None,
    )
    assert row.audio_duration_ms == pytest.approx(6_000, abs=350)
    assert Path(str(row.audio)).suffix == {"w64": ".w64"}.get(container, f".{container}")
    assert Waveform.objects.get(recording=row).points
    assert row.talk_left_ms == pytest.approx(4_000, abs=600)
    assert row.longest_silence_ms == pytest.approx(2_000, abs=350)


@pytest.mark.parametrize(
    "fault",
    [
        {"body": gzip.compress(WHOLE)},
        {"body": gzip.compress(WHOLE[:40_000]) + gzip.compress(WHOLE[40_000:])},
        {"body": gzip.compress(WHOLE), "headers": {"Content-Encoding": "gzip"}},
        {"body": gzip.compress(gzip.compress(WHOLE))},
        {"body": WHOLE, "status": 203},
        {
            "body": WHOLE,
            "status": 206,
            "headers": {"Content-Range": f"bytes 0-{len(WHOLE) - 1}/{len(WHOLE)}"},
        },
    ],
    ids=["a gzip file", "of two members", "encoded", "packed twice", "203", "206"],
)
def test_a_wrapped_file_is_kept_unwrapped(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState, fault: dict[str, Any]
) -> None:
    row = known(duration=6.0)
    world.faults.plan(Fault(on="media.get", **fault))
    assert archive_it(row).result == Result.ARCHIVED
    assert holds(archive_folder, row, WHOLE)
    assert row.archive_flag is None


@pytest.mark.parametrize(
    "body",
    [
        (CASES / "n10-zip-stored-mp3.mp3").read_bytes(),
        (CASES / "n14-id3-only.mp3").read_bytes(),
        (CASES / "n16-html-after-wavhead.wav").read_bytes(),
        (CASES / "n23-ff-fb-text.mp3").read_bytes(),
    ],
    ids=["zip", "tag", "html after a header", "text after a sync"],
)
def test_what_is_no_audio_is_refused_however_often_it_comes(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState, now: datetime, body: bytes
) -> None:
    row = known(duration=6.0)
    world.faults.plan(Fault(on="media.get", body=body, times=None))
    for hours in range(1, 5):
        assert archive_it(row, now + timedelta(hours=hours)).result == Result.FAILED
    assert files(archive_folder) == []


@pytest.mark.parametrize("name", ["m06-freeformat.mp3"])
def test_what_no_decoder_reads_is_kept_and_flagged_once_it_is_all_there_is(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState, now: datetime, name: str
) -> None:
    row, body = known(duration=6.0), (CASES / name).read_bytes()
    world.faults.plan(Fault(on="media.get", body=body, times=None))
    results = [archive_it(row, now + timedelta(hours=hours)).result for hours in (1, 2, 3)]
    assert results == [Result.FAILED, Result.FAILED, Result.ARCHIVED]
    assert holds(archive_folder, row, body)
    assert (row.container, row.archive_flag) == ("unknown", ArchiveFlag.UNKNOWN_FORMAT)
    assert row.needs_attention == Attention.UNKNOWN_FORMAT


# After an upgrade


def test_what_an_older_reader_refused_is_due_at_once_nearest_to_leaving_first(
    known: Known, run_now: Run, world: SandboxState, now: datetime
) -> None:
    rows = [known(age_days=days) for days in (3.0, 20.0, 10.0)]
    later = now + timedelta(hours=5)
    Recording.objects.update(
        archive_tries=4, archive_next_at=later, archive_error="no audio", reader_version=0
    )
    assert run_now(limit=2).archived == 2
    assert [Recording.objects.get(pk=row.pk).archived_at is not None for row in rows] == [False, True, True]


def test_what_this_reader_refused_waits_for_its_turn(
    known: Known, run_now: Run, world: SandboxState, now: datetime
) -> None:
    row = known()
    world.faults.plan(Fault(on="media.get", body=b"<!doctype html>", times=None))
    assert run_now().failed == 1
    assert run_now().failed == 0
    row.refresh_from_db()
    assert row.archive_tries == 1


def test_copies_are_inspected_again_from_the_archive_and_old_flags_withdrawn(
    known: Known, run_now: Run, archive_it: Archive, world: SandboxState, now: datetime, account: Account
) -> None:
    wrong, right, cut = known(duration=6.0), known(duration=6.0), known(duration=6.0)
    for row, body in ((wrong, wav(pcm(), promised=0x7FFFFFFF)), (right, WHOLE), (cut, WHOLE[:60_000])):
        world.faults.plan(Fault(on="media.get", body=body, times=3))
        for hours in (1, 2, 3):
            if row.archived_at is None:
                archive_it(row, now + timedelta(hours=hours))
        world.faults.clear()
    old = {"reader_version": 0, "audio_codec": None, "longest_silence_ms": None, "audio_regular": None}
    Recording.objects.update(**old)
    flagged = {"archive_flag": ArchiveFlag.CUT_BY_VOBIZ, "needs_attention": Attention.CUT_BY_VOBIZ}
    Recording.objects.exclude(pk=right.pk).update(**flagged)
    before = len(asked(world, "media.get"))

    run_now()

    for row in (wrong, right, cut):
        row.refresh_from_db()
        assert (row.audio_codec, row.inspected_at is not None) == ("pcm_s16le", True)
    assert (wrong.archive_flag, wrong.needs_attention) == (None, None)
    assert wrong.withdrawn_flag == ArchiveFlag.CUT_BY_VOBIZ
    assert (right.archive_flag, right.withdrawn_flag) == (None, None)
    assert (cut.archive_flag, cut.needs_attention) == (ArchiveFlag.CUT_BY_VOBIZ, Attention.CUT_BY_VOBIZ)
    assert len(asked(world, "media.get")) == before
    assert archive.inspect_again(now, limit=5, by="tester") == 0


def test_a_flag_that_a_person_has_seen_stays_closed(
    known: Known, archive_it: Archive, world: SandboxState, now: datetime
) -> None:
    row = known(duration=600.0)
    world.faults.plan(Fault(on="media.get", body=WHOLE))
    archive_it(row)
    Recording.objects.update(needs_attention=None, seen_reason=Attention.LENGTH_DIFFERS, reader_version=0)
    assert archive.inspect_again(now, limit=5, by="tester") == 1
    row.refresh_from_db()
    assert (row.archive_flag, row.needs_attention) == (ArchiveFlag.LENGTH_DIFFERS, None)
    assert row.seen_reason == Attention.LENGTH_DIFFERS
