"""A rehearsal of a callback: signed as Vobiz signs, sent to the public address, answered with what arrived.

Its address has the form of an account's callback address and a key that belongs to no account, so nothing of it is ever
stored, whatever becomes of it on the way. That key in a header tells the portal, for a minute, that it is a rehearsal.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.urls import reverse

from recordings.callbacks.endpoints import CallbackEndpoint
from recordings.models import Account
from recordings.provider import public_url
from recordings.vobiz.signature import SIGNATURE_HEADERS, base_of, signed_headers, verify

HEADER = "X-Portal-Rehearsal"
LIFETIME = 60  # seconds
# Where the web server's settings differ from those of the shell, a restart was forgotten, or ENV_FILE.
COMPARED = (
    "VERSION", "PORTAL_URL", "ALLOWED_HOSTS", "SECRET_KEY", "TOKEN_ENCRYPTION_KEYS", "VAR_DIR", "ARCHIVE_STORAGE",
    "VOBIZ_API_URL", "VOBIZ_MEDIA_HOSTS", "TASKS_BACKEND", "EMAIL_URL", "MFA_REQUIRED",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """One rehearsal: its key and the token that signs it, both made for it alone."""

    key: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def path(self) -> str:
        """The path it is sent to."""
        return reverse("callbacks:account", args=[self.key])

    @property
    def base(self) -> str:
        """The text that is signed."""
        return base_of(public_url(self.path))

    def headers(self) -> dict[str, str]:
        """Return the headers that Vobiz would send, and the one that tells a rehearsal."""
        nonces = [str(secrets.randbelow(10**18)) for _each in range(2)]
        signed = signed_headers(
            self.base, token=self.token, parent_token=None, nonce_v2=nonces[0], nonce_v3=nonces[1]
        )
        return {**signed, HEADER: self.key}


def begin() -> Rehearsal:
    """Return a rehearsal that every process of this portal will know for a minute."""
    made = Rehearsal(secrets.token_urlsafe(32), secrets.token_urlsafe(32))
    cache.set(_cache_key(made.key), made.token, LIFETIME)
    return made


def end(rehearsal: Rehearsal) -> None:
    """Forget a rehearsal."""
    cache.delete(_cache_key(rehearsal.key))


def find(key: str) -> Rehearsal | None:
    """Return the rehearsal of this key, None where there is none."""
    if not 40 <= len(key) <= 64 or not key.isascii():
        return None
    token = cache.get(_cache_key(key))
    return Rehearsal(key, token) if isinstance(token, str) else None


def report(rehearsal: Rehearsal, path: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return what arrived, judged as a callback is judged."""
    endpoint = CallbackEndpoint("account", rehearsal.key, Account(), None)
    verdict = verify(headers, bases=endpoint.signed_bases, tokens=[rehearsal.token])
    names = {name.lower() for name in headers}
    return {
        "trust": verdict.trust,
        "expected": endpoint.signed_bases[0],
        "path": path,
        "missing_headers": [name for name in SIGNATURE_HEADERS if name.lower() not in names],
        "settings": digests(rehearsal.token),
    }


def digests(token: str) -> dict[str, str]:
    """Return a digest of each setting in COMPARED that says nothing to whoever does not hold the token."""
    return {
        name: hmac.new(token.encode(), repr(getattr(settings, name)).encode(), hashlib.sha256).hexdigest()[
            :16
        ]
        for name in COMPARED
    }


def _cache_key(key: str) -> str:
    return f"rehearsal-{hashlib.sha256(key.encode()).hexdigest()}"
