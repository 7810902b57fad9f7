"""The list of calls: it finds a call by what the list of recordings finds it by, and says how long each was."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings.models import Account, Call
from tests.admin.rows import a_call, a_live_call, a_recording
from tests.admin.test_recording_filters import TUESDAY_EVENING

LIST = "/admin/recordings/call/"
BENGALURU, MOBILE = "+918045123400", "+919624705678"


def found(client: Client, **query: str) -> set[Call]:
    return set(client.get(LIST, query).context["cl"].result_list)


def cells(client: Client, column: str) -> list[str]:
    page = client.get(LIST).content.decode()
    return re.findall(rf'<td class="[^"]*field-{column}">(?:<[^>]*>)*([^<]*)<', page)


@pytest.mark.parametrize(
    ("query", "columns", "ms"),
    [
        ({"hours": "evening"}, {"happened_at": TUESDAY_EVENING}, 10_000),
        ({"time_from": "18:00", "time_to": "22:00"}, {"happened_at": TUESDAY_EVENING}, 10_000),
        ({"weekday": "3"}, {"happened_at": TUESDAY_EVENING}, 10_000),
        ({"length": "over_2m"}, {}, 150_000),
        ({"min_length": "2 min", "max_length": "3 min"}, {}, 150_000),
        ({"number": "080 4512 3400"}, {"to_number": BENGALURU}, 10_000),
        ({"caller": "080 4512 3400"}, {"from_number": BENGALURU}, 10_000),
        ({"callee": "080 4512 3400"}, {"to_number": BENGALURU}, 10_000),
        ({"area": "Bengaluru"}, {"from_number": BENGALURU}, 10_000),
        ({"area": "080"}, {"to_number": BENGALURU}, 10_000),
        ({"caller_area": "Bengaluru"}, {"from_number": BENGALURU}, 10_000),
        ({"callee_area": "Bengaluru"}, {"to_number": BENGALURU}, 10_000),
    ],
)
def test_a_call_is_found_by_what_finds_its_recordings(
    account: Account, boss: Client, query: dict[str, str], columns: dict[str, Any], ms: int
) -> None:
    Account.objects.update(time_zone="Asia/Kolkata")
    usual: dict[str, Any] = {
        "from_number": "+14155550132", "to_number": MOBILE, "happened_at": TUESDAY_EVENING - timedelta(hours=31)
    }  # fmt: skip
    other, wanted = a_call(account, **usual), a_call(account, **(usual | columns))
    a_recording(account, call=other, duration_ms=10_000)
    a_recording(account, call=wanted, duration_ms=ms)

    assert found(boss, **query) == {wanted}


def test_the_panel_has_caller_and_callee_first_and_time_of_day_beside_the_date(
    account: Account, boss: Client
) -> None:
    page = boss.get(LIST).content.decode()
    first, _summary, more = page[page.index('id="changelist-filter"') :].partition("More filters")

    common = dict.fromkeys(re.findall(r'<(?:select|input) [^>]*?name="([a-z_]+)"', first))
    assert [*common] == [
        "caller", "callee", "direction__exact", "date", "date_from", "date_to", "hours", "time_from", "time_to",
        "length", "state__exact",
    ]  # fmt: skip
    assert 'id="filter-weekday"' in more
    assert 'id="filter-number"' in more


def test_a_row_says_how_long_the_call_is_known_to_have_gone_on(account: Account, boss: Client) -> None:
    now = timezone.now()
    begun = now - timedelta(minutes=30)
    once, twice = a_call(account, happened_at=begun), a_call(account, happened_at=begun - timedelta(hours=1))
    a_recording(account, call=once, started_at=begun, duration_ms=150_000)
    untimed = a_call(account, happened_at=begun - timedelta(minutes=30))
    a_recording(account, call=untimed, duration_ms=42_000)
    a_recording(account, call=twice, started_at=begun, duration_ms=60_000)
    a_recording(account, call=twice, started_at=begun + timedelta(minutes=3), duration_ms=60_000)
    a_call(
        account, happened_at=begun - timedelta(hours=2), started_at=begun, seen_live_at=begun + timedelta(seconds=45)
    )  # fmt: skip
    a_call(account, happened_at=begun - timedelta(hours=3))  # of which nothing is known
    a_live_call(account, started_at=now - timedelta(seconds=90), happened_at=now)

    live, *over = cells(boss, "length")

    assert live.startswith("1:3")
    assert over == ["2:30", "0:42", "4:00", "0:45", "–"]
