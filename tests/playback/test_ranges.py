"""Which bytes a Range header asks for."""

from __future__ import annotations

import pytest

from recordings.playback import ByteRange

SIZE = 1_000


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-99", (0, 100)),
        ("bytes=0-0", (0, 1)),
        ("bytes=999-999", (999, 1_000)),
        ("bytes=500-", (500, 1_000)),
        ("bytes=0-", (0, 1_000)),
        ("bytes=-1", (999, 1_000)),
        ("bytes=-5000", (0, 1_000)),
        ("bytes=990-5000", (990, 1_000)),
        ("Bytes= 0-1 ", (0, 2)),
        # not one byte of it is there
        ("bytes=1000-", None),
        ("bytes=1000-1001", None),
        ("bytes=-0", None),
        (f"bytes={'9' * 40}-", None),
    ],
)
def test_one_range_is_the_part_of_the_file_it_names(header: str, part: tuple[int, int] | None) -> None:
    found = ByteRange.parse(header)

    assert found is not None
    assert found.within(SIZE) == part


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "bytes=",
        "bytes=-",
        "bytes=5-2",
        "bytes=a-b",
        "bytes=0-1,5-6",
        "lines=0-1",
        "0-1",
        "bytes=0x1-5",
        "bytes=-1-5",
        "bytes=٣-٤",
        f"bytes={'9' * 9_000}-",
        "bytes=0-1\r\nX: y",
    ],
)
def test_what_makes_no_sense_or_asks_for_several_parts_asks_for_the_whole(header: str | None) -> None:
    assert ByteRange.parse(header) is None


def test_an_empty_file_has_no_part() -> None:
    assert ByteRange(0, None).within(0) is None
    assert ByteRange(None, 5).within(0) is None


@pytest.mark.parametrize(
    ("asked", "header"),
    [
        (ByteRange(10, None), "bytes=10-109"),
        (ByteRange(10, 19), "bytes=10-19"),
        (ByteRange(0, 5_000), "bytes=0-99"),
        (ByteRange(None, 7), "bytes=-7"),
    ],
)
def test_what_is_asked_of_vobiz_is_bounded(asked: ByteRange, header: str) -> None:
    assert asked.header(most=100) == header
