"""The triggers that write outgoing events: away while migrations run, back afterwards, and left alone otherwise."""

from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recordings.models import Account, AlertWebhook, OutgoingEvent, outgoing_event
from tests.admin.rows import a_recording
from tests.alerts.test_events import hook, now, receiver

__all__ = ["hook", "now", "receiver"]  # fixtures


@pytest.mark.django_db(transaction=True)
def test_migrations_find_no_trigger_in_their_way_and_the_triggers_come_back(
    account: Account, hook: AlertWebhook
) -> None:
    outgoing_event.before_migrate(using="default", plan=["one"])
    assert outgoing_event.missing_triggers()
    a_recording(account)
    assert not OutgoingEvent.objects.exists()
    call_command("migrate", verbosity=0)
    assert not outgoing_event.missing_triggers()
    a_recording(account)
    assert OutgoingEvent.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_migrate_that_finds_nothing_to_do_makes_no_trigger_anew(account: Account) -> None:
    with CaptureQueriesContext(connection) as captured:
        outgoing_event.make_triggers(using="default")
    assert not [one["sql"] for one in captured if re.match(r"CREATE (OR REPLACE )?TRIGGER", one["sql"])]
