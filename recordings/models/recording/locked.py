"""One recording under its row lock: what an answer to a start or a callback says becomes columns of its row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from django.db import IntegrityError, transaction
from django.db.models import Q

from recordings.bulk_insert import update_row
from recordings.choices import Attention, RecordingStatus, Source
from recordings.compiled_query import CompiledQuery
from recordings.models.recording.model import Recording
from recordings.models.recording.provenance import Facts
from recordings.models.recording.transitions import (
    ARCHIVE_COLUMNS,
    RESUME,
    AttentionChange,
    Transition,
    TransitionsMixin,
    assign_values,
)
from recordings.vobiz.objects import StartAnswer

# What a row takes of a row that it absorbs, where it has none of its own
ABSORBED_COLUMNS = (
    *ARCHIVE_COLUMNS, "provider_data", "content_hash", "synced_at", "read_back_due_at", "needs_attention",
)  # fmt: skip

Result = TypeVar("Result")


_ROW = CompiledQuery[Recording](lambda pk: Recording.objects.locked().filter(pk=pk).order_by(), -1)
_ROW_AND_CLAIMED = CompiledQuery[Recording](
    lambda pk, recording_id: (
        Recording.objects.locked().filter(Q(pk=pk) | Q(recording_id=recording_id)).order_by("pk")
    ),
    *(-1, "the id"),
)


class LockedRecording(TransitionsMixin):
    """One recording under its row lock: read once, changed in memory, saved once.

    For callers that hold a transaction open anyway, such as the processing of a callback:

        with transaction.atomic():
            account.lock_family()  # first of all locks, where an id may be claimed
            locked = LockedRecording.lock(pk, recording_id=named)
            locked.claim_recording_id(named)
            locked.merge_facts(facts, Source.CALLBACK)
            locked.complete()
            locked.save()

    Two statements on the row: a SELECT … FOR UPDATE and an UPDATE of the columns that changed. `row` is the instance;
    read it, but change it only through these methods, which follow the same rules as the compare-and-set transitions
    of Recording. IntegrityError from `save` means that another account family has made a row of the claimed id since
    the lookup: begin the transaction again, and the lookup finds it.
    """

    def __init__(self, row: Recording, other: Recording | None = None) -> None:
        self.row = row
        self._other = other
        self._changed: set[str] = set()

    @classmethod
    def lock(cls, pk: int, *, recording_id: str | None = None) -> LockedRecording:
        """Lock and return the row, and with it the row that has `recording_id`, which it may be about to claim.

        Both by one statement in the order of their keys, so that two callers cannot wait for each other. Raises
        Recording.DoesNotExist where there is no row `pk`.
        """
        found = _ROW.all(pk) if recording_id is None else _ROW_AND_CLAIMED.all(pk, recording_id)
        by_pk = {row.pk: row for row in found}
        if pk not in by_pk:
            raise Recording.DoesNotExist
        row = by_pk.pop(pk)
        return cls(row, next(iter(by_pk.values()), None))

    def save(self) -> None:
        """Write the columns that changed, by one UPDATE; nothing where none did."""
        if self._changed:
            update_row(self.row, sorted(self._changed))
            self._changed.clear()

    # Transitions

    def flag_attention(self, reason: Attention) -> None:
        """Apply `Recording.flag_attention` in memory."""
        self._set({"needs_attention": AttentionChange(raised=reason)})

    def schedule_read_back(self, at: datetime) -> None:
        """Apply `Recording.schedule_read_back` in memory."""
        self._set({"read_back_due_at": at})

    def record_delivery(self) -> None:
        """Record that a callback about it was delivered, so that none is missing."""
        self._set({"no_callback_at": None})

    def merge_facts(self, facts: Facts, source: Source) -> list[str]:
        """Take what `facts` may change by their rank; return the columns changed."""
        changed = self.row.merge_facts(facts, source)
        self._changed.update(changed)
        return changed

    def claim_recording_id(self, recording_id: str) -> bool:
        """Take the id that an answer or a callback under this row's key names. False: that contradicts what is known.

        Where another row has the id already (a sync or an account's callback was first), this row stays and absorbs
        the other, which is deleted. The caller holds `Account.lock_family`, and gave the id to `lock`.
        """
        if self.row.recording_id == recording_id:
            return True
        if self.row.recording_id is not None or (
            self._other is not None and not self._may_absorb(self._other)
        ):
            self.flag_attention(Attention.ID_CONFLICT)
            return False
        if self._other is not None:
            self._absorb(self._other)
            self._other = None
        self._set({"recording_id": recording_id})
        return True

    def _transition(self, rule: Transition) -> bool:
        moved = self.row.status in rule.before
        self._set(rule.values_for(self.row.status))
        return moved

    def _set(self, values: Mapping[str, object]) -> None:
        self._changed |= assign_values(self.row, values)

    # Merging: one recording, one row

    def _may_absorb(self, other: Recording) -> bool:
        """Return whether `other` is the same recording: not requested here, of the same call and account family.

        Where Vobiz names no call for `other`, its id alone decides.
        """
        same_family = other.account.root_id == self.row.account.root_id
        same_call = other.call.is_nameless or (
            other.call.call_uuid is not None and other.call.call_uuid == self.row.call.call_uuid
        )
        return other.requested_at is None and same_family and same_call

    def _absorb(self, other: Recording) -> None:
        """Take the facts and belongings of `other` and delete it: the only deletion of a Recording there is."""
        # by rising rank, so that each fact ends up with the source it has in the row that ranks higher
        for source in (Source.CALLBACK, Source.ANSWER, Source.API):
            self.merge_facts(Facts.of(other, source), source)
        self._set(
            {name: getattr(other, name) for name in ABSORBED_COLUMNS if getattr(self.row, name) is None}
        )
        # a sub-account's recording may have been asked for under its parent: Vobiz's word on whose it is counts
        nameless = other.call if other.call.is_nameless else None
        self._set({"account": other.account} | ({"call": other.call} if nameless is None else {}))
        other.events.update(recording=self.row)
        if (transcript := getattr(other, "transcription", None)) is not None and not transcript.reassign(
            self.row
        ):
            self.flag_attention(Attention.TRANSCRIPT_REVISED)
        if (waveform := getattr(other, "waveform", None)) is not None:
            waveform.reassign(self.row)
        status = other.status
        other.delete()  # before the row is saved: the id is unique
        if nameless is not None:
            nameless.delete()  # it was of this recording alone
        if status == RecordingStatus.COMPLETED:
            self.complete()
        elif status == RecordingStatus.ACTIVE:
            self._transition(RESUME)


def change_locked(
    recording: Recording, change: Callable[[LockedRecording], Result], *, recording_id: str | None = None
) -> Result:
    """Lock the row, let `change` change it, save it, and refresh `recording`; return what `change` returned.

    For callers that hold no lock. `recording_id`: an id that `change` may claim.
    """

    def once() -> Result:
        with transaction.atomic():
            if recording_id is not None:
                recording.account.lock_family()
            locked = LockedRecording.lock(recording.pk, recording_id=recording_id)
            result = change(locked)
            locked.save()
        for column in recording._meta.concrete_fields:
            setattr(recording, column.attname, getattr(locked.row, column.attname))
        return result

    try:
        return once()
    except IntegrityError:
        if recording_id is None:
            raise
        return once()  # another family has made a row of this id at the same moment: it is there now


def claim_recording_id(recording: Recording, recording_id: str) -> bool:
    """Give the row its id, as `LockedRecording.claim_recording_id`. False: that contradicts what is known."""
    return change_locked(
        recording, lambda locked: locked.claim_recording_id(recording_id), recording_id=recording_id
    )


def record_start_accepted(recording: Recording, answer: StartAnswer) -> None:
    """Store Vobiz's answer to an accepted start: the id, the facts and the status, by one UPDATE."""

    def change(locked: LockedRecording) -> None:
        if answer.recording_id is not None:
            locked.claim_recording_id(answer.recording_id)
        locked.merge_facts(Facts.from_answer(answer), Source.ANSWER)
        locked.confirm()

    change_locked(recording, change, recording_id=answer.recording_id)
