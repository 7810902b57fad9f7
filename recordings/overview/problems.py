"""Every current problem, from one source: the overview, alerts, `/readyz` and `doctor` read it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth.models import User
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from recordings.choices import ProblemCode
from recordings.overview.archive import soon
from recordings.overview.counting import Counted, total
from recordings.overview.figures import Figures, figures
from recordings.problem import Problem
from recordings.provider import public_url

LEAST_FOR_DATABASE, NOTHING_FREE = 256 * 1024**2, 8 * 1024**2  # bytes free
ALMOST_FULL = 7  # days until archiving stops, as fast as it went in the last week

EVERYTHING = User(is_active=True, is_staff=True, is_superuser=True)  # the portal itself; never stored


def problems(now: datetime | None = None) -> list[Problem]:
    """Return every current problem of the portal and all its accounts, the worst first. About 15 queries."""
    at = now or timezone.now()
    return problems_of(figures(EVERYTHING, at, lambda _permission: True, every_account=True))


def problems_of(look: Figures) -> list[Problem]:
    """Return the problems that these figures tell of, the worst first; each `key` occurs once."""
    parts = (_disk, _silence, _worker, _archive, _at_risk, _lost, _accounts, _rejected, _alerts, _events)
    found = {problem.key: problem for part in reversed(parts) for problem in part(look)}
    order = list(ProblemCode)
    return sorted(found.values(), key=lambda one: (order.index(one.code), one.account or 0))


def _list(model: str, **query: str | int) -> str:
    url = reverse(f"admin:recordings_{model}_changelist")
    return f"{url}?{urlencode(query)}" if query else url


def _overview(anchor: str = "") -> str:
    return reverse("admin:index") + anchor


def _account(pk: int) -> str:
    return reverse("admin:recordings_account_change", args=[pk])


def _recordings(count: Counted) -> str:
    return f"{count} {ngettext('recording', 'recordings', count.n)}"


def _disk(look: Figures) -> Iterator[Problem]:
    """Report that the embedded database or the archive fills its disk."""
    cure = _("Make room on the disk of VAR_DIR, or move it to a larger one.")
    room, archiving = look.database, look.archiving
    if room is not None and room.free < LEAST_FOR_DATABASE:
        words = (
            _(
                "The database's disk is full (%s free): callbacks, starts and syncs are refused until there is room"
            )
            if room.free < NOTHING_FREE
            else _(
                "The database's disk is almost full (%s free): without room callbacks, starts and syncs are refused"
            )
        ) % filesizeformat(room.free)
        yield Problem(ProblemCode.DISK_FILLING, None, None, words, _overview(), cure)
        return
    days = archiving.full_in_days if archiving is not None and archiving.has_room else None
    if days is not None and days <= ALMOST_FULL:
        words = (
            ngettext(
                "The archive's disk has room for about %d more day: then archiving stops",
                "The archive's disk has room for about %d more days: then archiving stops",
                days,
            )
            % days
        )
        yield Problem(ProblemCode.DISK_FILLING, None, None, words, _overview(), cure)


def _silence(look: Figures) -> Iterator[Problem]:
    starts = look.starts
    if starts is None or not look.is_silent:
        return
    count = Counted(len(starts.silent))
    counted = ngettext(
        "No callbacks received for %s recording.", "No callbacks received for %s recordings.", count.n
    ) % count  # fmt: skip
    words = _("Check that Vobiz can reach %s.") % public_url("")
    cure = _(
        "Check that Vobiz can reach this address from the internet, and that a proxy passes /callbacks/ on."
    )
    yield Problem(
        ProblemCode.CALLBACKS_SILENT, None, None, words, _overview("#no-callbacks"), cure, counted=counted,
    )  # fmt: skip


def _worker(look: Figures) -> Iterator[Problem]:
    """Nobody does the background work, though there is some."""
    found = look.background
    if found is None or found.workers or not any(account.is_active for account in look.accounts):
        return
    words = _("No worker is running: no recording is synced, checked or archived")
    cure = _("Start one: manage.py worker")
    yield Problem(ProblemCode.NO_WORKER, None, found.heard_at, words, _overview("#worker"), cure)


def _archive(look: Figures) -> Iterator[Problem]:
    """Report that archiving is stopped: for all accounts, or else for those whose circuit is open.

    An account without a token, or that Vobiz does not answer, is told of once, by `_accounts`.
    """
    archiving = look.archiving
    if archiving is None:
        return
    words, said = "", ""
    if archiving.storage_error:
        words, said = _("Archiving is stopped: the archive cannot be asked"), archiving.storage_error
    elif not archiving.has_room:
        words = _("Archiving is stopped: too little space is free")
    if words:
        cure = _("Press Test storage on the page of an account to see why.")
        yield Problem(ProblemCode.ARCHIVE_STOPPED, None, None, words, _overview(), cure, said=said)
        return
    for account in look.accounts:
        told = look.sees_syncs and (account.encrypted_token is None or account.api_down_since is not None)
        if account.is_active and account.archive_pause and not told:
            cure = _("The portal tries again every minute. Remove the cause, or check the storage.")
            yield Problem(
                ProblemCode.ARCHIVE_STOPPED, account.pk, account.archive_paused_at, _("Archiving is stopped"),
                _list("recording", kept="due", account=account.pk), cure, said=account.archive_pause,
            )  # fmt: skip


def _at_risk(look: Figures) -> Iterator[Problem]:
    for account, group in look.at_risk_in.items():
        words = ngettext(
            "without an archived copy: Vobiz deletes them within %d day",
            "without an archived copy: Vobiz deletes them within %d days",
            soon().days,
        ) % soon().days  # fmt: skip
        yield Problem(
            ProblemCode.AT_RISK, account, group.first_at - soon(), words,
            _list("recording", kept="at_risk", account=account), _("Archive them now, and see why they were not."),
            counted=_recordings(group.count),
        )  # fmt: skip


def _lost(look: Figures) -> Iterator[Problem]:
    for account, group in look.lost_in.items():
        yield Problem(
            ProblemCode.LOST, account, group.first_at,
            _("lost: deleted by Vobiz, and no intact copy is archived"),
            _list("recording", kept="lost", account=account), _("Look at each one and mark it as reviewed."),
            counted=_recordings(group.count),
        )  # fmt: skip


def _accounts(look: Figures) -> Iterator[Problem]:
    """Report of each active account that it has no token, that Vobiz refuses it or is away, or that its syncs fail."""
    for account in look.accounts if look.sees_syncs else []:
        if not account.is_active:
            continue
        trouble, down = look.broken_syncs.get(account.pk), account.api_down_since
        if account.encrypted_token is None:
            words = _("No auth token: nothing is synced or recorded")
            cure = _("Enter the account's auth token.")
            yield Problem(ProblemCode.NO_TOKEN, account.pk, None, words, _account(account.pk), cure)
        elif account.token_refused and down is not None:
            words = _("Vobiz refuses the auth token: nothing is synced, and callbacks may be rejected")
            cure = _("Enter the new token.")
            yield Problem(ProblemCode.TOKEN_REFUSED, account.pk, down, words, _account(account.pk), cure)
        elif down is not None:
            url = _list("syncrun", account=account.pk)
            words, cure = _("Vobiz is unreachable"), _("The portal tries again every minute.")
            yield Problem(ProblemCode.API_DOWN, account.pk, down, words, url, cure)
        elif trouble is not None:
            yield Problem(
                ProblemCode.SYNC_FAILING, account.pk, trouble.since, _("did not complete"),
                _list("syncrun", account=account.pk, broken="yes"), _("See why the last one failed, and sync again."),
                counted=f"{trouble.count} {ngettext('sync', 'syncs', trouble.count.n)}", said=trouble.words,
            )  # fmt: skip


def _rejected(look: Figures) -> Iterator[Problem]:
    """Report rejected callbacks, once for each account whatever was wrong with their signatures."""
    found, by_pk = list(look.rejected()), {account.pk: account for account in look.accounts}
    for account in sorted({account for account, _trust, _trouble in found}):
        those = [trouble for one, _trust, trouble in found if one == account]
        count = total(one.count for one in those)
        causes = [by_pk[one].rejection(trust) for one, trust, _t in found if one == account and one in by_pk]
        why = "; ".join(dict.fromkeys(cause.why for cause in causes))
        cure = (
            causes[0].cure
            if len(causes) == 1
            else _("Check the account's auth token, then process them again.")
        )
        yield Problem(
            ProblemCode.CALLBACKS_REJECTED, account, min(one.since for one in those),
            _("rejected: %s") % why if why else _("rejected"),
            _list("callbackevent", effect="none", outcome__exact="refused", account=account),
            cure,
            counted=f"{count} {ngettext('callback', 'callbacks', count.n)}",
        )  # fmt: skip


def _alerts(look: Figures) -> Iterator[Problem]:
    for account, trouble in look.unsent_alerts.items():
        noun = ngettext("alert", "alerts", trouble.count.n)
        url = reverse("alerts")
        cure = _("Check the mail server in EMAIL_URL, and the addresses.")
        if account is not None:
            url = reverse("admin:recordings_account_webhooks", args=[account])
            cure = _("Check the webhook, then send them again.")
        yield Problem(
            ProblemCode.ALERTS_FAILING, account, trouble.since, _("could not be sent"), url, cure,
            counted=f"{trouble.count} {noun}", said=trouble.words,
        )  # fmt: skip


def _events(look: Figures) -> Iterator[Problem]:
    for account, trouble in look.undelivered_events.items():
        noun = ngettext("event", "events", trouble.count.n)
        yield Problem(
            ProblemCode.EVENTS_FAILING, account, trouble.since, _("could not be delivered"),
            reverse("admin:recordings_account_webhooks", args=[account]),
            _("Check the webhook's receiver, then send them again."),
            counted=f"{trouble.count} {noun}", said=trouble.words,
        )  # fmt: skip
