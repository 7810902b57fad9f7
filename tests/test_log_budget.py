"""What strangers can write into the log: so many lines an hour, the others counted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from io import StringIO
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.log import configure_logging

from recordings.models import Account
from recordings.signin.budgets import Budget
from tests.callbacks.posting import path_of, post
from tests.conftest import MAIN, SUB, connected
from vobiz_portal import log_budget
from vobiz_portal.log_budget import LINES_AN_HOUR, RefusalBudget, subject_of

WRONG = {"X-Vobiz-Signature-V3": "A" * 43 + "=", "X-Vobiz-Signature-V3-Nonce": "7"}
FLOOD = LINES_AN_HOUR + 30


@pytest.fixture
def written() -> Iterator[StringIO]:
    """What the portal's own handlers write from now on, with a budget that nothing was taken from."""
    configure_logging("logging.config.dictConfig", settings.LOGGING)
    out = StringIO()
    loggers = [logging.getLogger(name) for name in ("", "django")]
    handlers = {
        handler
        for one in loggers
        for handler in one.handlers
        if type(handler) is logging.StreamHandler and handler.formatter is not None
    }
    before = {handler: handler.setStream(out) for handler in handlers}
    yield out
    for handler, stream in before.items():
        handler.setStream(stream)


def flood(client: Client, account: Account, times: int = FLOOD) -> None:
    path = path_of("account", account.callback_key)
    for number in range(times):
        answer = post(client, path, f"recording_id=r{number}".encode(), headers=WRONG)
        assert answer.status_code == 403


@pytest.mark.django_db
def test_refused_callbacks_write_so_many_lines_and_say_how_many_were_left_out(
    client: Client, now: datetime, written: StringIO
) -> None:
    account, other = connected(MAIN, now=now), connected(SUB, now=now)
    flood(client, account)
    lines = written.getvalue().splitlines()
    assert len(lines) <= 2 * LINES_AN_HOUR + 4
    assert sum("kept as event" in line for line in lines) == LINES_AN_HOUR
    assert f"about refused callbacks of account {account.pk} within an hour: 1 left out so far" in "\n".join(
        lines
    )

    flood(client, other, 1)  # whose address is flooded hides nobody else's
    assert written.getvalue().count("kept as event") == LINES_AN_HOUR + 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["/callbacks/account/unknown/", "/nowhere/", "/admin/login/second-factor/?\x00=%00"]
)
def test_what_anybody_can_have_refused_is_bounded(client: Client, written: StringIO, path: str) -> None:
    for _each in range(FLOOD):
        client.get(path)
    assert 0 < len(written.getvalue().splitlines()) <= LINES_AN_HOUR + 1


def record(name: str = "x", level: int = logging.WARNING, **extra: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, level, "x.py", 1, "a line", (), None)
    made.__dict__.update(extra)
    return made


def test_after_an_hour_the_log_says_how_many_were_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    budget = RefusalBudget()
    passed = [budget.filter(record(budget="x")) for _each in range(LINES_AN_HOUR + 250)]
    assert passed.count(True) == LINES_AN_HOUR
    assert [one.getMessage().partition(": ")[2] for one in caplog.records] == [
        "1 left out so far", "100 left out so far",
    ]  # fmt: skip

    monkeypatch.setattr(log_budget, "HOUR", 0.0)
    assert budget.filter(record())  # any line: the flood may be over
    assert caplog.records[-1].getMessage() == "In the hour before, 250 lines about x were left out"
    assert budget.filter(record(budget="x"))


@pytest.mark.parametrize(
    ("line", "is_bounded"),
    [
        (record("django.request", status_code=404), True),
        (record("django.request", logging.ERROR, status_code=503), True),
        (record("django.request", logging.ERROR, status_code=500), False),
        (record("django.security.csrf"), True),
        (record("waitress.queue"), True),
        (record("waitress", logging.ERROR), False),
        (record("recordings.signin"), True),
        (record("recordings.signin", logging.INFO), False),
        (record("recordings.sync"), False),
    ],
)
def test_faults_of_our_own_are_always_written(line: logging.LogRecord, is_bounded: bool) -> None:
    assert (subject_of(line) is not None) == is_bounded


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "subject"),
    [("/nowhere/", "refused requests to none"), ("/admin/help/", None), ("/healthz", None)],
)
def test_the_line_of_a_refused_request_has_a_budget(
    client: Client, caplog: pytest.LogCaptureFixture, path: str, subject: str | None
) -> None:
    with caplog.at_level(logging.INFO, "vobiz_portal.logs"):
        client.get(path)
    (line,) = [one for one in caplog.records if one.name == "vobiz_portal.logs"]
    assert subject_of(line) == subject


@pytest.mark.django_db
def test_a_used_up_budget_of_guesses_is_said_whatever_else_was_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    budget = Budget("trial", 2, 60)
    assert [budget.take("somebody") for _guess in range(3)] == [True, True, False]
    assert [subject_of(one) for one in caplog.records] == ["budgets of guesses"]
