"""At risk and lost: the number on every page, the page with the buttons, and *Seen*."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings.choices import Attention
from recordings.models import Account, Call, Recording, Worker
from tests.admin.conftest import Person
from tests.admin.rows import a_recording

DAY = timedelta(days=1)
PAGE = "/admin/recordings/recording/at-risk/"
ARCHIVE = "/admin/recordings/recording/archive-at-risk/"
SEEN = "/admin/recordings/recording/mark-seen/"
ARCHIVED = {"audio": "a", "audio_sha256": "b", "audio_bytes": 1, "container": "mp3"}


def text_of(client: Client, url: str = PAGE, **headers: str) -> str:
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


@pytest.fixture
def synced(account: Account) -> Account:
    Account.objects.filter(pk=account.pk).update(first_synced_at=timezone.now() - 100 * DAY)
    account.refresh_from_db()
    return account


def aged(account: Account, days: float, **columns: Any) -> Recording:
    return a_recording(account, happened_at=timezone.now() - days * DAY, **columns)


def number_in_navigation(page: str) -> str | None:
    """The number beside *At risk* in the navigation; None where there is no such line."""
    line = re.search(rf'<li><a href="{PAGE}"[^>]*>(.*?)</a>', page)
    return None if line is None else "".join(re.findall(r'class="vp-n attn">([^<]*)<', line[1]))


def test_the_number_stands_on_every_page_and_leads_to_the_rows(
    account: Account, stranger: Account, staff: Person
) -> None:
    aged(account, 25)
    aged(stranger, 25)
    client = staff("view_recording", "view_call", accounts=[account])

    for url in (
        "/admin/",
        "/admin/recordings/call/",
        "/admin/recordings/recording/",
        "/admin/password_change/",
    ):
        assert number_in_navigation(text_of(client, url)) == "1", url
    other = staff("view_call", accounts=[account])
    assert number_in_navigation(text_of(other, "/admin/recordings/call/")) is None


def test_none_is_the_goal_and_has_no_number(account: Account, boss: Client) -> None:
    aged(account, 25, archived_at=timezone.now(), **ARCHIVED)

    assert number_in_navigation(text_of(boss, "/admin/recordings/call/")) == ""
    assert "every recording that Vobiz deletes within 7 days is archived" in text_of(boss)


def test_how_many_days_count_as_soon_is_a_setting(
    account: Account, boss: Client, settings: Settings, counts_anew: None
) -> None:
    aged(account, 25)
    settings.AT_RISK_DAYS = 3

    assert number_in_navigation(text_of(boss)) == ""
    settings.AT_RISK_DAYS = 6
    assert number_in_navigation(text_of(boss)) == "1"
    assert "within 6 days" in text_of(boss)


def test_the_page_shows_what_is_at_risk_soonest_first_and_why_and_what_is_lost(
    synced: Account, boss: Client
) -> None:
    later = aged(synced, 24, archive_error="Vobiz answered 404.", archive_next_at=timezone.now() + DAY)
    sooner = aged(synced, 29)
    lost = aged(synced, 40)
    aged(synced, 200)

    said = text_of(boss)

    places = [said.index(f"/recording/{row.pk}/change/") for row in (sooner, later, lost)]
    assert places == sorted(places)
    assert "Vobiz answered 404." in said
    assert "next attempt" in said
    assert "1</a> more was deleted by Vobiz before" in said
    assert "Not tried yet" in said
    assert "retention passed before" in said
    Recording.objects.filter(pk=lost.pk).update(gone_at_provider_at=timezone.now())
    assert "Vobiz deleted the audio before" in text_of(boss)


def test_one_button_asks_for_all_and_another_for_those_ticked(synced: Account, staff: Person) -> None:
    tomorrow = timezone.now() + DAY
    rows = [aged(synced, 25 + n, archive_next_at=tomorrow) for n in range(3)]
    other = aged(synced, 1, archive_next_at=tomorrow)
    client = staff("view_recording", "archive_recording", accounts=[synced])

    answer = client.post(ARCHIVE, {"recording": [rows[0].pk, other.pk]}, follow=True)

    assert set(Recording.objects.filter(archive_next_at=None)) == {rows[0]}
    assert "1 recording is archived next." in answer.content.decode()
    assert "Asked for at" in answer.content.decode()

    client.post(ARCHIVE, {"all": "1"})

    assert set(Recording.objects.filter(archive_next_at=None)) == set(rows)
    assert LogEntry.objects.filter(object_id=str(rows[1].pk)).count() == 1


def test_progress_is_shown_and_ends_by_itself(synced: Account, boss: Client) -> None:
    rows = [aged(synced, 25), aged(synced, 26)]
    page = boss.post(ARCHIVE, {"all": "1"})["Location"]

    waiting = text_of(boss, page)
    Recording.objects.filter(pk=rows[0].pk).update(archived_at=timezone.now(), **ARCHIVED)
    part = text_of(boss, page)
    Recording.objects.filter(pk=rows[1].pk).update(archived_at=timezone.now(), **ARCHIVED)
    done = text_of(boss, page)

    assert "0 of 2 archived since" in waiting
    assert 'data-every="5"' in waiting
    assert "1 of 2 archived since" in part
    assert "2 of 2 archived since" in done
    assert 'data-every="30"' in done


def test_where_no_worker_runs_asking_says_so_with_the_cure(synced: Account, boss: Client) -> None:
    aged(synced, 25)

    (alone,) = boss.post(ARCHIVE, {"all": "1"}, follow=True).context["messages"]
    Worker.objects.create(name="w", started_at=timezone.now(), heard_at=timezone.now())
    (served,) = boss.post(ARCHIVE, {"all": "1"}, follow=True).context["messages"]

    asked = "1 recording is archived next."
    cure = "But no worker is running: start manage.py worker, or run manage.py archive_recordings."
    assert (alone.level, str(alone)) == (messages.WARNING, f"{asked} {cure}")
    assert (served.level, str(served)) == (messages.INFO, asked)


def test_progress_accounts_for_all_that_were_asked_for(synced: Account, boss: Client) -> None:
    rows = [aged(synced, 24 + n) for n in range(5)]
    page = boss.post(ARCHIVE, {"all": "1"})["Location"]
    now = timezone.now()
    done, gone, delayed, due_again, _waits = (Recording.objects.filter(pk=row.pk) for row in rows)
    done.update(archived_at=now, archive_asked_at=None, **ARCHIVED)
    gone.update(gone_at_provider_at=now, archive_asked_at=None)
    delayed.update(archive_next_at=now + DAY / 5, archive_error="Vobiz answered 404.")
    due_again.update(archive_next_at=now - DAY)

    said = text_of(boss, page)

    assert (
        "1 of 5 archived since, 2 wait for their turn, 1 failed and is tried again; its row says "
        "why, 1 is no longer there to be archived."
    ) in said


@pytest.mark.parametrize(
    "query", ["?since=x&asked=1", "?since=1", "?asked=5", "?since=" + "9" * 40 + "&asked=1"]
)
def test_an_address_that_names_no_moment_shows_no_progress(
    account: Account, boss: Client, query: str
) -> None:
    assert "archived since" not in text_of(boss, f"{PAGE}{query}")


def test_a_missing_worker_a_pause_and_a_switch_that_is_off_are_said(synced: Account, boss: Client) -> None:
    aged(synced, 25)
    assert "No worker is running" in text_of(boss)

    now = timezone.now()
    Worker.objects.create(name="w", started_at=now, heard_at=now)
    Account.objects.filter(pk=synced.pk).update(archive_automatically=False, archive_pause="Vobiz says 401.")

    said = text_of(boss)
    assert "No worker is running" not in said
    assert "archiving is stopped. Vobiz says 401." in said
    assert "not archived automatically" in said


def test_lost_ones_are_marked_as_seen_with_a_note_by_those_who_may(synced: Account, staff: Person) -> None:
    rows = [aged(synced, 40), aged(synced, 41)]
    client = staff("view_recording", "mark_seen", accounts=[synced], name="asha")

    client.post(SEEN, {"recording": [rows[0].pk], "note": " told the team "})

    rows[0].refresh_from_db()
    assert (rows[0].seen_by, rows[0].seen_note) == (User.objects.get(username="asha"), "told the team")
    assert "Marked as reviewed: told the team" in text_of(
        client, f"/admin/recordings/recording/{rows[0].pk}/change/?tab=timeline"
    )
    assert f"/recording/{rows[0].pk}/" not in text_of(client)

    client.post(SEEN, {"all": "1"})

    assert f"/recording/{rows[1].pk}/" not in text_of(client)


def test_seen_closes_what_cannot_be_cured_from_its_page_and_from_the_overview(
    synced: Account, boss: Client
) -> None:
    row = aged(synced, 1, needs_attention=Attention.ID_CONFLICT)
    url, page = f"/admin/recordings/recording/{row.pk}/seen/", f"/admin/recordings/recording/{row.pk}/change/"
    assert f'action="{url}"' in text_of(boss, "/admin/")
    assert f'action="{url}"' in text_of(boss, page)

    boss.post(url, {"note": "known"})

    assert f'action="{url}"' not in text_of(boss, "/admin/")
    assert "Reviewed by boss" in text_of(boss, page)
    assert "known" in text_of(boss, page)


def test_what_is_another_accounts_is_neither_archived_nor_marked(
    synced: Account, stranger: Account, staff: Person
) -> None:
    foreign = aged(stranger, 25, archive_next_at=timezone.now() + DAY, needs_attention=Attention.ID_CONFLICT)
    client = staff("view_recording", "mark_seen", "archive_recording", accounts=[synced])

    client.post(ARCHIVE, {"recording": [foreign.pk]})
    client.post(ARCHIVE, {"all": "1"})
    client.post(SEEN, {"recording": [foreign.pk]})
    assert client.post(f"/admin/recordings/recording/{foreign.pk}/seen/").status_code == 404

    foreign.refresh_from_db()
    assert foreign.archive_next_at is not None
    assert foreign.seen_at is None


@pytest.mark.once
@pytest.mark.parametrize("reason", Attention)
def test_every_reason_has_its_line_on_the_overview(account: Account, boss: Client, reason: Attention) -> None:
    aged(account, 1, needs_attention=reason)

    assert f"attention={reason.value}" in text_of(boss, "/admin/")


def test_the_overviews_card_says_at_risk_lost_and_how_the_archive_stands(
    synced: Account, boss: Client
) -> None:
    aged(synced, 25)
    aged(synced, 40)
    aged(synced, 2, archived_at=timezone.now(), **ARCHIVED)
    Call.objects.update(created_at=timezone.now() - 2 * DAY)

    said = text_of(boss, "/admin/")

    assert "<strong>1</strong> will be deleted by Vobiz within 7 days" in said
    assert "<strong>1</strong> lost" in said
    assert "last archived 0 s ago" in said
    assert "<strong>2</strong> due" in said
    assert "over 24 hours" in said
    assert re.search(r"the oldest became due on \d+ \w+ \d{4}", said)
    assert " free" in said


def test_an_old_recording_that_was_found_just_now_has_not_been_due_for_long(
    synced: Account, boss: Client
) -> None:
    """It is due since it became known here, or ended, whichever was later."""
    aged(synced, 20)
    ended = aged(synced, 20, ended_at=timezone.now() - timedelta(hours=3), archive_asked_at=timezone.now())
    Call.objects.filter(pk=ended.call_id).update(created_at=timezone.now() - 20 * DAY)

    said = text_of(boss, "/admin/")

    assert "over 24 hours" not in said
    assert "the oldest became due 3 h ago" in said
    Account.objects.update(archive_automatically=False)
    assert re.search(r"the oldest became due \d+ s ago", text_of(boss, "/admin/"))


def test_archiving_that_pauses_is_a_cross_with_its_reason(synced: Account, boss: Client) -> None:
    Account.objects.filter(pk=synced.pk).update(archive_pause="The storage refused the key.")

    said = text_of(boss, "/admin/")

    assert "Stopped · " in said
    assert "The storage refused the key." in said


def test_an_account_says_what_it_has_once_it_was_synced(account: Account, boss: Client) -> None:
    page = f"/admin/recordings/account/{account.pk}/change/"
    aged(account, 25, duration_ms=3_600_000)
    assert "27.5\xa0MB" not in boss.get(page).content.decode()

    Account.objects.filter(pk=account.pk).update(first_synced_at=timezone.now())
    said = text_of(boss, page)

    assert "1 · about 27.5\xa0MB" in boss.get(page).content.decode()  # estimated from its length
    assert f'href="/admin/recordings/recording/?kept=at_risk&amp;account={account.pk}">1</a>' in said


def test_where_archiving_is_stopped_the_cure_stands_in_place_of_the_button(
    synced: Account, stranger: Account, boss: Client
) -> None:
    aged(synced, 25)
    Account.objects.filter(pk=synced.pk).update(encrypted_token=None, archive_pause="run connect_account")

    page = text_of(boss)

    assert f'{ARCHIVE}"' in page
    assert 'name="all"' not in page.partition('id="lost-part"')[0]
    assert f'class="button default" href="/admin/recordings/account/{synced.pk}/change/#id_token"' in page
    assert page.count("No token is stored.") == 2  # above the table and in the row
    assert "connect_account" not in page

    aged(stranger, 25)
    assert 'name="all"' in text_of(boss).partition('id="lost-part"')[0]
    answer = boss.post(ARCHIVE, {"all": "1"}, follow=True)
    asked, waits = [str(message) for message in answer.context["messages"]]
    assert asked.startswith("1 recording is archived next.")
    assert waits.startswith(f"Not archived: no token is stored for {synced}. 1 recording waits.")
    assert waits.endswith(f'/account/{synced.pk}/change/#id_token">Enter the token</a>')
    assert "asked=1" in answer.redirect_chain[0][0]


def test_an_account_without_a_token_is_told_to_enter_it_below(account: Account, boss: Client) -> None:
    Account.objects.filter(pk=account.pk).update(encrypted_token=None, archive_pause="run connect_account")

    page = text_of(boss, f"/admin/recordings/account/{account.pk}/change/")

    assert '<a href="#id_token">Enter the token below</a>' in page
    assert "connect_account" not in page
