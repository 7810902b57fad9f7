"""Middleware: no page before the second factor."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import urlencode

from recordings.signin.factors import has_factor, used_factor
from recordings.signin.sso import used_sso

# What somebody without a second factor may open: the pages that set one up, and the way out.
ENROLMENT = {
    "mfa_index", "mfa_activate_totp", "mfa_add_webauthn", "mfa_view_recovery_codes", "admin:logout", "admin:jsi18n",
}  # fmt: skip


class SecondFactorMiddleware(MiddlewareMixin):
    """With MFA_REQUIRED, let a session open pages only once a second factor was used in it.

    The sign-in asks for it. This holds whatever else gave somebody a session: an older version, a new view, a mistake.
    """

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Lead to the sign-in who has a factor and did not use it, and to the enrolment who has none."""
        if not settings.MFA_REQUIRED or not getattr(view, "login_required", True):
            return None
        if not request.user.is_authenticated or used_factor(request) or used_sso(request, request.user):
            return None
        if has_factor(request.user):
            logout(request)
            query = urlencode({"next": request.get_full_path()})
            return HttpResponseRedirect(f"{reverse('admin:login')}?{query}")
        match = request.resolver_match
        return None if match is not None and match.view_name in ENROLMENT else redirect("mfa_index")
