"""A Vobiz that refuses or does not answer is probed once a minute, and what was refused here is verified anew."""

from __future__ import annotations

from datetime import timedelta

from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings import connect, reconcile, tasks
from recordings.choices import EventOutcome
from recordings.models import Account, CallbackEvent, SyncRun
from recordings.worker.jobs import run_due_syncs
from tests.callbacks.posting import deliver
from tests.conftest import MAIN
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

NEW = "the-new-token-of-the-main-account-0123456789"


def test_a_refused_token_is_asked_with_once_a_minute_and_said_once(
    client: Client, account: Account, world: SandboxState, admin_client: Client
) -> None:
    world.faults.plan(Fault(on="*", status=401, times=None))
    deliver(client, account.callback_key, {"recording_id": "rec-1"}, door="account")
    deliver(client, account.callback_key, {"recording_id": "rec-2"}, door="account", token=NEW)
    for _each in range(5):
        tasks.reconcile_account(Account.objects.get())
        run_due_syncs()
    assert len(asked(world)) == 1
    assert not SyncRun.objects.exists()
    page = admin_client.get("/admin/").content.decode()
    assert "refuses the auth token since" in page
    assert "Enter the new token" in page
    assert "the signature does not match" not in page
    Account.objects.update(api_probe_at=timezone.now())
    tasks.reconcile_account(Account.objects.get())
    assert len(asked(world)) == 2

    world.faults.clear()
    Account.objects.update(api_probe_at=timezone.now())
    tasks.reconcile_account(Account.objects.get())
    account.refresh_from_db()
    assert (account.api_down_since, account.token_refused) == (None, False)


def test_a_vobiz_that_is_away_is_said_after_five_failures(
    account: Account, settings: Settings, admin_client: Client
) -> None:
    there, settings.VOBIZ_API_URL = settings.VOBIZ_API_URL, "http://127.0.0.1:9/api/v1"
    settings.VOBIZ_TOTAL_TIMEOUT = 0.1
    for count in range(1, 7):
        account.refresh_from_db()
        assert (account.api_down_since is None) == (count <= 5)
        run_due_syncs()
        SyncRun.objects.update(started_at=timezone.now() - timedelta(hours=1))
    assert SyncRun.objects.count() == 5
    assert "Vobiz unreachable since" in admin_client.get("/admin/").content.decode()
    settings.VOBIZ_API_URL = there
    Account.objects.update(api_probe_at=timezone.now())
    run_due_syncs()
    assert "Vobiz unreachable since" not in admin_client.get("/admin/").content.decode()


def test_refused_callbacks_are_processed_by_themselves_once_the_new_token_is_known(
    client: Client, account: Account, world: SandboxState
) -> None:
    genuine = world.add_recording(MAIN).recording_id
    deliver(client, account.callback_key, {"recording_id": genuine}, door="account", token=NEW)
    deliver(client, account.callback_key, {"recording_id": "forged"}, door="account", token="another")
    reconcile.run(account, now=timezone.now())
    assert CallbackEvent.objects.refused().count() == 2

    connect.store(MAIN, NEW, now=timezone.now())
    world.accounts[MAIN].token = NEW
    account.refresh_from_db()
    tasks.reconcile_account(account)
    assert CallbackEvent.objects.refused().count() == 1
    assert CallbackEvent.objects.exclude(outcome=EventOutcome.REFUSED).get().outcome == EventOutcome.APPLIED
    account.refresh_from_db()
    assert account.refused_due_at is None
