"""Recordings, many at a time, as those look at them who read the archive again."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db.models import Q

from recordings.choices import RecordingStatus
from recordings.models.lease import LeasedQuerySet


class VerifyingSet(LeasedQuerySet):
    """Recordings, many at a time, as those look at them who read the archive again."""

    def once_copied(self) -> Self:
        """Those whose row tells of a file that is no copy: it was found missing or altered."""
        # the status is for the index of what has no copy
        completed = self.filter(status=RecordingStatus.COMPLETED)
        return completed.filter(audio__isnull=False, archived_at__isnull=True)

    def to_verify(self, before: datetime, *, after: tuple[int, datetime] | None) -> Any:
        """Copies that nobody has looked at since `before`, longest ago first, as (primary key, looked at).

        `after`: those that come after this one.
        """
        rows = self.filter(archived_at__isnull=False, verified_at__lt=before)
        if after is not None:
            pk, at = after
            rows = rows.filter(Q(verified_at__gt=at) | Q(verified_at=at, pk__gt=pk))
        return rows.order_by("verified_at", "pk").values_list("pk", "verified_at")
