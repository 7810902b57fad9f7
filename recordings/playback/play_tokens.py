"""One play has one line in the access log, however many ranges a player asks for: its id says which play it is.

A page that shows a recording mints an id for its reader and puts it into the audio's address. It is signed, so nobody
makes one up, uses another's, or hides a play behind the id of another recording.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from django.core.signing import BadSignature, TimestampSigner

from recordings.models import Recording

SALT = "recordings.play"
GOOD_FOR = timedelta(hours=24)


def mint(user: Any, recording: Recording) -> str:
    """Return a signed token of a new play of `recording` by `user`, for a URL."""
    return TimestampSigner(salt=SALT).sign(f"{user.pk}.{recording.pk}.{secrets.token_urlsafe(16)}")


def play_of(token: str, user: Any, recording: Recording) -> str | None:
    """Return the play id of `token`; None if it is another user's or recording's, altered, or too old."""
    try:
        said = TimestampSigner(salt=SALT).unsign(token, max_age=GOOD_FOR)
    except BadSignature:
        return None
    owner, of, play_id = said.split(".", 2)
    return play_id if (owner, of) == (str(user.pk), str(recording.pk)) else None
