"""prune_history: how much went, for people and for scripts."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from recordings.models import AccessEvent, Account
from tests.admin.rows import an_event
from tests.commands.shell import run


def test_it_says_how_much_went(account: Account) -> None:
    an_event(account, received_at=timezone.now() - timedelta(days=91))
    an_event(account)
    for days in (731, 732, 1):
        at = timezone.now() - timedelta(days=days)
        AccessEvent.objects.create(at=at, action="play", result="ok", user_pk=1, username="asha")

    ran = run("prune_history", "--json")

    assert (ran.code, ran.json, ran.stderr) == (0, {"events": 1, "accesses": 2}, "")
    assert run("prune_history").stdout == "Removed 0 callback events and 0 access events.\n"
