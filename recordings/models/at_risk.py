"""Recordings whose audio may be lost, or is: not archived, and leaving Vobiz soon, or gone from there.

*At risk* can still be saved. *Lost* cannot, and does not become fewer by itself: a person marks each as seen. What was
gone already when an account was first synced is nobody's fault here, and is counted apart.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Self

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Case, ExpressionWrapper, F, Q, Value, When
from django.db.models.functions import Coalesce

from recordings.choices import SEEN_CLOSES, SEEN_LOST, Origin, RecordingStatus

if TYPE_CHECKING:
    from recordings.models.account import Account

KEPT_FROM = Coalesce("added_at", "happened_at")  # since when Vobiz has the audio


class AtRiskSet(models.QuerySet):  # type: ignore[type-arg]
    """Recordings, many at a time, as those look at them who fear for their audio."""

    def never_archived(self) -> Self:
        """Finished ones of which the archive has nothing, gone at Vobiz or not; each with `kept_from`."""
        rows = self.annotate(kept_from=KEPT_FROM)
        return rows.filter(status=RecordingStatus.COMPLETED, archived_at__isnull=True)

    def at_risk(self, now: datetime, within: timedelta, *, kept_days: Collection[int]) -> Self:
        """Those whose audio Vobiz is said to delete in the time `within` from now.

        `kept_days`: every number of days that one of the accounts is kept for. Each row has its `leaves_at`.
        """
        soon, leaves = Q(pk=None), []
        for days in sorted(set(kept_days)):
            kept = timedelta(days=days)
            soon |= Q(
                account__retention_days=days, kept_from__gt=now - kept, kept_from__lte=now - kept + within
            )
            at = ExpressionWrapper(F("kept_from") + Value(kept), models.DateTimeField())
            leaves.append(When(account__retention_days=days, then=at))
        rows = self.never_archived().filter(soon, gone_at_provider_at__isnull=True)
        return rows.annotate(leaves_at=Case(*leaves, output_field=models.DateTimeField()))

    def lost(self, now: datetime, accounts: Iterable[Account]) -> Self:
        """Those of the accounts that are gone at Vobiz, or past their date, and that nobody has marked as seen."""
        parts = [_past(account, now) & ~_before(account) for account in accounts]
        return self._gone(parts)

    def lost_before(self, now: datetime, accounts: Iterable[Account]) -> Self:
        """Those that were past their date already when their account was first synced completely."""
        parts = [_past(account, now) & _before(account) for account in accounts]
        return self._gone(parts)

    def _gone(self, parts: list[Q]) -> Self:
        return self.never_archived().filter(reduce(or_, parts, Q(pk=None))).exclude(seen_reason=SEEN_LOST)

    def mark_seen(self, *, by: User, note: str, now: datetime, accounts: Collection[Account]) -> list[int]:
        """Somebody has seen what cannot be cured: it leaves the overview and stays on the row. Those that were news.

        A lost recording is marked so; of any other what asks for a person is closed, where a person can close it.
        """
        seen = {"seen_at": now, "seen_by": by, "seen_note": note or None}
        closed = Case(When(needs_attention__in=SEEN_CLOSES, then=None), default=F("needs_attention"))
        every = self.model._default_manager.order_by()
        chosen = every.filter(pk__in=list(self.values_list("pk", flat=True)))
        # each UPDATE asks for itself what is lost or open: what was archived this moment is neither
        gone = chosen.lost(now, accounts) | chosen.lost_before(now, accounts)
        gone.update(**seen, seen_reason=SEEN_LOST, needs_attention=closed)
        # what was seen as lost stays so
        reason = Case(When(seen_reason=SEEN_LOST, then=Value(SEEN_LOST)), default=F("needs_attention"))
        asking = chosen.filter(needs_attention__in=SEEN_CLOSES)
        asking.update(**seen, seen_reason=reason, needs_attention=None)
        marked = chosen.filter(seen_at=now, seen_by=by)
        return sorted(marked.values_list("pk", flat=True))


def _past(account: Account, now: datetime) -> Q:
    """Of this account, and no longer at Vobiz, as far as is known."""
    kept = timedelta(days=account.retention_days)
    return Q(account=account) & (Q(kept_from__lte=now - kept) | Q(gone_at_provider_at__isnull=False))


def _before(account: Account) -> Q:
    """What a sync found, and was past its date when the first of them was complete; all, until there is one."""
    found = Q(origin=Origin.SYNC)
    if account.first_synced_at is None:
        return found
    return found & Q(kept_from__lte=account.first_synced_at - timedelta(days=account.retention_days))
