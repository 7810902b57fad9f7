"""Ask people again who they are, before what would hurt most in other hands.

The question stands between a form and its page: the answer is posted to the same address, and what was typed comes
along, encrypted. So nothing is lost, and nothing of it is stored.
"""

from __future__ import annotations

import json
import time
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import begin_authentication
from django.conf import settings
from django.contrib.admin import site
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from recordings import encryption
from recordings.signin.factors import passkey_host
from recordings.signin.forms import ConfirmCodeForm, ConfirmPasswordForm, PasskeyForm

SENT_AGAIN = 3_600  # seconds after which a form that waited is asked for anew
# Of a person's own: both to see and to change.
OWN = {
    "mfa_activate_totp", "mfa_deactivate_totp", "mfa_add_webauthn", "mfa_remove_webauthn",
    "mfa_view_recovery_codes", "mfa_generate_recovery_codes",
}  # fmt: skip
# Whole pages whose forms change users, roles, tokens or members, and what takes data out.
CHANGES = {
    "admin:recordings_account_add", "admin:recordings_account_change", "admin:recordings_account_webhooks",
    "sso_login", "sso_disconnect",
}  # fmt: skip
PREFIXES = ("admin:auth_user_", "admin:auth_group_")
EXPORTS = ("_export_csv", "_export_zip_file")
ACTIONS = {"export_zip"}  # of a list


def is_sensitive(request: HttpRequest) -> bool:
    """Return whether this request exports, or changes a token, a person, a role or the reader's own factors."""
    name = request.resolver_match.view_name if request.resolver_match else ""
    if name in OWN:
        return True
    if request.method != "POST":
        return False
    return (
        name in CHANGES
        or name.startswith(PREFIXES)
        or name.endswith(EXPORTS)
        or not ACTIONS.isdisjoint(request.POST.getlist("action"))  # of several, the list runs which it likes
    )


def is_recent(request: HttpRequest) -> bool:
    """Return whether the person of this session showed who they are within REAUTHENTICATION_MINUTES; 0 never asks."""
    minutes = settings.REAUTHENTICATION_MINUTES
    user: Any = request.user
    records = get_authentication_records(request, user)
    return not minutes or any(time.time() - record["at"] < minutes * 60 for record in records)


class ConfirmationMiddleware(MiddlewareMixin):
    """Put the question before a sensitive page, unless it was answered lately."""

    def process_view(self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Ask, check the answer, or let the request go on with what was typed."""
        if not settings.REAUTHENTICATION_MINUTES or not request.user.is_authenticated:
            return None
        answers = request.method == "POST" and "confirmation" in request.POST
        if not answers:
            return ask(request) if is_sensitive(request) and not is_recent(request) else None
        typed = _unpacked(request)
        form = _answer(request)
        if form.is_valid():
            form.save()
        elif not is_recent(request):
            return ask(request, form, request.POST["confirmation"])
        if not typed:
            return HttpResponseRedirect(request.get_full_path())
        request.POST = typed  # type: ignore[assignment]
        return None


def ask(request: HttpRequest, form: Any = None, packed: str | None = None) -> HttpResponse:
    """Show the question, with what was typed before in its form."""
    user: Any = request.user
    factors = set(Authenticator.objects.filter(user_id=user.pk).values_list("type", flat=True))
    has_passkey = Authenticator.Type.WEBAUTHN in factors and bool(passkey_host())
    context = {
        **site.each_context(request),
        "title": _("Confirm that it is you"),
        "form": form,
        "has_app": Authenticator.Type.TOTP in factors,
        "js_data": {"request_options": begin_authentication(user)} if has_passkey else None,
        "action": request.get_full_path(),
        "packed": packed if packed is not None else _packed(request),
    }
    answer = TemplateResponse(request, "signin/confirm.html", context, status=403)
    answer["Cache-Control"] = "no-store"
    return answer


def _answer(request: HttpRequest) -> Any:
    user: Any = request.user
    if request.POST.get("credential"):
        form = PasskeyForm(user=user, data=request.POST)
        form.reauthenticated = True
        return form
    if request.POST.get("code"):
        return ConfirmCodeForm(user=user, data=request.POST)
    return ConfirmPasswordForm(request.POST, user=user, request=request)


def _packed(request: HttpRequest) -> str:
    """Return what was typed, for this person and this address, so that only the portal can read it."""
    typed = request.POST.copy()
    typed.pop("csrfmiddlewaretoken", None)
    form = typed.urlencode() if request.method == "POST" else ""
    whole = [request.user.pk, request.get_full_path(), time.time(), form]
    return encryption.encrypt(json.dumps(whole))


def _unpacked(request: HttpRequest) -> QueryDict:
    """Return what was typed; empty where nothing was, or where it was for somebody or something else."""
    try:
        user_pk, path, at, form = json.loads(encryption.decrypt(request.POST["confirmation"]))
    except (encryption.UndecipherableError, ValueError):
        return QueryDict()
    ours = (user_pk, path) == (request.user.pk, request.get_full_path()) and time.time() - at < SENT_AGAIN
    return QueryDict(form if ours else "")
