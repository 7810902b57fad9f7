"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from recordings.admin import formatting

AT = datetime(2025, 11, 6, 18, 16, tzinfo=UTC)
KOLKATA = ZoneInfo("Asia/Kolkata")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0:00"),
        (0.4, "0.4 s"),
        (10.08, "0:10"),
        (59.9, "0:59"),
        (608, "10:08"),
        (3_723, "1:02:03"),
    ],
)
def test_a_length_is_minutes_and_seconds(seconds: float | None, words: str) -> None:
    assert formatting.length(seconds) == words


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (timedelta(minutes=5), "23:51 IST"),
        (timedelta(hours=4), "03:46 IST tomorrow"),
        (timedelta(days=3), "23:46 IST on 9 Nov 2025"),
        (timedelta(days=-1), "23:46 IST on 5 Nov 2025"),
    ],
)
def test_a_clock_time_names_the_day_where_it_is_not_todays(ahead: timedelta, words: str) -> None:
    assert formatting.clock(AT + ahead, KOLKATA, now=AT) == words


def test_a_zone_without_a_name_is_shown_by_its_offset() -> None:
    assert formatting.zone_name(AT.astimezone(ZoneInfo("America/Sao_Paulo"))) == "UTC-03"


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (-5, "0 s ago"), (12, "12 s ago"), (300, "5 min ago"), (7_300, "2 h ago"), (86_399, "23 h ago"),
        (86_400, "on 5 Nov 2025"), (400_000, "on 2 Nov 2025"),
    ],
)  # fmt: skip
def test_an_age_is_said_in_one_unit_and_from_a_day_on_as_a_date(age: int, words: str) -> None:
    assert formatting.ago(AT - timedelta(seconds=age), AT) == words


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (-1, "by now"),
        (3_599, "in less than an hour"),
        (3_700, "in 1 hour"),
        (36_000, "in 10 hours"),
        (172_800, "in 2 days"),
        (864_000, "in 10 days"),
    ],
)
def test_what_is_left_is_said_in_one_unit(until: int, words: str) -> None:
    assert formatting.days_left(AT + timedelta(seconds=until), AT) == words


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        (None, "–"), (Decimal("0.00500000"), "USD 0.005"), (Decimal("0E-8"), "USD 0"), (Decimal(1200), "USD 1200"),
        (Decimal("1E+3"), "USD 1000"),
    ],
)  # fmt: skip
def test_an_amount_keeps_its_figures_and_its_currency(amount: Decimal | None, words: str) -> None:
    assert formatting.money(amount) == words


def test_a_number_is_grouped_and_keeps_what_vobiz_gave() -> None:
    assert formatting.number("919624705678") == '<bdi class="portal-number">+91 96247 05678</bdi>'
    assert formatting.number("09624705678") == (
        '<bdi class="portal-number" title="Vobiz says: 09624705678">+91 96247 05678</bdi>'
    )
    assert formatting.number("sip:<agent>") == '<bdi class="portal-number">sip:&lt;agent&gt;</bdi>'
    long = "sip:someone.with.a.long.name@pbx.example"
    assert f'title="Vobiz says: {long}"' in formatting.number(long)
    assert formatting.number(None) == "–"
