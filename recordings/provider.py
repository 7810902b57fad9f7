"""Where accounts and settings meet the Vobiz client, and where its errors become words with the cure."""

from __future__ import annotations

from datetime import UTC
from math import ceil
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.models import Account
from recordings.vobiz.addresses import is_loopback
from recordings.vobiz.client import BACKGROUND, Credentials, RetryPolicy, VobizClient
from recordings.vobiz.errors import (
    AuthenticationError,
    NotConnectedError,
    PaymentRequiredError,
    RateLimitError,
    UnreachableError,
    VobizError,
)


def client_for(account: Account, *, retry_policy: RetryPolicy = BACKGROUND) -> VobizClient:
    """Return a client with the account's credentials; raise NotConnectedError where they cannot be used."""
    if not account.is_active:
        raise NotConnectedError(_("%s is inactive. Make it active on its page.") % account.auth_id)
    return client_with(Credentials(account.auth_id, account.token), account, retry_policy=retry_policy)


def client_with(
    credentials: Credentials, account: Account | None = None, *, retry_policy: RetryPolicy = BACKGROUND
) -> VobizClient:
    """Return a client with credentials that are not stored, or not yet."""
    if retry_policy is BACKGROUND:
        retry_policy = RetryPolicy(BACKGROUND.tries, settings.VOBIZ_TOTAL_TIMEOUT, BACKGROUND.backoff)
    return VobizClient(
        credentials,
        api_url=settings.VOBIZ_API_URL,
        media_hosts=settings.VOBIZ_MEDIA_HOSTS,
        local=settings.LOCAL_MODE,
        connect_timeout=settings.VOBIZ_CONNECT_TIMEOUT,
        read_timeout=settings.VOBIZ_READ_TIMEOUT,
        retry_policy=retry_policy,
        zone=account.zone if account is not None else UTC,
    )


def public_url(path: str) -> str:
    """Return `path` under PORTAL_URL. Addresses for Vobiz are never built from a request's Host."""
    return f"{settings.PORTAL_URL}{path}"


def callback_urls_possible() -> bool:
    """Return False for a local portal with a remote Vobiz, which could not reach it."""
    return not settings.LOCAL_MODE or is_loopback(urlsplit(settings.VOBIZ_API_URL).hostname or "")


def explain(error: VobizError, account: Account | None = None) -> str:
    """Explain what happened and what to do, for the person who asked. Never holds a token."""
    if isinstance(error, AuthenticationError):
        return _(
            "Vobiz refused Auth ID %(auth_id)s with the token ending …%(ending)s: was it rotated, or is it a "
            "sub-account's? (A wrong path is answered the same way: %(method)s %(path)s.)"
        ) % {
            "auth_id": account.masked_auth_id if account else "?",
            "ending": (account.token_ending if account else None) or "?",
            "method": error.method or "?",
            "path": _without_ids(error.path),
        }
    if isinstance(error, PaymentRequiredError):
        return _("%s Top it up in Vobiz's console.") % error
    if isinstance(error, RateLimitError):
        if error.retry_after is None:
            return _("Vobiz asks for fewer requests: wait a minute and try again.")
        seconds = ceil(error.retry_after)
        return (
            ngettext(
                "Vobiz asks for fewer requests: wait %d second and try again.",
                "Vobiz asks for fewer requests: wait %d seconds and try again.",
                seconds,
            )
            % seconds
        )
    if isinstance(error, UnreachableError) and error.status is None:  # with a status, Vobiz was reached
        return _("Vobiz could not be reached. %s") % error
    return str(error)


def _without_ids(path: str | None) -> str:
    parts = (path or "?").split("/")
    return "/".join("…" if part != "v1" and any(mark.isdigit() for mark in part) else part for part in parts)
