"""How a recording's row changes: the transitions of its status, and the states of its archived copy.

`audio` is a name in the archive's storage, ours and never the provider's. A row with `archived_at` has a file there
whose SHA-256 and size are in the row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from recordings.audio import READER_VERSION, Audio
from recordings.choices import (
    CORRUPT_COPY_REASONS,
    OPEN_STATUSES,
    SEEN_LOST,
    ArchiveFlag,
    Attention,
    RecordingStatus,
    StartAnswer,
)
from recordings.declarations import done_by
from recordings.lease import Leased

SEEN_COLUMNS = ("seen_at", "seen_by", "seen_note", "seen_reason")
ARCHIVE_COLUMNS = (
    "audio", "audio_sha256", "audio_bytes", "container", "audio_duration_ms", "audio_channels", "archive_flag",
    "archived_at", "verified_at", "gone_at_provider_at", "archive_error", "archive_next_at", "archive_asked_at",
    "archive_body_sha256", "coming_audio", "coming_sha256", "audio_codec", "audio_sample_rate", "audio_regular",
    "talk_left_ms", "talk_right_ms", "double_talk_ms", "longest_silence_ms", "clipped_ms", "one_side_silent",
    "is_silent", "reader_version", "inspected_at", "withdrawn_flag", *SEEN_COLUMNS,
)  # fmt: skip

MANY_TRIES = 10  # after which a person is asked to look
FLAG_ASKS = {
    ArchiveFlag.LENGTH_DIFFERS: Attention.LENGTH_DIFFERS,
    ArchiveFlag.CUT_BY_VOBIZ: Attention.CUT_BY_VOBIZ,
    ArchiveFlag.UNKNOWN_FORMAT: Attention.UNKNOWN_FORMAT,
}
CURED = (Attention.NOT_ARCHIVED, Attention.AUDIO_MISSING, Attention.AUDIO_ALTERED, *FLAG_ASKS.values())

SETTLED_BY_THE_END = (Attention.MAY_BE_RECORDING, Attention.STOP_UNCONFIRMED)


@dataclass(frozen=True, slots=True)
class AttentionChange:
    """What becomes of `needs_attention`: `settled` reasons are cleared and `raised` is set; any other reason stays."""

    settled: Collection[Attention] = ()
    raised: Attention | None = None

    def as_sql(self) -> Case:
        """Return the new value as an expression for an UPDATE."""
        replaced = Q(needs_attention=None) | Q(needs_attention__in=self.settled)
        return Case(When(replaced, then=Value(self.raised)), default=F("needs_attention"))

    def applied_to(self, current: str | None) -> str | None:
        """Return the new value of a locked row."""
        return self.raised if current is None or current in self.settled else current


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of a recording's status: the rule that `Recording` applies in SQL and `LockedRecording` in memory.

    `sets` are columns set with the status, only where it was one of `before`; `always` are columns set in any case.
    A value may be an AttentionChange.
    """

    before: tuple[RecordingStatus, ...]
    after: RecordingStatus
    sets: Mapping[str, object] = field(default_factory=dict)
    always: Mapping[str, object] = field(default_factory=dict)

    def values_for(self, status: str) -> dict[str, object]:
        """Return the columns to set on a row of this status."""
        return (
            {"status": self.after, **self.sets, **self.always} if status in self.before else dict(self.always)
        )


# Vobiz accepted the start. A recording that has ended already stays what it is.
CONFIRM = Transition(
    before=(RecordingStatus.REQUESTED,),
    after=RecordingStatus.ACTIVE,
    sets={"error": None},
    always={
        "start_answer": StartAnswer.ACCEPTED,
        "needs_attention": AttentionChange((Attention.MAY_BE_RECORDING,)),
    },
)
# Vobiz lists it as running, though nobody had confirmed its start.
RESUME = Transition(
    before=(RecordingStatus.REQUESTED, RecordingStatus.FAILED),
    after=RecordingStatus.ACTIVE,
    sets={"error": None},
    always={"needs_attention": AttentionChange((Attention.MAY_BE_RECORDING,))},
)
# Vobiz says that it exists and has ended, which is true whatever was believed here.
COMPLETE = Transition(
    before=(*OPEN_STATUSES, RecordingStatus.FAILED),
    after=RecordingStatus.COMPLETED,
    sets={"error": None},
    always={"needs_attention": AttentionChange(SETTLED_BY_THE_END)},
)


def failure(error: str, answer: StartAnswer | None = None) -> Transition:
    """Return the transition of a recording that did not happen, or of which Vobiz has no trace."""
    sets: dict[str, object] = {
        "error": error,
        "read_back_due_at": None,
        "needs_attention": AttentionChange(SETTLED_BY_THE_END),
    }
    if answer is not None:
        sets["start_answer"] = answer
    return Transition(before=OPEN_STATUSES, after=RecordingStatus.FAILED, sets=sets)


def lost_answer(error: str) -> Transition:
    """Return the transition of a start whose answer was lost: still requested, and it may be recording."""
    return Transition(
        before=(RecordingStatus.REQUESTED,),
        after=RecordingStatus.REQUESTED,
        sets={
            "start_answer": StartAnswer.UNKNOWN,
            "error": error,
            "needs_attention": Attention.MAY_BE_RECORDING,
        },
    )


class TransitionsMixin:
    """A mixin of whatever can go through a transition: a recording by one UPDATE, or in memory under its lock."""

    def confirm(self) -> bool:
        """Record that Vobiz accepted the start: requested → active. A row that has ended stays what it is."""
        return self._transition(CONFIRM)

    def fail(self, error: str, answer: StartAnswer | None = None) -> bool:
        """Record that it did not happen, or that Vobiz has no trace of it: requested or active → failed."""
        return self._transition(failure(error, answer))

    def mark_unconfirmed(self, error: str) -> bool:
        """Record that the answer to the start was lost: still requested, and may be recording."""
        return self._transition(lost_answer(error))

    def complete(self) -> bool:
        """Record that Vobiz says it exists and has ended: any status → completed."""
        return self._transition(COMPLETE)

    def _transition(self, rule: Transition) -> bool:
        """Apply `rule`; return whether the status was one of those before it."""
        raise NotImplementedError


def assign_values(row: models.Model, values: Mapping[str, object]) -> set[str]:
    """Set the values on a locked row, unsaved; return the columns that changed."""
    changed = set()
    for name, value in values.items():
        held = getattr(row, name)
        new = value.applied_to(held) if isinstance(value, AttentionChange) else value
        if new != held:
            setattr(row, name, new)
            changed.add(name)
    return changed


def as_update(values: Mapping[str, object]) -> dict[str, Any]:
    """Return the values for `QuerySet.update`."""
    return {
        name: value.as_sql() if isinstance(value, AttentionChange) else value
        for name, value in values.items()
    }


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file that is audio, stored unchanged: its name in the archive, and what it holds."""

    name: str
    sha256: str
    size: int
    audio: Audio
    flag: ArchiveFlag | None


class ArchivedCopy(Leased):
    """The columns of a recording's archived copy, and the transitions of the worker that holds its lease."""

    audio = models.CharField(_("audio file"), max_length=255, null=True, blank=True)
    audio_sha256 = models.CharField(_("SHA-256"), max_length=64, null=True, blank=True)
    audio_bytes = models.BigIntegerField(_("bytes"), null=True, blank=True)
    container = models.CharField(_("true format"), max_length=8, null=True, blank=True)
    audio_duration_ms = models.BigIntegerField(
        _("true duration"), null=True, blank=True, help_text=_("Milliseconds, measured in our copy.")
    )
    audio_channels = models.PositiveSmallIntegerField(_("true channels"), null=True, blank=True)
    audio_codec = models.CharField(_("codec"), max_length=32, null=True, blank=True)
    audio_sample_rate = models.PositiveIntegerField(
        _("sample rate"), null=True, blank=True, help_text=_("Samples per second.")
    )
    # Browsers find the same length, and the same moments, in it as the portal
    audio_regular = models.BooleanField(null=True, editable=False)

    # Measured in the samples of our copy, in milliseconds. A mono recording has its talk time on the left.
    talk_left_ms = models.BigIntegerField(_("talk time, left"), null=True, blank=True)
    talk_right_ms = models.BigIntegerField(_("talk time, right"), null=True, blank=True)
    double_talk_ms = models.BigIntegerField(_("both talking"), null=True, blank=True)
    longest_silence_ms = models.BigIntegerField(_("longest silence"), null=True, blank=True)
    clipped_ms = models.BigIntegerField(_("clipped"), null=True, blank=True)
    one_side_silent = models.BooleanField(_("one side silent"), null=True, blank=True)
    is_silent = models.BooleanField(_("no sound"), null=True, blank=True)

    # Which version of the reader judged the file, or refused it; 0 is the one before there were versions
    reader_version = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    inspected_at = models.DateTimeField(_("inspected again"), null=True, editable=False)
    withdrawn_flag = models.CharField(max_length=16, choices=ArchiveFlag, null=True, editable=False)
    needs_attention = models.CharField(
        _("needs attention"), max_length=32, choices=Attention, null=True, blank=True
    )
    archive_flag = models.CharField(_("flag"), max_length=16, choices=ArchiveFlag, null=True, blank=True)
    archived_at = models.DateTimeField(_("archived"), null=True, blank=True)
    verified_at = models.DateTimeField(_("archive verified"), null=True, blank=True)
    gone_at_provider_at = models.DateTimeField(_("deleted at Vobiz"), null=True, blank=True)
    # Its file is away for good, past its date, and Vobiz goes on listing it: that it is listed says nothing
    listed_without_audio = models.BooleanField(default=False, db_default=False, editable=False)

    # The file that is being put into the archive: a worker killed in the middle leaves it to the next
    coming_audio = models.CharField(max_length=255, null=True, editable=False)
    coming_sha256 = models.CharField(max_length=64, null=True, editable=False)

    # Why there is no copy yet
    archive_tries = models.PositiveIntegerField(_("tries to archive"), default=0)
    archive_next_at = models.DateTimeField(_("next try to archive"), null=True, blank=True)
    archive_asked_at = models.DateTimeField(_("archiving asked for"), null=True, editable=False)
    archive_error = models.TextField(_("why it is not archived"), null=True, blank=True)
    archive_body_sha256 = models.CharField(max_length=64, null=True, editable=False)
    archive_same_bodies = models.PositiveSmallIntegerField(default=0, editable=False)

    # What cannot be cured is closed by a person
    seen_at = models.DateTimeField(_("seen"), null=True, blank=True)
    seen_by = done_by(_("seen by"))
    seen_note = models.TextField(_("note"), null=True, blank=True)
    seen_reason = models.CharField(_("seen because"), max_length=32, null=True, blank=True)

    class Meta:
        abstract = True

    # Moves, by the holder of the lease alone. False: another has the row by now, or it is gone.

    def begin_upload(self, by: str, *, name: str, sha256: str) -> bool:
        """Record the pending upload of a file, so that another worker can clean up if this one is killed."""
        return bool(self._held(by).update(coming_audio=name, coming_sha256=sha256))

    def mark_archived(self, by: str, copy: ArchivedFile, *, now: datetime) -> bool:
        """Record the archived copy. The lease stays."""
        asked = FLAG_ASKS.get(copy.flag) if copy.flag is not None else None
        kept = self._held(by).update(
            audio=copy.name,
            audio_sha256=copy.sha256,
            audio_bytes=copy.size,
            **audio_columns(copy.audio),
            archive_flag=copy.flag,
            withdrawn_flag=None,
            inspected_at=None,
            archived_at=now,
            verified_at=now,
            coming_audio=None,
            coming_sha256=None,
            archive_error=None,
            archive_next_at=None,
            archive_asked_at=None,
            needs_attention=AttentionChange(CURED, asked).as_sql(),
            **_unseen((SEEN_LOST, *CURED)),
        )
        return bool(kept)

    def mark_deleted_at_vobiz(self, by: str, *, now: datetime, error: str, is_listed: bool) -> bool:
        """Record that Vobiz has deleted the audio. `is_listed`: its API still lists the recording."""
        gone = self._held(by).update(
            gone_at_provider_at=now,
            listed_without_audio=is_listed,
            archive_error=error,
            archive_next_at=None,
            archive_asked_at=None,
            needs_attention=AttentionChange((Attention.NOT_ARCHIVED,)).as_sql(),
        )
        return bool(gone)

    def reschedule_archive(self, by: str, *, until: datetime, error: str) -> bool:
        """Schedule the next attempt at `until` without counting this one."""
        waiting = self._held(by).filter(archived_at=None)
        return bool(waiting.update(archive_next_at=until, archive_error=error))

    def record_archive_failure(
        self, by: str, *, until: datetime, error: str, body: str | None = None, same_bodies: int = 0
    ) -> bool:
        """Count a failed attempt and schedule the next. `body`: SHA-256 of the answer, received `same_bodies` times."""
        asked = Attention.NOT_ARCHIVED if self.archive_tries + 1 >= MANY_TRIES else None
        failed = (
            self._held(by)
            .filter(archived_at=None)
            .update(
                archive_tries=F("archive_tries") + 1,
                archive_next_at=until,
                archive_error=error,
                archive_body_sha256=body,
                archive_same_bodies=same_bodies,
                reader_version=READER_VERSION,
                needs_attention=AttentionChange((Attention.NOT_ARCHIVED,), asked).as_sql(),
            )
        )
        return bool(failed)

    def mark_inspected(self, by: str, audio: Audio, flag: ArchiveFlag | None, *, now: datetime) -> bool:
        """Our copy was inspected by a newer reader, which found `audio`. What the old one had flagged may be withdrawn.

        A flag that is new asks for a person; one that a person has seen, or that stays, does not ask again.
        """
        known = self._held(by).filter(audio=self.audio, audio_sha256=self.audio_sha256)
        values: dict[str, object] = {**audio_columns(audio), "archive_flag": flag, "inspected_at": now}
        if flag != self.archive_flag:
            reasons = tuple(FLAG_ASKS.values())
            asked = FLAG_ASKS.get(flag) if flag is not None else None
            values["withdrawn_flag"] = self.archive_flag
            values["needs_attention"] = AttentionChange(reasons, asked).as_sql()
            values |= _unseen(reasons)
        return bool(known.update(**values))

    def mark_verified(self, by: str, *, now: datetime) -> bool:
        """Record that the copy was read and is intact. A copy that was missing is archived again."""
        known = self._held(by).filter(audio=self.audio, audio_sha256=self.audio_sha256)
        verified = known.update(
            verified_at=now,
            archived_at=Coalesce("archived_at", Value(now)),
            archive_error=None,
            archive_next_at=None,
            needs_attention=AttentionChange(CORRUPT_COPY_REASONS).as_sql(),
            **_unseen((SEEN_LOST, *CORRUPT_COPY_REASONS)),
        )
        return bool(verified)

    def mark_corrupt(self, by: str, what: Attention, *, why: str) -> bool:
        """Record that the copy is missing or altered (`what`), and make it due to be archived again at once.

        What the row knows of the file stays, so that it is known again if it comes back; an archive that succeeds
        puts the new copy in its place.
        """
        known = self._held(by).filter(
            archived_at__isnull=False, audio=self.audio, audio_sha256=self.audio_sha256
        )
        spoilt = known.update(
            archived_at=None,
            needs_attention=what,
            archive_error=why,
            archive_next_at=None,
            archive_tries=0,
            archive_body_sha256=None,
            archive_same_bodies=0,
        )
        return bool(spoilt)


def audio_columns(audio: Audio) -> dict[str, object]:
    """Return what the reader found in a file, as the columns that keep it."""
    sound = audio.sound
    talk = sound.talk_ms if sound is not None else ()
    return {
        "container": audio.container,
        "audio_codec": audio.codec,
        "audio_duration_ms": audio.duration_ms,
        "audio_channels": audio.channels,
        "audio_sample_rate": audio.sample_rate,
        "audio_regular": audio.regular,
        "talk_left_ms": talk[0] if talk else None,
        "talk_right_ms": talk[1] if len(talk) > 1 else None,
        "double_talk_ms": sound.double_talk_ms if sound is not None else None,
        "longest_silence_ms": sound.longest_silence_ms if sound is not None else None,
        "clipped_ms": sound.clipped_ms if sound is not None else None,
        "one_side_silent": sound.one_side_silent if sound is not None else None,
        "is_silent": sound.silent if sound is not None else None,
        "reader_version": READER_VERSION,
    }


def _unseen(reasons: tuple[str, ...]) -> dict[str, Case]:
    """Return the columns that take back a review for one of these reasons, as an UPDATE sets them.

    The row's history keeps who saw it.
    """
    return {
        column: Case(When(seen_reason__in=reasons, then=None), default=F(column)) for column in SEEN_COLUMNS
    }
