"""Why a callback was refused, found out by trying."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings.callbacks.diagnosis import Diagnosis, diagnosis
from recordings.models import Account, CallbackEvent, Recording
from tests.callbacks.posting import deliver, path_of, signature
from tests.callbacks.rows import KEY, asked_for, the_event
from tests.vobiz.payloads import payload

pytestmark = pytest.mark.once

ENDED = payload("recording_callback__documented")


@pytest.fixture(autouse=True)
def portal(settings: Settings) -> None:
    settings.PORTAL_URL = "https://portal.example.com"
    settings.ALLOWED_HOSTS = ["portal.example.com", "former.example.com"]


def of_the_event() -> Diagnosis:
    return diagnosis(the_event(), now=timezone.now())


USED = {
    "http instead of https": (
        "http://portal.example.com",
        "",
        "http",
        "s://portal.example.com/callbacks/recording/…/",
    ),
    "a port": ("https://portal.example.com:443", "", "https://portal.example.com", "/callbacks/recording/…/"),
    "the host the proxy speaks to": ("http://10.0.0.7:8000", "10.0.0.7:8000", "http", "s://portal"),
    "an inner host without its port": (
        "https://inner.test",
        "inner.test:9000",
        "https://",
        "portal.example.com",
    ),
    "a host we know": ("https://former.example.com", "", "https://", "portal"),
}


@pytest.mark.parametrize("case", USED)
def test_the_address_that_was_signed_is_found_and_the_first_difference_marked(
    client: Client, recording: Recording, case: str
) -> None:
    origin, host, same, rest = USED[case]
    headers = {"Host": host} if host else {}
    base = f"{origin}{path_of('recording', KEY)}"
    answer = deliver(client, KEY, ENDED, headers={**signature("recording", KEY, base=base), **headers})
    assert answer.status_code == 403
    found = of_the_event()
    assert found.expected == ("https://portal.example.com/callbacks/recording/…/",)
    assert found.used == f"{origin}/callbacks/recording/…/"
    assert found.same == same
    assert found.expected_rest.startswith(rest)
    assert found.same + found.used_rest == found.used
    assert found.same + found.expected_rest == found.expected[0]
    assert "PORTAL_URL" in found.words


@pytest.mark.parametrize(
    ("written", "used"),
    [
        ("/callbacks/recording/{key}", "/callbacks/recording/…"),
        ("//callbacks/recording/{key}/", "//callbacks/recording/…/"),
        ("/callbacks/recording/{key}//", "/callbacks/recording/…//"),
    ],
)
def test_slashes_are_tried_too(client: Client, recording: Recording, written: str, used: str) -> None:
    deliver(client, KEY, ENDED, base=f"https://portal.example.com{written.format(key=KEY)}")
    assert of_the_event().used == f"https://portal.example.com{used}"


def test_what_verifies_under_no_address_may_be_another_token(client: Client, recording: Recording) -> None:
    deliver(client, KEY, ENDED, token="a wrong token")
    found = of_the_event()
    assert (found.used, found.same, found.used_rest) == (None, found.expected[0], "")
    assert "token" in found.words


def test_what_was_cured_says_so(client: Client, recording: Recording, now: datetime) -> None:
    deliver(client, KEY, ENDED, token="a-new-token-0123456789")
    recording.account.set_token("a-new-token-0123456789", now=now)
    found = of_the_event()
    assert found.used == found.expected[0]
    assert "process the callback again" in found.words


def test_both_addresses_of_a_recording_are_expected(client: Client, account: Account) -> None:
    asked_for(account, callback_base="https://former.example.com")
    deliver(client, KEY, ENDED, token="a wrong token")
    assert of_the_event().expected == (
        "https://portal.example.com/callbacks/recording/…/",
        "https://former.example.com/callbacks/recording/…/",
    )


def test_an_unsigned_event_has_nothing_to_compare(client: Client, recording: Recording) -> None:
    Account.objects.update(require_signed=True)
    deliver(client, KEY, ENDED, headers={})
    assert (of_the_event().used, "no signature" in of_the_event().words) == (None, True)


def test_an_account_without_a_readable_token_says_so(client: Client, recording: Recording) -> None:
    deliver(client, KEY, ENDED, token="a wrong token")
    Account.objects.update(encrypted_token=None)
    assert "No token is stored" in of_the_event().words


def test_an_event_of_a_key_that_is_not_in_use_any_more_says_so(client: Client, account: Account) -> None:
    deliver(client, account.callback_key, ENDED, door="account", token="a wrong token")
    Account.objects.update(callback_key="another-key")
    found = of_the_event()
    assert (found.expected, "no longer in use" in found.words) == ((), True)


def test_no_diagnosis_shows_a_key(client: Client, recording: Recording) -> None:
    hosts = {"Host": "a.test:1", "X-Forwarded-Host": "b.test:2"}
    for _retry in range(8):
        deliver(client, KEY, ENDED, headers={**signature("recording", KEY, token="wrong"), **hosts})
    found = of_the_event()
    assert KEY not in repr(found)
    assert CallbackEvent.objects.get().deliveries == 8
