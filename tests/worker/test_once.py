"""Two workers that look at the same moment: who begins second knows of the first."""

from __future__ import annotations

from django.utils import timezone

from recordings.choices import SyncState
from recordings.models import Account, SyncRun


def test_a_run_that_began_and_ended_since_the_look_is_not_made_again(account: Account) -> None:
    now = timezone.now()
    first = SyncRun.objects.begin(account, now=now, scope={}, by=None, after=0)
    assert first is not None
    first.end(SyncState.COMPLETE, now=now)
    assert SyncRun.objects.begin(account, now=now, scope={}, by=None, after=0) is None
    assert SyncRun.objects.count() == 1
    assert SyncRun.objects.begin(account, now=now, scope={}, by=None, after=first.pk) is not None
