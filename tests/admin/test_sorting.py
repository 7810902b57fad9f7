"""Orders of the recordings' list: by time, length and days left, by headings that are links, paged by keyset."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings.models import Account, Recording
from tests.admin.rows import a_recording

LIST = "/admin/recordings/recording/"
SMALL = 3


@pytest.fixture
def library(account: Account, monkeypatch: pytest.MonkeyPatch) -> list[Recording]:
    """Seven recordings of the last days, each longer than the one before but for the last two, which are equal."""
    monkeypatch.setattr("recordings.admin.base.PortalAdmin.list_per_page", SMALL)
    now = timezone.now()
    lengths = (None, 1_000, 2_000, 3_000, 4_000, 5_000, 5_000)
    return [
        a_recording(account, duration_ms=length, happened_at=now - timedelta(days=2, minutes=minutes))
        for minutes, length in enumerate(lengths)
    ]


def pages(client: Client, order: str) -> list[Recording]:
    """Every row, page by page to the end, then back to the first page."""
    url, found, seen = f"{LIST}?o={order}", [], []
    while url:
        cl = client.get(url).context["cl"]
        seen.append(cl)
        found += cl.result_list
        url = next((LIST + link.url for link in cl.page_links if link.rel == "next"), "")
    back = next(LIST + link.url for link in seen[1].page_links if link.rel == "prev")
    assert client.get(back).context["cl"].result_list == seen[0].result_list
    return found


def test_each_order_is_paged_by_keyset(boss: Client, library: list[Recording]) -> None:
    by_length = sorted(library, key=lambda row: (row.duration_ms or 0, row.pk))

    assert pages(boss, "length") == by_length
    assert pages(boss, "-length") == by_length[::-1]
    assert pages(boss, "time") == library[::-1]
    assert pages(boss, "left") == library[::-1]
    assert pages(boss, "nonsense") == library


def test_days_left_are_those_of_each_account(account: Account, subaccount: Account, boss: Client) -> None:
    now = timezone.now()
    Account.objects.filter(pk=account.pk).update(retention_days=90)
    Account.objects.filter(pk=subaccount.pk).update(retention_days=30)
    old = a_recording(account, happened_at=now - timedelta(days=40))
    first = a_recording(subaccount, happened_at=now - timedelta(days=20))
    a_recording(subaccount, happened_at=now - timedelta(days=31))  # past its retention: it has no days left
    a_recording(account, happened_at=now, status="failed")

    assert boss.get(f"{LIST}?o=left").context["cl"].result_list == [first, old]


def heading(page: Any, words: str) -> tuple[str, str]:
    """The attribute `aria-sort` of a heading, and where it leads."""
    th = next(
        one for one in re.findall(r"<th [^>]*>(?:(?!</th>).)*", page.content.decode()) if f">{words}<" in one
    )
    found, link = re.search(r'aria-sort="(\w+)"', th), re.search(r'href="([^"]*)"', th)
    return found[1] if found else "", link[1].replace("&amp;", "&") if link else ""


def test_a_heading_leads_from_order_to_order_and_back(boss: Client, library: list[Recording]) -> None:
    url, seen = f"{LIST}?length=10s", []
    for _press in range(3):
        way, link = heading(boss.get(url), "Length")
        seen.append(way)
        url = LIST + link

    assert seen == ["", "descending", "ascending"]
    assert url == f"{LIST}?length=10s"
    assert heading(boss.get(f"{LIST}?o=left"), "Audio")[0] == "ascending"


def test_an_order_stands_as_a_chip_and_in_the_panel_and_keeps_the_filters(
    boss: Client, library: list[Recording]
) -> None:
    page = boss.get(f"{LIST}?o=-length&length=10s").content.decode()

    assert '<option value="-length" selected>Longest first' in page
    assert re.search(r'class="vp-chip">Longest first<a href="\?length=10s"', page)
    assert re.search(r'class="vp-chip">Length: under 10 s<a href="\?o=-length"', page)
