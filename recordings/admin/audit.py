"""Write user actions on recordings and transcripts into the access log."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from recordings.choices import AccessAction
from recordings.models import AccessEvent, Recording
from recordings.signin.log import address_of


def note_access(request: HttpRequest, action: AccessAction, recording: Recording | None, **said: Any) -> None:
    """Write down what the reader did, for `AccessEvent.objects.note`; a HEAD brings nobody anything to hear or read."""
    if request.method != "HEAD":
        AccessEvent.objects.record(
            request.user, action, recording=recording, address=address_of(request), **said
        )
