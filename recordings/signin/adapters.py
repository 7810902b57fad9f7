"""What the portal decides otherwise than django-allauth does by default."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.stagekit import clear_login
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings import encryption
from recordings.choices import AccessAction, AccessResult
from recordings.signin import budgets, log, sso
from recordings.signin.redirects import is_page

logger = logging.getLogger("recordings.signin")
PORTAL = "Vobiz Portal"
INCORRECT_CODE = {
    "incorrect_code": gettext_lazy("The code is wrong or was used already. Enter a new one."),
}
NO_ACCESS = gettext_lazy("You have no access to this portal. Ask your administrator to add you as a user.")


class AccountAdapter(DefaultAccountAdapter):
    """Nobody signs up; addresses come from PORTAL_URL; the library's messages are the portal's to say."""

    error_messages = DefaultAccountAdapter.error_messages | INCORRECT_CODE

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: people are added by a superuser."""
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Return whether a `next` leads to a page of the portal."""
        return bool(url) and is_page(self.request, str(url))

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's address as the server tells it; a local socket has none."""
        return log.address_of(request) or "127.0.0.1"

    def add_message(
        self,
        request: HttpRequest,
        level: int,
        message_template: str | None = None,
        message_context: dict[str, Any] | None = None,
        extra_tags: str = "",
        message: str | None = None,
    ) -> None:
        """Show errors; what was done is said by the portal, in its own words."""
        if message:
            messages.add_message(request, level, message, extra_tags=extra_tags)

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """Refuse, and note, who is inactive or not on the staff, whichever way they came."""
        if not (user.is_active and user.is_staff):
            if budgets.NO_ACCESS.take(str(user.pk)):
                how = log.methods(request, user)
                log.note(user, AccessAction.SIGN_IN, how, request=request, result=AccessResult.REFUSED)
            clear_login(request)
            return self.respond_user_inactive(request, user)
        answer: HttpResponse | None = super().pre_login(request, user, **kwargs)
        return answer

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """Lead back to the sign-in, which says whom to ask."""
        messages.error(request, str(NO_ACCESS))
        return HttpResponseRedirect(reverse("admin:login"))

    def get_login_stages(self) -> list[str]:
        """Return the library's one stage that the portal has: the second factor."""
        return ["recordings.signin.sso.SecondFactorStage"]

    def is_reauthentication_required(self, *, app: str, **_kwargs: Any) -> bool:
        """Return False: `recordings/signin/confirmation.py` asks again, for pages of the library and for ours alike."""
        return False


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """One issuer, by settings; nobody signs up through it, and nobody unknown gets in."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[Any]:
        """Return the configured issuer, if it is asked for."""
        app = sso.app()
        is_asked_for = app is not None and provider in {None, app.provider, app.provider_id}
        return [app] if is_asked_for else []

    def get_requests_session(self) -> Any:
        """Return a session that takes neither proxy nor password from the environment."""
        session = super().get_requests_session()
        session.trust_env = False
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Find the person the first time; who is unknown here gets no access and reads whom to ask."""
        if sociallogin.state.get("process") == "connect" or sociallogin.is_existing:
            return
        person = sso.find_person(sociallogin)
        if person is None:
            logger.warning(
                "Single sign-on refused: the person is unknown here, from %s", log.address_of(request)
            )
            context = {"title": _("No access"), "frame": "signin/entrance.html"}
            raise ImmediateHttpResponse(render(request, "signin/no_access.html", context, status=403))
        sociallogin.connect(request, person)

    def on_authentication_error(self, request: HttpRequest, provider: Any, **kwargs: Any) -> None:
        """Lead back to the sign-in, which says what happened."""
        exception = kwargs.get("exception")
        logger.warning(
            "Single sign-on failed: %s", type(exception).__name__ if exception else kwargs.get("error")
        )
        messages.error(request, _("Single sign-on was cancelled or failed. Try again, or use your password."))
        raise ImmediateHttpResponse(HttpResponseRedirect(reverse("admin:login")))

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        """Return where somebody lands who connected their account."""
        return reverse("mfa_index")

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Return False: people are added by a superuser."""
        return False


class MFAAdapter(DefaultMFAAdapter):
    """Secrets are encrypted in the database; names and hosts are those of PORTAL_URL, whatever Host says."""

    error_messages = DefaultMFAAdapter.error_messages | INCORRECT_CODE

    def encrypt(self, text: str) -> str:
        """Return a secret encrypted as tokens are."""
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return a stored secret."""
        return encryption.decrypt(encrypted_text)

    def get_totp_issuer(self) -> str:
        """Return what an authenticator app shows beside the user name."""
        return f"{PORTAL} ({urlsplit(settings.PORTAL_URL).hostname})"

    def get_totp_label(self, user: Any) -> str:
        """Return the user name."""
        return str(user.get_username())

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the party that passkeys are made for: the host of PORTAL_URL."""
        return {"id": urlsplit(settings.PORTAL_URL).hostname or "", "name": PORTAL}

    def generate_authenticator_name(self, user: Any, type: Any) -> str:  # noqa: A002 - the library's name
        """Return a name for a new passkey."""
        count = Authenticator.objects.filter(user_id=user.pk, type=type).count()
        return str(_("Passkey %d") % (count + 1))
