"""Sessions end by themselves, by their owner, and with a changed password or factor."""

from __future__ import annotations

import time
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django import Settings

from recordings.signin.sessions import ACTIVE, BEGAN
from tests.signin.people import (
    LOGIN,
    OVERVIEW,
    PASSWORD,
    a_person,
    code_of,
    give_password,
    signed_in,
    with_app,
)  # fmt: skip

pytestmark = [pytest.mark.django_db, pytest.mark.once]
ACCOUNT, END = "/admin/your-account/", "/admin/your-account/sessions/"
REFRESH = {"X-Background-Refresh": "1", "Referer": "http://testserver/admin/recordings/call/live/?state=live"}


@pytest.fixture
def priya() -> User:
    return a_person()


@pytest.fixture
def browser(priya: User) -> Client:
    client = Client()
    give_password(client)
    return client


def age(client: Client, **hours: float) -> None:
    """Let hours pass since the session began, or since somebody did something in it."""
    session = client.session
    for key, name in ((BEGAN, "began"), (ACTIVE, "active")):
        session[key] -= hours.get(name, 0) * 3_600
    session.save()


def is_in(client: Client) -> bool:
    return client.get(OVERVIEW).status_code == 200


def test_a_session_ends_when_nobody_did_anything_for_twelve_hours(browser: Client) -> None:
    age(browser, active=11.9)
    assert is_in(browser)
    age(browser, active=12.1)
    assert browser.get(OVERVIEW)["Location"] == f"{LOGIN}?next=/admin/"
    assert "_auth_user_id" not in browser.session


def test_a_session_ends_after_seven_days_whatever_was_done(browser: Client) -> None:
    age(browser, began=6.9 * 24)
    assert is_in(browser)
    age(browser, began=24)
    assert not is_in(browser)


def test_the_limits_are_settings(browser: Client, settings: Settings) -> None:
    settings.SESSION_IDLE_HOURS, settings.SESSION_MAX_DAYS = 1, 1
    age(browser, active=1.1)
    assert not is_in(browser)


def test_a_page_that_refreshes_itself_keeps_no_session_alive(browser: Client) -> None:
    age(browser, active=6)
    assert browser.get(OVERVIEW, headers=REFRESH).status_code == 200
    age(browser, active=6.1)
    assert browser.get(OVERVIEW, headers=REFRESH).status_code == 401


def test_what_a_person_does_keeps_it_alive_and_is_written_once_a_minute(browser: Client) -> None:
    age(browser, active=6)
    assert is_in(browser)
    assert time.time() - browser.session[ACTIVE] < 5
    at = browser.session[ACTIVE]
    assert is_in(browser)
    assert browser.session[ACTIVE] == at


def test_a_refresh_after_the_end_says_so_in_place_and_leads_back(browser: Client) -> None:
    age(browser, active=13)
    for client in (browser, Client()):
        answer = client.get(OVERVIEW, headers=REFRESH)
        page = answer.content.decode()
        assert answer.status_code == 401
        assert "Logged out." in page
        assert 'href="/admin/login/?next=%2Fadmin%2Frecordings%2Fcall%2Flive%2F%3Fstate%3Dlive"' in page
    evil = Client().get(OVERVIEW, headers={**REFRESH, "Referer": "https://evil.example/x"}).content.decode()
    assert 'href="/admin/login/"' in evil


@pytest.mark.parametrize("referer", ["http://[x", "http://[::1", "//[", "http://a]b", "\\\\[", "%"])
def test_a_referer_that_cannot_be_read_leads_to_the_overview(db: None, referer: str) -> None:
    answer = Client().get(OVERVIEW, headers={**REFRESH, "Referer": referer})
    assert answer.status_code == 401
    assert 'href="/admin/login/"' in answer.content.decode()


# One's sessions


def test_the_page_lists_ones_sessions_and_ends_the_others(priya: User, browser: Client) -> None:
    other, third = Client(), Client(headers={"user-agent": "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0"})
    give_password(other)
    give_password(third)
    stranger = a_person("asha")
    give_password(elsewhere := Client(), "asha")

    page = browser.get(ACCOUNT)
    assert len(page.context["sessions"]) == 3
    assert "Firefox, Windows" in page.content.decode()

    foreign = UserSession.objects.get(user=stranger)
    browser.post(END, {"session": foreign.pk})
    assert is_in(elsewhere)
    one = UserSession.objects.get(user=priya, session_key=third.session.session_key)
    assert browser.post(END, {"session": one.pk})["Location"] == ACCOUNT
    assert [is_in(client) for client in (browser, other, third)] == [True, True, False]
    browser.post(END)
    assert [is_in(client) for client in (browser, other, third)] == [True, False, False]
    assert is_in(elsewhere)


def test_the_list_takes_the_same_queries_for_any_number(priya: User, browser: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as counted:
            browser.get(ACCOUNT)
        return len(counted)

    queries()
    few = queries()
    for _ in range(4):
        give_password(Client())
    assert queries() == few


def test_a_new_password_ends_the_others_and_not_this_one(priya: User, browser: Client) -> None:
    give_password(other := Client())
    new = "another-long-password"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert browser.post("/admin/password_change/", form)["Location"] == "/admin/password_change/done/"

    assert [is_in(browser), is_in(other)] == [True, False]
    assert [one.session_key for one in UserSession.objects.all()] == [browser.session.session_key]


@pytest.mark.django_db(transaction=True)
def test_a_new_factor_ends_the_others(priya: User, browser: Client) -> None:
    give_password(other := Client())
    secret = browser.get(reverse("mfa_activate_totp")).context["form"].secret
    browser.post(reverse("mfa_activate_totp"), {"code": code_of(secret)})

    assert [is_in(browser), is_in(other)] == [True, False]


# Asked again


@pytest.fixture
def later(browser: Client, settings: Settings) -> Client:
    """The browser, sixteen minutes after the sign-in."""
    settings.REAUTHENTICATION_MINUTES = 15
    age_records(browser, 16)
    return browser


def age_records(client: Client, minutes: float) -> None:
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= minutes * 60
    session.save()


ADD = "/admin/auth/user/add/"
FORM = {
    "username": "new",
    "first_name": "Zoë & <Co>",
    "is_active": "on",
    "is_staff": "on",
    "groups": ["1", "2"],
}


def confirmation(answer: Any) -> dict[str, str]:
    """What the question's form sends along."""
    assert answer.status_code == 403
    assert "no-store" in answer["Cache-Control"]
    return {"confirmation": answer.context["packed"]}


def test_a_change_of_users_asks_again_and_keeps_what_was_typed(later: Client) -> None:
    asked = later.post(ADD, FORM)
    hidden = confirmation(asked)
    assert not User.objects.filter(username="new").exists()
    assert "Zoë" not in asked.content.decode()  # encrypted

    wrong = later.post(ADD, {**hidden, "password": "wrong"})
    assert not User.objects.filter(username="new").exists()
    done = later.post(ADD, {**confirmation(wrong), "password": PASSWORD})

    made = User.objects.get(username="new")
    assert done.status_code == 302
    assert (made.first_name, made.groups.count()) == ("Zoë & <Co>", 2)
    assert later.post(ADD, {**FORM, "username": "other"}).status_code == 302  # not asked for a while


def test_a_code_confirms_too(priya: User, settings: Settings) -> None:
    secret = with_app(priya)
    client = signed_in(priya, secret)
    settings.REAUTHENTICATION_MINUTES = 15
    age_records(client, 16)

    hidden = confirmation(client.post(ADD, FORM))
    client.post(ADD, {**hidden, "code": "000000"})
    assert not User.objects.filter(username="new").exists()
    client.post(ADD, {**hidden, "code": code_of(secret, later=1)})
    assert User.objects.filter(username="new").exists()


EXPORTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/admin/recordings/recording/export-csv/", {}), ("/admin/recordings/recording/export-zip/", {}),
    ("/admin/recordings/call/export-csv/", {}), ("/admin/recordings/accessevent/export-csv/", {}),
    ("/admin/recordings/recording/", {"action": "export_zip", "_selected_action": ["1"]}),
    (
        "/admin/recordings/recording/",
        {"action": ["export_zip", "mark_seen"], "index": "0", "_selected_action": ["1"]},
    ),
    ("/admin/recordings/account/add/", {"auth_id": "MA_X", "token": "secret-token-0123456789"}),
    ("/admin/auth/user/1/set-up-link/", {}), ("/admin/auth/group/add/", {"name": "x"}),
    ("/admin/auth/user/", {"action": "delete_selected", "_selected_action": ["1"], "post": "yes"}),
)  # fmt: skip


@pytest.mark.parametrize(("path", "form"), EXPORTS, ids=lambda value: value if isinstance(value, str) else "")
def test_exports_tokens_and_users_ask_again(later: Client, path: str, form: dict[str, Any]) -> None:
    asked = later.post(path, form)
    confirmation(asked)
    assert "secret-token" not in asked.content.decode()


def test_ones_own_factors_ask_before_they_are_shown(later: Client) -> None:
    page = reverse("mfa_activate_totp")
    hidden = confirmation(later.get(page))
    assert later.post(page, {**hidden, "password": PASSWORD})["Location"] == page
    assert later.get(page).status_code == 200


def test_lists_and_pages_ask_nothing(later: Client) -> None:
    for path in (OVERVIEW, "/admin/auth/user/", ADD, "/admin/recordings/recording/", ACCOUNT):
        assert later.get(path).status_code == 200


def test_what_waited_is_good_for_this_person_and_this_page_only(later: Client, settings: Settings) -> None:
    hidden = confirmation(later.post(ADD, FORM))
    answer = later.post("/admin/auth/group/add/", {**hidden, "password": PASSWORD})
    assert answer["Location"] == "/admin/auth/group/add/"
    a_person("asha")
    give_password(other := Client(), "asha")
    assert other.post(ADD, {**hidden, "password": PASSWORD})["Location"] == ADD
    assert not User.objects.filter(username="new").exists()


def test_the_demo_is_asked_nothing(browser: Client) -> None:
    age_records(browser, 500)
    assert browser.post(ADD, FORM).status_code == 302
