"""A number on a card of the overview."""

from __future__ import annotations

from dataclasses import dataclass

from recordings.admin import shown
from recordings.overview import Counted


@dataclass(frozen=True, slots=True)
class Number:
    """A number that links to the list of just those rows."""

    count: Counted
    url: str
    words: str
    role: str = "quiet"

    @property
    def shape(self) -> str:
        """Beside its colour."""
        return shown.SHAPES[self.role]
