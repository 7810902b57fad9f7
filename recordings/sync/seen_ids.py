"""A set of recording ids in 16 to 24 MB a million, where Python's own takes 150 MB."""

from __future__ import annotations

from array import array
from collections.abc import Iterable


class SeenIds:
    """Ids by their 64-bit hash. A million ids meet an equal hash in one of 30 million runs."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, recording_id: object) -> bool:
        return self._slots[self._find(_hash(recording_id))] != 0

    def update(self, recording_ids: Iterable[str]) -> None:
        """Add ids."""
        for recording_id in recording_ids:
            key = _hash(recording_id)
            slot = self._find(key)
            if self._slots[slot] == 0:
                self._slots[slot] = key
                self._count += 1
                if self._count * 3 > len(self._slots) * 2:
                    self._grow()

    def _find(self, key: int) -> int:
        """Return the slot that holds `key`, or the free one where it belongs."""
        slots = self._slots
        last = len(slots) - 1  # the size is a power of two
        slot = key & last
        while slots[slot] not in (0, key):
            slot = (slot + 1) & last
        return slot

    def _grow(self) -> None:
        keys, self._slots = self._slots, array("Q", bytes(8 * 2 * len(self._slots)))
        for key in keys:
            if key:
                self._slots[self._find(key)] = key


def _hash(recording_id: object) -> int:
    return hash(recording_id) & 0xFFFF_FFFF_FFFF_FFFF or 1  # 0 marks a free slot
