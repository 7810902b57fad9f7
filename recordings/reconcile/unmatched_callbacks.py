"""Callbacks that had no effect yet, and recordings that only a callback has told of."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from recordings.callbacks import processing
from recordings.choices import EventOutcome, Origin
from recordings.mirror import FetchStatus, fetch_recording
from recordings.models import CallbackEvent, Recording, claim_recording_id
from recordings.models.callback_event import MAX_ATTEMPTS
from recordings.reconcile.errand import AT_ONCE, Errand
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import VobizError

FIRST_WAIT = timedelta(seconds=60)  # after the first time Vobiz does not know a recording; it doubles


def apply_again(errand: Errand) -> None:
    """Events that had no effect yet: their request died, it failed, or a sync has found the recording since."""
    for event in CallbackEvent.objects.to_apply(errand.account)[:AT_ONCE]:
        if processing.apply(event, now=errand.began) not in (EventOutcome.UNMATCHED, EventOutcome.FAILED):
            errand.settled += event.processed_at is None


@dataclass(slots=True)
class Announced:
    """Asking Vobiz about the recordings that callbacks announced."""

    errand: Errand
    client: VobizClient

    def find(self) -> None:
        """Those that nobody knows here, then those started here whose id an unsigned callback named."""
        self._find_unmatched()
        self._find_claimed()

    def _find_unmatched(self) -> None:
        """Vobiz is asked, and makes the row."""
        announced: dict[str, list[CallbackEvent]] = defaultdict(list)
        waiting = CallbackEvent.objects.unmatched().filter(
            _due(self.errand.began), account=self.errand.account
        )
        for event in waiting[:AT_ONCE]:
            recording_id = processing.named_recording(event)
            if recording_id is not None:
                announced[recording_id].append(event)
        for recording_id, events in announced.items():
            if self.errand.may_go_on() and self._fetch(recording_id, events):
                for event in events:
                    outcome = processing.apply(event, now=self.errand.began, read_back=True)
                    self.errand.settled += outcome == EventOutcome.APPLIED

    def _find_claimed(self) -> None:
        """The API says whether the id is theirs."""
        waiting = CallbackEvent.objects.awaiting_read_back().filter(
            _due(self.errand.began), account=self.errand.account
        )
        rows = waiting.filter(recording__recording_id=None).order_by("received_at", "pk")
        for event in rows.select_related("recording__call", "recording__account")[:AT_ONCE]:
            recording_id = processing.named_recording(event)
            if recording_id is not None and self.errand.may_go_on():
                self._fetch(recording_id, [event], claimed_by=event.recording)

    def _fetch(
        self, recording_id: str, events: list[CallbackEvent], *, claimed_by: Recording | None = None
    ) -> bool:
        """Ask for one recording and make or complete its row; what stands in the way is noted on the events."""
        asked = self.errand.now()
        try:
            result = fetch_recording(
                self.errand.account,
                recording_id,
                client=self.client,
                now=asked,
                call_uuid=claimed_by.call.call_uuid if claimed_by is not None else None,
                origin=Origin.CALLBACK,
            )
        except VobizError as error:
            return _reschedule(events, self.errand.note(error))
        another = _("Vobiz has %s as another recording than this one.") % recording_id
        if result.status == FetchStatus.OTHER_CALL:
            return _reschedule(events, another, EventOutcome.CONFLICT)
        if result.status != FetchStatus.FOUND:
            return _reschedule(events, _("Vobiz does not know recording %s, or not yet.") % recording_id)
        if result.failure is not None:
            return _reschedule(events, result.failure, EventOutcome.FAILED)
        if claimed_by is not None and not claim_recording_id(claimed_by, recording_id):
            return _reschedule(events, another, EventOutcome.CONFLICT)
        return True


def _due(now: datetime) -> Q:
    """Events asked about at once; then after 1, 3, 7, 15 … minutes; so one that waits keeps none from its turn."""
    due = Q(pk__in=[])
    for attempts in range(MAX_ATTEMPTS + 1):
        due |= Q(attempts=attempts, received_at__lte=now - FIRST_WAIT * (2**attempts - 1))
    return due


def _reschedule(events: list[CallbackEvent], words: str, outcome: EventOutcome | None = None) -> bool:
    for event in events:
        event.reschedule(words, outcome)
    return False
