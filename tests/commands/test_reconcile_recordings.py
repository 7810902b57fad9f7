"""`reconcile_recordings`: the same settling, once, by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from recordings.choices import RecordingStatus
from recordings.models import Account, Recording
from tests.callbacks.rows import DOCUMENTED, listed_row
from tests.commands.shell import manage, run
from tests.conftest import MAIN
from tests.ledger import asked
from tests.vobiz.payloads import payload
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState


@pytest.fixture
def due(account: Account, world: SandboxState) -> Recording:
    """A recording whose callback came, and that is to be read back."""
    world.add_recording(MAIN, **payload("recordings__documented_call")["objects"][0])
    return listed_row(account, read_back_due_at=timezone.now())


def test_it_settles_what_is_due_and_says_what_is_open(due: Recording, account: Account) -> None:
    ran = run("reconcile_recordings", "--json")
    assert ran.code == 0
    assert (ran.json["settled"], ran.json["open"]) == (1, 0)
    assert ran.json["accounts"] == [
        {"account": MAIN, "settled": 1, "open": 0, "already_running": False, "error": None}
    ]
    due.refresh_from_db()
    assert (due.recording_id, due.status) == (DOCUMENTED, RecordingStatus.COMPLETED)
    account.refresh_from_db()
    assert account.settled_at is not None
    assert account.leased_by is None


def test_for_people_it_is_one_sentence(account: Account) -> None:
    assert run("reconcile_recordings", "--account", MAIN).stdout.endswith(": 0 finished, 0 still open.\n")


def test_where_vobiz_cannot_be_asked_it_fails_and_says_so(due: Recording, world: SandboxState) -> None:
    world.faults.plan(Fault(on="recording.retrieve", status=401, times=None))
    ran = run("reconcile_recordings", "--json")
    assert (ran.code, ran.json["settled"], ran.json["open"]) == (1, 0, 1)
    assert "refused Auth ID" in ran.stderr


def test_what_another_is_settling_is_left_to_it(
    due: Recording, account: Account, world: SandboxState
) -> None:
    until = timezone.now() + timedelta(seconds=30)
    Account.objects.update(leased_by="another", leased_until=until)
    ran = run("reconcile_recordings")
    assert ran.code == 0
    assert "0 finished, 1 still open. Another process" in ran.stdout
    assert asked(world) == []


def test_an_account_that_is_not_there_is_a_usage_error(account: Account) -> None:
    assert run("reconcile_recordings", "--account", "MA_NOBODY").code == 2


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_it_runs_as_an_operator_runs_it(due: Recording, now: datetime) -> None:
    ran = manage("reconcile_recordings", "--json")
    assert (ran.code, ran.json["settled"]) == (0, 1)
