"""What stops an account, with the link to its cure: one answer for every page and message."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.admin import formatting
from recordings.admin.base import may
from recordings.models import Account


@dataclass(frozen=True, slots=True)
class Cure:
    """What to press, and the page that it opens; no address for who may not open it."""

    verb: str
    url: str


def cure_of(request: HttpRequest, account: Account) -> Cure:
    """Return the account's page, at the field for the token where none is stored and the reader may fill it."""
    if not may(request, "view_account"):
        return Cure("", "")
    url = reverse("admin:recordings_account_change", args=[account.pk])
    if account.is_active and account.encrypted_token is None and may_enter_token(request):
        return Cure(_("Enter the token"), f"{url}#id_token")
    return Cure(_("Open the account"), url)


def may_enter_token(request: HttpRequest) -> bool:
    """Return whether the reader may fill the field for the token."""
    return may(request, "view_account") and may(request, "change_account") and may(request, "change_token")


def with_cure(request: HttpRequest, account: Account, words: str) -> str | SafeString:
    """Return the words of a message, with the link to the cure after them where the reader may open it."""
    cure = cure_of(request, account)
    return format_html('{} <a href="{}">{}</a>', words, cure.url, cure.verb) if cure.url else words


def stopped_words(request: HttpRequest, account: Account, n: int) -> str | SafeString:
    """Say that recordings are not archived, because archiving of their account is stopped, why, and the cure."""
    if not account.is_active:
        words = ngettext(
            "Not archived: %(account)s is inactive. %(n)s recording waits.",
            "Not archived: %(account)s is inactive. %(n)s recordings wait.",
            n,
        )
    elif account.encrypted_token is None:
        words = ngettext(
            "Not archived: no token is stored for %(account)s. %(n)s recording waits.",
            "Not archived: no token is stored for %(account)s. %(n)s recordings wait.",
            n,
        )
    else:
        words = ngettext(
            "Not archived yet: archiving of %(account)s is stopped. %(n)s recording waits. %(why)s",
            "Not archived yet: archiving of %(account)s is stopped. %(n)s recordings wait. %(why)s",
            n,
        )
    names = {"account": formatting.plain(account), "why": formatting.plain(account.archive_stop)}
    return with_cure(request, account, words % {"n": formatting.count(n), **names})
