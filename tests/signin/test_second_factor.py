"""No page before the second factor, whichever door somebody came by."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from fido2.utils import websafe_encode
from fido2.webauthn import AuthenticationResponse
from pytest_django import Settings

from recordings.models import AccessEvent
from recordings.signin.forms import check_origin
from tests.signin.people import (
    CODE,
    LOGIN,
    OVERVIEW,
    PASSWORD,
    a_person,
    code_of,
    give_password,
    recovery_code_of,
    secret_of,
    signed_in,
    with_app,
)  # fmt: skip

pytestmark = [pytest.mark.django_db, pytest.mark.once]
ACCOUNT = "/admin/your-account/"
PAGES = (
    "/admin/",
    "/admin/recordings/recording/",
    "/admin/auth/user/",
    "/admin/password_change/",
    "/admin/zone/",
)


@pytest.fixture(autouse=True)
def _required(settings: Settings) -> None:
    settings.MFA_REQUIRED = True


@pytest.fixture
def priya() -> User:
    return a_person()


def opened(client: Client) -> list[str]:
    """Which of the pages this browser may open."""
    return [page for page in PAGES if client.get(page).status_code == 200]


def test_a_password_alone_opens_nothing_where_a_factor_is_set_up(priya: User) -> None:
    with_app(priya)
    client = Client()

    assert give_password(client)["Location"] == CODE
    assert opened(client) == []
    assert client.get(OVERVIEW)["Location"].startswith(LOGIN)


def test_a_password_alone_opens_only_the_enrolment_where_none_is(priya: User) -> None:
    client = Client()

    assert give_password(client)["Location"] == OVERVIEW
    assert opened(client) == []
    assert client.get(OVERVIEW)["Location"] == ACCOUNT
    page = client.get(ACCOUNT).content.decode()
    assert reverse("mfa_activate_totp") in page
    assert "admin/recordings/recording" not in page


def test_a_session_that_got_past_the_sign_in_opens_nothing_either(priya: User) -> None:
    client = Client()
    client.force_login(priya)
    assert opened(client) == []

    with_app(priya)
    client.force_login(priya)
    assert client.get(OVERVIEW)["Location"] == f"{LOGIN}?next=%2Fadmin%2F"
    assert not client.session.keys()


def test_the_link_to_set_a_password_signs_nobody_in(priya: User) -> None:
    client = Client()
    path = reverse(
        "set_password",
        args=[urlsafe_base64_encode(force_bytes(priya.pk)), default_token_generator.make_token(priya)],
    )
    form = client.get(path, follow=True).redirect_chain[-1][0]
    new = {"new_password1": "another-long-password", "new_password2": "another-long-password"}
    assert client.post(form, new)["Location"] == LOGIN

    assert opened(client) == []


def test_a_code_of_the_app_opens_the_portal_and_leads_to_the_page_asked_for(priya: User) -> None:
    secret, client, to = with_app(priya), Client(), "/admin/recordings/recording/"
    give_password(client, to=to)

    wrong = client.post(CODE, {"code": "000000"})
    assert wrong.status_code == 200
    assert opened(client) == []
    assert client.post(CODE, {"code": code_of(secret)})["Location"] == to
    assert opened(client) == list(PAGES)


def test_a_code_works_once(priya: User) -> None:
    secret = with_app(priya)
    code, first, second = code_of(secret), Client(), Client()
    for client in (first, second):
        give_password(client)
        client.post(CODE, {"code": code})

    assert opened(first) == list(PAGES)
    assert opened(second) == []


def test_a_recovery_code_opens_the_portal_once(priya: User) -> None:
    with_app(priya)
    code, clients = recovery_code_of(priya), (Client(), Client())
    for client in clients:
        give_password(client)
        client.post(CODE, {"code": code})

    assert [opened(client) for client in clients] == [list(PAGES), []]


def test_one_persons_factor_is_no_other_persons(priya: User) -> None:
    with_app(priya)
    theirs = with_app(a_person("asha"))
    client = Client()
    give_password(client, "asha")
    client.post(CODE, {"code": code_of(theirs)})
    assert opened(client) == list(PAGES)

    client.post(reverse("admin:logout"))
    give_password(client, "priya")
    client.post(CODE, {"code": code_of(theirs, later=1)})
    assert opened(client) == []


def test_a_factor_used_half_way_counts_for_nobody_else(priya: User) -> None:
    """The session of a browser that was asked for a code is not yet anybody's."""
    with_app(priya)
    client, asha = Client(), a_person("asha")
    client.force_login(asha)
    session = client.session
    session["account_authentication_methods"] = [{"method": "mfa", "at": 0, "type": "totp"}]
    session["account_authentication_methods_user"] = str(priya.pk)
    session.save()

    assert opened(client) == []


@pytest.mark.django_db(transaction=True)
def test_an_app_is_enrolled_at_the_first_sign_in_and_its_secret_is_encrypted(priya: User) -> None:
    client = Client()
    give_password(client)
    secret = client.get(reverse("mfa_activate_totp")).context["form"].secret
    answer = client.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})

    assert answer["Location"] == reverse("mfa_view_recovery_codes")
    codes = client.get(answer["Location"]).context["unused_codes"]
    assert len(set(codes)) == 10
    assert client.get(answer["Location"]).context["can_view_codes"] is False
    assert opened(client) == list(PAGES)
    assert secret not in str(Authenticator.objects.values_list("data", flat=True))
    assert secret_of(priya) == secret
    events = AccessEvent.objects.filter(user_pk=priya.pk).values_list("action", "detail")
    assert set(events) == {
        ("sign_in", "password"), ("factor", "added totp"), ("factor", "added recovery_codes"),
    }  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_the_code_that_enrols_an_app_opens_nothing_afterwards(priya: User) -> None:
    client, other, page = Client(), Client(), reverse("mfa_activate_totp")
    give_password(client)
    code = code_of(client.get(page).context["form"].secret)
    assert client.post(page, {"code": code}).status_code == 302

    give_password(other)
    other.post(CODE, {"code": f"{code[:3]} {code[3:]}"})
    assert opened(other) == []


@pytest.mark.django_db(transaction=True)
def test_a_second_press_of_the_button_leads_to_the_recovery_codes(priya: User) -> None:
    client, page, codes = Client(), reverse("mfa_activate_totp"), reverse("mfa_view_recovery_codes")
    give_password(client)
    form = {"code": code_of(client.get(page).context["form"].secret)}
    assert [client.post(page, form)["Location"] for _ in range(2)] == [codes, codes]

    client.get(codes)
    assert client.post(page, form)["Location"] == ACCOUNT


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment_add_one_app(priya: User) -> None:
    """The other request has looked already whether there is an app, and found none."""
    client, page = Client(), reverse("mfa_activate_totp")
    give_password(client)
    form = {"code": code_of(client.get(page).context["form"].secret)}
    before = dict(client.session.items())
    client.post(page, form)
    Authenticator.objects.all().delete()
    session = client.session
    session.update(before)
    session.save()

    assert client.post(page, form).status_code == 200
    assert not Authenticator.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_whoever_removes_the_last_factor_sets_up_another_first(priya: User) -> None:
    client = signed_in(priya, with_app(priya))

    assert client.post(reverse("mfa_deactivate_totp")).status_code == 302

    assert opened(client) == []
    assert client.get(OVERVIEW)["Location"] == ACCOUNT
    assert not Authenticator.objects.exists()


def test_nothing_is_asked_for_where_it_is_not_required(priya: User, settings: Settings) -> None:
    settings.MFA_REQUIRED = False
    client = Client()

    assert give_password(client)["Location"] == OVERVIEW
    assert opened(client) == list(PAGES)


def test_somebody_who_is_not_on_the_staff_is_not_let_in() -> None:
    User.objects.create_user("guest", password=PASSWORD)
    client = Client()

    page = give_password(client, "guest")
    assert page.status_code == 200
    assert (
        page.context["form"].non_field_errors()
        == give_password(Client(), "nobody").context["form"].non_field_errors()
    )
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("password", ["short-one-1", "123456789012", "password1234", "priyapriya12"])
def test_a_weak_password_is_refused(password: str) -> None:
    user = User(username="priyapriya")
    with pytest.raises(ValidationError):
        validate_password(password, user)


@pytest.mark.parametrize(
    ("origin", "is_refused"),
    [
        ("https://portal.example.com", False),
        ("https://portal.example.com.evil.example", True),
        ("https://evil.portal.example.com", True),
        ("https://portal.example.com:444", True),
        ("http://portal.example.com", True),
    ],
)
def test_a_passkey_counts_only_at_the_portals_own_address(
    origin: str, is_refused: bool, settings: Settings
) -> None:
    settings.PORTAL_URL = "https://portal.example.com"
    data = {"type": "webauthn.get", "challenge": "eA", "origin": origin}
    made = {name: websafe_encode(b"x") for name in ("id", "rawId")}
    response = {
        "clientDataJSON": websafe_encode(json.dumps(data).encode()),
        "authenticatorData": websafe_encode(bytes(37)),
        "signature": websafe_encode(b"x"),
    }
    refused = pytest.raises(ValidationError, match="another address") if is_refused else nullcontext()
    with refused:
        check_origin({**made, "response": response, "type": "public-key"}, AuthenticationResponse)


# A lost device


def test_a_superuser_resets_a_lost_factor_and_it_is_logged(priya: User) -> None:
    asha, client = a_person("asha"), signed_in(priya, with_app(priya))
    theirs = signed_in(asha, with_app(asha))
    page = f"/admin/auth/user/{asha.pk}/reset-second-factor/"

    assert client.get(page).status_code == 200
    assert Authenticator.objects.filter(user=asha).exists()
    assert client.post(page)["Location"] == f"/admin/auth/user/{asha.pk}/change/"

    assert not Authenticator.objects.filter(user=asha).exists()
    assert opened(theirs) == []
    event = AccessEvent.objects.get(action="factor", detail__startswith="reset")
    assert (event.username, event.detail) == ("priya", f"reset of user {asha.pk}")


def test_the_last_superuser_comes_back_by_the_command(priya: User, capsys: Any) -> None:
    with_app(priya)
    call_command("reset_second_factor", "priya")

    assert not Authenticator.objects.exists()
    assert AccessEvent.objects.get(action="factor").detail == "reset at the command line"


def test_a_log_line_of_a_sign_in_names_no_secret(priya: User, caplog: Any) -> None:
    caplog.set_level("INFO")
    secret = with_app(priya)
    code = code_of(secret)
    client = Client()
    give_password(client)
    client.post(CODE, {"code": "999999"})
    client.post(CODE, {"code": code})

    lines = [one.getMessage() for one in caplog.records if one.name == "recordings.signin"]
    assert len(lines) == 2
    assert all(text not in caplog.text for text in (secret, code, "999999", PASSWORD))


def _changes_it(priya: User) -> None:
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert signed_in(priya, secret_of(priya)).post("/admin/password_change/", form).status_code == 302


def _sets_it_by_a_link(priya: User) -> None:
    link = reverse("set_password", args=[urlsafe_base64_encode(force_bytes(priya.pk)),
                                         default_token_generator.make_token(priya)])  # fmt: skip
    browser = Client()
    form = browser.get(link)["Location"]
    assert browser.post(form, {"new_password1": NEW, "new_password2": NEW}).status_code == 302


def _superuser_sets_it(priya: User) -> None:
    with_app(asha := a_person("asha"))
    browser = signed_in(asha, secret_of(asha))
    path = f"/admin/auth/user/{priya.pk}/password/"
    assert browser.post(path, {"new_password1": NEW, "new_password2": NEW}).status_code == 302


def _superuser_removes_it(priya: User) -> None:
    with_app(asha := a_person("asha"))
    browser = signed_in(asha, secret_of(asha))
    assert browser.post(f"/admin/auth/user/{priya.pk}/password/", {"remove": "1"}).status_code == 302


NEW = "another-long-password"


@pytest.mark.parametrize(
    "change", [_changes_it, _sets_it_by_a_link, _superuser_sets_it, _superuser_removes_it]
)
def test_a_sign_in_that_waits_for_the_factor_ends_with_its_password(
    priya: User, change: Callable[[User], None]
) -> None:
    with_app(priya)
    waiting = Client()
    assert give_password(waiting)["Location"] == CODE
    change(priya)

    assert waiting.post(CODE, {"code": recovery_code_of(priya)})["Location"] == LOGIN
    assert "no longer valid" in waiting.get(LOGIN).content.decode()
    assert opened(waiting) == []
    assert waiting.get(CODE)["Location"] == LOGIN


def test_a_sign_in_that_waits_for_the_factor_ends_with_its_person(priya: User) -> None:
    with_app(priya)
    waiting = Client()
    give_password(waiting)
    priya.delete()

    assert waiting.post(CODE, {"code": "123456"})["Location"] == LOGIN
    assert waiting.get(CODE).status_code == 302


@pytest.mark.parametrize("lost", ["is_active", "is_staff"])
def test_a_sign_in_that_waits_for_the_factor_ends_with_the_persons_access(priya: User, lost: str) -> None:
    with_app(priya)
    waiting = Client()
    give_password(waiting)
    User.objects.update(**{lost: False})

    assert waiting.post(CODE, {"code": recovery_code_of(priya)})["Location"] == LOGIN
    assert not AccessEvent.objects.filter(result="ok").exists()
    User.objects.update(**{lost: True})
    assert opened(waiting) == []
