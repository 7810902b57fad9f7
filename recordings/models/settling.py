"""Recordings that something is open about: which run or may run, whose id is not known, whose callback never came."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Self

from django.db.models import CharField, F, Func, Q

from recordings.choices import NOTHING_STARTED, OPEN_STATUSES, EventKind, RecordingStatus
from recordings.models.lease import LeasedQuerySet

# As text in the query, as in the index of open rows: SQLite finds that index for no list of parameters.
AS_TEXT = [Func(template=f"'{status.value}'", output_field=CharField()) for status in OPEN_STATUSES]

if TYPE_CHECKING:
    from recordings.models.account import Account


class SettlingSet(LeasedQuerySet):
    """Recordings, many at a time, as reconcile looks at them."""

    def open(self) -> Self:
        """Those that run, or may run."""
        return self.filter(status__in=AS_TEXT)

    def to_read_back(self, now: datetime) -> Self:
        """Those that the API is to be asked about by `now`, longest due first."""
        return self.filter(read_back_due_at__lte=now, recording_id__isnull=False).order_by("read_back_due_at")

    def unidentified(self) -> Self:
        """Those asked for here that may run and whose id Vobiz never told."""
        return self.open().filter(recording_id=None).exclude(start_answer__in=NOTHING_STARTED)

    def to_look_for(self, now: datetime) -> Self:
        """Of those, the ones whose turn it is to be looked for."""
        rows = self.unidentified().filter(Q(read_back_due_at=None) | Q(read_back_due_at__lte=now))
        return rows.order_by("requested_at", "pk")

    def unheard_of(self, account: Account, *, since: datetime) -> Self:
        """Those started here since then for which Vobiz had an address and no callback came: so far, or ever."""
        rows = self.filter(
            account=account, callback_base__isnull=False, no_callback_at=None, happened_at__gte=since
        ).exclude(status=RecordingStatus.FAILED)
        return rows.exclude(start_answer__in=NOTHING_STARTED).exclude(events__kind=EventKind.RECORDING)

    def without_callback(self) -> Self:
        """Those found to have ended without their callback since somebody last said *seen*.

        A start of which nothing became known is not among them: there may have been nothing to call back about.
        """
        unseen = Q(account__gap_seen_at=None) | Q(no_callback_at__gt=F("account__gap_seen_at"))
        never_known = Q(recording_id=None, status__in=[RecordingStatus.REQUESTED, RecordingStatus.FAILED])
        return self.filter(unseen, no_callback_at__isnull=False).exclude(never_known)

    def note_silence(self, now: datetime) -> int:
        """Their callbacks should have come by now."""
        return self.filter(no_callback_at=None).update(no_callback_at=now)

    def note_heard(self) -> int:
        """A callback came all the same."""
        return self.filter(no_callback_at__isnull=False).update(no_callback_at=None)
