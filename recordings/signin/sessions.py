"""Sessions: when they end, which ones a person has, and how the others are ended."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import urlencode

from recordings.signin.redirects import is_page, referring_page

BEGAN, ACTIVE = "portal_signed_in_at", "portal_active_at"  # Unix times in the session
NOTED_EVERY = 60  # seconds: activity is written down no more often
BACKGROUND = "X-Background-Refresh"  # a request that a page made by itself


def begin(sender: Any, request: HttpRequest, **_kwargs: Any) -> None:
    """Note when the session began."""
    if hasattr(request, "session"):
        request.session[BEGAN] = request.session[ACTIVE] = time.time()


def is_over(request: HttpRequest, now: float) -> bool:
    """Return whether the session is past one of its limits."""
    began, active = request.session.get(BEGAN, now), request.session.get(ACTIVE, now)
    return bool(
        now - began > settings.SESSION_MAX_DAYS * 86_400 or now - active > settings.SESSION_IDLE_HOURS * 3_600
    )


def is_background(request: HttpRequest) -> bool:
    """Return whether the page asked by itself, and nobody pressed anything."""
    return BACKGROUND in request.headers


class SessionLimitsMiddleware(MiddlewareMixin):
    """End sessions that are over; count as activity what a person does, and not what a page does by itself."""

    def process_view(self, request: HttpRequest, view: Any, _args: Any, _kwargs: Any) -> HttpResponse | None:
        """Answer 401 to a refresh after the end; a person is led to the sign-in by Django, as ever."""
        if not getattr(view, "login_required", True):
            return None
        if request.user.is_authenticated:
            now = time.time()
            if is_over(request, now):
                logout(request)
            elif not is_background(request):
                _note_activity(request, now)
        if is_background(request) and not (request.user.is_active and request.user.is_staff):
            return signed_out(request)
        return None


def _note_activity(request: HttpRequest, now: float) -> None:
    session = request.session
    if BEGAN not in session:  # of an older version
        session[BEGAN] = session[ACTIVE] = now
        UserSession.objects.create_from_request(request)
    elif now - session[ACTIVE] > NOTED_EVERY:
        session[ACTIVE] = now
        held = UserSession.objects.filter(session_key=session.session_key)
        held.update(last_seen_at=timezone.now())


def signed_out(request: HttpRequest) -> HttpResponse:
    """Return what a page puts in place of what it wanted to refresh; the rest of it, and what was typed, stays."""
    here = referring_page(request)
    query = f"?{urlencode({'next': here})}" if is_page(request, here) else ""
    words = render_to_string("signin/signed_out.html", {"url": reverse("admin:login") + query})
    return HttpResponse(words, status=401, headers={"Cache-Control": "no-store"})


def sessions_of(request: HttpRequest) -> list[UserSession]:
    """Return the live sessions of this person, newest activity first; two queries, however many there are."""
    since = timezone.now() - timedelta(hours=settings.SESSION_IDLE_HOURS)
    held = UserSession.objects.filter(user_id=request.user.pk, last_seen_at__gt=since)
    rows = list(held.order_by("-last_seen_at", "-pk"))
    keys = [row.session_key for row in rows]
    live = Session.objects.filter(session_key__in=keys, expire_date__gt=timezone.now())
    known = set(live.values_list("session_key", flat=True))
    return [row for row in rows if row.session_key in known]


def end_sessions(user: Any, *, but: str | None = None, only: int | None = None) -> int:
    """End the sessions of a user, `but` the one with this key or `only` the one with this id; return how many."""
    held = UserSession.objects.filter(user_id=user.pk).exclude(session_key=but or "")
    ended = list(held.filter(pk=only) if only is not None else held)
    for session in ended:
        session.end()
    return len(ended)
