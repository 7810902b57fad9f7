"""`verify_archive`: by its exit status and its JSON."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from recordings.choices import Attention
from recordings.models import Account, Recording
from tests.archived import an_archived
from tests.commands.shell import run
from tests.conftest import MAIN, SUB
from tests.meanwhile import before_statement

pytestmark = pytest.mark.django_db


def test_an_archive_that_is_whole_exits_clean(account: Account, archive_folder: Path) -> None:
    row = an_archived(account, b"RIFF")
    done = run("verify_archive", "--json")
    assert (done.code, done.stderr) == (0, "")
    assert done.json == {
        "verified": 1, "missing": 0, "altered": 0, "orphaned": 0, "unread": 0, "bytes": 4, "stopped": None,
        "orphans": [], "accounts": [{"account": MAIN, "verified": 1, "missing": 0, "altered": 0}],
    }  # fmt: skip
    row.refresh_from_db()
    assert row.verified_at is not None
    assert run("verify_archive").stdout.strip() == "1 file verified, 0 missing, 0 altered."


def test_what_is_missing_altered_or_nobodys_is_counted_and_said(
    account: Account, archive_folder: Path
) -> None:
    gone, altered, nobodys, _whole = (an_archived(account, b"RIFF%d" % at) for at in range(4))
    (archive_folder / str(gone.audio)).unlink()
    (archive_folder / str(altered.audio)).write_bytes(b"RIFF7")
    os.utime(archive_folder / str(nobodys.audio), (0, 0))
    nobodys.delete()
    done = run("verify_archive", "--json")
    assert done.code == 1
    counts = {what: done.json[what] for what in ("verified", "missing", "altered", "orphaned")}
    assert counts == {"verified": 1, "missing": 1, "altered": 1, "orphaned": 1}
    assert done.json["orphans"] == [nobodys.audio]
    assert "1 missing and 1 altered" in done.stderr
    assert (archive_folder / str(nobodys.audio)).is_file()
    states = dict(Recording.objects.values_list("pk", "needs_attention"))
    assert (states[gone.pk], states[altered.pk]) == (Attention.AUDIO_MISSING, Attention.AUDIO_ALTERED)
    said = run("verify_archive").stdout
    assert f"Files without a recording: 1, for example {nobodys.audio}." in said


def test_one_accounts_and_a_slice_of_them(
    account: Account, subaccount: Account, archive_folder: Path
) -> None:
    for whose in (account, account, subaccount):
        an_archived(whose, b"RIFF")
    Account.objects.filter(pk=subaccount.pk).update(is_active=False)  # what it has kept is kept
    assert run("verify_archive", "--json", "--account", SUB).json["verified"] == 1
    assert run("verify_archive", "--json", "--account", MAIN, "--limit", "1").json["verified"] == 1
    assert run("verify_archive", "--json").json["verified"] == 3


def test_a_storage_that_goes_away_in_between_is_said_in_a_sentence(
    account: Account, archive_folder: Path
) -> None:
    row = an_archived(account, b"RIFF")
    path = archive_folder / str(row.audio)
    path.unlink()

    def the_disk_goes() -> None:
        path.parent.rmdir()
        path.parent.write_bytes(b"")

    looked_at_again = 'UPDATE "recordings_recording" SET "leased_by"'
    with before_statement(looked_at_again, the_disk_goes, nth=3):
        done = run("verify_archive", "--json")

    assert (done.code, done.json["missing"]) == (1, 1)
    assert done.json["stopped"] == "The archive's folder could not be used: Not a directory."
    assert done.stderr.endswith("could not be used: Not a directory.")
    row.refresh_from_db()
    assert row.archived_at is not None


@pytest.mark.parametrize("arguments", [("--limit", "0"), ("--account", "MA_NOBODY00")])
def test_what_makes_no_sense_is_a_usage_error(
    account: Account, archive_folder: Path, arguments: tuple[str, ...]
) -> None:
    assert run("verify_archive", *arguments).code == 2
