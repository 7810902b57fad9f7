"""What is in the access log stays there as it was written, whatever asks the database to change it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from recordings.models import AccessEvent
from recordings.models.access_event import NO_DELETE, NO_UPDATE, REFUSAL, TABLE

DAY = timedelta(days=1)


def an_access(at: datetime) -> AccessEvent:
    return AccessEvent.objects.create(at=at, action="play", result="ok", user_pk=1, username="asha")


def drop() -> None:
    on = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in (NO_UPDATE, NO_DELETE):
            cursor.execute(f"DROP TRIGGER {name}{on}")


@pytest.mark.parametrize("days", [0, 364, 1_000])
def test_no_event_is_ever_changed(db: None, days: int) -> None:
    event = an_access(timezone.now() - days * DAY)

    with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
        AccessEvent.objects.filter(pk=event.pk).update(username="somebody else")

    assert AccessEvent.objects.get().username == "asha"


def test_an_event_is_not_deleted_in_its_first_year_and_may_be_afterwards(db: None) -> None:
    young, old = an_access(timezone.now() - 364 * DAY), an_access(timezone.now() - 366 * DAY)

    with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
        AccessEvent.objects.all().delete()
    assert AccessEvent.objects.count() == 2

    AccessEvent.objects.filter(pk=old.pk).delete()
    assert AccessEvent.objects.get() == young


def test_sql_of_ones_own_is_refused_too(db: None) -> None:
    an_access(timezone.now())

    for sql in ("DELETE FROM recordings_accessevent", "UPDATE recordings_accessevent SET result = 'ok'"):
        with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_every_migrate_makes_the_rule_again_where_it_was_dropped(db: None) -> None:
    drop()
    event = an_access(timezone.now())
    AccessEvent.objects.update(username="somebody else")

    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0)

    with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
        AccessEvent.objects.filter(pk=event.pk).update(username="a third")
    with pytest.raises(IntegrityError, match=REFUSAL), transaction.atomic():
        event.delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", [1, 2])
def test_the_rule_stands_in_tests_that_really_write_and_is_no_obstacle_to_emptying_the_tables(
    time: int,
) -> None:
    assert not AccessEvent.objects.exists(), f"left from before, at time {time}"
    event = an_access(timezone.now())

    with pytest.raises(IntegrityError, match=REFUSAL):
        event.delete()
