"""Pruning takes what is old and settled, and leaves everything else, however old."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from recordings import history
from recordings.choices import EventOutcome
from recordings.models import AccessEvent, Account, CallbackEvent, SpentNonce
from tests.admin.rows import a_run, a_running, an_event

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def an_access(days: float) -> AccessEvent:
    at = timezone.now() - days * DAY
    return AccessEvent.objects.create(at=at, action="play", result="ok", user_pk=1, username="asha")


def test_access_events_go_after_two_years_and_not_a_day_before(db: None) -> None:
    young, old = an_access(729.9), an_access(730.1)

    assert history.prune(timezone.now()) == history.Pruned(events=0, accesses=1)

    assert list(AccessEvent.objects.all()) == [young]
    assert not AccessEvent.objects.filter(pk=old.pk).exists()


def test_applied_callbacks_go_after_ninety_days_and_their_nonces_never(account: Account) -> None:
    now = timezone.now()
    old = an_event(account, received_at=now - 90.1 * DAY)
    young = an_event(account, received_at=now - 89.9 * DAY)
    nonce = SpentNonce.objects.create(key_digest=old.key_digest, nonce="1", content_digest=old.content_digest)

    assert history.prune(now) == history.Pruned(events=1, accesses=0)

    assert list(CallbackEvent.objects.all()) == [young]
    assert SpentNonce.objects.get() == nonce


@pytest.mark.parametrize("outcome", [one for one in EventOutcome if one != EventOutcome.APPLIED])
def test_a_callback_that_had_no_effect_stays_for_ever(account: Account, outcome: EventOutcome) -> None:
    an_event(account, outcome=outcome, received_at=timezone.now() - 3_000 * DAY)

    assert history.prune(timezone.now()).events == 0

    assert CallbackEvent.objects.count() == 1


def test_each_accounts_callbacks_go_in_as_many_batches_as_it_takes(
    account: Account, subaccount: Account, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "BATCH", 3)
    settings.CALLBACK_RETENTION_DAYS, settings.ACCESS_RETENTION_DAYS = 70, 400
    now = timezone.now()
    for number in range(7):
        an_event(account, received_at=now - (71 + number) * DAY)
        an_access(401 + number)
    for _each in range(3):
        an_event(subaccount, received_at=now - 71 * DAY)
    an_event(account, outcome=EventOutcome.FAILED, received_at=now - 100 * DAY)

    assert history.prune(now) == history.Pruned(events=10, accesses=7)
    assert history.prune(now) == history.Pruned(events=0, accesses=0)
    assert CallbackEvent.objects.get().outcome == EventOutcome.FAILED


def test_times_that_a_fast_clock_wrote_are_set_to_now_and_what_vobiz_says_is_not(account: Account) -> None:
    now = timezone.now()
    later = now + DAY
    fast = a_run(account, started_at=later)
    right = a_run(account, started_at=now - DAY)
    Account.objects.update(live_tried_at=later, settled_at=later)
    recording = a_running(account, requested_at=later, started_at=later)
    event = an_event(account, received_at=later)

    assert history.correct_future_times(later) == 0  # where the clock is still fast
    assert history.correct_future_times(now) == 5

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
    assert history.correct_future_times(now) == 0
