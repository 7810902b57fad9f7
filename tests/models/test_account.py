"""An account's tokens: encrypted, replaced with a grace, and never returned where no key opens them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from recordings.encryption import UndecipherableError
from recordings.models import Account
from recordings.vobiz.errors import NotConnectedError
from tests.conftest import MAIN, OTHER, SUB, TOKENS

DAY = timedelta(days=1)
NEW_KEY = "a-second-key-for-tests-0123456789abcdef"


def test_the_token_is_stored_encrypted_and_read_back(account: Account) -> None:
    stored = Account.objects.values_list("encrypted_token", flat=True).get()
    assert stored is not None
    assert TOKENS[MAIN] not in stored
    assert Account.objects.get().token == TOKENS[MAIN]


def test_only_the_tokens_end_is_shown(account: Account) -> None:
    assert account.token_ending == "6789"
    assert TOKENS[MAIN] not in repr(account) + str(account)


@pytest.mark.parametrize("stored", [None, "", "gAAAAAB-not-a-token", "ü"])
def test_a_token_that_is_not_there_or_cannot_be_opened_is_not_connected_with_its_cure(
    account: Account, stored: str | None
) -> None:
    account.encrypted_token = stored
    with pytest.raises(NotConnectedError, match="Enter it"):
        account.token  # noqa: B018
    assert account.token_ending is None


def test_a_token_under_a_key_that_is_gone_says_which_setting_cures_it(
    account: Account, settings: Settings
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
    with pytest.raises(NotConnectedError, match="TOKEN_ENCRYPTION_KEYS"):
        account.token  # noqa: B018


def test_a_former_token_verifies_callbacks_until_its_date(account: Account, now: datetime) -> None:
    account.set_token("new-token", now=now)
    assert account.callback_tokens(now) == ("new-token", TOKENS[MAIN])
    assert account.callback_tokens(now + DAY - timedelta(seconds=1)) == ("new-token", TOKENS[MAIN])
    assert account.callback_tokens(now + DAY) == ("new-token",)


def test_the_same_token_entered_again_ends_no_grace_and_begins_none(account: Account, now: datetime) -> None:
    account.set_token(TOKENS[MAIN], now=now)
    assert account.former_token_until is None
    account.set_token("new-token", now=now)
    account.set_token("new-token", now=now + timedelta(hours=1))
    assert account.former_token_until == now + DAY


def test_without_a_grace_the_former_token_is_gone_at_once(account: Account, now: datetime) -> None:
    account.set_token("new-token", now=now, keep_former=timedelta(0))
    assert account.callback_tokens(now) == ("new-token",)


def test_a_subaccounts_callbacks_also_verify_under_its_parents_tokens(
    account: Account, subaccount: Account, now: datetime
) -> None:
    account.set_token("parents-new", now=now)
    subaccount.refresh_from_db()
    assert subaccount.callback_tokens(now) == (TOKENS[SUB], "parents-new", TOKENS[MAIN])


def test_a_token_no_key_opens_verifies_nothing_and_stops_nothing(
    account: Account, subaccount: Account, now: datetime
) -> None:
    Account.objects.filter(pk=account.pk).update(encrypted_token="junk")
    subaccount.refresh_from_db()
    assert subaccount.callback_tokens(now) == (TOKENS[SUB],)


def test_reencryption_moves_both_tokens_under_the_first_key(
    account: Account, settings: Settings, now: datetime
) -> None:
    account.set_token("new-token", now=now)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY, *settings.TOKEN_ENCRYPTION_KEYS]
    account.reencrypt()
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
    assert Account.objects.get().callback_tokens(now) == ("new-token", TOKENS[MAIN])


def test_reencryption_of_a_token_no_key_opens_fails_and_leaves_it(
    account: Account, settings: Settings
) -> None:
    before = account.encrypted_token
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
    with pytest.raises(UndecipherableError):
        account.reencrypt()
    assert Account.objects.get().encrypted_token == before


def test_reencryption_does_not_bring_back_a_token_replaced_meanwhile(account: Account, now: datetime) -> None:
    stale = Account.objects.get()
    account.set_token("new-token", now=now)
    stale.reencrypt()
    assert Account.objects.get().token == "new-token"


def test_two_replacements_at_once_keep_the_one_that_was_current(account: Account, now: datetime) -> None:
    stale = Account.objects.get()
    account.set_token("second", now=now)
    stale.set_token("third", now=now)
    assert Account.objects.get().callback_tokens(now) == ("third", "second")


def test_a_callback_key_is_unguessable_and_its_own(account: Account, subaccount: Account) -> None:
    assert len(account.callback_key) >= 22  # 128 bits in base64
    assert account.callback_key != subaccount.callback_key


def test_families_are_two_generations_deep(account: Account, subaccount: Account) -> None:
    other = Account.objects.create(auth_id=OTHER)
    with pytest.raises(ValidationError, match="sub-account cannot be a parent"):
        Account(auth_id="SA_GRAND01", parent=subaccount).clean()
    account.parent = other
    with pytest.raises(ValidationError, match="cannot have a parent"):
        account.clean()
    assert {one.auth_id for one in subaccount.family()} == {MAIN, SUB}


@pytest.mark.parametrize(
    ("field", "value"), [("auth_id", "../x"), ("auth_id", "ab"), ("time_zone", "Asia/Atlantis")]
)
def test_what_a_person_enters_is_checked(account: Account, field: str, value: str) -> None:
    setattr(account, field, value)
    with pytest.raises(ValidationError) as refusal:
        account.full_clean()
    assert set(refusal.value.message_dict) == {field}


def test_a_token_that_is_entered_has_paused_archiving_tried_at_once(account: Account, now: datetime) -> None:
    account.open_archive_circuit("the token was refused", now=now)
    assert not account.claim_archive_probe(now=now)
    account.set_token("another-token-of-some-length", now=now)
    assert account.claim_archive_probe(now=now)
