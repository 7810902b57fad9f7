"""Times that a fast clock wrote are corrected, and nothing waits for them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db.models import Model
from django.utils import timezone

from recordings.choices import ProblemCode
from recordings.future_times import DUE_TIMES, correct_future_times
from recordings.models import (
    Account,
    Alert,
    AlertChoice,
    AlertMessage,
    AlertWebhook,
    OutgoingEvent,
    Recording,
    Worker,
)
from recordings.problem import Problem
from recordings.shared_cache import CacheEntry
from recordings.vobiz.errors import AuthenticationError
from tests.admin.rows import a_call, a_live_call, a_recording, a_run, a_running, an_event
from tests.archived import an_archived

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def test_times_that_a_fast_clock_wrote_are_set_to_now_and_what_vobiz_says_is_not(account: Account) -> None:
    now = timezone.now()
    later = now + DAY
    fast = a_run(account, started_at=later)
    right = a_run(account, started_at=now - DAY)
    Account.objects.update(live_tried_at=later, settled_at=later)
    recording = a_running(account, requested_at=later, started_at=later)
    event = an_event(account, received_at=later)

    assert correct_future_times(later) == 0  # where the clock is still fast
    assert correct_future_times(now) == 5

    for row in (fast, right, recording, event, account):
        row.refresh_from_db()
    for at in (
        fast.started_at,
        account.live_tried_at,
        account.settled_at,
        event.received_at,
        recording.requested_at,
    ):
        assert at is not None
        assert now - 5 * SECOND <= at <= now + 60 * SECOND
    assert (right.started_at, recording.started_at) == (now - DAY, later)
    assert correct_future_times(now) == 0


def an_alert_message(account: Account) -> AlertMessage:
    at = timezone.now()
    made: AlertMessage = AlertMessage.objects.create(
        kind="test", address="asha@example.com", created_at=at, next_at=at
    )
    return made


def an_outgoing_event(account: Account) -> OutgoingEvent:
    webhook, _secret = AlertWebhook.create(account, "https://hooks.example.com/", "standard")
    at = timezone.now()
    made: OutgoingEvent = OutgoingEvent.objects.create(
        account=account, webhook=webhook, kind="test", at=at, created_at=at, next_at=at
    )
    return made


def a_used_up_guess(_account: Account) -> CacheEntry:
    cache.set("guesses", 20, 86_400)
    return CacheEntry.objects.get()


# What is waited for: how a row is made, its column, and how far ahead a right clock may set it
WAITED_FOR: list[tuple[Callable[[Account], Model], str, timedelta]] = [
    (lambda account: account, "archive_probe_at", timedelta(minutes=1)),
    (lambda account: account, "api_probe_at", timedelta(minutes=1)),
    (lambda account: account, "gap_seen_at", timedelta(0)),
    (a_running, "read_back_due_at", DAY),
    (a_running, "stop_requested_at", timedelta(0)),
    (an_archived, "verified_at", timedelta(0)),
    (a_live_call, "seen_live_at", timedelta(0)),
    (lambda account: a_running(account, call=a_call(account)).call, "ended_at", timedelta(0)),
    (an_alert_message, "next_at", timedelta(hours=1)),
    (an_outgoing_event, "next_at", timedelta(hours=1)),
    (a_used_up_guess, "expires_at", DAY),
    (
        lambda account: Worker.objects.create(name="a", started_at=timezone.now(), heard_at=timezone.now()),
        "nightly_at", timedelta(0),
    ),
    (lambda _account: AlertChoice.objects.create(user=User.objects.create_user("asha")), "digest_at", timedelta(0)),
    (
        lambda account: Alert.objects.open_for(
            Problem(ProblemCode.NO_TOKEN, account.pk, None, "a", "b", "c"), timezone.now()
        )[0],
        "seen_at", timedelta(0),
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make", "column", "furthest"), WAITED_FOR, ids=[f"{n} {one[1]}" for n, one in enumerate(WAITED_FOR)]
)
def test_nothing_waits_for_as_long_as_a_clock_was_fast(
    account: Account, make: Callable[[Account], Model], column: str, furthest: timedelta
) -> None:
    row, now = make(account), timezone.now()
    mine = type(row)._default_manager.filter(pk=row.pk)

    def set_to(at: datetime) -> datetime:
        mine.update(**{column: at})
        correct_future_times(now)
        found: datetime = mine.values_list(column, flat=True).get()
        return found

    assert set_to(now + furthest) == now + furthest
    assert now - 5 * SECOND <= set_to(now + 3 * DAY) <= now + 60 * SECOND


def test_each_moment_that_a_message_or_a_row_is_put_off_to_has_a_limit() -> None:
    """A column that is new and due later is named here with the others, or with why it is not."""
    chosen_by_people = {"former_token_until", "former_until"}
    by_the_databases_clock = {"lease_until", "leased_until"}
    asked_for_in_queries = {"archive_next_at"}
    due = {
        field.name
        for model in apps.get_app_config("recordings").get_models()
        for field in model._meta.concrete_fields
        if re.search("_(until|next_at|probe_at|due_at|expires_at)$", "_" + field.name)
    }
    whenever_it_is_set = {"refused_due_at"}
    limited = {column for columns in DUE_TIMES.values() for column in columns}
    known = chosen_by_people | by_the_databases_clock | asked_for_in_queries | whenever_it_is_set
    assert due == limited | known


def test_an_attempt_to_archive_that_a_fast_clock_put_off_is_due(account: Account) -> None:
    now = timezone.now()
    a_recording(account, archive_next_at=now + 6 * timedelta(hours=1))
    fast = a_recording(account, archive_next_at=now + 3 * DAY)
    assert list(Recording.objects.due_for_archive(now, [account])) == [fast]
    a_clock_that_is_slow = now - 4 * DAY
    assert list(Recording.objects.due_for_archive(a_clock_that_is_slow, [account])) == [fast]


def test_a_recording_that_a_fast_clock_read_can_be_found_missing(account: Account) -> None:
    now = timezone.now()
    fast = a_recording(account, synced_at=now + 3 * DAY)
    a_recording(account, synced_at=now + 5 * SECOND)  # while the list was read
    assert [pk for pk, _id in Recording.objects.missing(account, (), now=now).rows] == [fast.pk]


def test_a_paused_account_is_tried_again_once_the_clock_is_right(account: Account) -> None:
    now = timezone.now()
    account.open_archive_circuit("no room", now=now + 3 * DAY)
    assert account.claim_archive_probe(now=now)
    assert not account.claim_archive_probe(now=now)
    account.record_api_failure(AuthenticationError("refused"), now=now + 3 * DAY)
    assert account.may_ask_api(now)
    assert not account.may_ask_api(now)
