"""Lists, filters, sorts and searches on SQLite are read by an index, by the worker's statistics of a million rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin import site
from django.contrib.auth.models import Group, User
from django.db import connection
from django.utils import timezone

from recordings import overview
from recordings.models import Account, Recording
from recordings.models.account import remember_accounts
from recordings.models.recording import queryset
from recordings.overview.counting import MOST
from recordings.worker.statistics import analyse
from tests.admin.plans import (
    CASES,
    FEW,
    MODELS,
    NOT_APPLIED,
    NOT_ARCHIVED,
    RARE,
    SEARCHES,
    Case,
    asked,
    make_rare,
    newest_first,
    of_page,
    plan,
    readers,
    searches_without_index,
    unbounded,
    whole_tables,
    write_library,
)
from tests.admin.rows import a_recording

ROWS, MILLION = 3_000, 1_000_000
STEPS_AT_ONCE = 100
SQLITE = pytest.mark.skipif(connection.vendor != "sqlite", reason="test_plans_postgresql.py has the others")


@pytest.fixture
def people(without_statistics: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, User]:
    """Two readers of a library that SQLite, and the portal, take for a million recordings."""
    monkeypatch.setattr(queryset, "FEW", ROWS // 10)
    account = write_library(ROWS)
    make_rare(account)
    analyse()
    with connection.cursor() as cursor:
        cursor.execute("SELECT rowid, stat FROM sqlite_stat1 WHERE tbl LIKE 'recordings_%%'")
        for row, stat in cursor.fetchall():
            grown = (_grown(word) for word in stat.split())
            cursor.execute("UPDATE sqlite_stat1 SET stat = %s WHERE rowid = %s", [" ".join(grown), row])
        cursor.execute("ANALYZE sqlite_schema")  # reads what was planted
    return readers(account)


def _grown(word: str) -> str:
    """Return a number of rows as it were in a million; one of few stays so."""
    return str(int(word) * MILLION // ROWS) if word.isdecimal() and int(word) >= 100 else word


def problems_of(user: User, case: Case) -> Iterator[str]:
    """Yield what is wrong with the statements of one page."""
    of_list, of_frame = asked(user, case)
    yield from unbounded([*of_list, *of_frame])
    wanted = case.index or newest_first(user, case)
    for text in map(plan, of_page(of_list)):
        if case.name == "transcription" and "TABLE" in case.index and user.is_superuser:
            wanted = r"SCAN recordings_transcription$"  # in the order of the table itself
        elif whole_tables(text) and not case.has_none:
            yield f"reads all: {text}"
        if not re.search(wanted, text, re.MULTILINE):
            yield f"no {wanted} in {text}"
        if not case.index and "USE TEMP B-TREE FOR ORDER BY" in text:
            yield f"sorts: {text}"
    if any(case.query == query for query, _columns, _index in RARE):
        read = [one for one in of_list if 'FROM "recordings_recording"' in one[0]]
        yield from (text for text in map(plan, read) if case.index not in text)


@SQLITE
def test_every_page_is_read_by_its_index(people: dict[str, User]) -> None:
    for query, columns, _index in RARE:
        assert Recording.objects.filter(**columns).count() >= FEW, query
    wrong = [
        (name, case, text)
        for name, user in people.items()
        for case in CASES
        for text in problems_of(user, case)
    ]
    assert not wrong, wrong[0]


@SQLITE
def test_every_kind_of_search_begins_with_its_index(people: dict[str, User]) -> None:
    assert not searches_without_index(people)


@contextmanager
def steps() -> Iterator[list[int]]:
    """Count the steps of SQLite's virtual machine meanwhile."""
    counted = [0]

    def count() -> int:
        counted[0] += STEPS_AT_ONCE
        return 0

    connection.connection.set_progress_handler(count, STEPS_AT_ONCE)
    try:
        yield counted
    finally:
        connection.connection.set_progress_handler(None, 0)


@SQLITE
def test_a_small_account_is_not_looked_for_among_the_rows_of_others(people: dict[str, User]) -> None:
    """Nor its next recording to be archived, nor its last copy: a walk over all is ROWS times some steps."""
    small = Account.objects.create(auth_id="MA_SMALL00001", is_active=True, first_synced_at=timezone.now())
    for _each in range(3):
        a_recording(small, added_at=timezone.now())
    member = User.objects.create_user("newcomer", is_staff=True)
    member.groups.set(Group.objects.all())
    member.vobiz_accounts.add(small)
    remember_accounts(member)
    dear: list[tuple[int, Any]] = []
    for case in [*CASES, *SEARCHES]:
        with steps() as counted:
            asked(member, case)
        dear.append((counted[0], case))
    now = timezone.now()
    others = figures(member, now)
    others["next to be archived"] = lambda: Recording.objects.due_for_archive(now, [small]).first()
    dear += steps_of(others)
    assert not [one for one in dear if one[0] > 2 * ROWS]


def figures(user: User, now: datetime) -> dict[str, Callable[[], Any]]:
    """Return what reads each figure of the overview for a viewer."""
    seen = overview.accounts(user, now)
    kept_days = {account.retention_days for account in seen}
    return {
        "accounts": lambda: overview.accounts(user, now),
        "live calls": lambda: overview.live_calls(user),
        "running": lambda: overview.running(user),
        "starts": lambda: overview.starts(user, now),
        "days": lambda: overview.days(user, now.date(), UTC),
        "for a person": lambda: overview.for_a_person(user),
        "unsigned": lambda: overview.unsigned(user, seen, now),
        "gaps": lambda: overview.gaps(user, seen),
        "at risk": lambda: overview.at_risk(user, now, kept_days=kept_days),
        "lost": lambda: overview.lost(now, seen),
        "lost before": lambda: overview.lost_before(now, seen),
        "archiving": lambda: overview.archiving(now, seen),
        "broken syncs": lambda: overview.broken_syncs(user, seen),
        "callback troubles": lambda: overview.callback_troubles(user),
        "background": lambda: overview.background(user, now),
    }


def steps_of(reads: dict[str, Callable[[], Any]]) -> list[tuple[int, str]]:
    """Return the steps that each takes."""
    found = []
    for name, read in reads.items():
        with steps() as counted:
            read()
        found.append((counted[0], name))
    return found


@SQLITE
def test_the_figures_of_the_overview_are_read_by_their_indexes(people: dict[str, User]) -> None:
    """A figure of what is rare is a few steps, and of what is common as much as MOST rows take, of any viewer."""
    for user in people.values():
        dear = steps_of(figures(user, timezone.now()))
        common = {"lost", "lost before", "archiving"}
        assert not [one for one in dear if one[0] > (40 * (MOST + 1) if one[1] in common else ROWS / 2)]


FRAME = {
    "recording": ("call_live", NOT_ARCHIVED, NOT_APPLIED, "syncrun_newest_complete",
                  "recording_cut_short", "recording_for_a_person"),
    "callbackevent": ("call_live", NOT_ARCHIVED, NOT_APPLIED, "syncrun_newest_complete"),
}  # fmt: skip


@SQLITE
def test_tabs_and_navigation_are_counted_by_their_indexes(people: dict[str, User]) -> None:
    for user in people.values():
        for name, indexes in FRAME.items():
            [statement] = [one for one in asked(user, Case(name, {}))[1] if '"in_sync"' in one[0]]
            text = plan(statement)
            assert not [index for index in indexes if not re.search(index, text)], text
            assert statement[0].count("COUNT(") == statement[0].count("LIMIT 1000) counted")


@pytest.mark.parametrize("name", MODELS)
def test_each_filter_and_sort_of_each_list_has_a_case(name: str) -> None:
    owner: Any = site.get_model_admin(MODELS[name])
    tried = {parameter for case in CASES if case.name == name for parameter in case.query}
    orders = {case.query.get("o") for case in CASES if case.name == name}
    specs: list[Any] = list(owner.list_filter)
    for spec in specs:
        if not isinstance(spec, type):
            assert f"{spec}__exact" in tried
        elif issubclass(spec, admin.SimpleListFilter):
            assert spec.parameter_name in tried
        else:
            assert {*getattr(spec, "parameters", ())} & tried, spec
    assert {sort.name for sort in owner.sorts} <= orders
