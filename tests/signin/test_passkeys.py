"""Passkeys over HTTP: whose they are, for which question, and answers that no browser gives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator as Factor
from django.contrib.auth.models import User
from django.db.models.signals import post_init, pre_save
from django.test import Client
from fido2 import cbor
from pytest_django import Settings

from recordings.models import AccessEvent
from tests.signin.authenticator import (
    ADD,
    ADDRESS,
    PASSKEY,
    PRESENT,
    Authenticator,
    add_passkey,
    challenge_of,
    challenge_to_sign_in,
)
from tests.signin.people import (
    CODE,
    LOGIN,
    OVERVIEW,
    a_person,
    code_of,
    give_password,
    recovery_code_of,
    secret_of,
    signed_in,
    with_app,
)  # fmt: skip

pytestmark = [pytest.mark.django_db, pytest.mark.once]


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> None:
    settings.MFA_REQUIRED, settings.PORTAL_URL = True, ADDRESS


@pytest.fixture
def priya() -> User:
    return a_person()


@pytest.fixture
def browser(priya: User) -> Client:
    """A browser in which Priya is signed in."""
    return signed_in(priya, with_app(priya))


@pytest.fixture
def passkey(browser: Client) -> Authenticator:
    """A passkey of Priya's."""
    return add_passkey(browser)


def is_in(client: Client) -> bool:
    return client.get(OVERVIEW).status_code == 200


def age(client: Client) -> None:
    """Let a quarter of an hour pass since the login."""
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 1_000
    session.save()


def test_a_passkey_opens_the_portal_in_a_session_of_its_own(priya: User, passkey: Authenticator) -> None:
    client = Client()
    challenge = challenge_to_sign_in(client)
    before = client.session.session_key
    assert client.post(PASSKEY, {"credential": passkey.answer(challenge, priya)})["Location"] == OVERVIEW
    assert is_in(client)
    assert client.session.session_key != before


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "http://localhost:8001"},
        {"host": "example.com"},
        {"flags": PRESENT},  # nobody was asked for a finger or PIN
        {"flags": 4},
    ],
    ids=lambda wrong: ", ".join(wrong),
)
def test_a_passkey_for_elsewhere_or_that_checked_nobody_opens_nothing(
    priya: User, passkey: Authenticator, wrong: dict[str, Any]
) -> None:
    client = Client()
    credential = passkey.answer(challenge_to_sign_in(client), priya, **wrong)
    assert client.post(PASSKEY, {"credential": credential})["Location"] == LOGIN
    assert not is_in(client)


def test_a_passkey_is_its_owners_and_answers_its_sessions_question(
    priya: User, passkey: Authenticator
) -> None:
    asha = a_person("asha")
    theirs = add_passkey(signed_in(asha, with_app(asha)))
    client, other = Client(), Client()
    for answer in (
        passkey.answer(challenge_to_sign_in(client), asha),
        passkey.answer(challenge_to_sign_in(client), asha, key_id=theirs.id),
        passkey.answer(challenge_to_sign_in(other), priya),
    ):
        client.post(PASSKEY, {"credential": answer})
        assert not is_in(client)

    give_password(client)
    challenge = challenge_of(client.get(CODE))
    client.post(CODE, {"credential": theirs.answer(challenge, asha)})
    client.post(PASSKEY, {"credential": theirs.answer(challenge, asha)})
    assert not is_in(client)


def test_a_passkey_that_was_removed_meanwhile_opens_nothing(
    priya: User, browser: Client, passkey: Authenticator
) -> None:
    client, waiting = Client(), Client()
    challenge = challenge_to_sign_in(client)
    give_password(waiting)
    waits_for = challenge_of(waiting.get(CODE))
    held = Factor.objects.get(type="webauthn")
    assert browser.post(f"/admin/your-account/passkeys/{held.pk}/remove/").status_code == 302

    client.post(PASSKEY, {"credential": passkey.answer(challenge, priya)})
    waiting.post(CODE, {"credential": passkey.answer(waits_for)})
    assert [is_in(client), is_in(waiting)] == [False, False]


def test_an_answer_counts_once_also_for_requests_at_the_same_time(
    priya: User, passkey: Authenticator, browser: Client
) -> None:
    """Each of them found the challenge in the session before another one took it out."""
    client = Client()
    credential = passkey.answer(challenge_to_sign_in(client), priya)
    with_challenge = dict(client.session.items())
    client.post(PASSKEY, {"credential": credential})
    assert is_in(client)

    other = Client()
    session = other.session
    session.update(with_challenge)
    session.save()
    other.post(PASSKEY, {"credential": credential})
    assert not is_in(other)

    challenge, made = challenge_of(browser.get(ADD)), Authenticator()
    asked = dict(browser.session.items())
    statuses = []
    for _ in range(2):
        session = browser.session
        session.update(asked)
        session.save()
        statuses.append(browser.post(ADD, {"credential": made.make(challenge)}).status_code)
    assert statuses == [302, 200]
    assert Factor.objects.filter(type="webauthn").count() == 2


@pytest.fixture
def removed_while_used(browser: Client, passkey: Authenticator) -> Iterator[None]:
    """Every factor is removed at the moment when a request is about to note that it was used."""

    def remove(**_kwargs: Any) -> None:
        Factor.objects.all().delete()

    pre_save.connect(remove, sender=Factor)
    yield
    pre_save.disconnect(remove, sender=Factor)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("removed_while_used")
@pytest.mark.parametrize("where", ["code", "second factor", "passkey"])
def test_a_factor_removed_while_it_is_used_opens_nothing_and_is_no_error_page(
    priya: User, passkey: Authenticator, where: str
) -> None:
    client = Client()
    if where == "passkey":
        answer = passkey.answer(challenge_to_sign_in(client), priya)
        assert client.post(PASSKEY, {"credential": answer}).status_code == 400
    else:
        give_password(client)
        answer = passkey.answer(challenge_of(client.get(CODE)))
        code = code_of(secret_of(priya), later=1)
        form = {"code": code} if where == "code" else {"credential": answer}
        assert client.post(CODE, form).status_code == 400
    assert not is_in(client)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("removed_while_used")
def test_a_factor_removed_while_it_confirms_is_no_error_page(
    browser: Client, priya: User, settings: Settings
) -> None:
    settings.REAUTHENTICATION_MINUTES = 15
    age(browser)
    packed = browser.get(ADD).context["packed"]
    code = code_of(secret_of(priya), later=1)
    assert browser.post(ADD, {"confirmation": packed, "code": code}).status_code == 400


def test_recovery_codes_replaced_while_one_is_checked_is_a_wrong_code(priya: User) -> None:
    with_app(priya)
    code = recovery_code_of(priya)
    give_password(client := Client())

    def replace(instance: Factor, **_kwargs: Any) -> None:
        if instance.type == Factor.Type.RECOVERY_CODES:
            Factor.objects.filter(pk=instance.pk).delete()

    post_init.connect(replace, sender=Factor)
    try:
        assert client.post(CODE, {"code": code}).status_code == 200
    finally:
        post_init.disconnect(replace, sender=Factor)
    assert not is_in(client)


@pytest.mark.parametrize("lost", ["is_active", "is_staff"])
def test_a_passkey_of_somebody_without_access_opens_nothing_and_is_in_the_access_log(
    priya: User, passkey: Authenticator, lost: str
) -> None:
    User.objects.update(**{lost: False})
    client = Client()
    for _ in range(21):
        answer = passkey.answer(challenge_to_sign_in(client), priya)
        assert client.post(PASSKEY, {"credential": answer})["Location"] == LOGIN
    assert "_auth_user_id" not in client.session
    refused = AccessEvent.objects.filter(result="refused").values_list("action", "detail")
    assert list(refused) == [("sign_in", "webauthn")] * 20


# Answers that no browser gives

DEEP, LONG = "[" * 100_000, '{"id": ' + "9" * 5_000 + "}"


@pytest.mark.parametrize("credential", [DEEP, LONG, "{", "[1]", "null", '"x"', '{"response": 5}'])
def test_whatever_is_posted_as_a_passkey_is_no_error_page(
    browser: Client, credential: str, settings: Settings
) -> None:
    form = {"credential": credential[:200_000]}
    assert Client().post(PASSKEY, form)["Location"] == LOGIN
    give_password(waiting := Client())
    assert waiting.post(CODE, form).status_code == 200
    assert browser.post(ADD, form).status_code == 200
    settings.REAUTHENTICATION_MINUTES = 15
    age(browser)
    packed = browser.get(ADD).context["packed"]
    assert browser.post(ADD, {**form, "confirmation": packed}).status_code == 403


@pytest.mark.parametrize(
    "attestation",
    [b"\x81" * 100_000, cbor.encode({"fmt": "none", "attStmt": {}, "authData": bytes(37)}), b"\x05", b""],
    ids=["deep", "no key", "a number", "nothing"],
)
def test_a_new_passkey_that_no_browser_made_is_refused(browser: Client, attestation: bytes) -> None:
    credential = Authenticator().make(challenge_of(browser.get(ADD)), attestation=attestation)
    assert browser.post(ADD, {"credential": credential}).status_code == 200
    assert not Factor.objects.filter(type="webauthn").exists()


@pytest.mark.parametrize(
    "public_key",
    [{1: 2, 3: -9999}, {1: 2, 3: -7, -1: 1}, {1: 2, 3: -7, -1: 1, -2: 5, -3: 5}, {1: "x", 3: -7}],
    ids=["unknown algorithm", "no point", "numbers", "no type"],
)
def test_a_key_that_cannot_be_checked_opens_nothing_and_is_no_error_page(
    priya: User, browser: Client, public_key: dict[int, Any]
) -> None:
    made = Authenticator()
    credential = made.make(challenge_of(browser.get(ADD)), attestation=made.attestation(public_key))
    browser.post(ADD, {"credential": credential})

    client = Client()
    answer = client.post(PASSKEY, {"credential": made.answer(challenge_to_sign_in(client), priya)})
    assert answer["Location"] == LOGIN
    assert not is_in(client)


def test_an_answer_that_says_too_much_is_no_error_page(priya: User, passkey: Authenticator) -> None:
    client = Client()
    credential = passkey.answer(challenge_to_sign_in(client), priya, extensions=b"\x81" * 50_000)
    assert client.post(PASSKEY, {"credential": credential})["Location"] == LOGIN
    assert "passkey" in client.get(LOGIN).content.decode()
