"""Where accounts and settings meet the client, and Vobiz's errors become words with the cure."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from pytest_django import Settings

from recordings.encryption import encrypt
from recordings.models import Account
from recordings.provider import callback_urls_possible, client_for, explain, public_url
from recordings.vobiz.client import INTERACTIVE
from recordings.vobiz.errors import (
    AuthenticationError,
    NotConnectedError,
    NotFoundError,
    OutcomeUnknownError,
    PaymentRequiredError,
    RateLimitError,
    RefusedError,
    UnexpectedReplyError,
    UnreachableError,
    VobizError,
)

TOKEN = "a-token-of-this-account-4711"


@dataclass(frozen=True)
class Said:
    error: VobizError
    words: str


@pytest.fixture
def account() -> Account:
    return Account(auth_id="MA_PU0XU668", encrypted_token=encrypt(TOKEN))


@pytest.mark.parametrize("said", [
    Said(
        AuthenticationError("no", method="GET", path="/api/v1/Account/MA_PU0XU668/Call/6e558798-499c/Record/"),
        "Vobiz refused Auth ID MA_…668 with the token ending …4711: was it rotated, or is it a sub-account's? "
        "(A wrong path is answered the same way: GET /api/v1/Account/…/Call/…/Record/.)",
    ),
    Said(PaymentRequiredError("Balance used up."), "Balance used up. Top it up in Vobiz's console."),
    Said(RateLimitError("slow"), "Vobiz asks for fewer requests: wait a minute and try again."),
    Said(RateLimitError("slow", retry_after=6.2), "Vobiz asks for fewer requests: wait 7 seconds and try again."),
    Said(RateLimitError("slow", retry_after=0.5), "Vobiz asks for fewer requests: wait 1 second and try again."),
    Said(UnreachableError("No answer."), "Vobiz could not be reached. No answer."),
    Said(UnreachableError("Its answer was 503.", status=503), "Its answer was 503."),
    *[Said(kind("As it is said."), "As it is said.")
      for kind in (NotConnectedError, NotFoundError, RefusedError, OutcomeUnknownError, UnexpectedReplyError)],
])  # fmt: skip
def test_an_error_says_what_happened_and_what_to_do(account: Account, said: Said) -> None:
    words = explain(said.error, account)
    assert words == said.words
    assert TOKEN not in words


def test_without_an_account_or_its_token_the_words_hold_no_ids() -> None:
    refused = AuthenticationError("no")
    assert "Auth ID ? with the token ending …?" in explain(refused)
    assert "MA_…668 with the token ending …?" in explain(refused, Account(auth_id="MA_PU0XU668"))


def test_the_client_is_the_accounts_own(account: Account, settings: Settings) -> None:
    settings.VOBIZ_TOTAL_TIMEOUT = 33
    with client_for(account) as client, client_for(account, retry_policy=INTERACTIVE) as hurried:
        transport = client._transport
        assert (transport.credentials.auth_id, transport.credentials.auth_token) == ("MA_PU0XU668", TOKEN)
        assert (transport.retry_policy.total, transport.retry_policy.tries) == (33, 5)
        assert hurried._transport.retry_policy == INTERACTIVE
        assert TOKEN not in repr(transport.credentials)


@pytest.mark.parametrize(("fields", "words"), [
    ({"is_active": False}, "inactive"), ({"encrypted_token": None}, "No token is stored"),
    ({"encrypted_token": "junk"}, "TOKEN_ENCRYPTION_KEYS"), ({"auth_id": "../x"}, "Auth ID"),
])  # fmt: skip
def test_an_account_that_cannot_ask_gets_no_client(
    account: Account, fields: dict[str, object], words: str
) -> None:
    for name, value in fields.items():
        setattr(account, name, value)
    with pytest.raises(NotConnectedError, match=words):
        client_for(account)


@pytest.mark.parametrize(("local", "api", "possible"), [
    (False, "https://api.vobiz.ai/api/v1", True), (True, "https://api.vobiz.ai/api/v1", False),
    (True, "http://127.0.0.1:8100/api/v1", True), (True, "http://[::1]:8100/api/v1", True),
    (True, "http://localhost:8100/api/v1", True),
])  # fmt: skip
def test_vobiz_can_call_the_portal_unless_only_one_of_them_is_on_this_machine(
    settings: Settings, api: str, *, local: bool, possible: bool
) -> None:
    settings.LOCAL_MODE, settings.VOBIZ_API_URL = local, api
    assert callback_urls_possible() is possible


def test_addresses_are_under_portal_url(settings: Settings) -> None:
    settings.PORTAL_URL = "https://portal.example.com:8443"
    assert public_url("/callbacks/x/") == "https://portal.example.com:8443/callbacks/x/"
