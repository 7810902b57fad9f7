"""The pages that start recordings: of one call, and of several that were ticked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid5

from django.contrib import messages
from django.db.models import Prefetch
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from recordings import control
from recordings.admin import shown
from recordings.admin.base import BOTH, PortalAdmin, may, page
from recordings.admin.live_rows import LiveRow, at_row, keys, live_row, running_of
from recordings.admin.starting import began_words, start_words
from recordings.choices import CallState
from recordings.control import OthersBegan, StartOptions, StartRequest
from recordings.forms import SelectedForm, StartForm, span
from recordings.models import Account, Call, Recording
from recordings.provider import callback_urls_possible

MOST_SELECTED = 20
LEVELS = {
    messages.SUCCESS: "good",
    messages.INFO: "quiet",
    messages.WARNING: "attention",
    messages.ERROR: "bad",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the start of one call among several."""

    row: LiveRow
    role: str
    shape: str
    words: str
    recording: Recording | None = None


class StartPages(PortalAdmin):
    """Ask what to record; start it, once for each form that was shown."""

    @page("<path:object_id>/record/", name="record", permission="recordings.start_recording", methods=BOTH)
    def record(self, request: HttpRequest, call: Call) -> HttpResponse:
        """One call. Where another recording began since the form was shown, say so and ask again."""
        now = timezone.now()
        form = start_form(request, call.account, now, asks_first=call.account.recorded_by_flow)
        if request.method != "POST":
            return self._start_page(request, call, form, now)
        if not form.is_valid():
            return self._start_page(request, call, form, now, status=422)
        if Recording.objects.filter(intent=form.cleaned_data["intent"]).exclude(call=call).exists():
            raise Http404  # it was shown for another call
        return self._start(request, call, form, now)

    def _start(self, request: HttpRequest, call: Call, form: StartForm, now: datetime) -> HttpResponse:
        by: Any = request.user
        intent = form.cleaned_data["intent"]
        try:
            recording = control.start(
                call, form.options(), by=by, now=now, intent=intent, expected=form.shown()
            )
        except OthersBegan as others:
            began = [began_words(row, now=now) for row in others.began]
            return self._start_page(request, call, form, now, status=409, began=began)
        level, words = start_words(recording, now=now, is_first=recording.requested_at == now)
        if recording.requested_at == now:
            self._note_start(request, recording, words)
            if form.too_long_to_transcribe():
                long = _(
                    "Vobiz transcribes nothing longer than 4 hours: a longer recording gets no transcript."
                )
                self.message_user(request, long, messages.WARNING)
        self.message_user(request, words, level)
        return HttpResponseRedirect(self.back(request, call, level=level))

    def _start_page(
        self,
        request: HttpRequest,
        call: Call,
        form: StartForm,
        now: datetime,
        *,
        status: int = 200,
        began: Iterable[str] = (),
    ) -> HttpResponse:
        row = live_row(call, now, running=running_of(call))
        context = {
            "row": row,
            "expected": keys(row.running),
            "began": began,
            "is_over": call.state == CallState.ENDED,
            "back": self.back(request, call),
            "original": call,
            **form_context(form, call.account),
        }
        title = _("Record %s") % shown.plain(call)
        return self.render(request, "admin/recordings/call/record.html", context, title=title, status=status)

    @page("record/", name="record_selected", permission="recordings.start_recording", methods=BOTH)
    def record_selected(self, request: HttpRequest) -> HttpResponse:
        """Up to 20 ticked calls with one form; on POST the result for each. Sent again it starts nothing again."""
        now = timezone.now()
        chosen = SelectedForm(request.POST if request.method == "POST" else request.GET)
        calls = self._ticked(request, chosen)
        account = calls[0].account if calls else Account()
        asks_first = any(call.account.recorded_by_flow for call in calls)
        form = start_form(request, account, now, asks_first=asks_first)
        rows = [live_row(call, now) for call in calls]
        if request.method == "POST" and 0 < len(calls) <= MOST_SELECTED and form.is_valid():
            context: dict[str, Any] = {"outcomes": self._start_each(request, rows, form, chosen, now)}
            title = _("What became of each")
            context["back"] = self.back(request, calls[0])
            return self.render(request, "admin/recordings/call/started.html", context, title=title)
        context = {
            "rows": rows,
            "most": MOST_SELECTED,
            "too_many": len(rows) > MOST_SELECTED,
            "expected": keys([line for row in rows for line in row.running]),
            "again": chosen.again(),
            "back": self.back(request, None),
            **form_context(form, account),
        }
        status = 422 if request.method == "POST" else 200
        title = _("Record selected calls")
        return self.render(
            request, "admin/recordings/call/record_selected.html", context, title=title, status=status
        )

    def _ticked(self, request: HttpRequest, chosen: SelectedForm) -> list[Call]:
        """Those of them that this person may see, and one more than may be started at once."""
        running = Recording.objects.open().select_related("requested_by", "stop_requested_by")
        fetched = Prefetch("recordings", queryset=running.order_by("requested_at", "pk"), to_attr="running")
        calls = Call.objects.visible_to(request.user).filter(pk__in=chosen.calls())
        ordered = calls.select_related("account").prefetch_related(fetched).order_by("started_at", "pk")
        return list(ordered[: MOST_SELECTED + 1])

    def _start_each(
        self,
        request: HttpRequest,
        rows: list[LiveRow],
        form: StartForm,
        chosen: SelectedForm,
        now: datetime,
    ) -> list[Outcome]:
        """A call that is being recorded is started only if it was ticked again, having been shown so."""
        by: Any = request.user
        again = chosen.again()
        live = [row for row in rows if row.call.state != CallState.ENDED]
        wanted = [
            StartRequest(
                row.call,
                form.options(),
                uuid5(form.cleaned_data["intent"], str(row.call.pk)),
                form.shown() if row.call.pk in again else frozenset(),
            )
            for row in live
        ]
        started = dict(
            zip([row.call.pk for row in live], control.start_many(wanted, by=by, now=now), strict=True)
        )
        return [self._outcome(request, row, started.get(row.call.pk), now) for row in rows]

    def _outcome(
        self, request: HttpRequest, row: LiveRow, made: Recording | OthersBegan | None, now: datetime
    ) -> Outcome:
        recording = None
        if made is None:
            level, words = messages.WARNING, _("This call is over, so it cannot be recorded.")
        elif isinstance(made, OthersBegan):
            began = " ".join(began_words(other, now=now) for other in made.began)
            level, words = messages.INFO, _("Skipped: it is being recorded already. %s") % began
        else:
            recording = made
            is_first = made.requested_at == now
            level, words = start_words(made, now=now, is_first=is_first, is_one_of_several=True)
            if is_first:
                self._note_start(request, made, words)
        role = LEVELS[level]
        return Outcome(row, role, shown.SHAPES[role], words, recording)

    def _note_start(self, request: HttpRequest, recording: Recording, words: str) -> None:
        """Into the histories of the recording and of its call."""
        self.log_addition(request, recording, words)
        self.log_change(request, recording.call, _("Asked Vobiz to record it: %s") % words)

    def back(self, request: HttpRequest, call: Call | None, *, level: int = messages.SUCCESS) -> str:
        """To the live calls, or to what else this person may open. `level`: of the words that go along."""
        if may(request, "view_live_calls"):
            return self.to_page("live") if call is None else at_row(call, level=level)
        if call is not None and self.has_view_permission(request):
            return self.to_object(call)
        return self.to_index()


def start_form(request: HttpRequest, account: Account, now: datetime, *, asks_first: bool) -> StartForm:
    """The form with the account's usual choices, and for each limit when it would cut."""
    defaults = StartOptions.of(account)

    def cut_words(limit: int) -> SafeString:
        at = shown.clock(now + timedelta(seconds=limit), now=now)
        words = format_html(
            _("{span}, cuts at {at}"),
            span=span(limit),
            at=format_html('<span data-cuts-in="{}">{}</span>', limit, at),
        )
        if limit == defaults.time_limit:
            words = format_html(_("{} (this account's usual)"), words)
        return format_html("<span>{}</span>", words)

    return StartForm(
        request.POST if request.method == "POST" else None,
        defaults=defaults,
        may_transcribe=callback_urls_possible(),
        cut_words=cut_words,
        asks_first=asks_first,
    )


def form_context(form: StartForm, account: Account) -> dict[str, Any]:
    """What includes/start_form.html shows besides the form: cost, and the reader's zone for the script."""
    at = timezone.localtime()
    rate = None
    if account.pk:
        rated = Recording.objects.filter(account=account, storage_rate__isnull=False)
        rate = rated.order_by("-happened_at", "-pk").values_list("storage_rate", flat=True).first()
    return {
        "form": form,
        "account": account,
        "rate": shown.money(rate) if rate is not None else "",
        "zone": timezone.get_current_timezone_name(),
        "zone_short": shown.zone_name(at),
    }
