"""What anyone may send is stored up to a budget, whatever becomes of it later; beyond that it is counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from recordings.callbacks import deliveries, processing
from recordings.callbacks.deliveries import Budget
from recordings.choices import EventOutcome
from recordings.models import Account, CallbackEvent, Recording
from recordings.webhooks.parsers import UNTRUSTED_LIMIT
from tests.callbacks.posting import deliver, fresh_nonces, path_of, post, signature
from tests.callbacks.rows import KEY, listed_row

UNSIGNED: dict[str, str] = {}
WRONG: dict[str, Any] = {"token": "a wrong token"}


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets that a test can spend."""
    monkeypatch.setattr(deliveries, "PER_RECORDING", Budget(3, 3_000))
    monkeypatch.setattr(deliveries, "PER_ACCOUNT_KEY", Budget(5, 5_000))
    monkeypatch.setattr(deliveries, "PER_ACCOUNT", Budget(8, 8_000))


def dropped(account: Account) -> int:
    account.refresh_from_db()
    assert (account.dropped_at is None) == (account.refused_uncounted == 0)
    return int(account.refused_uncounted)


def to_account(client: Client, account: Account, fields: dict[str, Any], **how: Any) -> int:
    how = how or {"headers": UNSIGNED}
    return int(deliver(client, account.callback_key, fields, door="account", **how).status_code)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"event": "recording", "recording_id": "unknown-{n}"}, id="unmatched"),
        pytest.param({"event": "hangup", "note": "{n}"}, id="applied, about no recording"),
        pytest.param({"transcription": "words {n}"}, id="without a subject"),
    ],
)
def test_unsigned_deliveries_are_stored_up_to_a_count_whatever_becomes_of_them(
    client: Client, account: Account, fields: dict[str, str]
) -> None:
    answers = [
        to_account(client, account, {name: text.format(n=n) for name, text in fields.items()})
        for n in range(7)
    ]
    assert answers == [200] * 5 + [429] * 2
    assert CallbackEvent.objects.count() == 5
    assert dropped(account) == 2


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("later", [EventOutcome.FAILED, EventOutcome.APPLIED, EventOutcome.UNPARSED])
def test_an_outcome_that_changes_later_makes_no_room(
    client: Client, account: Account, later: EventOutcome
) -> None:
    for n in range(5):
        to_account(client, account, {"event": "recording", "recording_id": f"unknown-{n}"})
    CallbackEvent.objects.update(outcome=later)
    assert to_account(client, account, {"event": "recording", "recording_id": "unknown-5"}) == 429


@pytest.mark.usefixtures("small")
def test_the_budget_is_one_of_bytes_too(client: Client, account: Account) -> None:
    answers = [to_account(client, account, {"note": f"{n}" * 2_000}) for n in range(4)]
    assert answers == [200, 200, 429, 429]
    assert to_account(client, account, {"note": "short"}) == 200
    assert dropped(account) == 2


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "body",
    [b"note=" + b"\xe9" * 1_500, b"note=" + b"\x01" * 1_500, b'{"transcription": "%s"}' % (b"\xff" * 1_500)],
)
def test_the_bytes_are_those_stored_where_escapes_make_them_more(
    client: Client, account: Account, body: bytes
) -> None:
    """Of one byte the database may hold the six characters of an escape."""
    where = path_of("account", account.callback_key)
    answer = post(client, where, body, content_type="text/plain; charset=latin-1")
    assert (answer.status_code, dropped(account)) == (429, 1)


@pytest.mark.usefixtures("small")
def test_a_body_that_is_kept_beside_its_fields_counts_twice(client: Client, account: Account) -> None:
    Account.objects.update(require_signed=True)
    where = path_of("account", account.callback_key)
    for n in range(3):
        headers = {"X-Hub-Signature-256": f"sha256={n:064x}"}
        post(client, where, b"note=%d" % n + b"x" * 1_400, headers=headers)
    assert (CallbackEvent.objects.count(), dropped(account)) == (2, 1)


@pytest.mark.usefixtures("small")
def test_a_budget_that_was_spent_is_free_again_after_a_day_but_for_what_had_no_effect(
    client: Client, account: Account
) -> None:
    for n in range(5):
        to_account(client, account, {"event": "hangup", "note": n})
    CallbackEvent.objects.update(received_at=timezone.now() - timedelta(days=1, minutes=1))
    assert to_account(client, account, {"event": "hangup", "note": "next day"}) == 200
    CallbackEvent.objects.update(outcome=EventOutcome.FAILED)
    assert to_account(client, account, {"event": "hangup", "note": "and again"}) == 429


@pytest.mark.usefixtures("small")
def test_replays_of_one_signature_have_a_budget_of_bytes(client: Client, recording: Recording) -> None:
    nonces = fresh_nonces()
    deliver(client, KEY, {"note": "first"}, nonces=nonces)
    for n in range(3):
        deliver(client, KEY, {"note": f"{n}" * 1_400}, nonces=nonces)
    assert CallbackEvent.objects.filter(outcome=EventOutcome.CONFLICT).count() == 2
    assert dropped(recording.account) == 1


@pytest.mark.usefixtures("small")
def test_all_addresses_of_an_account_have_one_budget(
    client: Client, account: Account, recording: Recording
) -> None:
    for n in range(5):
        to_account(client, account, {"note": n}, **WRONG)
    answers = [deliver(client, KEY, {"note": n}, **WRONG).status_code for n in range(5)]
    assert answers == [403] * 5
    assert CallbackEvent.objects.filter(recording=recording).count() == 3
    assert dropped(account) == 2


@pytest.mark.usefixtures("small")
def test_signed_deliveries_are_not_held_up_and_repeats_cost_nothing(
    client: Client, account: Account, recording: Recording
) -> None:
    for n in range(6):
        to_account(client, account, {"event": "hangup", "note": n})
    assert dropped(account) == 1
    assert to_account(client, account, {"event": "hangup", "note": 0}) == 200  # stored before
    headers = signature("account", account.callback_key)
    assert to_account(client, account, {"event": "hangup", "note": 9}, headers=headers) == 200
    assert deliver(client, KEY, {"note": 1}, headers=UNSIGNED).status_code == 200  # has a budget of its own
    assert dropped(account) == 1


@pytest.mark.usefixtures("small")
def test_a_recording_that_is_known_later_takes_no_more_than_its_own(client: Client, account: Account) -> None:
    for n in range(5):
        to_account(client, account, {"event": "recording", "recording_id": "the-one", "note": n})
    listed_row(account, "the-one")
    for event in CallbackEvent.objects.order_by("pk"):
        processing.apply(event, now=timezone.now())
    assert CallbackEvent.objects.filter(recording__isnull=False).count() == 3
    assert CallbackEvent.objects.filter(outcome=EventOutcome.FAILED).count() == 2


@pytest.mark.parametrize("trusted", [False, True])
def test_a_body_that_is_not_signed_is_bounded_more_closely(
    client: Client, account: Account, trusted: bool
) -> None:
    key = account.callback_key
    body = b"note=" + b"x" * UNTRUSTED_LIMIT
    headers = signature("account", key) if trusted else UNSIGNED
    answer = post(client, path_of("account", key), body, headers=headers)
    assert answer.status_code == (200 if trusted else 413)
    assert dropped(account) == (not trusted)


def test_the_overview_says_that_callbacks_were_not_stored(
    client: Client, account: Account, admin_client: Client
) -> None:
    assert "not stored" not in admin_client.get("/admin/").content.decode()
    Account.objects.update(refused_uncounted=12, dropped_at=timezone.now())
    assert "12 callbacks were not stored" in admin_client.get("/admin/").content.decode()
    Account.objects.update(dropped_at=timezone.now() - timedelta(days=2))
    assert "not stored" not in admin_client.get("/admin/").content.decode()
