"""Lists, filters, sorts and searches on PostgreSQL are read by an index, at 50,000 recordings after ANALYZE."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from pytest_django import DjangoDbBlocker

from recordings.models import Recording
from tests.admin.bulk import TIMES, multiply
from tests.admin.plans import (
    CASES,
    LISTED,
    RARE,
    Case,
    asked,
    make_rare,
    of_page,
    plan,
    readers,
    searches_without_index,
    unbounded,
    whole_tables,
    write_library,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="test_plans.py has those of SQLite"),
]
SEEDED = 2_500


@pytest.fixture(scope="module")
def people(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[dict[str, User]]:
    """Two readers of a library that is written once for this module, and taken back after it."""
    with django_db_blocker.unblock():
        with transaction.atomic():
            account = write_library(SEEDED)
            multiply()
            make_rare(account)
            tables = ", ".join(model._meta.db_table for model in LISTED)
            with connection.cursor() as cursor:
                cursor.execute(f"ANALYZE {tables}, recordings_account")
                # so much that is not sorted in may wait that its index looks dearer than a scan
                cursor.execute(
                    "SELECT gin_clean_pending_list(i.oid) FROM pg_class i JOIN pg_am a ON a.oid = i.relam "
                    "WHERE a.amname = 'gin' AND i.relname LIKE 'recordings%%' AND i.relkind = 'i'"
                )
            assert Recording.objects.count() == SEEDED * (TIMES + 1)
            yield readers(account)
            transaction.set_rollback(True)
        with connection.cursor() as cursor:
            cursor.execute(f"VACUUM {tables}")  # else the next tests would pass over what was taken back


def problems_of(user: User, case: Case) -> Iterator[str]:
    """Yield what is wrong with the statements of one page. A count may read the table: it stops at 10,001 rows."""
    of_list, of_frame = asked(user, case)
    yield from unbounded([*of_list, *of_frame])
    for text in map(plan, of_page(of_list)):
        if not case.has_none:
            yield from whole_tables(text)
        if any(case.query == query for query, _columns, _index in RARE) and case.index not in text:
            yield f"no {case.index} in {text}"
    for statement in of_frame:
        if '"in_sync"' in statement[0]:
            yield from whole_tables(plan(statement))


def test_every_page_is_read_by_its_index(people: dict[str, User]) -> None:
    wrong = [
        (name, case, text)
        for name, user in people.items()
        for case in CASES
        for text in problems_of(user, case)
    ]
    assert not wrong, "\n".join(map(str, wrong))


def test_every_kind_of_search_begins_with_its_index(people: dict[str, User]) -> None:
    assert not searches_without_index(people)
