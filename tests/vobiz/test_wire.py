"""Vobiz's dialect, value by value."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.vobiz import wire

KOLKATA = ZoneInfo("Asia/Kolkata")

# Values that cost time, crash or convert wrongly where they are converted before they are matched.
HOSTILE = [
    None,
    "",
    " ",
    "null",
    "-1",
    -1,
    -1.0,
    "1e999999",
    "1e3",
    float("nan"),
    float("inf"),
    float("-inf"),
    10**400,
    10**5000,
    "9" * 5000,
    "NaN",
    "Infinity",
    "１２３",
    "٣",
    "1_000",
    " 12 ",
    "12\n",
    "+12",
    "0x10",
    "12,5",
    True,
    False,
    [],
    {},
    [10],
    {"a": 1},
    b"12",
    "\x00",
    "\ud800",
    object(),
]


def kind(value: object) -> str:
    """What to call a value whose own writing would be too long, or another one in each process."""
    return type(value).__name__


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize("value", ["10080.00000", "10080", 10080, 10080.0, "10079.5", 10079.6])
def test_a_duration_is_whole_milliseconds_in_each_of_its_writings(value: object) -> None:
    assert wire.millis(value) == 10080


def test_a_duration_of_nothing_is_known_to_be_nothing() -> None:
    assert wire.millis("0.00000") == 0


@pytest.mark.parametrize("value", HOSTILE, ids=kind)
def test_a_hostile_number_is_unknown_to_every_reader_of_numbers(value: object) -> None:
    assert wire.millis(value) is None
    assert wire.epoch_ms(value) is None
    assert wire.whole(value) is None
    assert wire.money(value) is None


def test_milliseconds_beyond_any_call_are_unknown() -> None:
    assert wire.millis("999999999999999.9") is None
    assert wire.millis(10**15) is None
    assert wire.millis("1762436949502.123456") == 1762436949502


def test_an_epoch_in_milliseconds_is_an_instant_in_utc() -> None:
    expected = datetime(2025, 11, 6, 13, 48, 59, 422000, tzinfo=UTC)
    assert wire.epoch_ms("1762436939422.00000") == expected
    assert wire.epoch_ms(1762436939422) == expected


def test_an_epoch_of_zero_or_beyond_two_centuries_is_no_time() -> None:
    assert wire.epoch_ms(0) is None
    assert wire.epoch_ms("0.00000") is None
    assert wire.epoch_ms("999999999999999") is None
    assert wire.epoch_ms("9762436939422000") is None
    assert wire.epoch_ms("2025-11-06 13:48:59") is None  # of no known zone
    assert wire.epoch_ms("1970-01-01T00:00:00Z") is None


@pytest.mark.parametrize(
    "value",
    [
        "1762436939422000", 1762436939422000, "1762436939422000000", "2025-11-06T13:48:59.422Z",
        "2025-11-06 19:18:59.422+05:30",
    ],
)  # fmt: skip
def test_a_time_in_finer_units_or_written_out_is_read(value: object) -> None:
    assert wire.epoch_ms(value) == datetime(2025, 11, 6, 13, 48, 59, 422000, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2025-11-06 13:49:10.751756+00:00",
        "2025-11-06 19:19:10.751756+05:30",
        "2025-11-06T13:49:10.751756Z",
        "2025-11-06t13:49:10.751756z",
        "2025-11-06 13:49:10.751756 UTC",
        "2025-11-06 19:19:10.751756+0530",
        "2025-11-06 13:49:10.751756123+00",
        " 2025-11-06 13:49:10.751756+00:00 ",
    ],
)
def test_a_time_with_a_zone_names_one_instant_in_all_its_writings(text: str) -> None:
    found = wire.instant(text, zone=KOLKATA)
    assert found is not None
    assert found.at == datetime(2025, 11, 6, 13, 49, 10, 751756, tzinfo=UTC)
    assert found.at.utcoffset() == timedelta(0)
    assert not found.approximate
    assert found.text == text


def test_a_time_with_five_digits_of_fraction_or_none_is_read() -> None:
    five = wire.instant("2026-05-07 09:45:35.79276+05:30", zone=UTC)
    none = wire.instant("2026-05-07 04:15:35Z", zone=UTC)
    assert five is not None
    assert none is not None
    assert five.at == datetime(2026, 5, 7, 4, 15, 35, 792760, tzinfo=UTC)
    assert none.at == datetime(2026, 5, 7, 4, 15, 35, tzinfo=UTC)


def test_a_time_without_a_zone_is_read_in_the_accounts_and_marked_approximate() -> None:
    found = wire.instant("2026-09-14 10:30:00", zone=KOLKATA)
    assert found == wire.Instant(
        datetime(2026, 9, 14, 5, 0, tzinfo=UTC), approximate=True, text="2026-09-14 10:30:00"
    )


@pytest.mark.parametrize(
    "value",
    [
        *HOSTILE,
        "2025-11-06",
        "yesterday",
        "2025-13-06 10:00:00",
        "2025-02-30 10:00:00Z",
        "2025-11-06 25:00:00Z",
        "2025-11-06 13:49:10+25:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01 00:00:00+05:30",
        "9999-12-31 23:59:59-05:30",
        "1970-01-01T00:00:00Z",
        "２０２５-11-06 13:49:10Z",
        1762436939422,
        "2025-11-06 13:49:10Z" + "0" * 100,
    ],
    ids=kind,
)
def test_what_is_no_readable_time_is_unknown(value: object) -> None:
    assert wire.instant(value, zone=UTC) is None


@pytest.mark.parametrize(
    ("value", "expected"), [(60, 60), ("60", 60), ("60.0", 60), (60.0, 60), (0, 0), ("0", 0)]
)
def test_a_count_may_come_as_number_or_text(value: object, expected: int) -> None:
    assert wire.whole(value) == expected


@pytest.mark.parametrize("value", [60.5, "60.5", 2**31, "99999999999"])
def test_a_count_with_a_fraction_or_beyond_a_database_integer_is_unknown(value: object) -> None:
    assert wire.whole(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.005, "0.005"),
        ("0.005", "0.005"),
        (0, "0"),
        ("0.00000", "0.00000"),
        (1e-05, "0.00001"),
        (0.1, "0.1"),
        (12, "12"),
    ],
)
def test_an_amount_is_an_exact_decimal(value: object, expected: str) -> None:
    assert wire.money(value) == Decimal(expected)


@pytest.mark.parametrize("value", [10**9, "1000000000", 5e-324, 1e300, "0.0000000000001"])
def test_an_amount_no_column_holds_is_unknown(value: object) -> None:
    assert wire.money(value) is None


def test_an_empty_text_and_null_are_the_same_nothing() -> None:
    assert wire.text("") is None
    assert wire.text(None) is None
    assert wire.text("  ") is None


def test_a_text_keeps_what_it_says_and_loses_what_no_database_takes() -> None:
    assert wire.text("+91 80\x00\ud83d") == "+91 80\ufffd\ufffd"
    assert wire.text("a" * 20, 5) == "aaaaa"
    assert wire.text(919624705678) == "919624705678"


@pytest.mark.parametrize(
    "value", [[], {}, True, float("nan"), 10**5000], ids=["list", "dict", "bool", "nan", "huge"]
)
def test_what_is_no_text_is_none(value: object) -> None:
    assert wire.text(value) is None


def test_a_word_of_an_open_set_is_lower_case_and_otherwise_as_given() -> None:
    assert wire.lower(" Stream ") == "stream"
    assert wire.lower("") is None


@pytest.mark.parametrize(
    "value", ["d7801b2e-e76d-4dd8-be9c-9e015a7267b8", "rec_1234", "MA_PU0XU668", "abcd", "A" * 64]
)
def test_an_id_of_the_right_shape_passes_unchanged(value: str) -> None:
    assert wire.checked_id(value) == value


@pytest.mark.parametrize(
    "value",
    [
        "..",
        "....",
        "../../../Call/",
        "BulkDelete",
        "bulkdelete",
        "BULKDELETE",
        "a?x=1",
        "abcd?x=1",
        "abcd#b",
        "abcd/",
        "abcd\n",
        "ab%2e",
        "-abcd",
        "_abcd",
        "abc",
        "A" * 65,
        "ａｂｃｄ",
        "abcd\x00",
        "",
        None,
        1234,
        ["abcd"],
        {"id": "abcd"},
    ],
    ids=kind,
)
def test_what_is_not_shaped_like_an_id_is_refused_with_a_sentence(value: object) -> None:
    with pytest.raises(wire.InvalidIdError) as refusal:
        wire.checked_id(value)
    assert str(refusal.value).endswith(".")
    assert len(str(refusal.value)) < 140


def test_a_line_shown_to_people_has_no_control_or_direction_changing_characters() -> None:
    assert wire.one_line("a\r\nb\x00\u202ec\t d") == "a b\ufffd c d"


def test_a_cleaned_original_can_be_stored_anywhere() -> None:
    dirty = {"a\x00": ["\ud800", float("nan"), float("inf"), 10**5000, 2**63, True, None, 1.5, ""]}
    cleaned = wire.clean(dirty)
    assert cleaned == {"a\ufffd": ["\ufffd", None, None, "…", str(2**63), True, None, 1.5, ""]}


def test_a_cleaned_original_ends_at_forty_levels() -> None:
    deep: list[object] = []
    for _ in range(900):
        deep = [deep]
    assert json.dumps(wire.clean(deep)).count("[") == 40


@given(json_values)
def test_no_json_value_upsets_a_reader(value: object) -> None:
    readers: list[Callable[[object], object]] = [
        wire.millis,
        wire.epoch_ms,
        wire.whole,
        wire.money,
        wire.text,
        wire.lower,
    ]
    for read in readers:
        read(value)
    wire.instant(value, zone=KOLKATA)
    written = json.dumps(wire.clean(value), allow_nan=False)
    assert "\\u0000" not in written
    json.dumps(wire.clean(value), ensure_ascii=False).encode("utf-8")


@given(st.text(st.characters(), max_size=80))
def test_no_text_upsets_a_reader_and_what_is_kept_can_be_stored(value: str) -> None:
    kept = wire.text(value)
    assert kept is None or ("\x00" not in kept and kept.encode("utf-8"))
    wire.one_line(value).encode("utf-8")
    try:
        assert wire.ID_SHAPE.fullmatch(wire.checked_id(value))
    except wire.InvalidIdError as refusal:
        str(refusal).encode("utf-8")


@given(st.integers(0, 10**15 - 1), st.sampled_from(["", ".0", ".00000", ".4"]))
def test_every_count_of_milliseconds_survives_its_writing(count: int, fraction: str) -> None:
    assert wire.millis(f"{count}{fraction}") == count


@given(
    st.datetimes(datetime(2015, 1, 2), datetime(2025, 12, 31)),  # noqa: DTZ001 - given its zone below
    st.integers(-14 * 60, 14 * 60),
)
def test_every_instant_survives_its_writing_with_an_offset(naive: datetime, minutes: int) -> None:
    at = naive.replace(tzinfo=UTC)
    sign, offset = ("-" if minutes < 0 else "+"), abs(minutes)
    local = (at + timedelta(minutes=minutes)).replace(tzinfo=None)
    written = f"{local.isoformat(sep=' ')}{sign}{offset // 60:02}:{offset % 60:02}"
    found = wire.instant(written, zone=KOLKATA)
    assert found is not None
    assert found.at == at


@given(st.decimals(0, 10**9 - 1, places=6))
def test_every_amount_survives_its_writing(amount: Decimal) -> None:
    assert wire.money(f"{amount:f}") == amount
