"""The recording: its row, and its transitions by compare-and-set."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from recordings.choices import (
    MAX_TIME_LIMIT,
    OPEN_STATUSES,
    ArchiveFlag,
    Attention,
    AudioState,
    CallState,
    Channels,
    Origin,
    RecordingStatus,
    Source,
    StartAnswer,
)
from recordings.declarations import done_by, never_empty, one_of, partial_index
from recordings.models.account import Account
from recordings.models.call import Call
from recordings.models.recording.provenance import TEXT_FACTS, Facts, ProviderFacts
from recordings.models.recording.queryset import (
    ALMOST,
    AVAILABLE_SINCE,
    BOTH_TALK,
    CALLEE_TALKS,
    CALLER_TALKS,
    CLIPPED,
    LENGTH,
    LONG_SILENCE,
    LONGEST_CUT,
    SHORTEST_CUT,
    USUAL_KIND,
    WAS_CUT_SHORT,
    RecordingQuerySet,
)
from recordings.models.recording.transitions import ArchivedCopy, Transition, TransitionsMixin, as_update
from recordings.vobiz.objects import URL_LENGTH

STOP_TAKES = timedelta(seconds=60)
LONGEST_PART = 40  # characters
_OTHER = re.compile(r"[^A-Za-z0-9]+", re.ASCII)


class StopRequest(NamedTuple):
    """When a stop was last requested, and the primary key of the user (None: at the command line)."""

    at: datetime | None
    by_id: int | None


class Recording(TransitionsMixin, ProviderFacts, ArchivedCopy):
    """One recording, started here or not; one row for one recording at Vobiz."""

    account = models.ForeignKey(Account, verbose_name=_("account"), on_delete=models.PROTECT)
    call = models.ForeignKey(
        Call, verbose_name=_("call"), on_delete=models.PROTECT, related_name="recordings"
    )
    recording_id = models.CharField(_("recording id"), max_length=64, null=True, blank=True, unique=True)
    origin = models.CharField(_("origin"), max_length=16, choices=Origin)
    status = models.CharField(_("status"), max_length=16, choices=RecordingStatus)
    error = models.TextField(_("error"), null=True, blank=True)

    # What was asked for here
    callback_key = models.CharField(max_length=64, null=True, unique=True, editable=False)
    callback_base = models.CharField(
        _("address given to Vobiz"), max_length=URL_LENGTH, null=True, editable=False
    )
    intent = models.UUIDField(null=True, unique=True, editable=False)
    requested_by = done_by(_("started by"))
    requested_at = models.DateTimeField(_("asked for"), null=True, blank=True)
    start_answer = models.CharField(
        _("Vobiz's answer"), max_length=16, choices=StartAnswer, null=True, blank=True
    )
    time_limit = models.PositiveIntegerField(_("time limit"), null=True, blank=True, help_text=_("Seconds."))
    channels = models.CharField(_("channels"), max_length=8, choices=Channels, null=True, blank=True)
    transcribe = models.BooleanField(_("transcribe"), default=False)
    stop_requested_at = models.DateTimeField(_("stop asked for"), null=True, blank=True)
    stop_requested_by = done_by(_("stopped by"))

    # What Vobiz says as a whole
    provider_data = models.JSONField(_("as Vobiz said"), null=True, blank=True)
    content_hash = models.BinaryField(max_length=32, null=True, editable=False)
    synced_at = models.DateTimeField(
        _("last changed by the API"),
        null=True,
        blank=True,
        help_text=_("When the API last said anything new."),
    )
    happened_at = models.DateTimeField(_("when"))  # started, else added, else asked for: what lists sort by

    # What is due
    read_back_due_at = models.DateTimeField(_("to be read back"), null=True, blank=True, editable=False)
    refused_uncounted = models.PositiveIntegerField(default=0, editable=False)
    no_callback_at = models.DateTimeField(_("found to lack its callback"), null=True, editable=False)

    objects = RecordingQuerySet.as_manager()

    class Meta:
        verbose_name = _("recording")
        verbose_name_plural = _("recordings")
        ordering = ["-happened_at", "-id"]
        permissions = [
            ("start_recording", _("Can start recordings")),
            ("stop_recording", _("Can stop recordings")),
            ("hear_recording", _("Can hear recordings")),
            ("archive_recording", _("Can have recordings archived now")),
            ("reconcile_recording", _("Can check unfinished recordings now")),
            ("export_recording", _("Can export recordings")),
            ("mark_seen", _("Can mark as reviewed what cannot be repaired")),
        ]
        constraints = [
            one_of("recording_status", "status", RecordingStatus),
            one_of("recording_origin", "origin", Origin),
            one_of("recording_start_answer", "start_answer", StartAnswer, null=True),
            one_of("recording_channels", "channels", Channels, null=True),
            one_of("recording_needs_attention", "needs_attention", Attention, null=True),
            one_of("recording_archive_flag", "archive_flag", ArchiveFlag, null=True),
            # what says it is archived says where, what and how much
            models.CheckConstraint(
                condition=Q(archived_at__isnull=True)
                | Q(
                    audio__isnull=False,
                    audio_sha256__isnull=False,
                    audio_bytes__isnull=False,
                    audio_bytes__gt=0,
                    container__isnull=False,
                ),
                name="recording_archived_is_whole",
            ),
            models.CheckConstraint(
                condition=Q(time_limit__isnull=True) | Q(time_limit__gte=1, time_limit__lte=MAX_TIME_LIMIT),
                name="recording_time_limit",
            ),
            # a row asked for here has the key its callbacks come back under, and no other row has one
            models.CheckConstraint(
                condition=Q(requested_at__isnull=True, callback_key__isnull=True)
                | Q(requested_at__isnull=False, callback_key__isnull=False, time_limit__isnull=False),
                name="recording_requested_with_key_and_limit",
            ),
            models.CheckConstraint(
                condition=Q(requested_at__isnull=False) | Q(recording_id__isnull=False),
                name="recording_known_by_request_or_id",
            ),
            never_empty("recording_unknown_is_null", "recording_id", "callback_key", *TEXT_FACTS),
        ]
        indexes = [
            models.Index(fields=["account", "-happened_at", "-id"], name="recording_newest"),
            models.Index(fields=["-happened_at", "-id"], name="recording_newest_of_all"),
            # what runs or may run: live page, reconcile
            partial_index("recording_open", ["account", "call"], Q(status__in=["requested", "active"])),
            partial_index("recording_read_back_due", ["read_back_due_at"], Q(read_back_due_at__isnull=False)),
            # how many were started within a minute and a day
            partial_index("recording_started_here", ["requested_at"], Q(requested_at__isnull=False)),
            # matching a listed recording to a start whose id is not known yet
            partial_index("recording_without_id", ["call"], Q(recording_id__isnull=True)),
            # whose audio leaves Vobiz soon: of all, and of an account that may have few of them
            models.Index(
                AVAILABLE_SINCE,
                condition=Q(status="completed", gone_at_provider_at__isnull=True, archived_at__isnull=True),
                name="recording_leaving",
            ),
            models.Index(
                F("account"),
                AVAILABLE_SINCE,
                F("id"),
                condition=Q(status="completed", gone_at_provider_at__isnull=True, archived_at__isnull=True),
                name="recording_leaving_account",
            ),
            # what has no copy, gone or not: lost
            models.Index(
                F("account"),
                AVAILABLE_SINCE,
                condition=Q(status="completed", archived_at__isnull=True),
                name="recording_not_archived",
            ),
            partial_index("recording_archive_asked", ["archive_asked_at"], Q(archive_asked_at__isnull=False)),
            partial_index("recording_newest_archived", ["-archived_at"], Q(archived_at__isnull=False)),
            partial_index(
                "recording_last_archived", ["account", "-archived_at"], Q(archived_at__isnull=False)
            ),
            partial_index("recording_to_verify", ["verified_at"], Q(archived_at__isnull=False)),
            # copies that a new version of the reader is to inspect again
            partial_index("recording_to_inspect", ["reader_version", "id"], Q(archived_at__isnull=False)),
            # what admins look for: one-way audio, and recordings of nothing
            partial_index("recording_one_sided", ["-happened_at"], Q(one_side_silent=True)),
            partial_index("recording_silent", ["-happened_at"], Q(is_silent=True)),
            # what failed under an older reader
            partial_index(
                "recording_refused",
                ["reader_version"],
                Q(status="completed", archived_at__isnull=True, archive_tries__gt=0),
            ),
            # whose file this is
            partial_index("recording_of_file", ["audio"], Q(audio__isnull=False)),
            partial_index(
                "recording_without_callback", ["account", "no_callback_at"], Q(no_callback_at__isnull=False)
            ),
            partial_index("recording_for_a_person", ["needs_attention"], Q(needs_attention__isnull=False)),
            partial_index("recording_with_callback", ["-happened_at"], Q(callback_base__isnull=False)),
            # the list's tab of what was cut short; the account last, so that a member's are told apart in the index
            partial_index(
                "recording_cut_short",
                ["-happened_at", "-id", "account"],
                WAS_CUT_SHORT & Q(status="completed"),
            ),
            # the list sorted by length, and its filters of rare lengths
            models.Index(LENGTH, F("id"), F("account"), name="recording_by_length"),
            # values that few rows have, for the list's filters: what nearly all rows have, a walk by time finds at once
            *(
                partial_index(name, [column, "-happened_at", "-id", "account"], rare)
                for name, column, rare in (
                    ("recording_of_other_status", "status", ~Q(status="completed")),
                    ("recording_of_other_origin", "origin", ~Q(origin="sync")),
                    (
                        "recording_of_other_format",
                        "file_format",
                        Q(file_format__isnull=False) & ~Q(file_format="mp3"),
                    ),
                    ("recording_of_other_kind", "kind", Q(kind__isnull=False) & ~Q(kind=USUAL_KIND)),
                )
            ),
            # the format and codec of the copies: written when a copy is made, never by a sync
            partial_index("recording_by_true_format", ["container", "account"], Q(container__isnull=False)),
            partial_index("recording_by_codec", ["audio_codec", "account"], Q(audio_codec__isnull=False)),
            # what Vobiz deleted, and what was measured in the copies; in the order of the list, for PostgreSQL cannot
            # guess how rare it is
            partial_index(
                "recording_gone", ["-happened_at", "-id", "account"], Q(gone_at_provider_at__isnull=False)
            ),
            partial_index("recording_clipped", ["-happened_at", "-id", "account"], CLIPPED),
            partial_index("recording_long_silence", ["-happened_at", "-id", "account"], LONG_SILENCE),
            partial_index("recording_caller_talks", ["-happened_at", "-id", "account"], CALLER_TALKS),
            partial_index("recording_callee_talks", ["-happened_at", "-id", "account"], CALLEE_TALKS),
            partial_index("recording_both_talk", ["-happened_at", "-id", "account"], BOTH_TALK),
        ]

    def __str__(self) -> str:
        asked = f"{self.requested_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if self.requested_at else "–"
        return self.recording_id or str(_("recording asked for at %s")) % asked

    # What can be seen from the row

    @property
    def audio_state(self) -> AudioState:
        """Where its audio is; the same rule as AUDIO_STATES in SQL."""
        if self.is_open:
            return AudioState.PENDING
        if self.status == RecordingStatus.FAILED:
            return AudioState.NONE
        if self.archived_at is not None:
            return AudioState.ARCHIVED
        if self.audio is not None:  # `mark_corrupt` clears `archived_at` alone
            return AudioState.CORRUPT_AT_VOBIZ if self.is_at_vobiz else AudioState.CORRUPT
        return AudioState.AT_VOBIZ if self.is_at_vobiz else AudioState.DELETED

    @property
    def is_at_vobiz(self) -> bool:
        """Whether Vobiz has the audio of an ended recording, archived or not, as far as is known."""
        return self.gone_at_provider_at is None and self.recording_id is not None

    @property
    def is_open(self) -> bool:
        """Whether it runs, or may run."""
        return self.status in OPEN_STATUSES

    @property
    def time_limit_ends_at(self) -> datetime | None:
        """The time at which its time limit ends it; None for recordings not started here."""
        begun = self.started_at or self.requested_at
        return begun + timedelta(seconds=self.time_limit) if begun and self.time_limit else None

    @property
    def must_have_ended_at(self) -> datetime | None:
        """The time it ended, or by which its call or its time limit must have ended it."""
        over = self.call.ended_at if self.call.state == CallState.ENDED else None
        return self.ended_at or min(filter(None, (over, self.time_limit_ends_at)), default=None)

    @property
    def was_cut_short(self) -> bool:
        """Whether it ended at its time limit rather than with the call or at a stop."""
        if not self.time_limit or self.duration_ms is None or self.stop_requested_at is not None:
            return False
        return self.duration_ms >= self.time_limit * 1_000 - ALMOST

    @property
    def was_probably_cut(self) -> bool:
        """Whether its limit is not known and it is as long as Vobiz's default limit, as PROBABLY_CUT."""
        length = self.duration_ms
        return self.time_limit is None and length is not None and SHORTEST_CUT <= length <= LONGEST_CUT

    @property
    def retention_ends_at(self) -> datetime:
        """The time at which Vobiz deletes the audio, by the account's retention days."""
        return (self.added_at or self.happened_at) + timedelta(days=self.account.retention_days)

    @property
    def stop_request(self) -> StopRequest:
        """The last request to stop it."""
        return StopRequest(self.stop_requested_at, self.stop_requested_by_id)

    def may_ask_stop(self, now: datetime) -> bool:
        """Return whether a stop may be requested: none was, or one was long ago and may never have arrived."""
        if self.stop_requested_at is None or self.needs_attention == Attention.STOP_UNCONFIRMED:
            return True
        return self.stop_requested_at <= now - STOP_TAKES

    def file_name(self, extension: str, zone: tzinfo) -> str:
        """Return a name for its file: `2025-11-06_19-19-10_918071387423_919624705678_<id>.mp3`, the time in `zone`.

        Only [A-Za-z0-9._-]: numbers and ids from Vobiz may be any text, and other characters become hyphens.
        """
        at = self.happened_at.astimezone(zone).strftime("%Y-%m-%d_%H-%M-%S")
        who = (self.call.from_e164, self.call.to_e164)
        parts = [_safe(part or "unknown") for part in (*who, self.recording_id or str(self.pk))]
        return f"{'_'.join([at, *parts])}.{_safe(extension)}"

    # Transitions without a lock, those of the mixin too. Each is one conditional UPDATE (compare-and-set); False means
    # that another was first, which is normal. Whoever holds the row's lock uses LockedRecording instead.

    def _transition(self, rule: Transition) -> bool:
        """Apply `rule` by one UPDATE; by a second one, without the status, where the first found another status."""
        rows = Recording.objects.filter(pk=self.pk)
        moved = rows.filter(status__in=rule.before).update(
            status=rule.after, **as_update({**rule.sets, **rule.always})
        )
        if not moved and rule.always:
            rows.update(**as_update(rule.always))
        return bool(moved)

    def request_stop(self, by: User | None, *, now: datetime) -> bool:
        """Record that `by` (None: the command line) requests a stop. False: another did just before, or it has ended.

        One that still runs a minute after it was asked to stop may be asked again: the first may never have left.
        """
        waiting = Recording.objects.filter(
            Q(stop_requested_at=None) | Q(stop_requested_at__lte=now - STOP_TAKES),
            pk=self.pk,
            status__in=OPEN_STATUSES,
        )
        return bool(waiting.update(stop_requested_at=now, stop_requested_by=by))

    def withdraw_stop(self, noted_at: datetime, *, back_to: StopRequest) -> None:
        """Take back the stop request of `noted_at`, which never reached Vobiz, and restore the one before it."""
        mine = Recording.objects.filter(pk=self.pk, stop_requested_at=noted_at)
        mine.update(stop_requested_at=back_to.at, stop_requested_by=back_to.by_id)

    def schedule_read_back(self, at: datetime) -> None:
        """Schedule a read from the API at `at`, whatever was read before."""
        Recording.objects.filter(pk=self.pk).update(read_back_due_at=at)

    def reschedule_read_back(
        self, now: datetime, *, until: datetime | None, error: str | None = None
    ) -> None:
        """Schedule the next read at `until`, unless a callback has scheduled an earlier one since `now`."""
        due = Recording.objects.filter(Q(read_back_due_at=None) | Q(read_back_due_at__lte=now), pk=self.pk)
        due.update(read_back_due_at=until, **({} if error is None else {"error": error}))

    def flag_attention(self, attention: Attention) -> None:
        """Set the reason why a person must look at it, unless another reason is set."""
        Recording.objects.filter(pk=self.pk, needs_attention=None).update(needs_attention=attention)

    def mark_stop_unconfirmed(self) -> bool:
        """Flag that it may still run although a stop was sent; False where it has ended meanwhile."""
        running = Recording.objects.filter(pk=self.pk, status__in=OPEN_STATUSES)
        running.filter(needs_attention=None).update(needs_attention=Attention.STOP_UNCONFIRMED)
        return running.exists()

    def clear_attention(self, *reasons: Attention) -> None:
        """Clear the reason for attention, where it is one of these."""
        Recording.objects.filter(pk=self.pk, needs_attention__in=reasons).update(needs_attention=None)

    def abandon_upload(self, by: str, name: str) -> bool:
        """Forget the pending upload of `name`; return whether the file may be deleted.

        It may not where another worker that took the row has made it the archived copy meanwhile, or where a merge has
        handed it to another row.
        """
        held = self._held(by).filter(coming_audio=name)
        if held.update(coming_audio=None, coming_sha256=None):
            return True
        # this one, or the one it was merged into
        same = Recording.objects.filter(recording_id=self.recording_id)
        return not (same.filter(coming_audio=name).exists() or Recording.objects.filter(audio=name).exists())

    def merge_facts(self, facts: Facts, source: Source) -> list[str]:
        """Set on this instance, unsaved, what `facts` may change by their rank; return the columns changed."""
        changed = facts.merge_into(self, source)
        happened_at = self.started_at or self.added_at or self.happened_at
        if happened_at != self.happened_at:
            self.happened_at = happened_at
            changed.append("happened_at")
        return changed


def _safe(text: str) -> str:
    return _OTHER.sub("-", text).strip("-")[:LONGEST_PART] or "unknown"


class Waveform(models.Model):
    """The waveform of a recording, computed once from the archived copy, so that a four-hour call opens at once.

    `points`: one byte (0 to 255) for the loudest moment of each equal part of the audio, channel after channel.
    """

    recording = models.OneToOneField(Recording, on_delete=models.CASCADE, related_name="waveform")
    channels = models.PositiveSmallIntegerField()
    points = models.BinaryField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.recording_id}: {self.channels} × {len(self.points) // self.channels}"

    @property
    def lanes(self) -> list[bytes]:
        """The points of each channel."""
        points = bytes(self.points)
        size = len(points) // self.channels
        return [points[at * size : (at + 1) * size] for at in range(self.channels)]

    def reassign(self, recording: Recording) -> None:
        """Move to the row that its recording was merged into."""
        Waveform.objects.filter(pk=self.pk).update(recording=recording)
