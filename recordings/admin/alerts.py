"""Alerts: what a person wants to be told by e-mail, and the webhooks of an account with the logs of what was sent."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from recordings import mail
from recordings.admin import formatting
from recordings.admin.base import BOTH, PortalAdmin, may, page
from recordings.admin.change_list import Order, page_at, page_links
from recordings.admin.reader import in_frame, note_access
from recordings.choices import (
    PROBLEM_PERMISSIONS,
    AccessAction,
    AlertKind,
    Digest,
    OutgoingKind,
    ProblemCode,
    WebhookForm,
)
from recordings.forms import is_key
from recordings.models import Account, AlertChoice, AlertMessage, AlertWebhook, OutgoingEvent, Recording
from recordings.vobiz.addresses import InvalidAddressError, checked_receiver_url

MOST_SHOWN = 20


class AlertForm(forms.ModelForm[AlertChoice]):
    """Whether a person is told of each problem, and how often of all of them."""

    class Meta:
        model = AlertChoice
        fields = ("each", "digest")
        labels = {
            "each": gettext_lazy("Send me an e-mail when a problem begins, and one when it is over"),
            "digest": gettext_lazy("Summary"),
        }


@require_http_methods(["GET", "HEAD", "POST"])
def choose_alerts(request: HttpRequest) -> HttpResponse:
    """Show what this person is told, and the last e-mails; on POST keep their choice."""
    user: Any = request.user
    choice = AlertChoice.objects.filter(user=user).first() or AlertChoice(user=user, each=user.is_superuser)
    had = choice.digest
    form = AlertForm(request.POST if request.method == "POST" else None, instance=choice, label_suffix="")
    if form.is_bound and form.is_valid():
        if choice.digest != had and choice.digest != Digest.NEVER:
            choice.digest_at = timezone.now()  # the first one a day, or a week, from now
        chosen = {name: getattr(choice, name) for name in ("each", "digest", "digest_at")}
        AlertChoice.objects.update_or_create(user=user, defaults=chosen)
        messages.success(request, _("Changes saved."))
        return HttpResponseRedirect(request.path)
    sent = (
        AlertMessage.objects.filter(user=user).select_related("alert__account").order_by("-pk")[:MOST_SHOWN]
    )
    context = {
        "form": form,
        "mail_is_possible": mail.is_possible(),
        "problems": [
            code.label
            for code in ProblemCode
            if all(may(request, name) for name in PROBLEM_PERMISSIONS[code])
        ],
        "sent": [one for one in sent if one.alert is None or one.alert.may_be_told_to(user)],
    }
    status = 422 if form.errors else 200
    template = "admin/recordings/alerts.html"
    return in_frame(request, template, context, title=_("Alerts"), status=status)


MOST_WEBHOOKS, MOST_LOGGED = 5, 50
NEWEST = Order(None, "pk", is_time=False, is_descending=True)
KINDS = [(kind.value, kind.label) for kind in OutgoingKind if kind != OutgoingKind.TEST]


class WebhookEntry(forms.Form):
    """A new address."""

    url = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=2_000,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text=gettext_lazy("Begins with https:// and is on the public internet."),
    )
    form = forms.ChoiceField(label=gettext_lazy("Form"), choices=WebhookForm.choices)

    def clean_url(self) -> str:
        """Return the address; raise ValidationError for one that would never be asked."""
        url: str = self.cleaned_data["url"].strip()
        try:
            return checked_receiver_url(url, local=settings.LOCAL_MODE)
        except InvalidAddressError as error:
            raise forms.ValidationError(_("This address cannot be used. %s") % error) from None


class WebhookChoice(forms.Form):
    """What an address gets. Nobody sends to it what they may not see themselves."""

    alerts = forms.BooleanField(label=gettext_lazy("Alerts"), required=False)
    events = forms.MultipleChoiceField(
        label=gettext_lazy("Events"), required=False, choices=KINDS, widget=forms.CheckboxSelectMultiple
    )
    with_numbers = forms.BooleanField(
        label=gettext_lazy("Include phone numbers"),
        required=False,
        help_text=gettext_lazy(
            "Each event then holds the caller's and the callee's number. The receiver keeps them as long as it likes."
        ),
    )
    with_text = forms.BooleanField(
        label=gettext_lazy("Include transcript text"),
        required=False,
        help_text=gettext_lazy(
            "Each transcript then leaves the portal as a whole. Who reads it there is not in the access log."
        ),
    )

    def __init__(self, request: HttpRequest, webhook: AlertWebhook, data: Any = None) -> None:
        self.request, self.webhook = request, webhook
        initial = {
            "alerts": webhook.sends_alerts,
            "events": webhook.event_kinds,
            "with_numbers": webhook.with_numbers,
            "with_text": webhook.with_text,
        }
        super().__init__(data, initial=initial, label_suffix="", auto_id="choice_%s")

    def clean_events(self) -> list[str]:
        """Return the kinds; raise ValidationError where the receiver does not read events."""
        events: list[str] = self.cleaned_data["events"]
        if events and self.webhook.form != WebhookForm.STANDARD:
            raise forms.ValidationError(
                _("Slack does not read events. Add a webhook with signed JSON for them.")
            )
        return events

    def clean_with_numbers(self) -> bool:
        """Return whether; raise ValidationError for somebody who may not see calls."""
        return self._allowed(
            "with_numbers", "view_call", _("You cannot see calls, so you cannot send numbers.")
        )

    def clean_with_text(self) -> bool:
        """Return whether; raise ValidationError for somebody who may not read transcripts."""
        words = _("You cannot read transcripts, so you cannot send their text.")
        return self._allowed("with_text", "read_transcription", words)

    def _allowed(self, name: str, permission: str, words: str) -> bool:
        wanted: bool = self.cleaned_data[name]
        if wanted and not getattr(self.webhook, name) and not may(self.request, permission):
            raise forms.ValidationError(words)
        return wanted

    def save(self) -> None:
        """Store the choice."""
        self.webhook.choose(**self.cleaned_data, now=timezone.now())


class WebhooksMixin(PortalAdmin):
    """The page of an account's webhooks."""

    @page("<path:object_id>/webhooks/", permission="recordings.change_account", methods=BOTH)
    @method_decorator([sensitive_post_parameters("url"), sensitive_variables("secret")])
    def webhooks(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Show them; on POST do what the button says. A secret is in the answer to its own button and nowhere else."""
        if request.method != "POST":
            return self._webhooks_page(request, account)
        do = request.POST.get("do", "add")
        if do == "add":
            return self._add_webhook(request, account)
        if do == "again":
            return self._send_alert_again(request, account)
        if do == "event-again":
            return self._send_event_again(request, account)
        webhook = get_object_or_404(AlertWebhook, account=account, pk=_number(request.POST.get("key")))
        if do == "choose":
            return self._choose(request, account, webhook)
        if do in ("test", "event-test"):
            return self._test(request, account, webhook)
        if do == "failed-again":
            count = OutgoingEvent.objects.send_failed_again(webhook, timezone.now())
            log = _("Sent failed events again: %d.") % count
            note_access(request, AccessAction.EVENT, None, account=account, detail=log)
            return self._done(request, account, _("The worker sends them again now."), log)
        if do == "rotate":
            secret = webhook.rotate(timezone.now())
            self.log_change(request, account, _("Rotated the secret of a webhook."))
            return self._webhooks_page(request, account, secret=secret)
        if do == "remove":
            webhook.remove()
            return self._done(request, account, _("Webhook removed."), _("Removed a webhook."))
        raise Http404

    def _send_alert_again(self, request: HttpRequest, account: Account) -> HttpResponse:
        key = _number(request.POST.get("key"))
        message = get_object_or_404(AlertMessage, webhook__account=account, pk=key)
        message.send_again(timezone.now())
        return self._done(request, account, _("The worker sends it again now."), _("Sent an alert again."))

    def _send_event_again(self, request: HttpRequest, account: Account) -> HttpResponse:
        events = OutgoingEvent.objects.filter(account=account).select_related("webhook")
        event = get_object_or_404(events, pk=_number(request.POST.get("key")))
        event.send_again(timezone.now())
        note_access(request, AccessAction.EVENT, event.recording(), account=account, detail=event.kind)
        return self._done(request, account, _("The worker sends it again now."), _("Sent an event again."))

    def _choose(self, request: HttpRequest, account: Account, webhook: AlertWebhook) -> HttpResponse:
        choice = WebhookChoice(request, webhook, request.POST)
        if not choice.is_valid():
            return self._webhooks_page(request, account, choice=choice, status=422)
        choice.save()
        parts = [webhook.events, _("phone numbers") if webhook.with_numbers else ""]
        parts += [_("transcript text") if webhook.with_text else ""]
        log = _("Chose what a webhook gets: %s.") % (", ".join(filter(None, parts)) or _("no events"))
        return self._done(request, account, _("Changes saved."), log)

    def _test(self, request: HttpRequest, account: Account, webhook: AlertWebhook) -> HttpResponse:
        now = timezone.now()
        if request.POST["do"] == "test":
            AlertMessage.objects.create(webhook=webhook, kind=AlertKind.TEST, created_at=now, next_at=now)
        else:
            OutgoingEvent.objects.create(
                account=account, webhook=webhook, kind=OutgoingKind.TEST, at=now, created_at=now, next_at=now
            )
            OutgoingEvent.objects.wake(webhook, now)
        words = _("The worker sends a test now. Its result is in the log below.")
        return self._done(request, account, words, _("Sent a test to a webhook."))

    def _add_webhook(self, request: HttpRequest, account: Account) -> HttpResponse:
        entry = WebhookEntry(request.POST, label_suffix="")
        if entry.is_valid() and account.alert_webhooks.count() >= MOST_WEBHOOKS:
            entry.add_error(None, _("An account has at most %d webhooks.") % MOST_WEBHOOKS)
        if not entry.is_valid():
            return self._webhooks_page(request, account, entry=entry, status=422)
        _made, secret = AlertWebhook.create(account, entry.cleaned_data["url"], entry.cleaned_data["form"])
        self.log_change(request, account, _("Added a webhook."))
        return self._webhooks_page(request, account, secret=secret)

    def _webhooks_page(
        self,
        request: HttpRequest,
        account: Account,
        *,
        entry: Any = None,
        choice: WebhookChoice | None = None,
        secret: str = "",
        status: int = 200,
    ) -> HttpResponse:
        webhooks = list(account.alert_webhooks.order_by("pk"))
        chosen = [one for one in webhooks if str(one.pk) == request.GET.get("choose")]
        leaving = [one for one in webhooks if str(one.pk) == request.GET.get("remove")]
        if choice is None and chosen and not secret:
            choice = WebhookChoice(request, chosen[0])
        given_up = OutgoingEvent.objects.given_up(account)
        log = AlertMessage.objects.filter(webhook__account=account).select_related("alert", "webhook")
        context = {
            "account": account,
            "webhooks": webhooks,
            "choice": choice,
            "leaving": leaving[0] if leaving and not secret else None,
            "failing": [one.pk for one in webhooks if given_up.filter(webhook=one).exists()],
            **_event_log(request, account),
            "entry": entry or WebhookEntry(label_suffix=""),
            "secret": secret,
            "now": timezone.now(),
            "log": log.order_by("-pk")[:MOST_LOGGED],
        }
        title = _("Webhooks of %s") % formatting.account_label(account)
        template = "admin/recordings/account/webhooks.html"
        return self.render(request, template, context, title=title, status=status)

    def _done(self, request: HttpRequest, account: Account, words: str, log: str) -> HttpResponse:
        return self.conclude(request, account, words=words, log=log, to=request.path)


def _number(text: str | None) -> int:
    return int(text) if is_key(text) else 0


def _event_log(request: HttpRequest, account: Account) -> dict[str, Any]:
    """Return a page of the log of events, newest first, in pages as every list has them."""
    rows = OutgoingEvent.objects.filter(account=account).select_related("webhook")
    shown = page_at(rows, NEWEST, request.GET.dict(), size=MOST_LOGGED)
    events = shown.rows
    seen: Any = ()
    if may(request, "view_recording"):
        pks = [event.recording_pk for event in events]
        seen = Recording.objects.visible_to(request.user).filter(pk__in=pks).order_by()
        seen = set(seen.values_list("pk", flat=True))
    return {
        "events": events,
        "linked": seen,
        "event_pages": page_links(shown, lambda position: f"?{urlencode(position)}#events"),
    }
