"""One cause of trouble, as the overview, alerts and commands share it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from recordings.choices import ProblemCode


@dataclass(frozen=True, slots=True)
class Problem:
    """One cause of trouble. `code` with `account` (None: the whole portal) identifies it among all current problems.

    `since`: when it began; None where only the present is known. `counted`: the rows concerned with their noun, or
    empty. `words`: a clause that follows it, or a sentence without a full stop. `said`: what was reported, as text from
    outside; it may hold anything. `url`: the path of the page that shows it. `cure`: what to do.
    """

    code: ProblemCode
    account: int | None
    since: datetime | None
    words: str
    url: str
    cure: str
    counted: str = ""
    said: str = ""

    @property
    def cause(self) -> str:
        """Return the cause in one line, without the account's name and without a full stop."""
        return f"{self.counted} {self.words}" if self.counted else self.words

    @property
    def key(self) -> tuple[str, int | None]:
        """What identifies it among the current problems."""
        return self.code.value, self.account
