"""The data of the overview, read once per request. What the user may not see is not read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from recordings import overview
from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.zones import reader_zone
from recordings.choices import RecordingStatus
from recordings.overview import SILENT_IN_A_ROW, Background, Counted, Day, Gap, Starts, Trouble
from recordings.provider import public_url


@dataclass(frozen=True)
class DashboardData:
    """One look at the portal. Numbers of what the reader may not view are empty, or None where empty says something."""

    request: HttpRequest
    now: datetime
    accounts: list[Any]
    zone: tzinfo
    live_calls: Counted
    running: dict[str, Counted]
    at_risk: Counted
    leaves_first_at: datetime | None
    lost: Counted
    lost_before: Counted
    archiving: overview.Archiving | None
    for_a_person: dict[tuple[int, str], Trouble]
    broken_syncs: dict[int, Trouble]
    callback_troubles: dict[tuple[int, str, str], Trouble]
    unsigned: dict[int, Trouble]
    starts: Starts | None
    background: Background | None
    unconfirmed: Counted  # starts whose outcome is not known: reconcile has to settle them
    gaps: dict[int, Gap]
    days: list[Day] = field(default_factory=list)

    @classmethod
    def at(cls, request: HttpRequest, now: datetime) -> DashboardData:
        """Read it: twenty queries at most, of which each has an index and an end."""
        user: Any = request.user
        seen = overview.accounts(user, now)
        zone = reader_zone(request)
        calls, recordings = may(request, "view_call"), may(request, "view_recording")
        syncs, callbacks = may(request, "view_syncrun"), may(request, "view_callbackevent")
        kept_days = {account.retention_days for account in seen} if recordings else set()
        running = overview.running(user) if recordings or syncs else {}
        at_risk, first_at = overview.at_risk(user, now, kept_days=kept_days)
        return cls(
            request=request,
            now=now,
            accounts=seen,
            zone=zone,
            live_calls=overview.live_calls(user) if calls else Counted(),
            running=running if recordings else {},
            at_risk=at_risk,
            leaves_first_at=first_at,
            lost=overview.lost(user, now, seen) if recordings else Counted(),
            lost_before=overview.lost_before(user, now, seen) if recordings else Counted(),
            archiving=overview.archiving(user, now, seen) if recordings else None,
            for_a_person=overview.for_a_person(user) if recordings else {},
            broken_syncs=overview.broken_syncs(user, seen) if syncs else {},
            callback_troubles=overview.callback_troubles(user) if callbacks else {},
            unsigned=overview.unsigned(user, seen, now) if callbacks else {},
            starts=overview.starts(user, now) if recordings and callbacks else None,
            background=overview.background(user, now) if syncs else None,
            unconfirmed=running.get(RecordingStatus.REQUESTED, Counted()) if syncs else Counted(),
            gaps=overview.gaps(user, seen) if recordings else {},
            days=overview.days(user, now.astimezone(zone).date(), zone) if recordings else [],
        )

    def may(self, permission: str) -> bool:
        """Return whether the reader has it."""
        return may(self.request, permission)

    @property
    def sees_syncs(self) -> bool:
        """The reader may view sync runs."""
        return self.may("view_syncrun")

    @property
    def may_see_live(self) -> bool:
        """The reader may open the live calls."""
        return self.may("view_live_calls")

    @property
    def portal_url(self) -> str:
        """Where Vobiz is told to call."""
        return public_url("")

    @property
    def heard_at(self) -> datetime | None:
        """The last callback of any account."""
        return max((account.heard_at for account in self.accounts if account.heard_at), default=None)

    @property
    def is_silent(self) -> bool:
        """Vobiz does not reach this portal: three in a row without a callback, or none ever after the first."""
        if self.starts is None:
            return False
        none_ever = self.starts.looked_at > 0 and self.heard_at is None
        return self.starts.in_a_row >= SILENT_IN_A_ROW or none_ever

    @cached_property
    def _names(self) -> dict[int, str]:
        return {account.pk: formatting.plain(account.name or account.auth_id) for account in self.accounts}

    def account_name(self, account: int) -> str:
        """Return what people call an account; nothing where they see no other."""
        if len(self.accounts) == 1:
            return ""
        return self._names.get(account, _("another account"))
