"""What the admin's frame shows on every page, and how templates show text from outside."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django import template
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from recordings.admin import formatting, reader, shell
from recordings.admin.change_list import Link
from recordings.admin.dashboard import dashboard_context
from recordings.admin.reader import zone_label
from recordings.models import Account, Worker
from recordings.overview import Counted
from recordings.provider import callback_urls_possible
from recordings.roles import ROLES
from recordings.signin.redirects import way_back
from recordings.signin.sessions import is_background

register = template.Library()
register.filter("moment", formatting.moment)
register.filter("plain", formatting.plain)
MOST_NAMED = 5


@register.simple_tag
def portal_version() -> str:
    """Return the version of the portal, as pyproject.toml names it."""
    return str(settings.VERSION)


@register.filter
def figures(number: int | Counted) -> str:
    """Return a number, grouped as the reader's language has it; `+` where there are more than were counted."""
    if isinstance(number, Counted):
        return formatting.count(number.n) + ("+" if number.more else "")
    return formatting.count(number)


@register.filter
def clock_length(milliseconds: int) -> str:
    """Return `10:08`."""
    return formatting.length(milliseconds / 1_000)


BROWSERS = {"Edg": "Edge", "OPR": "Opera", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
SYSTEMS = {
    "Android": "Android", "iPhone": "iPhone", "iPad": "iPad", "Windows": "Windows", "Mac OS": "macOS", "Linux": "Linux",
}  # fmt: skip


@register.filter
def browser_name(user_agent: str) -> str:
    """Return `Firefox, Windows` of what a browser says it is; `Unknown browser` where it says nothing known."""
    found = [
        next((name for mark, name in marks.items() if mark in user_agent), "")
        for marks in (BROWSERS, SYSTEMS)
    ]
    return ", ".join(filter(None, found)) or _("Unknown browser")


@register.simple_tag
def reader_zone_name() -> str:
    """Return the zone of every time on the page: `Asia/Kolkata (IST)`."""
    return zone_label(timezone.get_current_timezone(), timezone.now())


@register.simple_tag
def idempotency_key() -> str:
    """Return a key for one form that starts a recording: sent twice, it starts one."""
    return str(uuid4())


@register.simple_tag
def vobiz_cannot_call() -> bool:
    """Return whether Vobiz has no way to call this portal."""
    return not callback_urls_possible()


@register.simple_tag
def is_sample_data() -> bool:
    """Return whether the portal talks to a Vobiz on this machine, so that no call and no recording is a real one."""
    return urlsplit(settings.VOBIZ_API_URL).hostname in {"127.0.0.1", "localhost", "::1"}


@register.simple_tag(takes_context=True)
def portal_shell(context: dict[str, Any]) -> dict[str, Any] | None:
    """Return the frame of the page; None where nobody is signed in who may open any."""
    request = context.get("request")
    return None if request is None else shell.shell(request, context.get("cl"))


@register.simple_tag(takes_context=True)
def back_link(context: dict[str, Any]) -> Link | None:
    """Return where one step up from this page leads."""
    request = context.get("request")
    return None if request is None else shell.back(request, context)


@register.simple_tag(takes_context=True)
def overview_context(context: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the overview shows; None for somebody who sees no account, or has no role to see anything of one."""
    return _overview(context["request"])


@reader.found_once
def _overview(request: HttpRequest) -> dict[str, Any] | None:
    if not any(name.startswith("recordings.view_") for name in request.user.get_all_permissions()):
        return None
    found = dashboard_context(request, timezone.now())
    return found if found["look"].accounts else None


@register.inclusion_tag("admin/recordings/includes/icon.html")
def icon(name: str, tone: str = "") -> dict[str, str]:
    """Show an icon of the sprite, which says nothing to those who hear the page."""
    return {"name": name, "tone": tone}


@register.simple_tag(takes_context=True)
def shown_account(context: dict[str, Any]) -> Account | None:
    """Return the account that every page is narrowed to; None for all accounts."""
    return reader.chosen_account(context["request"])


@register.simple_tag(takes_context=True)
def here(context: dict[str, Any]) -> str:
    """Return the address that leads back to this page."""
    return way_back(context["request"])


@register.inclusion_tag("admin/recordings/includes/refresh.html", takes_context=True)
def refresh(context: dict[str, Any], every: int | None) -> dict[str, Any]:
    """Say when the page was read, and have it read again `every` so many seconds; None where it changes no more.

    What a POST answered is not to be had by asking again.
    """
    request = context["request"]
    every = every if request.method in {"GET", "HEAD"} else None
    return {
        "every": every,
        "said_at": timezone.now(),
        "here": request.get_full_path(),
        "is_scripted": every is not None and not is_background(request),
    }


@register.inclusion_tag("admin/recordings/includes/first_steps.html", takes_context=True)
def first_steps(context: dict[str, Any]) -> dict[str, Any]:
    """Return what the reader can do first: connect an account, ask somebody for one, or open the live calls."""
    user = context["request"].user
    sees_accounts = Account.objects.visible_to(user).exists()
    may_connect = user.has_perms(["recordings.add_account", "recordings.change_token"])
    asks = not sees_accounts and not may_connect
    return {
        "sees_accounts": sees_accounts,
        "may_connect": may_connect,
        "has_worker": Worker.objects.alive().exists(),
        "may_see_live": user.has_perm("recordings.view_live_calls"),
        "has_no_role": not user.is_superuser and not user.get_all_permissions(),
        "roles": [role.label for role in ROLES],
        "request": context["request"],
        "perms": context["perms"],
        "to_ask": _whom_to_ask() if asks or not user.get_all_permissions() else [],
    }


def _whom_to_ask() -> list[str]:
    """Those who give accounts and roles."""
    found = User.objects.filter(is_active=True, is_superuser=True).order_by("pk")[:MOST_NAMED]
    return [user.get_full_name() or user.get_username() for user in found]
