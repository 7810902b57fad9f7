"""What the overview says of the background work, and of callbacks that never came."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recordings.choices import Attention, RecordingStatus, StartAnswer, TranscriptionStatus
from recordings.models import Account, Recording, Transcription, Worker
from tests.callbacks.rows import asked_for
from tests.conftest import MAIN


@pytest.fixture
def account(db: None) -> Account:
    made: Account = Account.objects.create(auth_id=MAIN)
    return made


def overview_of(client: Client) -> str:
    return " ".join(client.get("/admin/").content.decode().split())


def a_worker(ago: timedelta, **columns: Any) -> Worker:
    at = timezone.now() - ago
    made: Worker = Worker.objects.create(
        name=f"here:{ago.total_seconds()}", started_at=at, heard_at=at, swept_at=at, **columns
    )
    return made


def unheard(account: Account, number: int, **columns: Any) -> Recording:
    now = timezone.now()
    return asked_for(account, f"key-{number}-0123456789abcdefghij", **{
        "requested_at": now, "happened_at": now, "status": RecordingStatus.COMPLETED, "recording_id": f"rec-{number}",
        "no_callback_at": now, **columns,
    })  # fmt: skip


def test_a_worker_that_is_missing_is_said_with_the_command_that_cures_it(
    admin_client: Client, account: Account
) -> None:
    page = overview_of(admin_client)
    assert "No worker is running" in page
    assert "<code>manage.py worker</code>" in page
    a_worker(timedelta(minutes=5))
    assert "No worker is running: the last was heard of 5" in overview_of(admin_client)


def test_a_worker_that_is_there_is_said_and_when_it_looked(admin_client: Client, account: Account) -> None:
    a_worker(timedelta(seconds=20))
    a_worker(timedelta(seconds=30), stopped_at=timezone.now())
    page = overview_of(admin_client)
    assert "1 worker is running" in page
    assert "checked 20" in page
    assert "No open tasks" in page
    assert "manage.py worker" not in page


def test_what_is_due_for_long_is_said_with_its_age(admin_client: Client, account: Account) -> None:
    a_worker(timedelta(seconds=5))
    unheard(account, 1, read_back_due_at=timezone.now() - timedelta(minutes=20), no_callback_at=None)
    page = overview_of(admin_client)
    assert "Behind" in page
    assert "The oldest open task became due 20" in page


def test_a_start_of_unknown_outcome_waits_to_be_settled(
    admin_client: Client, account: Account, client: Client
) -> None:
    a_worker(timedelta(seconds=5))
    unknown = {
        "status": RecordingStatus.REQUESTED, "start_answer": StartAnswer.UNKNOWN, "recording_id": None,
        "needs_attention": Attention.MAY_BE_RECORDING, "no_callback_at": None,
    }  # fmt: skip
    unheard(account, 1, **unknown)
    syncs_only = User.objects.create_user("syncs-only", is_staff=True)
    syncs_only.user_permissions.add(Permission.objects.get(codename="view_syncrun"))
    account.members.add(syncs_only)
    client.force_login(syncs_only)

    for page in (overview_of(admin_client), overview_of(client)):
        assert "1 start is not confirmed yet. The portal checks it again." in page
        assert "Nothing waits to be settled." not in page

    unheard(account, 2, **unknown)
    assert "2 starts are not confirmed yet. The portal checks them again." in overview_of(admin_client)


def test_a_recording_without_its_callback_says_so(admin_client: Client, account: Account) -> None:
    found, sought = unheard(account, 1), unheard(account, 2, status=RecordingStatus.ACTIVE)
    waiting = unheard(account, 3, no_callback_at=None)
    pages = [
        admin_client.get(f"{reverse('admin:recordings_recording_change', args=[row.pk])}?tab=timeline")
        for row in (found, sought, waiting)
    ]
    said = [page.content.decode() for page in pages]
    assert ["No callback received; found through the API" in page for page in said] == [True, False, False]
    assert ["No callback received; the portal asks Vobiz instead" in page for page in said] == [
        False,
        True,
        False,
    ]


def test_after_a_gap_it_says_once_how_much_never_came(admin_client: Client, account: Account) -> None:
    for number in range(3):
        unheard(account, number, transcribe=number == 0)
    unheard(account, 3, status=RecordingStatus.ACTIVE, recording_id=None)
    unheard(account, 5, status=RecordingStatus.REQUESTED, recording_id=None)  # nobody knows whether it began
    Transcription.objects.update(status=TranscriptionStatus.MISSING)
    page = overview_of(admin_client)
    assert "4 recordings" in page
    assert "ended without a callback; found by asking Vobiz: 3; 1 transcript cannot be fetched" in page
    assert "Mark as reviewed" in page
    rows = reverse("admin:recordings_recording_changelist") + f"?gap=unseen&account={account.pk}"
    assert rows.replace("&", "&amp;") in page
    assert admin_client.get(rows).context["cl"].result_count == 4

    url = reverse("admin:recordings_account_gap_seen", args=[account.pk])
    assert admin_client.get(url).status_code == 405
    assert admin_client.post(url).status_code == 302
    assert "ended without a callback" not in overview_of(admin_client)
    assert LogEntry.objects.get().get_change_message() == "Marked missing callbacks as reviewed."
    unheard(account, 4)
    assert "ended without a callback; found by asking Vobiz: 1" in overview_of(admin_client)


def test_reconcile_says_why_it_asks_nothing(admin_client: Client, account: Account) -> None:
    url = reverse("admin:recordings_account_reconcile", args=[account.pk])
    page = admin_client.post(url, follow=True).content.decode()
    assert "Not checked: no token is stored." in page
    Account.objects.update(leased_by="another", leased_until=timezone.now() + timedelta(seconds=30))
    assert "unfinished recordings already" in admin_client.post(url, follow=True).content.decode()
