"""What a signature has to be for a delivery to count as signed, and what it does not prove."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import include, path
from django.utils import timezone
from pytest_django import Settings

from recordings.choices import EventOutcome, RecordingStatus
from recordings.models import Account, CallbackEvent, Recording
from recordings.vobiz.signature import (
    NONCE_V2,
    NONCE_V3,
    SIGNATURE_MA_V2,
    SIGNATURE_MA_V3,
    SIGNATURE_V1,
    SIGNATURE_V2,
    SIGNATURE_V3,
    sign_v2,
    sign_v3,
)
from recordings.webhooks.urls import CallbackKeyConverter  # noqa: F401 - registers the converter
from recordings.webhooks.views import CallbackView
from tests.callbacks.posting import deliver, encode, path_of, post, signature
from tests.callbacks.rows import KEY, asked_for, the_event
from tests.conftest import MAIN, SUB, TOKENS
from tests.vobiz.payloads import payload

pytestmark = pytest.mark.once

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")
V2, V3 = (SIGNATURE_V2, NONCE_V2), (SIGNATURE_V3, NONCE_V3)
MA_V2, MA_V3 = (SIGNATURE_MA_V2, NONCE_V2), (SIGNATURE_MA_V3, NONCE_V3)

# Vobiz's rule worked out for one address, with an invented token
VECTOR_TOKEN = "test_main_token_0123456789abcdef"
VECTOR = {
    NONCE_V2: "05429567804466091622",
    SIGNATURE_V2: "LbOoNfXw5CPIXM+xgLKsNSubtbQuwOdzqzaS+/Te620=",
    NONCE_V3: "11806723456789012345",
    SIGNATURE_V3: "dKFwELtEog3QaLGi2/oBwtFW+fOQzFnNAPUnGCXQPa8=",
}
VECTOR_PATH = "/vobiz/recording/"

# the door at that address: its key is the word `recording`
app_name = "callbacks"
door = path("vobiz/<callback_key:key>/", CallbackView.as_view(endpoint_name="recording"), name="recording")
urlpatterns = [path("", include(([door], "callbacks"))), path("admin/", admin.site.urls)]


@pytest.fixture
def vector(account: Account, settings: Settings, now: datetime) -> Recording:
    settings.ROOT_URLCONF = __name__
    settings.PORTAL_URL = "https://portal.example.com"
    account.set_token(VECTOR_TOKEN, now=now)
    return asked_for(account, "recording")


def trust_of(client: Client, headers: dict[str, str], at: str = VECTOR_PATH) -> str:
    """What the headers make of a delivery."""
    before = CallbackEvent.objects.count()
    status = post(client, at, encode({"n": before}), headers=headers).status_code
    event = CallbackEvent.objects.latest("pk")
    assert CallbackEvent.objects.count() == before + 1
    assert status == (403 if event.trust == "refused" else 200)
    return str(event.trust)


def test_vector_a_verifies_by_each_of_its_schemes(client: Client, vector: Recording) -> None:
    assert trust_of(client, VECTOR) == "signed"


@pytest.mark.parametrize(("pair", "scheme"), [(V2, "v2"), (V3, "v3")])
def test_one_scheme_of_vector_a_is_enough(
    client: Client, vector: Recording, pair: tuple[str, str], scheme: str
) -> None:
    assert trust_of(client, {name: VECTOR[name] for name in pair}) == "signed"
    assert the_event().scheme == scheme


@pytest.mark.parametrize(
    ("ours", "theirs"), [(SIGNATURE_V2, SIGNATURE_MA_V2), (SIGNATURE_V3, SIGNATURE_MA_V3)]
)
def test_a_main_accounts_ma_signatures_are_its_own(
    client: Client, vector: Recording, ours: str, theirs: str
) -> None:
    nonces = {NONCE_V2: VECTOR[NONCE_V2], NONCE_V3: VECTOR[NONCE_V3]}
    assert trust_of(client, {**nonces, theirs: VECTOR[ours]}) == "signed"


def test_ma_signatures_beside_equal_ones_do_not_make_it_a_sub_accounts(
    client: Client, vector: Recording
) -> None:
    ma = {SIGNATURE_MA_V2: VECTOR[SIGNATURE_V2], SIGNATURE_MA_V3: VECTOR[SIGNATURE_V3]}
    assert trust_of(client, {**ma, **VECTOR}) == "signed"
    assert the_event().scheme == "v3"


MUTATED_BASES = {
    "a query kept": "https://portal.example.com/vobiz/recording/?x=1",
    "a port added": "https://portal.example.com:443/vobiz/recording/",
    "http": "http://portal.example.com/vobiz/recording/",
    "no slash": "https://portal.example.com/vobiz/recording",
    "two slashes": "https://portal.example.com/vobiz/recording//",
    "userinfo": "https://user:pass@portal.example.com/vobiz/recording/",
    "another case": "https://portal.example.com/vobiz/Recording/",
    "escaped": "https://portal.example.com/vobiz/%72ecording/",
    "another host": "https://portal.example.org/vobiz/recording/",
}


@pytest.mark.parametrize("case", MUTATED_BASES)
def test_a_signature_over_any_other_base_fails(client: Client, vector: Recording, case: str) -> None:
    base, nonce = MUTATED_BASES[case], VECTOR[NONCE_V2]
    headers = {
        SIGNATURE_V2: sign_v2(VECTOR_TOKEN, base, nonce), NONCE_V2: nonce,
        SIGNATURE_V3: sign_v3(VECTOR_TOKEN, base, nonce), NONCE_V3: nonce,
    }  # fmt: skip
    assert trust_of(client, headers) == "refused"


def test_a_dropped_port_fails(client: Client, vector: Recording, settings: Settings) -> None:
    settings.PORTAL_URL = "https://portal.example.com:8443"
    assert trust_of(client, VECTOR) == "refused"


def test_a_nonce_of_the_other_scheme_fails(client: Client, vector: Recording) -> None:
    swapped = {**VECTOR, NONCE_V2: VECTOR[NONCE_V3], NONCE_V3: VECTOR[NONCE_V2]}
    assert trust_of(client, swapped) == "refused"
    assert trust_of(client, {SIGNATURE_V2: VECTOR[SIGNATURE_V2], NONCE_V3: VECTOR[NONCE_V2]}) == "refused"


def test_another_query_or_body_or_method_still_verifies_so_none_of_them_is_proven(
    client: Client, vector: Recording
) -> None:
    for number, (at, body) in enumerate(
        [(VECTOR_PATH, b"a=1"), (f"{VECTOR_PATH}?token=evil", b"b=2"), (f"{VECTOR_PATH}#x", b'{"c": 3}')], 1
    ):
        assert post(client, at, body, headers=VECTOR).status_code == 200
        assert CallbackEvent.objects.filter(trust="signed").count() == number
    assert client.get(f"{VECTOR_PATH}?d=4", headers=VECTOR).status_code == 200
    # the signature held each time; what was spent on other content was not applied
    assert list(CallbackEvent.objects.order_by("pk").values_list("outcome", flat=True)) == [
        EventOutcome.APPLIED, EventOutcome.CONFLICT, EventOutcome.CONFLICT, EventOutcome.CONFLICT,
    ]  # fmt: skip


BROKEN: dict[str, dict[str, str]] = {
    "no nonce": {SIGNATURE_V2: VECTOR[SIGNATURE_V2]},
    "an empty nonce": {SIGNATURE_V2: VECTOR[SIGNATURE_V2], NONCE_V2: ""},
    "an empty signature": {SIGNATURE_V2: "", NONCE_V2: VECTOR[NONCE_V2]},
    "a short signature": {SIGNATURE_V2: "abc", NONCE_V2: VECTOR[NONCE_V2]},
    "a signature that is no ASCII": {SIGNATURE_V3: "ç" * 44, NONCE_V3: VECTOR[NONCE_V3]},
    "no Base64": {SIGNATURE_V3: "!" * 44, NONCE_V3: VECTOR[NONCE_V3]},
    "a nonce that is no number": {SIGNATURE_V2: VECTOR[SIGNATURE_V2], NONCE_V2: "g/1234"},
    "a spliced nonce": {SIGNATURE_V2: VECTOR[SIGNATURE_V2], NONCE_V2: "/" + VECTOR[NONCE_V2]},
    "a long header": {SIGNATURE_V2: "A" * 100_000, NONCE_V2: VECTOR[NONCE_V2]},
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_signature_is_refused_and_never_an_error(
    client: Client, vector: Recording, case: str
) -> None:
    assert trust_of(client, BROKEN[case]) == "refused"


def test_header_names_come_in_any_case_and_values_as_lists(client: Client, vector: Recording) -> None:
    lower = {name.lower(): value for name, value in VECTOR.items()}
    assert trust_of(client, lower) == "signed"
    several = f"{'A' * 43}=, {VECTOR[SIGNATURE_V3]}"
    again = {NONCE_V3: VECTOR[NONCE_V3], SIGNATURE_V3: several}
    assert post(client, VECTOR_PATH, b"n=0", headers=again).status_code == 200


def test_v1_alone_is_unsigned_whatever_it_says(client: Client, vector: Recording) -> None:
    assert trust_of(client, {SIGNATURE_V1: "LYmCNEJ1BwM4FES9ScypYKMIEF8="}) == "unsigned"
    assert trust_of(client, {**VECTOR, SIGNATURE_V1: "junk"}) == "signed"


def test_an_unsigned_delivery_moves_nothing_but_has_the_api_asked(
    client: Client, recording: Recording
) -> None:
    assert deliver(client, KEY, ENDED, headers={}).status_code == 200
    recording.refresh_from_db()
    assert (recording.status, recording.recording_id) == (RecordingStatus.REQUESTED, None)
    assert recording.duration_ms is None
    assert recording.read_back_due_at is not None
    event = the_event()
    assert (event.trust, event.scheme, event.outcome) == ("unsigned", "none", EventOutcome.RECEIVED)
    assert event.processed_at is not None


def test_where_signed_callbacks_are_required_an_unsigned_one_is_refused_and_kept(
    client: Client, account: Account, recording: Recording
) -> None:
    Account.objects.update(require_signed=True)
    assert deliver(client, KEY, SPOKEN, headers={}).status_code == 403
    event = the_event()
    assert (event.trust, event.outcome) == ("unsigned", EventOutcome.REFUSED)
    assert event.payload["transcription"] == SPOKEN["transcription"]
    assert not hasattr(recording, "transcription")
    assert deliver(client, KEY, SPOKEN).status_code == 200  # signed


def test_the_former_token_counts_until_its_date(
    client: Client, account: Account, recording: Recording
) -> None:
    now = timezone.now()
    account.set_token("a-new-token-0123456789", now=now, keep_former=timedelta(hours=1))
    assert deliver(client, KEY, ENDED).status_code == 200
    assert deliver(client, KEY, SPOKEN, token="a-new-token-0123456789").status_code == 200
    Account.objects.filter(pk=account.pk).update(former_token_until=now - timedelta(seconds=1))
    assert deliver(client, KEY, {**SPOKEN, "duration": 11}).status_code == 403


def test_a_sub_accounts_callback_verifies_with_its_own_token_or_its_parents(
    client: Client, subaccount: Account
) -> None:
    asked_for(subaccount)
    both = signature("recording", KEY, token=TOKENS[SUB], parent_token=TOKENS[MAIN])
    for number, names in enumerate([V2, V3, MA_V2, MA_V3]):
        headers = {name: both[name] for name in names}
        assert deliver(client, KEY, {"number": number}, headers=headers).status_code == 200
    assert set(CallbackEvent.objects.values_list("scheme", flat=True)) >= {"v2", "v3"}
    assert not CallbackEvent.objects.exclude(trust="signed").exists()


def test_a_strangers_token_verifies_nothing(client: Client, recording: Recording, stranger: Account) -> None:
    assert deliver(client, KEY, ENDED, token=TOKENS[stranger.auth_id]).status_code == 403
    assert deliver(client, KEY, ENDED, token="").status_code == 403


def test_an_account_without_a_token_believes_nobody(client: Client, recording: Recording) -> None:
    Account.objects.update(encrypted_token=None)
    assert deliver(client, KEY, ENDED).status_code == 403
    assert deliver(client, KEY, ENDED, token="").status_code == 403
    Account.objects.update(encrypted_token="no key opens this")
    assert deliver(client, KEY, SPOKEN).status_code == 403


def test_the_address_a_recording_was_given_out_under_counts_beside_todays(
    client: Client, account: Account, settings: Settings
) -> None:
    asked_for(account, callback_base="https://former.example.com")
    settings.PORTAL_URL = "https://portal.example.com"
    path = path_of("recording", KEY)
    for origin, status in (("former", 200), ("portal", 200), ("another", 403)):
        headers = signature("recording", KEY, base=f"https://{origin}.example.com{path}")
        assert deliver(client, KEY, {"origin": origin}, headers=headers).status_code == status


def test_a_signature_of_one_door_does_not_open_another(client: Client, recording: Recording) -> None:
    asked_for(recording.account, "another-key-of-ours-0123456789ab")
    headers = signature("recording", KEY)
    assert deliver(client, KEY, SPOKEN, door="transcription", headers=headers).status_code == 403
    assert deliver(client, "another-key-of-ours-0123456789ab", ENDED, headers=headers).status_code == 403
