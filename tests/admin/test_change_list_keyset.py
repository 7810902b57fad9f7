"""Lists by keyset: every row on one page, no offset, no count of all rows, and plans that read just the page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recordings.admin.base import PortalAdmin
from recordings.admin.change_list import count_up_to
from recordings.models import Account, Recording
from recordings.seeding import seed_library
from recordings.worker.statistics import analyse
from tests.admin.conftest import Person
from tests.admin.rows import a_recording, a_run, a_transcript, an_access, an_event

LIST = "/admin/recordings/recording/"
AT = datetime(2026, 10, 1, 6, 30, tzinfo=UTC)
LISTS: dict[str, Callable[[Account], Any]] = {
    "recording": a_recording,
    "call": a_recording,
    "transcription": lambda account: a_transcript(a_recording(account)),
    "callbackevent": lambda account: an_event(account, a_recording(account)),
    "accessevent": lambda account: an_access(account, a_recording(account)),
    "syncrun": a_run,
}


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PortalAdmin, "list_per_page", 3)


def link(page: Any, rel: str) -> str | None:
    """The address of the neighbouring page, as the page itself has it."""
    found = re.search(rf'<a href="([^"]*)" rel="{rel}">', page.content.decode())
    return found and found[1].replace("&amp;", "&")


def walk(client: Client, url: str, rel: str) -> tuple[list[list[int]], str]:
    """The primary keys of each page from `url` on, and the last page's address."""
    pages, path = [], url.partition("?")[0]
    while True:
        page = client.get(url)
        pages.append([row.pk for row in page.context["cl"].result_list])
        further = link(page, rel)
        if further is None:
            return pages, url
        url = path + further


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", LISTS)
def test_older_and_newer_lead_to_every_row_once(account: Account, boss: Client, name: str) -> None:
    for _each in range(8):
        LISTS[name](account)
    url = f"/admin/recordings/{name}/"

    there, last = walk(boss, url, "next")
    back, _first = walk(boss, last, "prev")

    assert [len(page) for page in there] == [3, 3, 2]
    rows = [pk for page in there for pk in page]
    assert len(set(rows)) == 8
    assert back[-1] == there[0]
    assert back[0] == there[-1]


@pytest.mark.usefixtures("small_pages")
def test_rows_of_one_moment_are_parted_by_their_keys(account: Account, boss: Client) -> None:
    rows = [a_recording(account, happened_at=AT).pk for _each in range(7)]

    there, _last = walk(boss, LIST, "next")

    assert there == [rows[:3:-1], rows[3:0:-1], rows[:1]]


@pytest.mark.usefixtures("small_pages")
def test_a_link_to_another_page_keeps_filters_and_search(account: Account, boss: Client) -> None:
    for _each in range(4):
        a_recording(account, status="completed")
        a_recording(account, status="failed")

    pages, last = walk(boss, f"{LIST}?status__exact=failed&q=387423", "next")

    assert [len(page) for page in pages] == [3, 1]
    assert "status__exact=failed" in last
    assert "q=387423" in last


@pytest.mark.usefixtures("small_pages")
def test_another_filter_begins_at_the_first_page(account: Account, boss: Client) -> None:
    for _each in range(7):
        a_recording(account)
    second = boss.get(LIST + str(link(boss.get(LIST), "next")))

    text = second.content.decode()

    assert 'name="after"' not in text
    assert "after=" not in "".join(re.findall(r'href="([^"]*status[^"]*)"', text))


@pytest.mark.parametrize(
    "position",
    ["after=x", "after=1", "after=.", "before=1.2.3", "after=99999999999999999999.1", "before=1.-x", "jump=soon",
     "after=9223372036854775807.1", "jump=0001-01-01"],
)  # fmt: skip
def test_a_position_that_is_none_is_ignored_with_a_message(
    account: Account, boss: Client, position: str
) -> None:
    recording = a_recording(account)

    page = boss.get(f"{LIST}?{position}")

    assert page.context["cl"].result_list == [recording]
    assert "not valid" in page.content.decode()


@pytest.mark.usefixtures("small_pages")
def test_a_jump_to_a_day_begins_with_its_last_row(account: Account, boss: Client) -> None:
    rows = [a_recording(account, happened_at=AT + timedelta(days=day)).pk for day in range(6)]

    page = boss.get(f"{LIST}?jump=2026-10-04")
    before_all = boss.get(f"{LIST}?jump=2026-09-01")
    newest = boss.get(f"{LIST}?jump=2027-09-01")

    assert [row.pk for row in page.context["cl"].result_list] == [rows[3], rows[2], rows[1]]
    ahead = boss.get(LIST + str(link(page, "prev")))
    assert [row.pk for row in ahead.context["cl"].result_list] == [rows[5], rows[4], rows[3]]
    assert before_all.context["cl"].result_list == []
    assert link(before_all, "prev") is not None
    assert link(newest, "prev") is None


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("name", LISTS)
def test_no_list_uses_an_offset_or_counts_without_a_bound(account: Account, boss: Client, name: str) -> None:
    for _each in range(8):
        LISTS[name](account)
    url = f"/admin/recordings/{name}/"
    addresses = [url, url + str(link(boss.get(url), "next")), f"{url}?q=387423"]

    with CaptureQueriesContext(connection) as captured:
        for address in addresses:
            boss.get(address)

    statements = [query["sql"] for query in captured]
    assert any("COUNT(" in sql and f"recordings_{name}" in sql for sql in statements)
    assert not [sql for sql in statements if re.search(r"\bOFFSET\b", sql)]
    of_the_list = [sql for sql in statements if f'FROM "recordings_{name}"' in sql]
    assert not [sql for sql in of_the_list if "COUNT(" in sql and "LIMIT" not in sql]


def test_a_count_stops_behind_its_bound(account: Account) -> None:
    for _each in range(5):
        a_recording(account)

    assert count_up_to(Recording.objects.all(), 10) == 5
    assert count_up_to(Recording.objects.all(), 3) == 4


def test_a_count_that_stopped_says_so(
    account: Account, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recordings.admin.change_list.MOST_COUNTED", 4)
    monkeypatch.setattr("recordings.overview.sums.MOST_SUMMED", 4)
    monkeypatch.setattr(PortalAdmin, "list_per_page", 3)
    for _each in range(5):
        a_recording(account)

    assert "4+ recordings" in boss.get(LIST).content.decode()


def test_a_members_accounts_are_read_once_and_stand_in_the_queries(
    account: Account, stranger: Account, staff: Person
) -> None:
    mine = a_recording(account)
    a_recording(stranger)
    client = staff("view_recording", accounts=[account])
    client.get(LIST)

    with CaptureQueriesContext(connection) as captured:
        page = client.get(LIST)

    assert page.context["cl"].result_list == [mine]
    statements = [query["sql"] for query in captured]
    of_rows = [sql for sql in statements if 'FROM "recordings_recording"' in sql]
    assert of_rows
    assert not [sql for sql in of_rows if "recordings_account_members" in sql]
    assert len([sql for sql in statements if sql.startswith('SELECT "recordings_account"."id" AS "pk"')]) == 1


@pytest.fixture
def library(without_statistics: None) -> None:
    for _progress in seed_library(recordings=3_000, transcripts=300, seed=1, now=timezone.now()):
        pass
    accounts = list(Account.objects.all())
    for index in range(120):
        account = accounts[index % len(accounts)]
        a_run(account)
        an_event(account)
        an_access(account)
    analyse()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="the plans of SQLite; PostgreSQL scans so few rows")
@pytest.mark.parametrize("name", LISTS)
@pytest.mark.usefixtures("library")
def test_a_page_is_read_by_an_index_in_its_order(boss: Client, name: str) -> None:
    boss.get(f"/admin/recordings/{name}/")
    with CaptureQueriesContext(connection) as captured:
        page = boss.get(f"/admin/recordings/{name}/")
        older = link(page, "next")
        if older is not None:
            boss.get(f"/admin/recordings/{name}/{older}")

    pages = [
        query["sql"]
        for query in captured
        if query["sql"].startswith(f'SELECT "recordings_{name}"."id"') and "ORDER BY" in query["sql"]
    ]
    assert pages
    for sql in pages:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = "\n".join(row[3] for row in cursor.fetchall())
        assert "TEMP B-TREE" not in plan, plan
        assert f"SCAN recordings_{name}\n" not in f"{plan}\n" or name == "transcription", plan


@pytest.mark.usefixtures("library")
def test_a_member_of_some_accounts_reads_no_more(client: Client) -> None:
    member = User.objects.create_user("member", is_staff=True)
    member.account_ids = tuple(Account.objects.values_list("pk", flat=True)[:2])  # type: ignore[attr-defined]
    plan = Recording.objects.visible_to(member)[:100].explain()

    assert "recordings_account_members" not in plan
    if connection.vendor == "sqlite":
        assert "TEMP B-TREE" not in plan
