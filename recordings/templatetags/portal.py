"""What the admin's frame shows on every page, and how templates show text from outside."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy

from recordings.admin import shown
from recordings.admin.zones import reader_zone, zone_label
from recordings.models import Account
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
    (gettext_lazy("Accounts"), "account_changelist", "view_account"),
)


@register.filter
def plain(text: object) -> str:
    """Text with its invisible marks made visible; the template escapes it."""
    return shown.plain(text)


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
