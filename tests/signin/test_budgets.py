"""Guesses are counted before anything costly, and use up nothing that the right person needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as in_force
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time
from pytest_django import Settings

from recordings import mail
from recordings.models import AccessEvent
from recordings.signin import budgets
from recordings.signin.budgets import GuessRefusedError, Turns, guess
from tests.signin.people import CODE, LOGIN, OVERVIEW, PASSWORD, a_person, code_of, give_password, with_app
from tests.waiting import eventually

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).parent.parent.parent
WRONG = "a-wrong-password"


@pytest.fixture
def priya() -> User:
    return a_person()


def from_address(address: str) -> Client:
    return Client(REMOTE_ADDR=address)


def use_up(user: User) -> None:
    """As if it was guessed at all day, from everywhere."""
    draw(budgets.PASSWORD.account, f"user {user.pk}", 100)


def test_from_however_many_addresses_an_account_is_guessed_at_a_hundred_times_a_day() -> None:
    people = [a_person(f"person{at}") for at in range(2)]
    worked_on = dict.fromkeys(people, 0)
    for at in range(210):
        request = RequestFactory().post(LOGIN, REMOTE_ADDR=f"10.0.{at}.7")
        try:
            with guess(request, budgets.PASSWORD, people[at % 2]):
                worked_on[people[at % 2]] += 1
        except GuessRefusedError:
            continue
    assert set(worked_on.values()) == {100}


def draw(budget: budgets.Budget, subject: str, times: int) -> None:
    """Take from a budget, without the work."""
    for _ in range(times):
        assert budget.take(subject)


@pytest.mark.parametrize(
    ("network", "addresses"),
    [
        ("198.51.100.7", ["198.51.100.7"] * 3),
        ("198.51.100.7", ["::ffff:198.51.100.7"] * 3),  # on a socket that takes both
        ("2001:db8::/64", [f"2001:db8::{at:x}" for at in range(3)]),
    ],
)
def test_an_address_has_a_budget_and_a_network_is_one_address(
    priya: User, network: str, addresses: list[str]
) -> None:
    draw(budgets.ADDRESS, network, 48)
    statuses = [give_password(from_address(one), f"no{one}", WRONG).status_code for one in addresses]
    assert statuses == [200, 200, 429]
    assert give_password(from_address("198.51.100.8")).status_code == 302


def test_somebody_right_costs_the_address_nothing(priya: User) -> None:
    """As when everybody in an office comes in the morning."""
    draw(budgets.ADDRESS, "198.51.100.7", 49)
    for _ in range(3):
        assert give_password(from_address("198.51.100.7")).status_code == 302


def test_nothing_is_hashed_once_a_budget_is_used_up(priya: User, settings: Settings) -> None:
    use_up(priya)
    settings.PASSWORD_HASHERS = ["tests.signin.test_budgets.NoHasher"]

    answer = give_password(Client())
    assert answer.status_code == 429
    assert "passkey" in answer.content.decode()
    assert "_auth_user_id" not in answer.client.session


class NoHasher:
    """A hasher that must not be asked."""

    algorithm = "none"

    def __init__(self) -> None:
        raise AssertionError("a password was hashed")


def test_the_right_person_gets_in_from_a_known_browser(priya: User) -> None:
    known = Client()
    give_password(known)
    known.post(reverse("admin:logout"))
    use_up(priya)

    assert give_password(Client()).status_code == 429
    assert give_password(known)["Location"] == OVERVIEW


def test_the_right_person_gets_in_from_a_new_browser_by_a_link_to_set_a_password(priya: User) -> None:
    use_up(priya)
    new, password = Client(), "eight-lotus-parcels"
    form = new.get(mail.password_link(priya).removeprefix(in_force.PORTAL_URL))["Location"]
    new.post(form, {"new_password1": password, "new_password2": password})

    assert give_password(new, password=password)["Location"] == OVERVIEW
    assert give_password(Client(), password=password).status_code == 429


def test_a_known_browser_has_a_budget_too_and_another_persons_cookie_none(priya: User) -> None:
    known, asha = Client(), a_person("asha")
    give_password(known)
    known.post(reverse("admin:logout"))
    draw(
        budgets.PASSWORD.browser,
        f"{priya.pk} {budgets.known_device(known.get(LOGIN).wsgi_request, priya)}",
        48,
    )
    statuses = [give_password(known, password=WRONG).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]

    use_up(asha)
    assert give_password(known, "asha").status_code == 429


def test_a_cookie_that_the_portal_did_not_sign_makes_no_browser_known(priya: User) -> None:
    use_up(priya)
    for value in ("", "x", "eyIxIjoiYSJ9:1abc:xyz", "null"):
        client = Client()
        client.cookies["device"] = value
        assert give_password(client).status_code == 429


def test_a_browser_is_forgotten_after_half_a_year(priya: User) -> None:
    answer = HttpResponse()
    with freeze_time("2026-01-01"):
        budgets.remember_device(RequestFactory().get("/"), answer, priya)
    again = RequestFactory().get("/")
    again.COOKIES["device"] = answer.cookies["device"].value
    with freeze_time("2026-06-29"):
        assert budgets.known_device(again, priya)
    with freeze_time("2026-07-01"):
        assert not budgets.known_device(again, priya)


@pytest.mark.django_db(transaction=True)
def test_a_guess_for_which_another_leaves_no_room_costs_the_account_nothing(priya: User) -> None:
    """The address's last guess is taken while this one waits for its turn."""
    address, held = "10.7.0.1", threading.Event()

    def be_faster() -> None:
        with budgets.STRANGERS.turn():
            held.set()
            time.sleep(0.3)  # the other one looks, and waits
            cache.set(budgets.ADDRESS._key(address), budgets.ADDRESS.limit, 60)
        connection.close()

    faster = threading.Thread(target=be_faster)
    faster.start()
    held.wait(60)
    request = RequestFactory().post("/", REMOTE_ADDR=address)
    with pytest.raises(GuessRefusedError), guess(request, budgets.PASSWORD, priya):
        pass
    faster.join()
    assert not cache.get(budgets.PASSWORD.account._key(f"user {priya.pk}"))


def test_unknown_names_are_counted_as_accounts_are() -> None:
    draw(budgets.PASSWORD.account, "name nobody", 99)
    statuses = [give_password(from_address(f"10.9.{at}.1"), "Nobody", WRONG).status_code for at in range(2)]
    assert statuses == [200, 429]


def test_codes_are_counted_too_and_the_password_is_no_way_around(priya: User, settings: Settings) -> None:
    secret = with_app(priya)
    client = Client()
    give_password(client)
    for _ in range(20):
        assert client.post(CODE, {"code": "000000"}).status_code == 200
    give_password(client)
    client.post(CODE, {"code": code_of(secret)})
    assert client.get(OVERVIEW).status_code == 302


def test_right_codes_and_passwords_cost_the_account_nothing(priya: User) -> None:
    """Also those of somebody who is signed in."""
    secret = with_app(priya)
    client = Client()
    give_password(client)
    client.post(CODE, {"code": code_of(secret)})
    new = "another-long-password"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert client.post("/admin/password_change/", form).status_code == 302

    device = budgets.known_device(client.get(OVERVIEW).wsgi_request, priya)
    for budget, subject in (
        (budgets.CODE.account, f"user {priya.pk}"), (budgets.ADDRESS, "127.0.0.1"),
        (budgets.PASSWORD.account, f"user {priya.pk}"), (budgets.PASSWORD.browser, f"{priya.pk} {device}"),
    ):  # fmt: skip
        assert not cache.get(budget._key(subject)), budget.name


@pytest.mark.parametrize(("path", "budget"), [("sso/", budgets.SSO), ("passkey/", budgets.PASSKEYS)])
def test_what_is_asked_of_an_issuer_or_kept_in_a_session_has_a_budget(
    settings: Settings, path: str, budget: budgets.Budget
) -> None:
    settings.PORTAL_URL, settings.OIDC_CLIENT_ID = "http://localhost:8000", "portal"
    settings.OIDC_ISSUER = "http://127.0.0.1:9"
    draw(budget, "127.0.0.1", 199)
    statuses = [Client().post(LOGIN + path).status_code for _ in range(2)]
    assert (statuses[0] != 429, statuses[1]) == (True, 429)


def test_a_wrong_password_of_a_known_person_is_in_the_access_log(priya: User, caplog: Any) -> None:
    caplog.set_level("INFO")
    give_password(Client(), password=WRONG)
    give_password(Client(), "my-password-in-the-wrong-field", WRONG)

    event = AccessEvent.objects.get()
    assert (event.action, event.result, event.username) == ("sign_in", "refused", "priya")
    assert WRONG not in caplog.text
    assert "wrong-field" not in caplog.text


def test_a_confirmation_is_a_guess_as_well(priya: User, settings: Settings) -> None:
    client = Client()
    give_password(client)
    settings.REAUTHENTICATION_MINUTES = 15
    session = client.session
    session["account_authentication_methods"][0]["at"] -= 1_000
    session.save()
    hidden = {"confirmation": client.post("/admin/auth/group/add/", {"name": "x"}).context["packed"]}

    device = budgets.known_device(client.post(OVERVIEW).wsgi_request, priya)
    draw(budgets.PASSWORD.browser, f"{priya.pk} {device}", 49)
    client.post("/admin/auth/group/add/", {**hidden, "password": WRONG})
    assert client.post("/admin/auth/group/add/", {**hidden, "password": PASSWORD}).status_code == 403


def test_a_wrong_password_of_somebody_signed_in_is_in_the_access_log_too(
    priya: User, settings: Settings
) -> None:
    client = Client()
    give_password(client)
    wrong = {"old_password": WRONG, "new_password1": "another-long-password", "new_password2": "x"}
    client.post("/admin/password_change/", wrong)
    settings.REAUTHENTICATION_MINUTES = 15
    session = client.session
    session["account_authentication_methods"][0]["at"] -= 1_000
    session.save()
    hidden = {"confirmation": client.post("/admin/auth/group/add/", {"name": "x"}).context["packed"]}
    client.post("/admin/auth/group/add/", {**hidden, "password": WRONG})

    refused = AccessEvent.objects.filter(result="refused").values_list("action", "detail")
    assert list(refused) == [("sign_in", "password")] * 2


def test_wrong_passkeys_are_in_the_access_log_and_do_not_fill_it(priya: User, settings: Settings) -> None:
    settings.PORTAL_URL = "http://localhost:8000"
    with_app(priya)
    give_password(client := Client())
    for _ in range(25):
        assert client.post(CODE, {"credential": json.dumps({"id": "x"})}).status_code == 200
    assert AccessEvent.objects.filter(result="refused", detail="webauthn").count() == 20


def test_so_many_at_once_a_few_wait_and_the_rest_is_refused_at_once() -> None:
    turns, hold, told = Turns(1, 1), threading.Event(), []

    def go() -> None:
        with turns.turn() as has_turn:
            told.append(has_turn)
            if has_turn:
                hold.wait(60)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    eventually(lambda: told.count(False) == 2)
    hold.set()
    for thread in threads:
        thread.join()
    assert sorted(told) == [False, False, True, True]


GUESS = """
import django; django.setup()
from django.contrib.auth.models import User
from django.test import RequestFactory
from recordings.signin import budgets
user, allowed = User.objects.get(), 0
for at in range(100):
    try:
        with budgets.guess(RequestFactory().post("/", REMOTE_ADDR=f"10.1.{at}.1"), budgets.PASSWORD, user):
            allowed += 1
    except budgets.GuessRefusedError:
        pass
print(allowed)
"""


@pytest.mark.django_db(transaction=True)
def test_two_processes_count_together(priya: User) -> None:
    database = connection.settings_dict
    url = f"sqlite:///{database['NAME']}"
    if connection.vendor == "postgresql":
        at = f"{database['USER']}:{database['PASSWORD']}@{database['HOST'] or '127.0.0.1'}:{database['PORT'] or 5432}"
        url = f"postgres://{at}/{database['NAME']}"
    environment = {
        **os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "vobiz_portal.settings",
        "VAR_DIR": str(in_force.VAR_DIR),
    }  # fmt: skip
    both = [
        subprocess.Popen([sys.executable, "-c", GUESS], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    told = [json.loads(one.communicate(timeout=300)[0]) for one in both]
    assert sum(told) == 100


def test_a_right_guess_is_given_back_also_where_its_day_ends_at_that_moment() -> None:
    budget, start = budgets.PASSWORD.account, timezone.now()
    with freeze_time(start):
        assert budget.take("user 1")
    end = start + timedelta(seconds=budget.seconds)
    with freeze_time(end - timedelta(seconds=1), auto_tick_seconds=2):  # it is there, and then it is not
        budget.give_back("user 1")
    with freeze_time(end):
        assert budget.take("user 1")
