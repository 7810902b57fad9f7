"""What a check found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what is so, and, where it should not be, what to do about it."""

    state: State
    words: str
    cure: str = ""


Findings = Iterator[Finding]


def ok(words: str) -> Finding:
    """Return a finding that is as it should be."""
    return Finding(State.OK, words)


def warning(words: str, cure: str) -> Finding:
    """Return a finding that works today, and should be changed."""
    return Finding(State.WARNING, words, cure)


def failed(words: str, cure: str) -> Finding:
    """Return a finding that keeps something from working."""
    return Finding(State.FAILED, words, cure)


def skipped(words: str) -> Finding:
    """Return that there was nothing to look at."""
    return Finding(State.SKIPPED, words)
