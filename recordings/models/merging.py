"""One recording, one row: what an answer or a callback names may be a row that is here already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Q

from recordings.choices import Attention, RecordingStatus, Source
from recordings.models.archived import ARCHIVE_COLUMNS
from recordings.models.facts import FACT_COLUMNS, Facts

if TYPE_CHECKING:
    from recordings.models.recording import Recording

KEPT_COLUMNS = (
    *ARCHIVE_COLUMNS, "provider_data", "content_hash", "synced_at", "read_back_due_at", "needs_attention",
)  # fmt: skip


def take_id(row: Recording, recording_id: str) -> bool:
    """As `Recording.take_id`, which also does what is to be done when two do this at once."""
    rows = type(row).objects
    with transaction.atomic():
        row.account.lock_family()
        held = rows.select_for_update().filter(Q(pk=row.pk) | Q(recording_id=recording_id))
        by_pk = {one.pk: one for one in held.order_by("pk")}
        mine = by_pk.pop(row.pk)
        other = next(iter(by_pk.values()), None)
        if mine.recording_id == recording_id:
            return True
        if mine.recording_id is not None or (other is not None and not _may_absorb(mine, other)):
            mine.flag(Attention.ID_CONFLICT)
            return False
        if other is not None:
            _absorb(mine, other)
        rows.filter(pk=mine.pk).update(recording_id=recording_id)
        return True


def _may_absorb(row: Recording, other: Recording) -> bool:
    """Only a row not asked for here, of the same call and account family, is the same recording."""
    same_family = other.account.family().filter(pk=row.account_id).exists()
    return other.requested_at is None and same_family and other.call.call_uuid == row.call.call_uuid


def _absorb(row: Recording, other: Recording) -> None:
    """Take the facts and belongings of `other` and delete it: the only deletion of a Recording there is."""
    for source in (Source.CALLBACK, Source.ANSWER, Source.API):
        Facts.of(other, source).merge_into(row, source)
    for column in KEPT_COLUMNS:
        if getattr(row, column) is None:
            setattr(row, column, getattr(other, column))
    row.account_id, row.call_id = other.account_id, other.call_id
    row.happened_at = row.started_at or row.added_at or row.happened_at
    row.save(update_fields=["account", "call", "happened_at", "sources", *FACT_COLUMNS, *KEPT_COLUMNS])
    other.events.update(recording=row)
    if (transcript := getattr(other, "transcription", None)) is not None:
        transcript.hand_over(row)
    if (waveform := getattr(other, "waveform", None)) is not None:
        waveform.hand_over(row)
    known_as = other.status
    other.delete()
    if known_as == RecordingStatus.COMPLETED:
        row.finish()
    elif known_as == RecordingStatus.ACTIVE:
        row.move((RecordingStatus.REQUESTED, RecordingStatus.FAILED), RecordingStatus.ACTIVE, error=None)
        row.clear(Attention.MAY_BE_RECORDING)
