"""Every list begins with the newest, found by an index however many rows there are: for one account and for all."""

from __future__ import annotations

import pytest
from django.db import connection, models

from recordings.models import AccessEvent, Call, CallbackEvent, Recording, SyncRun

LISTED: tuple[type[models.Model], ...] = (Recording, Call, CallbackEvent, SyncRun, AccessEvent)


@pytest.mark.usefixtures("without_statistics")
@pytest.mark.parametrize("model", LISTED, ids=lambda model: model.__name__)
def test_the_newest_of_all_are_read_by_an_index_and_not_sorted(model: type[models.Model]) -> None:
    if connection.vendor == "postgresql":  # an empty table is read whole unless that is made to look dear
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_bitmapscan = off")
    rows = model._default_manager.order_by(*model._meta.ordering or ())

    plan = rows[:100].explain().lower()

    assert model._meta.ordering
    assert "index" in plan
    assert "sort" not in plan
    assert "temp b-tree" not in plan
