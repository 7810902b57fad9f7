"""People who sign in, and the codes of their authenticator apps."""

from __future__ import annotations

import time
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.models import User
from django.test import Client

from recordings import encryption

PASSWORD = "seven-lotus-parcels"
LOGIN, OVERVIEW, CODE = "/admin/login/", "/admin/", "/admin/login/second-factor/"


def a_person(name: str = "priya", **also: Any) -> User:
    """A superuser with a password."""
    return User.objects.create_superuser(name, f"{name}@example.com", PASSWORD, **also)


def with_app(user: User) -> str:
    """Give the user an authenticator app and recovery codes, and return the app's secret."""
    secret = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return str(secret)


def code_of(secret: str, *, later: int = 0) -> str:
    """The code that the app shows now, or so many steps later."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later)))


def recovery_code_of(user: User) -> str:
    """One of the user's recovery codes."""
    held = Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)
    return str(held.wrap().get_unused_codes()[0])


def secret_of(user: User) -> str:
    """The stored secret of the user's authenticator app."""
    held = Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)
    return str(encryption.decrypt(held.data["secret"]))


def give_password(client: Client, name: str = "priya", password: str = PASSWORD, to: str = "") -> Any:
    """Post the form of the sign-in."""
    return client.post(LOGIN, {"username": name, "password": password, "next": to})


def signed_in(user: User, secret: str) -> Client:
    """A browser in which the user signed in by password and code."""
    client = Client()
    assert give_password(client, user.username)["Location"] == CODE
    assert client.post(CODE, {"code": code_of(secret)}).status_code == 302
    return client
