"""Sync runs: what each was asked to do, what it found, how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from recordings.choices import SyncState
from recordings.declarations import done_by, one_of, partial_index, unique_where
from recordings.lease import end_of_lease
from recordings.models.account import Account, VisibleQuerySet

INCOMPLETE = (SyncState.PARTIAL, SyncState.FAILED, SyncState.INTERRUPTED)
# a scope that names one of these leaves most of the list unread
NARROW = ("call", "recording", "type", "limit")


class SyncRunQuerySet(VisibleQuerySet):
    """A queryset of sync runs."""

    def running(self) -> Self:
        """Return the runs that have not ended, or did not record it."""
        return self.filter(state=SyncState.RUNNING)

    def unfiltered(self) -> Self:
        """Return the runs over the whole list, or all of it since a date: without a filter."""
        return self.exclude(scope__has_any_keys=list(NARROW))

    def complete(self) -> Self:
        """Return the unfiltered runs that read and stored everything; none that a fast clock dated in the future."""
        return self.unfiltered().filter(complete=True, started_at__lte=timezone.now())

    def without_gap(self) -> Self:
        """Return the complete runs that left no gap: without a start date."""
        return self.complete().exclude(scope__has_key="since")

    def routine_unchanged(self) -> Self:
        """Return the automatic runs over the newest pages that found nothing to store."""
        quiet = self.filter(complete=True, scope__has_key="newest", requested_by=None)
        return quiet.filter(created=0, updated=0, gone=0, failed=0)

    def incomplete(self) -> Self:
        """Return the unfiltered runs that ended without reading and storing everything."""
        # by the index of what is not complete, whose condition stands in the query for SQLite's sake
        return self.unfiltered().exclude(state=SyncState.COMPLETE).filter(state__in=INCOMPLETE)

    def failed_since_last_complete(self) -> Self:
        """Return the incomplete runs since the last complete one of their account."""
        whole = SyncRun.objects.complete().filter(account=OuterRef("account")).order_by("-started_at")
        rows = self.incomplete().annotate(whole_at=Subquery(whole.values("started_at")[:1]))
        return rows.filter(Q(whole_at=None) | Q(started_at__gt=F("whole_at")))

    def begin(
        self,
        account: Account,
        *,
        now: datetime,
        scope: dict[str, object],
        by: User | None,
        after: int | None = None,
    ) -> SyncRun | None:
        """Create a run, or return None while another of this account is running. A stale run is ended first.

        `after`: the newest run the caller knew of when it decided; None too where there was another since.
        """
        self.filter(account=account).mark_stale_interrupted(now)
        try:
            with transaction.atomic():
                run: SyncRun = self.create(
                    account=account, scope=scope, requested_by=by, started_at=now, lease_until=end_of_lease()
                )
                others = self.filter(account=account).exclude(pk=run.pk)
                if after is not None and others.filter(pk__gt=after).exists():
                    transaction.set_rollback(True)
                    return None
        except IntegrityError:
            return None
        run.refresh_from_db(fields=["lease_until"])
        return run

    def mark_stale_interrupted(self, now: datetime) -> int:
        """Set running runs to interrupted where their lease ran out; return how many."""
        dead = self.running().filter(lease_until__lt=Now())
        return dead.update(
            state=SyncState.INTERRUPTED, ended_at=now, error=str(_("The process that ran this sync ended."))
        )


class SyncRun(models.Model):
    """One sync of one account."""

    account = models.ForeignKey(Account, verbose_name=_("account"), on_delete=models.PROTECT)
    state = models.CharField(_("state"), max_length=16, choices=SyncState, default=SyncState.RUNNING)
    scope = models.JSONField(_("asked for"), default=dict, blank=True)
    complete = models.BooleanField(
        _("complete"), default=False, help_text=_("Every page it asked for was read and every row applied.")
    )
    requested_by = done_by(_("asked for by"))
    started_at = models.DateTimeField(_("started"))
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    lease_until = models.DateTimeField(editable=False)
    pages = models.PositiveIntegerField(_("pages"), default=0)
    seen = models.PositiveIntegerField(_("seen"), default=0)
    created = models.PositiveIntegerField(_("new"), default=0)
    updated = models.PositiveIntegerField(_("updated"), default=0)
    unchanged = models.PositiveIntegerField(_("unchanged"), default=0)
    gone = models.PositiveIntegerField(_("deleted at Vobiz"), default=0)
    failed = models.PositiveIntegerField(_("failed"), default=0)
    total_count = models.PositiveBigIntegerField(_("total by Vobiz's count"), null=True, blank=True)
    failures = models.JSONField(_("what failed"), default=list, blank=True)
    error = models.TextField(_("error"), null=True, blank=True)

    objects = SyncRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("sync")
        verbose_name_plural = _("syncs")
        ordering = ["-started_at", "-id"]
        permissions = [("sync_now", _("Can sync now"))]
        constraints = [
            one_of("syncrun_state", "state", SyncState),
            # one at a time: the second finds the first running
            unique_where("syncrun_one_running_an_account", ["account"], Q(state="running")),
            models.CheckConstraint(
                condition=Q(state="running", ended_at__isnull=True)
                | (~Q(state="running") & Q(ended_at__isnull=False)),
                name="syncrun_ended_when_not_running",
            ),
            models.CheckConstraint(
                condition=Q(complete=False) | Q(state="complete"), name="syncrun_complete_only_when_complete"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "-started_at"], name="syncrun_newest"),
            models.Index(fields=["-started_at", "-id"], name="syncrun_newest_of_all"),
            # the last whole one, however many failed since
            partial_index("syncrun_newest_complete", ["account", "-started_at"], Q(complete=True)),
            # what failed, runs or was stopped: few among those that are complete
            partial_index(
                "syncrun_not_complete", ["state", "-started_at", "-id", "account"], ~Q(state="complete")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account.auth_id} {self.started_at:%Y-%m-%d %H:%M:%S} UTC"

    def record_progress(self, **counts: object) -> bool:
        """Store progress and renew the lease. False: another has ended the run, so stop."""
        mine = SyncRun.objects.filter(pk=self.pk, state=SyncState.RUNNING)
        return bool(mine.update(lease_until=end_of_lease(), **counts))

    def stop(self, *, by: User, now: datetime) -> bool:
        """End the run because a person asked; the process that carries it out notices at its next page.

        False: it had ended already.
        """
        words = str(_("Stopped by %s before every page was read.") % by.get_username())
        mine = SyncRun.objects.filter(pk=self.pk, state=SyncState.RUNNING)
        stopped = mine.update(state=SyncState.STOPPED, ended_at=now, error=words)
        self.refresh_from_db()
        return bool(stopped)

    def record_last_counts(self, **counts: object) -> None:
        """Store what a run that a person stopped had read by the time it noticed."""
        SyncRun.objects.filter(pk=self.pk, state=SyncState.STOPPED).update(**counts)

    def end(self, state: SyncState, *, now: datetime, **counts: object) -> bool:
        """Record how the run ended. False: another ended it first."""
        mine = SyncRun.objects.filter(pk=self.pk, state=SyncState.RUNNING)
        moved = mine.update(state=state, complete=state == SyncState.COMPLETE, ended_at=now, **counts)
        self.refresh_from_db()
        if SyncRun.objects.complete().filter(pk=self.pk).exists():
            first = Account.objects.filter(pk=self.account_id, first_synced_at=None)
            first.update(first_synced_at=self.started_at)
        return bool(moved)
