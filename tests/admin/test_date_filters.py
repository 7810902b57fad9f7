"""Lists by date: the reader's days, from one midnight to the next and no instant more."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recordings.admin.filters import days_of
from recordings.models import Account, Preference
from recordings.overview import day_bounds
from tests.admin.rows import a_call, a_recording, a_run, a_transcript, an_event

Make = Callable[[Account, datetime], Any]
A_MICROSECOND = timedelta(microseconds=1)
LISTS: dict[str, Make] = {
    "recording": lambda account, at: a_recording(account, happened_at=at),
    "call": lambda account, at: a_call(account, happened_at=at),
    "transcription": lambda account, at: a_transcript(a_recording(account, happened_at=at)),
    "callbackevent": lambda account, at: an_event(account, received_at=at),
    "syncrun": lambda account, at: a_run(account, at=at),
}
# a day that is 24, 23 and 25 hours long, and one that begins at 01:00 because its midnight was left out
DAYS = [
    ("Asia/Kolkata", date(2025, 11, 6), 24),
    ("America/New_York", date(2025, 3, 9), 23),
    ("America/New_York", date(2025, 11, 2), 25),
    ("Africa/Cairo", date(2025, 4, 25), 23),
]


def read_in(zone: str) -> None:
    Preference.objects.choose(User.objects.get(username="boss"), zone)


def found(client: Client, name: str, query: str) -> list[Any]:
    answer = client.get(f"/admin/recordings/{name}/?{query}", follow=True)
    assert answer.status_code == 200
    return sorted(answer.context["cl"].result_list, key=lambda row: row.pk)


@pytest.mark.parametrize(("zone", "day", "hours"), DAYS)
@pytest.mark.parametrize("name", LISTS)
def test_a_day_begins_at_its_midnight_and_ends_before_the_next(
    account: Account, boss: Client, name: str, zone: str, day: date, hours: int
) -> None:
    begins, ends = (at.astimezone(UTC) for at in day_bounds(day, ZoneInfo(zone)))
    assert ends - begins == timedelta(hours=hours)
    read_in(zone)
    make = LISTS[name]
    make(account, begins - A_MICROSECOND)
    inside = [make(account, begins), make(account, ends - A_MICROSECOND)]
    make(account, ends)

    assert found(boss, name, f"date_from={day}&date_to={day}") == inside


@pytest.mark.parametrize("name", LISTS)
def test_a_bound_may_be_left_open(account: Account, boss: Client, name: str) -> None:
    rows = [LISTS[name](account, datetime(2025, 11, day, 12, tzinfo=UTC)) for day in (5, 6, 7)]

    assert found(boss, name, "date_from=2025-11-06") == rows[1:]
    assert found(boss, name, "date_to=2025-11-06") == rows[:2]
    assert found(boss, name, "date_from=&date_to=") == rows
    assert found(boss, name, "date_from=2025-11-07&date_to=2025-11-05") == []


@pytest.mark.parametrize(
    ("period", "first", "last"),
    [
        ("today", date(2025, 3, 1), date(2025, 3, 1)),
        ("yesterday", date(2025, 2, 28), date(2025, 2, 28)),
        ("7", date(2025, 2, 23), date(2025, 3, 1)),
        ("30", date(2025, 1, 31), date(2025, 3, 1)),
        ("month", date(2025, 3, 1), date(2025, 3, 1)),
        ("week", date(2025, 2, 24), date(2025, 3, 1)),
        ("last_week", date(2025, 2, 17), date(2025, 2, 23)),
        ("2025-02-25", date(2025, 2, 25), date(2025, 2, 25)),
    ],
)
def test_a_period_is_whole_days_up_to_today(period: str, first: date, last: date) -> None:
    assert days_of(period, date(2025, 3, 1)) == (first, last)


@pytest.mark.parametrize("name", LISTS)
def test_today_is_the_readers_today(account: Account, boss: Client, name: str) -> None:
    # in these two zones it is never the same day
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        read_in(zone)
        today = timezone.now().astimezone(ZoneInfo(zone)).date()
        noon = datetime.combine(today, datetime.min.time(), tzinfo=ZoneInfo(zone)) + timedelta(hours=12)
        rows = [LISTS[name](account, noon - timedelta(days=back)) for back in (0, 1, 5, 20, 40)]

        def of(query: str, made: list[Any] = rows) -> list[Any]:
            shown = found(boss, name, query)
            return [row for row in made if row in shown]

        assert of("date=today") == rows[:1]
        assert of("date=yesterday") == rows[1:2]
        assert of("date=7") == rows[:3]
        assert of("date=30") == rows[:4]


def test_last_tuesday_is_a_choice_by_its_name_and_an_older_day_of_a_link_too(
    account: Account, boss: Client
) -> None:
    read_in("Asia/Kolkata")
    today = timezone.now().astimezone(ZoneInfo("Asia/Kolkata")).date()
    tuesday = today - timedelta(days=(today.weekday() - 1) % 7 or 7)
    noon = datetime.combine(tuesday, datetime.min.time(), tzinfo=ZoneInfo("Asia/Kolkata")) + timedelta(
        hours=12
    )
    row = a_recording(account, happened_at=noon)
    a_recording(account, happened_at=noon - timedelta(days=7))
    page = boss.get(f"/admin/recordings/recording/?date={tuesday}").content.decode()
    named = "Yesterday" if (today - tuesday).days == 1 else f"Tue {tuesday.day} {tuesday:%b}"
    assert re.search(rf'<input type="radio" name="date" value="[^"]+" checked>{named}</label>', page)
    assert found(boss, "recording", f"date={tuesday}") == [row]
    older = boss.get("/admin/recordings/recording/?date=2025-11-06").content.decode()
    assert 'name="date" value="2025-11-06" checked>6 Nov 2025</label>' in older


@pytest.mark.parametrize(
    "query",
    [
        "date=tomorrow",
        "date=0001-01-01",
        "date=9999-12-31",
        "date_from=yesterday",
        "date_to=2025-13-01",
        "date_from=0001-01-01",
    ],
)
def test_what_is_no_date_finds_nothing_and_breaks_nothing(account: Account, boss: Client, query: str) -> None:
    a_recording(account)

    assert found(boss, "recording", query) == []


def test_two_dates_keep_the_other_choices_and_are_shown_again(account: Account, boss: Client) -> None:
    url = "/admin/recordings/recording/?status__exact=completed&q=387423&date_from=2025-11-06&date_to=2025-11-07"

    page = boss.get(url).content.decode()

    form = page[page.index('id="changelist-filter"') :]
    form = form[: form.index("</form>")]
    assert '<option value="completed" selected>' in form
    assert '<input type="hidden" name="q" value="387423">' in form
    assert form.count('type="hidden"') == 1
    assert 'id="filter-date-from" value="2025-11-06"' in form
    assert 'id="filter-date-to" value="2025-11-07"' in form


def test_a_call_without_a_start_is_of_the_day_that_the_list_shows(account: Account, boss: Client) -> None:
    at = datetime(2025, 11, 6, 12, tzinfo=UTC)
    read_in("UTC")
    that_day = a_call(account, happened_at=at)
    a_recording(account, call=that_day, happened_at=at + timedelta(days=1))
    before = a_call(account, happened_at=at - timedelta(days=3))
    a_recording(account, call=before, happened_at=at)

    assert found(boss, "call", "date_from=2025-11-06&date_to=2025-11-06") == [that_day]
    assert found(boss, "call", "date_from=2025-11-07&date_to=2025-11-07") == []
    assert found(boss, "call", "date_to=2025-11-05") == [before]


@pytest.mark.once
@pytest.mark.parametrize("name", LISTS)
def test_a_date_costs_no_query(account: Account, boss: Client, name: str) -> None:
    LISTS[name](account, timezone.now())
    boss.get(f"/admin/recordings/{name}/")

    def queries(query: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            found(boss, name, query)
        return len(captured)

    # beside how many rows there are in all, which Django asks for wherever a filter is on
    assert queries("date=30") <= queries("") + 1
