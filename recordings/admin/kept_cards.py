"""The overview's cards about our copies: what may be lost or is, and how the archive stands."""

from __future__ import annotations

from typing import Any

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings import overview
from recordings.admin import shown
from recordings.admin.attention import listed
from recordings.admin.look import Look
from recordings.admin.number import Number
from recordings.overview import DUE_TAKES, Archiving


def at_risk_card(look: Look) -> dict[str, Any] | None:
    """What leaves Vobiz soon without a copy here, and what is lost."""
    if not look.may("view_recording"):
        return None
    n, first, days = look.at_risk, look.leaves_first_at, overview.soon().days
    words = ngettext(
        "leaves Vobiz within %d days and is not archived", "leave Vobiz within %d days and are not archived", n.n
    ) % days  # fmt: skip
    role = "attention" if n else "good"
    numbers = [
        Number(n, listed("recording", kept="at_risk"), words, role),
        Number(look.lost, listed("recording", kept="lost"), _("lost"), "bad" if look.lost else "good"),
    ]
    if look.lost_before:
        before = listed("recording", kept="lost_before")
        numbers.append(Number(look.lost_before, before, _("gone before the first sync, not counted as lost")))
    return {
        "numbers": numbers,
        "first": shown.days_left(first, look.now) if first else "",
        "first_at": shown.moment(first, look.zone) if first else "",
        "kept_days": sorted({account.retention_days for account in look.accounts}),
        "url": reverse("admin:recordings_recording_at_risk"),
    }


def archive_card(look: Look) -> dict[str, Any] | None:
    """How archiving goes: stopped, behind or well, and why."""
    archiving = look.archiving
    if archiving is None:
        return None
    stopped = _stopped(look, archiving)
    behind = _behind(look, archiving)
    role = "bad" if stopped else "attention" if behind else "good"
    words = {"bad": _("stopped"), "attention": _("behind"), "good": _("going well")}[role]
    return {
        "badge": shown.badge(role, words, role=role),
        "why": [*stopped, *behind],
        "last_at": shown.moment(archiving.last_at, look.zone) if archiving.last_at else "",
        "last_ago": shown.ago(archiving.last_at, look.now) if archiving.last_at else "",
        "due": archiving.due,
        "due_url": listed("recording", kept="due"),
        "due_bytes": size(archiving.due_bytes, at_least=archiving.due.more),
        "oldest": shown.ago(archiving.oldest_due_at, look.now) if archiving.oldest_due_at is not None else "",
        "free": size(archiving.free) if archiving.free is not None else "",
        "full_in": _full_in(archiving),
    }


def _stopped(look: Look, archiving: Archiving) -> list[str]:
    found = [
        f"{shown.plain(account.name or account.auth_id)}: {shown.plain(account.archive_pause)}"
        for account in look.accounts
        if account.is_active and account.archive_pause
    ]
    if archiving.storage_error:
        found.append(_("The archive cannot be asked: %s") % shown.plain(archiving.storage_error))
    elif not archiving.has_room:
        found.append(_("Too little space is free, so nothing is archived until there is more."))
    return found


def _behind(look: Look, archiving: Archiving) -> list[str]:
    found = [
        _("%s is not archived automatically.") % shown.plain(account.name or account.auth_id)
        for account in look.accounts
        if account.is_active and not account.archive_automatically
    ]
    if archiving.oldest_due_at is not None and look.now - archiving.oldest_due_at > DUE_TAKES:
        found.append(_("The oldest has been due for over 24 hours."))
    return found


def _full_in(archiving: Archiving) -> str:
    days = archiving.full_in_days
    if days is None:
        return ""
    most = 3_650
    if days > most:
        return _("not full for ten years at last week's rate")
    return ngettext("full in %d day at last week's rate", "full in %d days at last week's rate", days) % days


def size(count: int, *, at_least: bool = False) -> str:
    """`1.2 GB`, in the reader's language."""
    words = filesizeformat(count)
    return _("more than %s") % words if at_least else words
