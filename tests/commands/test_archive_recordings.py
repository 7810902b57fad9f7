"""archive_recordings: its counts, its words, its exit status, each account by itself."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from recordings import sync
from recordings.models import Account, Recording
from recordings.sync import SyncRequest
from tests.commands.shell import MANAGE, environment, manage, run
from tests.conftest import MAIN, SUB
from tests.waiting import eventually
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

# the command has threads of its own, so that what a test wrote must be committed
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _kept_here(archive_folder: Path) -> None:
    """Audio goes into the test's own folder."""


def fill(world: SandboxState, account: Account, count: int = 3, **fields: float) -> None:
    """Recordings of a day ago by the real clock, which commands go by, synced."""
    for _ in range(count):
        added = (timezone.now() - timedelta(days=fields.get("age_days", 1.0))).timestamp()
        world.add_recording(account.auth_id, added_at=added, duration=5.04)
    sync.run(account, SyncRequest(), now=timezone.now(), sync_run=None)


def test_the_keys_are_those_documented_and_the_counts_are_whole_numbers(
    account: Account, world: SandboxState
) -> None:
    fill(world, account)
    ran = run("archive_recordings", "--json")
    assert (ran.code, ran.stderr) == (0, "")
    size = sum(row.audio_bytes or 0 for row in Recording.objects.all())
    counts = {"archived": 3, "failed": 0, "bytes": size, "due": 0, "at_risk": 0, "lost": 0, "stopped": None}
    assert ran.json == counts | {"accounts": [{"account": MAIN, **counts}]}
    assert run("archive_recordings", "--json").json["archived"] == 0


def test_each_account_has_an_entry_and_one_can_be_named(
    account: Account, subaccount: Account, world: SandboxState
) -> None:
    fill(world, account)
    fill(world, subaccount, 2)
    assert run("archive_recordings", "--account", SUB, "--json").json["archived"] == 2
    ran = run("archive_recordings", "--json")
    assert [(entry["account"], entry["archived"]) for entry in ran.json["accounts"]] == [(MAIN, 3), (SUB, 0)]


def test_a_limit_leaves_the_rest_due_and_is_no_failure(account: Account, world: SandboxState) -> None:
    fill(world, account)
    ran = run("archive_recordings", "--limit", "1", "--workers", "2", "--json")
    assert (ran.code, ran.json["archived"], ran.json["due"]) == (0, 1, 2)


def test_an_account_that_is_not_archived_automatically_is_archived_all_the_same(
    account: Account, world: SandboxState
) -> None:
    Account.objects.update(archive_automatically=False)
    fill(world, account)
    assert run("archive_recordings", "--json").json["archived"] == 3


def test_a_failure_is_said_on_stderr_with_its_reason_and_ends_with_1(
    account: Account, world: SandboxState
) -> None:
    fill(world, account, 2)
    bad = Recording.objects.earliest("pk")
    world.faults.plan(Fault(on="media.get", path=f"*{bad.recording_id}*", body=b"<html>", times=None))
    ran = run("archive_recordings")
    assert ran.code == 1
    assert ran.stdout.startswith("Archived 1 recording ")
    assert "1 failed, 1 not archived yet" in ran.stdout
    assert "web page" in ran.stderr


def test_what_stops_it_is_said_with_a_hint_and_ends_with_1(account: Account, world: SandboxState) -> None:
    fill(world, account)
    world.faults.plan(Fault(on="recording.retrieve", status=401, times=None))
    ran = run("archive_recordings", "--json")
    assert ran.code == 1
    assert "refused Auth ID" in ran.json["stopped"]
    assert ran.json["accounts"][0]["stopped"] == ran.json["stopped"]
    assert "continues by itself" in ran.stderr
    assert ran.json["failed"] == 0
    world.faults.clear()
    assert (
        run("archive_recordings", "--json").json["archived"] == 3
    )  # whoever runs it asks whether it may go on


def test_what_leaves_soon_is_at_risk_and_what_is_newly_lost_ends_with_1(
    account: Account, world: SandboxState
) -> None:
    fill(world, account, 1, age_days=25.0)
    Account.objects.update(first_synced_at=timezone.now() - timedelta(days=40))
    world.faults.plan(Fault(on="media.get", status=403, times=None))
    assert run("archive_recordings", "--json").json["at_risk"] == 1
    Recording.objects.update(archive_next_at=None)
    world.delete_recording(str(Recording.objects.get().recording_id))
    ran = run("archive_recordings", "--json")
    assert (ran.code, ran.json["lost"], ran.json["due"], ran.json["failed"]) == (1, 1, 0, 0)
    assert "newly lost" in ran.stderr
    assert run("archive_recordings", "--json").code == 0  # it is lost, and that is no news


@pytest.mark.parametrize(
    "wrong", [["--limit", "0"], ["--workers", "0"], ["--workers", "33"], ["--account", "MA_NOBODY"]]
)
def test_wrong_usage_ends_with_2(account: Account, wrong: list[str]) -> None:
    assert run("archive_recordings", *wrong).code == 2


@pytest.mark.once
def test_an_operator_gets_one_document_and_nothing_else_on_stdout(
    account: Account, world: SandboxState, tmp_path: Path
) -> None:
    fill(world, account)
    ran = manage("archive_recordings", "--json", VAR_DIR=str(tmp_path / "var"))
    assert (ran.code, ran.stderr) == (0, "")
    assert ran.json["archived"] == 3
    row = Recording.objects.earliest("pk")
    assert (tmp_path / "var" / "archive" / str(row.audio)).stat().st_size == row.audio_bytes


@pytest.mark.once
def test_ctrl_c_ends_it_with_130_and_leaves_nothing_in_hand(
    account: Account, world: SandboxState, tmp_path: Path
) -> None:
    fill(world, account, 1)
    world.faults.plan(Fault(on="media.get", drip=0.05, times=None))
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), "archive_recordings"],
        env=environment(VAR_DIR=str(tmp_path / "var")), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    incoming = tmp_path / "var" / "archive" / "incoming"
    eventually(lambda: any(part.stat().st_size for part in incoming.glob("*.part")))
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    row = Recording.objects.get()
    assert (row.leased_by, row.archive_tries, row.archived_at) == (None, 0, None)
    assert [path for path in (tmp_path / "var" / "archive").rglob("*") if path.is_file()] == []
