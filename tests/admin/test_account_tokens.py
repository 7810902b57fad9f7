"""A token goes in, is tried, and never comes out."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from recordings.models import Account
from tests.admin.conftest import Person
from tests.admin.rows import an_event
from tests.conftest import MAIN, OTHER, TOKENS
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox
from vobiz_portal.sandbox.state import SandboxState

pytestmark = pytest.mark.once

ADD = "/admin/recordings/account/add/"
NEW, WRONG = "brand_new_token_0000004242", "no_such_token_anywhere_a1b2"
FORM: dict[str, Any] = {
    "name": "Main", "is_active": "on", "archive_automatically": "on", "default_time_limit": "4 h",
    "default_file_format": "mp3", "default_channels": "stereo", "retention_days": "30",
    "time_zone": "Asia/Kolkata", "keep_former_hours": "24",
}  # fmt: skip


def change(account: Account) -> str:
    return reverse("admin:recordings_account_change", args=[account.pk])


def errors(response: Any, field: str) -> str:
    return " ".join(response.context["adminform"].form.errors.get(field, []))


def said(response: Any) -> str:
    return " ".join(str(message) for message in response.context["messages"])


def test_an_account_is_connected_with_a_token_that_vobiz_takes(
    db: None, sandbox: Sandbox, boss: Client
) -> None:
    answer = boss.post(ADD, {**FORM, "auth_id": MAIN, "name": "", "token": TOKENS[MAIN]})

    assert answer.status_code == 302
    account = Account.objects.get()
    assert (account.auth_id, account.token, account.name) == (MAIN, TOKENS[MAIN], "Main")
    assert LogEntry.objects.get().get_change_message() == "Added."


def test_a_token_that_vobiz_refuses_connects_nothing(db: None, sandbox: Sandbox, boss: Client) -> None:
    answer = boss.post(ADD, {**FORM, "auth_id": MAIN, "token": WRONG, "save_unchecked": "on"})

    assert answer.status_code == 200
    assert "Vobiz refused Auth ID MA_…668 with the token ending …a1b2" in errors(answer, "token")
    assert "Nothing was stored." in errors(answer, "token")
    assert WRONG not in answer.content.decode()
    assert not Account.objects.exists()


def test_an_account_needs_a_token(db: None, sandbox: Sandbox, boss: Client) -> None:
    answer = boss.post(ADD, {**FORM, "auth_id": MAIN})

    assert "An account needs its token." in errors(answer, "token")


@pytest.mark.parametrize("auth_id", ["../MA", "BulkDelete", "MA x", ""])
def test_what_is_no_auth_id_is_not_asked_about(
    sandbox: Sandbox, world: SandboxState, boss: Client, auth_id: str
) -> None:
    answer = boss.post(ADD, {**FORM, "auth_id": auth_id, "token": NEW})

    assert answer.status_code == 200
    assert not Account.objects.exists()
    assert not world.ledger.of("request")


def test_a_new_token_replaces_the_old_one_only_when_vobiz_takes_it(
    account: Account, world: SandboxState, boss: Client
) -> None:
    refused = boss.post(change(account), {**FORM, "token": WRONG})
    account.refresh_from_db()
    assert "Vobiz refused Auth ID MA_…668 with the token ending …a1b2" in errors(refused, "token")
    assert "The old token stays in use." in errors(refused, "token")
    assert account.token == TOKENS[MAIN]

    world.accounts[MAIN].token = NEW
    before = timezone.now()
    taken = boss.post(change(account), {**FORM, "token": NEW})
    account.refresh_from_db()
    assert taken.status_code == 302
    assert account.token == NEW
    assert account.callback_tokens(timezone.now()) == (NEW, TOKENS[MAIN])
    assert account.former_token_until is not None
    assert (
        timedelta(hours=23, minutes=59) < account.former_token_until - before < timedelta(hours=24, minutes=1)
    )
    assert LogEntry.objects.latest("pk").get_change_message() == "Changed Auth token."
    shown = boss.get(change(account)).content.decode()
    assert "accepted for callbacks until" in shown
    assert "Leave empty to keep the one that ends in …4242." in shown


def test_the_former_token_can_be_ended_at_once(account: Account, world: SandboxState, boss: Client) -> None:
    world.accounts[MAIN].token = NEW

    boss.post(change(account), {**FORM, "token": NEW, "keep_former_hours": "0"})

    account.refresh_from_db()
    assert account.callback_tokens(timezone.now()) == (NEW,)


def test_the_token_of_another_account_is_refused(account: Account, world: SandboxState, boss: Client) -> None:
    world.faults.plan(Fault(on="auth.me", stage="after", edit=lambda answer: {**answer, "auth_id": OTHER}))

    answer = boss.post(change(account), {**FORM, "token": TOKENS[MAIN], "save_unchecked": "on"})

    assert f"Vobiz answered for {OTHER}, not for {MAIN}" in errors(answer, "token")


def test_where_vobiz_is_away_a_token_is_stored_only_when_somebody_says_so(
    account: Account, world: SandboxState, boss: Client
) -> None:
    world.faults.plan(Fault(on="auth.me", drop="before", times=None))

    hesitant = boss.post(change(account), {**FORM, "token": NEW})
    account.refresh_from_db()
    assert "tick “Save without testing”" in errors(hesitant, "token")
    assert account.token == TOKENS[MAIN]

    sure = boss.post(change(account), {**FORM, "token": NEW, "save_unchecked": "on"}, follow=True)
    account.refresh_from_db()
    assert account.token == NEW
    assert "stored, but not tested" in said(sure)


def test_vobiz_is_not_waited_for_inside_a_transaction(
    account: Account, world: SandboxState, boss: Client
) -> None:
    ours, depths = connections["default"], []  # the test's own, looked at from the sandbox's thread
    world.faults.plan(Fault(on="auth.me", first=lambda _world: depths.append(len(ours.savepoint_ids))))
    world.accounts[MAIN].token = NEW

    boss.post(change(account), {**FORM, "token": NEW})

    assert depths == [len(ours.savepoint_ids)]


def test_without_the_permission_no_token_is_seen_tried_or_changed(
    account: Account, world: SandboxState, staff: Person
) -> None:
    client = staff("view_account", "change_account", accounts=[account])
    page = client.get(change(account)).content.decode()
    asked = len(world.ledger.of("request"))

    answer = client.post(change(account), {**FORM, "token": NEW, "name": "Renamed"})

    assert 'name="token"' not in page
    assert answer.status_code == 403
    assert len(world.ledger.of("request")) == asked
    account.refresh_from_db()
    assert (account.token, account.name) == (TOKENS[MAIN], "Main")
    assert client.post(change(account), {**FORM, "name": "Renamed"}).status_code == 302
    assert staff("add_account", accounts=[account]).get(ADD).status_code == 403


def test_a_foreign_accounts_token_is_not_tried(
    account: Account, stranger: Account, world: SandboxState, staff: Person
) -> None:
    client = staff("change_account", "change_token", accounts=[account])
    asked = len(world.ledger.of("request"))

    assert client.post(change(stranger), {**FORM, "token": NEW}).status_code == 404
    assert len(world.ledger.of("request")) == asked


def test_a_saved_form_writes_only_what_was_changed(account: Account, boss: Client) -> None:
    """Callbacks and live pages write to the same row while the form is open."""
    with CaptureQueriesContext(connections["default"]) as captured:
        boss.post(change(account), {**FORM, "name": "Renamed"})

    updates = [query["sql"] for query in captured if query["sql"].startswith('UPDATE "recordings_account"')]
    assert len(updates) == 1
    assert updates[0].startswith('UPDATE "recordings_account" SET "name" = ')
    assert '", "' not in updates[0]
    account.refresh_from_db()
    assert account.name == "Renamed"


def test_after_a_new_token_the_refused_callbacks_are_offered_by_name(
    account: Account, world: SandboxState, boss: Client
) -> None:
    an_event(account, outcome="refused", trust="refused")
    world.accounts[MAIN].token = NEW

    answer = boss.post(change(account), {**FORM, "token": NEW}, follow=True)

    page = answer.content.decode()
    assert "1 callback of this account was rejected before." in page
    assert f'<a href="{change(account)}#rejected">Process rejected callbacks again</a>' in page


def test_no_page_and_no_log_shows_a_token(
    account: Account, world: SandboxState, boss: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    pages = []
    for token in (WRONG, NEW):
        world.accounts[MAIN].token = NEW
        pages.append(boss.post(change(account), {**FORM, "token": token}, follow=True))
    pages += [boss.get(change(account)), boss.get("/admin/"), boss.get("/admin/recordings/account/")]
    pages += [boss.post(reverse("admin:recordings_account_test", args=[account.pk]), follow=True)]
    pages += [boss.get(reverse("admin:recordings_account_history", args=[account.pk]))]

    for secret in (TOKENS[MAIN], WRONG, NEW):
        assert all(secret not in page.content.decode() for page in pages)
        assert secret not in caplog.text
        assert not LogEntry.objects.filter(change_message__contains=secret).exists()


def test_the_browser_is_told_not_to_remember_the_token(account: Account, boss: Client) -> None:
    page = boss.get(change(account)).content.decode()

    box = page[page.index('name="token"') - 120 : page.index('name="token"') + 160]
    assert 'type="password"' in box
    assert 'autocomplete="new-password"' in box
    assert "value=" not in box


def test_the_secret_of_trunk_webhooks_is_stored_encrypted_kept_and_removed(
    account: Account, boss: Client
) -> None:
    secret, header = "whsec_only_for_tests_42", "X-Trunk-Hmac"
    boss.post(change(account), {**FORM, "webhook_secret": secret, "webhook_header": header})
    account.refresh_from_db()
    assert (account.webhook_secret, account.webhook_header) == (secret, header)
    assert account.refused_due_at is not None  # what was refused under the former secret is verified again
    assert secret not in str(account.encrypted_webhook_secret)
    assert secret not in boss.get(change(account)).content.decode()

    boss.post(change(account), {**FORM, "webhook_header": ""})
    account.refresh_from_db()
    assert (account.webhook_secret, account.webhook_header) == (secret, None)

    boss.post(change(account), {**FORM, "forget_webhook_secret": "on"})
    account.refresh_from_db()
    assert account.webhook_secret is None
