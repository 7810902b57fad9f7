"""Recordings, many at a time, as the archive looks at them: what is due for a copy, and what has no picture yet."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Case, Exists, ExpressionWrapper, F, OuterRef, Q, Value, When

from recordings.choices import Attention, RecordingStatus
from recordings.models.at_risk import KEPT_FROM
from recordings.models.lease import LeasedQuerySet

DRAWN_WITHIN = timedelta(days=7)  # a crash that left a copy without its picture is made good for so long


class ArchivingSet(LeasedQuerySet):
    """Recordings, many at a time, as the archive looks at them."""

    def to_fetch(self) -> Self:
        """Finished ones that Vobiz still has as far as is known, and we have not."""
        return self.filter(
            status=RecordingStatus.COMPLETED,
            archived_at__isnull=True,
            gone_at_provider_at__isnull=True,
            recording_id__isnull=False,
        )

    def awaiting_copy(self, accounts: Collection[Any]) -> Self:
        """Those of these accounts that are to get a copy, now or at their next try: of itself, or as a person asked.

        Each has `kept_from`: since when Vobiz has its audio.
        """
        active = [account for account in accounts if account.is_active]
        automatic = [account.pk for account in active if account.archive_automatically]
        # so that SQLite reads those without a copy, not the accounts
        rows = self.to_fetch().annotate(kept_from=KEPT_FROM, whose=F("account_id") + 0)
        if len(automatic) == len(active):
            return rows.filter(whose__in=automatic)
        rows = rows.filter(whose__in=[account.pk for account in active])
        if not automatic:
            asked = self.model._default_manager.filter(archive_asked_at__isnull=False)
            return rows.filter(pk__in=asked.order_by().values("pk"))
        return rows.filter(Q(whose__in=automatic) | Q(archive_asked_at__isnull=False))

    def to_archive(self, now: datetime, accounts: Collection[Any]) -> Self:
        """Those of these accounts that are due for a copy by `now`, nearest to leaving Vobiz first."""
        return self.to_fetch().due(now).filter(account__in=accounts).nearest_to_leaving(accounts)

    def asked_for(self, now: datetime, accounts: Collection[Any]) -> Self:
        """Those of these accounts that a person wants archived and that are due, longest asked for first."""
        rows = self.to_fetch().due(now).filter(archive_asked_at__isnull=False)
        rows = rows.annotate(
            whose=F("account_id") + 0
        )  # so that SQLite reads those asked for, not the account
        return rows.filter(whose__in=[account.pk for account in accounts]).order_by("archive_asked_at", "pk")

    def due(self, now: datetime) -> Self:
        """Those whose next try is not still to come."""
        return self.filter(Q(archive_next_at=None) | Q(archive_next_at__lte=now))

    def nearest_to_leaving(self, accounts: Collection[Any]) -> Self:
        """In the order in which Vobiz is said to delete them. `accounts`: all that the rows belong to."""
        kept_days = sorted({account.retention_days for account in accounts})
        if len(kept_days) <= 1:  # then it is the order of the index
            return self.order_by(KEPT_FROM, "pk")
        leaves = [
            When(
                account__retention_days=days,
                then=ExpressionWrapper(
                    KEPT_FROM + Value(timedelta(days=days)), output_field=models.DateTimeField()
                ),
            )
            for days in kept_days
        ]
        return self.order_by(Case(*leaves, output_field=models.DateTimeField()), "pk")

    def to_draw(self, now: datetime) -> Self:
        """Those with a copy and no picture of it: whoever made the copy was stopped before that."""
        drawn = self.model._meta.get_field("waveform").related_model._default_manager
        rows = self.free().filter(archived_at__gte=now - DRAWN_WITHIN)
        return rows.filter(~Exists(drawn.filter(recording=OuterRef("pk")))).order_by("-archived_at")

    def ask_for_archive(self, now: datetime) -> int:
        """A person wants them archived now: those without a copy become due at once, and come first; how many."""
        return self.to_fetch().update(archive_next_at=None, archive_asked_at=now)


def attention(*, cleared: Collection[Attention], asked: Attention | None) -> Case:
    """What `needs_attention` becomes where those reasons are settled and `asked` is new; another reason stays."""
    return Case(
        When(Q(needs_attention=None) | Q(needs_attention__in=cleared), then=Value(asked)),
        default=F("needs_attention"),
        output_field=models.CharField(),
    )
