"""In whose time the pages speak: the reader's, chosen once, and named once on each page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from functools import cache
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.clock import zone_names
from recordings.models import Preference
from recordings.signin.redirects import next_page

AS_ACCOUNTS = "accounts"  # the form's word for choosing none


class ReaderZone:
    """Middleware: in the admin, the current zone is the reader's. It stands after the one that knows who reads."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("admin:index")):
            return self.get_response(request)
        with timezone.override(Preference.objects.zone_for(request.user)):
            return self.get_response(request)


def reader_zone(_request: HttpRequest) -> tzinfo:
    """Return the zone the reader chose; else the one that all the accounts they see are in; else UTC."""
    return timezone.get_current_timezone()


def iso_day(text: str | None) -> date | None:
    """Return `2026-11-21` as a day; None for what is none, or has no day before or after it."""
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return None
    margin = timedelta(days=2)  # in UTC the ends of a day may be on the days beside it
    return day if date.min + margin < day < date.max - margin else None


def zone_label(zone: tzinfo, now: datetime) -> str:
    """Return `Asia/Kolkata (IST)`."""
    name, short = str(zone), formatting.zone_name(now.astimezone(zone))
    return name if name == short else f"{name} ({short})"


@cache
def zone_choices() -> tuple[tuple[str, list[tuple[str, str]]], ...]:
    """Every zone by its region: `Asia` → `Asia/Kolkata` as `Kolkata`. Old names without a region are left out."""
    regions: dict[str, list[tuple[str, str]]] = {}
    for name in sorted(zone_names()):
        region, _slash, place = name.partition("/")
        if place and region not in {"Etc", "SystemV", "posix", "right"}:
            regions.setdefault(region, []).append((name, place.replace("_", " ").replace("/", ", ")))
    return tuple(regions.items())


class ZoneForm(forms.Form):
    """Which zone to read times in. `shared` is what holds for someone who chooses none."""

    time_zone = forms.ChoiceField(label=gettext_lazy("Time zone"))
    next = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, shared: tzinfo, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        as_accounts = _("As my accounts: %s") % zone_label(shared, now)
        field: Any = self.fields["time_zone"]
        field.choices = [(AS_ACCOUNTS, as_accounts), ("UTC", "UTC"), *zone_choices()]


def choose_zone(request: HttpRequest) -> HttpResponse:
    """Ask in which zone this person reads times; on POST keep it and lead back to where they were."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    user: Any = request.user
    now = timezone.now()
    held = Preference.objects.filter(user=user).values_list("time_zone", flat=True).first()
    initial = {"time_zone": held or AS_ACCOUNTS, "next": request.GET.get("next", "")}
    data = request.POST if request.method == "POST" else None
    form = ZoneForm(data, initial=initial, shared=Preference.objects.shared_zone(user), now=now)
    if data is not None and form.is_valid():
        chosen = form.cleaned_data["time_zone"]
        Preference.objects.choose(user, "" if chosen == AS_ACCOUNTS else chosen)
        zone = Preference.objects.zone_for(user)
        messages.success(request, _("Times are shown in %s from now on.") % zone_label(zone, now))
        return HttpResponseRedirect(next_page(request, form.cleaned_data["next"]))
    request.current_app = site.name
    context = {**site.each_context(request), "title": _("Your time zone"), "form": form}
    status = 200 if data is None else 422
    return TemplateResponse(request, "admin/recordings/zone.html", context, status=status)
