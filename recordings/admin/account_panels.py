"""What an account's page shows around its form: how things stand, first steps, callback address, storage."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from recordings import overview, storage
from recordings.admin import formatting
from recordings.admin.attention import STALE_SYNC, listed
from recordings.admin.base import Fact, may
from recordings.archive.trial import STEP_WORDS, Trial
from recordings.choices import SyncState, Trust
from recordings.models import Account, CallbackEvent, Recording, SyncRun, Worker
from recordings.provider import public_url

RECENT = timedelta(days=30)
MOST_LOOKED_AT = 1_000  # callbacks, of which the signed ones are counted
NEW_FOR = timedelta(days=1)  # so long the page shows the first steps with an account
FIRST_SYNC_REFRESH = 3  # seconds between two looks at the first sync
CALLBACKS_WORDS = gettext_lazy(
    "For recordings that a call flow starts, add this address to the flow. Recordings started in the portal need "
    "nothing."
)


def context(request: HttpRequest, account: Account, *, now: datetime) -> dict[str, Any]:
    """Return what the account's template shows; only what the reader may know."""
    runs = SyncRun.objects.filter(account=account)
    # what runs is asked for first: a sync that ends meanwhile is then found as complete
    known: dict[str, Any] = {
        "account": account,
        "subaccounts": Account.objects.visible_to(request.user).filter(parent=account).count(),
        "members": account.members.count(),
        "running_sync": runs.running().filter(lease_until__gte=now).first(),
        "last_sync": runs.complete().first(),
        "newest_sync": runs.unfiltered().first(),
    }
    typed = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Account), object_id=str(account.pk)
    )
    known["last_change"] = typed.filter(change_message__startswith="[{").select_related("user").first()
    known["is_new"] = account.first_synced_at is None or now - account.created_at < NEW_FOR
    waits = known["last_sync"] is None and (known["running_sync"] or known["newest_sync"] is None)
    known["every"] = FIRST_SYNC_REFRESH if known["is_new"] and account.is_active and waits else None
    if may(request, "test_storage"):
        known["archive_place"] = storage.archive().label
    if may(request, "change_account"):
        known |= _address(account)
    if may(request, "view_callbackevent") or may(request, "process_callbackevent"):
        known["rejected_kept"] = overview.counted(
            CallbackEvent.objects.filter(account=account).refused().values_list("pk")
        )
        known["rejected_counted"] = account.refused_uncounted
    if known["is_new"]:
        known["steps"] = _steps(request, account, known)
        known["has_worker"] = Worker.objects.alive().exists()
    known["strip"] = [*_strip(request, account, known, now)]
    return known


def _strip(request: HttpRequest, account: Account, known: dict[str, Any], now: datetime) -> Iterator[Fact]:
    """Return the facts above the form: a badge or a number, a line that says more, and where it leads."""
    yield _connection(account, known["last_sync"], now)
    yield _sync(account, known, now, may_open=may(request, "view_syncrun"))
    if may(request, "view_callbackevent"):
        yield _callbacks(account, known["rejected_kept"], now)
    if not may(request, "view_recording"):
        return
    if account.first_synced_at is None:
        yield Fact(_("Archive"), _archiving(account))
        return
    held, (room, _error) = overview.holdings(account), overview.space()
    free = _(", %s free") % formatting.file_size(room.free) if room is not None else ""
    size = formatting.file_size(held.bytes)
    size = _("about %s") % size if held.guessed or held.without_length else size
    size = f"{formatting.count(held.recordings)} · {size}{free}"
    yield Fact(_("Archive"), _archiving(account), size)
    days = overview.soon()
    rows = Recording.objects.filter(account=account).order_by()
    at_risk = rows.at_risk(now, days, kept_days=[account.retention_days]).values_list("pk")
    yield Fact(
        _("At risk"),
        str(overview.counted(at_risk)),
        ngettext("next %d day", "next %d days", days.days) % days.days,
        url=listed("recording", kept="at_risk", account=account.pk),
    )


def _steps(request: HttpRequest, account: Account, known: dict[str, Any]) -> dict[str, str]:
    """Return of each first step whether it is done, and which is next."""
    user: Any = request.user
    is_done = {
        "connect": account.token_ending is not None and not account.live_error,
        "sync": known["last_sync"] is not None,
        "record": Recording.objects.filter(account=account, requested_at__isnull=False).exists(),
        "callbacks": CallbackEvent.objects.filter(account=account).exists(),
        "team": account.members.exclude(pk=user.pk).exists(),
    }
    now = next((step for step, done in is_done.items() if not done), "")
    return {step: "done" if done else "now" if step == now else "" for step, done in is_done.items()}


def _connection(account: Account, last_sync: SyncRun | None, now: datetime) -> Fact:
    """Return whether Vobiz answered when it was last asked: for the live calls, or by a sync."""
    label = _("Connection")
    if account.token_ending is None:
        return Fact(label, formatting.badge("token", _("No token"), role="bad"))
    if account.live_error:
        return Fact(
            label, formatting.badge("error", _("Failed"), role="bad"), formatting.plain(account.live_error)
        )
    synced_at = last_sync.ended_at if last_sync is not None else None
    answered = [at for at in (account.live_refreshed_at, synced_at) if at is not None]
    if not answered:
        return Fact(label, formatting.badge("new", _("Not used yet"), role="quiet"))
    hint = _("checked %s") % formatting.ago(max(answered), now)
    return Fact(label, formatting.badge("on", _("Connected"), role="good"), hint)


def _sync(account: Account, known: dict[str, Any], now: datetime, *, may_open: bool) -> Fact:
    """Return how the newest sync went, and when the last complete one was."""
    label, newest, last = _("Sync"), known["newest_sync"], known["last_sync"]
    since = _("complete %s") % formatting.ago(last.started_at, now) if last is not None else ""
    if (running := known["running_sync"]) is not None:
        url = reverse("admin:recordings_syncrun_change", args=[running.pk]) if may_open else ""
        return Fact(label, formatting.badge(SyncState.RUNNING, _("Running")), since, url=url)
    if account.cannot_sync:
        word = _("Stopped") if account.is_active else _("Inactive")
        return Fact(label, formatting.badge("off", word, role="bad" if account.is_active else "quiet"), since)
    if newest is None:
        return Fact(label, formatting.badge("new", _("Not synced yet"), role="quiet"))
    url = reverse("admin:recordings_syncrun_change", args=[newest.pk]) if may_open else ""
    if not newest.complete:
        return Fact(label, formatting.badge(newest.state, newest.get_state_display()), since, url=url)
    if now - newest.started_at > STALE_SYNC:
        return Fact(label, formatting.badge("old", _("Out of date"), role="attention"), since, url=url)
    words = formatting.badge(newest.state, _("Up to date"))
    return Fact(label, words, formatting.ago(newest.started_at, now), url=url)


def _callbacks(account: Account, rejected: overview.Counted, now: datetime) -> Fact:
    """Return whether callbacks come, and whether they are signed."""
    label = _("Callbacks")
    if rejected:
        words = formatting.badge("refused", _("%s rejected") % rejected, role="bad")
        return Fact(label, words, url="#rejected")
    signed, received = signing(account, now)
    if not received:
        return Fact(label, formatting.badge("none", _("None received"), role="quiet"), _("in 30 days"))
    is_whole = signed == received
    words = formatting.badge("signed", _("Signed"), role="good") if is_whole else (
        formatting.badge("unsigned", _("Not all signed"), role="attention")
    )  # fmt: skip
    counts = {"signed": formatting.count(signed), "all": formatting.count(received)}
    return Fact(label, words, _("%(signed)s of the last %(all)s") % counts)


def _archiving(account: Account) -> str | SafeString:
    if not account.is_active:
        return formatting.badge("off", _("Inactive"), role="attention")
    if account.archive_pause is not None:
        return formatting.badge("paused", _("Stopped"), role="bad")
    if not account.archive_automatically:
        return formatting.badge("by_hand", _("On request only"), role="attention")
    return formatting.badge("automatic", _("Automatic"), role="good")


def _address(account: Account) -> dict[str, Any]:
    """Where call flows send their callbacks. The key in it is a secret, so only who may change the account sees it."""
    url = public_url(reverse("callbacks:account", args=[account.callback_key]))
    events = CallbackEvent.objects.filter(account=account).order_by("-received_at")
    newest = events.values_list("received_at", flat=True)
    return {
        "callback_url": url,
        "callback_xml": f'<Record callbackUrl="{url}" transcriptionUrl="{url}" />',
        "last_callback": newest.first(),
        "last_callback_here": newest.filter(door="account").first(),
    }


def trial_words(tried: Trial) -> str:
    """Return which step of a trial of the archive's storage failed, why, and what to do."""
    words = _("%(place)s cannot keep recordings. It failed at “%(step)s”: %(why)s %(cure)s") % {
        "place": formatting.plain(tried.place),
        "step": STEP_WORDS[tried.failed] if tried.failed else "",
        "why": tried.why,
        "cure": tried.cure,
    }
    left = _("The file %s may still be there: delete it.") % tried.left if tried.left else ""
    return " ".join(part for part in (words, left) if part)


def signing(account: Account, now: datetime) -> tuple[int, int]:
    """Return how many of the newest callbacks of the last 30 days were signed, and of how many."""
    recent = CallbackEvent.objects.filter(account=account, received_at__gte=now - RECENT)
    newest = recent.order_by("-received_at")[:MOST_LOOKED_AT]
    counts = newest.aggregate(all=Count("pk"), signed=Count("pk", filter=Q(trust=Trust.SIGNED)))
    return counts["signed"], counts["all"]


def signed_words(account: Account, now: datetime) -> str:
    """Return how many of the newest callbacks were signed: what decides whether to require it."""
    signed, received = signing(account, now)
    if not received:
        return _("No callbacks received in the last 30 days.")
    counts = {"signed": formatting.count(signed), "all": formatting.count(received)}
    if signed == received:
        return ngettext(
            "The last callback was signed.", "All of the last %(all)s callbacks were signed.", received
        ) % counts  # fmt: skip
    return _("%(signed)s of the last %(all)s callbacks were signed.") % counts
