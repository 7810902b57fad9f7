"""Panels above an account's form: connection, callbacks, rejected callbacks, sync, archive."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from recordings import overview, storage
from recordings.admin import formatting
from recordings.admin.base import may
from recordings.archive.trial import STEP_WORDS, Trial
from recordings.choices import Trust
from recordings.models import Account, CallbackEvent, Recording, SyncRun
from recordings.provider import callback_urls_possible, public_url

RECENT = timedelta(days=30)


def context(request: HttpRequest, account: Account, *, now: datetime) -> dict[str, Any]:
    """Return what the account's template shows; only what the reader may know."""
    known: dict[str, Any] = {
        "account": account,
        "now": now,
        "may_test": may(request, "test_account"),
        "may_sync": may(request, "sync_now"),
        "may_process": may(request, "process_callbackevent"),
        "vobiz_can_call": callback_urls_possible(),
        "last_sync": SyncRun.objects.complete().filter(account=account).first(),
        "running_sync": SyncRun.objects.running().filter(account=account, lease_until__gte=now).first(),
    }
    if may(request, "view_recording") and account.first_synced_at is not None:
        known["kept"] = _kept(account, now)
    if may(request, "test_storage"):
        known["archive_place"] = storage.label()
    if may(request, "change_account"):
        known |= _address(account)
    if may(request, "view_callbackevent") or known["may_process"]:
        known |= {"refused_kept": CallbackEvent.objects.filter(account=account).refused().count()}
        known |= {"refused_counted": account.refused_uncounted}
    return known


def _kept(account: Account, now: datetime) -> dict[str, Any]:
    """Return what the first complete sync found and what came since, and whether there is room for it."""
    held, (room, _error) = overview.holdings(account), overview.space()
    days = overview.soon()
    rows = Recording.objects.filter(account=account).order_by()
    return {
        "held": held,
        "size": formatting.file_size(held.bytes),
        "free": formatting.file_size(room.free) if room is not None else "",
        "at_risk": overview.counted(
            rows.at_risk(now, days, kept_days=[account.retention_days]).values_list("pk")
        ),
        "archiving": _archiving(account),
        "paused": account.is_active and account.archive_pause is not None,
        "days": days.days,
        "url": f"{reverse('admin:recordings_recording_changelist')}?kept=at_risk&account={account.pk}",
    }


def _archiving(account: Account) -> str | SafeString:
    if not account.is_active:
        return formatting.badge("off", _("not while the account is inactive"), role="attention")
    if account.archive_pause is not None:
        return formatting.badge("paused", _("stopped"), role="bad")
    if not account.archive_automatically:
        return formatting.badge("by_hand", _("only what somebody asks for"), role="attention")
    return formatting.badge("automatic", _("automatic"), role="good")


def _address(account: Account) -> dict[str, Any]:
    """Where call flows send their callbacks. The key in it is a secret, so only who may change the account sees it."""
    url = public_url(reverse("callbacks:account", args=[account.callback_key]))
    here = CallbackEvent.objects.filter(account=account, door="account").order_by("-received_at")
    return {
        "callback_url": url,
        "callback_xml": f'<Record callbackUrl="{url}" transcriptionUrl="{url}" />',
        "last_callback_here": here.values_list("received_at", flat=True).first(),
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


def signed_words(account: Account, now: datetime) -> str:
    """Return how many of the last 30 days' callbacks were signed: what decides whether to require it."""
    recent = CallbackEvent.objects.filter(account=account, received_at__gte=now - RECENT)
    counts = recent.aggregate(all=Count("pk"), signed=Count("pk", filter=Q(trust=Trust.SIGNED)))
    if not counts["all"]:
        return _("No callback came in the last 30 days.")
    return _("%(signed)d of the last 30 days' %(all)d callbacks were signed.") % counts
