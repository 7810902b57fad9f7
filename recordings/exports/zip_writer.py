"""A ZIP written to a stream: entries stored, not compressed, and dated by the clock of whoever reads it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import tzinfo
from zipfile import ZIP64_LIMIT, ZIP_FILECOUNT_LIMIT, ZipFile, ZipInfo

from django.utils import timezone

# Bytes of the parts of a ZIP, as zipfile writes them to a file that cannot be sought in
LOCAL_HEADER, LOCAL_ZIP64, DESCRIPTOR, DESCRIPTOR_ZIP64 = 30, 20, 16, 24
DIRECTORY_ENTRY, DIRECTORY_END, DIRECTORY_END_ZIP64 = 46, 22, 56 + 20
LIKELY_GROWTH = 1.05  # zipfile plans for data that compression makes larger


class ZipWriter:
    """A ZIP of which each call returns the bytes that are ready; zipfile writes them into a buffer."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._buffer = _Buffer()
        self._zip = ZipFile(self._buffer, "w")  # type: ignore[call-overload]  # it writes, and needs no more

    def entry(self, name: str, pieces: Iterable[bytes], *, size: int | None = None) -> Iterator[bytes]:
        """Yield an entry; its date is now, in the zone. `size` must be right where zip_length was told it."""
        info = ZipInfo(name, timezone.now().astimezone(self._zone).timetuple()[:6])
        info.file_size = size or 0  # decides, with force_zip64, whether its header has room for 64 bits
        with self._zip.open(info, "w", force_zip64=size is None) as entry:
            for piece in pieces:
                entry.write(piece)
                yield self._buffer.take()
        yield self._buffer.take()

    def finish(self) -> bytes:
        """Return the central directory, which ends the ZIP."""
        self._zip.close()
        return self._buffer.take()


def zip_length(entries: Iterable[tuple[str, int]]) -> int:
    """Return the length in bytes of a ZIP of these entries, (ASCII name, size) in their order."""
    count = offset = directory = 0
    for name, size in entries:
        # numbers of 64 bits beside the entry
        wide = (2 if size > ZIP64_LIMIT else 0) + (offset > ZIP64_LIMIT)
        directory += DIRECTORY_ENTRY + len(name) + (4 + 8 * wide if wide else 0)
        is_zip64 = size * LIKELY_GROWTH > ZIP64_LIMIT
        offset += LOCAL_HEADER + len(name) + (LOCAL_ZIP64 if is_zip64 else 0)
        offset += size + (DESCRIPTOR_ZIP64 if is_zip64 else DESCRIPTOR)
        count += 1
    is_zip64 = count > ZIP_FILECOUNT_LIMIT or offset > ZIP64_LIMIT or directory > ZIP64_LIMIT
    return offset + directory + DIRECTORY_END + (DIRECTORY_END_ZIP64 if is_zip64 else 0)


class _Buffer:
    """What zipfile writes into: the bytes since the last `take`. Without `tell`, it is a stream to zipfile."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        """Keep the bytes."""
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Do nothing, as zipfile asks for."""

    def take(self) -> bytes:
        """Return the bytes and forget them."""
        taken = b"".join(self._pieces)
        self._pieces = []
        return taken
