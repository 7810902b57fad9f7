"""connect_account: credentials from the environment, tried against Vobiz, stored or rotated, never shown."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.management import find_commands, load_command_class
from pytest_django import Settings

import recordings
from recordings.models import Account
from tests.commands.shell import MANAGE, environment, manage, run
from tests.conftest import MAIN, OTHER, SUB, TOKENS
from tests.ledger import asked
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.django_db
COMMANDS = find_commands(str(Path(recordings.__file__).parent / "management"))


@pytest.fixture(autouse=True)
def credentials(sandbox: Sandbox, settings: Settings) -> None:
    settings.VOBIZ_AUTH_ID, settings.VOBIZ_AUTH_TOKEN = MAIN, TOKENS[MAIN]


def test_good_credentials_make_an_account_with_the_name_vobiz_has(world: SandboxState) -> None:
    ran = run("connect_account", "--json")
    assert (ran.code, ran.json) == (0, {"auth_id": MAIN, "created": True})
    account = Account.objects.get()
    assert (account.auth_id, account.name, account.token) == (MAIN, "Main", TOKENS[MAIN])


def test_a_second_time_the_token_is_replaced_and_the_former_stays_for_a_day(
    world: SandboxState, settings: Settings
) -> None:
    run("connect_account", "--name", "Our main account")
    world.accounts[MAIN].token = settings.VOBIZ_AUTH_TOKEN = "rotated_token_4711"

    ran = run("connect_account", "--json")

    assert ran.json == {"auth_id": MAIN, "created": False}
    account = Account.objects.get()
    assert (account.token, account.name) == ("rotated_token_4711", "Our main account")
    assert account.former_token_until is not None
    assert account.callback_tokens(account.created_at) == ("rotated_token_4711", TOKENS[MAIN])


@pytest.mark.parametrize("fault", [{"status": 401}, {"status": 503, "times": 9}, {"reply": "garbage"}])
def test_what_vobiz_did_not_accept_is_not_stored(world: SandboxState, fault: dict[str, Any]) -> None:
    world.faults.plan(Fault(on="auth.me", **fault))
    ran = run("connect_account", "--json")
    assert (ran.code, ran.stdout) == (1, "")
    assert "Nothing was stored." in ran.stderr
    assert not Account.objects.exists()


def test_a_refused_token_leaves_the_old_one(settings: Settings) -> None:
    run("connect_account")
    settings.VOBIZ_AUTH_TOKEN = "wrong-token-4711"
    ran = run("connect_account")
    assert ran.code == 1
    assert "MA_…668 with the token ending …4711" in ran.stderr
    assert Account.objects.get().token == TOKENS[MAIN]


def test_a_subaccount_is_connected_under_its_main_account(settings: Settings) -> None:
    run("connect_account")
    settings.VOBIZ_AUTH_ID, settings.VOBIZ_AUTH_TOKEN = SUB, TOKENS[SUB]
    assert run("connect_account", "--parent", MAIN).code == 0
    parent = Account.objects.get(auth_id=SUB).parent
    assert parent is not None
    assert parent.auth_id == MAIN


@pytest.mark.parametrize("parent", [OTHER, MAIN])
def test_a_parent_that_is_not_connected_or_the_account_itself_is_a_usage_error(parent: str) -> None:
    assert run("connect_account", "--parent", parent).code == 2
    assert not Account.objects.exists()


def test_a_parent_that_cannot_be_one_is_a_usage_error_and_nothing_is_stored(settings: Settings) -> None:
    run("connect_account")
    for auth_id, parent, code in ((SUB, MAIN, 0), (OTHER, SUB, 2)):
        settings.VOBIZ_AUTH_ID, settings.VOBIZ_AUTH_TOKEN = auth_id, TOKENS[auth_id]
        ran = run("connect_account", "--parent", parent)
        assert ran.code == code, ran
    assert "A sub-account cannot be a parent." in ran.stderr
    assert not Account.objects.filter(auth_id=OTHER).exists()


def test_an_id_that_is_none_is_a_usage_error_that_does_not_repeat_it(
    world: SandboxState, settings: Settings
) -> None:
    settings.VOBIZ_AUTH_ID = "secret/token put in the wrong place"
    ran = run("connect_account")
    assert ran.code == 2
    assert "secret" not in ran.stderr
    assert asked(world) == []


def test_credentials_of_another_account_are_not_taken(world: SandboxState) -> None:
    world.faults.plan(Fault(on="auth.me", edit=lambda body: {**body, "auth_id": OTHER}))
    ran = run("connect_account")
    assert ran.code == 1
    assert OTHER in ran.stderr
    assert not Account.objects.exists()


def test_reencrypt_rewrites_every_token_under_the_first_key(settings: Settings) -> None:
    run("connect_account")
    new = "a-new-first-key-0123456789abcdef0123"
    settings.TOKEN_ENCRYPTION_KEYS = [new, *settings.TOKEN_ENCRYPTION_KEYS]
    ran = run("connect_account", "--reencrypt", "--json")
    assert (ran.code, ran.json) == (0, {"reencrypted": 1, "unopened": []})
    settings.TOKEN_ENCRYPTION_KEYS = [new]
    assert Account.objects.get().token == TOKENS[MAIN]


def test_reencrypt_names_the_accounts_whose_token_no_key_opens(settings: Settings) -> None:
    run("connect_account")
    settings.TOKEN_ENCRYPTION_KEYS = ["a-key-that-opens-nothing-0123456789"]
    ran = run("connect_account", "--reencrypt", "--json")
    assert (ran.code, ran.json) == (1, {"reencrypted": 0, "unopened": [MAIN]})
    assert MAIN in ran.stderr


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_an_operators_shell_gets_json_alone_on_stdout_and_never_the_token() -> None:
    ran = manage("connect_account", "--json", VOBIZ_AUTH_ID=MAIN, VOBIZ_AUTH_TOKEN=TOKENS[MAIN])
    assert (ran.code, ran.json) == (0, {"auth_id": MAIN, "created": True})
    refused = manage("connect_account", "--json", VOBIZ_AUTH_ID=MAIN, VOBIZ_AUTH_TOKEN="wrong-token-4711")
    assert (refused.code, refused.stdout) == (1, "")
    without = manage("connect_account", "--json")
    assert (without.code, without.stdout) == (2, "")
    for said in (ran, refused, without):
        assert TOKENS[MAIN] not in said.stdout + said.stderr
        assert "wrong-token" not in said.stderr
        assert "Traceback" not in said.stderr


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_command_takes_a_secret_on_its_command_line(name: str) -> None:
    parser = load_command_class("recordings", name).create_parser("manage.py", name)
    named = " ".join(option for action in parser._actions for option in [action.dest, *action.option_strings])
    assert not [word for word in ("token", "secret", "password", "key") if word in named]


@pytest.mark.once
@pytest.mark.django_db(transaction=True)
def test_at_a_terminal_it_asks_and_shows_neither_the_token_nor_anything_but_json_on_stdout() -> None:
    keyboard, terminal = pty.openpty()
    arguments = [sys.executable, str(MANAGE), "connect_account", "--json"]
    with subprocess.Popen(
        arguments, env=environment(), stdin=terminal, stderr=terminal, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as asking:  # fmt: skip
        os.close(terminal)
        shown = b""
        for question, answer in (
            ("Auth ID (MA_… or SA_…): ", MAIN),
            ("Auth token (not shown): ", TOKENS[MAIN]),
        ):
            while question.encode() not in shown:
                shown += os.read(keyboard, 4096)
            os.write(keyboard, f"{answer}\n".encode())
        stdout, _ = asking.communicate(timeout=60)
    os.close(keyboard)
    assert (asking.returncode, json.loads(stdout)) == (0, {"auth_id": MAIN, "created": True})
    assert TOKENS[MAIN].encode() not in shown
