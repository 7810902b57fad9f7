"""Who is told of a problem."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db.models import Q

from recordings.models import Account, Alert, AlertWebhook
from recordings.models.account import split_addresses


def people() -> list[User]:
    """Return who wants an e-mail for each problem; a superuser who chose nothing does."""
    active = User.objects.filter(is_active=True, is_staff=True).exclude(email="")
    return list(active.filter(Q(alert_choice__each=True) | Q(alert_choice=None, is_superuser=True)))


def addresses(alert: Alert) -> list[str]:
    """Return the addresses of its account; a problem of the whole portal concerns every account."""
    accounts = Account.objects.active().exclude(alert_addresses="")
    if alert.account_id is not None:
        accounts = accounts.filter(pk=alert.account_id)
    texts = accounts.values_list("alert_addresses", flat=True)
    return sorted({address for text in texts for address in split_addresses(text)})


def webhooks(alert: Alert) -> list[AlertWebhook]:
    """Return the webhooks of its account; of every account for a problem of the whole portal."""
    rows = AlertWebhook.objects.filter(account__is_active=True, sends_alerts=True).order_by("pk")
    return list(rows if alert.account_id is None else rows.filter(account=alert.account_id))
