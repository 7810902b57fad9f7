"""What stops an account, with the link to its cure: one answer for every page and message."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

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
        return Cure(_("Enter the token"), f"{url}#token")
    return Cure(_("Open the account"), url)


def may_enter_token(request: HttpRequest) -> bool:
    """Return whether the reader may fill the field for the token."""
    return may(request, "view_account") and may(request, "change_account") and may(request, "change_token")


def with_cure(request: HttpRequest, account: Account, words: str) -> str | SafeString:
    """Return the words of a message, with the link to the cure after them where the reader may open it."""
    cure = cure_of(request, account)
    return format_html('{} <a href="{}">{}</a>', words, cure.url, cure.verb) if cure.url else words
