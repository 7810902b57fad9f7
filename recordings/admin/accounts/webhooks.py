"""The webhooks of an account's alerts: add, test, rotate, remove, and the log of what was sent."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import site
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from recordings.admin import formatting
from recordings.admin.base import BOTH, page
from recordings.choices import AlertKind, WebhookForm
from recordings.models import Account, AlertMessage, AlertWebhook
from recordings.vobiz.addresses import InvalidAddressError, checked_receiver_url

MOST_WEBHOOKS, MOST_SHOWN = 5, 50


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


class WebhooksMixin:
    """The page of an account's webhooks."""

    @page("<path:object_id>/webhooks/", name="webhooks", permission="recordings.change_account", methods=BOTH)
    @method_decorator([sensitive_post_parameters("url"), sensitive_variables("secret")])
    def webhooks(self, request: HttpRequest, account: Account) -> HttpResponse:
        """Show them; on POST do what the button says. A secret is in the answer to its own button and nowhere else."""
        if request.method != "POST":
            return self._webhooks_page(request, account)
        do = request.POST.get("do", "add")
        if do == "add":
            return self._add_webhook(request, account)
        if do == "again":
            message = AlertMessage.objects.filter(webhook__account=account, pk=_key(request)).first()
            if message is None:
                raise Http404
            message.send_again(timezone.now())
            return self._done(
                request, account, _("The worker sends it again now."), _("Sent an alert again.")
            )
        webhook = AlertWebhook.objects.filter(account=account, pk=_key(request)).first()
        if webhook is None:
            raise Http404
        if do == "test":
            now = timezone.now()
            AlertMessage.objects.create(webhook=webhook, kind=AlertKind.TEST, created_at=now, next_at=now)
            words = _("The worker sends a test now. Its result is in the log below.")
            return self._done(request, account, words, _("Sent a test to a webhook."))
        if do == "rotate":
            secret = webhook.rotate(timezone.now())
            self._log(request, account, _("Rotated the secret of a webhook."))
            return self._webhooks_page(request, account, secret=secret)
        if do == "remove":
            webhook.delete()
            return self._done(request, account, _("Webhook removed."), _("Removed a webhook."))
        raise Http404

    def _add_webhook(self, request: HttpRequest, account: Account) -> HttpResponse:
        entry = WebhookEntry(request.POST, label_suffix="")
        if entry.is_valid() and account.alert_webhooks.count() >= MOST_WEBHOOKS:
            entry.add_error(None, _("An account has at most %d webhooks.") % MOST_WEBHOOKS)
        if not entry.is_valid():
            return self._webhooks_page(request, account, entry=entry, status=422)
        _made, secret = AlertWebhook.create(account, entry.cleaned_data["url"], entry.cleaned_data["form"])
        self._log(request, account, _("Added a webhook."))
        return self._webhooks_page(request, account, secret=secret)

    def _webhooks_page(
        self,
        request: HttpRequest,
        account: Account,
        *,
        entry: Any = None,
        secret: str = "",
        status: int = 200,
    ) -> HttpResponse:
        log = AlertMessage.objects.filter(webhook__account=account).select_related("alert", "webhook")
        request.current_app = site.name
        context = {
            **site.each_context(request),
            "title": _("Webhooks of %s") % formatting.plain(account.name or account.auth_id),
            "account": account,
            "webhooks": account.alert_webhooks.order_by("pk"),
            "entry": entry or WebhookEntry(label_suffix=""),
            "secret": secret,
            "now": timezone.now(),
            "log": log.order_by("-pk")[:MOST_SHOWN],
        }
        return TemplateResponse(request, "admin/recordings/account/webhooks.html", context, status=status)

    def _done(self, request: HttpRequest, account: Account, words: str, log: str) -> HttpResponse:
        self._log(request, account, log)
        messages.success(request, words)
        return HttpResponseRedirect(request.path)

    def _log(self, request: HttpRequest, account: Account, log: str) -> None:
        admin: Any = self
        admin.log_change(request, account, log)


def _key(request: HttpRequest) -> int:
    key = request.POST.get("key", "")
    return int(key) if key.isascii() and key.isdigit() and len(key) < 19 else 0
