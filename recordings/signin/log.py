"""What is written of sign-ins, second factors and people: an event in the access log, a line in the portal's log."""

from __future__ import annotations

import logging
from typing import Any

from allauth.account.internal.flows.login import get_authentication_records, record_authentication
from allauth.account.signals import user_logged_in
from allauth.core import context
from allauth.mfa import signals
from allauth.mfa.models import Authenticator
from allauth.socialaccount.signals import social_account_added
from django.contrib import messages
from django.contrib.auth.models import Group, Permission, User
from django.contrib.auth.signals import user_logged_in as django_user_logged_in
from django.db.models.signals import m2m_changed, pre_delete
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from recordings.choices import AccessAction, AccessResult
from recordings.models import AccessEvent, Account
from recordings.signin import budgets, sessions
from recordings.signin.factors import forget_used, has_factor

logger = logging.getLogger("recordings.signin")


def address_of(request: HttpRequest) -> str | None:
    """Return the client's address; the server decides which proxy to trust (README)."""
    return request.META.get("REMOTE_ADDR") or None


def note(
    user: Any,
    action: AccessAction,
    detail: str,
    *,
    request: HttpRequest | None,
    result: AccessResult = AccessResult.OK,
    **also: Any,
) -> None:
    """Write one event of `user` into both logs. `detail` holds no number, address or token."""
    address = address_of(request) if request is not None else None
    AccessEvent.objects.record(user, action, result=result, detail=detail, address=address, **also)
    logger.info("%s %s: user %s, from %s: %s", action, result, user.pk, address or "-", detail)


def methods(request: HttpRequest, user: Any) -> str:
    """Return how the user signed in, such as `password, totp`."""
    records = get_authentication_records(request, user)
    return ", ".join(dict.fromkeys(str(one.get("type") or one["method"]) for one in records))


def signed_in(request: HttpRequest, user: Any, response: HttpResponse, **_kwargs: Any) -> None:
    """Note a sign-in that went all the way, and make the browser known to the account."""
    budgets.remember_device(request, response, user)
    note(user, AccessAction.SIGN_IN, methods(request, user), request=request)


def factor_added(request: HttpRequest, user: Any, authenticator: Authenticator, **_kwargs: Any) -> None:
    """Note a new factor, count it as used in this session, and end the others."""
    note(user, AccessAction.FACTOR, f"added {authenticator.type}", request=request)
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        record_authentication(request, user, "mfa", type=str(authenticator.type), id=authenticator.pk)
        sessions.end_sessions(user, but=request.session.session_key)
        messages.success(request, _("Second factor added. Your other sessions were ended."))


def factor_removed(request: HttpRequest, user: Any, authenticator: Authenticator, **_kwargs: Any) -> None:
    """Note a factor that its owner removed, and end their other sessions."""
    note(user, AccessAction.FACTOR, f"removed {authenticator.type}", request=request)
    if not has_factor(user):
        forget_used(request)
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        sessions.end_sessions(user, but=request.session.session_key)
        messages.success(request, _("Second factor removed. Your other sessions were ended."))


def codes_made(request: HttpRequest, user: Any, authenticator: Authenticator, **_kwargs: Any) -> None:
    """Note new recovery codes; the old ones no longer work."""
    note(user, AccessAction.FACTOR, f"new {authenticator.type}", request=request)
    sessions.end_sessions(user, but=request.session.session_key)


def factor_failed(request: HttpRequest, user: Any, authenticator: Authenticator, **_kwargs: Any) -> None:
    """Note a wrong code."""
    note(user, AccessAction.SIGN_IN, str(authenticator.type), request=request, result=AccessResult.REFUSED)


def sso_connected(request: HttpRequest, sociallogin: Any, **_kwargs: Any) -> None:
    """Note that a person was matched with, or connected, an account of the issuer."""
    note(sociallogin.user, AccessAction.FACTOR, "connected single sign-on", request=request)


def connect() -> None:
    """Register the receivers; called when the apps are ready."""
    user_logged_in.connect(signed_in)
    django_user_logged_in.connect(sessions.begin)
    signals.authenticator_added.connect(factor_added)
    signals.authenticator_removed.connect(factor_removed)
    signals.authenticator_reset.connect(codes_made)
    signals.authentication_failed.connect(factor_failed)
    social_account_added.connect(sso_connected)
    for members in (User.groups.through, Account.members.through):
        m2m_changed.connect(membership_changed, sender=members)
    m2m_changed.connect(role_changed, sender=Group.permissions.through)
    for model in (User, Group):
        pre_delete.connect(deleted, sender=model)


# Roles and members


def membership_changed(
    sender: Any,
    instance: Any,
    action: str,
    pk_set: set[int] | None,
    **_kwargs: Any,
) -> None:
    """Note who was given or lost a role or an account, and by whom; without a request it was the command line."""
    verb = {"post_add": "added", "post_remove": "removed"}.get(action)
    if verb is None or not pk_set:
        return
    is_role = sender is User.groups.through
    user_is_instance = isinstance(instance, User)
    for pk in pk_set:
        user_pk, other = (instance.pk, pk) if user_is_instance else (pk, instance.pk)
        found: Any = (Group if is_role else Account).objects.filter(pk=other).first()
        account = None if is_role else found
        what = f"role {found}" if is_role else f"account {found.auth_id if found else other}"
        person_changed(f"user {user_pk}: {verb} {what}", account)


def role_changed(sender: Any, instance: Any, action: str, pk_set: set[int] | None, **_kwargs: Any) -> None:
    """Note which permissions a role was given or lost, and by whom: whoever has it can do more, or less."""
    verb = {"post_add": "added", "post_remove": "removed"}.get(action)
    if verb is None or not pk_set:
        return
    if isinstance(instance, Group):
        names = (
            Permission.objects.filter(pk__in=pk_set).order_by("codename").values_list("codename", flat=True)
        )
        person_changed(f"role {instance}: {verb} {', '.join(names)}")
        return
    for role in Group.objects.filter(pk__in=pk_set):
        person_changed(f"role {role}: {verb} {instance.codename}")


def deleted(sender: Any, instance: Any, **_kwargs: Any) -> None:
    """Note that a person or a role is deleted, and who had the role."""
    if isinstance(instance, User):
        person_changed(f"user {instance.pk}: deleted")
        return
    had = ", ".join(str(pk) for pk in instance.user_set.order_by("pk").values_list("pk", flat=True))
    person_changed(f"role {instance}: deleted" + (f", of users {had}" if had else ""))


def person_changed(detail: str, account: Any = None) -> None:
    """Note a change of a person by whoever is signed in."""
    request: HttpRequest | None = getattr(context, "request", None)
    user: Any = getattr(request, "user", None)
    if user is None or not user.is_authenticated:
        logger.info("person ok: at the command line: %s", detail)
        return
    note(user, AccessAction.PERSON, detail, request=request, account=account)
