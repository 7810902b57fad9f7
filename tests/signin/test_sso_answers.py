"""Single sign-on with an issuer that answers what none should: nobody gets in, and nothing is an error page."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from tests.signin.people import LOGIN, OVERVIEW, a_person

pytestmark = pytest.mark.django_db
START, BACK = "/admin/login/sso/", "/admin/login/sso/callback/"
SAID = {"sub": "sub-priya", "email": "priya@example.com", "email_verified": True}
DEEP, LONG = "[" * 100_000, "9" * 5_000


class Issuer(ThreadingHTTPServer):
    """A provider whose answers a test changes: a text as it stands, anything else as JSON."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        endpoints = {f"{one}_endpoint": f"{self.url}/{one}" for one in ("authorization", "token", "userinfo")}
        self.claims = {"iss": self.url, "aud": "portal", "sub": "sub-priya", "exp": int(time.time()) + 300}
        self.answers: dict[str, Any] = {
            "configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys", **endpoints},
            "token": self.token(),
            "userinfo": SAID,
        }

    def token(self, **claims: Any) -> dict[str, str]:
        """An answer to a code, whose ID token makes these claims too."""
        made = {**self.claims, **claims}
        return {"access_token": "x", "id_token": jwt.encode(made, "k" * 32, algorithm="HS256")}


class Answers(BaseHTTPRequestHandler):
    server: Issuer

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2].removeprefix("openid-")
        said = self.server.answers[name]
        body = (said if isinstance(said, str) else json.dumps(said)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture
def issuer(settings: Settings) -> Iterator[Issuer]:
    with Issuer() as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = server.url, "portal", "s"
        settings.OIDC_TRUSTS_EMAIL = True
        a_person()
        yield server
        server.shutdown()


def come_back(client: Client) -> Any:
    """Go to the issuer and come back with a code; return the portal's last answer."""
    answer = client.post(START)
    state = parse_qs(urlsplit(answer.headers.get("Location", "")).query).get("state")
    return client.get(BACK, {"code": "c", "state": state[0]}) if state else answer


def stays_out(client: Client) -> bool:
    return client.get(OVERVIEW).status_code == 302 and not SocialAccount.objects.exists()


def test_somebody_gets_in_where_all_is_as_it_should_be(issuer: Issuer) -> None:
    assert come_back(Client())["Location"] == OVERVIEW


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another"},
        {"exp": int(time.time()) - 60},
        {"sub": "another"},
        {"exp": 10**18, "jti": "x"},
    ],
    ids=lambda claims: ", ".join(claims),
)
def test_a_token_of_or_for_somebody_else_or_of_yesterday_lets_nobody_in(
    issuer: Issuer, claims: dict[str, Any]
) -> None:
    issuer.answers["token"] = issuer.token(**claims)
    client = Client()
    assert come_back(client)["Location"] == LOGIN
    assert stays_out(client)


SHAPES: dict[str, list[Any]] = {
    "configuration": ["<html>", "", "null", "5", '"x"', "[1]", DEEP, LONG],
    "token": [
        "<html>", "", "5", "[1]", ["access_token"], DEEP, LONG, {"access_token": "x", "id_token": 5},
        *({"access_token": "x", "expires_in": value} for value in (10**30, [1], "never")),
    ],
    "userinfo": [
        "<html>", "null", "5", "[]", {}, DEEP, LONG, {**SAID, "sub": "s" * 5_000}, {**SAID, "sub": ""},
        {**SAID, "email": 5}, {**SAID, "preferred_username": {"x": 1}},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "said"), [(name, said) for name in SHAPES for said in SHAPES[name]])
def test_an_answer_of_another_shape_is_no_error_page(issuer: Issuer, name: str, said: Any) -> None:
    issuer.answers[name] = said
    client = Client()
    assert come_back(client).status_code in {302, 403, 502}
    assert stays_out(client)


@pytest.mark.parametrize("value", ["priya\x00", "priya\ud800"], ids=ascii)
@pytest.mark.parametrize("field", ["sub", "email"])
def test_a_subject_or_address_that_no_database_takes_lets_nobody_in(
    issuer: Issuer, field: str, value: str
) -> None:
    said = {**SAID, field: value}
    issuer.answers["userinfo"] = said
    issuer.answers["token"] = issuer.token(sub=said["sub"])
    client = Client()
    assert come_back(client).status_code in {302, 403}
    assert stays_out(client)


@pytest.mark.parametrize("value", ["Priya", "\x00", "\ud800", float("nan"), 10**999], ids=ascii)
def test_what_else_an_issuer_says_of_a_person_is_not_stored(issuer: Issuer, value: Any) -> None:
    issuer.answers["userinfo"] = {**SAID, "nickname": value}
    assert come_back(Client())["Location"] == OVERVIEW
    assert SocialAccount.objects.get().extra_data == {"id_token": {"sub": "sub-priya"}}


def test_an_issuer_that_names_its_methods_wrongly_is_no_error_page(issuer: Issuer) -> None:
    for wrong in (None, 5):
        issuer.answers["configuration"]["token_endpoint_auth_methods_supported"] = wrong
        cache.clear()
        assert Client().post(START).status_code == 502


def test_a_code_and_state_are_good_once_and_in_the_session_that_asked(issuer: Issuer) -> None:
    asked = parse_qs(urlsplit((client := Client()).post(START)["Location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    form = {"code": "c", "state": asked["state"][0]}
    for query in (form, {"code": "c"}, {**form, "state": ""}):
        assert (other := Client()).get(BACK, query)["Location"] == LOGIN
        assert stays_out(other)
    assert client.get(BACK, form)["Location"] == OVERVIEW
    again = Client()
    again.post(START)
    assert again.get(BACK, form)["Location"] == LOGIN
    assert client.get(BACK, form)["Location"] == LOGIN
