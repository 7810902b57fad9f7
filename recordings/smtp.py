"""Hand one e-mail to the mail server, and say in words that hold no address why it was not taken."""

from __future__ import annotations

import smtplib

from django.core.mail import EmailMessage
from django.utils.translation import gettext as _


class MailRefusedError(Exception):
    """The mail server refuses the address for good. `str()` is a sentence for people."""


class MailUnsentError(Exception):
    """It was not sent, and is to be tried again. `str()` is a sentence for people."""


def send(mail: EmailMessage) -> None:
    """Send it. Raises MailRefusedError or MailUnsentError."""
    mail.extra_headers.setdefault("Auto-Submitted", "auto-generated")
    try:
        mail.send()
    except smtplib.SMTPRecipientsRefused as error:
        codes = [code for code, _said in error.recipients.values()]
        if all(500 <= code < 600 for code in codes):
            raise MailRefusedError(_("The mail server refused the address (%s).") % codes[0]) from None
        raise MailUnsentError(_why(error)) from None
    except (OSError, smtplib.SMTPException) as error:
        raise MailUnsentError(_why(error)) from None


def _why(error: Exception) -> str:
    """Return what went wrong in words that hold nothing of the answer, in which an address may stand."""
    code = getattr(error, "smtp_code", None)
    return _("The mail server answered %s.") % code if code else _("The mail server did not answer.")
