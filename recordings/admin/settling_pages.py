"""An account's buttons about what is open: settle it now, and say that a gap was seen."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from recordings import tasks
from recordings.admin import shown
from recordings.admin.base import WRITE, PortalAdmin, page
from recordings.models import Account

PATIENCE = 10.0  # seconds that a person waits for a settling


class SettlingPages(PortalAdmin):
    """Part of the account's admin."""

    @page(
        "<path:object_id>/reconcile/",
        name="reconcile",
        permission="recordings.reconcile_recording",
        methods=WRITE,
    )
    def reconcile(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Settle what is open now, as far as it goes in some seconds."""
        here = self.to_object(account, anchor="#sync")
        settled = tasks.settle(account, within=PATIENCE)
        log = _("Had what is open settled.")
        if settled is None:
            words = _("It is being settled at this moment. Reload this page to see how it stands.")
            return self.conclude(request, account, words=words, log=log, to=here, level=messages.INFO)
        words = _("Settled: %(settled)d. Still open: %(open)d.") % {
            "settled": settled.settled, "open": settled.open,
        }  # fmt: skip
        if settled.error is not None:
            words = f"{words} {shown.plain(settled.error)}"
        level = messages.SUCCESS if settled.error is None else messages.ERROR
        return self.conclude(request, account, words=words, log=log, to=here, level=level)

    @page("<path:object_id>/gap-seen/", name="gap_seen", permission="recordings.mark_seen", methods=WRITE)
    def gap_seen(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Close the overview's line about callbacks that never came, until another one does not."""
        account.acknowledge_missing_callbacks(timezone.now())
        words = _("Marked as seen: the recordings themselves go on saying that no callback came.")
        log = _("Saw that callbacks had not come.")
        return self.conclude(request, account, words=words, log=log, to=self.to_index())
