"""What may be lost and what is: by the days Vobiz keeps audio, the account's first sync, and what a person has seen."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from recordings.audio import Audio
from recordings.choices import SEEN_CLOSES, Attention
from recordings.models import Account, Recording
from recordings.models.recording.transitions import ArchivedFile
from tests.admin.rows import a_recording, a_running
from tests.meanwhile import before_statement

DAY, WEEK = timedelta(days=1), timedelta(days=7)
MARKED = 'UPDATE "recordings_recording" SET "seen_at"'
COPY = ArchivedFile("a", "b", 1, Audio("mp3"), flag=None)
ARCHIVED = {"audio": "a", "audio_sha256": "b", "audio_bytes": 1, "container": "mp3"}


@pytest.fixture
def asha(db: None) -> User:
    return User.objects.create_user("asha", is_staff=True)


@pytest.fixture
def synced(account: Account, now: datetime) -> Account:
    """First synced completely a hundred days ago; Vobiz keeps audio for 30."""
    Account.objects.filter(pk=account.pk).update(first_synced_at=now - 100 * DAY)
    account.refresh_from_db()
    return account


def aged(account: Account, now: datetime, days: float, **columns: Any) -> Recording:
    return a_recording(account, happened_at=now - days * DAY, **columns)


def lost(now: datetime, *accounts: Account) -> set[Recording]:
    return set(Recording.objects.lost(now, accounts))


def before(now: datetime, *accounts: Account) -> set[Recording]:
    return set(Recording.objects.lost_before(now, accounts))


def test_at_risk_is_what_leaves_within_the_days_and_is_not_archived(synced: Account, now: datetime) -> None:
    soon = aged(synced, now, 23.1)
    aged(synced, now, 22.9)
    aged(synced, now, 25, archived_at=now, **ARCHIVED)
    aged(synced, now, 25, gone_at_provider_at=now)
    aged(synced, now, 30.1)
    a_running(synced, happened_at=now - 25 * DAY)

    rows = Recording.objects.at_risk(now, WEEK, kept_days=[30])

    assert [(row.pk, row.leaves_at) for row in rows] == [(soon.pk, soon.retention_ends_at)]


def test_lost_is_what_is_gone_or_past_its_date_and_was_never_archived(synced: Account, now: datetime) -> None:
    past, gone = aged(synced, now, 30.1), aged(synced, now, 3, gone_at_provider_at=now)
    aged(synced, now, 29.9)
    aged(synced, now, 40, archived_at=now, gone_at_provider_at=now, **ARCHIVED)

    assert lost(now, synced) == {past, gone}
    assert before(now, synced) == set()


def test_what_was_past_its_date_at_the_first_sync_is_counted_apart(synced: Account, now: datetime) -> None:
    there, early = aged(synced, now, 129.9), aged(synced, now, 130.1)
    asked_for_here = a_running(
        synced, status="completed", happened_at=now - 131 * DAY, requested_at=now - 131 * DAY
    )

    assert lost(now, synced) == {there, asked_for_here}
    assert before(now, synced) == {early}


def test_until_the_first_complete_sync_all_that_a_sync_found_is_counted_apart(
    account: Account, now: datetime
) -> None:
    row = aged(account, now, 31)

    assert lost(now, account) == set()
    assert before(now, account) == {row}


def test_each_accounts_days_are_its_own(synced: Account, subaccount: Account, now: datetime) -> None:
    Account.objects.filter(pk=subaccount.pk).update(retention_days=60, first_synced_at=now - 100 * DAY)
    subaccount.refresh_from_db()
    mine = aged(synced, now, 31)
    aged(subaccount, now, 31)
    theirs = aged(subaccount, now, 61)

    assert lost(now, synced, subaccount) == {mine, theirs}
    assert lost(now, subaccount) == {theirs}
    assert lost(now) == set()


def mark(now: datetime, by: User, account: Account, note: str = "") -> list[int]:
    return Recording.objects.all().mark_seen(by=by, note=note, now=now, accounts=[account])


def test_seen_takes_a_lost_one_off_the_list_and_stays_on_the_row(
    synced: Account, now: datetime, asha: User
) -> None:
    row = aged(synced, now, 31, needs_attention=Attention.NOT_ARCHIVED)

    assert mark(now, asha, synced, "told the team") == [row.pk]

    row.refresh_from_db()
    assert (row.seen_at, row.seen_by, row.seen_note, row.seen_reason) == (now, asha, "told the team", "lost")
    assert lost(now, synced) == set()
    assert mark(now + DAY, asha, synced) == []


@pytest.mark.parametrize("reason", SEEN_CLOSES)
def test_seen_closes_what_cannot_be_cured(
    synced: Account, now: datetime, asha: User, reason: Attention
) -> None:
    row = aged(synced, now, 1, needs_attention=reason)

    assert mark(now, asha, synced) == [row.pk]

    row.refresh_from_db()
    assert (row.needs_attention, row.seen_reason, row.seen_note) == (None, reason, None)


@pytest.mark.parametrize("reason", sorted(set(Attention) - set(SEEN_CLOSES)))
def test_seen_closes_nothing_that_cures_itself(
    synced: Account, now: datetime, asha: User, reason: Attention
) -> None:
    row = aged(synced, now, 1, needs_attention=reason)

    assert mark(now, asha, synced) == []

    row.refresh_from_db()
    assert (row.needs_attention, row.seen_at) == (reason, None)


def test_what_was_seen_for_another_reason_is_lost_all_the_same(
    synced: Account, now: datetime, asha: User
) -> None:
    row = aged(synced, now, 1, needs_attention=Attention.ID_CONFLICT)
    mark(now, asha, synced)

    assert lost(now + 31 * DAY, synced) == {row}


def test_what_was_seen_as_lost_stays_so_when_something_else_is_seen_of_it(
    synced: Account, now: datetime, asha: User
) -> None:
    row = aged(synced, now, 31)
    mark(now, asha, synced)
    Recording.objects.filter(pk=row.pk).update(needs_attention=Attention.TRANSCRIPT_REVISED)

    assert mark(now + DAY, asha, synced) == [row.pk]
    assert lost(now + DAY, synced) == set()


@pytest.mark.parametrize("reason", ["lost", Attention.AUDIO_MISSING, Attention.AUDIO_ALTERED])
@pytest.mark.parametrize("way", ["fetched", "found"])
def test_what_was_seen_as_lost_and_is_archived_after_all_is_news_if_it_is_lost_again(
    synced: Account, now: datetime, asha: User, way: str, reason: str
) -> None:
    row = aged(synced, now, 31, **ARCHIVED)
    Recording.objects.update(seen_at=now, seen_by=asha, seen_note="told the team", seen_reason=reason)
    Recording.objects.filter(pk=row.pk).lease("worker", limit=1)

    if way == "fetched":
        assert row.mark_archived("worker", COPY, now=now)
    else:
        assert row.mark_verified("worker", now=now)

    row.refresh_from_db()
    assert row.archived_at == now
    assert (row.seen_at, row.seen_by, row.seen_note, row.seen_reason) == (None, None, None, None)
    assert row.mark_corrupt("worker", Attention.AUDIO_MISSING, why="It is gone.")
    assert lost(now, synced) == {row}


@pytest.mark.parametrize("way", ["fetched", "found"])
def test_what_was_seen_and_has_nothing_to_do_with_the_audio_stays_seen(
    synced: Account, now: datetime, asha: User, way: str
) -> None:
    row = aged(synced, now, 1, needs_attention=Attention.TRANSCRIPT_REVISED, **ARCHIVED)
    mark(now, asha, synced, "the first is right")
    Recording.objects.filter(pk=row.pk).lease("worker", limit=1)

    if way == "fetched":
        assert row.mark_archived("worker", COPY, now=now)
    else:
        assert row.mark_verified("worker", now=now)

    row.refresh_from_db()
    assert (row.seen_at, row.seen_by, row.seen_note) == (now, asha, "the first is right")


def test_what_is_archived_while_it_is_marked_is_not_seen_as_lost(
    synced: Account, now: datetime, asha: User
) -> None:
    row, other = aged(synced, now, 31), aged(synced, now, 32)
    Recording.objects.filter(pk=row.pk).lease("worker", limit=1)

    with before_statement(MARKED, lambda: row.mark_archived("worker", COPY, now=now)):
        assert mark(now, asha, synced) == [other.pk]

    row.refresh_from_db()
    assert (row.archived_at, row.seen_at, row.seen_reason) == (now, None, None)


def test_what_is_settled_while_it_is_marked_is_not_said_to_have_been_seen(
    synced: Account, now: datetime, asha: User
) -> None:
    row = aged(synced, now, 1, needs_attention=Attention.AUDIO_MISSING)

    with before_statement(MARKED, lambda: row.clear_attention(Attention.AUDIO_MISSING), nth=2):
        assert mark(now, asha, synced) == []

    row.refresh_from_db()
    assert (row.needs_attention, row.seen_at, row.seen_reason) == (None, None, None)
