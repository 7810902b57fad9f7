"""Write user actions on recordings and transcripts into the access log."""

from __future__ import annotations

import logging
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from recordings.choices import AccessAction, AccessResult
from recordings.models import AccessEvent, Recording
from recordings.shared_cache import count_up
from recordings.signin.log import address_of

logger = logging.getLogger(__name__)

REFUSALS_AN_HOUR = 100  # lines of one person about what was refused or not available; the rest is counted
HOUR = 3600


def note_access(request: HttpRequest, action: AccessAction, recording: Recording | None, **said: Any) -> None:
    """Write down what the reader did, for `AccessEvent.objects.note`; a HEAD brings nobody anything to hear or read."""
    if request.method == "HEAD":
        return
    if said.get("result", AccessResult.OK) != AccessResult.OK:
        words = _limited(request.user.pk)
        if words is None:
            return
        said["detail"] = " ".join(filter(None, (said.get("detail"), words)))
    AccessEvent.objects.record(request.user, action, recording=recording, address=address_of(request), **said)


def _limited(user_pk: Any) -> str | None:
    """Count a refusal of this person; return what its line adds about the others, None without a line."""
    hour = int(timezone.now().timestamp()) // HOUR
    count = count_up(f"refusals:{user_pk}:{hour}", seconds=2 * HOUR)
    if count > REFUSALS_AN_HOUR:
        if count % REFUSALS_AN_HOUR == 1:
            logger.warning("User %s: %s requests refused within this hour", user_pk, count)
        return None
    if count == REFUSALS_AN_HOUR:
        return _("More within this hour are counted and not logged.")
    before = _counted(f"refusals:{user_pk}:{hour - 1}") if count == 1 else 0
    if before <= REFUSALS_AN_HOUR:
        return ""
    return _("In the hour before, %d more were refused and not logged.") % (before - REFUSALS_AN_HOUR)


def _counted(key: str) -> int:
    try:
        return int(cache.get(key, 0))
    except Exception:  # noqa: BLE001 - whatever the cache's library raises: the line itself matters more
        return 0
