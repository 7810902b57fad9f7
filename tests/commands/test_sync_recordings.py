"""sync_recordings: its counts, its exit status, and every active account."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from recordings.models import Account, Recording, SyncRun
from tests.commands.shell import MANAGE, Ran, environment, manage, run
from tests.conftest import MAIN, SUB, TOKENS
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

COUNTS = {"seen": 0, "created": 0, "updated": 0, "unchanged": 0, "gone": 0, "failed": 0}


def fill(world: SandboxState, count: int = 3, auth_id: str = MAIN, **fields: Any) -> list[str]:
    return [world.add_recording(auth_id, **fields).recording_id for _ in range(count)]


def counts(ran: Ran) -> dict[str, int]:
    return {name: ran.json[name] for name in COUNTS}


def test_the_counts_are_whole_numbers_under_the_documented_keys(
    account: Account, world: SandboxState
) -> None:
    fill(world)
    first = run("sync_recordings", "--json")
    assert (first.code, first.json["complete"]) == (0, True)
    assert counts(first) == {**COUNTS, "seen": 3, "created": 3}
    assert counts(run("sync_recordings", "--json")) == {**COUNTS, "seen": 3, "unchanged": 3}


def test_each_account_has_an_entry_and_the_sums_are_theirs(
    account: Account, subaccount: Account, world: SandboxState
) -> None:
    fill(world)
    fill(world, 2, SUB)
    ran = run("sync_recordings", "--json")
    assert counts(ran) == {**COUNTS, "seen": 5, "created": 5}
    assert [(entry["account"], entry["created"], entry["complete"]) for entry in ran.json["accounts"]] == [
        (MAIN, 3, True),
        (SUB, 2, True),
    ]
    assert [
        entry["account"] for entry in run("sync_recordings", "--json", "--account", SUB).json["accounts"]
    ] == [SUB]


def test_one_account_that_fails_does_not_keep_the_other_from_its_sync(
    account: Account, subaccount: Account, world: SandboxState
) -> None:
    fill(world, 2, SUB)
    Account.objects.filter(auth_id=MAIN).update(encrypted_token=None)
    ran = run("sync_recordings", "--json")
    assert (ran.code, ran.json["complete"], ran.json["created"]) == (1, False, 2)
    assert f"{MAIN}: No token is stored" in ran.stderr


def test_gone_and_failed_rows_are_counted_and_only_failures_exit_1(
    account: Account, world: SandboxState
) -> None:
    first, *_ = fill(world)
    run("sync_recordings")
    Recording.objects.update(synced_at="2025-01-01T00:00:00Z")
    world.delete_recording(first)
    gone = run("sync_recordings", "--full", "--json")
    assert (gone.code, counts(gone)) == (0, {**COUNTS, "seen": 2, "unchanged": 2, "gone": 1})

    fill(world, 1, resource_uri="/v1/Account/MA_STRANGER/Recording/x/")
    failed = run("sync_recordings", "--json")
    assert (failed.code, failed.json["failed"], failed.json["complete"]) == (1, 1, False)
    assert "1 row or page failed: The recording belongs to MA_STRANGER" in failed.stderr


def test_cut_by_a_limit_is_not_complete_and_no_failure(account: Account, world: SandboxState) -> None:
    fill(world)
    ran = run("sync_recordings", "--limit", "2", "--json")
    assert (ran.code, ran.json["seen"], ran.json["complete"]) == (0, 2, False)


def test_while_another_runs_it_says_so_and_exits_0(account: Account, world: SandboxState) -> None:
    SyncRun.objects.begin(account, now=timezone.now(), scope={}, by=None)
    ran = run("sync_recordings", "--json")
    assert (ran.code, ran.json["complete"], ran.json["accounts"][0]["already_running"]) == (0, False, True)
    assert "Another sync was running already." in run("sync_recordings").stdout
    assert asked(world) == []


def test_a_dry_run_counts_and_writes_nothing(account: Account, world: SandboxState) -> None:
    fill(world)
    ran = run("sync_recordings", "--dry-run", "--json")
    assert (ran.code, counts(ran)) == (0, {**COUNTS, "seen": 3, "created": 3})
    assert not Recording.objects.exists()
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize(("arguments", "query"), [
    (["--call", "some-call"], {"call_uuid": "some-call"}), (["--type", "Trunk"], {"recording_type": "trunk"}),
])  # fmt: skip
def test_what_it_was_asked_for_is_asked_of_vobiz(
    account: Account, world: SandboxState, arguments: list[str], query: dict[str, str]
) -> None:
    assert run("sync_recordings", *arguments).code == 0
    assert query.items() <= asked(world)[0].detail["query"].items()


@pytest.mark.parametrize("auth_id", [MAIN, SUB])
def test_one_recording_is_found_in_whichever_account_has_it(
    account: Account, subaccount: Account, world: SandboxState, auth_id: str
) -> None:
    (wanted,) = fill(world, 1, auth_id)
    for expected in ({"created": 1}, {"unchanged": 1}):
        ran = run("sync_recordings", "--recording", wanted, "--json")
        assert (ran.code, ran.json["complete"], counts(ran)) == (0, True, {**COUNTS, "seen": 1, **expected})
        assert [entry["account"] for entry in ran.json["accounts"]] == [auth_id]
    # known by the second time, so asked of its own account at once
    assert [entry.auth_id for entry in asked(world)[-2:]] == [auth_id, auth_id]


def test_a_recording_that_no_account_has_is_a_failure_of_each_and_says_why(
    account: Account, subaccount: Account, world: SandboxState
) -> None:
    ran = run("sync_recordings", "--recording", "not-there-1234", "--json")
    assert (ran.code, ran.json["complete"], counts(ran)) == (1, False, {**COUNTS, "failed": 2})
    assert [entry["account"] for entry in ran.json["accounts"]] == [MAIN, SUB]
    assert f"{SUB}: 1 row or page failed: Vobiz has no recording with this id." in ran.stderr


def test_a_day_without_a_zone_is_the_accounts(account: Account, world: SandboxState) -> None:
    fill(world, 1, add_time="2025-11-05 18:29:59+00:00")  # one second before midnight in Kolkata
    (new,) = fill(world, 1, add_time="2025-11-05 18:30:01+00:00")
    run("sync_recordings", "--since", "2025-11-06")
    assert [row.recording_id for row in Recording.objects.all()] == [new]


@pytest.mark.once
@pytest.mark.parametrize("arguments", [
    ["--since", "soon"], ["--limit", "0"], ["--call", "../x"], ["--recording", "BulkDelete"], ["--type", "a b"],
    ["--account", "MA_NOTHERE1"],
])  # fmt: skip
def test_what_cannot_be_asked_for_is_a_usage_error(
    account: Account, world: SandboxState, arguments: list[str]
) -> None:
    assert run("sync_recordings", *arguments).code == 2
    assert asked(world) == []
    assert not SyncRun.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_an_operators_shell_gets_exit_codes_and_json_alone_on_stdout(
    account: Account, world: SandboxState
) -> None:
    fill(world)
    good = manage("sync_recordings", "--json")
    assert (good.code, good.json["created"], good.stderr) == (0, 3, "")
    assert manage("sync_recordings", "--limit", "many").code == 2
    world.faults.plan(Fault(on="recording.list", status=401))
    bad = manage("sync_recordings", "--json")
    assert (bad.code, bad.json["complete"]) == (1, False)
    assert "MA_…668 with the token ending …6789" in bad.stderr
    assert TOKENS[MAIN] not in bad.stderr + bad.stdout


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_control_c_ends_it_with_130_and_the_run_says_so(account: Account, world: SandboxState) -> None:
    fill(world)
    held = threading.Event()
    world.faults.plan(Fault(on="recording.list", first=lambda _: held.set(), delay_before=30))
    arguments = [sys.executable, str(MANAGE), "sync_recordings", "--json"]
    with subprocess.Popen(
        arguments, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        # Its row alone does not say that it is far enough to end it.
        assert held.wait(60)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)

    assert (process.returncode, stdout) == (130, "")
    assert stderr.strip() == "CommandError: Interrupted."
    run_ = SyncRun.objects.get()
    assert (run_.state, run_.error) == ("interrupted", "The sync was interrupted.")


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_a_full_disk_ends_it_in_words_and_the_next_sync_reads_everything(
    account: Account, world: SandboxState
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("SQLite can be told that there is no more room")
    ids = fill(world, 300)
    with connection.cursor() as cursor:  # SQLite answers as on a full disk once its file would have to grow
        room = cursor.execute("PRAGMA max_page_count").fetchone()[0]
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
        cursor.execute(f"PRAGMA max_page_count = {pages}")
        try:
            ran = run("sync_recordings")
        finally:
            cursor.execute(f"PRAGMA max_page_count = {room}")
    assert ran.code == 1
    assert "disk is full" in ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr

    SyncRun.objects.update(
        lease_until=timezone.now() - timedelta(hours=1)
    )  # what is left of it has no process
    assert run("sync_recordings", "--full").code == 0
    assert set(Recording.objects.values_list("recording_id", flat=True)) == set(ids)
