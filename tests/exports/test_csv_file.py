"""A cell is text to a spreadsheet, whatever it begins with; a telephone number in its column stays itself."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings.exports import cell, csv_file, moment
from recordings.exports.csv_file import FORMULA, SKIPPED


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+1", "-1", "@SUM(A1)", "|calc", "%x", "＝1", "＋1", "－1", "＠x", "−1", " =1",
        "\tx", "\rx", "\nx",
        "\ufeff=1", "\u200b=1", "\x00=1", " \u00a0\u200d=1", "+91 98765", "+12345", "+1234567890123456",
        "+९१९८७६५४३२१०",
    ],
)  # fmt: skip
@pytest.mark.parametrize("is_number", [True, False])
def test_what_may_run_gets_an_apostrophe(text: str, *, is_number: bool) -> None:
    assert cell(text, is_number=is_number) == "'" + text.replace("\x00", "")


def test_a_number_stays_itself_in_a_column_of_numbers_only() -> None:
    assert cell("+918071387423", is_number=True) == "+918071387423"
    assert cell("+918071387423") == "'+918071387423"
    assert cell("918071387423", is_number=True) == "918071387423"
    assert cell("sip:a@b", is_number=True) == "sip:a@b"
    assert cell("=1+1\n+918071387423", is_number=True).startswith("'")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("room;=cmd|'/C calc'!A0;", "room;'=cmd|'/C calc'!A0;"),
        ("room; =1", "room; '=1"),
        ('room;"=1', "room;\"'=1"),
        ("room\t+1", "room\t'+1"),
        ("room|@SUM(A1)", "room|'@SUM(A1)"),
        ("two\nlines\r\n=1;-1", "two\nlines\r\n'=1;'-1"),
        ("room;;;＝1", "room;;;'＝1"),
        ("room;||=1", "room;'||'=1"),
        ("\t=1", "'\t'=1"),
        ("=1;=1", "'=1;'=1"),
        ("called +918071387423;+918071387423", "called +918071387423;'+918071387423"),
    ],
)
@pytest.mark.parametrize("is_number", [True, False])
def test_what_may_run_where_cells_are_parted_elsewhere_than_at_a_comma_gets_one_too(
    text: str, said: str, *, is_number: bool
) -> None:
    assert cell(text, is_number=is_number) == said


@pytest.mark.parametrize(
    "text", ["\n" * 500_000, ";" * 500_000, "|" * 500_000, '\n"' * 250_000, "| " * 250_000]
)
def test_a_long_run_of_separators_is_looked_at_once(text: str) -> None:
    assert cell(f"x{text}x") == f"x{text}x"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, ""),
        ("", ""),
        (-5, "-5"),
        (Decimal("-0.50"), "-0.5"),
        (Decimal("0E-8"), "0"),
        (Decimal("0.00500000"), "0.005"),
        (Decimal(1200), "1200"),
        (Decimal("1E+3"), "1000"),
        (True, "True"),
        ("a=b", "a=b"),
        ("a;b=c|d; e-f", "a;b=c|d; e-f"),
        ("this || that", "this || that"),
        ("नमस्ते", "नमस्ते"),
    ],
)
def test_what_is_harmless_stays_as_it_is(value: object, said: str) -> None:
    assert cell(value) == said


@given(st.text(), st.booleans())
def test_no_text_whatever_begins_like_a_formula(text: str, is_number: bool) -> None:
    said = cell(text, is_number=is_number)

    harmless = said.startswith("'") or (is_number and said[1:].isdigit())
    assert harmless or not said.lstrip(SKIPPED).startswith(FORMULA)
    assert "\x00" not in said
    assert text.replace("\x00", "").replace("'", "") == said.replace("'", "")


PARTS = st.sampled_from([*";\t|,\r\n\"'= +a", '";', '""', "=1", "+918071387423", "@x"])


@given(st.lists(st.lists(PARTS).map("".join), min_size=1, max_size=4), st.sampled_from(";\t|,"))
def test_no_cell_runs_wherever_a_spreadsheet_parts_them(values: list[str], separator: str) -> None:
    body = b"".join(csv_file(["a"], [[cell(value) for value in values]])).decode("utf-8-sig")

    for line in csv.reader(io.StringIO(body, newline=""), delimiter=separator):
        for field in line:
            assert not field.lstrip(SKIPPED).startswith(FORMULA)


def test_a_time_has_the_readers_offset_in_summer_and_winter() -> None:
    berlin = ZoneInfo("Europe/Berlin")

    assert moment(datetime(2026, 7, 1, 12, tzinfo=UTC), berlin) == "2026-07-01T14:00:00+02:00"
    assert moment(datetime(2026, 1, 1, 12, tzinfo=UTC), berlin) == "2026-01-01T13:00:00+01:00"
    assert moment(None, berlin) == ""


def test_the_file_begins_with_a_mark_quotes_everything_and_reads_back() -> None:
    rows = [["+918071387423", 'said "yes", twice'], ["", "line\nbreak"], *[["x", str(n)] for n in range(500)]]

    body = b"".join(csv_file(["number", "words"], rows))

    assert body.startswith(b'\xef\xbb\xbf"number","words"\r\n"+918071387423"')
    assert list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))[1:] == rows


def test_a_long_file_comes_in_pieces_while_its_rows_are_read() -> None:
    read = 0

    def rows() -> object:
        nonlocal read
        for n in range(10_000):
            read = n
            yield [str(n)]

    pieces = csv_file(["n"], rows())  # type: ignore[arg-type]
    next(pieces)

    assert read < 500
