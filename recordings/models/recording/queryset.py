"""Querysets of recordings: what is open, due for a copy, at risk, lost, or due for verification."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Case, CharField, F, Func, Q, Value, When
from django.db.models.functions import Coalesce

from recordings.choices import (
    NOTHING_STARTED,
    OPEN_STATUSES,
    SEEN_CLOSES,
    SEEN_LOST,
    AudioState,
    EventKind,
    Origin,
    RecordingStatus,
)
from recordings.clock import written_by_fast_clock
from recordings.lease import LeasedQuerySet
from recordings.models.account import Account, VisibleQuerySet

AVAILABLE_SINCE = Coalesce("added_at", "happened_at")  # since when Vobiz has the audio
# a crash that left a copy without its picture is made good for so long
WAVEFORM_RETRY_PERIOD = timedelta(days=7)
# Literals in the SQL, as in the condition of the partial index `recording_open`: SQLite uses a partial index only where
# the query's condition implies the index's, and it cannot know that of parameters.
AS_TEXT = [Func(template=f"'{status.value}'", output_field=CharField()) for status in OPEN_STATUSES]
# Unknown counts as none. The 0 is a literal, as in the index `recording_by_length`, for the same reason.
LENGTH = Coalesce("duration_ms", Func(template="0", output_field=models.BigIntegerField()))
LONGEST_ARCHIVE_WAIT = timedelta(hours=6)  # before the next attempt
LONGEST_READ_BACK_WAIT = timedelta(days=1)
READ_AT_ONCE = 1_000  # rows
FEW = 20_000  # rows of accounts that are all read, rather than rows of every account until enough are theirs
ALMOST = 1_000  # milliseconds by which a recording that hit its limit may end early
# As Recording.was_cut_short. Every NULL is asked for by name, so that the opposite (~WAS_CUT_SHORT) finds those rows.
WAS_CUT_SHORT = Q(
    time_limit__isnull=False,
    duration_ms__isnull=False,
    stop_requested_at__isnull=True,
    duration_ms__gte=F("time_limit") * 1_000 - ALMOST,
)

# What was measured in the archived copy, as the partial indexes of the list's filters have it.
USUAL_KIND = "call"
CLIPPED_MS = 100  # less is not heard
LONG_SILENCE_MS = 60_000
MOSTLY, BALANCED = 0.8, 0.4  # shares of the time in which anybody talks
_TALK = F("talk_left_ms") + F("talk_right_ms")
CLIPPED = Q(clipped_ms__gte=CLIPPED_MS)
LONG_SILENCE = Q(longest_silence_ms__gte=LONG_SILENCE_MS)
CALLER_TALKS = Q(talk_left_ms__gt=0, talk_left_ms__gte=_TALK * MOSTLY)
CALLEE_TALKS = Q(talk_right_ms__gt=0, talk_right_ms__gte=_TALK * MOSTLY)
BOTH_TALK = Q(talk_left_ms__gt=0, talk_left_ms__gte=_TALK * BALANCED, talk_right_ms__gte=_TALK * BALANCED)

# milliseconds about the limit that Vobiz sets where a start names none
SHORTEST_CUT, LONGEST_CUT = 59_500, 60_500
# As Recording.was_probably_cut.
PROBABLY_CUT = Q(time_limit__isnull=True, duration_ms__gte=SHORTEST_CUT, duration_ms__lte=LONGEST_CUT)

AT_VOBIZ = Q(gone_at_provider_at__isnull=True, recording_id__isnull=False)
ARCHIVED = Q(status=RecordingStatus.COMPLETED, archived_at__isnull=False)
NOT_ARCHIVED = Q(status=RecordingStatus.COMPLETED, archived_at__isnull=True)
# A corrupt copy: `mark_corrupt` clears `archived_at` alone.
CORRUPT = NOT_ARCHIVED & Q(audio__isnull=False)
NO_COPY = NOT_ARCHIVED & Q(audio__isnull=True)
# As Recording.audio_state. Each condition is built from IS NULL, so that ~ finds the rest and loses no row to NULL.
AUDIO_STATES = {
    AudioState.PENDING: Q(status__in=OPEN_STATUSES),
    AudioState.NONE: Q(status=RecordingStatus.FAILED),
    AudioState.ARCHIVED: ARCHIVED,
    AudioState.AT_VOBIZ: NO_COPY & AT_VOBIZ,
    AudioState.CORRUPT_AT_VOBIZ: CORRUPT & AT_VOBIZ,
    AudioState.CORRUPT: CORRUPT & ~AT_VOBIZ,
    AudioState.DELETED: NO_COPY & ~AT_VOBIZ,
}


class Unindexed(Func):
    """A value in a form of which SQLite uses no index: where another ends soon."""

    template = "%(expressions)s"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        """Compile with a plus before it, which changes nothing but the plan."""
        return self.as_sql(compiler, connection, template="+%(expressions)s", **context)


# The first of conditions that are joined by OR. Django leaves it out of the SQL, where `pk IS NULL` would keep
# PostgreSQL from using an index for the others.
NO_ROW = Q(pk__in=())
ACCOUNTS_JOINED = 400  # SQLite takes no expression that is deeper than 1,000, and each OR is one deeper


def any_of(parts: Mapping[int, Q], *, whose: str) -> Q:
    """Return the condition that one of `parts` is met; without any, no row meets it.

    Each key of `parts` is the account of its condition, and `whose` the column that has the account. The conditions of
    many accounts are joined in groups.
    """
    keys = list(parts)
    groups = [keys[at : at + ACCOUNTS_JOINED] for at in range(0, len(keys), ACCOUNTS_JOINED)]
    joined = [Q(NO_ROW, *(parts[key] for key in group), _connector=Q.OR) for group in groups]
    if len(joined) <= 1:
        return joined[0] if joined else NO_ROW
    # with their accounts: Django would make one OR of an OR of ORs
    apart = (Q(**{f"{whose}__in": group}) & one for group, one in zip(groups, joined, strict=True))
    return Q(NO_ROW, *apart, _connector=Q.OR)


@dataclass(frozen=True, slots=True)
class Missing:
    """Rows that a list of Vobiz's does not show.

    `rows`: primary key and recording id of each, oldest first. `young`: how many of them are younger than the
    account's retention days, after which Vobiz is expected to delete; `known_young`: of how many such rows.
    """

    rows: tuple[tuple[int, str], ...]
    young: int
    known_young: int


# What is read of a related row to know whose a recording is
OWNER_COLUMNS = {"account": ("id", "parent"), "call": ("id", "call_uuid", "call_uuid_text")}


class RecordingQuerySet(LeasedQuerySet, VisibleQuerySet):  # type: ignore[override]  # of as_manager alone
    """A queryset of recordings."""

    def locked(self) -> Self:
        """Return the rows under their lock, read in full; of account and call only whose they are."""
        rows = self.select_for_update(of=("self",)).select_related(*OWNER_COLUMNS)
        related = ((path, kept, rows.model._meta.get_field(path)) for path, kept in OWNER_COLUMNS.items())
        return rows.defer(
            *(
                f"{path}__{column.name}"
                for path, kept, key in related
                for column in key.related_model._meta.concrete_fields
                if column.name not in kept
            )
        )

    def probably_cut(self) -> Self:
        """Return those that Vobiz's default limit of 60 s probably ended."""
        return self.filter(PROBABLY_CUT)

    def missing(self, account: Account, listed: Container[str], *, now: datetime) -> Missing:
        """Return the account's completed rows, known to the API before `now`, that are not among the ids `listed`."""
        rows = self.filter(
            Q(synced_at__lt=now) | written_by_fast_clock("synced_at", now),
            account=account,
            recording_id__isnull=False,
            status=RecordingStatus.COMPLETED,
            gone_at_provider_at=None,
        )
        young_after = now - timedelta(days=account.retention_days)
        absent, young, known_young = [], 0, 0
        found = rows.order_by("happened_at", "pk").values_list("pk", "recording_id", "happened_at")
        for pk, recording_id, at in found.iterator(chunk_size=READ_AT_ONCE):  # there may be a million
            known_young += at >= young_after
            if recording_id not in listed:
                young += at >= young_after
                absent.append((pk, recording_id))
        return Missing(tuple(absent), young, known_young)

    def mark_deleted_at_vobiz(self, now: datetime) -> int:
        """Record that Vobiz has deleted them; return for how many that was not known."""
        return self.filter(gone_at_provider_at=None).update(gone_at_provider_at=now)

    # Reconciliation

    def open(self) -> Self:
        """Return those that run, or may run."""
        return self.filter(status__in=AS_TEXT)

    def due_for_read_back(self, now: datetime) -> Self:
        """Return those that are due to be read from the API by `now`, longest due first."""
        return self.filter(read_back_due_at__lte=now, recording_id__isnull=False).order_by("read_back_due_at")

    def without_recording_id(self) -> Self:
        """Return those started here that may run and whose recording id is not known."""
        return self.open().filter(recording_id=None).exclude(start_answer__in=NOTHING_STARTED)

    def due_for_lookup(self, now: datetime) -> Self:
        """Return those without a recording id that are due to be looked up in the list of their call."""
        rows = self.without_recording_id().filter(Q(read_back_due_at=None) | Q(read_back_due_at__lte=now))
        return rows.order_by("requested_at", "pk")

    def awaiting_callback(self, account: Account, *, since: datetime) -> Self:
        """Return those started here since `since` with a callback URL for which no callback has arrived."""
        rows = self.filter(
            account=account, callback_base__isnull=False, no_callback_at=None, happened_at__gte=since
        ).exclude(status=RecordingStatus.FAILED)
        return rows.exclude(start_answer__in=NOTHING_STARTED).exclude(events__kind=EventKind.RECORDING)

    def without_callback(self) -> Self:
        """Return those that ended without their callback since a person last acknowledged missing callbacks.

        A start of which nothing became known is not among them: there may have been nothing to call back about.
        """
        unseen = Q(account__gap_seen_at=None) | Q(no_callback_at__gt=F("account__gap_seen_at"))
        never_known = Q(recording_id=None, status__in=[RecordingStatus.REQUESTED, RecordingStatus.FAILED])
        return self.filter(unseen, no_callback_at__isnull=False).exclude(never_known)

    def mark_callback_missing(self, now: datetime) -> int:
        """Record that their callbacks are overdue; return for how many that was not known."""
        return self.filter(no_callback_at=None).update(no_callback_at=now)

    def record_delivery(self) -> int:
        """Record that a callback was delivered after all; return for how many one was missing."""
        return self.filter(no_callback_at__isnull=False).update(no_callback_at=None)

    # Audio: the three predicates of AudioState, each as one condition that the partial indexes imply

    def in_audio_state(self, state: AudioState) -> Self:
        """Return those whose `audio_state` is `state`."""
        return self.filter(AUDIO_STATES[state])

    def can_be_heard(self) -> Self:
        """Return those whose audio the archive or Vobiz has."""
        return self.filter(ARCHIVED | (NOT_ARCHIVED & AT_VOBIZ))

    def with_corrupt_copy(self) -> Self:
        """Return those whose archived copy was found missing or altered."""
        return self.filter(CORRUPT)

    # Archiving

    def available_to_archive(self) -> Self:
        """Return the completed ones without an intact copy that Vobiz still has as far as is known."""
        return self.filter(NOT_ARCHIVED & AT_VOBIZ)

    def waiting_to_be_archived(self, accounts: Collection[Any]) -> Self:
        """Return those that will be archived, now or at their next attempt: automatically, or on request.

        Each has `kept_from`: since when Vobiz has its audio.
        """
        active = [account for account in accounts if account.is_active]
        automatic = [account.pk for account in active if account.archive_automatically]
        rows = self.available_to_archive().annotate(kept_from=AVAILABLE_SINCE)
        if len(automatic) == len(active):
            return rows.of_accounts(automatic)
        asked = self.whole_table().filter(archive_asked_at__isnull=False).order_by()
        found = rows.of_accounts(automatic, or_else=Q(pk__in=asked.values("pk")))
        return found.filter(whose__in=[account.pk for account in active])

    def are_few(self) -> bool:
        """Return whether they are so few that reading them all is less than reading those of every account."""
        return self.order_by().values("pk")[: FEW + 1].count() <= FEW

    def of_accounts(self, keys: Collection[int], *, or_else: Q | None = None) -> Self:
        """Return those of these accounts, or that meet `or_else`, as a partial index finds them or the accounts' own.

        One account has its part of an index. Those of several are told apart in the rows of every account; where nearly
        all are of others, as of inactive accounts, the few rows of these accounts are read instead: SQLite
        knows only how many an account has on average.
        """
        if len(keys) == 1 and or_else is None:
            return self.filter(account__in=keys)
        held = self.whole_table().filter(account__in=keys).order_by()
        is_few = held.are_few()
        theirs = Q(pk__in=held.values("pk")) if is_few else Q(whose__in=keys)
        # The `+ 0` hides the column from SQLite's planner, which would else read every row of the accounts by the index
        # on `account` instead of the few rows of the partial index.
        rows = self.annotate(whose=F("account_id") + 0)
        return rows.filter(theirs if or_else is None else theirs | or_else)

    def due_for_archive(self, now: datetime, accounts: Collection[Any]) -> Self:
        """Return those of these accounts that are due to be archived by `now`, soonest to expire first."""
        return self.available_to_archive().due(now).filter(account__in=accounts).by_expiry(accounts)

    def archive_requested(self, now: datetime, accounts: Collection[Any]) -> Self:
        """Return those that a person asked to archive and that are due, earliest request first."""
        rows = self.available_to_archive().due(now).filter(archive_asked_at__isnull=False)
        rows = rows.annotate(whose=F("account_id") + 0)  # hidden from SQLite's planner, as above
        return rows.filter(whose__in=[account.pk for account in accounts]).order_by("archive_asked_at", "pk")

    def due(self, now: datetime) -> Self:
        """Return those whose next attempt to archive is not in the future, or further than any attempt is put off."""
        too_far = written_by_fast_clock("archive_next_at", now, furthest=LONGEST_ARCHIVE_WAIT)
        return self.filter(Q(archive_next_at=None) | Q(archive_next_at__lte=now) | too_far)

    def by_expiry(self, accounts: Collection[Any]) -> Self:
        """Order by retention end, soonest first. `accounts` must hold every account of the rows."""
        kept_days = sorted({account.retention_days for account in accounts})
        if len(kept_days) <= 1:  # then it is the order of the index
            return self.order_by(AVAILABLE_SINCE, "pk")
        leaves = [
            When(account__retention_days=days, then=AVAILABLE_SINCE + Value(timedelta(days=days)))
            for days in kept_days
        ]
        return self.order_by(Case(*leaves), "pk")

    def to_inspect_again(self, version: int) -> Self:
        """Return archived copies that an older reader version inspected and no worker has leased."""
        return (
            self.free()
            .filter(archived_at__isnull=False, reader_version__lt=version)
            .order_by("reader_version", "pk")
        )

    def without_waveform(self, now: datetime) -> Self:
        """Return those with an archived copy and no waveform, as after a crash between the two."""
        rows = self.free().filter(archived_at__gte=now - WAVEFORM_RETRY_PERIOD)
        return rows.filter(waveform=None).order_by("-archived_at")

    def make_refused_due(self, version: int) -> int:
        """Make recordings due at once that failed under an older reader version; return how many."""
        rows = self.available_to_archive().filter(archive_tries__gt=0, reader_version__lt=version)
        return rows.update(archive_next_at=None, reader_version=version)

    def request_archive(self, now: datetime) -> int:
        """Make those without an archived copy due at once, before all others; return how many."""
        return self.available_to_archive().update(archive_next_at=None, archive_asked_at=now)

    # Verification

    def due_for_verification(self, before: datetime, *, after: tuple[int, datetime] | None) -> Any:
        """Return archived copies not verified since `before`, oldest first, as (primary key, verified at).

        `after`: the last pair of the page before.
        """
        rows = self.filter(archived_at__isnull=False, verified_at__lt=before)
        if after is not None:
            pk, at = after
            rows = rows.filter(Q(verified_at__gt=at) | Q(verified_at=at, pk__gt=pk))
        return rows.order_by("verified_at", "pk").values_list("pk", "verified_at")

    # At risk and lost

    def never_archived(self) -> Self:
        """Return the completed ones without an archived copy, deleted at Vobiz or not; each with `kept_from`."""
        rows = self.annotate(kept_from=AVAILABLE_SINCE)
        return rows.filter(NOT_ARCHIVED)

    def at_risk(self, now: datetime, within: timedelta, *, kept_days: Collection[int]) -> Self:
        """Return those without a copy whose audio Vobiz deletes in the time `within` from now.

        `kept_days`: every number of days that one of the accounts is kept for. Each row has its `leaves_at`.
        """
        spans = sorted(set(kept_days))
        if not spans:  # no account: no row, which can be ordered all the same
            return self.never_archived().annotate(leaves_at=F("kept_from")).none()
        soon, leaves = NO_ROW, []
        for days in spans:
            kept = timedelta(days=days)
            soon |= Q(
                account__retention_days=days, kept_from__gt=now - kept, kept_from__lte=now - kept + within
            )
            leaves.append(When(account__retention_days=days, then=F("kept_from") + Value(kept)))
        # The outermost bounds by themselves: no index is entered by those of an OR.
        since, until = now - timedelta(days=spans[-1]), now - timedelta(days=spans[0]) + within
        rows = self.never_archived().filter(
            gone_at_provider_at__isnull=True, kept_from__gt=since, kept_from__lte=until
        )
        if len(spans) == 1:  # that of every account
            return rows.annotate(leaves_at=F("kept_from") + Value(timedelta(days=spans[0])))
        return rows.filter(soon).annotate(leaves_at=Case(*leaves))

    def lost(self, now: datetime, accounts: Iterable[Account]) -> Self:
        """Return those deleted at Vobiz, or past retention, without a copy, that nobody has marked as reviewed."""
        parts = {account.pk: _past(account, now) & ~_before(account) for account in accounts}
        return self._gone(parts.keys(), parts)

    def lost_in_parts(self, now: datetime, accounts: Iterable[Account]) -> tuple[Self, Self]:
        """Return the lost ones that were started here, and those found by sync, each in a form that has an index.

        It begins with the time, so that those from before the first complete sync are not read.
        """
        accounts = list(accounts)
        # by the index of what was started here, which has the rows of every account
        started = self._gone(None, {account.pk: _past(account, now) for account in accounts})
        synced = [account for account in accounts if account.first_synced_at is not None]
        found = self._gone(
            {account.pk for account in synced},
            {account.pk: _past(account, now) & ~_before(account) for account in synced},
        )
        since = min(map(_first_kept, synced), default=now)
        found = found.alias(begins=AVAILABLE_SINCE).filter(origin=Origin.SYNC, begins__gt=since)
        return started.filter(~Q(origin=Origin.SYNC)), found

    def lost_before(self, now: datetime, accounts: Iterable[Account]) -> Self:
        """Return those that were past retention before their account was first synced completely."""
        parts = {account.pk: _past(account, now) & _before(account) for account in accounts}
        return self._gone(parts.keys(), parts)

    def _gone(self, keys: Collection[int] | None, parts: Mapping[int, Q]) -> Self:
        rows = self.filter(NOT_ARCHIVED) if keys is None else self.filter(NOT_ARCHIVED, account__in=keys)
        rows = rows.annotate(kept_from=Unindexed(AVAILABLE_SINCE), whose=F("account_id") + 0)
        return rows.filter(any_of(parts, whose="whose")).exclude(seen_reason=SEEN_LOST)

    def mark_seen(self, *, by: User, note: str, now: datetime, accounts: Collection[Account]) -> list[int]:
        """Mark as reviewed what cannot be repaired; return the primary keys of those that were not before.

        A lost recording is marked so; of any other what asks for a person is closed, where a person can close it.
        """
        seen = {"seen_at": now, "seen_by": by, "seen_note": note or None}
        closed = Case(When(needs_attention__in=SEEN_CLOSES, then=None), default=F("needs_attention"))
        chosen = self.whole_table().filter(pk__in=list(self.values_list("pk", flat=True)))
        # each UPDATE asks for itself what is lost or open: what was archived this moment is neither
        gone = chosen.lost(now, accounts) | chosen.lost_before(now, accounts)
        gone.update(**seen, seen_reason=SEEN_LOST, needs_attention=closed)
        # what was seen as lost stays so
        reason = Case(When(seen_reason=SEEN_LOST, then=Value(SEEN_LOST)), default=F("needs_attention"))
        asking = chosen.filter(needs_attention__in=SEEN_CLOSES)
        asking.update(**seen, seen_reason=reason, needs_attention=None)
        marked = chosen.filter(seen_at=now, seen_by=by)
        return sorted(marked.values_list("pk", flat=True))


def _past(account: Account, now: datetime) -> Q:
    """Return the condition: of this account, and no longer at Vobiz as far as is known."""
    kept = timedelta(days=account.retention_days)
    return Q(whose=account.pk) & (Q(kept_from__lte=now - kept) | Q(gone_at_provider_at__isnull=False))


def _before(account: Account) -> Q:
    """Return the condition: found by sync, and past its retention before the first complete sync."""
    found = Q(origin=Origin.SYNC)
    if account.first_synced_at is None:
        return found
    return found & Q(kept_from__lte=_first_kept(account))


def _first_kept(account: Account) -> Any:
    """Return since when audio was kept that the first complete sync could still find; it was made by now."""
    return account.first_synced_at - timedelta(days=account.retention_days)  # type: ignore[operator]
