"""Sync runs: is the mirror whole; and the button that begins one."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import tasks
from recordings.admin import formatting
from recordings.admin.base import (
    WRITE,
    Fact,
    PortalAdmin,
    ReadOnlyAdmin,
    Section,
    may,
    page,
    with_cure,
)
from recordings.admin.exports import CsvExportMixin
from recordings.admin.filters import AccountFilter, BrokenFilter, DateFilter, UsualFilter, rare
from recordings.choices import SyncState
from recordings.forms import SyncForm
from recordings.models import Account, SyncRun
from recordings.sync import SyncRequest

ESTIMATED_AFTER = 5  # seconds of a sync before the time left is estimated
REFRESH = 3  # seconds between two looks at a sync that runs
ASKED_FOR = {
    "full": gettext_lazy("also detect recordings deleted at Vobiz"),
    "since": gettext_lazy("since"),
    "call": gettext_lazy("call"),
    "recording": gettext_lazy("recording"),
    "type": gettext_lazy("type"),
    "limit": gettext_lazy("at most"),
}


def sync_now(owner: PortalAdmin, request: HttpRequest, account: Account, *, otherwise: str) -> HttpResponse:
    """Begin a sync of the account, or find the one that runs; lead to its page, or `otherwise`."""
    if not account.is_active:
        words = _("%s is inactive, so it is not synced. Make it active first.") % formatting.plain(account)
        owner.message_user(request, words, messages.ERROR)
        return HttpResponseRedirect(otherwise)
    if account.encrypted_token is None:
        words = _("Sync not started: no token is stored for %s.") % formatting.plain(account)
        owner.message_user(request, with_cure(request, account, words), messages.ERROR)
        return HttpResponseRedirect(otherwise)
    run, is_new = tasks.sync_in_background(account, SyncRequest(), by=request.user)  # type: ignore[arg-type]
    if is_new:
        words = _("Sync started. It continues in the background.")
        log = _("Started a sync.")
    else:
        words = _("A sync of this account is already running. No second one was started.")
        log = _("Asked for a sync while one was running.")
    may_look = may(request, "view_syncrun")
    to = reverse("admin:recordings_syncrun_change", args=[run.pk]) if may_look else otherwise
    return owner.conclude(request, account, words=words, log=log, to=to, level=messages.INFO)


class StateFilter(UsualFilter):
    """How it stands or ended."""

    title = gettext_lazy("state")
    parameter_name = "state__exact"
    words: ClassVar[dict[str, Any]] = dict(SyncState.choices)
    conditions: ClassVar[dict[str, Q]] = rare("state", SyncState.values, SyncState.COMPLETE)

    def found(self, request: HttpRequest, rows: QuerySet[Any], condition: Q) -> QuerySet[Any]:
        """Return the rows that meet the condition: the complete ones walked, the others by their index."""
        if self.value() == SyncState.COMPLETE:
            return super().found(request, rows, condition)
        return rows.filter(condition)


@admin.register(SyncRun)
class SyncRunAdmin(CsvExportMixin, ReadOnlyAdmin):
    """Every sync: what it found and how it ended."""

    change_list_template = "admin/recordings/syncrun/change_list.html"
    csv_related = ("account", "requested_by")
    page_template = "admin/recordings/syncrun/page.html"
    list_display = ("when", "account_name", "state_shown", "found", "took", "asked_by")
    list_filter = (DateFilter, AccountFilter, StateFilter, BrokenFilter)
    list_select_related = ("account", "requested_by")
    list_deferred = ("failures", "error")
    list_day = date_column = "started_at"
    empty_title = gettext_lazy("No syncs yet")
    empty_words = gettext_lazy("A sync reads every recording that Vobiz lists.")

    @admin.display(description=gettext_lazy("started"))
    def when(self, run: SyncRun) -> str | SafeString:
        """Return the time in the reader's zone."""
        return formatting.moment_in_list(run.started_at, under_day=getattr(run, "under_day", False))

    @admin.display(description=gettext_lazy("state"))
    def state_shown(self, run: SyncRun) -> SafeString:
        """Return how it stands or ended."""
        return formatting.badge(run.state, run.get_state_display())

    @admin.display(description=gettext_lazy("recordings"))
    def found(self, run: SyncRun) -> SafeString:
        """Return `196 seen: 3 new · 193 unchanged`, without the zeros, and what failed."""
        counts = (
            (run.created, _("%d new")), (run.updated, _("%d updated")), (run.unchanged, _("%d unchanged")),
            (run.gone, _("%d deleted at Vobiz")),
        )  # fmt: skip
        seen = _("%d seen") % run.seen
        parts = " · ".join(words % n for n, words in counts if n)
        words = f"{seen}: {parts}" if parts else seen
        if not run.failed:
            return format_html("{}", words)
        return format_html("{} {}", words, formatting.flag(_("%d failed") % run.failed, "bad"))

    @admin.display(description=gettext_lazy("took"))
    def took(self, run: SyncRun) -> SafeString:
        """From its start to its end."""
        seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
        return formatting.named(_("Took"), formatting.length(seconds))

    @admin.display(description=gettext_lazy("started by"))
    def asked_by(self, run: SyncRun) -> str:
        """Return the person. A row without one is the schedule's, unless an administrator ran the command."""
        if run.requested_by is None and "newest" in run.scope:  # only the schedule asks for the newest pages
            return formatting.words(_("Schedule"))
        return formatting.words(run.requested_by or _("Schedule or command line"))

    def list_context(self, request: HttpRequest) -> dict[str, Any]:
        """Return the button for those who may press it."""
        return {"sync_form": SyncForm(viewer=request.user) if may(request, "sync_now") else None}

    @page("sync/", permission="recordings.sync_now", methods=WRITE)
    def sync(self, request: HttpRequest) -> HttpResponse:
        """Begin a sync of the account chosen; an account that is not ours to see is not found."""
        form = SyncForm(request.POST, viewer=request.user)
        if not form.is_valid():
            raise Http404
        return sync_now(self, request, form.cleaned_data["account"], otherwise=self.to_index())

    @page("<path:object_id>/stop/", permission="recordings.sync_now", methods=WRITE)
    def stop(self, request: HttpRequest, run: SyncRun) -> HttpResponse:
        """Stop a run; what it has read is kept."""
        here = self.to_object(run)
        if not run.stop(by=request.user, now=timezone.now()):  # type: ignore[arg-type]
            self.message_user(request, _("The sync had already ended."), messages.INFO)
            return HttpResponseRedirect(here)
        words = _("Sync stopped. The recordings it has read are kept.")
        return self.conclude(request, run, words=words, log=_("Stopped the sync."), to=here)

    def page_context(self, request: HttpRequest, obj: SyncRun) -> dict[str, Any]:
        """Return the sections: pages, rows, failures."""
        now = timezone.now()
        running = obj.state == SyncState.RUNNING
        is_silent = running and obj.lease_until < now
        return {
            "title": _("Sync of %s") % formatting.plain(obj.account),
            "run": obj,
            "is_running": running,
            "is_silent": is_silent,
            "every": REFRESH if running and not is_silent else None,
            "may_sync": may(request, "sync_now") and obj.account.is_active,
            "may_stop": running and may(request, "sync_now"),
            "progress_words": _progress_words(obj, now) if running else "",
            "failures": [
                (formatting.words(failure.get("recording_id")), formatting.words(failure.get("reason")))
                for failure in obj.failures
            ],
            "key_facts": _key_facts(obj, self.state_shown(obj)),
            "sections": [self._asked(request, obj)],
        }

    def _asked(self, request: HttpRequest, run: SyncRun) -> Section:
        scope = ", ".join(
            str(label) if run.scope[name] is True else f"{label} {formatting.plain(run.scope[name])}"
            for name, label in ASKED_FOR.items()
            if name in run.scope
        )
        return Section(
            _("Details"),
            [
                Fact(_("Account"), formatting.linked(request, run.account)),
                Fact(_("Asked for"), scope or _("Every recording that Vobiz lists")),
                Fact(_("By"), self.asked_by(run)),
                Fact(_("Started"), formatting.moment(run.started_at)),
                Fact(_("Ended"), formatting.moment(run.ended_at)),
                Fact(_("Pages read"), formatting.count(run.pages)),
            ],
        )


def _key_facts(run: SyncRun, badge: str | SafeString) -> list[Fact]:
    seconds = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
    total = "" if run.total_count is None else _("Vobiz counts %s") % formatting.count(run.total_count)
    return [
        Fact(_("State"), badge, _complete_words(run)),
        Fact(_("Recordings read"), formatting.count(run.seen), total),
        Fact(_("New"), formatting.count(run.created), _("%s updated") % formatting.count(run.updated)),
        Fact(_("Unchanged"), formatting.count(run.unchanged)),
        Fact(
            _("Deleted at Vobiz"),
            formatting.count(run.gone),
            _("They stay in the portal") if run.gone else "",
        ),
        Fact(_("Failed"), formatting.count(run.failed)),
        Fact(_("Duration"), formatting.length(seconds)),
    ]


def _complete_words(run: SyncRun) -> str:
    if run.complete:
        return _("Every page was read and every recording stored.")
    if run.state == SyncState.RUNNING:
        return _("It continues in the background.")
    if run.state == SyncState.STOPPED:
        return _("Pages were left unread. What was read is kept, and a later sync reads the rest.")
    return _("What was read is kept. No recording was marked as deleted at Vobiz.")


def _progress_words(run: SyncRun, now: datetime) -> str:
    """Return how far a running sync is and, once it can be told, how long the rest will take."""
    if not run.total_count or not run.seen:
        return ngettext("%s recording so far", "%s recordings so far", run.seen) % formatting.count(run.seen)
    seen, total = formatting.count(run.seen), formatting.count(run.total_count)
    elapsed = (now - run.started_at).total_seconds()
    left = elapsed / run.seen * max(0, run.total_count - run.seen)
    if elapsed < ESTIMATED_AFTER or not left:
        return _("%(seen)s of %(total)s recordings") % {"seen": seen, "total": total}
    words = _("%(seen)s of %(total)s recordings, about %(left)s left")
    return words % {"seen": seen, "total": total, "left": formatting.span(left)}
