"""Detection of callbacks and transcripts that never arrived."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Coalesce

from recordings.choices import MAX_TIME_LIMIT, RecordingStatus, TranscriptionStatus
from recordings.models import Account, Recording, Transcription

CALLBACK_TIMEOUT = timedelta(minutes=5)  # Vobiz tries four times, within a minute or so
TRANSCRIPT_TIMEOUT = timedelta(minutes=15)  # Vobiz promises less than five
LOOKBACK = timedelta(days=30)  # applied callbacks are kept for longer, so that none looks missing
MAX_RECORDING_LENGTH = timedelta(seconds=MAX_TIME_LIMIT) + timedelta(hours=1)


def mark_missing_callbacks(account: Account, *, now: datetime) -> None:
    """Mark recordings started here that ended without a callback. The API is asked instead."""
    since = now - LOOKBACK
    if account.settled_at is not None:
        # what ended before that was noticed by the run of that time
        since = max(since, account.settled_at - MAX_RECORDING_LENGTH)
    silent = []
    for row in Recording.objects.awaiting_callback(account, since=since).select_related("call"):
        ended = row.must_have_ended_at
        if ended is None and row.status == RecordingStatus.COMPLETED:
            ended = row.happened_at
        if ended is not None and ended <= now - CALLBACK_TIMEOUT:
            silent.append(row.pk)
    if silent:
        Recording.objects.filter(pk__in=silent).mark_callback_missing(now)


def mark_missing_transcripts(account: Account, *, now: datetime) -> int:
    """Mark transcripts that are overdue, and return how many. One that comes late replaces the mark."""
    late = Q(recording__status=RecordingStatus.COMPLETED, recording_ended_at__lte=now - TRANSCRIPT_TIMEOUT)
    rows = Transcription.objects.filter(account=account, status=TranscriptionStatus.EXPECTED)
    rows = rows.annotate(recording_ended_at=Coalesce("recording__ended_at", "recording__happened_at"))
    pks = rows.filter(late | Q(recording__status=RecordingStatus.FAILED)).values_list("pk", flat=True)
    missing = Transcription.objects.filter(pk__in=list(pks), status=TranscriptionStatus.EXPECTED)
    return missing.update(status=TranscriptionStatus.MISSING)
