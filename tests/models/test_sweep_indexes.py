"""What a worker asks several times a minute is answered by the small indexes, whatever an account has."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recordings import connect, overview
from recordings.archive.runs import _soonest
from recordings.models import Account, Recording
from recordings.models.recording import queryset
from recordings.search import found_first
from recordings.worker.jobs import accounts_to_reconcile
from tests.admin.rows import a_recording
from tests.conftest import OTHER, TOKENS

pytestmark = pytest.mark.usefixtures("without_statistics")
SQLITE = pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL knows the sizes of its indexes")


@SQLITE
def test_open_rows_and_those_asked_for_are_not_looked_for_among_all(account: Account) -> None:
    now, rows = timezone.now(), Recording.objects
    assert "recording_open" in rows.open().filter(account=account).order_by().explain()
    assert "recording_archive_asked" in rows.archive_requested(now, [account]).explain()
    account.archive_automatically = False
    assert "recording_archive_asked" in rows.waiting_to_be_archived([account]).order_by("kept_from").explain()
    plan = accounts_to_reconcile(now).explain()
    assert "recording_open" in plan
    assert "recording_read_back_due" in plan


def test_what_waits_is_found_among_few_rows_of_its_accounts_or_among_all_that_have_no_copy(
    account: Account, subaccount: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever is less to read; with each account archived by itself, on request alone, or not at all."""
    stranger = connect.store(OTHER, TOKENS[OTHER], now=timezone.now())[0]
    waiting = {one: a_recording(one, added_at=timezone.now()).pk for one in (account, subaccount, stranger)}
    asked = a_recording(account, archive_asked_at=timezone.now(), added_at=timezone.now()).pk
    stranger.is_active = False
    for few, index in ((20_000, "account_id"), (-1, "recording_leaving")):
        monkeypatch.setattr(queryset, "FEW", few)
        for on_request, expected in (
            ((), {waiting[account], asked, waiting[subaccount]}),
            ((account,), {asked, waiting[subaccount]}),
            ((account, subaccount), {asked}),
        ):
            for one in (account, subaccount):
                one.archive_automatically = one not in on_request
            rows = Recording.objects.waiting_to_be_archived([account, subaccount, stranger])
            assert set(rows.values_list("pk", flat=True)) == expected, (few, on_request)
            if connection.vendor == "sqlite" and len(on_request) < 2:
                assert index in rows.order_by("kept_from").explain()


@SQLITE
def test_what_a_new_reader_is_to_look_at_again_is_not_looked_for_among_all(account: Account) -> None:
    rows = Recording.objects
    assert "recording_to_inspect" in rows.to_inspect_again(2).explain()
    refused = rows.available_to_archive().filter(archive_tries__gt=0, reader_version__lt=2).order_by()
    assert "recording_refused" in refused.explain()


@SQLITE
def test_what_a_person_is_told_of_is_not_looked_for_among_all(account: Account) -> None:
    """Nor among all of an account, for a member of one."""
    member = User.objects.create_user("member", is_staff=True)
    member.vobiz_accounts.add(account)
    Account.objects.filter(pk=account.pk).update(first_synced_at=timezone.now())
    a_recording(account)
    with CaptureQueriesContext(connection) as captured:
        overview.figures(member, timezone.now(), lambda _permission: True)
        overview.running(member)
        overview.for_a_person(member)
        overview.at_risk_now(member, timezone.now(), kept_days={30})
        found_first(
            Recording.objects.visible_to(member), Recording.objects.filter(needs_attention__isnull=False)
        ).order_by().count()
    read = [query["sql"] for query in captured if 'FROM "recordings_recording"' in query["sql"]]
    assert len(read) >= 8
    for sql in read:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {sql}")
            plan = [row[3] for row in cursor.fetchall()]
        assert "SCAN recordings_recording" not in plan, (sql, plan)
        assert not any("recording_newest (account_id=?)" in step for step in plan), (sql, plan)


@SQLITE
def test_what_is_archived_next_is_looked_for_in_each_account_by_itself(
    account: Account, subaccount: Account
) -> None:
    """Else the few rows of one would stand behind all those of accounts that are not archived."""
    now = timezone.now()
    for one, days in ((account, 1), (subaccount, 2)):
        a_recording(one, added_at=now - timedelta(days=days))
    with CaptureQueriesContext(connection) as captured:
        assert _soonest([account, subaccount], now) == [subaccount, account]
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {captured[0]['sql']}")
        plan = "\n".join(str(row[-1]) for row in cursor.fetchall())
    assert "recording_leaving_account" in plan, plan
