"""What stands above an account's form: connection, callbacks, refused callbacks, sync."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Q, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from recordings.admin.base import may
from recordings.choices import Trust
from recordings.models import Account, CallbackEvent, Recording, SyncRun
from recordings.provider import callback_urls_possible, public_url

RECENT = timedelta(days=30)


def context(request: HttpRequest, account: Account, *, now: datetime) -> dict[str, Any]:
    """What the account's template shows; only what the reader may know."""
    shown: dict[str, Any] = {
        "account": account,
        "now": now,
        "may_test": may(request, "test_account"),
        "may_sync": may(request, "sync_now"),
        "may_process": may(request, "process_callbackevent"),
        "vobiz_can_call": callback_urls_possible(),
        "last_sync": SyncRun.objects.filter(account=account, complete=True).first(),
        "running_sync": SyncRun.objects.running().filter(account=account, lease_until__gte=now).first(),
    }
    if may(request, "change_account"):
        shown |= _address(account)
    if may(request, "view_callbackevent") or shown["may_process"]:
        shown |= {"refused_kept": CallbackEvent.objects.filter(account=account).refused().count()}
        shown |= {"refused_counted": _counted_only(account)}
    return shown


def _address(account: Account) -> dict[str, Any]:
    """Where call flows send their callbacks. The key in it is a secret, so only who may change the account sees it."""
    url = public_url(reverse("callbacks:account", args=[account.callback_key]))
    here = CallbackEvent.objects.filter(account=account, door="account").order_by("-received_at")
    return {
        "callback_url": url,
        "callback_xml": f'<Record callbackUrl="{url}" transcriptionUrl="{url}" />',
        "last_callback_here": here.values_list("received_at", flat=True).first(),
    }


def _counted_only(account: Account) -> int:
    """Refused callbacks beyond those kept, on the account's key and on its recordings'."""
    full = (
        CallbackEvent.objects.filter(account=account, recording__isnull=False).refused().values("recording")
    )
    on_recordings = Recording.objects.filter(pk__in=full).aggregate(total=Sum("refused_uncounted"))
    return account.refused_uncounted + (on_recordings["total"] or 0)


def signed_words(account: Account, now: datetime) -> str:
    """How many of the last 30 days' callbacks were signed: what decides whether to require it."""
    recent = CallbackEvent.objects.filter(account=account, received_at__gte=now - RECENT)
    counts = recent.aggregate(all=Count("pk"), signed=Count("pk", filter=Q(trust=Trust.SIGNED)))
    if not counts["all"]:
        return _("No callback came in the last 30 days.")
    return _("%(signed)d of the last 30 days' %(all)d callbacks were signed.") % counts
