"""Callbacks that had no effect yet, and recordings known from a callback alone."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from recordings.callbacks import processing
from recordings.choices import EventOutcome, Origin, Trust
from recordings.mirror import FetchStatus, fetch_recording
from recordings.models import CallbackEvent, Recording, claim_recording_id
from recordings.models.callback_event import MAX_ATTEMPTS
from recordings.reconcile.context import BATCH_SIZE, ReconcileContext
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import VobizError

FIRST_BACKOFF = timedelta(seconds=60)  # after the first time Vobiz does not know a recording; it doubles


def retry_callbacks(context: ReconcileContext) -> None:
    """Apply events again that had no effect: their request died, or a sync has found the recording since."""
    for event in CallbackEvent.objects.to_apply(context.account)[:BATCH_SIZE]:
        if processing.apply(event, now=context.began) not in (EventOutcome.UNMATCHED, EventOutcome.FAILED):
            context.settled += event.processed_at is None


@dataclass(slots=True)
class UnmatchedCallbacks:
    """Requests to Vobiz about recordings that callbacks named."""

    context: ReconcileContext
    client: VobizClient

    def find(self) -> None:
        """Find the recordings without a row, then check ids that unsigned callbacks claim for starts of ours."""
        self._find_unmatched()
        self._check_claims()

    def _find_unmatched(self) -> None:
        """Ask Vobiz about each recording without a row; its answer makes the row."""
        unmatched: dict[str, list[CallbackEvent]] = defaultdict(list)
        waiting = CallbackEvent.objects.unmatched().filter(
            _due(self.context.began), account=self.context.account
        )
        # those tried least often first, so that many in vain leave the others their turn
        unsigned = waiting.exclude(trust=Trust.SIGNED).order_by("attempts", "received_at", "pk")
        for event in [*waiting.filter(trust=Trust.SIGNED)[:BATCH_SIZE], *unsigned[:BATCH_SIZE]]:
            recording_id = processing.named_recording(event)
            if recording_id is not None:
                unmatched[recording_id].append(event)
            else:  # looked for by its call, in vain; the last try fails it
                event.reschedule(event.error or "")
        for recording_id, events in unmatched.items():
            if self._may_ask(events) and self._fetch(recording_id, events):
                for event in events:
                    outcome = processing.apply(event, now=self.context.began, read_back=True)
                    self.context.settled += outcome == EventOutcome.APPLIED

    def _check_claims(self) -> None:
        """Ask the API whether a claimed id belongs to the call of the start."""
        waiting = CallbackEvent.objects.awaiting_read_back().filter(
            _due(self.context.began), account=self.context.account
        )
        rows = waiting.filter(recording__recording_id=None).order_by("received_at", "pk")
        for event in rows.select_related("recording__call", "recording__account")[:BATCH_SIZE]:
            recording_id = processing.named_recording(event)
            if recording_id is not None and self._may_ask([event]):
                self._fetch(recording_id, [event], claimed_by=event.recording)

    def _may_ask(self, events: list[CallbackEvent]) -> bool:
        if any(event.trust == Trust.SIGNED for event in events):
            return self.context.may_go_on()
        return self.context.may_ask_for_unsigned()

    def _fetch(
        self, recording_id: str, events: list[CallbackEvent], *, claimed_by: Recording | None = None
    ) -> bool:
        """Ask for one recording and make or complete its row; what stands in the way is noted on the events."""
        asked = self.context.now()
        try:
            result = fetch_recording(
                self.context.account,
                recording_id,
                client=self.client,
                now=asked,
                call_uuid=claimed_by.call.call_uuid if claimed_by is not None else None,
                origin=Origin.CALLBACK,
            )
        except VobizError as error:
            return _reschedule(events, self.context.note(error))
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
    """Return which events are due: at once, then after 1, 3, 7, 15 … minutes (exponential backoff)."""
    due = Q(pk__in=[])
    for attempts in range(MAX_ATTEMPTS + 1):
        due |= Q(attempts=attempts, received_at__lte=now - FIRST_BACKOFF * (2**attempts - 1))
    return due


def _reschedule(events: list[CallbackEvent], words: str, outcome: EventOutcome | None = None) -> bool:
    for event in events:
        event.reschedule(words, outcome)
    return False
