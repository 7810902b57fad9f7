"""The data of the overview, read once per request. What the user may not see is not read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from functools import cached_property, partial
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _

from recordings import overview
from recordings.admin import formatting
from recordings.admin.base import may
from recordings.admin.zones import reader_zone
from recordings.choices import ProblemCode, RecordingStatus
from recordings.overview import Counted, Day, Figures, Gap, Problem, Trouble, problems_of
from recordings.provider import public_url


@dataclass(frozen=True, kw_only=True)
class DashboardData(Figures):
    """The figures, and the numbers that only the overview shows: empty for what the reader may not view."""

    request: HttpRequest
    zone: tzinfo
    live_calls: Counted
    running: dict[str, Counted]
    lost_before: Counted
    for_a_person: dict[tuple[int, str], Trouble]
    unsigned: dict[int, Trouble]
    unconfirmed: Counted  # starts whose outcome is not known: reconcile has to settle them
    gaps: dict[int, Gap]
    days: list[Day] = field(default_factory=list)

    @classmethod
    def at(cls, request: HttpRequest, now: datetime) -> DashboardData:
        """Read it: twenty queries at most, of which each has an index and an end."""
        user: Any = request.user
        figures = overview.figures(user, now, partial(may, request))
        seen = figures.accounts
        zone = reader_zone(request)
        calls, recordings = may(request, "view_call"), may(request, "view_recording")
        syncs, callbacks = may(request, "view_syncrun"), may(request, "view_callbackevent")
        running = overview.running(user) if recordings or syncs else {}
        return cls(
            **vars(figures),
            request=request,
            zone=zone,
            live_calls=overview.live_calls(user) if calls else Counted(),
            running=running if recordings else {},
            lost_before=overview.lost_before(now, seen) if recordings else Counted(),
            for_a_person=overview.for_a_person(user) if recordings else {},
            unsigned=overview.unsigned(user, seen, now) if callbacks else {},
            unconfirmed=running.get(RecordingStatus.REQUESTED, Counted()) if syncs else Counted(),
            gaps=overview.gaps(user, seen) if recordings else {},
            days=overview.days(user, now.astimezone(zone).date(), zone) if recordings else [],
        )

    @cached_property
    def problems(self) -> dict[ProblemCode, list[Problem]]:
        """The current problems that the reader may know of, by their code."""
        found: dict[ProblemCode, list[Problem]] = {code: [] for code in ProblemCode}
        for problem in problems_of(self):
            found[problem.code].append(problem)
        return found

    def may(self, permission: str) -> bool:
        """Return whether the reader has it."""
        return may(self.request, permission)

    @property
    def may_see_live(self) -> bool:
        """The reader may open the live calls."""
        return self.may("view_live_calls")

    @property
    def portal_url(self) -> str:
        """Where Vobiz is told to call."""
        return public_url("")

    @cached_property
    def _names(self) -> dict[int, str]:
        return {account.pk: formatting.plain(account.name or account.auth_id) for account in self.accounts}

    def account_name(self, account: int) -> str:
        """Return what people call an account; nothing where they see no other."""
        if len(self.accounts) == 1:
            return ""
        return self._names.get(account, _("another account"))
