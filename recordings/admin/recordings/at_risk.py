"""At risk and lost: what can still be saved, with the button that does; and what cannot, to be marked as seen."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import overview
from recordings.admin import columns, formatting
from recordings.admin.base import WRITE, ReadOnlyAdmin, in_batches, may, page
from recordings.choices import SEEN_CLOSES
from recordings.models import Account, Recording, Worker

MOST_ROWS = 100  # of each table; the lists have all
LONGEST_NOTE = 2_000
REFRESH, REFRESH_ELSE = 5, 30  # seconds between two looks, while something is being archived and else
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = 10**11  # seconds since the epoch; later than that is no moment


@dataclass(frozen=True, slots=True)
class Row:
    """A recording in one of the tables. `until`: when it leaves or left; `said`: why there is no copy yet."""

    recording: Any
    when: SafeString
    numbers: SafeString
    until: str | SafeString
    left: str
    said: str
    next_at: str | SafeString


@dataclass(frozen=True, slots=True)
class Progress:
    """What became of `asked` recordings since somebody asked for their archiving, `since` then.

    `delayed`: those that failed or could not be tried, and are tried again later. `left`: all others, which are
    neither archived nor waiting. The four are `asked` together.
    """

    asked: int
    archived: int
    waiting: int
    delayed: int
    left: int
    since: str

    @property
    def is_over(self) -> bool:
        """None waits for its turn."""
        return not self.waiting


class AtRiskMixin(ReadOnlyAdmin):
    """A mixin of the recording's admin: the page of recordings at risk and lost, its buttons, and *Seen*."""

    def has_seen_permission(self, request: HttpRequest) -> bool:
        """Return what the action asks for."""
        return may(request, "mark_seen")

    @page("at-risk/", name="at_risk", permission="recordings.view_recording")
    def at_risk_page(self, request: HttpRequest) -> HttpResponse:
        """Show both tables."""
        context = _context(request, timezone.now())
        return self.render(
            request, "admin/recordings/recording/at_risk.html", context, title=_("At risk and lost")
        )

    @page(
        "archive-at-risk/",
        name="archive_at_risk",
        permission="recordings.archive_recording",
        methods=WRITE,
    )
    def archive_at_risk(self, request: HttpRequest) -> HttpResponse:
        """Make the selected rows, or all, due at once for the worker to archive."""
        now = timezone.now()
        rows = _chosen(request, _at_risk(request, now).order_by("leaves_at"))
        asked = 0
        for batch in in_batches(rows, without=("provider_data",)):
            asked += Recording.objects.filter(pk__in=[row.pk for row in batch]).request_archive(now)
            self.log_each(request, batch, _("Asked for it to be archived."))
        level, words = _asked_words(asked, has_worker=Worker.objects.alive().exists())
        self.say_how_many(request, asked, words, level)
        query = {"since": int(now.timestamp()), "asked": asked} if asked else {}
        return HttpResponseRedirect(f"{self.to_page('at_risk')}?{urlencode(query)}")

    @page("mark-seen/", name="seen_lost", permission="recordings.mark_seen", methods=WRITE)
    def seen_lost(self, request: HttpRequest) -> HttpResponse:
        """Mark the selected lost recordings, or all, as reviewed."""
        now, accounts = timezone.now(), _accounts(request)
        visible = Recording.objects.visible_to(request.user)
        chosen = _chosen(request, visible if "all" not in request.POST else visible.lost(now, accounts))
        return self._mark(request, chosen, to=self.to_page("at_risk"))

    @page("<path:object_id>/seen/", name="seen", permission="recordings.mark_seen", methods=WRITE)
    def seen(self, request: HttpRequest, recording: Recording) -> HttpResponse:
        """Mark this recording as seen; return to its page, or to the overview if the button was there."""
        to = self.to_object(recording) if self.has_view_permission(request) else self.to_index()
        return self._mark(request, Recording.objects.filter(pk=recording.pk), to=to)

    @admin.action(description=gettext_lazy("Mark as reviewed"), permissions=["seen"])
    def mark_seen(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        """Mark each selected recording as reviewed."""
        self._mark(request, Recording.objects.filter(pk__in=queryset.values("pk")), to="")

    def _mark(self, request: HttpRequest, rows: QuerySet[Any], *, to: str) -> HttpResponseRedirect:
        note = request.POST.get("note", "").strip()[:LONGEST_NOTE]
        now, accounts, marked = timezone.now(), _accounts(request), 0
        for batch in in_batches(rows, without=("provider_data",)):
            chosen: Any = Recording.objects.filter(pk__in=[row.pk for row in batch])
            news = set(chosen.mark_seen(by=request.user, note=note, now=now, accounts=accounts))
            said = _("Marked as seen: %s") % note if note else _("Marked as seen.")
            self.log_each(request, [row for row in batch if row.pk in news], said)
            marked += len(news)
        words = ngettext("%d recording is marked as seen.", "%d recordings are marked as seen.", marked)
        self.say_how_many(request, marked, words)
        return HttpResponseRedirect(to)


def _accounts(request: HttpRequest) -> list[Account]:
    return list(Account.objects.visible_to(request.user).order_by("pk"))


def _at_risk(request: HttpRequest, now: datetime) -> QuerySet[Any]:
    days = {account.retention_days for account in _accounts(request)}
    rows: QuerySet[Any] = Recording.objects.visible_to(request.user).at_risk(
        now, overview.soon(), kept_days=days
    )
    return rows


def _chosen(request: HttpRequest, rows: QuerySet[Any]) -> QuerySet[Any]:
    """All of the rows, or the ticked ones among them."""
    if "all" in request.POST:
        return rows
    ticked = [
        pk for pk in request.POST.getlist("recording") if pk.isascii() and pk.isdigit() and len(pk) < 19
    ]
    return rows.filter(pk__in=ticked)


def _context(request: HttpRequest, now: datetime) -> dict[str, Any]:
    accounts = _accounts(request)
    visible = Recording.objects.visible_to(request.user).order_by()
    at_risk = _at_risk(request, now)
    lost = visible.lost(now, accounts)
    progress = _progress(request, visible, now)
    off = [account for account in accounts if not (account.is_active and account.archive_automatically)]
    return {
        "at_risk": overview.counted(at_risk.order_by().values_list("pk")),
        "days": overview.soon().days,
        "rows": [_row(row, now) for row in _shown(at_risk.order_by("leaves_at", "pk"))],
        "lost": overview.counted(lost.values_list("pk")),
        "lost_rows": [_row(row, now) for row in _shown(lost.order_by("-happened_at", "-pk"))],
        "before": overview.lost_before(now, accounts),
        "may_archive": may(request, "archive_recording"),
        "may_mark": may(request, "mark_seen"),
        "progress": progress,
        "every": REFRESH if progress is not None and not progress.is_over else REFRESH_ELSE,
        "no_worker": not Worker.objects.alive().exists(),
        "off": [formatting.plain(account) for account in off],
        "paused": [
            (formatting.plain(one), formatting.plain(one.archive_pause)) for one in accounts if one.archive_pause
        ],
        "list_at_risk": "?kept=at_risk",
    }  # fmt: skip


def _shown(rows: QuerySet[Any]) -> list[Any]:
    return list(
        rows.select_related("account", "call").defer("provider_data", "call__provider_data")[:MOST_ROWS]
    )


def _row(recording: Any, now: datetime) -> Row:
    gone = recording.gone_at_provider_at
    until = gone or recording.retention_ends_at
    left = _("Vobiz has it no more") if gone else columns.time_left(until, now)
    waits = recording.archive_next_at is not None and recording.archive_next_at > now
    return Row(
        recording, columns.day_and_time(recording.happened_at, now),
        columns.from_to_of(recording.call, recording.account),
        formatting.moment(until), left, formatting.plain(recording.archive_error or ""),
        formatting.moment(recording.archive_next_at) if waits else "",
    )  # fmt: skip


def _progress(request: HttpRequest, visible: Any, now: datetime) -> Progress | None:
    """Of what was asked for by the button that led here."""
    since, asked = request.GET.get("since", ""), request.GET.get("asked", "")
    if not (since.isascii() and since.isdigit() and asked.isascii() and asked.isdigit()):
        return None
    if int(since) > LATEST or len(asked) > len(str(LATEST)):
        return None
    at = EPOCH + timedelta(seconds=int(since))
    awaited = visible.filter(archived_at=None, gone_at_provider_at=None, archive_asked_at__gte=at)
    waiting = min(int(asked), awaited.due(now).count())
    delayed = min(int(asked) - waiting, awaited.filter(archive_next_at__gt=now).count())
    over = int(asked) - waiting - delayed
    archived = min(over, visible.filter(archived_at__gte=at).count())
    return Progress(int(asked), archived, waiting, delayed, over - archived, formatting.clock(at, now=now))


def _asked_words(asked: int, *, has_worker: bool) -> tuple[int, str]:
    """Message level and words, with a place for the number: nothing is archived yet, and maybe nobody is there to."""
    words = ngettext(
        "%d recording was asked for: it is archived next, ahead of its turn.",
        "%d recordings were asked for: they are archived next, ahead of their turn.",
        asked,
    )
    if has_worker:
        return messages.INFO, words
    cure = _("But no worker is running: start manage.py worker, or run manage.py archive_recordings.")
    return messages.WARNING, f"{words} {cure}"


def seen_context(request: HttpRequest, recording: Recording, now: datetime) -> dict[str, Any]:
    """For a recording's page: whether it is lost, who has seen it, and whether the reader may say so."""
    lost = Recording.objects.filter(pk=recording.pk).lost(now, [recording.account]).exists()
    closes = lost or recording.needs_attention in SEEN_CLOSES
    seen = ""
    if recording.seen_at is not None:
        seen = _("Seen by %(who)s") % {"who": formatting.words(recording.seen_by)}
    return {
        "is_lost": lost,
        "may_mark_seen": closes and may(request, "mark_seen"),
        "seen": seen,
        "seen_note": formatting.plain(recording.seen_note or ""),
    }
