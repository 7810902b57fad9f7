"""The figures from which the overview and `problems()` tell what is wrong, read once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from recordings.choices import EventOutcome, Trust
from recordings.overview.activity import MOST_ACCOUNTS, SILENT_IN_A_ROW, Starts, accounts, starts
from recordings.overview.archive import Archiving, archiving, at_risk, database_space, lost
from recordings.overview.background import Background, background
from recordings.overview.counting import Counted, Group, Trouble, Viewer, total
from recordings.overview.troubles import broken_syncs, callback_troubles, undelivered_events, unsent_alerts
from recordings.storage import Space


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One look at the portal. Figures of what the viewer may not see are empty, or None where empty says something.

    `database`: the space of the disk under the embedded database. `more_accounts`: there are more than `accounts`.
    """

    now: datetime
    accounts: list[Any]
    more_accounts: bool
    at_risk_in: dict[int, Group]
    lost_in: dict[int, Group]
    archiving: Archiving | None
    broken_syncs: dict[int, Trouble]
    callback_troubles: dict[tuple[int, str, str], Trouble]
    starts: Starts | None
    background: Background | None
    database: Space | None
    unsent_alerts: dict[int | None, Trouble]
    undelivered_events: dict[int, Trouble]
    sees_syncs: bool

    @property
    def at_risk(self) -> Counted:
        """How many recordings are at risk, of all accounts."""
        return total(group.count for group in self.at_risk_in.values())

    @property
    def lost(self) -> Counted:
        """How many recordings are lost, of all accounts."""
        return total(group.count for group in self.lost_in.values())

    @property
    def leaves_first_at(self) -> datetime | None:
        """When Vobiz deletes the first recording at risk."""
        return min((group.first_at for group in self.at_risk_in.values()), default=None)

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

    def rejected(self) -> Iterator[tuple[int, str, Trouble]]:
        """Yield rejected callbacks as (account, trust, trouble).

        A wrong signature is left out where Vobiz refuses the account's token: that is one cause, which the token tells.
        """
        without_token = {one.pk for one in self.accounts if one.token_refused} if self.sees_syncs else set()
        for (account, outcome, trust), trouble in self.callback_troubles.items():
            if outcome != EventOutcome.REFUSED or (trust == Trust.REFUSED and account in without_token):
                continue
            yield account, trust, trouble


def figures(
    user: Viewer, now: datetime, may: Callable[[str], bool], *, every_account: bool = False
) -> Figures:
    """Read them, each by an index and with an end. `may`: whether the viewer has a permission of this app.

    `every_account`: of all accounts, and read on where the many rows of one account hide those of others. A page needs
    no more than its first MOST_ACCOUNTS accounts, and `1000+`.
    """
    recordings, syncs, callbacks = map(may, ("view_recording", "view_syncrun", "view_callbackevent"))
    found = accounts(user, now, most=None if every_account else MOST_ACCOUNTS + 1)
    seen = found if every_account else found[:MOST_ACCOUNTS]
    kept_days = {account.retention_days for account in seen} if recordings else set()
    return Figures(
        now=now,
        accounts=seen,
        more_accounts=len(found) > len(seen),
        at_risk_in=at_risk(user, now, kept_days=kept_days, every_account=every_account),
        lost_in=lost(now, seen, every_account=every_account) if recordings else {},
        archiving=archiving(now, seen) if recordings else None,
        broken_syncs=broken_syncs(user, seen, every_account=every_account) if syncs else {},
        callback_troubles=callback_troubles(user, every_account=every_account) if callbacks else {},
        starts=starts(user, now) if recordings and callbacks else None,
        background=background(user, now) if syncs else None,
        database=database_space() if syncs else None,
        unsent_alerts=unsent_alerts(user, now, every_account=every_account) if syncs else {},
        undelivered_events=undelivered_events(user, now, every_account=every_account) if syncs else {},
        sees_syncs=syncs,
    )
