"""E-mails of the portal: an invitation, and a link to set a new password."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from recordings.provider import public_url


def is_possible() -> bool:
    """Return whether the portal can send e-mail."""
    return bool(settings.EMAIL_URL)


def password_link(person: User) -> str:
    """Return a one-time link by which the person sets a password; it is built on PORTAL_URL."""
    token = default_token_generator.make_token(person)
    return public_url(reverse("set_password", args=[urlsafe_base64_encode(force_bytes(person.pk)), token]))


def send_password_link(person: User) -> None:
    """Send the link; an invitation where the person has no password yet."""
    is_invited = not person.has_usable_password()
    context = {
        "name": person.get_username(),
        "link": password_link(person),
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3_600,
        "is_invited": is_invited,
        "portal": settings.PORTAL_URL,
    }
    subject = _("Your access to Vobiz Portal") if is_invited else _("Set a new password for Vobiz Portal")
    send_mail(subject, render_to_string("signin/password_link.txt", context), None, [person.email])
