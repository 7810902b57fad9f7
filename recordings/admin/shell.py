"""The frame of every page: navigation with counts, the account switch, one line of health, the back link."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.cache import caches
from django.db.models import Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_http_methods, require_safe

from recordings import live, overview
from recordings.admin import formatting, list_page
from recordings.admin.attention import STALE_SYNC
from recordings.admin.change_list import Link
from recordings.admin.reader import all_accounts, chosen_account, in_frame
from recordings.choices import CallState
from recordings.models import Account, Call, CallbackEvent, Preference, Recording, SyncRun, Worker
from recordings.models.account import remember_accounts
from recordings.signin.redirects import next_page

COUNTS_HOLD = 30  # seconds
MOST_COUNTED = 999
MOST_IN_MENU = 20
# Pages whose rows are narrowed to the chosen account; a page of one object shows it whatever was chosen.
NARROWED = ("index", "_changelist", "_live", "_at_risk", "_export_csv", "_archive_at_risk", "_seen_lost")
STARTING = ("recordings_call_record", "recordings_call_record_selected", "recordings_call_stop_all")
WHOLE = ("recordings_account_changelist",)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the navigation. `permission` is what its page asks for; `tone` colours its count."""

    label: Any
    icon: str
    url_name: str
    permission: str
    tone: str = ""
    counts: str = ""
    url: str = ""
    count: str = ""
    is_current: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """Lines under one heading."""

    key: str
    label: Any
    entries: tuple[Entry, ...]


GROUPS = (
    Group("", "", (Entry(gettext_lazy("Overview"), "layout-dashboard", "index", ""),)),
    Group("calls", gettext_lazy("Calls"), (
        Entry(gettext_lazy("Live calls"), "phone", "recordings_call_live", "recordings.view_live_calls", counts="live"),
        Entry(gettext_lazy("Call history"), "history", "recordings_call_changelist", "recordings.view_call"),
    )),
    Group("recordings", gettext_lazy("Recordings"), (
        Entry(
            gettext_lazy("Recordings"), "audio-lines", "recordings_recording_changelist", "recordings.view_recording"
        ),
        Entry(
            gettext_lazy("Transcripts"), "captions", "recordings_transcription_changelist",
            "recordings.view_transcription",
        ),
        Entry(
            gettext_lazy("At risk"), "hourglass", "recordings_recording_at_risk", "recordings.view_recording",
            tone="attn", counts="at_risk",
        ),
    )),
    Group("health", gettext_lazy("Health"), (
        Entry(
            gettext_lazy("Callbacks"), "webhook", "recordings_callbackevent_changelist",
            "recordings.view_callbackevent", tone="bad", counts="callbacks",
        ),
        Entry(gettext_lazy("Syncs"), "refresh-cw", "recordings_syncrun_changelist", "recordings.view_syncrun"),
    )),
    Group("settings", gettext_lazy("Settings"), (
        Entry(gettext_lazy("Accounts"), "building-2", "recordings_account_changelist", "recordings.view_account"),
        Entry(gettext_lazy("Users and roles"), "users", "auth_user_changelist", "auth.view_user"),
        Entry(
            gettext_lazy("Access log"), "shield-check", "recordings_accessevent_changelist",
            "recordings.view_accessevent",
        ),
    )),
)  # fmt: skip
ENTRIES = tuple(entry for group in GROUPS for entry in group.entries)


class CountRows(Subquery):
    """How many rows a query has; give it a slice, and it counts no further."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) counted)"
    output_field = IntegerField()


class NarrowedAccounts:
    """Middleware: on pages with rows of several accounts, the reader sees those of the account they chose."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_args: Any) -> None:
        """Set `user.account_ids` and, on list pages, `user.narrowed_to`; `visible_to` reads both."""
        match = request.resolver_match
        name = (match.url_name or "") if match is not None and match.app_name == "admin" else ""
        if name and request.user.is_active and request.user.is_staff and not request.user.is_superuser:
            remember_accounts(request.user)
        if name in WHOLE or not name.endswith(NARROWED) or not request.user.is_authenticated:
            return
        chosen = chosen_account(request)
        if chosen is not None:
            user: Any = request.user
            user.narrowed_to = chosen.pk


def shell(request: HttpRequest, cl: Any = None) -> dict[str, Any] | None:
    """Return what the frame shows one reader on a page, or on a list with its views; None if they may open no page.

    `accounts_fit`: into a menu; else they are a page. `health`: the line at the foot of the navigation.
    """
    user: Any = getattr(request, "user", None)
    if user is None or not (user.is_active and user.is_staff):
        return None
    accounts = all_accounts(request)
    may_search = user.has_perm("recordings.view_recording")
    found = _counts(request, cl)
    return {
        "groups": _groups(request, found),
        "accounts": accounts if len(accounts) > 1 else [],
        "accounts_fit": len(accounts) <= MOST_IN_MENU,
        "chosen": chosen_account(request),
        "health": _health(found, timezone.now()) if accounts else None,
        "search_url": reverse("admin:recordings_recording_changelist") if may_search else "",
    }


def _groups(request: HttpRequest, found: dict[str, Any]) -> tuple[Group, ...]:
    user: Any = request.user
    mine = [entry for entry in ENTRIES if not entry.permission or user.has_perm(entry.permission)]
    urls = {entry.url_name: reverse(f"admin:{entry.url_name}") for entry in mine}
    nearest = max((url for url in urls.values() if request.path.startswith(url)), key=len, default=None)
    if _is_opened_from_live_calls(request):
        nearest = reverse("admin:recordings_call_live")
    if request.path.startswith(reverse("admin:auth_group_changelist")):
        nearest = reverse("admin:auth_user_changelist")
    index = reverse("admin:index")
    if nearest == index and request.path != index:
        nearest = None

    def shown(entry: Entry) -> Entry:
        url = urls[entry.url_name]
        count = _count_words(found.get(entry.counts))
        return replace(entry, url=url, count=count, is_current=url == nearest)

    groups = (
        replace(one, entries=tuple(shown(e) for e in one.entries if e.url_name in urls)) for one in GROUPS
    )
    return tuple(group for group in groups if group.entries)


def _count_words(n: int | None) -> str:
    if not n:
        return ""
    return f"{MOST_COUNTED}+" if n > MOST_COUNTED else str(n)


def _counts(request: HttpRequest, cl: Any) -> dict[str, Any]:
    """Return the numbers of the navigation, the health line and a list's views: one statement, COUNTS_HOLD seconds old.

    The numbers of the views are kept on the request, where the list looks for them.
    """
    user: Any = request.user
    chosen = chosen_account(request)
    views = list(list_page.view_queries(cl, request)) if cl is not None else []
    of_views = hashlib.sha256(" ".join(views).encode()).hexdigest() if views else ""
    key = f"shell-counts-{user.pk}-{chosen.pk if chosen else ''}-{of_views}"
    cache = caches["process"]
    held: dict[str, Any] | None = cache.get(key)
    if held is None:
        of_lists = {}
        for n, query in enumerate(views):
            if (rows := cl.model_admin.listed(request, query, is_counted=True)) is not None:
                of_lists[f"view_{n}"] = _number(rows)
        asked = User.objects.filter(pk=user.pk).values(**_columns(request, chosen), **of_lists)
        held = dict(asked.first() or {})
        cache.set(key, held, COUNTS_HOLD)
    words = {query: _count_words(held.get(f"view_{n}")) for n, query in enumerate(views)}
    request.view_counts = words  # type: ignore[attr-defined]
    return held


def _number(rows: QuerySet[Any]) -> CountRows:
    return CountRows(rows.order_by().values("pk")[: MOST_COUNTED + 1])


def _columns(request: HttpRequest, chosen: Account | None) -> dict[str, Any]:
    user: Any = request.user
    now = timezone.now()

    def mine(model: Any) -> QuerySet[Any]:
        rows: QuerySet[Any] = model.objects.visible_to(user).order_by()
        return rows if chosen is None else rows.filter(account=chosen.pk)

    whole: Any = SyncRun.objects.filter(account=OuterRef("pk")).complete()
    latest = Subquery(whole.order_by("-started_at").values("started_at")[:1])
    accounts: Any = Account.objects.visible_to(user).filter(is_active=True).order_by()
    active = (accounts if chosen is None else accounts.filter(pk=chosen.pk)).annotate(synced_at=latest)
    in_sync = active.filter(
        encrypted_token__isnull=False, api_down_since=None, synced_at__gte=now - STALE_SYNC
    )
    columns: dict[str, Any] = {
        "has_worker": Exists(Worker.objects.alive()),
        "active": _number(active),
        "in_sync": _number(in_sync),
        "synced_at": Subquery(in_sync.order_by("synced_at").values("synced_at")[:1]),
        "was_synced": Exists(active.filter(synced_at__isnull=False)),
    }
    if user.has_perm("recordings.view_live_calls"):
        fresh = active.filter(live_refreshed_at__gte=now - live.STALE_AFTER)
        columns["live"] = _number(mine(Call).filter(state=CallState.LIVE, account__in=fresh.values("pk")))
    if user.has_perm("recordings.view_recording"):
        kept_days = {one.retention_days for one in all_accounts(request) if chosen in (None, one)}
        rows: Any = mine(Recording)
        columns["at_risk"] = _number(rows.at_risk(now, overview.soon(), kept_days=kept_days))
    if user.has_perm("recordings.view_callbackevent"):
        events: Any = mine(CallbackEvent)
        columns["callbacks"] = _number(events.without_effect())
    return columns


def _health(found: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Say how the worst of the accounts stands: since when all are synced, or how many are."""
    in_sync, active = found.get("in_sync") or 0, found.get("active") or 0
    has_worker = bool(found.get("has_worker"))
    is_whole = active > 0 and in_sync == active
    if is_whole:
        synced = _("Synced %s") % formatting.ago(found["synced_at"], now)
    elif not found.get("was_synced"):
        synced = _("Not synced yet")
    else:
        synced = ngettext("%(n)s of %(all)s account in sync", "%(n)s of %(all)s accounts in sync", active) % {
            "n": in_sync, "all": active,
        }  # fmt: skip
    worker = _("worker running") if has_worker else _("no worker running")
    return {"is_good": has_worker and is_whole, "words": f"{synced} · {worker}"}


def back(request: HttpRequest, context: dict[str, Any]) -> Link | None:
    """Return one step up from a page: from an object's other pages to the object, from there to its list."""
    match = request.resolver_match
    entries = {reverse(f"admin:{entry.url_name}"): entry for entry in ENTRIES}
    if match is None or match.app_name != "admin" or request.path in entries:
        return None
    opts: Any = context.get("opts")
    if opts is None:
        return None
    if _is_opened_from_live_calls(request):
        return Link(str(_("Live calls")), reverse("admin:recordings_call_live"))
    key = match.kwargs.get("object_id")
    name = f"admin:{opts.app_label}_{opts.model_name}"
    if key is not None and not (match.url_name or "").endswith("_change"):
        return Link(str(capfirst(opts.verbose_name)), reverse(f"{name}_change", args=[key]))
    url = reverse(f"{name}_changelist")
    if url == request.path:
        return None
    entry = entries.get(url)
    if entry is not None and entry.permission and not request.user.has_perm(entry.permission):
        return Link(str(_("Overview")), reverse("admin:index"))
    label = entry.label if entry is not None else capfirst(opts.verbose_name_plural)
    kept = request.GET.get("_changelist_filters", "")
    return Link(str(label), f"{url}?{kept}" if kept else url)


def _is_opened_from_live_calls(request: HttpRequest) -> bool:
    """Return whether this is a form that the live calls lead to, and not the call's own page."""
    match, user = request.resolver_match, request.user
    given = request.POST if request.method == "POST" else request.GET
    return (
        match is not None
        and match.url_name in STARTING
        and given.get("back") != "call"
        and user.has_perm("recordings.view_live_calls")
    )


@require_http_methods(["GET", "HEAD", "POST"])
def choose_account(request: HttpRequest) -> HttpResponse:
    """Ask which account to narrow the portal to, or all of them; on POST remember it for this reader."""
    if request.method == "POST":
        value = request.POST.get("account", "")
        account = next((one for one in all_accounts(request) if str(one.pk) == value), None)
        user: Any = request.user
        Preference.objects.choose_account(user, account)
        return HttpResponseRedirect(next_page(request, request.POST.get("next", "")))
    context = {"next": request.GET.get("next", "")}
    return in_frame(request, "admin/recordings/account_switch.html", context, title=_("Account"))


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Show what the words mean and what the keys do."""
    return in_frame(request, "admin/recordings/help.html", {}, title=_("Help"))
