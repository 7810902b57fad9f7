"""E-mails of the portal: an invitation, and a link to set a new password.

What became of one that somebody asked for is in the access log, under the words below: the page of the user shows it.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from recordings import smtp
from recordings.provider import public_url

# What the access log holds of a login link sent to a person by e-mail; a reason may follow.
ASKED, SENT = "user %s: asked for a sign-in link by e-mail", "user %s: sign-in link sent by e-mail"
DELAYED, UNSENT = "user %s: sign-in link not sent yet by e-mail", "user %s: sign-in link not sent by e-mail"


def is_possible() -> bool:
    """Return whether the portal can send e-mail."""
    return bool(settings.EMAIL_URL)


def password_link(person: User) -> str:
    """Return a one-time link by which the person sets a password; it is built on PORTAL_URL."""
    token = default_token_generator.make_token(person)
    return public_url(reverse("set_password", args=[urlsafe_base64_encode(force_bytes(person.pk)), token]))


def state_of(person: User) -> str:
    """Return a digest of what a link is for: where it is another one later, no link may be sent.

    Nothing can be read from it, and it is part of no link, so that it may wait in a queue.
    """
    known = f"{person.pk}\n{person.email}\n{person.password}\n{person.is_active}"
    return salted_hmac("recordings.mail.state", known, algorithm="sha256").hexdigest()


def send_password_link(person: User) -> None:
    """Send the link; an invitation where the person has no password yet.

    Raises smtp.MailRefusedError or smtp.MailUnsentError.
    """
    if not is_possible():
        raise smtp.MailUnsentError(_("The worker has no mail server: set EMAIL_URL for it, too."))
    is_invited = not person.has_usable_password()
    context = {
        "name": person.get_username(),
        "link": password_link(person),
        "hours": settings.PASSWORD_RESET_TIMEOUT // 3_600,
        "is_invited": is_invited,
        "portal": settings.PORTAL_URL,
    }
    subject = _("Your access to Vobiz Portal") if is_invited else _("Set a new password for Vobiz Portal")
    smtp.send(
        EmailMessage(subject, render_to_string("signin/password_link.txt", context), None, [person.email])
    )
