"""Tokens at rest: the first key encrypts, all decrypt, and what no key opens is never returned."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from recordings.encryption import UndecipherableError, decrypt, encrypt

FIRST, SECOND = "first-key-0123456789abcdef0123456789", "second-key-0123456789abcdef012345678"


def test_the_same_token_is_stored_differently_each_time_and_read_alike(settings: Settings) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [FIRST]
    one, two = encrypt("token ü"), encrypt("token ü")
    assert one != two
    assert decrypt(one) == decrypt(two) == "token ü"


def test_after_a_new_key_in_front_the_old_tokens_open_and_new_ones_are_under_the_new(
    settings: Settings,
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [FIRST]
    old = encrypt("token")
    settings.TOKEN_ENCRYPTION_KEYS = [SECOND, FIRST]
    new = encrypt("token")
    assert decrypt(old) == "token"
    settings.TOKEN_ENCRYPTION_KEYS = [SECOND]
    assert decrypt(new) == "token"
    with pytest.raises(UndecipherableError):
        decrypt(old)


@pytest.mark.parametrize("keys", [[], ["short"], [FIRST, "short"]])
def test_without_good_keys_nothing_is_encrypted_or_opened(settings: Settings, keys: list[str]) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [FIRST]
    stored = encrypt("token")
    settings.TOKEN_ENCRYPTION_KEYS = keys
    with pytest.raises(UndecipherableError):
        encrypt("token")
    with pytest.raises(UndecipherableError):
        decrypt(stored)


@pytest.mark.parametrize("stored", ["", "junk", "ünot-ascii", "token"])
def test_what_was_not_encrypted_here_is_not_returned(settings: Settings, stored: str) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [FIRST]
    with pytest.raises(UndecipherableError):
        decrypt(stored)


def test_a_token_does_not_depend_on_the_secret_key(settings: Settings) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [FIRST]
    stored = encrypt("token")
    settings.SECRET_KEY = "another"
    assert decrypt(stored) == "token"
