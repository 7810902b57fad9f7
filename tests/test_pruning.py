"""Pruning takes what is old and settled, and leaves everything else, however old."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from recordings import pruning
from recordings.choices import EventOutcome
from recordings.models import AccessEvent, Account, CallbackEvent, SpentNonce
from tests.admin.rows import an_event

DAY = timedelta(days=1)


def an_access(days: float) -> AccessEvent:
    at = timezone.now() - days * DAY
    return AccessEvent.objects.create(at=at, action="play", result="ok", user_pk=1, username="asha")


def test_access_events_go_after_two_years_and_not_a_day_before(db: None) -> None:
    young, old = an_access(729.9), an_access(730.1)

    assert pruning.prune(timezone.now()) == pruning.Pruned(events=0, accesses=1)

    assert list(AccessEvent.objects.all()) == [young]
    assert not AccessEvent.objects.filter(pk=old.pk).exists()


def test_applied_callbacks_go_after_ninety_days_and_their_nonces_never(account: Account) -> None:
    now = timezone.now()
    old = an_event(account, received_at=now - 90.1 * DAY)
    young = an_event(account, received_at=now - 89.9 * DAY)
    nonce = SpentNonce.objects.create(key_digest=old.key_digest, nonce="1", content_digest=old.content_digest)

    assert pruning.prune(now) == pruning.Pruned(events=1, accesses=0)

    assert list(CallbackEvent.objects.all()) == [young]
    assert SpentNonce.objects.get() == nonce


@pytest.mark.parametrize("outcome", [one for one in EventOutcome if one != EventOutcome.APPLIED])
def test_a_callback_that_had_no_effect_stays_for_ever(account: Account, outcome: EventOutcome) -> None:
    an_event(account, outcome=outcome, received_at=timezone.now() - 3_000 * DAY)

    assert pruning.prune(timezone.now()).events == 0

    assert CallbackEvent.objects.count() == 1


def test_each_accounts_callbacks_go_in_as_many_batches_as_it_takes(
    account: Account, subaccount: Account, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "BATCH", 3)
    settings.CALLBACK_RETENTION_DAYS, settings.ACCESS_RETENTION_DAYS = 70, 400
    now = timezone.now()
    for number in range(7):
        an_event(account, received_at=now - (71 + number) * DAY)
        an_access(401 + number)
    for _each in range(3):
        an_event(subaccount, received_at=now - 71 * DAY)
    an_event(account, outcome=EventOutcome.FAILED, received_at=now - 100 * DAY)

    assert pruning.prune(now) == pruning.Pruned(events=10, accesses=7)
    assert pruning.prune(now) == pruning.Pruned(events=0, accesses=0)
    assert CallbackEvent.objects.get().outcome == EventOutcome.FAILED
