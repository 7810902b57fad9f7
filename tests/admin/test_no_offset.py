"""No page skips rows to reach its own, and none counts without an end, but of what is few by its nature."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client

from tests.admin.every_kind import Rows, hundreds
from tests.admin.plans import unbounded
from tests.admin.route_table import ROUTES, SUPER

pytestmark = pytest.mark.django_db
# People, roles and accounts are made by hand, and so is what one row's history tells. The overview's chart counts the
# days of two weeks, by an index.
FEW = re.compile(
    r'FROM "(auth_user|auth_group|recordings_account|django_admin_log)"|"happened_at" >= \S+ AND .*"happened_at" < '
)
QUERIES = ("", "?p=2", "?after=1.1", "?before=1.1", "?q=a", "?q=387423")


def addresses(rows: Rows) -> Iterator[str]:
    """Yield every page that a superuser may open, each list also further down and searched."""
    objects = {f"admin/{label.replace('.', '/')}": str(row.pk) for label, row in rows.items()}
    lists = {f"admin/{model._meta.label_lower.replace('.', '/')}/" for model in admin.site._registry}
    for route in ROUTES:
        if route.answer(SUPER, "GET") != 200 or (route.names_object() and route.subject not in objects):
            continue
        for query in QUERIES if route.path in lists else ("",):
            yield route.address(objects) + query


def statements(client: Client, url: str) -> list[tuple[str, Any]]:
    """Return what a page asks the database."""
    found: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        found.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        assert client.get(url, follow=True).status_code in {200, 403}
    return found


def test_no_page_has_an_offset_or_counts_without_an_end(boss: Client) -> None:
    visited = list(addresses(hundreds(105)[0]))
    wrong = [(url, sql) for url in visited for sql in unbounded(statements(boss, url)) if not FEW.search(sql)]
    assert not wrong
    lists = {f"/admin/{model._meta.label_lower.replace('.', '/')}/" for model in admin.site._registry}
    assert lists <= {*visited}
