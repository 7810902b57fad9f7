"""Callbacks of an account that Vobiz is not asked about: a person may close them, and it is no end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from recordings import reconcile
from recordings.choices import EventOutcome
from recordings.models import Account, CallbackEvent
from tests.callbacks.posting import deliver
from tests.callbacks.rows import the_event
from tests.conftest import MAIN
from tests.vobiz.payloads import payload
from vobiz_portal.sandbox.state import SandboxState

STOPPED = payload("flow_callback__stopped")


@pytest.mark.parametrize("unasked", [{"is_active": False}, {"encrypted_token": None}])
@pytest.mark.parametrize(
    ("at_vobiz", "outcome"), [(True, EventOutcome.APPLIED), (False, EventOutcome.UNMATCHED)]
)
def test_what_was_seen_meanwhile_is_applied_or_news_again_once_vobiz_is_asked(
    client: Client,
    account: Account,
    world: SandboxState,
    unasked: dict[str, Any],
    outcome: str,
    *,
    at_vobiz: bool,
) -> None:
    by, token = User.objects.create_user("asha"), account.encrypted_token
    deliver(client, account.callback_key, STOPPED, door="account")
    assert CallbackEvent.objects.mark_seen(by=by, now=timezone.now()) == []
    for column, value in unasked.items():
        setattr(account, column, value)
    account.save()
    assert CallbackEvent.objects.mark_seen(by=by, now=timezone.now()) == [the_event().pk]

    now = timezone.now() + timedelta(minutes=2)
    reconcile.run(account, now=now)
    assert (the_event().outcome, the_event().seen_by) == (EventOutcome.UNMATCHED, by)

    if at_vobiz:
        world.add_recording(MAIN, **payload("recordings__documented_call")["objects"][0])
    account.is_active, account.encrypted_token = True, token
    account.save()
    reconcile.run(account, now=now)
    assert (the_event().outcome, the_event().seen_by) == (outcome, None)
