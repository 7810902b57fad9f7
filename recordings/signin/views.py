"""The pages of sign-in, and those where people look after their own."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.login import perform_password_login, record_authentication
from allauth.account.models import Login
from allauth.account.stages import LoginStageController
from allauth.mfa.base.views import AuthenticateView, IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView, LoginWebAuthnView, RemoveWebAuthnView
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import site
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST
from django.views.generic.base import ContextMixin, TemplateView
from django.views.generic.edit import FormView

from recordings import mail
from recordings.choices import AccessAction
from recordings.forms import is_key
from recordings.signin import log, sessions, sso
from recordings.signin.budgets import PASSKEYS, RESET, RESETS_FROM, GuessRefusedError, network_of
from recordings.signin.factors import has_factor, passkey_host, using
from recordings.signin.forms import ChangePasswordForm, SignInForm
from recordings.signin.redirects import next_page
from recordings.tasks import request_password_link

ENTRANCE, FRAME = "signin/entrance.html", "signin/page.html"


def _next(request: HttpRequest) -> str:
    return next_page(request, request.POST.get("next", request.GET.get("next", "")))


def must_enrol(request: HttpRequest) -> bool:
    """Return whether this person has to set up a second factor before anything else."""
    user: Any = request.user
    if not settings.MFA_REQUIRED or not user.is_authenticated:
        return False
    return not has_factor(user) and not sso.used_sso(request, user)


class PortalPage(ContextMixin):
    """A page in the portal's own frame; without navigation for somebody who may open nothing else yet."""

    title: Any = ""
    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add what the frame shows."""
        enrols = must_enrol(self.request)
        return {
            **site.each_context(self.request),
            "title": self.title,
            "frame": ENTRANCE if enrols else FRAME,
            "must_enrol": enrols,
            "passkey_host": passkey_host(),
            "can_send": mail.is_possible(),
            "sso_label": settings.OIDC_LABEL if sso.is_offered() else "",
            **super().get_context_data(**kwargs),
        }


class PasskeyPage(PortalPage):
    """A page that does not exist where passkeys are not offered."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer 404 where the portal has no name that a passkey could be made for."""
        if not passkey_host():
            raise Http404
        view: Any = super()
        answer: HttpResponseBase = view.dispatch(request, *args, **kwargs)
        return answer


@method_decorator(
    [sensitive_variables(), sensitive_post_parameters(), login_not_required, never_cache], name="dispatch"
)
class SignIn(PortalPage, FormView[SignInForm]):
    """Log in with user name and password, or with a passkey. The library then asks for the second factor."""

    title = _("Log in")
    template_name = "admin/login.html"
    form_class = SignInForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form; lead on who is signed in already."""
        if request.user.is_active and request.user.is_staff:
            return HttpResponseRedirect(_next(request))
        return super().get(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Give the form the request."""
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where the sign-in leads."""
        user: Any = self.request.user
        return {
            **super().get_context_data(**kwargs),
            "next": _next(self.request),
            "app_path": self.request.get_full_path(),
            "username": user.get_username(),
        }

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        """Show the form again; a guess that was not even checked gets a short answer, which costs little."""
        return form.refused.page() if form.refused else super().form_invalid(form)

    def form_valid(self, form: SignInForm) -> HttpResponse:
        """Go on to the second factor, or to the page asked for."""
        user: Any = form.get_user()
        login = Login(user=user, redirect_url=_next(self.request))
        answer: HttpResponse = perform_password_login(self.request, {"username": user.get_username()}, login)
        return answer


@method_decorator([login_not_required, never_cache], name="dispatch")
class Forgotten(PortalPage, TemplateView):
    """Ask for a link to set a new password, by e-mail. The answer is the same whoever asks for whom."""

    title = _("Password forgotten?")
    template_name = "signin/forgotten.html"

    def post(self, request: HttpRequest) -> HttpResponse:
        """Have the link sent to the one active person with this address; without one, do as much and send nothing."""
        if not mail.is_possible():
            raise Http404
        if not RESETS_FROM.take(network_of(request)):
            words = gettext("Too many requests from your network. Try again in an hour.")
            return GuessRefusedError(words, HTTPStatus.TOO_MANY_REQUESTS).page()
        address = request.POST.get("email", "").strip()
        people = list(User.objects.filter(email__iexact=address, is_active=True)[:2]) if address else []
        person = people[0] if len(people) == 1 else None
        if RESET.take(str(person.pk) if person else f"nobody {address.casefold()}"):
            request_password_link(person, asked_from=log.address_of(request) or "")
        return self.render_to_response(self.get_context_data(is_sent=True))


@method_decorator([login_not_required, never_cache], name="dispatch")
class PasskeySignIn(PasskeyPage, LoginWebAuthnView):
    """A passkey instead of user name, password and second factor."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Ask an address a limited number of times: each question is kept in a session until it is answered."""
        if passkey_host() and not PASSKEYS.take(network_of(request)):
            words = gettext("Too many passkey requests from your network. Try again in an hour.")
            return GuessRefusedError(words, HTTPStatus.TOO_MANY_REQUESTS).page()
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Log its owner in."""
        with using(form.cleaned_data["credential"]):
            answer: HttpResponse = super().form_valid(form)
        return answer


@method_decorator(login_not_required, name="dispatch")
class SecondFactor(PortalPage, AuthenticateView):
    """The second factor after a password: a code, a recovery code or a passkey."""

    title = _("Second factor")
    template_name = "signin/second_factor.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Begin again where the password was changed after it was entered, or the person lost their access."""
        stage = LoginStageController.enter(request, sso.SecondFactorStage.key)
        if stage is not None and stage.is_stale and not request.user.is_authenticated:
            messages.error(request, gettext("This login is no longer valid. Log in again."))
            stage.abort()
            return redirect("admin:login")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


class YourAccount(PortalPage, IndexView):
    """Everything of one's own sign-in: password, second factor, recovery codes."""

    def get_template_names(self) -> list[str]:
        """Show somebody who must enrol a choice of factors, and nothing else."""
        return ["signin/enrol.html" if must_enrol(self.request) else "signin/account.html"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the person's sessions."""
        connected = SocialAccount.objects.filter(user_id=self.request.user.pk, provider=sso.provider_id())
        enrols = must_enrol(self.request)
        return {
            **super().get_context_data(**kwargs),
            "title": gettext("Set up a second factor") if enrols else gettext("Your account"),
            "sessions": sessions.sessions_of(self.request),
            "is_connected": sso.is_offered() and connected.exists(),
        }


@require_POST
def disconnect(request: HttpRequest) -> HttpResponse:
    """Forget who the person is at the issuer."""
    held = SocialAccount.objects.filter(user_id=request.user.pk, provider=sso.provider_id())
    if held.delete()[0]:
        log.note(request.user, AccessAction.FACTOR, "removed single sign-on", request=request)
        messages.success(request, gettext("Single sign-on is no longer connected."))
    return redirect("mfa_index")


@require_POST
def end_sessions(request: HttpRequest) -> HttpResponse:
    """End one of the person's other sessions, or all of them."""
    chosen = request.POST.get("session", "")
    only = int(chosen) if is_key(chosen) else None
    if chosen and only is None:
        raise Http404
    ended = sessions.end_sessions(request.user, but=request.session.session_key, only=only)
    if ended:
        log.note(request.user, AccessAction.SIGN_IN, f"ended {ended} other sessions", request=request)
    messages.success(request, ngettext("%d session ended.", "%d sessions ended.", ended) % ended)
    return redirect("mfa_index")


class ChangePassword(PortalPage, PasswordChangeView):
    """The person's own password; a new one ends their other sessions."""

    title = _("Change your password")
    template_name = "registration/password_change_form.html"
    form_class = ChangePasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form(self, form_class: Any = None) -> Any:
        """Give the form the request."""
        form: Any = super().get_form(form_class)
        form.request = self.request
        return form

    def form_valid(self, form: Any) -> HttpResponse:
        """Set it, stay signed in here, and note it."""
        answer = super().form_valid(form)
        sessions.end_sessions(self.request.user, but=self.request.session.session_key)
        UserSession.objects.create_from_request(self.request)
        record_authentication(self.request, self.request.user, "password", reauthenticated=True)
        log.note(self.request.user, AccessAction.FACTOR, "changed the password", request=self.request)
        return answer


class AddApp(PortalPage, ActivateTOTPView):
    """Set up an authenticator app by its QR code."""

    title = _("Set up an authenticator app")
    template_name = "signin/add_app.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Lead on whoever has an app. The library would ask to remove it, also where the button was pressed twice."""
        held = Authenticator.objects.filter(user_id=request.user.pk)
        if held.filter(type=Authenticator.Type.TOTP).exists():
            codes = held.filter(type=Authenticator.Type.RECOVERY_CODES).first()
            is_new = codes is not None and not codes.wrap().did_view
            return redirect("mfa_view_recovery_codes" if is_new else "mfa_index")
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return answer


class RemovePage(PortalPage):
    """A page that asks before a factor is removed."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Lead to the person's factors where this one was removed already, such as by a first press."""
        view: Any = super()
        try:
            answer: HttpResponseBase = view.dispatch(request, *args, **kwargs)
        except Http404:
            if request.method != "POST":
                raise
            return redirect("mfa_index")
        return answer


class RemoveApp(RemovePage, DeactivateTOTPView):
    """Ask before the authenticator app is removed."""

    title = _("Remove the authenticator app?")
    template_name = "signin/remove_factor.html"
    extra_context = {"keep": _("Keep the app"), "remove": _("Remove the app")}


class AddPasskey(PasskeyPage, AddWebAuthnView):
    """Make a passkey in this browser, or on a security key."""

    title = _("Add a passkey")
    template_name = "signin/add_passkey.html"


class RemovePasskey(RemovePage, RemoveWebAuthnView):
    """Ask before a passkey is removed."""

    title = _("Remove this passkey?")
    template_name = "signin/remove_factor.html"
    extra_context = {"keep": _("Keep the passkey"), "remove": _("Remove the passkey")}
    success_url = reverse_lazy("mfa_index")


class RecoveryCodes(PortalPage, ViewRecoveryCodesView):
    """Show recovery codes, once."""

    title = _("Recovery codes")
    template_name = "signin/recovery_codes.html"


class NewRecoveryCodes(PortalPage, GenerateRecoveryCodesView):
    """Ask before the recovery codes are replaced."""

    title = _("Replace your recovery codes?")
    template_name = "signin/new_recovery_codes.html"
