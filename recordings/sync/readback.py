"""Read-back of one recording from the API, which has the last word."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta

from recordings.choices import RecordingStatus, Trust
from recordings.mirror import LISTED_WITHIN, FetchStatus, fetch_recording
from recordings.models import CallbackEvent, Recording
from recordings.models.recording.queryset import LONGEST_READ_BACK_WAIT
from recordings.provider import client_for
from recordings.vobiz.client import VobizClient

SOON = timedelta(seconds=60)
LATER = timedelta(hours=1)


def read_back(recording: Recording, *, now: datetime, client: VobizClient | None = None) -> bool:
    """Ask the API for one recording, with `client` if there is one already.

    False: Vobiz has no such file yet, or says of it what cannot be taken, which the row then shows. It is asked
    again later, ever more rarely; not at all once it is gone there. Raises VobizError where Vobiz could not say.
    """
    if recording.recording_id is None:
        return False
    with nullcontext(client) if client is not None else client_for(recording.account) as asking:
        result = fetch_recording(
            recording.account, recording.recording_id, client=asking, now=now, known=recording
        )
    if result.status != FetchStatus.FOUND:
        # One that the API listed before is left to the full sync, which looks at the list and the recording.
        is_over = recording.gone_at_provider_at is not None or now >= recording.retention_ends_at
        if result.status == FetchStatus.GONE and not is_over:
            is_over = _mark_never_listed(recording, now)
        recording.reschedule_read_back(
            now, until=None if is_over else now + _wait(recording, now, first=SOON)
        )
        return False
    if result.failure is not None:  # the next answer will hardly differ, and others are to have their turn
        until = now + _wait(recording, now, first=LATER)
        recording.reschedule_read_back(now, until=until, error=result.failure)
        return False
    recording.refresh_from_db(fields=["status"])
    if recording.is_open:  # it should have ended, and Vobiz says that it runs on
        recording.reschedule_read_back(now, until=now + SOON)
    return True


def _mark_never_listed(recording: Recording, now: datetime) -> bool:
    """Mark as deleted a completed recording that only callbacks told of; return whether it was marked.

    No list will ever show it as missing, so nothing else ends the questions. The times in a callback are not signed:
    beside its end, the last signed callback must be older than LISTED_WITHIN too. In that time the recording is read
    back about 80 times. A later answer from the API undoes the mark.
    """
    told = CallbackEvent.objects.filter(recording=recording, trust=Trust.SIGNED)
    if told.filter(received_at__gt=now - LISTED_WITHIN).exists():
        return False
    rows = Recording.objects.filter(pk=recording.pk, status=RecordingStatus.COMPLETED, synced_at=None)
    return bool(rows.mark_deleted_at_vobiz(now))


def _wait(recording: Recording, now: datetime, *, first: timedelta) -> timedelta:
    """Return the wait before the next read-back: the older the recording, the longer."""
    age = now - (recording.must_have_ended_at or recording.happened_at)
    return first if age < LATER else LATER if age < LONGEST_READ_BACK_WAIT else LONGEST_READ_BACK_WAIT
