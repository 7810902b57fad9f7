"""The sums above the list of recordings, and the numbers on its tabs and days."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import caches
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recordings.admin import list_page
from recordings.models import Account, Recording
from recordings.overview import totals
from tests.admin.conftest import Person
from tests.admin.rows import a_call, a_recording, a_transcript

LIST = "/admin/recordings/recording/"


def shown(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"{LIST}?{query}")
    return [
        f"{one.figure} {one.word}".strip()
        for one in list_page.totals(answer.context["cl"], answer.wsgi_request)
    ]


def test_the_totals_are_those_of_the_filter(account: Account, boss: Client) -> None:
    for _n in range(3):
        one = a_recording(account, duration_ms=3_600_000, monthly_storage_amount=Decimal("0.1234"))
        a_transcript(one, charge=Decimal("1.5"))
    a_recording(account, duration_ms=30_000)

    assert shown(boss) == [
        "4 recordings",
        "3 h 0 min",
        "0 archived",
        "USD 0.37 storage",
        "4.5 transcription, currency not stated",
    ]
    assert shown(boss, "length=1m") == ["1 recording", "30 s", "0 archived"]


def test_the_totals_read_a_bounded_number_of_rows(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    for _n in range(4):
        a_recording(account, duration_ms=60_000)
    monkeypatch.setattr("recordings.overview.sums.MOST_SUMMED", 2)

    found = totals(Recording.objects.all())

    assert (found.rows, found.is_partial) == (2, True)
    assert found.duration_ms == 3 * 60_000


def test_the_totals_are_of_the_readers_accounts_alone(
    account: Account, stranger: Account, staff: Person
) -> None:
    a_recording(account)
    a_recording(stranger)

    assert shown(staff("view_recording", accounts=[account]))[0] == "1 recording"


def test_the_tabs_count_with_the_navigation_in_one_statement(account: Account, boss: Client) -> None:
    for _n in range(2):
        a_recording(account, time_limit=60, duration_ms=60_000)
    a_transcript(a_recording(account))
    boss.get(LIST)
    caches["process"].clear()

    with CaptureQueriesContext(connection) as captured:
        answer = boss.get(LIST)

    counts: dict[str, str] = {
        str(view.label): view.count for view in list_page.views(answer.context["cl"], answer.wsgi_request)
    }
    assert counts["Cut short"] == "2"
    assert counts["With transcript"] == "1"
    assert counts["All recordings"] == counts["Needs attention"] == ""
    assert '<span class="c">2</span>' in answer.content.decode()
    assert len([query for query in captured if '"view_1"' in query["sql"]]) == 1


def test_a_day_that_is_whole_on_the_page_has_its_sum(
    account: Account, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = timezone.now().replace(hour=6, minute=0)
    for days, n in ((1, 2), (2, 3)):
        for number in range(n):
            at = noon - timedelta(days=days, minutes=number)
            a_recording(account, call=a_call(account), happened_at=at, duration_ms=120_000)

    def sums(query: str = "") -> list[Any]:
        answer = boss.get(f"{LIST}?{query}")
        return [group.day_sum for group in list_page.rows(answer.context["cl"]).groups if group.day]

    assert sums() == ["2 recordings · 4 min", "3 recordings · 6 min"]
    monkeypatch.setattr("recordings.admin.recordings.admin.RecordingAdmin.list_per_page", 4)
    assert sums() == ["2 recordings · 4 min", ""]  # it goes on overleaf
