"""The overview's line about the background work: whether anybody does it, and how far behind it is."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.admin import shown
from recordings.admin.look import Look
from recordings.overview import OVERDUE

START = "manage.py worker"


def worker_line(look: Look) -> dict[str, Any] | None:
    """None for those who may not see how syncs go."""
    found = look.background
    if found is None:
        return None
    late = found.oldest_due_at is not None and look.now - found.oldest_due_at > OVERDUE
    if not found.workers:
        role, word = "bad", _("No worker is running")
        if found.heard_at is not None:
            word = _("No worker is running: the last was heard of %s") % shown.ago(found.heard_at, look.now)
    elif late:
        role, word = "attention", _("Behind")
    else:
        role = "good"
        word = ngettext("%d worker is running", "%d workers are running", found.workers) % found.workers
    unconfirmed = ""
    if n := look.unconfirmed:
        unconfirmed = ngettext(
            "%s start that is not confirmed waits to be settled.",
            "%s starts that are not confirmed wait to be settled.",
            n.n,
        ) % n  # fmt: skip
    return {
        "badge": shown.badge(role, word, role=role),
        "swept": shown.ago(found.swept_at, look.now) if found.swept_at is not None else "",
        "due": shown.ago(found.oldest_due_at, look.now) if found.oldest_due_at is not None else "",
        "unconfirmed": unconfirmed,
        "missing": not found.workers,
        "command": START,
    }
