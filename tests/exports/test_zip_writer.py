"""A ZIP that is written to a stream has the length that was told, whatever needs 64 bits in it."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC

import pytest

from recordings.exports import zip_writer
from recordings.exports.zip_writer import ZipWriter, zip_length


@pytest.mark.parametrize("limit", [zipfile.ZIP64_LIMIT, 5_000, 300, 100])
@pytest.mark.parametrize("sizes", [(), (0,), (90, 99, 290), (5_100, 1), (4_900, 10, 10)])
def test_the_length_is_told_to_the_byte(
    monkeypatch: pytest.MonkeyPatch, limit: int, sizes: tuple[int, ...]
) -> None:
    for module in (zipfile, zip_writer):
        monkeypatch.setattr(module, "ZIP64_LIMIT", limit)
    entries = [(f"audio/{number}.mp3", bytes(size)) for number, size in enumerate(sizes)]
    writer = ZipWriter(UTC)

    pieces = [piece for name, body in entries for piece in writer.entry(name, [body], size=len(body))]
    content = b"".join([*pieces, writer.finish()])

    assert len(content) == zip_length((name, len(body)) for name, body in entries)
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        assert [(info.filename, found.read(info)) for info in found.infolist()] == entries


def test_the_length_counts_what_many_entries_need(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (zipfile, zip_writer):
        monkeypatch.setattr(module, "ZIP_FILECOUNT_LIMIT", 2)
    writer = ZipWriter(UTC)
    content = (
        b"".join(piece for name in "abc" for piece in writer.entry(name, [b"1"], size=1)) + writer.finish()
    )

    assert len(content) == zip_length((name, 1) for name in "abc")
