"""VERB: settle what callbacks left open. Nothing depends on a callback arriving: the rows say what is due.

Called after every sync. No transaction is open while Vobiz is asked.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q

from recordings.callbacks import processing
from recordings.choices import EventOutcome, Origin
from recordings.models import Account, CallbackEvent, Recording
from recordings.models.callback_event import MAX_ATTEMPTS
from recordings.provider import client_for, explain
from recordings.sync import LATER, read_back
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import (
    AuthenticationFailed,
    NotConnected,
    NotFound,
    PaymentRequired,
    RateLimited,
    Unreachable,
    VobizError,
)

AT_ONCE = 200  # recordings asked about, and events applied, in one go
FIRST_WAIT = timedelta(seconds=60)  # after the first time Vobiz does not know a recording; it doubles
# Asking about the next recording would end the same way.
HOPELESS = (AuthenticationFailed, NotConnected, PaymentRequired, RateLimited, Unreachable)


@dataclass(frozen=True, slots=True)
class Settled:
    """How many events and read-backs were settled, how many are still open, and what went wrong in words."""

    settled: int
    open: int
    error: str | None = None


def settle(account: Account, *, now: datetime) -> Settled:
    """Apply what was not applied, read back what is due, and find the recordings that callbacks announced."""
    return _Settling(account, now).run()


@dataclass(slots=True)
class _Settling:
    account: Account
    now: datetime
    settled: int = 0
    errors: list[str] = field(default_factory=list)

    def run(self) -> Settled:
        self._apply_again()
        try:
            with client_for(self.account) as client:
                self._find_unmatched(client)
                self._find_claimed(client)
                self._read_back()
        except HOPELESS as error:
            self.errors.append(explain(error, self.account))
        self._close()
        due = Recording.objects.filter(account=self.account, read_back_due_at__isnull=False)
        left = CallbackEvent.objects.not_applied().filter(account=self.account)
        return Settled(self.settled, due.count() + left.count(), self.errors[0] if self.errors else None)

    def _apply_again(self) -> None:
        """Events that had no effect yet: their request died, it failed, or a sync has found the recording since."""
        for event in CallbackEvent.objects.to_apply(self.account)[:AT_ONCE]:
            if processing.apply(event, now=self.now) not in (EventOutcome.UNMATCHED, EventOutcome.FAILED):
                self.settled += event.processed_at is None

    def _find_unmatched(self, client: VobizClient) -> None:
        """Recordings that a callback announced and nobody knows here: Vobiz is asked, and makes the row."""
        announced: dict[str, list[CallbackEvent]] = defaultdict(list)
        waiting = CallbackEvent.objects.unmatched().filter(self._due(), account=self.account)
        for event in waiting[:AT_ONCE]:
            recording_id = processing.named_recording(event)
            if recording_id is not None:
                announced[recording_id].append(event)
        for recording_id, events in announced.items():
            if self._fetch(client, recording_id, events):
                for event in events:
                    self.settled += (
                        processing.apply(event, now=self.now, read_back=True) == EventOutcome.APPLIED
                    )

    def _find_claimed(self, client: VobizClient) -> None:
        """Recordings started here whose id only an unsigned callback named: the API says whether that is so."""
        waiting = CallbackEvent.objects.awaiting_read_back().filter(self._due(), account=self.account)
        rows = waiting.filter(recording__recording_id=None).order_by("received_at", "pk")
        for event in rows.select_related("recording__call", "recording__account")[:AT_ONCE]:
            recording_id = processing.named_recording(event)
            if recording_id is not None:
                self._fetch(client, recording_id, [event], claimed_by=event.recording)

    def _fetch(
        self,
        client: VobizClient,
        recording_id: str,
        events: list[CallbackEvent],
        *,
        claimed_by: Recording | None = None,
    ) -> bool:
        """Ask for one recording and make or complete its row; what stands in the way is noted on the events."""
        try:
            seen = client.retrieve_recording(recording_id)
        except NotFound as error:
            if error.route_missing:
                raise
            return self._put_off(events, f"Vobiz does not know recording {recording_id}, or not yet.")
        except HOPELESS:
            raise
        except VobizError as error:
            self.errors.append(explain(error, self.account))
            return self._put_off(events, self.errors[-1])
        another = f"Vobiz has {recording_id} as another recording than this one."
        if claimed_by is not None and seen.call_uuid != claimed_by.call.call_uuid:
            return self._put_off(events, another, EventOutcome.CONFLICT)
        report = Recording.objects.upsert(self.account, [seen], now=self.now, origin=Origin.CALLBACK)
        if report.failed:
            return self._put_off(events, report.failed[0].reason, EventOutcome.FAILED)
        if claimed_by is not None and not claimed_by.take_id(recording_id):
            return self._put_off(events, another, EventOutcome.CONFLICT)
        return True

    def _read_back(self) -> None:
        """What the rows say is due."""
        rows = Recording.objects.to_read_back(self.now).filter(account=self.account)
        for recording in rows.select_related("account")[:AT_ONCE]:
            try:
                answered = read_back(recording, now=self.now)
            except HOPELESS:
                raise
            except VobizError as error:
                self.errors.append(explain(error, self.account))
                answered = False
            if answered:
                self.settled += 1
            else:
                recording.put_off_read_back(self.now, until=self.now + LATER)

    def _close(self) -> None:
        """Unsigned events whose recording the API has been asked about since are applied."""
        self.settled += CallbackEvent.objects.awaiting_read_back().filter(account=self.account).close()

    def _due(self) -> Q:
        """Events asked about at once; then after 1, 3, 7, 15 … minutes; so one that waits keeps none from its turn."""
        due = Q(pk__in=[])
        for attempts in range(MAX_ATTEMPTS + 1):
            due |= Q(attempts=attempts, received_at__lte=self.now - FIRST_WAIT * (2**attempts - 1))
        return due

    def _put_off(self, events: list[CallbackEvent], words: str, outcome: EventOutcome | None = None) -> bool:
        for event in events:
            event.put_off(words, outcome)
        return False
