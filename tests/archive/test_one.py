"""One recording and the sandbox's audio: what is kept, what is said of it, and what is not kept."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from recordings import sync
from recordings.archive import Outcome, Result, inspect_again
from recordings.choices import ArchiveFlag, Attention, RecordingStatus
from recordings.models import Account, Recording, Waveform
from recordings.models.recording.transitions import MANY_TRIES
from recordings.sync import SyncRequest
from tests.archive.conftest import Known, after, at_vobiz, files, holds
from tests.archived import archive_one
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

Archive = Callable[..., Outcome]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("file_format", ["mp3", "wav"])
def test_a_recording_is_kept_byte_for_byte_with_its_picture(
    known: Known,
    archive_it: Archive,
    archive_folder: Path,
    world: SandboxState,
    now: datetime,
    file_format: str,
) -> None:
    row = known(file_format=file_format, channels=2)
    outcome = archive_it(row)
    body = at_vobiz(world, row)
    assert outcome == Outcome(Result.ARCHIVED, size=len(body))
    assert holds(archive_folder, row, body)
    assert (row.container, row.audio_duration_ms, row.audio_channels) == (file_format, 10_080, 2)
    assert (row.archive_flag, row.needs_attention, row.archive_error, row.leased_by) == (None,) * 4
    assert timedelta() <= after(row.archived_at, now) < timedelta(minutes=1)
    assert row.verified_at == row.archived_at
    assert [max(lane) > 10 for lane in Waveform.objects.get(recording=row).lanes] == [True, True]


def test_wav_under_the_name_of_mp3_is_kept_as_wav(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState
) -> None:
    row = known(container="wav", url_extension="mp3", recording_format="mp3")
    assert archive_it(row).result == Result.ARCHIVED
    assert (row.file_format, row.container, Path(str(row.audio)).suffix) == ("mp3", "wav", ".wav")
    assert holds(archive_folder, row, at_vobiz(world, row))


def test_the_address_is_asked_for_anew_each_time(
    known: Known, archive_it: Archive, world: SandboxState
) -> None:
    row = known()
    Recording.objects.filter(pk=row.pk).update(recording_url="https://media.vobiz.ai/expired.mp3")
    assert archive_it(row).result == Result.ARCHIVED
    assert [one.detail["operation"] for one in asked(world)][-2:] == ["recording.retrieve", "media.get"]


@pytest.mark.parametrize(
    ("said_ms", "flag"),
    [
        ("10080.00000", None), ("12080.00000", None), ("12081.00000", ArchiveFlag.LENGTH_DIFFERS),
        ("8079.00000", ArchiveFlag.LENGTH_DIFFERS),
    ],
)  # fmt: skip
def test_a_whole_file_of_another_length_is_kept_and_flagged(
    known: Known, archive_it: Archive, world: SandboxState, said_ms: str, flag: ArchiveFlag | None
) -> None:
    row = known()
    world.faults.plan(
        Fault(on="recording.retrieve", edit=lambda seen: {**seen, "recording_duration_ms": said_ms})
    )
    assert archive_it(row).result == Result.ARCHIVED
    assert row.archive_flag == flag
    assert row.needs_attention == (Attention.LENGTH_DIFFERS if flag else None)
    assert row.audio_duration_ms == 10_080


def test_of_a_long_recording_two_hundredths_may_be_missing(
    known: Known, archive_it: Archive, world: SandboxState
) -> None:
    row = known(duration=1_000.08)
    world.faults.plan(
        Fault(on="recording.retrieve", edit=lambda seen: {**seen, "recording_duration_ms": "1020000"})
    )
    assert archive_it(row).result == Result.ARCHIVED
    assert row.archive_flag is None


@pytest.mark.parametrize("no_length", [True, False])
def test_a_cut_file_is_tried_again_and_kept_and_flagged_when_it_is_all_there_is(
    known: Known,
    archive_it: Archive,
    archive_folder: Path,
    world: SandboxState,
    now: datetime,
    *,
    no_length: bool,
) -> None:
    row = known()
    world.faults.plan(Fault(on="media.get", cut=5_000, no_length=no_length, times=3))
    for at in (1, 2):
        assert archive_it(row, now + timedelta(hours=at)).result == Result.FAILED
        assert (row.archive_tries, row.archive_same_bodies, row.archived_at) == (at, at, None)
        assert "5000 bytes" in str(row.archive_error)
        assert files(archive_folder) == []
    assert archive_it(row, now + timedelta(hours=3)).result == Result.ARCHIVED
    assert (row.archive_flag, row.needs_attention) == (ArchiveFlag.CUT_BY_VOBIZ, Attention.CUT_BY_VOBIZ)
    assert holds(archive_folder, row, at_vobiz(world, row)[:5_000])


def test_only_the_same_cut_file_counts_again(
    known: Known, archive_it: Archive, world: SandboxState, now: datetime
) -> None:
    row = known()
    for at, cut in enumerate((5_000, 5_001, 5_001, 4_000)):
        world.faults.plan(Fault(on="media.get", cut=cut, no_length=True))
        assert archive_it(row, now + timedelta(hours=at)).result == Result.FAILED
    assert row.archive_same_bodies == 1
    assert archive_it(row, now + timedelta(hours=9)).result == Result.ARCHIVED
    assert (row.archive_flag, row.archive_error) == (None, None)


def test_the_tries_come_ever_more_rarely_and_never_end(
    known: Known, archive_it: Archive, world: SandboxState, now: datetime
) -> None:
    row = known()
    world.faults.plan(Fault(on="media.get", status=403, times=None))
    waits, at = [], now
    for _ in range(MANY_TRIES + 2):
        assert archive_it(row, at).result == Result.FAILED
        waits.append(round(after(row.archive_next_at, at).total_seconds() / 60))
        at += after(row.archive_next_at, at)
        attention = Attention.NOT_ARCHIVED if len(waits) >= MANY_TRIES else None
        assert row.needs_attention == attention
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360, 360]
    last = row.retention_ends_at - timedelta(days=2)
    archive_it(row, last)
    assert round(after(row.archive_next_at, last).total_seconds() / 60) == 60
    world.faults.clear()
    assert archive_it(row, row.archive_next_at).result == Result.ARCHIVED
    assert (row.needs_attention, row.archive_error, row.archive_next_at) == (None, None, None)


def test_what_vobiz_has_no_more_is_gone_and_not_tried_again(
    known: Known, archive_it: Archive, world: SandboxState, run_now: Any
) -> None:
    row = known()
    world.delete_recording(str(row.recording_id))
    assert archive_it(row).result == Result.GONE
    assert row.gone_at_provider_at is not None
    assert row.archive_error == "Vobiz deleted the audio."
    before = len(asked(world))
    assert run_now().tried == 0
    assert len(asked(world)) == before


def test_a_listed_recording_past_its_date_whose_file_is_away_is_gone_and_stays_so(
    known: Known, archive_it: Archive, world: SandboxState, now: datetime
) -> None:
    row = known(age_days=31.0)
    world.quirks.retention_days = 30
    assert archive_it(row).result == Result.GONE
    gone_at = row.gone_at_provider_at
    assert gone_at is not None

    again = sync.run(row.account, SyncRequest(full=True), now=now + timedelta(days=1), sync_run=None)

    row.refresh_from_db()
    assert (row.gone_at_provider_at, again.updated, again.unchanged) == (gone_at, 0, 1)


def test_past_its_date_it_is_tried_all_the_same(known: Known, archive_it: Archive) -> None:
    assert archive_it(known(age_days=45.0)).result == Result.ARCHIVED


def test_a_young_file_that_is_not_there_yet_costs_no_try(
    known: Known, archive_it: Archive, world: SandboxState, now: datetime
) -> None:
    row = known(age_days=0.0)
    world.faults.plan(Fault(on="media.get", status=404))
    assert archive_it(row).result == Result.NOT_READY
    assert (row.archive_tries, row.needs_attention) == (0, None)
    assert after(row.archive_next_at, now) >= timedelta(minutes=1)
    assert archive_it(row, row.archive_next_at).result == Result.ARCHIVED


def test_an_old_file_that_is_not_there_is_a_failure(
    known: Known, archive_it: Archive, world: SandboxState
) -> None:
    row = known()
    world.faults.plan(Fault(on="media.get", status=404))
    assert archive_it(row).result == Result.FAILED
    assert "404" in str(row.archive_error)


def test_what_only_a_callback_named_and_the_api_does_not_know_yet_is_not_gone(
    known: Known, archive_it: Archive, world: SandboxState, now: datetime
) -> None:
    row = known(age_days=0.0)
    Recording.objects.filter(pk=row.pk).update(synced_at=None)
    world.faults.plan(Fault(on="recording.retrieve", status=404, body={"error": "not found"}))
    assert archive_it(row).result == Result.NOT_READY
    assert row.gone_at_provider_at is None
    assert archive_it(row, now + timedelta(hours=1)).result == Result.ARCHIVED


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"on": "recording.retrieve", "status": 401}, "refused Auth ID"),
        ({"on": "recording.retrieve", "status": 503, "times": None}, "503"),
        ({"on": "media.get", "status": 503, "times": None}, "503"),
        ({"on": "recording.retrieve", "status": 429, "times": None}, "fewer requests"),
        ({"on": "media.get", "drop": "before", "times": None}, "could not be reached"),
        ({"on": "media.get", "status": 401, "times": None}, "refused Auth ID"),
    ],
)
def test_a_cause_that_is_not_the_rows_own_pauses_the_account_and_costs_no_try(
    known: Known, archive_it: Archive, archive_folder: Path, world: SandboxState, now: datetime, settings: Settings,
    fault: dict[str, Any], words: str,
) -> None:  # fmt: skip
    settings.VOBIZ_TOTAL_TIMEOUT = 1.0
    row = known()
    world.faults.plan(Fault(**fault))
    outcome = archive_it(row)
    assert outcome.result == Result.PAUSED
    assert words in outcome.words
    assert (row.archive_tries, row.archived_at, row.leased_by) == (0, None, None)
    account = Account.objects.get(pk=row.account_id)
    assert account.archive_pause == outcome.words
    assert timedelta(minutes=1) <= after(account.archive_probe_at, now) < timedelta(minutes=2)
    assert files(archive_folder) == []
    world.faults.clear()
    assert archive_it(row, now + timedelta(minutes=1)).result == Result.ARCHIVED
    account = Account.objects.get(pk=row.account_id)
    assert (account.archive_pause, account.archive_probe_at, account.archive_paused_at) == (None, None, None)


def test_what_pauses_all_but_meets_only_one_recording_again_is_its_own(
    known: Known, archive_it: Archive, world: SandboxState, now: datetime
) -> None:
    """Its file alone is refused: it must not keep the others from being archived, nor stay unnoticed."""
    bad, good = known(), known()
    world.faults.plan(Fault(on="media.get", path=f"*{bad.recording_id}*", status=401, times=None))
    assert archive_it(bad).result == Result.PAUSED
    assert archive_it(good, now + timedelta(minutes=1)).result == Result.ARCHIVED
    assert archive_it(bad, now + timedelta(minutes=3)).result == Result.FAILED
    assert bad.archive_tries == 1
    assert Account.objects.get(pk=bad.account_id).archive_pause is None


def test_an_account_without_a_token_that_opens_pauses(known: Known, archive_it: Archive) -> None:
    row = known()
    Account.objects.filter(pk=row.account_id).update(encrypted_token=None)
    row.refresh_from_db()
    outcome = archive_it(row)
    assert outcome.result == Result.PAUSED
    assert "No token is stored" in outcome.words


@pytest.fixture
def small_disk(archive_folder: Path) -> Iterator[Path]:
    """A file system with room for bytes and none for a second file: the kernel says that it is full."""
    archive_folder.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3g,nr_inodes=2", "none", str(archive_folder)], check=False
    )
    if mounted.returncode:
        pytest.skip("only root may mount a disk")
    yield archive_folder
    subprocess.run(["umount", "-l", str(archive_folder)], check=True)


def test_a_full_disk_pauses_and_goes_on_by_itself_when_there_is_room(
    known: Known, archive_it: Archive, small_disk: Path, now: datetime
) -> None:
    row = known()
    outcome = archive_it(row)
    assert (outcome.result, "full" in outcome.words) == (Result.PAUSED, True)
    assert (row.archive_tries, row.archived_at, files(small_disk)) == (0, None, [])
    subprocess.run(["mount", "-o", "remount,nr_inodes=100", str(small_disk)], check=True)
    assert archive_it(row, now + timedelta(minutes=1)).result == Result.ARCHIVED


def test_less_than_a_gigabyte_free_stops_before_vobiz_is_asked(
    known: Known, archive_it: Archive, small_disk: Path, world: SandboxState
) -> None:
    subprocess.run(["mount", "-o", "remount,size=900m,nr_inodes=100", str(small_disk)], check=True)
    row = known()
    before = len(asked(world))
    outcome = archive_it(row)
    assert (outcome.result, "must stay free" in outcome.words) == (Result.PAUSED, True)
    assert len(asked(world)) == before


def test_a_folder_that_is_none_pauses(known: Known, archive_it: Archive, archive_folder: Path) -> None:
    archive_folder.write_bytes(b"a file where the folder should be")
    row = known()
    assert archive_it(row).result == Result.PAUSED
    assert row.archive_tries == 0


def test_who_has_it_keeps_it(known: Known, archive_it: Archive, world: SandboxState) -> None:
    row = known()
    assert Recording.objects.filter(pk=row.pk).lease("another", limit=1)
    before = len(asked(world))
    assert archive_it(row).result == Result.TAKEN
    assert row.leased_by == "another"
    assert len(asked(world)) == before


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("gone", [True, False])
def test_a_row_that_another_took_or_that_went_away_meanwhile_gets_no_file(
    known: Known, archive_folder: Path, world: SandboxState, now: datetime, *, gone: bool
) -> None:
    row = known()

    def meanwhile(_world: SandboxState) -> None:
        mine = Recording.objects.filter(pk=row.pk)
        mine.delete() if gone else mine.update(leased_by="another")
        connection.close()

    world.faults.plan(Fault(on="media.get", first=meanwhile))
    assert archive_one(row, by="tester", now=now).result == Result.TAKEN
    assert files(archive_folder) == []
    assert not Recording.objects.filter(pk=row.pk, archived_at__isnull=False).exists()


def test_a_recording_that_vobiz_says_goes_on_is_not_archived_yet(
    known: Known, archive_it: Archive, world: SandboxState
) -> None:
    row = known(age_days=0.0)
    Recording.objects.filter(pk=row.pk).update(status=RecordingStatus.ACTIVE)
    running = {"recording_url": "", "recording_end_ms": None, "recording_duration_ms": None}
    world.faults.plan(Fault(on="recording.retrieve", edit=lambda seen: {**seen, **running}))
    assert archive_it(row).result in (Result.NOT_READY, Result.FAILED)
    assert row.archived_at is None


def test_audio_that_cannot_be_drawn_is_kept_without_a_picture(
    known: Known, archive_it: Archive, world: SandboxState
) -> None:
    row = known()
    world.faults.plan(Fault(on="media.get", body=b"\xff\xe3\x18\xc4" + bytes(20_000), times=3))
    for _ in range(3):
        outcome = archive_it(row)
    assert outcome.result == Result.ARCHIVED
    assert (row.container, row.archive_flag) == ("unknown", ArchiveFlag.UNKNOWN_FORMAT)
    assert row.needs_attention == Attention.UNKNOWN_FORMAT
    assert str(row.audio).endswith(".bin")
    assert bytes(Waveform.objects.get(recording=row).points) == b""


def test_a_copy_whose_picture_cannot_be_written_down_is_archived_all_the_same(
    known: Known, archive_it: Archive, now: datetime
) -> None:
    row = known()
    refuse = {
        "sqlite": [  # not RAISE, which is taken for a constraint: another may have drawn it
            "CREATE TRIGGER no_picture BEFORE INSERT ON recordings_waveform BEGIN SELECT * FROM nowhere; END"
        ],
        "postgresql": [
            "CREATE FUNCTION no_picture() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'",
            "CREATE TRIGGER no_picture BEFORE INSERT ON recordings_waveform EXECUTE FUNCTION no_picture()",
        ],
    }  # fmt: skip
    with connection.cursor() as cursor:
        for statement in refuse[connection.vendor]:
            cursor.execute(statement)
    assert archive_it(row).result == Result.ARCHIVED
    assert (row.archive_error, row.archive_tries, row.archive_next_at) == (None, 0, None)
    with connection.cursor() as cursor:
        its_table = " ON recordings_waveform" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER no_picture{its_table}")
    assert inspect_again(now, limit=1, by="tester") == 1
    assert Waveform.objects.filter(recording=row).exists()
