"""Single sign-on by OpenID Connect with the one issuer that the settings name.

Somebody is who they are by the issuer and its subject. The first time, the person is found by an e-mail address that
the issuer says is verified, where OIDC_TRUSTS_EMAIL says that its word is good; else they connect it on *Your account*.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records
from allauth.mfa.stages import AuthenticateStage
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from recordings.provider import public_url
from recordings.signin import budgets
from recordings.signin.budgets import BUSY, GuessRefusedError, Turns

logger = logging.getLogger("recordings.signin")

PROVIDER = "openid_connect"
CONFIGURATION_HOLDS = 600  # seconds
UNDER = "under"  # in the state of a sign-in that waits for the second factor: what stands for the password
TURNS = Turns(2, 0)  # an issuer that is slow holds no more threads than these


def is_offered() -> bool:
    """Return whether an issuer is configured."""
    return bool(settings.OIDC_ISSUER and settings.OIDC_CLIENT_ID)


def provider_id() -> str:
    """Return the name of the issuer in our tables: another issuer's subjects are other people."""
    return f"oidc-{hashlib.sha256(settings.OIDC_ISSUER.encode()).hexdigest()[:16]}"


def app() -> SocialApp | None:
    """Return the issuer as the library wants it; None where there is none."""
    if not is_offered():
        return None
    return SocialApp(
        provider=PROVIDER,
        provider_id=provider_id(),
        name=settings.OIDC_LABEL,
        client_id=settings.OIDC_CLIENT_ID,
        secret=settings.OIDC_CLIENT_SECRET,
        settings={"server_url": settings.OIDC_ISSUER, "oauth_pkce_enabled": True},
    )


def used_sso(request: HttpRequest, user: Any) -> bool:
    """Return whether the user came by single sign-on, and its issuer asks for a second factor itself."""
    records = get_authentication_records(request, user)
    return settings.OIDC_ASKS_SECOND_FACTOR and any(one.get("method") == "socialaccount" for one in records)


class SecondFactorStage(AuthenticateStage):
    """The library's question for a second factor, which a trusted issuer has asked already."""

    def handle(self) -> Any:
        """Ask, and remember under which password: a new one ends this sign-in as it ends sessions."""
        self.state[UNDER] = self.login.user.get_session_auth_hash()
        return super().handle()

    @property
    def is_stale(self) -> bool:
        """Whether the password was changed or removed since, or the person, or their access."""
        user = self.login.user
        if user is None or not (user.is_active and user.is_staff):
            return True
        return not constant_time_compare(str(self.state.get(UNDER)), user.get_session_auth_hash())

    def _should_handle(self, request: HttpRequest) -> bool:
        return super()._should_handle(request) and not used_sso(request, self.login.user)


@contextmanager
def _reading() -> Iterator[None]:
    """Read what the issuer answered; raise OAuth2Error where it has another shape than the library expects."""
    try:
        yield
    except (
        ArithmeticError, AttributeError, ImproperlyConfigured, LookupError, RecursionError, TypeError
    ) as error:  # fmt: skip
        raise OAuth2Error("unreadable_answer") from error


class IssuerAdapter(OpenIDConnectOAuth2Adapter):
    """The library's client, with addresses from PORTAL_URL and a check that the issuer is who it should be."""

    @property
    @_reading()
    def openid_config(self) -> dict[str, Any]:
        """Return what the issuer says of itself; OAuth2Error where it says that it is another one."""
        key = f"{provider_id()}-configuration"
        found: dict[str, Any] | None = cache.get(key)
        if found is None:
            found = dict(super().openid_config)
            cache.set(key, found, CONFIGURATION_HOLDS)
        if str(found.get("issuer", "")).rstrip("/") != settings.OIDC_ISSUER.rstrip("/"):
            raise OAuth2Error("issuer_mismatch")
        return found

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        """Return where the issuer sends people back to."""
        return public_url(reverse("sso_callback"))

    @_reading()
    def get_client(self, request: HttpRequest, app: Any) -> Any:
        """Return the library's client for this issuer."""
        return super().get_client(request, app)

    @_reading()
    def get_access_token_data(self, *args: Any, **kwargs: Any) -> Any:
        """Return the issuer's answer to the code."""
        return super().get_access_token_data(*args, **kwargs)

    @_reading()
    def parse_token(self, data: Any) -> Any:
        """Return the access token of that answer."""
        return super().parse_token(data)

    @_reading()
    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> SocialLogin:
        """Return who the issuer says it is; OAuth2Error where its two answers are about two people.

        Of what it says of the person only the subject is stored.
        """
        login = super().complete_login(request, app, token, **kwargs)
        said = login.account.extra_data
        subjects = {str(said[part].get("sub")) for part in ("userinfo", "id_token") if part in said}
        if "id_token" not in said or len(subjects) != 1:
            raise OAuth2Error("subject_mismatch")
        if not all(map(_is_text, [*subjects, *(one.email for one in login.email_addresses)])):
            raise OAuth2Error("unreadable_answer")
        login.account.extra_data = {"id_token": {"sub": subjects.pop()}}
        return login


def _is_text(text: str) -> bool:
    """Return whether every database takes this: it has no NUL, and no half of a surrogate pair."""
    return "\x00" not in text and text.encode("utf-8", "ignore").decode() == text


def find_person(login: SocialLogin) -> User | None:
    """Return the one active person whose address the issuer verified, and who is not connected to another subject."""
    if not settings.OIDC_TRUSTS_EMAIL:
        return None
    verified = [one.email for one in login.email_addresses if one.verified and one.email]
    if not verified:
        return None
    found = User.objects.filter(email__iexact=verified[0], is_active=True)
    people = [person for person in found if _folded(person.email) == _folded(verified[0])]
    if len(people) != 1:
        return None
    taken = SocialAccount.objects.filter(user=people[0], provider=login.account.provider).exists()
    return None if taken else people[0]


def _folded(address: str) -> bytes:
    """Return an address without regard to the case of ASCII letters: `ı` is no `i`, as PostgreSQL has it."""
    return address.encode("utf-8", "surrogatepass").lower()


def _ask(request: HttpRequest, view: Any) -> HttpResponse:
    """Run a view of the library that asks the issuer, within budget and turn."""
    if not is_offered():
        raise Http404
    if not budgets.SSO.take(budgets.network_of(request)):
        words = _("Too many logins from your network. Try again in an hour.")
        return GuessRefusedError(words, HTTPStatus.TOO_MANY_REQUESTS).page()
    with TURNS.turn() as has_turn:
        if not has_turn:
            words = _("Many people are logging in. Try again in a few seconds.")
            return GuessRefusedError(words, BUSY).page()
        try:
            answer: HttpResponse = view.adapter_view(IssuerAdapter(request, provider_id()))(request)
        except (OAuth2Error, OSError, ValueError, KeyError) as error:
            logger.warning("Single sign-on failed: %s", type(error).__name__)
            words = _("Single sign-on did not answer as expected. Try again, or log in with your password.")
            return GuessRefusedError(words, HTTPStatus.BAD_GATEWAY).page()
    return answer


@never_cache
@login_not_required
@require_POST
def login(request: HttpRequest) -> HttpResponse:
    """Send somebody to the issuer, to sign in or to connect their account here."""
    if request.POST.get("process", "login") not in {"login", "connect"}:
        raise Http404
    return _ask(request, OAuth2LoginView)


@never_cache
@login_not_required
@require_GET
def callback(request: HttpRequest) -> HttpResponse:
    """Take what the issuer says."""
    return _ask(request, OAuth2CallbackView)
