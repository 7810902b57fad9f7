"""Pages that refresh themselves: which do, how often, and what a background request is answered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recordings.choices import RecordingStatus, SyncState
from recordings.models import Account, SyncRun
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_live_call, a_recording, a_run, a_running, a_transcript
from tests.archived import an_archived

AGAIN = {"X-Background-Refresh": "1"}


def every(client: Client, address: str) -> int | None:
    """Return the seconds between two looks at a page; None where it is final."""
    text = client.get(address).content.decode()
    assert text.count('id="refresh"') == 1
    found = text.partition('id="refresh" data-every="')[2].partition('"')[0]
    return int(found) if found else None


def page_of(row: Any) -> str:
    return reverse(f"admin:recordings_{row._meta.model_name}_change", args=[row.pk])


def test_a_recording_refreshes_itself_until_it_is_completed_and_archived(
    account: Account, boss: Client
) -> None:
    running = a_running(account)
    waiting = a_recording(account)
    archived, expected = an_archived(account), an_archived(account)
    a_transcript(expected, status="expected", text=None)

    assert every(boss, page_of(running)) == 5
    assert every(boss, page_of(waiting)) == every(boss, page_of(expected)) == 10
    assert every(boss, page_of(archived)) is None


def test_a_call_refreshes_itself_while_it_is_live_or_recorded(account: Account, boss: Client) -> None:
    over, recorded = a_call(account), a_call(account)
    a_recording(account, call=over)
    a_running(account, call=recorded)

    assert every(boss, page_of(a_live_call(account))) == 5
    assert every(boss, page_of(recorded)) == 5
    assert every(boss, page_of(over)) is None


def test_a_sync_refreshes_itself_while_it_runs(account: Account, boss: Client) -> None:
    later = timezone.now() + timedelta(minutes=1)
    running = a_run(account, state=SyncState.RUNNING, complete=False, ended_at=None, lease_until=later)

    assert every(boss, page_of(running)) == 3
    SyncRun.objects.update(lease_until=timezone.now() - timedelta(minutes=1))
    assert every(boss, page_of(running)) is None
    assert every(boss, page_of(a_run(account))) is None


@pytest.mark.parametrize("name", ["index", "recordings_recording_at_risk"])
def test_the_overview_and_what_is_at_risk_always_do(account: Account, boss: Client, name: str) -> None:
    assert every(boss, reverse(f"admin:{name}"))


@pytest.mark.parametrize(
    "address", ["/admin/", "/admin/recordings/call/live/", "/admin/recordings/recording/1/change/"]
)
def test_who_is_signed_out_is_told_so_and_gets_no_login_page(db: None, client: Client, address: str) -> None:
    assert client.get(address, headers=AGAIN).status_code == 401
    assert client.get(address).status_code == 302


def test_who_is_made_inactive_is_signed_out(account: Account, staff: Person) -> None:
    client = staff("view_recording", accounts=[account])
    assert client.get("/admin/", headers=AGAIN).status_code == 200

    User.objects.update(is_active=False)
    assert client.get("/admin/", headers=AGAIN).status_code == 401


def test_a_message_waits_for_a_page_that_somebody_loads(account: Account, boss: Client) -> None:
    running = a_running(account, status=RecordingStatus.COMPLETED, duration_ms=1_000)
    pressed = boss.post(reverse("admin:recordings_recording_stop", args=[running.pk]))
    assert pressed.status_code == 302

    assert "messagelist" not in boss.get(page_of(running), headers=AGAIN).content.decode()
    shown = boss.get(page_of(running))
    assert "messagelist" in shown.content.decode()
    assert "messagelist" not in boss.get(page_of(running)).content.decode()
