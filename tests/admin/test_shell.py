"""The frame of every page: navigation with counts, the account switch, the back link, the health line."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from recordings.models import Account, Preference, Worker
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_live_call, a_recording, a_run

pytestmark = pytest.mark.once

SWITCH = "/admin/account/"
RECORDINGS = "/admin/recordings/recording/"
CALLBACKS = "/admin/recordings/callbackevent/"
MEMORY = {"process": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "test-shell"}}


def count_beside(page: str, url: str) -> str:
    """The number beside a line of the navigation; empty where there is none."""
    line = re.search(rf'<li><a href="{url}"[^>]*>(.*?)</a>', page)
    assert line is not None
    return "".join(re.findall(r'class="vp-n[^"]*">([^<]*)<', line[1]))


def numbers_on(client: Client, url: str = RECORDINGS) -> set[str]:
    """Which of the test's callers are on a page."""
    return set(re.findall("caller-[a-z]+", client.get(url).content.decode()))


def choose(client: Client, account: Account | None, to: str = RECORDINGS) -> None:
    answer = client.post(SWITCH, {"account": account.pk if account else "", "next": to})
    assert answer.headers["Location"] == to


@pytest.fixture
def both(account: Account, subaccount: Account) -> tuple[Account, Account]:
    """Two accounts with a recording each."""
    for name, owner in (("caller-main", account), ("caller-sub", subaccount)):
        a_recording(owner, call=a_call(owner, from_number=f"sip:{name}@pbx.example"))
    return account, subaccount


def test_the_chosen_account_narrows_lists_and_numbers_and_is_remembered(
    both: tuple[Account, Account], boss: Client
) -> None:
    assert numbers_on(boss) == {"caller-main", "caller-sub"}

    choose(boss, both[1])

    other_browser = Client()
    other_browser.force_login(User.objects.get(username="boss"))
    for client in (boss, other_browser):
        assert numbers_on(client) == {"caller-sub"}
        assert numbers_on(client, "/admin/recordings/call/") == {"caller-sub"}
    choose(boss, None)
    assert numbers_on(boss) == {"caller-main", "caller-sub"}
    assert not Preference.objects.exists()


def test_the_page_of_one_object_is_shown_whatever_account_was_chosen(
    both: tuple[Account, Account], boss: Client
) -> None:
    choose(boss, both[1])
    row = a_recording(both[0])

    assert boss.get(f"{RECORDINGS}{row.pk}/change/").status_code == 200


def test_nobody_chooses_an_account_that_they_do_not_see(
    account: Account, subaccount: Account, stranger: Account, staff: Person
) -> None:
    client = staff("view_recording", accounts=[account, subaccount])

    choose(client, stranger)

    assert not Preference.objects.exists()


def test_a_membership_that_ends_ends_the_choice(
    both: tuple[Account, Account], stranger: Account, staff: Person
) -> None:
    client = staff("view_recording", accounts=[*both, stranger])
    choose(client, both[1])
    both[1].members.clear()

    assert numbers_on(client) == {"caller-main"}


def test_choosing_an_account_keeps_the_time_zone_and_the_other_way_round(
    both: tuple[Account, Account], boss: Client
) -> None:
    boss.post("/admin/zone/", {"time_zone": "Asia/Tokyo"})
    choose(boss, both[1])
    boss.post("/admin/zone/", {"time_zone": "accounts"})
    assert numbers_on(boss) == {"caller-sub"}

    boss.post("/admin/zone/", {"time_zone": "Asia/Tokyo"})
    choose(boss, None)

    assert Preference.objects.get().time_zone == "Asia/Tokyo"


def test_with_one_account_there_is_no_switch(account: Account, staff: Person) -> None:
    client = staff("view_recording", accounts=[account])

    assert SWITCH not in client.get("/admin/").content.decode()


def test_the_way_back_from_the_switch_stays_within_the_portal(
    both: tuple[Account, Account], boss: Client
) -> None:
    answer = boss.post(SWITCH, {"account": both[0].pk, "next": "https://evil.example/"})

    assert answer.headers["Location"] == "/admin/"


def test_the_counts_are_of_ones_own_rows_and_of_the_chosen_account(
    account: Account, stranger: Account, boss: Client, staff: Person
) -> None:
    a_live_call(account)
    a_live_call(stranger)
    a_live_call(stranger)
    live = "/admin/recordings/call/live/"
    mine = staff("view_live_calls", "view_call", accounts=[account])
    Account.objects.update(live_refreshed_at=timezone.now())

    assert count_beside(mine.get("/admin/help/").content.decode(), live) == "1"
    assert count_beside(boss.get("/admin/help/").content.decode(), live) == "3"
    choose(boss, stranger)
    assert count_beside(boss.get("/admin/help/").content.decode(), live) == "2"


def test_live_calls_that_were_read_long_ago_are_not_counted(
    account: Account, stranger: Account, boss: Client
) -> None:
    a_live_call(account)
    a_live_call(stranger)
    now = timezone.now()
    Account.objects.filter(pk=account.pk).update(live_refreshed_at=now)
    Account.objects.filter(pk=stranger.pk).update(live_refreshed_at=now - timedelta(minutes=2))

    page = boss.get("/admin/help/").content.decode()

    assert count_beside(page, "/admin/recordings/call/live/") == "1"


def test_the_counts_cost_one_statement_and_are_held_for_a_moment(
    account: Account, boss: Client, settings: Settings
) -> None:
    settings.CACHES = MEMORY
    caches["process"].clear()

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            boss.get("/admin/help/")
        return len([query for query in captured if "COUNT(*) FROM (SELECT" in query["sql"]])

    assert (statements(), statements()) == (1, 0)
    caches["process"].clear()


def test_the_foot_says_whether_the_portal_is_in_sync_and_at_work(
    account: Account, boss: Client, counts_anew: None
) -> None:
    def foot() -> str:
        found = re.search(r'<p class="vp-nav-foot(.*?)</p>', boss.get("/admin/help/").content.decode())
        assert found is not None
        return found[1]

    assert "Not synced yet · no worker running" in foot()
    assert foot().startswith(" bad")
    a_run(account, at=timezone.now() - timedelta(minutes=2), complete=True)
    Worker.objects.heartbeat("one")
    assert "Synced 2 min ago · worker running" in foot()
    assert not foot().startswith(" bad")


def test_the_foot_follows_the_worst_of_the_accounts(
    account: Account, stranger: Account, boss: Client
) -> None:
    for one in (account, stranger):
        a_run(one, at=timezone.now() - timedelta(minutes=2), complete=True)
    Worker.objects.heartbeat("one")
    Account.objects.filter(pk=stranger.pk).update(encrypted_token=None)

    page = boss.get("/admin/help/").content.decode()

    found = re.search(r'<p class="vp-nav-foot(.*?)</p>', page)
    assert found is not None
    assert "1 of 2 accounts in sync · worker running" in found[1]
    assert found[1].startswith(" bad")


@pytest.mark.parametrize(
    ("url", "to"),
    [
        ("change/", RECORDINGS),
        ("change/?_changelist_filters=q%3D387", f"{RECORDINGS}?q=387"),
        ("history/", "{object}change/"),
    ],
)
def test_a_page_leads_one_step_up(account: Account, boss: Client, url: str, to: str) -> None:
    here = f"{RECORDINGS}{a_recording(account).pk}/"

    page = boss.get(here + url).content.decode()

    assert f'<p class="vp-back"><a href="{to.format(object=here)}">' in page


def test_pages_of_the_navigation_lead_nowhere_up(account: Account, boss: Client) -> None:
    for url in ("/admin/", RECORDINGS, "/admin/recordings/call/live/", f"{RECORDINGS}at-risk/"):
        page = boss.get(url).content.decode()
        assert "vp-back" not in page
        assert page.count('aria-current="page"') == 1


def test_the_search_of_the_frame_asks_the_list_of_recordings(
    account: Account, boss: Client, staff: Person
) -> None:
    assert f'role="search" action="{RECORDINGS}"' in boss.get("/admin/").content.decode()
    assert 'role="search"' not in staff("view_call", accounts=[account]).get("/admin/").content.decode()


def test_an_empty_list_says_which_account_alone_is_shown(
    account: Account, subaccount: Account, boss: Client
) -> None:
    a_recording(account)
    button = '<button class="button" name="account" value="">Show all accounts</button>'
    assert button not in boss.get(CALLBACKS).content.decode()

    choose(boss, subaccount)

    for url in (CALLBACKS, RECORDINGS, f"{RECORDINGS}?q=98765"):
        page = boss.get(url).content.decode()
        assert f"Only <bdi>{subaccount.name}</bdi> is shown." in page
        assert button in page
    choose(boss, account)
    assert button not in boss.get(RECORDINGS).content.decode()
