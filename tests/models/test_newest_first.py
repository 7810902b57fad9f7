"""Every list begins with the newest, found by an index however many rows there are: for one account and for all."""

from __future__ import annotations

from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from recordings.models import AccessEvent, Account, Call, CallbackEvent, Recording, SyncRun
from tests.admin.rows import a_call, a_recording

LISTED: tuple[type[models.Model], ...] = (Recording, Call, CallbackEvent, SyncRun, AccessEvent)


@pytest.mark.django_db
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


def test_calls_known_before_are_of_when_the_lists_said_they_were(account: Account) -> None:
    now = timezone.now()
    started, recorded, only_known = (a_call(account) for _each in range(3))
    Call.objects.filter(pk=started.pk).update(started_at=now - timedelta(days=1))
    for hours in (3, 5):
        a_recording(account, call=recorded, happened_at=now - timedelta(hours=hours))
        a_recording(account, call=started, happened_at=now - timedelta(hours=hours))
    Call.objects.update(created_at=now - timedelta(hours=1), happened_at=now)

    import_module("recordings.migrations.0009_newest_first").say_when(apps, None)

    at = dict(Call.objects.values_list("pk", "happened_at"))
    ago = {pk: (now - when).total_seconds() / 3_600 for pk, when in at.items()}
    assert ago == {started.pk: 24, recorded.pk: 5, only_known.pk: 1}
