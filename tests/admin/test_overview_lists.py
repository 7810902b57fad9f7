"""Every number of the overview links to a list, and the list has just that many rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from recordings.models import Account
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_live_call, a_recording, a_run, a_running, an_event

NUMBER = re.compile(r'<a href="(/admin/recordings/[^"?]+/\?[^"]+)">\s*(?:<strong>)?(\d+)(\+?)')
SEE = ("view_account", "view_call", "view_recording", "view_callbackevent", "view_syncrun", "view_live_calls")


def numbers(client: Client) -> Iterator[tuple[str, int]]:
    """Each link of the overview that shows a number: where to, and the number."""
    for url, number, _more in NUMBER.findall(client.get("/admin/").content.decode()):
        yield unescape(url), int(number)


def rows_of(client: Client, url: str) -> int:
    response = client.get(url, follow=True)
    assert response.status_code == 200, url
    found: int = response.context["cl"].result_count
    return found


def a_busy_account(account: Account) -> None:
    """Something of everything that the overview counts."""
    now = timezone.now()
    kept = timedelta(days=account.retention_days)
    for hours in (1, 30, 160):  # leave within 7 days
        a_recording(account, happened_at=now - kept + timedelta(hours=hours))
    a_recording(account, happened_at=now - kept + timedelta(days=8))  # not yet
    a_recording(account, happened_at=now - kept - timedelta(hours=1))  # should be gone
    a_recording(account, happened_at=now - kept + timedelta(hours=2), gone_at_provider_at=now)
    for days in (0, 1, 13):
        a_recording(account, happened_at=now - timedelta(days=days))
        a_recording(account, happened_at=now - timedelta(days=days), status="failed", duration_ms=None)
    a_recording(account, time_limit=60, duration_ms=59_500)  # cut
    a_recording(account, time_limit=60, duration_ms=None)
    a_recording(account, time_limit=60, duration_ms=59_500, stop_requested_at=now)
    a_running(account)
    a_running(account, status="requested", needs_attention="may_be_recording")
    a_recording(account, needs_attention="transcript_revised")
    a_recording(account, needs_attention="transcript_revised")
    for minutes in (10, 20, 30, 40):
        at = now - timedelta(minutes=minutes)
        row = a_running(account, call=a_call(account), status="completed", ended_at=at, happened_at=at)
        if minutes == 20:
            an_event(account, row)
    a_live_call(account)
    an_event(account, received_at=now - timedelta(days=9))
    an_event(account, trust="unsigned", received_at=now - timedelta(days=8))
    an_event(account, trust="unsigned")
    for outcome in ("failed", "unmatched", "conflict", "unparsed"):
        an_event(account, outcome=outcome)
        an_event(account, outcome=outcome, trust="unsigned")
    an_event(account, outcome="refused", trust="refused")
    an_event(account, outcome="failed", seen_at=now)
    a_run(account, at=now - timedelta(hours=9), state="failed", complete=False)
    a_run(account, at=now - timedelta(hours=8))
    a_run(account, at=now - timedelta(hours=7), state="failed", complete=False, error="401")
    a_run(account, at=now - timedelta(hours=6), state="partial", complete=False, error="401")
    narrow = {"recording": "r1234"}
    a_run(account, at=now - timedelta(hours=5), state="failed", complete=False, scope=narrow)
    a_run(account, at=now - timedelta(hours=4), scope=narrow)


def test_every_number_is_that_of_its_list(account: Account, stranger: Account, boss: Client) -> None:
    stranger.retention_days, stranger.time_zone = 10, "America/New_York"
    stranger.save()
    a_busy_account(account)
    a_busy_account(stranger)

    found = dict(numbers(boss))

    assert len(found) > 60
    assert {url: rows_of(boss, url) for url in found} == found


def test_a_member_counts_only_the_rows_of_their_accounts(
    account: Account, stranger: Account, staff: Person
) -> None:
    a_busy_account(account)
    a_busy_account(stranger)
    client = staff(*SEE, accounts=[account])

    found = dict(numbers(client))

    assert {url: rows_of(client, url) for url in found} == found
    assert found["/admin/recordings/recording/?kept=at_risk"] == 3
    assert found["/admin/recordings/recording/?kept=due"] > 3
    assert found["/admin/recordings/recording/?callback=missing"] == 3
    assert found["/admin/recordings/recording/?status__exact=active"] == 1
    assert found["/admin/recordings/call/?state__exact=live"] == 3  # of the two that run, too
    assert found["/admin/recordings/callbackevent/?unsigned=unexpected"] == 5
    assert found[f"/admin/recordings/syncrun/?account={account.pk}&broken=yes"] == 2
    assert "Other" not in client.get("/admin/").content.decode()


def test_what_is_due_for_a_copy_is_that_of_accounts_archived_automatically_and_what_was_asked_for(
    account: Account, stranger: Account, boss: Client
) -> None:
    Account.objects.filter(pk=stranger.pk).update(archive_automatically=False)
    now = timezone.now()
    newer = a_recording(account)
    older = a_recording(
        account, happened_at=now - timedelta(days=3), archive_next_at=now + timedelta(hours=1)
    )
    asked = a_recording(stranger, happened_at=now - timedelta(days=2), archive_asked_at=now)
    a_recording(stranger)
    a_recording(account, gone_at_provider_at=now)
    a_running(account)
    due = "/admin/recordings/recording/?kept=due"

    assert dict(numbers(boss))[due] == 3
    assert list(boss.get(due).context["cl"].result_list) == [older, asked, newer]
    Account.objects.filter(pk=stranger.pk).update(is_active=False)
    assert dict(numbers(boss))[due] == rows_of(boss, due) == 2
    Account.objects.filter(pk=account.pk).update(archive_automatically=False)
    assert dict(numbers(boss))[due] == rows_of(boss, due) == 0


def test_the_list_of_what_leaves_vobiz_begins_with_the_first_to_go(
    account: Account, stranger: Account, boss: Client
) -> None:
    stranger.retention_days = 10
    stranger.save()
    now = timezone.now()
    second = a_recording(account, happened_at=now - timedelta(days=30) + timedelta(hours=5))
    first = a_recording(stranger, happened_at=now - timedelta(days=10) + timedelta(hours=1))
    third = a_recording(stranger, happened_at=now - timedelta(days=10) + timedelta(hours=9))
    # Vobiz has the audio since it was added, which is later than it began
    a_recording(account, happened_at=now - timedelta(days=30), added_at=now - timedelta(days=20))

    page = boss.get("/admin/recordings/recording/?kept=at_risk")

    assert list(page.context["cl"].result_list) == [first, second, third]


@pytest.mark.parametrize(
    ("url", "rows"),
    [
        ("recording/?day=yesterday", 0), ("recording/?day=9999-12-31", 0), ("recording/?day=", 1),
        ("recording/?attention=nonsense", 0), ("recording/?ended=nonsense", 1), ("recording/?kept=no", 1),
    ],
)  # fmt: skip
def test_a_link_that_names_nonsense_is_answered(account: Account, boss: Client, url: str, rows: int) -> None:
    a_recording(account)

    assert rows_of(boss, f"/admin/recordings/{url}") == rows


def test_who_may_not_see_callbacks_learns_nothing_of_them_from_a_filter(
    account: Account, staff: Person
) -> None:
    a_busy_account(account)
    client = staff("view_recording", accounts=[account])

    assert rows_of(client, "/admin/recordings/recording/?callback=missing") == 0
