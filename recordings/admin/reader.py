"""Who is asking: the accounts they see, the time zone they read in, and the log of what they opened."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import date, datetime, timedelta, tzinfo
from functools import wraps
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.core.cache import cache
from django.db.models import Exists, OuterRef, Subquery
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from recordings.admin import formatting
from recordings.choices import AccessAction, AccessResult
from recordings.forms import ZoneField
from recordings.models import AccessEvent, Account, Preference, Recording
from recordings.shared_cache import count_up
from recordings.signin.log import address_of
from recordings.signin.redirects import next_page

logger = logging.getLogger(__name__)
Found = TypeVar("Found")

REFUSALS_AN_HOUR = 100  # lines of one person about what was refused or not available; the rest is counted
HOUR = 3600
AS_ACCOUNTS = "accounts"  # the form's word for choosing none


def found_once(function: Callable[[Any], Found]) -> Callable[[Any], Found]:
    """Decorate a function of a request or of a list: what it found is kept there for the calls that follow."""
    name = f"found_{function.__name__}"

    @wraps(function)
    def once(holder: Any) -> Found:
        if not hasattr(holder, name):
            setattr(holder, name, function(holder))
        found: Found = getattr(holder, name)
        return found

    return once


@found_once
def all_accounts(request: HttpRequest) -> list[Account]:
    """Return the reader's accounts by their names, each with `is_chosen`, whatever the page is narrowed to."""
    reader: Any = request.user.pk or 0  # 0: nobody, before a login
    chosen = Preference.objects.filter(user_id=reader, account=OuterRef("pk"))
    rows = Account.objects.visible_to(request.user).annotate(is_chosen=Exists(chosen))
    return list(rows.only("pk", "auth_id", "name", "retention_days").order_by("name", "auth_id"))


def chosen_account(request: HttpRequest) -> Account | None:
    """Return the account that the reader narrowed the portal to; None for all."""
    accounts = all_accounts(request)
    return next((one for one in accounts if one.is_chosen), None) if len(accounts) > 1 else None  # type: ignore[attr-defined]


def accounts_seen(request: HttpRequest) -> list[Account]:
    """Return the accounts whose rows this page shows, by their names."""
    narrowed_to = getattr(request.user, "narrowed_to", None)
    return [one for one in all_accounts(request) if narrowed_to in (None, one.pk)]


def is_counted(request: HttpRequest) -> bool:
    """Return whether the rows of a list are asked for to be counted alone, as for a tab of another page."""
    return getattr(request, "is_counted", False)


def seen_recording(request: HttpRequest, column: str) -> Subquery:
    """Return the key of the recording that a row's `column` names, where the reader may see it."""
    recording = Recording.objects.visible_to(request.user).filter(pk=OuterRef(column))
    # one value rather than EXISTS, for which PostgreSQL reads up to a hundred thousand recordings into a hash
    return Subquery(recording.order_by().values("pk")[:1])


def note_access(request: HttpRequest, action: AccessAction, recording: Recording | None, **said: Any) -> None:
    """Record an access event for the reader. Leave out HEAD requests, and refusals above REFUSALS_AN_HOUR."""
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


def in_frame(
    request: HttpRequest, template: str, context: dict[str, Any], *, title: str, status: int = 200
) -> TemplateResponse:
    """Return a page in the admin's frame."""
    request.current_app = site.name
    whole = {**site.each_context(request), "title": title, **context}
    return TemplateResponse(request, template, whole, status=status)


class ReaderZone:
    """Middleware: in the admin, the current zone is the reader's. It stands after the one that knows who reads.

    That is the zone the reader chose; else the one that all the accounts they see are in; else UTC.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path.startswith(reverse("admin:index")):
            return self.get_response(request)
        with timezone.override(Preference.objects.zone_for(request.user)):
            return self.get_response(request)


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


class ReaderZoneField(ZoneField):
    """A time zone, or none: then that of the accounts, which programs ask for by a word."""

    def to_python(self, value: Any) -> str:
        """Return the zone's name; empty for none."""
        return "" if value == AS_ACCOUNTS else super().to_python(value)


class ZoneForm(forms.Form):
    """Which zone to read times in. `shared` is what holds for someone who chooses none."""

    time_zone = ReaderZoneField(label=gettext_lazy("Time zone"), required=False, max_length=64)
    next = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, shared: tzinfo, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["time_zone"]
        as_accounts = _("As my accounts: %s") % zone_label(shared, now)
        field.widget.attrs["placeholder"] = as_accounts
        field.help_text = _(
            "Type a city, for example Kolkata, and choose from the list. Empty: as your accounts, %s."
        ) % zone_label(shared, now)

    def clean_time_zone(self) -> str:
        """Return the zone, empty for none; a form without the field chooses nothing."""
        if self.add_prefix("time_zone") not in self.data:
            raise forms.ValidationError(_("Choose a time zone."))
        return str(self.cleaned_data["time_zone"])


@require_http_methods(["GET", "HEAD", "POST"])
def choose_zone(request: HttpRequest) -> HttpResponse:
    """Ask in which zone this person reads times; on POST keep it and lead back to where they were."""
    user: Any = request.user
    now = timezone.now()
    held = Preference.objects.filter(user=user).values_list("time_zone", flat=True).first()
    initial = {"time_zone": held or "", "next": request.GET.get("next", "")}
    data = request.POST if request.method == "POST" else None
    form = ZoneForm(data, initial=initial, shared=Preference.objects.shared_zone(user), now=now)
    if data is not None and form.is_valid():
        Preference.objects.choose(user, form.cleaned_data["time_zone"])
        zone = Preference.objects.zone_for(user)
        messages.success(request, _("Times are shown in %s from now on.") % zone_label(zone, now))
        return HttpResponseRedirect(next_page(request, form.cleaned_data["next"]))
    status = 200 if data is None else 422
    template = "admin/recordings/zone.html"
    return in_frame(request, template, {"form": form}, title=_("Your time zone"), status=status)
