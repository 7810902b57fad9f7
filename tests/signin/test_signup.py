"""Nobody makes themselves a user: on none of the library's paths, mounted or not."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, include, path, reverse
from pytest_django import Settings

from vobiz_portal import urls

pytestmark = [pytest.mark.django_db, pytest.mark.once]
FORM = {
    "username": "mallory", "email": "mallory@example.com", "password1": "seven-lotus-parcels",
    "password2": "seven-lotus-parcels", "credential": "{}", "name": "key",
}  # fmt: skip
PATHS = (
    "signup/", "signup/passkey/", "signup/webauthn/", "social/signup/", "3rdparty/signup/", "login/code/",
    "2fa/webauthn/signup/", "email/", "password/reset/", "password/set/",
)  # fmt: skip


@pytest.mark.parametrize("prefix", ["/accounts/", "/admin/", "/admin/login/", "/"])
def test_no_path_of_the_portal_makes_a_user(prefix: str) -> None:
    for one in PATHS:
        assert Client().post(prefix + one, FORM).status_code in {302, 404}, one
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "name", ["account_signup", "account_signup_by_passkey", "socialaccount_signup", "mfa_signup_webauthn"]
)
def test_the_pages_to_sign_up_do_not_exist(name: str) -> None:
    with pytest.raises(NoReverseMatch):
        reverse(name)


def test_even_with_all_of_the_librarys_pages_nobody_signs_up(settings: Settings) -> None:
    """As if somebody mounted them one day."""
    everything: Any = (path("accounts/", include("allauth.urls")), *urls.urlpatterns)
    settings.ROOT_URLCONF = everything
    for one in ("signup/", "3rdparty/signup/", "2fa/webauthn/signup/", "signup/passkey/"):
        Client().post(f"/accounts/{one}", FORM)
    assert not User.objects.exists()
