"""Sync now, and the page that says how far it is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from recordings.choices import SyncState
from recordings.models import Account, Recording, SyncRun
from tests.admin.conftest import Person
from tests.admin.rows import a_run
from tests.conftest import MAIN
from tests.waiting import eventually
from vobiz_portal.sandbox.state import SandboxState

SYNC = "/admin/recordings/syncrun/sync/"


def page_of(run: SyncRun) -> str:
    return reverse("admin:recordings_syncrun_change", args=[run.pk])


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def running(account: Account, **columns: Any) -> SyncRun:
    soon = timezone.now() + timedelta(minutes=2)
    return a_run(account, state="running", complete=False, ended_at=None, **{"lease_until": soon, **columns})


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("pressed_on", ["account", "list"])
def test_sync_now_answers_at_once_and_goes_on_by_itself(
    account: Account, world: SandboxState, staff: Person, pressed_on: str
) -> None:
    for _each in range(3):
        world.add_recording(MAIN)
    client = staff("sync_now", "view_syncrun", "view_account", "view_recording", accounts=[account])

    if pressed_on == "account":
        answer = client.post(reverse("admin:recordings_account_sync", args=[account.pk]))
    else:
        answer = client.post(SYNC, {"account": account.pk})

    run = SyncRun.objects.get()
    assert answer.headers["Location"] == page_of(run)
    assert eventually(lambda: SyncRun.objects.filter(state=SyncState.COMPLETE).first()) == run
    page = client.get(page_of(run))
    assert Recording.objects.count() == 3
    assert "Every page was read" in page.content.decode()
    log = LogEntry.objects.get(object_id=str(account.pk), content_type__model="account")
    assert log.get_change_message() == "Started a sync."


def test_while_one_runs_the_button_leads_to_it(account: Account, world: SandboxState, boss: Client) -> None:
    run = running(account)

    answer = boss.post(reverse("admin:recordings_account_sync", args=[account.pk]), follow=True)

    assert answer.redirect_chain == [(page_of(run), 302)]
    assert "already running. No second one" in said(answer)
    assert not world.ledger.of("request")
    shown = boss.get(reverse("admin:recordings_account_change", args=[account.pk])).content.decode()
    assert f'href="{page_of(run)}"' in shown


def test_a_run_that_fell_silent_says_so_and_does_not_block_the_button(account: Account, boss: Client) -> None:
    run = running(account, lease_until=timezone.now() - timedelta(minutes=1))

    page = boss.get(page_of(run)).content.decode()

    assert "no longer reports" in page
    assert "Sync again" in page
    shown = boss.get(reverse("admin:recordings_account_change", args=[account.pk])).content.decode()
    assert "Sync now" in shown


def test_a_running_sync_says_how_far_it_is_and_how_long_the_rest_takes(
    account: Account, boss: Client
) -> None:
    began = timezone.now() - timedelta(seconds=60)
    run = running(account, at=began, seen=10_000, total_count=40_000)

    page = boss.get(page_of(run)).content.decode()

    assert 'max="40000" value="10000"' in page
    assert "10,000 of 40,000 recordings, about 3 min left" in page


def test_a_stopped_sync_ends_as_stopped_and_says_that_pages_are_missing(
    account: Account, staff: Person
) -> None:
    run = running(account, seen=100, pages=1)
    client = staff("sync_now", "view_syncrun", accounts=[account])
    stop = reverse("admin:recordings_syncrun_stop", args=[run.pk])
    assert stop in client.get(page_of(run)).content.decode()

    answer = client.post(stop, follow=True)

    run.refresh_from_db()
    assert (run.state, run.complete, run.seen) == (SyncState.STOPPED, False, 100)
    assert run.ended_at is not None
    assert answer.redirect_chain == [(page_of(run), 302)]
    page = answer.content.decode()
    assert "Sync stopped." in said(answer)
    assert "Pages were left unread" in page
    assert stop not in page
    assert LogEntry.objects.get(content_type__model="syncrun").get_change_message() == "Stopped the sync."
    assert not SyncRun.objects.incomplete().exists()  # a person's wish is no trouble
    assert not SyncRun.objects.complete().exists()


def test_a_sync_that_has_ended_is_not_stopped(account: Account, boss: Client) -> None:
    run = a_run(account)

    answer = boss.post(reverse("admin:recordings_syncrun_stop", args=[run.pk]), follow=True)

    run.refresh_from_db()
    assert run.state == SyncState.COMPLETE
    assert "had already ended" in said(answer)


def test_an_account_that_is_not_ones_own_is_not_synced(
    account: Account, stranger: Account, world: SandboxState, staff: Person
) -> None:
    client = staff("sync_now", "view_syncrun", accounts=[account])

    for pk in (stranger.pk, 987_654, "", "x"):
        assert client.post(SYNC, {"account": pk}).status_code == 404
    offered = client.get("/admin/recordings/syncrun/").content.decode()
    assert "Main" in offered
    assert "Other" not in offered
    assert not SyncRun.objects.exists()


def test_a_partial_run_shows_its_pages_its_rows_and_what_failed(account: Account, boss: Client) -> None:
    run = a_run(
        account, state="partial", complete=False, pages=3, seen=250, created=7, updated=3, unchanged=240, failed=101,
        total_count=300, scope={"full": True, "limit": 500}, error="Vobiz could not be reached.",
        failures=[{"recording_id": "r<b>1", "reason": "it belongs to <script>"}, {"recording_id": None, "reason": "x"}],
    )  # fmt: skip

    page = boss.get(page_of(run)).content.decode()

    assert "Vobiz could not be reached." in page
    assert "also detect recordings deleted at Vobiz, at most 500" in page
    assert "Vobiz counts 300" in page
    assert "What was read is kept" in page
    assert "it belongs to &lt;script&gt;" in page
    assert "The first 2 of 101" in page


def test_an_empty_list_says_what_a_sync_is_for(account: Account, boss: Client) -> None:
    assert (
        "A sync reads every recording that Vobiz lists"
        in boss.get("/admin/recordings/syncrun/").content.decode()
    )


def test_the_list_counts_what_each_run_found(account: Account, boss: Client) -> None:
    at = timezone.now()
    run = a_run(account, at=at, seen=20, created=12, unchanged=5, failed=3)
    SyncRun.objects.filter(pk=run.pk).update(ended_at=at + timedelta(seconds=75))

    page = boss.get("/admin/recordings/syncrun/").content.decode()

    assert "20 seen: 12 new · 5 unchanged" in page
    assert "× 3 failed" in page
    assert "1:15" in page
    assert "Schedule or command line" in page
    SyncRun.objects.filter(pk=run.pk).update(scope={"newest": at.isoformat()})
    assert "Schedule or command line" not in boss.get("/admin/recordings/syncrun/").content.decode()
