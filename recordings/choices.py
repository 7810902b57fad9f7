"""Choices of the domain. What Vobiz decides (formats, kinds, its call states) stays open text."""

from __future__ import annotations

from enum import StrEnum

from django.db import models
from django.utils.translation import gettext_lazy as _


class Direction(models.TextChoices):
    """The direction of a call."""

    INBOUND = "inbound", _("inbound")
    OUTBOUND = "outbound", _("outbound")


class CallState(models.TextChoices):
    """The state of a call; one of *unknown* is known from its recordings alone."""

    LIVE = "live", _("live")
    ENDED = "ended", _("ended")
    UNKNOWN = "unknown", _("not seen live")


class RecordingStatus(models.TextChoices):
    """The status of a recording. Completed is reachable from every other: if Vobiz lists it, it exists."""

    REQUESTED = "requested", _("requested")
    ACTIVE = "active", _("recording")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")


OPEN_STATUSES = (RecordingStatus.REQUESTED, RecordingStatus.ACTIVE)


class AudioState(StrEnum):
    """Where the audio of a recording is, as far as the portal knows; derived from the row, never stored.

    `Recording.audio_state` computes it in Python, `RecordingQuerySet.in_audio_state` in SQL.
    """

    PENDING = "pending"  # the recording has not ended
    NONE = "none"  # nothing was recorded
    ARCHIVED = "archived"  # a copy in the archive; Vobiz may have it too
    AT_VOBIZ = "at_vobiz"  # no copy yet
    CORRUPT_AT_VOBIZ = "corrupt_at_vobiz"  # the copy is missing or altered, Vobiz still has the audio
    CORRUPT = "corrupt"  # the copy is missing or altered, and Vobiz has deleted the audio
    DELETED = "deleted"  # Vobiz has deleted the audio before it was archived

    @property
    def can_be_heard(self) -> bool:
        """Whether there is audio to play, download and export."""
        return self is AudioState.ARCHIVED or self.can_be_archived

    @property
    def can_be_archived(self) -> bool:
        """Whether Vobiz has audio of which the archive has no intact copy."""
        return self in (AudioState.AT_VOBIZ, AudioState.CORRUPT_AT_VOBIZ)

    @property
    def has_corrupt_copy(self) -> bool:
        """Whether the archived copy was found missing or altered, reviewed by a person or not."""
        return self in (AudioState.CORRUPT_AT_VOBIZ, AudioState.CORRUPT)


# Why a recording cannot be heard: on its page, in the answer to a request for its audio, and in a ZIP's manifest
NO_AUDIO_WORDS = {
    AudioState.PENDING: _("There is no audio yet: the recording has not ended."),
    AudioState.NONE: _("Nothing was recorded."),
    AudioState.CORRUPT: _(
        "The archived copy is missing or damaged, and Vobiz has deleted the original. Restore the file from a backup."
    ),
    AudioState.DELETED: _("Vobiz deleted the audio before it was archived."),
}


class StartAnswer(models.TextChoices):
    """Vobiz's answer to a start request of the portal."""

    ACCEPTED = "accepted", _("accepted")
    REFUSED = "refused", _("refused")
    NOT_SENT = "not_sent", _("not sent")
    UNKNOWN = "unknown", _("no readable answer")


NOTHING_STARTED = (StartAnswer.REFUSED, StartAnswer.NOT_SENT)


class Origin(models.TextChoices):
    """How a recording first became known to the portal."""

    PORTAL = "portal", _("Portal")
    SYNC = "sync", _("Call flow or other")
    CALLBACK = "callback", _("Callback")


class Source(models.TextChoices):
    """The source of a fact; see SOURCE_RANK."""

    API = "api", _("Vobiz's API")
    ANSWER = "answer", _("Vobiz's answer to the start")
    CALLBACK = "callback", _("Not confirmed")


SOURCE_RANK = {Source.CALLBACK: 1, Source.ANSWER: 2, Source.API: 3}


class FileFormat(models.TextChoices):
    """Formats a start can ask for."""

    MP3 = "mp3", _("MP3")
    WAV = "wav", _("WAV")


class Channels(models.TextChoices):
    """Channel layouts a start can ask for; stereo is caller left, callee right."""

    STEREO = "stereo", _("Stereo (caller left, callee right)")
    MONO = "mono", _("Mono")


class Attention(models.TextChoices):
    """The reason why a person must look at a recording; ATTENTION_WORDS explains each."""

    MAY_BE_RECORDING = "may_be_recording", _("may be recording")
    STOP_UNCONFIRMED = "stop_unconfirmed", _("stop unconfirmed")
    ID_CONFLICT = "id_conflict", _("two ids for one recording")
    TRANSCRIPT_REVISED = "transcript_revised", _("another transcript came")
    NOT_ARCHIVED = "not_archived", _("could not be archived yet")
    LENGTH_DIFFERS = "length_differs", _("our copy's length differs from Vobiz's")
    CUT_BY_VOBIZ = "cut_by_vobiz", _("cut by Vobiz")
    UNKNOWN_FORMAT = "unknown_format", _("unknown format")
    AUDIO_MISSING = "audio_missing", _("our copy is missing")
    AUDIO_ALTERED = "audio_altered", _("our copy was altered")


# the archive's copy is not what was stored
CORRUPT_COPY_REASONS = (Attention.AUDIO_MISSING, Attention.AUDIO_ALTERED)
ATTENTION_WORDS = {
    Attention.MAY_BE_RECORDING: _(
        "Vobiz's answer to the start was lost, so it may be recording. Starting again would make a second "
        "recording. If it began, a sync or a callback brings it; if a complete sync after the call's end does not, "
        "nothing was recorded."
    ),
    Attention.STOP_UNCONFIRMED: _(
        "Vobiz did not answer the stop. Press Stop again, or wait: the time limit ends the recording."
    ),
    Attention.ID_CONFLICT: _(
        "A callback or answer named another recording id than the one known here. Nothing was changed; "
        "the callback shows both."
    ),
    Attention.TRANSCRIPT_REVISED: _(
        "A different transcript arrived after the first. The first stands; the callback keeps the other."
    ),
    Attention.NOT_ARCHIVED: _(
        "Archiving failed 10 times. Vobiz still has the audio. The portal tries again every six "
        "hours, and hourly in its last three days at Vobiz; the row says why the last attempt failed."
    ),
    Attention.LENGTH_DIFFERS: _(
        "The audio that Vobiz gave is whole, but its length is not what Vobiz says it is. It is kept as it came."
    ),
    Attention.CUT_BY_VOBIZ: _(
        "Vobiz gave the same incomplete file three times. It is all there is, and is kept as it came."
    ),
    Attention.UNKNOWN_FORMAT: _(
        "The portal kept the file that Vobiz gave, but no decoder could read it. Download it to look at it. The "
        "portal inspects it again when it learns more formats."
    ),
    Attention.AUDIO_MISSING: _(
        "The archive no longer has this audio. While Vobiz has it, Archive now fetches it again; otherwise it must "
        "come back from a backup."
    ),
    Attention.AUDIO_ALTERED: _(
        "The archive's file is not the one that was stored: its SHA-256 differs. While Vobiz has it, Archive now "
        "fetches it again; otherwise it must come back from a backup."
    ),
}


# What no service repairs: a person closes it by *Mark as reviewed*, which the row keeps; about its audio only until
# that is archived after all. SEEN_LOST is the value for lost audio.
SEEN_LOST = "lost"
SEEN_CLOSES = (
    Attention.ID_CONFLICT, Attention.TRANSCRIPT_REVISED, Attention.LENGTH_DIFFERS, Attention.CUT_BY_VOBIZ,
    Attention.UNKNOWN_FORMAT, Attention.AUDIO_MISSING, Attention.AUDIO_ALTERED,
)  # fmt: skip


class ArchiveFlag(models.TextChoices):
    """A lasting property of an archived copy; `Attention` asks a person to look at it once."""

    LENGTH_DIFFERS = "length_differs", _("its length differs from Vobiz's")
    CUT_BY_VOBIZ = "cut_by_vobiz", _("cut by Vobiz")
    UNKNOWN_FORMAT = "unknown_format", _("unknown format")


class AccessAction(models.TextChoices):
    """What somebody did, for the access log: with a recording, transcript or event, or with sign-in and people."""

    PLAY = "play", _("play")
    DOWNLOAD = "download", _("download")
    TRANSCRIPT = "transcript", _("read transcript")
    EXPORT = "export", _("export")
    SIGN_IN = "sign_in", _("login")
    FACTOR = "factor", _("password or second factor")
    PERSON = "person", _("person or role")
    EVENT = "event", _("send event again")


class AccessResult(models.TextChoices):
    """The result of a user action."""

    OK = "ok", _("done")
    REFUSED = "refused", _("refused")
    FAILED = "failed", _("not available")


class TranscriptionStatus(models.TextChoices):
    """The status of a transcript: expected until a callback brings text or an error, missing when none came."""

    EXPECTED = "expected", _("expected")
    COMPLETED = "completed", _("completed")
    FAILED = "failed", _("failed")
    MISSING = "missing", _("missing")


class Trust(models.TextChoices):
    """The result of a signature check. A signature covers the URL and nonce, not the body."""

    SIGNED = "signed", _("Signed")
    UNSIGNED = "unsigned", _("Unsigned")
    REFUSED = "refused", _("Wrong signature")


class Scheme(models.TextChoices):
    """The signature scheme that verified."""

    V2 = "v2", "V2"
    V3 = "v3", "V3"
    MA_V2 = "ma-v2", "MA-V2"
    MA_V3 = "ma-v3", "MA-V3"
    BODY = "body", _("over the body")
    NONE = "none", _("none")


class EventKind(models.TextChoices):
    """What a callback is about, by the fields it carries; CALLBACK_WORDS is the title of its page."""

    RECORDING = "recording", _("Recording")
    TRANSCRIPTION = "transcription", _("Transcript")
    OTHER = "other", _("Other")


CALLBACK_WORDS = {
    EventKind.RECORDING: _("Callback about a recording"),
    EventKind.TRANSCRIPTION: _("Callback about a transcript"),
    EventKind.OTHER: _("Callback about something else"),
}


class EventOutcome(models.TextChoices):
    """The outcome of a callback."""

    RECEIVED = "received", _("Waiting for API")
    APPLIED = "applied", _("Applied")
    UNMATCHED = "unmatched", _("No matching recording")
    CONFLICT = "conflict", _("Conflict")
    REFUSED = "refused", _("Rejected")
    UNPARSED = "unparsed", _("Unknown format")
    FAILED = "failed", _("Not applied")


class ProblemCode(models.TextChoices):
    """What is wrong with the portal or an account; the worst first."""

    DISK_FILLING = "disk_filling", _("Disk filling")
    CALLBACKS_SILENT = "callbacks_silent", _("No callbacks received")
    NO_WORKER = "no_worker", _("No worker")
    NO_TOKEN = "no_token", _("No auth token")
    TOKEN_REFUSED = "token_refused", _("Auth token refused")
    API_DOWN = "api_down", _("Vobiz unreachable")
    ARCHIVE_STOPPED = "archive_stopped", _("Archiving stopped")
    SYNC_FAILING = "sync_failing", _("Sync failing")
    CALLBACKS_REJECTED = "callbacks_rejected", _("Callbacks rejected")
    AT_RISK = "at_risk", _("Recordings at risk")
    LOST = "lost", _("Recordings lost")
    ALERTS_FAILING = "alerts_failing", _("Alerts not sent")
    EVENTS_FAILING = "events_failing", _("Events not delivered")


# The permissions of this app that a person needs to know of a problem; the figures behind it ask for the same.
PROBLEM_PERMISSIONS: dict[str, tuple[str, ...]] = {
    ProblemCode.DISK_FILLING: ("view_syncrun",),
    ProblemCode.CALLBACKS_SILENT: ("view_recording", "view_callbackevent"),
    ProblemCode.NO_WORKER: ("view_syncrun",),
    ProblemCode.NO_TOKEN: ("view_syncrun",),
    ProblemCode.TOKEN_REFUSED: ("view_syncrun",),
    ProblemCode.API_DOWN: ("view_syncrun",),
    ProblemCode.ARCHIVE_STOPPED: ("view_recording",),
    ProblemCode.SYNC_FAILING: ("view_syncrun",),
    ProblemCode.CALLBACKS_REJECTED: ("view_callbackevent",),
    ProblemCode.AT_RISK: ("view_recording",),
    ProblemCode.LOST: ("view_recording",),
    ProblemCode.ALERTS_FAILING: ("view_syncrun",),
    ProblemCode.EVENTS_FAILING: ("view_syncrun",),
}


class AlertKind(models.TextChoices):
    """What a message tells."""

    STARTED = "started", _("Began")
    ENDED = "ended", _("Over")
    DIGEST = "digest", _("Digest")
    TEST = "test", _("Test")


class OutgoingKind(models.TextChoices):
    """What an event tells another program. The values are the `type` names in its body."""

    STARTED = "recording.started", _("Recording started")
    COMPLETED = "recording.completed", _("Recording completed")
    ARCHIVED = "recording.archived", _("Recording archived")
    LOST = "recording.lost", _("Recording lost")
    TRANSCRIPT = "transcript.received", _("Transcript received")
    TEST = "test", _("Test")


class WebhookForm(models.TextChoices):
    """What a receiver of alerts reads."""

    STANDARD = "standard", _("Signed JSON (Standard Webhooks)")
    SLACK = "slack", _("Slack, or what reads the same")


class Digest(models.TextChoices):
    """How often a person gets a summary."""

    NEVER = "never", _("Never")
    DAILY = "daily", _("Every day")
    WEEKLY = "weekly", _("Every week")


class SyncState(models.TextChoices):
    """The state of a sync run."""

    RUNNING = "running", _("Running")
    COMPLETE = "complete", _("Complete")
    PARTIAL = "partial", _("Partial")
    FAILED = "failed", _("Failed")
    INTERRUPTED = "interrupted", _("Interrupted")
    STOPPED = "stopped", _("Stopped")


MAX_TIME_LIMIT = 28_800  # seconds; Vobiz's own tool names it, its API page does not
