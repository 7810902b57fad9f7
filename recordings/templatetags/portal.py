"""What the admin's frame shows on every page, and how templates show text from outside."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from recordings import overview
from recordings.admin import shown
from recordings.admin.whose import accounts_seen
from recordings.admin.zones import reader_zone, zone_label
from recordings.models import Account
from recordings.overview import Counted
from recordings.provider import callback_urls_possible

register = template.Library()
MOST_NAMED = 5
PLACES = (
    (gettext_lazy("Live calls"), "call_live", "view_live_calls"),
    (gettext_lazy("Recordings"), "recording_changelist", "view_recording"),
    (gettext_lazy("Calls"), "call_changelist", "view_call"),
    (gettext_lazy("Transcriptions"), "transcription_changelist", "view_transcription"),
    (gettext_lazy("Callback events"), "callbackevent_changelist", "view_callbackevent"),
    (gettext_lazy("Sync runs"), "syncrun_changelist", "view_syncrun"),
    (gettext_lazy("Access log"), "accessevent_changelist", "view_accessevent"),
    (gettext_lazy("Accounts"), "account_changelist", "view_account"),
)


@register.filter
def plain(text: object) -> str:
    """Text with its invisible marks made visible; the template escapes it."""
    return shown.plain(text)


@register.filter
def figures(number: int | Counted) -> str:
    """A number, grouped as the reader's language has it; `+` where there are more than were counted."""
    if isinstance(number, Counted):
        return shown.count(number.n) + ("+" if number.more else "")
    return shown.count(number)


@register.filter
def moment(at: Any) -> str:
    """An instant in the reader's zone, in UTC on hover."""
    return shown.moment(at)


@register.simple_tag(takes_context=True)
def reader_zone_name(context: dict[str, Any]) -> str:
    """The zone of every time on the page: `Asia/Kolkata (IST)`."""
    return zone_label(reader_zone(context["request"]), timezone.now())


@register.simple_tag
def vobiz_cannot_call() -> bool:
    """Whether Vobiz has no way to call this portal."""
    return not callback_urls_possible()


@register.inclusion_tag("admin/recordings/includes/nav.html", takes_context=True)
def portal_nav(context: dict[str, Any]) -> dict[str, Any]:
    """The pages that this reader may open, and which of them this is."""
    request = context["request"]
    places = []
    for label, name, permission in PLACES:
        if request.user.has_perm(f"recordings.{permission}"):
            url = reverse(f"admin:recordings_{name}")
            places.append({"label": label, "url": url, "at": request.path.startswith(url)})
    nearest = max((place["url"] for place in places if place["at"]), key=len, default=None)
    return {"places": [{**place, "is_current": place["url"] == nearest} for place in places]}


@register.inclusion_tag("admin/recordings/includes/at_risk_number.html", takes_context=True)
def at_risk_number(context: dict[str, Any]) -> dict[str, Any]:
    """How many recordings may soon be lost, on every page, for those who see recordings; the goal is none."""
    request = context["request"]
    user = request.user
    found = None
    if user.is_active and user.is_staff and user.has_perm("recordings.view_recording"):
        kept_days = {account.retention_days for account in accounts_seen(request)}
        found = overview.at_risk_now(user, timezone.now(), kept_days=kept_days)
    return {"at_risk": found, "days": overview.soon().days}


@register.inclusion_tag("admin/recordings/includes/first_steps.html", takes_context=True)
def first_steps(context: dict[str, Any]) -> dict[str, Any]:
    """What the reader can do first: connect an account, ask somebody for one, or open the live calls."""
    user = context["request"].user
    sees_accounts = Account.objects.visible_to(user).exists()
    may_connect = user.has_perms(["recordings.add_account", "recordings.change_token"])
    asks = not sees_accounts and not may_connect
    return {
        "sees_accounts": sees_accounts,
        "may_connect": may_connect,
        "may_see_live": user.has_perm("recordings.view_live_calls"),
        "has_no_role": not user.is_superuser and not user.get_all_permissions(),
        "to_ask": _whom_to_ask() if asks or not user.get_all_permissions() else [],
    }


def _whom_to_ask() -> list[str]:
    """Those who give accounts and roles."""
    found = User.objects.filter(is_active=True, is_superuser=True).order_by("pk")[:MOST_NAMED]
    return [user.get_full_name() or user.get_username() for user in found]
