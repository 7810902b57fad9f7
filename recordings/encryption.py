"""Encryption of tokens at rest, with keys that live outside the database.

TOKEN_ENCRYPTION_KEYS holds secrets, newest first, each any text of 32 characters or more. Each becomes a Fernet
key by HKDF-SHA256; the first encrypts, all decrypt.
"""

from __future__ import annotations

import base64
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

MINIMUM_SECRET = 32


class UndecipherableError(Exception):
    """A stored token that no key opens."""


def encrypt(token: str) -> str:
    """Return `token` encrypted under the first key, as text for the database."""
    return _fernet(tuple(settings.TOKEN_ENCRYPTION_KEYS)).encrypt(token.encode()).decode("ascii")


def decrypt(stored: str) -> str:
    """Return the token; raise UndecipherableError where no key opens it."""
    try:
        return _fernet(tuple(settings.TOKEN_ENCRYPTION_KEYS)).decrypt(stored.encode("ascii")).decode()
    except (InvalidToken, UnicodeError) as error:
        raise UndecipherableError from error


@lru_cache(maxsize=8)
def _fernet(secrets: tuple[str, ...]) -> MultiFernet:
    if not secrets or any(len(secret) < MINIMUM_SECRET for secret in secrets):
        raise UndecipherableError("TOKEN_ENCRYPTION_KEYS is empty, or one of its secrets is too short")
    return MultiFernet([Fernet(_key(secret)) for secret in secrets])


def _key(secret: str) -> bytes:
    derived = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"vobiz-portal token encryption")
    return base64.urlsafe_b64encode(derived.derive(secret.encode()))
