"""Single sign-on against a real provider: matched by issuer and subject, and nobody unknown gets in."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from recordings.models import AccessEvent
from recordings.signin import sso
from tests.signin.people import CODE, LOGIN, OVERVIEW, a_person, code_of, give_password, with_app

pytestmark = [pytest.mark.django_db, pytest.mark.once]
START, BACK, ACCOUNT = "/admin/login/sso/", "/admin/login/sso/callback/", "/admin/your-account/"


@pytest.fixture(autouse=True)
def _configured(settings: Settings, issuer: str) -> None:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID = issuer, "portal"
    settings.OIDC_CLIENT_SECRET, settings.OIDC_LABEL = "secret-of-the-client", "Example ID"
    settings.OIDC_TRUSTS_EMAIL = True
    settings.REAUTHENTICATION_MINUTES = 15  # as outside local mode


@pytest.fixture
def priya() -> User:
    return a_person()


def at_the_issuer(address: str, **form: str) -> str:
    """Do at the issuer what a person does there, and return the address that they are sent back to."""
    answer = requests.post(address, data=form, allow_redirects=False, timeout=60)
    assert answer.status_code == 302
    back = answer.headers["Location"]
    assert back.startswith("http://127.0.0.1:8000" + BACK)
    return back.removeprefix("http://127.0.0.1:8000")


def come_by(client: Client, sub: str, **form: str) -> Any:
    """Sign in as this subject of the issuer; return the portal's last answer."""
    return client.get(at_the_issuer(client.post(START, form)["Location"], sub=sub))


def is_in(client: Client) -> bool:
    return client.get(OVERVIEW).status_code == 200


def test_the_first_time_by_a_verified_address_then_by_the_subject(priya: User, settings: Settings) -> None:
    client = Client(headers={"host": "localhost"})  # addresses come from PORTAL_URL all the same
    assert "Example ID" in client.get(LOGIN).content.decode()
    assert (
        come_by(client, "sub-priya", next="/admin/recordings/call/")["Location"] == "/admin/recordings/call/"
    )
    assert is_in(client)

    settings.OIDC_TRUSTS_EMAIL = False
    User.objects.update(email="another@example.com")
    again = Client()
    come_by(again, "sub-priya")
    assert is_in(again)
    events = AccessEvent.objects.order_by("id").values_list("action", "detail")
    assert list(events) == [
        ("factor", "connected single sign-on"), ("sign_in", "socialaccount"), ("sign_in", "socialaccount"),
    ]  # fmt: skip


@pytest.mark.parametrize("sub", ["sub-unverified", "sub-stranger"])
def test_who_is_unknown_gets_no_access_and_reads_whom_to_ask(priya: User, sub: str) -> None:
    client = Client()
    answer = come_by(client, sub)
    assert answer.status_code == 403
    assert "administrator" in answer.content.decode()
    assert not is_in(client)
    assert (User.objects.count(), SocialAccount.objects.count()) == (1, 0)


def test_an_address_is_believed_only_of_an_issuer_set_so(priya: User, settings: Settings) -> None:
    settings.OIDC_TRUSTS_EMAIL = False
    assert come_by(Client(), "sub-priya").status_code == 403


def test_an_address_that_two_have_and_a_second_subject_match_nobody(priya: User) -> None:
    come_by(Client(), "sub-priya")
    assert come_by(Client(), "sub-second").status_code == 403
    SocialAccount.objects.all().delete()
    a_person("asha")
    User.objects.update(email="priya@example.com")
    assert come_by(Client(), "sub-priya").status_code == 403


def test_people_who_are_inactive_or_not_on_the_staff_do_not_get_in(priya: User) -> None:
    come_by(Client(), "sub-priya")
    for change in ({"is_active": False}, {"is_active": True, "is_staff": False}):
        User.objects.update(**change)
        client = Client()
        come_by(client, "sub-priya")
        assert "_auth_user_id" not in client.session
    refused = AccessEvent.objects.filter(result="refused").values_list("action", "detail")
    assert list(refused) == [("sign_in", "socialaccount")] * 2


def test_another_issuers_subject_is_another_person(priya: User, settings: Settings) -> None:
    come_by(Client(), "sub-priya")
    held = sso.provider_id()
    settings.OIDC_ISSUER = "https://elsewhere.example"
    assert sso.provider_id() != held


def test_the_portals_second_factor_is_asked_for_too_unless_the_issuer_asks(
    priya: User, settings: Settings
) -> None:
    settings.MFA_REQUIRED = True
    secret, client = with_app(priya), Client()
    assert come_by(client, "sub-priya")["Location"] == CODE
    assert not is_in(client)
    client.post(CODE, {"code": code_of(secret)})
    assert is_in(client)

    settings.OIDC_ASKS_SECOND_FACTOR = True
    come_by(again := Client(), "sub-priya")
    assert is_in(again)


def test_an_account_is_connected_and_disconnected_by_its_owner(priya: User, settings: Settings) -> None:
    settings.OIDC_TRUSTS_EMAIL = False
    client = Client()
    give_password(client)
    assert come_by(client, "sub-stranger", process="connect")["Location"] == ACCOUNT
    come_by(other := Client(), "sub-stranger")
    assert is_in(other)

    client.post(reverse("sso_disconnect"))
    assert come_by(Client(), "sub-stranger").status_code == 403


def test_a_stranger_connects_nothing(priya: User) -> None:
    come_by(Client(), "sub-stranger", process="connect")
    assert not SocialAccount.objects.exists()
    assert Client().post(START, {"process": "redirect", "next": OVERVIEW}).status_code == 404


def test_who_cancels_or_brings_a_foreign_answer_is_led_back(priya: User) -> None:
    client = Client()
    cancelled = client.get(at_the_issuer(client.post(START)["Location"], action="deny"))
    assert cancelled["Location"] == LOGIN
    assert "cancelled" in client.get(LOGIN).content.decode()

    theirs = at_the_issuer(Client().post(START)["Location"], sub="sub-priya")
    assert client.get(theirs)["Location"] == LOGIN
    assert not is_in(client)


def test_an_issuer_that_is_away_or_somebody_else_is_no_error_page(
    priya: User, settings: Settings, issuer: str
) -> None:
    for address in ("http://127.0.0.1:9", f"{issuer}/.well-known/openid-configuration"):
        settings.OIDC_ISSUER = address
        assert Client().post(START).status_code == 502


def test_no_secret_is_logged(priya: User, caplog: Any) -> None:
    caplog.set_level("INFO")
    client = Client()
    to = at_the_issuer(client.post(START)["Location"], sub="sub-priya")
    client.get(to)
    code = to.partition("code=")[2].partition("&")[0]
    assert code
    assert all(text not in caplog.text for text in (code, "secret-of-the-client"))
