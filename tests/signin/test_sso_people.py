"""Whose e-mail address it is that an issuer verified: the same on both databases."""

from __future__ import annotations

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.contrib.auth.models import User
from pytest_django import Settings

from recordings.signin import sso
from tests.signin.people import a_person

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("address", "is_found"),
    [
        ("mike@example.com", True),
        ("Mike@Example.COM", True),
        ("m\u0131ke@example.com", False),  # without its dot: `I` in capitals, as `i` is
        ("mi\u212ae@example.com", False),  # the sign for kelvin: `k` in small letters
        ("MIKE@EXAMPLE.COM\u200b", False),
        ("mik%@example.com", False),
        ("mike@example.com ", False),
    ],
)
def test_an_address_is_somebodys_letter_by_letter(address: str, is_found: bool, settings: Settings) -> None:
    settings.OIDC_ISSUER, settings.OIDC_TRUSTS_EMAIL = "https://id.example.com", True
    mike: User = a_person("mike")
    account = SocialAccount(provider=sso.provider_id(), uid="sub")
    said = [EmailAddress(email=address, verified=True, primary=True)]
    found = sso.find_person(SocialLogin(user=User(), account=account, email_addresses=said))
    assert (found == mike) is is_found
