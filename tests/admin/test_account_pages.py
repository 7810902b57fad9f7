"""An account's page: does the connection work, where do callbacks go, what was refused, who belongs to it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from recordings.admin.alerts import MOST_LOGGED
from recordings.callbacks.endpoints import digest_of
from recordings.choices import EventOutcome, OutgoingKind, SyncState
from recordings.models import Account, AlertWebhook, OutgoingEvent, Worker
from tests.admin.conftest import Person
from tests.admin.rows import a_recording, a_run, an_event
from tests.admin.test_account_tokens import ADD, FORM, change, errors, said
from tests.conftest import MAIN, OTHER, TOKENS
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once


def press(client: Client, name: str, account: Account) -> Any:
    return client.post(reverse(f"admin:recordings_account_{name}", args=[account.pk]), follow=True)


def statuses(page: Any) -> dict[str, Any]:
    return {status.label: status for status in page.context["strip"]}


def test_the_connection_is_tested_and_told_in_words(
    account: Account, world: SandboxState, staff: Person
) -> None:
    client = staff("view_account", "test_account", accounts=[account])

    works = press(client, "test", account)
    world.accounts[MAIN].token = "rotated_in_the_console_0000"
    fails = press(client, "test", account)
    world.faults.plan(Fault(on="auth.me", drop="before", times=None))
    away = press(client, "test", account)

    ending = TOKENS[MAIN][-4:]
    assert f"Vobiz accepts Auth ID MA_…668 with the token ending …{ending}. Its name there: Main" in said(
        works
    )
    assert f"Vobiz refused Auth ID MA_…668 with the token ending …{ending}" in said(fails)
    assert "Vobiz could not be reached" in said(away)
    history = LogEntry.objects.filter(object_id=str(account.pk)).order_by("pk")
    assert [entry.get_change_message() for entry in history] == [
        "Tested the connection: it works.",
        "Tested the connection: it failed.",
        "Tested the connection: it failed.",
    ]


def test_an_account_whose_token_no_key_opens_says_so(
    account: Account, boss: Client, settings: Settings
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["another-key-altogether-0123456789abcdef"]

    assert "opens with none of TOKEN_ENCRYPTION_KEYS" in said(press(boss, "test", account))
    assert boss.get(change(account)).status_code == 200


def test_the_section_of_the_token_has_the_field_that_links_lead_to_and_names_the_account(
    account: Account, boss: Client
) -> None:
    page = boss.get(f"/admin/recordings/account/{account.pk}/change/").content.decode()
    section = page.partition('<section class="vp-settings" id="token">')[2].partition("</section>")[0]

    assert 'id="id_token"' in section
    assert f"A new token of {account.name} is tested" in section


def test_the_callback_address_is_shown_to_those_who_may_change_the_account(
    account: Account, staff: Person
) -> None:
    viewer = staff("view_account", accounts=[account])
    changer = staff("view_account", "change_account", accounts=[account])
    address = f"http://127.0.0.1:8000/callbacks/account/{account.callback_key}/"

    page = changer.get(change(account)).content.decode()
    assert (
        f"&lt;Record callbackUrl=&quot;{address}&quot; transcriptionUrl=&quot;{address}&quot; /&gt;" in page
    )
    assert "Last callback of this account</dt><dd>No callbacks received yet" in page
    assert account.callback_key not in viewer.get(change(account)).content.decode()


def test_the_last_callback_at_the_accounts_address_is_dated(account: Account, boss: Client) -> None:
    newest, at = timezone.now(), timezone.now() - timedelta(days=3)
    an_event(account, a_recording(account), door="recording", received_at=newest)
    only_recordings = boss.get(change(account)).context
    assert (only_recordings["last_callback"], only_recordings["last_callback_here"]) == (newest, None)

    an_event(account, received_at=at)
    assert boss.get(change(account)).context["last_callback_here"] == at


def test_requiring_signatures_shows_how_many_callbacks_were_signed(account: Account, boss: Client) -> None:
    def page() -> str:
        return boss.get(change(account)).content.decode()

    assert "No callbacks received in the last 30 days." in page()
    an_event(account)
    an_event(account)
    an_event(account, trust="unsigned")
    an_event(account, trust="unsigned", received_at=timezone.now() - timedelta(days=31))
    assert "2 of the last 3 callbacks were signed." in page()


def test_after_the_first_complete_sync_the_page_says_what_there_is_and_how_archiving_goes(
    account: Account, boss: Client
) -> None:
    now = timezone.now()
    page = reverse("admin:recordings_account_change", args=[account.pk])
    for days in (1, 25):
        a_recording(
            account, recording_id=f"rec-{days}", happened_at=now - timedelta(days=days), duration_ms=5_400_000
        )
    a_recording(account, recording_id="rec-gone", gone_at_provider_at=now, duration_ms=5_400_000)
    assert "At risk" not in statuses(boss.get(page))

    Account.objects.filter(pk=account.pk).update(first_synced_at=now)
    shown = statuses(boss.get(page))
    assert shown["Archive"].hint.startswith("2 · ")
    assert shown["Archive"].hint.endswith(" free")
    assert (shown["At risk"].value, shown["At risk"].hint) == ("1", "next 7 days")
    assert "Automatic" in shown["Archive"].value

    Account.objects.filter(pk=account.pk).update(archive_automatically=False)
    assert "On request only" in statuses(boss.get(page))["Archive"].value

    account.open_archive_circuit("Vobiz refused <its> token.", now=now)
    paused = boss.get(page).content.decode()
    assert "× Stopped" in paused
    assert "Vobiz refused &lt;its&gt; token." in paused
    assert "Next attempt" in paused


def test_refused_callbacks_are_counted_and_processed_again_by_one_button(
    account: Account, staff: Person
) -> None:
    Account.objects.filter(pk=account.pk).update(refused_uncounted=7)
    recording = a_recording(account)
    for _each in range(2):
        an_event(account, recording, outcome="refused", trust="refused", door="recording")
    client = staff("view_account", "view_callbackevent", "process_callbackevent", accounts=[account])

    page = client.get(change(account))
    assert (page.context["rejected_kept"].n, page.context["rejected_counted"]) == (2, 7)
    assert "Process rejected callbacks again" in page.content.decode()
    assert "2 rejected" in statuses(page)["Callbacks"].value

    answer = press(client, "process_refused", account)
    assert "2 rejected callbacks processed again: 0 accepted, 2 still rejected." in said(answer)
    log = LogEntry.objects.get(object_id=str(account.pk))
    assert log.get_change_message() == "Processed 2 rejected callbacks again: 2 are still rejected."


def test_a_cured_account_takes_what_it_had_refused(account: Account, boss: Client) -> None:
    """An unsigned callback was refused because signatures were required; they no longer are."""
    recording = a_recording(account)
    digest = digest_of(account.callback_key)
    event = an_event(
        account, outcome="refused", trust="unsigned", key_digest=digest, nonces=[], scheme="none",
        payload={"recording_id": recording.recording_id, "recording_duration": "10"},
    )  # fmt: skip

    answer = press(boss, "process_refused", account)

    event.refresh_from_db()
    assert "1 rejected callback processed again: 1 accepted, 0 still rejected." in said(answer)
    assert event.outcome != EventOutcome.REFUSED


def test_an_account_is_switched_off_and_not_deleted(account: Account, boss: Client) -> None:
    page = boss.get(change(account)).content.decode()
    assert "Accounts are never deleted" in page
    assert "deletelink" not in page

    boss.post(change(account), {key: value for key, value in FORM.items() if key != "is_active"})

    account.refresh_from_db()
    assert not account.is_active
    off = boss.get(change(account)).content.decode()
    assert "This account is inactive" in off
    assert "Sync now" not in off
    assert "is inactive, so it is not synced" in said(press(boss, "sync", account))


def test_the_auth_id_of_an_account_stays(account: Account, boss: Client) -> None:
    boss.post(change(account), {**FORM, "auth_id": OTHER})

    account.refresh_from_db()
    assert account.auth_id == MAIN


def test_whoever_connects_an_account_belongs_to_it(
    world: SandboxState, account: Account, staff: Person
) -> None:
    client = staff("add_account", "view_account", "change_token", name="connector")

    client.post("/admin/recordings/account/add/", {**FORM, "auth_id": OTHER, "token": TOKENS[OTHER]})

    assert [user.username for user in Account.objects.get(auth_id=OTHER).members.all()] == ["connector"]


def test_members_are_the_staff_and_stay_when_the_form_is_saved(account: Account, staff: Person) -> None:
    client = staff("view_account", "change_account", accounts=[account], name="admin")
    gone = User.objects.create_user("gone", is_active=False, is_staff=True)
    User.objects.create_user("customer", is_staff=False)
    account.members.add(gone)

    form = client.get(change(account)).context["adminform"].form
    assert [user.username for user in form.fields["members"].queryset] == ["admin", "gone"]
    members = [user.pk for user in account.members.all()]
    assert client.post(change(account), {**FORM, "members": members}).status_code == 302
    assert set(account.members.values_list("username", flat=True)) == {"admin", "gone"}


def test_a_parent_that_one_does_not_see_is_not_offered_and_not_lost(
    account: Account, subaccount: Account, stranger: Account, staff: Person
) -> None:
    client = staff("view_account", "change_account", accounts=[subaccount])

    page = client.get(change(subaccount))
    assert "parent" not in page.context["adminform"].form.fields
    client.post(change(subaccount), {**FORM, "name": "Renamed", "parent": stranger.pk})

    subaccount.refresh_from_db()
    assert (subaccount.name, subaccount.parent) == ("Renamed", account)


def test_a_sub_account_is_not_offered_as_a_parent(
    account: Account, subaccount: Account, boss: Client
) -> None:
    offered = boss.get(change(account)).context["adminform"].form.fields["parent"].queryset

    assert list(offered) == []


def test_the_usual_time_limit_is_said_as_people_say_it(account: Account, boss: Client) -> None:
    assert 'value="4 h"' in boss.get(change(account)).content.decode()

    boss.post(change(account), {**FORM, "default_time_limit": "1 h 30 min"})
    account.refresh_from_db()
    assert account.default_time_limit == 5_400
    for nonsense in ("9000", "9 h", "0 s", "soon"):
        assert errors(
            boss.post(change(account), {**FORM, "default_time_limit": nonsense}), "default_time_limit"
        )


def test_the_list_shows_when_each_account_was_last_synced_completely(account: Account, boss: Client) -> None:
    at = timezone.now() - timedelta(hours=6)
    a_run(account, at=at)
    a_run(account, state="partial", complete=False)

    row = boss.get("/admin/recordings/account/").context["cl"].result_list[0]

    assert row.synced_at == at


def test_only_a_sync_of_the_whole_list_counts_as_the_last_complete_one(
    account: Account, boss: Client
) -> None:
    whole = a_run(account, at=timezone.now() - timedelta(hours=3))
    a_run(account, scope={"limit": 10})
    page = boss.get(reverse("admin:recordings_account_change", args=[account.pk]))
    listed = boss.get(reverse("admin:recordings_account_changelist"))

    assert page.context["last_sync"] == whole
    assert listed.context["cl"].result_list[0].synced_at == whole.started_at


def test_an_empty_list_says_how_the_first_account_gets_here(boss: Client, staff: Person) -> None:
    address = reverse("admin:recordings_account_changelist")

    connecting = boss.get(address).content.decode()
    waiting = staff("view_account").get(address).content.decode()

    assert "No account is connected yet" in connecting
    assert (
        f'<a class="button default" href="{reverse("admin:recordings_account_add")}">Connect account</a>'
        in connecting
    )
    assert "Ask an administrator" in waiting
    assert "Connect account" not in waiting


def test_connecting_begins_the_first_sync_and_shows_how_it_goes(
    world: SandboxState, account: Account, boss: Client, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as after:
        answer = boss.post(ADD, {**FORM, "auth_id": OTHER, "token": TOKENS[OTHER]})
    connected = Account.objects.get(auth_id=OTHER)
    assert answer["Location"] == change(connected)
    assert len(after) == 1  # it runs once the account is committed

    run = a_run(connected, state="running", seen=40, total_count=100, complete=False, ended_at=None,
        lease_until=timezone.now() + timedelta(minutes=1))  # fmt: skip
    page = boss.get(change(connected))
    assert "40 of 100 recordings read" in page.content.decode()
    assert page.context["every"] is not None  # it refreshes by itself
    assert "Running" in statuses(page)["Sync"].value

    run.state, run.complete, run.ended_at = SyncState.COMPLETE, True, timezone.now()
    run.save()
    Account.objects.filter(pk=connected.pk).update(first_synced_at=run.ended_at)
    page = boss.get(change(connected))
    assert page.context["every"] is None
    assert "Connected" in statuses(page)["Connection"].value
    assert reverse("admin:recordings_call_live") in page.content.decode()

    Account.objects.filter(pk=connected.pk).update(created_at=timezone.now() - timedelta(days=2))
    assert not boss.get(change(connected)).context["is_new"]


def test_the_strip_says_what_is_wrong_with_the_connection(account: Account, boss: Client) -> None:
    Account.objects.filter(pk=account.pk).update(live_error="Vobiz refused <it>")
    failed = statuses(boss.get(change(account)))["Connection"]
    assert ("Failed" in failed.value, failed.hint) == (True, "Vobiz refused <it>")

    Account.objects.filter(pk=account.pk).update(encrypted_token=None)
    assert "No token" in statuses(boss.get(change(account)))["Connection"].value

    a_run(account, state="failed", complete=False)
    assert "Up to date" not in statuses(boss.get(change(account)))["Sync"].value


def test_an_account_that_cannot_sync_or_has_not_for_long_is_not_up_to_date(
    account: Account, boss: Client
) -> None:
    a_run(account, at=timezone.now() - timedelta(hours=26))
    assert "Out of date" in statuses(boss.get(change(account)))["Sync"].value

    a_run(account, at=timezone.now())
    assert "Up to date" in statuses(boss.get(change(account)))["Sync"].value

    Account.objects.filter(pk=account.pk).update(encrypted_token=None)
    assert "Stopped" in statuses(boss.get(change(account)))["Sync"].value
    assert "Enter the token below" in said(press(boss, "test", account))


def test_the_first_steps_are_ticked_in_order_as_they_are_done(account: Account, boss: Client) -> None:
    def steps() -> dict[str, str]:
        found: dict[str, str] = boss.get(change(account)).context["steps"]
        return found

    assert steps() == {"connect": "done", "sync": "now", "record": "", "callbacks": "", "team": ""}
    assert "No worker is running" in boss.get(change(account)).content.decode()

    Worker.objects.create(name="w", started_at=timezone.now(), heard_at=timezone.now())
    assert "No worker is running" not in boss.get(change(account)).content.decode()

    a_run(account)
    a_recording(account, requested_at=timezone.now(), callback_key="k" * 43, time_limit=900)
    assert steps() == {"connect": "done", "sync": "done", "record": "done", "callbacks": "now", "team": ""}

    account.members.add(User.objects.create_user("colleague"))
    account.live_error = "Vobiz refuses the token."
    account.save()
    assert steps()["team"] == "done"
    assert steps()["connect"] == "now"


def test_the_log_of_events_is_paged_like_every_list(account: Account, boss: Client) -> None:
    webhook, _secret = AlertWebhook.create(account, "https://hooks.example.org/receive", "standard")
    now = timezone.now()
    OutgoingEvent.objects.bulk_create(
        OutgoingEvent(
            account=account, webhook=webhook, kind=OutgoingKind.COMPLETED, recording_pk=n, at=now, created_at=now
        )
        for n in range(2 * MOST_LOGGED)
    )  # fmt: skip
    url = reverse("admin:recordings_account_webhooks", args=[account.pk])

    def open_page(query: str = "") -> tuple[list[int], dict[str, str]]:
        page = boss.get(url + query)
        shown = [event.recording_pk for event in page.context["events"]]
        said = page.content.decode()
        links: list[tuple[str, str]] = re.findall(
            r'<a href="([^"]+#events)" rel="(?:prev|next)">(\w+)</a>', said
        )
        return shown, {name: link for link, name in links}

    newest, beside = open_page()
    assert newest == [*range(99, 49, -1)]
    assert list(beside) == ["Next"]
    older, beside = open_page(beside["Next"])
    assert older == [*range(49, -1, -1)]
    assert list(beside) == ["Previous"]
    assert open_page(beside["Previous"])[0] == newest
    assert open_page("?after=nonsense")[0] == newest
