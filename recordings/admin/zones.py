"""In whose time a page speaks that is about several accounts."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, tzinfo
from zoneinfo import ZoneInfo

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from recordings.admin import shown
from recordings.models import Account


def reader_zone(request: HttpRequest, zones: Collection[str] | None = None) -> tzinfo:
    """The zone the reader chose; else the one that all the accounts they see are in; else the portal's.

    `zones`: the names of the accounts' zones, where they are known already.
    """
    if timezone.get_current_timezone_name() != settings.TIME_ZONE:
        return timezone.get_current_timezone()
    if zones is None:
        rows = Account.objects.visible_to(request.user).order_by().values_list("time_zone", flat=True)
        zones = rows.distinct()[:2]
    names = set(zones)
    return ZoneInfo(names.pop()) if len(names) == 1 else timezone.get_default_timezone()


def zone_label(zone: tzinfo, now: datetime) -> str:
    """`Asia/Kolkata (IST)`."""
    name, short = str(zone), shown.zone_name(now.astimezone(zone))
    return name if name == short else f"{name} ({short})"
