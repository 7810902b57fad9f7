"""Why a message was not sent."""

from __future__ import annotations


class NotWantedError(Exception):
    """The recipient may not be told any more, or has no address. It is no fault."""


class PermanentError(Exception):
    """It will never be sent. `str()` is a sentence for people."""


class UnsentError(Exception):
    """It was not sent, and is to be tried again. `str()` is a sentence for people."""
