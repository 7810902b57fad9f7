"""The same rows on both databases, whatever script, spelling or punctuation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from recordings.choices import Origin, RecordingStatus
from recordings.models import Account, Call, Recording, Transcription
from recordings.models.call import numbers
from recordings.search import (
    Reading,
    find_calls,
    find_of_recordings,
    find_recordings,
    likeliest,
    parse_query,
    rows,
)
from recordings.search.lookups import Digits, HasDigits, first_hits

START = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
LIBRARY = {
    # recording id: (from, to, conference, transcript)
    "rec-0001": ("+918071387423", "+919624705678", None, "Where is my parcel? The lost parcel was re-sent."),
    "rec-0002": (
        "+919862742851",
        "08071387423",
        None,
        "Your parcel was lost; ₹1,500 refunded to priya.rao@example.in.",
    ),
    "rec-0003": ("sip:lobby7@pbx.example", "+442071838750", None, "नमस्ते, क्या आपका पार्सल आ गया?"),
    "rec-0004": ("+14155550132", "+918045123400", "Weekly Sales 'A'", "வணக்கம் parcels 3.14"),
    "rec-0005": (None, None, None, "السلام عليكم، أين الطرد"),
    "rec-0006": ("+912261234567", "+917992231329", None, None),
}


@pytest.fixture
def library(account: Account) -> Account:
    for at, (recording_id, (from_number, to_number, conference, text)) in enumerate(LIBRARY.items()):
        moment = START + timedelta(minutes=at)
        call = Call.objects.create(
            account=account, call_uuid=f"0f{at}e-call-of-{recording_id}", happened_at=moment,
            **numbers(from_number, to_number),
        )  # fmt: skip
        recording = Recording.objects.create(
            account=account, call=call, recording_id=recording_id, origin=Origin.SYNC,
            status=RecordingStatus.COMPLETED, happened_at=moment, conference_name=conference,
        )  # fmt: skip
        if text is not None:
            Transcription.objects.create(recording=recording, status="completed", text=text)
    return account


def found(typed: str, reading: Reading | None = None) -> list[str]:
    query = parse_query(typed)
    result = find_recordings(Recording.objects.all(), query, reading or (query.readings or (None,))[0])
    return list(result.rows.order_by(*result.order).values_list("recording_id", flat=True))


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("+91 80713 87423", [2, 1]),
        ("08071387423", [2, 1]),
        ("387423", [2, 1]),
        ("from: 387423", [1]),
        ("to: 08071387423", [2]),
        ("०८०७१३८७४२३", [2, 1]),
        ("5550132", [4]),
        ("99999999", []),
        ("rec-0003", [3]),
        ("REC-0003", [3]),
        ("0f4e-call", [5]),
        ("0F4E-CALL", [5]),
    ],
)
@pytest.mark.usefixtures("library")
def test_a_number_or_an_id_finds_its_recordings_newest_first(typed: str, ids: list[int]) -> None:
    assert found(typed) == [f"rec-{number:04}" for number in ids]


@pytest.mark.parametrize(
    ("typed", "ids"),
    [
        ("parcel", [2, 1]),
        ("parcel*", [4, 2, 1]),
        ('"lost parcel"', [1]),
        ("lost parcel", [2, 1]),
        ("re-sent", [1]),
        ("sent re", [1]),
        ("priya.rao@example.in", [2]),
        ("₹1,500", [2]),
        ("3.14", [4]),
        ("पार्सल", [3]),
        ("पार", []),
        ("पार*", [3]),
        ("வணக்கம்", [4]),
        ("الطرد", [5]),
        ("it's", []),
        ("nowhere", []),
    ],
)
@pytest.mark.usefixtures("library")
def test_words_find_the_recordings_in_which_they_were_said(typed: str, ids: list[int]) -> None:
    assert found(typed, Reading.WORDS) == [f"rec-{number:04}" for number in ids]


@pytest.mark.parametrize(
    ("typed", "ids"),
    [("lobby7", [3]), ("LOBBY", [3]), ("to: lobby", []), ("weekly sales", [4]), ("'a'", [4]), ("100%_", [])],
)
@pytest.mark.usefixtures("library")
def test_a_name_finds_sip_addresses_and_conferences(typed: str, ids: list[int]) -> None:
    assert found(typed, Reading.NAME) == [f"rec-{number:04}" for number in ids]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("many", [False, True])
@pytest.mark.parametrize(
    ("typed", "ids"), [("bengaluru", [4, 2, 1]), ("to: Bangalore", [4, 2]), ("Mumbai", [6]), ("Ranchi", [])]
)
def test_an_area_finds_the_numbers_that_begin_so(
    typed: str, ids: list[int], many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if many:
        monkeypatch.setattr(rows, "PROBED", 2)
        monkeypatch.setattr(rows, "A_PAGE", 1)
    assert found(typed, Reading.AREA) == [f"rec-000{n}" for n in ids]
    calls = find_calls(Call.objects.all(), parse_query(typed), Reading.AREA)
    assert [call.call_uuid[-8:] for call in calls.rows.order_by(*calls.order)] == [f"rec-000{n}" for n in ids]
    texts = find_of_recordings(
        Transcription.objects.all(), parse_query(typed), Reading.AREA, path="recording__"
    )
    assert set(texts.values_list("recording__recording_id", flat=True)) <= {f"rec-000{n}" for n in ids}


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("typed", "ids"), [("387423", [2, 1]), ("from: 387423", [1]), ("555013", [4])])
def test_digits_of_many_calls_are_looked_up_row_by_row(
    typed: str, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "FEW_HITS", 0)
    with CaptureQueriesContext(connection) as captured:
        assert found(typed, Reading.NUMBER) == [f"rec-000{n}" for n in ids]
    assert "UNION" not in captured[-1]["sql"]
    assert ("EXISTS" in captured[-1]["sql"]) == (connection.vendor == "sqlite")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("typed", "ids", "is_walked"),
    [("387423", [2, 1], False), ("1234", [6, 4], False), ("226123", [6], True), ("from: 387423", [1], False)],
)
def test_many_digits_are_walked_only_where_the_newest_rows_hold_a_page(
    typed: str, ids: list[int], is_walked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in {
        "FEW_HITS": 0,
        "PROBED": 2,
        "A_PAGE": 2 if typed == "1234" else 1,
    }.items():
        monkeypatch.setattr(rows, name, number)
    with CaptureQueriesContext(connection) as captured:
        assert found(typed, Reading.NUMBER) == [f"rec-000{n}" for n in ids]
    if connection.vendor == "sqlite":
        assert ("EXISTS" in captured[-1]["sql"]) == is_walked


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("typed", "ids"), [("387423", [2, 1]), ("to: 387423", [2]), ("555013", [4]), ("9999", [])]
)
def test_calls_of_many_digits_are_looked_up_row_by_row(
    typed: str, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "FEW_HITS", -1)
    result = find_calls(Call.objects.all(), parse_query(typed), Reading.NUMBER)
    with CaptureQueriesContext(connection) as captured:
        calls = result.rows.order_by(*result.order).values_list("call_uuid", flat=True)
        assert list(calls) == [f"0f{n - 1}e-call-of-rec-000{n}" for n in ids]
    assert ("EXISTS" in captured[-1]["sql"]) == (connection.vendor == "sqlite")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(
    ("typed", "ids"), [("387423", [2, 1]), ("to: 387423", [2]), ("555013", [4]), ("2261", [])]
)
def test_transcripts_of_many_digits_are_looked_up_row_by_row(
    typed: str, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "FEW_HITS", 0)
    texts = find_of_recordings(
        Transcription.objects.all(), parse_query(typed), Reading.NUMBER, path="recording__"
    )
    with CaptureQueriesContext(connection) as captured:
        ids_found = texts.values_list("recording__recording_id", flat=True)
        assert list(ids_found) == [f"rec-000{n}" for n in ids]
    assert ("EXISTS" in captured[-1]["sql"]) == (connection.vendor == "sqlite")


@pytest.mark.usefixtures("library")
def test_transcripts_of_many_words_are_looked_up_row_by_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "FEW_HITS", -1)
    for typed, ids in (("parcel", [2, 1]), ("refunded", [2]), ("nowhere", [])):
        texts = find_of_recordings(
            Transcription.objects.all(), parse_query(typed), Reading.WORDS, path="recording__"
        )
        with CaptureQueriesContext(connection) as captured:
            ids_found = texts.values_list("recording__recording_id", flat=True)
            assert list(ids_found) == [f"rec-000{n}" for n in ids]
        assert ("EXISTS" in captured[-1]["sql"]) == (connection.vendor == "sqlite")


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("typed", "ids"), [("387423", [2, 1]), ("08071387423", [2, 1]), ("4571", [])])
def test_the_index_of_digits_is_read_once_for_a_query(typed: str, ids: list[int]) -> None:
    query = parse_query(typed)
    with CaptureQueriesContext(connection) as captured:
        reading = likeliest(Recording.objects.all(), query, (Reading.NUMBER, Reading.NAME))
        result = find_recordings(Recording.objects.all(), query, Reading.NUMBER)
        assert result.rows.order_by().count() == len(ids)
        shown = result.rows.order_by(*result.order).values_list("recording_id", flat=True)
        assert list(shown) == [f"rec-000{n}" for n in ids]
    assert reading == Reading.NUMBER
    asked = [one["sql"] for one in captured]
    assert sum("_digits" in sql and ("MATCH" in sql or "LIKE" in sql) for sql in asked) == 1


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("typed", "reading"), [("387423", Reading.NUMBER), ("parcel", Reading.WORDS)])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's planner chooses by itself")
def test_sums_of_many_hits_do_not_look_each_row_up(
    typed: str, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "FEW_HITS", 1)
    result = find_recordings(Recording.objects.all(), parse_query(typed), reading)
    with CaptureQueriesContext(connection) as captured:
        assert len(result.rows.order_by(*result.order)[:1]) == 1
        assert result.rows.order_by()[:10].count() == 2
    assert ["EXISTS" in one["sql"] for one in captured] == [True, False]


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize(("recording_id", "is_walked"), [("rec-0005", True), ("rec-0001", False)])
@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL's planner chooses by itself")
def test_what_many_rows_meet_is_walked_where_the_newest_hold_a_page(
    recording_id: str, is_walked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PROBED", 2)
    monkeypatch.setattr(rows, "A_PAGE", 1)
    condition = Q(recording_id=recording_id)
    hits = Recording.objects.filter(condition).values("pk")
    found, order = rows.common_or_few(Recording.objects.all(), condition, hits)
    assert [one.recording_id for one in found.order_by(*order)] == [recording_id]
    assert (order == rows.NEWEST_FIRST) == is_walked


@pytest.mark.skipif(connection.vendor != "postgresql", reason="there a call may stand in the index twice")
def test_hits_that_were_cut_short_are_not_taken_for_all(
    library: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = numbers("+918045123400", "+918045123401")
    Call.objects.filter(recordings__recording_id__in=["rec-0001", "rec-0002"]).update(**both)
    monkeypatch.setattr(rows, "FEW_HITS", 2)
    assert found("451234", Reading.NUMBER) == ["rec-0004", "rec-0002", "rec-0001"]


@pytest.mark.usefixtures("library")
def test_a_call_is_found_by_its_own_facts_and_by_those_of_its_recordings() -> None:
    for typed, reading in (
        ("5550132", Reading.NUMBER),
        ("rec-0004", Reading.ID),
        ("weekly", Reading.NAME),
        ("3.14", Reading.WORDS),
    ):
        result = find_calls(Call.objects.all(), parse_query(typed), reading)
        assert [call.call_uuid for call in result.rows.order_by(*result.order)] == ["0f3e-call-of-rec-0004"]


@pytest.mark.parametrize("typed", ["leg 7@10.0.0.1", "leg 7@", "leg-of-Trunk_7"])
@pytest.mark.usefixtures("library")
def test_a_call_that_vobiz_names_by_no_uuid_is_found_by_that(typed: str) -> None:
    name = "leg-of-Trunk_7/b" if "Trunk" in typed else "leg 7@10.0.0.1"
    Call.objects.filter(from_digits="14155550132").update(call_uuid=None, call_uuid_text=name)
    query = parse_query(typed)

    assert found(typed, likeliest(Recording.objects.all(), query, query.readings)) == ["rec-0004"]


@pytest.mark.usefixtures("library")
def test_the_index_follows_every_write() -> None:
    Call.objects.filter(from_digits="14155550132").update(**numbers("+14155559999", None))
    assert found("5550132") == []
    assert found("5559999") == ["rec-0004"]
    held = Transcription.objects.get(recording__recording_id="rec-0001")
    held.text = "Nothing of the kind."
    held.save()
    assert found("parcel", Reading.WORDS) == ["rec-0002"]
    held.delete()
    assert found("kind", Reading.WORDS) == []
    Recording.objects.filter(recording_id="rec-0006").update(conference_name="Board")
    assert found("board", Reading.NAME) == ["rec-0006"]


@pytest.mark.usefixtures("library")
def test_the_first_reading_that_finds_anything_is_taken() -> None:
    everything = Recording.objects.all()
    for typed, reading in (
        ("lobby7", Reading.NAME),
        ("rec-0001", Reading.ID),
        ("387423", Reading.NUMBER),
        ("weekly sales", Reading.NAME),
        ("refunded", Reading.WORDS),
        ("nothing like it", Reading.WORDS),
    ):
        query = parse_query(typed)
        assert likeliest(everything, query, query.readings) == reading, typed
    assert likeliest(everything, parse_query("?!"), ()) is None
    unseen = Recording.objects.none()
    assert likeliest(unseen, parse_query("lobby7"), parse_query("lobby7").readings) == Reading.ID


@pytest.mark.skipif(connection.vendor != "postgresql", reason="how many rows were read is told by PostgreSQL")
def test_common_digits_are_read_no_further_than_asked_for(account: Account) -> None:
    Call.objects.bulk_create(
        Call(
            account=account,
            call_uuid=f"uuid-{at}",
            happened_at=START,
            **numbers("+918045123400", "+918045123401"),
        )
        for at in range(300)
    )
    with CaptureQueriesContext(connection) as captured:
        assert len(first_hits(HasDigits, Digits("4512"), upto=11, using="default")) == 11
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_bitmapscan = off")  # no index: what is read is what is counted
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS off, TIMING off) {captured[0]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "rows=300" not in plan, plan
