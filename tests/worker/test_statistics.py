"""SQLite's statistics as the worker leaves them, and the plans that follow from them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from recordings.models import Account, Call, Recording
from recordings.search import find_recordings, parse_query
from recordings.seeding import seed_library
from recordings.worker.statistics import LIMIT, _corrected, analyse

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL gathers its own statistics"),
]
ROWS = 4 * LIMIT


@pytest.fixture
def analysed_library(without_statistics: None) -> None:
    for _progress in seed_library(recordings=ROWS, transcripts=100, seed=1, now=timezone.now()):
        pass
    analyse()


def averages(index: str) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT stat FROM sqlite_stat1 WHERE idx = %s", [index])
        return [int(number) for number in cursor.fetchone()[0].split()]


@pytest.mark.usefixtures("analysed_library")
def test_an_account_is_known_to_have_more_rows_than_the_limit() -> None:
    rows, of_an_account, *_rest = averages("recording_newest")
    assert of_an_account == rows // Account.objects.count() > LIMIT
    assert averages("call_newest")[1] > LIMIT / 2


@pytest.mark.usefixtures("analysed_library")
def test_every_index_of_a_table_tells_the_same_number_of_rows() -> None:
    """Each guesses by itself, and SQLite takes the last guess for the table's size."""
    for model in (Recording, Call):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT DISTINCT CAST(stat AS integer) FROM sqlite_stat1 s "
                "JOIN pragma_index_list(s.tbl) l ON l.name = s.idx WHERE s.tbl = %s AND NOT l.partial",
                [model._meta.db_table],
            )
            assert cursor.fetchall() == [(model.objects.count(),)]


@pytest.mark.usefixtures("analysed_library")
def test_an_index_over_no_row_is_known_to_be_empty() -> None:
    """ANALYZE says nothing of it, and then SQLite takes it for as large as others."""
    assert averages("recording_of_other_origin") == [1, 1, 1, 1, 1]


@pytest.mark.usefixtures("analysed_library")
def test_lists_walk_the_newest_rows_and_searches_the_hits() -> None:
    member = User.objects.create_user("member", is_staff=True)
    member.vobiz_accounts.set(Account.objects.all()[:2])
    for model in (Recording, Call):
        page = model.objects.visible_to(User(is_superuser=True, is_staff=True, is_active=True))[
            :100
        ].explain()
        assert "_newest_of_all" in page
        assert "B-TREE" not in page
    found = find_recordings(
        Recording.objects.visible_to(member), query := parse_query("387423"), query.readings[0]
    )
    plan = found.rows.order_by(*found.order)[:100].explain()
    assert "account" not in plan.partition("LIST SUBQUERY")[0]


@pytest.mark.usefixtures("analysed_library")
def test_an_average_that_the_limit_cut_is_taken_for_more() -> None:
    """A call's direction and account together find a hundred thousand rows, not the 401 that were read."""
    with connection.cursor() as cursor:
        read = [856_324, LIMIT + 1, LIMIT + 1]
        assert _corrected(cursor, "recordings_call", "call_by_direction", read) == [856_324, 428_162, 42_816]
