"""`problems()`: every fault is one problem, of its account, with its beginning; the overview tells the same ones."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recordings.choices import AlertKind, OutgoingKind, ProblemCode
from recordings.models import Account, AlertMessage, AlertWebhook, OutgoingEvent, SyncRun, Worker
from recordings.overview import counting, problems
from recordings.overview.activity import MOST_ACCOUNTS
from tests.admin.rows import a_call, a_recording, a_run, a_running, an_event

pytestmark = pytest.mark.django_db
MOST_QUERIES = 18


def hours(n: float) -> timedelta:
    return timedelta(hours=n)


def change(account: Account, **columns: Any) -> None:
    Account.objects.filter(pk=account.pk).update(**columns)


def unheard(account: Account) -> None:
    for _each in range(3):
        at = timezone.now() - hours(1)
        a_running(account, call=a_call(account), status="completed", ended_at=at, happened_at=at)


def lost(account: Account) -> None:
    change(account, first_synced_at=timezone.now() - hours(900))
    a_recording(account, gone_at_provider_at=timezone.now() - hours(3))


def undelivered(account: Account) -> None:
    webhook, _secret = AlertWebhook.create(account, "https://hooks.example.com/", "standard")
    AlertWebhook.objects.filter(pk=webhook.pk).update(sends_alerts=False)
    at = timezone.now() - hours(7)
    OutgoingEvent.objects.create(
        account=account, webhook=webhook, kind=OutgoingKind.TEST, at=at, created_at=at, error="It is away.",
    )  # fmt: skip


# One fault of each kind: what provokes it, whose it is, and since when
Fault = tuple[Callable[[Account], object], bool, float | None]
FAULTS: dict[ProblemCode, Fault] = {
    ProblemCode.CALLBACKS_SILENT: (unheard, False, None),
    ProblemCode.NO_WORKER: (
        lambda _account: Worker.objects.update(heard_at=timezone.now() - hours(1)), False, 1,
    ),
    ProblemCode.NO_TOKEN: (lambda account: change(account, encrypted_token=None), True, None),
    ProblemCode.TOKEN_REFUSED: (
        lambda account: change(account, token_refused=True, api_down_since=timezone.now() - hours(2)), True, 2,
    ),
    ProblemCode.API_DOWN: (lambda account: change(account, api_down_since=timezone.now() - hours(2)), True, 2),
    ProblemCode.ARCHIVE_STOPPED: (
        lambda account: change(account, archive_pause="no room", archive_paused_at=timezone.now() - hours(4)), True, 4,
    ),
    ProblemCode.SYNC_FAILING: (
        lambda account: a_run(account, at=timezone.now() - hours(5), state="failed", complete=False), True, 5,
    ),
    ProblemCode.CALLBACKS_REJECTED: (
        lambda account: an_event(
            account, outcome="refused", trust="refused", received_at=timezone.now() - hours(6)
        ), True, 6,
    ),
    ProblemCode.AT_RISK: (
        lambda account: a_recording(account, happened_at=timezone.now() - timedelta(days=29)), True, 144,
    ),
    ProblemCode.LOST: (lost, True, 3),
    ProblemCode.EVENTS_FAILING: (undelivered, True, 7),
}  # fmt: skip


@pytest.fixture(autouse=True)
def worker(db: None) -> Worker:
    at = timezone.now()
    made: Worker = Worker.objects.create(name="here", started_at=at, heard_at=at)
    return made


@pytest.mark.parametrize("code", FAULTS)
def test_each_fault_is_one_problem_of_its_account_since_it_began(
    account: Account, subaccount: Account, code: ProblemCode
) -> None:
    assert problems() == []
    provoke, is_of_account, began = FAULTS[code]

    provoke(account)

    [found] = problems()
    assert found.key == (code.value, account.pk if is_of_account else None)
    ago = (timezone.now() - found.since).total_seconds() / 3_600 if found.since else None
    assert ago == pytest.approx(began, abs=0.1) if began is not None else ago is None
    assert found.cause
    assert "\n" not in found.cause
    assert found.cure
    assert found.url.startswith("/admin/")


def test_every_code_has_a_fault_that_provokes_it() -> None:
    assert {*FAULTS, ProblemCode.DISK_FILLING, ProblemCode.ALERTS_FAILING} == set(ProblemCode)


def test_a_disk_that_fills_is_a_problem(
    account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real = os.statvfs

    def little(path: Any) -> Any:
        found = list(real(path))
        found[1], found[4] = 1, 100 * 1024**2
        return os.statvfs_result(found) if Path(path) == tmp_path else real(path)

    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(tmp_path / "portal.sqlite3")}
    default = {**django_settings.DATABASES["default"], **sqlite}
    monkeypatch.setattr(django_settings, "DATABASES", {**django_settings.DATABASES, "default": default})
    monkeypatch.setattr(os, "statvfs", little)
    [found] = problems()
    assert found.key == ("disk_filling", None)
    assert "almost full" in found.cause


def test_the_overview_tells_the_same_problems(account: Account, boss: Client) -> None:
    a_run(account, at=timezone.now() - hours(6))
    for code in FAULTS.keys() - {ProblemCode.NO_TOKEN, ProblemCode.TOKEN_REFUSED, ProblemCode.API_DOWN}:
        FAULTS[code][0](account)
    found = problems()
    shown = boss.get("/admin/").context["overview"]
    lines = [line.about for line in [*shown["lines"], *shown["more_lines"]]]

    assert len(lines) == len(found) == len(FAULTS) - 3
    assert [
        one.counted for one in found if one.counted and not any(one.counted in line for line in lines)
    ] == []


@pytest.mark.parametrize("cause", [ProblemCode.NO_TOKEN, ProblemCode.API_DOWN])
def test_a_missing_token_and_a_silent_api_are_told_once(account: Account, cause: ProblemCode) -> None:
    for code in (ProblemCode.ARCHIVE_STOPPED, cause):
        FAULTS[code][0](account)

    assert [one.code for one in problems()] == [cause]


def test_a_refused_token_is_the_cause_of_rejected_callbacks_and_failed_syncs(account: Account) -> None:
    for code in (ProblemCode.CALLBACKS_REJECTED, ProblemCode.SYNC_FAILING, ProblemCode.TOKEN_REFUSED):
        FAULTS[code][0](account)
    assert [found.code for found in problems()] == [ProblemCode.TOKEN_REFUSED]


def unsent(account: Account | None) -> None:
    webhook = None
    if account is not None:
        webhook = AlertWebhook.objects.filter(account=account).first()
        webhook = webhook or AlertWebhook.create(account, "https://hooks.example.com/", "standard")[0]
    AlertMessage.objects.create(
        kind=AlertKind.TEST, webhook=webhook, address=None if webhook else "a@example.com",
        created_at=timezone.now() - hours(2), next_at=timezone.now() + hours(1), error="It is away.",
    )  # fmt: skip


@pytest.mark.parametrize(
    "provoke", [FAULTS[ProblemCode.AT_RISK][0], undelivered, unsent], ids=["at risk", "undelivered", "unsent"]
)
def test_the_many_rows_of_one_account_hide_those_of_no_other(
    account: Account,
    stranger: Account,
    monkeypatch: pytest.MonkeyPatch,
    provoke: Callable[[Account], object],
) -> None:
    monkeypatch.setattr(counting, "MOST", 2)
    for _each in range(5):
        provoke(account)
    provoke(stranger)
    assert {found.account for found in problems()} == {account.pk, stranger.pk}


def test_many_unsent_e_mails_hide_no_unsent_alert_of_a_webhook(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "MOST", 2)
    for _each in range(5):
        unsent(None)
    unsent(account)
    assert [found.account for found in problems()] == [None, account.pk]


def many_accounts(account: Account, n: int) -> Account:
    """Make the accounts up to `n`, each with a moment of its own for its first sync; return the last on every list."""
    now, token = timezone.now(), account.encrypted_token
    made = [
        Account(
            auth_id=f"SA_{at:08d}", encrypted_token=token, first_synced_at=now - hours(900) - hours(at),
            retention_days=30 + at % 2,
        )
        for at in range(Account.objects.count(), n)
    ]  # fmt: skip
    Account.objects.bulk_create(made)
    SyncRun.objects.bulk_create(
        SyncRun(
            account=one, state="complete", complete=True, started_at=one.first_synced_at or now, ended_at=now,
            lease_until=now,
        )
        for one in made
    )  # fmt: skip
    last: Account = made[-1]
    return last


@pytest.mark.parametrize(
    "n", [MOST_ACCOUNTS + 1, 1_100]
)  # SQLite takes at most 1,000 conditions joined by OR
def test_problems_are_of_every_account_however_many(account: Account, n: int) -> None:
    many_accounts(account, 3)
    with CaptureQueriesContext(connection) as first:
        problems()
    last = many_accounts(account, n)
    codes = (ProblemCode.LOST, ProblemCode.SYNC_FAILING, ProblemCode.CALLBACKS_REJECTED, ProblemCode.AT_RISK)
    a_recording(last, gone_at_provider_at=timezone.now() - hours(3))
    for code in codes[1:]:
        FAULTS[code][0](last)

    with CaptureQueriesContext(connection) as second:
        found = problems()

    assert {(one.code, one.account) for one in found} == {(code, last.pk) for code in codes}
    assert len(second) == len(first)


def test_each_of_many_accounts_without_a_token_is_a_problem(account: Account) -> None:
    many_accounts(account, MOST_ACCOUNTS + 52)
    Account.objects.update(encrypted_token=None)
    assert len(problems()) == MOST_ACCOUNTS + 52


def test_the_overview_says_where_there_are_more_accounts_than_it_checks(
    account: Account, subaccount: Account, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = "Not all accounts are checked here."
    assert words not in boss.get("/admin/").content.decode()
    monkeypatch.setattr(import_module("recordings.overview.figures"), "MOST_ACCOUNTS", 1)
    page = boss.get("/admin/").content.decode()
    assert words in page
    assert "first 1 account<" in page
    boss.post("/admin/account/", {"account": subaccount.pk, "next": "/admin/"})
    assert words not in boss.get("/admin/").content.decode()


def test_the_list_of_unsigned_callbacks_leaves_no_account_out(account: Account, boss: Client) -> None:
    last = many_accounts(account, 1_100)
    Account.objects.update(require_signed=True)
    an_event(last, trust="unsigned", outcome="refused", received_at=timezone.now() - hours(1))
    found = boss.get("/admin/recordings/callbackevent/?unsigned=unexpected").context["cl"].result_list
    assert [one.account_id for one in found] == [last.pk]


def test_problems_cost_few_queries_however_many_accounts_and_rows_there_are(
    account: Account, subaccount: Account
) -> None:
    for _each in range(3):
        for code in FAULTS:
            FAULTS[code][0](account)
    with CaptureQueriesContext(connection) as first:
        problems()
    for code in FAULTS:
        FAULTS[code][0](subaccount)
    with CaptureQueriesContext(connection) as second:
        assert {found.account for found in problems()} == {None, account.pk, subaccount.pk}
    assert len(second) == len(first) <= MOST_QUERIES
