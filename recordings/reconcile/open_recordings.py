"""Open recordings: whether they still run, how they ended, and which of Vobiz's recordings they are.

Vobiz lists a recording when it has ended, and answers 404 for it until then: so a start whose answer was lost is
looked for in the list of its call, again and again, and what must have ended is read back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext as _

from recordings import live
from recordings.choices import OPEN_STATUSES, CallState, TranscriptionStatus, Trust
from recordings.models import Call, CallbackEvent, Recording, Transcription, claim_recording_id
from recordings.reconcile.context import BATCH_SIZE, ReconcileContext
from recordings.sync import LATER, SOON, read_back, read_call
from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import VobizError

# After it must have ended, until a recording without a trace is given up.
GIVE_UP_AFTER = timedelta(minutes=10)
STOP_READ_BACK_AFTER = timedelta(seconds=10)  # Vobiz lists a stopped recording within seconds
LOOKUP_BACKOFF = (timedelta(seconds=5), timedelta(seconds=15), timedelta(seconds=60))
CLOCK_SKEW = timedelta(hours=1)  # a recording is listed after it was asked for, whatever the clocks


@dataclass(slots=True)
class OpenRecordings:
    """The check of one account's open recordings."""

    context: ReconcileContext
    client: VobizClient
    _not_found: list[Recording] = field(default_factory=list)
    """Those that Vobiz has just answered 404 for."""

    def check(self) -> None:
        """Check the calls first, then what is due of the recordings."""
        self._refresh_calls()
        self._schedule_overdue()
        self._read_back()
        self._find_lost_starts()

    def _open(self) -> Iterable[Recording]:
        rows = Recording.objects.open().filter(account=self.context.account).select_related("call", "account")
        return rows.order_by("requested_at", "pk")[: 5 * BATCH_SIZE]

    def _refresh_calls(self) -> None:
        """Refresh the calls of open recordings. A call that was never seen live and is not listed has ended."""
        account = self.context.account
        if not any(row.call.state != CallState.ENDED for row in self._open()):
            return
        asked = self.context.now()
        live.refresh_all([account], now=asked)
        at = account.live_refreshed_at
        if at is None or account.live_error is not None:
            return
        begun = Recording.objects.open().filter(account=account, requested_at__lt=at - LOOKUP_BACKOFF[0])
        for call in Call.objects.filter(state=CallState.UNKNOWN, recordings__in=begun).distinct():
            call.end(at)

    def _schedule_overdue(self) -> None:
        """Schedule a read-back of recordings that must have ended, or were asked to stop."""
        now = self.context.now()
        for row in self._open():
            ended, stopped = row.must_have_ended_at, row.stop_requested_at
            over = ended is not None and ended <= now
            over = over or (stopped is not None and stopped <= now - STOP_READ_BACK_AFTER)
            if over and row.recording_id is not None and row.read_back_due_at is None:
                row.reschedule_read_back(now, until=now)

    def _read_back(self) -> None:
        rows = Recording.objects.due_for_read_back(self.context.now()).filter(account=self.context.account)
        rows = rows.select_related("account", "call")
        for recording in rows.exclude(_asked_for_by_anyone(self.context.began))[:BATCH_SIZE]:
            if not self.context.may_go_on():
                return
            self._read_back_one(recording)
        for recording in rows.filter(_asked_for_by_anyone(self.context.began))[:BATCH_SIZE]:
            if not self.context.may_ask_for_unsigned():
                return
            self._read_back_one(recording)

    def _read_back_one(self, recording: Recording) -> None:
        asked = self.context.now()
        try:
            answered = read_back(recording, now=asked, client=self.client)
        except VobizError as error:
            self.context.note(error)
            recording.reschedule_read_back(asked, until=asked + LATER)
            return
        self.context.settled += answered
        if not answered and recording.is_open and self._is_overdue(recording):
            self._not_found.append(recording)

    # By the list of their call

    def _find_lost_starts(self) -> None:
        """Find starts without an id, and recordings that Vobiz answered 404 for, in the list of their call."""
        now, by_call = self.context.now(), defaultdict(list)
        lost = Recording.objects.due_for_lookup(now).filter(account=self.context.account)
        for row in [*lost.select_related("call", "account")[:BATCH_SIZE], *self._not_found]:
            if now - (row.requested_at or row.happened_at) >= LOOKUP_BACKOFF[0]:
                by_call[row.call].append(row)
        for call, rows in by_call.items():
            if call.call_uuid is not None and self.context.may_go_on():
                self._find_in_call_list(call, call.call_uuid, rows)

    def _find_in_call_list(self, call: Call, call_uuid: str, rows: list[Recording]) -> None:
        asked = self.context.now()
        since = min(row.requested_at or row.happened_at for row in rows) - CLOCK_SKEW
        try:
            listed = read_call(self.context.account, call_uuid, since=since, client=self.client, now=asked)
        except VobizError as error:
            self.context.note(error)
            for row in rows:
                row.reschedule_read_back(asked, until=asked + LATER)
            return
        if listed.complete:
            _match_lost_starts(call, now=asked, overdue=all(self._is_overdue(row) for row in rows))
        for row in rows:
            row.refresh_from_db()
            if not row.is_open:
                self.context.settled += 1
            elif listed.complete and self._is_overdue(row):
                self._give_up(row)
            elif row.recording_id is None:
                row.reschedule_read_back(asked, until=_next_lookup(row, asked))

    def _is_overdue(self, row: Recording) -> bool:
        """Return whether it must have ended so long ago that Vobiz would list it by now."""
        ended = row.must_have_ended_at
        return ended is not None and self.context.now() > ended + GIVE_UP_AFTER

    def _give_up(self, row: Recording) -> None:
        """Fail a recording that is found neither by its id nor in a complete list of its call.

        Where Vobiz had given it an id, it may have been made, and deleted at Vobiz before anything told the portal.
        """
        words = _("Vobiz has no trace of it.")
        if row.recording_id is not None:
            words = _("Vobiz has no trace of it: nothing was recorded, or it was deleted at Vobiz.")
        if row.fail(words):
            Transcription.objects.filter(recording=row, status=TranscriptionStatus.EXPECTED).update(
                status=TranscriptionStatus.MISSING
            )
            self.context.settled += 1


def _asked_for_by_anyone(now: datetime) -> Q:
    """Return the condition: it has ended, and only unsigned callbacks ask for it to be read back."""
    events = CallbackEvent.objects.filter(recording=OuterRef("pk")).order_by()
    signed = events.filter(trust=Trust.SIGNED, received_at__gt=now - LATER)
    return ~Q(status__in=OPEN_STATUSES) & Exists(events.awaiting_read_back()) & ~Exists(signed)


def _next_lookup(row: Recording, now: datetime) -> datetime:
    """Return when to look again: 5, 15 and 60 seconds after the start, then every minute."""
    begun = row.requested_at or row.happened_at
    return min((begun + wait for wait in LOOKUP_BACKOFF if begun + wait > now), default=now + SOON)


def _match_lost_starts(call: Call, *, now: datetime, overdue: bool) -> None:
    """Match starts of one call whose answers were lost to the recordings that Vobiz lists of it.

    As many as were listed: in the order of their beginning. Else callbacks are waited for, and in the end each takes
    the one that began nearest to it. (One alone has taken its own when the list was read.)
    """
    family = call.account.family()
    of_call = Recording.objects.filter(account__in=family, call__call_uuid=call.call_uuid)
    waiting = list(of_call.without_recording_id().order_by("requested_at", "pk"))
    free = list(of_call.filter(requested_at=None, recording_id__isnull=False).order_by("happened_at", "pk"))
    as_many = len(waiting) == len(free)
    if not as_many and not overdue:
        return
    for row in waiting:
        asked = row.requested_at or row.happened_at
        later = [one for one in free if asked < (one.ended_at or one.added_at or now)]
        if not later:
            continue
        found = later[0] if as_many else min(later, key=lambda one: abs(one.happened_at - asked))
        free.remove(found)
        if claim_recording_id(row, str(found.recording_id)) and not row.is_open:
            row.reschedule_read_back(now, until=None)
