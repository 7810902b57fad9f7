"""What a person wants to be told by e-mail: a page of their own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings import mail
from recordings.choices import Digest
from recordings.models import AlertChoice, AlertMessage

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


def choose_alerts(request: HttpRequest) -> HttpResponse:
    """Show what this person is told, and the last e-mails; on POST keep their choice."""
    if request.method not in {"GET", "HEAD", "POST"}:
        return HttpResponseNotAllowed(["GET", "HEAD", "POST"])
    user: Any = request.user
    choice = AlertChoice.objects.filter(user=user).first() or AlertChoice(user=user, each=user.is_superuser)
    had = choice.digest
    form = AlertForm(request.POST if request.method == "POST" else None, instance=choice, label_suffix="")
    if form.is_bound and form.is_valid():
        if choice.digest != had and choice.digest != Digest.NEVER:
            choice.digest_at = timezone.now()  # the first one a day, or a week, from now
        form.save()
        messages.success(request, _("Changes saved."))
        return HttpResponseRedirect(request.path)
    request.current_app = site.name
    sent = (
        AlertMessage.objects.filter(user=user).select_related("alert__account").order_by("-pk")[:MOST_SHOWN]
    )
    context = {
        **site.each_context(request),
        "title": _("Alerts"),
        "form": form,
        "mail_is_possible": mail.is_possible(),
        "sent": [one for one in sent if one.alert is None or one.alert.may_be_told_to(user)],
    }
    return TemplateResponse(
        request, "admin/recordings/alerts.html", context, status=422 if form.errors else 200
    )
