"""Second factors: who has one, who used one in this session, and where passkeys can be offered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from allauth.account.internal.flows.login import (
    AUTHENTICATION_METHODS_SESSION_KEY,
    get_authentication_records,
)
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _

from recordings.signin.sessions import end_sessions

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def passkey_host() -> str:
    """Return the host of PORTAL_URL, for which passkeys are made; empty where it is an IP address, which has none."""
    host = urlsplit(settings.PORTAL_URL).hostname or ""
    try:
        ip_address(host)
    except ValueError:
        return host
    return ""


def has_factor(user: Any) -> bool:
    """Return whether the user has an authenticator app or a passkey. Recovery codes alone are none."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=FACTORS).exists())


def used_factor(request: HttpRequest) -> bool:
    """Return whether the user of this session proved a second factor in it."""
    user: Any = request.user
    return any(record.get("method") == "mfa" for record in get_authentication_records(request, user))


@contextmanager
def using(factor: Authenticator) -> Iterator[None]:
    """Note that a factor was used; raise SessionInterrupted, whose answer is 400, where it was removed meanwhile."""
    try:
        yield
    except DatabaseError as error:  # its row could not be updated
        if Authenticator.objects.filter(pk=factor.pk).exists():
            raise
        raise SessionInterrupted(_("The second factor was removed while it was used.")) from error


def forget_used(request: HttpRequest) -> None:
    """Forget that a second factor was used in this session: there is none any more."""
    records = request.session.get(AUTHENTICATION_METHODS_SESSION_KEY, [])
    kept = [record for record in records if record.get("method") != "mfa"]
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = kept


@transaction.atomic
def reset_factors(user: User) -> int:
    """Delete the user's second factors and recovery codes, end their sessions; return how many factors there were."""
    held = Authenticator.objects.filter(user_id=user.pk)
    count = int(held.filter(type__in=FACTORS).count())
    held.delete()
    end_sessions(user)
    return count
