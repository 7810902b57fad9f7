"""The daily or weekly summary that a person chose."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse

from recordings.choices import AlertKind, Digest
from recordings.models import Alert, AlertChoice, AlertMessage, Preference
from recordings.provider import public_url

HOUR = 8  # of the reader's morning
PERIODS = {Digest.DAILY.value: timedelta(days=1), Digest.WEEKLY.value: timedelta(days=7)}


def write_digests(now: datetime) -> None:
    """Write the summaries that are due: of what is wrong now, and of what is over since the last one."""
    if not settings.EMAIL_URL:
        return
    chosen = AlertChoice.objects.exclude(digest=Digest.NEVER).filter(
        user__is_active=True, user__is_staff=True
    )
    for choice in chosen.exclude(user__email="").select_related("user"):
        last, period = choice.digest_at, PERIODS[choice.digest]
        local = now.astimezone(Preference.objects.zone_for(choice.user))
        if local.hour < HOUR or (last is not None and now - last < period - timedelta(hours=1)):
            continue
        with transaction.atomic():
            mine = AlertChoice.objects.filter(pk=choice.pk, digest_at=last)
            if mine.update(digest_at=now):
                _write(choice, since=last or now - period, now=now)


def _write(choice: AlertChoice, *, since: datetime, now: datetime) -> None:
    of_late = Alert.objects.filter(ended_at=None) | Alert.objects.filter(ended_at__gt=since)
    found = of_late.select_related("account").order_by("opened_at")
    mine = [alert for alert in found if alert.may_be_told_to(choice.user)]
    AlertMessage.objects.create(
        alert=None, kind=AlertKind.DIGEST, user=choice.user, created_at=now, next_at=now,
        text=_text(mine),
    )  # fmt: skip


def _text(alerts: Collection[Alert]) -> str:
    current = [alert for alert in alerts if alert.ended_at is None]
    context = {
        "current": current,
        "over": [alert for alert in alerts if alert.ended_at is not None],
        "portal": settings.PORTAL_URL,
        "settings": public_url(reverse("alerts")),
    }
    return render_to_string("alerts/digest.txt", context)
