"""From what Vobiz lists to rows: every attribute, every count, and nothing written that did not change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from recordings.choices import Origin, RecordingStatus, Source
from recordings.models import Account, Call, Recording, claim_recording_id, upsert_recordings
from recordings.vobiz.objects import RecordingPage
from tests.callbacks.rows import asked_for
from tests.models.listed import CALL, DOCUMENTED, listed
from tests.vobiz.payloads import payload


def written(captured: CaptureQueriesContext) -> list[str]:
    """The statements that write or lock a recording or a call."""
    return [
        query["sql"]
        for query in captured.captured_queries
        if query["sql"].startswith(("INSERT", "UPDATE", "DELETE")) or "FOR UPDATE" in query["sql"]
    ]


@pytest.mark.parametrize("example", ["recordings__documented_call", "recordings__documented_conference"])
def test_each_documented_example_becomes_a_row_with_every_attribute_right(
    account: Account, now: datetime, example: str
) -> None:
    page = RecordingPage.parse(payload(example), zone=account.zone)

    report = upsert_recordings(account, page.objects, now=now)  # type: ignore[arg-type]

    assert (report.created, report.updated, report.unchanged, report.failed) == (1, 0, 0, [])
    row = Recording.objects.select_related("call").get()
    assert row.recording_id == DOCUMENTED
    assert row.account == account
    assert row.call.call_uuid == "6e558798-499c-4a68-bc77-46f2c53d1f69"
    assert (row.origin, row.status) == (Origin.SYNC, RecordingStatus.COMPLETED)
    assert row.duration_ms == 10_080
    assert row.started_at == datetime(2025, 11, 6, 13, 48, 59, 422_000, UTC)
    assert row.ended_at == datetime(2025, 11, 6, 13, 49, 9, 502_000, UTC)
    assert row.added_at == datetime(2025, 11, 6, 13, 49, 10, 751_756, UTC)
    assert row.happened_at == row.started_at
    assert row.times_approximate is False
    assert (row.kind, row.file_format, row.conference_name) == ("call", "mp3", None)
    assert (row.billed_seconds, row.storage_days) == (60, 1)
    assert (row.storage_rate, row.monthly_storage_amount) == (Decimal("0.005"), Decimal(0))
    assert row.recording_url is not None
    assert row.recording_url.endswith(f"/Recording/{DOCUMENTED}.mp3")
    assert row.provider_data == payload(example)["objects"][0]
    assert row.api_id is None  # it names the request, not the recording
    assert row.synced_at == now
    assert row.source_of("duration_ms") == Source.API


def test_a_number_is_kept_as_given_and_found_in_any_spelling(account: Account, now: datetime) -> None:
    spellings = ("+919624705678", "919624705678", "09624705678", "96247 05678")
    for at, spelling in enumerate(spellings):
        seen = listed(f"spelling-{at}", call_uuid=f"call-{at}", to_number=spelling)
        upsert_recordings(account, [seen], now=now)

    assert {call.to_number for call in Call.objects.filter(to_digits="919624705678")} == set(spellings)


def test_an_empty_and_a_null_conference_name_are_one_and_the_same(account: Account, now: datetime) -> None:
    upsert_recordings(account, [listed(conference_name="")], now=now)
    report = upsert_recordings(account, [listed(conference_name=None)], now=now)

    assert (report.updated, report.unchanged) == (0, 1)


def test_a_recording_listed_again_unchanged_is_neither_written_nor_locked(
    account: Account, now: datetime
) -> None:
    seen = [listed(f"rec-{at}", call_uuid=f"call-{at}") for at in range(20)]
    upsert_recordings(account, seen, now=now)

    with CaptureQueriesContext(connection) as captured:
        report = upsert_recordings(account, seen, now=now + timedelta(hours=1))

    assert (report.created, report.updated, report.unchanged) == (0, 0, 20)
    assert written(captured) == []
    assert report.seen == {f"rec-{at}" for at in range(20)}


def test_what_changes_every_day_is_one_narrow_update_and_does_not_count(
    account: Account, now: datetime
) -> None:
    ids = [f"rec-{at}" for at in range(20)]
    upsert_recordings(account, [listed(rid, recording_storage_duration=1) for rid in ids], now=now)

    older = [
        listed(rid, recording_storage_duration=2, monthly_recording_storage_amount="0.01") for rid in ids
    ]
    with CaptureQueriesContext(connection) as captured:
        report = upsert_recordings(account, older, now=now + timedelta(days=1))

    assert (report.created, report.updated, report.unchanged) == (0, 0, 20)
    updates = [sql for sql in written(captured) if sql.startswith("UPDATE")]
    assert len(updates) == 1
    assert "provider_data" not in updates[0]
    row = Recording.objects.get(recording_id="rec-7")
    assert (row.storage_days, row.monthly_storage_amount, row.synced_at) == (2, Decimal("0.01"), now)


def test_a_changed_recording_is_updated_once_and_only_it(account: Account, now: datetime) -> None:
    upsert_recordings(account, [listed("rec-1"), listed("rec-2")], now=now)

    later = now + timedelta(hours=1)
    report = upsert_recordings(
        account, [listed("rec-1"), listed("rec-2", recording_url="https://media.vobiz.ai/new")], now=later
    )

    assert (report.created, report.updated, report.unchanged) == (0, 1, 1)
    changed = Recording.objects.get(recording_id="rec-2")
    assert (changed.recording_url, changed.synced_at) == ("https://media.vobiz.ai/new", later)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({"recording_storage_rate": 0.005}, {"recording_storage_rate": "0.00500"}),
        ({"recording_duration_ms": "10080.00000"}, {"recording_duration_ms": 10080}),
        (
            {"add_time": "2025-11-06 13:49:10.751756+00:00"},
            {"add_time": "2025-11-06T19:19:10.751756+05:30"},
        ),
        ({"api_id": "one"}, {"api_id": "two"}),
    ],
)
def test_another_spelling_of_the_same_values_is_no_change(
    account: Account, now: datetime, first: dict[str, object], second: dict[str, object]
) -> None:
    upsert_recordings(account, [listed(**first)], now=now)  # type: ignore[arg-type]
    report = upsert_recordings(account, [listed(**second)], now=now)  # type: ignore[arg-type]
    assert (report.updated, report.unchanged) == (0, 1)


def test_numbers_that_come_later_fill_the_call_and_never_empty_it(account: Account, now: datetime) -> None:
    upsert_recordings(account, [listed(from_number="", to_number="")], now=now)
    upsert_recordings(account, [listed()], now=now)
    upsert_recordings(account, [listed("rec-2", from_number="", to_number="+14155550100")], now=now)

    call = Call.objects.get()
    assert (call.from_number, call.to_number) == ("+918071387423", "919624705678")


def test_a_trunk_recording_without_times_starts_when_it_was_added_and_says_so(
    account: Account, now: datetime
) -> None:
    seen = listed(recording_type="trunk", recording_start_ms=None, recording_end_ms=None)
    upsert_recordings(account, [seen], now=now)

    row = Recording.objects.get()
    assert (row.started_at, row.times_approximate, row.kind) == (row.added_at, True, "trunk")


def test_a_time_without_a_zone_is_read_in_the_accounts_zone_and_marked(
    account: Account, now: datetime
) -> None:
    upsert_recordings(account, [listed(add_time="2025-11-06 19:19:10")], now=now)

    row = Recording.objects.get()
    assert account.zone == ZoneInfo("Asia/Kolkata")
    assert (row.added_at, row.times_approximate) == (datetime(2025, 11, 6, 13, 49, 10, tzinfo=UTC), True)


def test_one_id_twice_on_a_page_is_one_row(account: Account, now: datetime) -> None:
    report = upsert_recordings(account, [listed(), listed()], now=now)
    assert (report.created, Recording.objects.count()) == (1, 1)


@pytest.mark.parametrize("sent", ["6c1f@10.0.0.1", "SCL_a.b:5060", "../x"])
def test_recordings_of_one_call_without_an_id_share_it(account: Account, now: datetime, sent: str) -> None:
    page = [listed("rec-1", call_uuid=sent), listed("rec-2", call_uuid=sent), listed("rec-3")]
    report = upsert_recordings(account, page, now=now)
    assert (report.created, report.failed) == (3, [])
    call = Call.objects.get(call_uuid=None)
    assert call.call_uuid_text == sent
    assert {row.recording_id for row in call.recordings.all()} == {"rec-1", "rec-2"}
    again = upsert_recordings(account, page, now=now)
    assert (again.unchanged, Call.objects.count()) == (3, 2)


def test_a_recording_without_a_call_has_its_own_and_finds_it_again(account: Account, now: datetime) -> None:
    page = [listed("rec-1", call_uuid=None), listed("rec-2", call_uuid=None)]
    report = upsert_recordings(account, page, now=now)
    assert (report.created, report.failed) == (2, [])
    before = set(Recording.objects.values_list("recording_id", "call_id"))
    assert len({call for _id, call in before}) == 2
    assert set(Call.objects.values_list("call_uuid", "call_uuid_text")) == {(None, None)}
    assert upsert_recordings(account, page, now=now).unchanged == 2
    louder = [
        listed(rid, call_uuid=None, conference_name="room", from_number="+914") for rid in ("rec-1", "rec-2")
    ]
    assert upsert_recordings(account, louder, now=now).updated == 2
    assert set(Recording.objects.values_list("recording_id", "call_id")) == before


def test_a_recording_joins_its_call_once_vobiz_names_it(account: Account, now: datetime) -> None:
    upsert_recordings(account, [listed("rec-1", call_uuid=None), listed("rec-2")], now=now)
    upsert_recordings(account, [listed("rec-1")], now=now)
    call = Call.objects.get()  # the one that was made for it is gone
    assert {row.call for row in Recording.objects.all()} == {call}


def test_a_start_takes_the_listed_recording_for_which_vobiz_names_no_call(
    account: Account, now: datetime
) -> None:
    upsert_recordings(account, [listed("rec-1", call_uuid=None)], now=now)
    call = Call.objects.obtain(account, CALL)
    row = asked_for(account)
    assert claim_recording_id(row, "rec-1")
    assert (Recording.objects.get().call, Call.objects.get()) == (call, call)


def test_a_known_recording_that_no_longer_names_its_call_keeps_it(account: Account, now: datetime) -> None:
    upsert_recordings(account, [listed()], now=now)
    report = upsert_recordings(account, [listed(call_uuid="")], now=now)
    assert (report.unchanged, report.failed) == (1, [])


def test_nul_and_lone_surrogates_become_replacement_characters(account: Account, now: datetime) -> None:
    seen = listed(from_number="+91\x00", conference_name="a\ud800b", unknown={"deep": "\x00"})
    upsert_recordings(account, [seen], now=now)

    row = Recording.objects.select_related("call").get()
    assert (row.call.from_number, row.conference_name) == ("+91\ufffd", "a\ufffdb")
    assert row.provider_data["unknown"] == {"deep": "\ufffd"}
