"""Noticing what never came: callbacks of recordings that must have ended, and transcripts."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.db.models.functions import Coalesce

from recordings.choices import MAX_TIME_LIMIT, RecordingStatus, TranscriptionStatus
from recordings.models import Account, Recording, Transcription

CALLBACK_TAKES = timedelta(minutes=5)  # Vobiz tries four times, within a minute or so
TRANSCRIPT_TAKES = timedelta(minutes=15)  # Vobiz promises less than five
LOOKED_BACK = timedelta(days=30)  # applied callbacks are kept for longer, so that none looks missing
LONGEST = timedelta(seconds=MAX_TIME_LIMIT) + timedelta(hours=1)


def note_missing_callbacks(account: Account, *, now: datetime) -> None:
    """Recordings started here that ended without a word: their row says so, and the API is asked instead."""
    since = now - LOOKED_BACK
    if account.settled_at is not None:
        since = max(since, account.settled_at - LONGEST)  # what ended before that was noticed then
    silent = []
    for row in Recording.objects.awaiting_callback(account, since=since).select_related("call"):
        ended = row.must_have_ended_at
        if ended is None and row.status == RecordingStatus.COMPLETED:
            ended = row.happened_at
        if ended is not None and ended <= now - CALLBACK_TAKES:
            silent.append(row.pk)
    if silent:
        Recording.objects.filter(pk__in=silent).mark_callback_missing(now)


def note_missing_transcripts(account: Account, *, now: datetime) -> int:
    """Transcripts that should have come long ago; one that comes all the same replaces the word. How many."""
    late = Q(recording__status=RecordingStatus.COMPLETED, recording_ended_at__lte=now - TRANSCRIPT_TAKES)
    rows = Transcription.objects.filter(recording__account=account, status=TranscriptionStatus.EXPECTED)
    rows = rows.annotate(recording_ended_at=Coalesce("recording__ended_at", "recording__happened_at"))
    pks = rows.filter(late | Q(recording__status=RecordingStatus.FAILED)).values_list("pk", flat=True)
    missing = Transcription.objects.filter(pk__in=list(pks), status=TranscriptionStatus.EXPECTED)
    return missing.update(status=TranscriptionStatus.MISSING)
