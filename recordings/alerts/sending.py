"""Send the messages that are due, with a backoff for each recipient."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import DatabaseError, InterfaceError
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from recordings import smtp
from recordings.alerts import webhooks
from recordings.alerts.errors import NotWantedError, PermanentError, UnsentError
from recordings.alerts.recipients import addresses
from recordings.choices import AlertKind
from recordings.clock import Clock
from recordings.models import Alert, AlertMessage
from recordings.models.alert import OutgoingMessage
from recordings.provider import public_url

logger = logging.getLogger(__name__)

AT_ONCE = 100  # messages in one look


def send_due(now: datetime, *, stop: Callable[[], bool] = lambda: False) -> int:
    """Send what is due and return how many were sent. Where one recipient fails, only that one's messages wait."""
    sent, waiting, clock = 0, set(), Clock(now)
    due = AlertMessage.objects.due(now).select_related("alert__account", "user", "webhook__account")
    for message in due[:AT_ONCE]:
        if stop():
            break
        at = clock.now()  # of each attempt its own: a hundred of them take minutes
        if message.recipient in waiting or not message.claim(at):
            continue
        try:
            sent += attempt(message, partial(_send, message, at), clock)
        except UnsentError as error:
            waiting.add(message.recipient)
            _wait(message, str(error), clock.now())
    return sent


def attempt(message: OutgoingMessage, send: Callable[[], None], clock: Clock) -> bool:
    """Make one attempt and record how it ended; return whether it was sent. UnsentError is left to the caller."""
    try:
        send()
    except NotWantedError:
        message.drop()
    except PermanentError as error:
        message.drop(str(error))
        logger.warning("%s %s was refused", type(message).__name__, message.pk)
    except (UnsentError, DatabaseError, InterfaceError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, the messages after this one are sent
        # Not its words, in which an address may stand.
        logger.error("%s %s could not be made: %s", type(message).__name__, message.pk, type(error).__name__)  # noqa: TRY400
        raise UnsentError(_("The portal failed; the log of the worker says why.")) from None
    else:
        message.mark_sent(clock.now())
        return True
    return False


def _wait(message: AlertMessage, why: str, now: datetime) -> None:
    """Put off this message, and the others to the same recipient with it: one attempt tells for all."""
    at = message.retry(why, now)
    logger.warning("Alert message %s could not be sent: %s", message.pk, why)
    if at is not None:
        AlertMessage.objects.pending().to_same(message).filter(next_at__lt=at).update(next_at=at)


def _send(message: AlertMessage, now: datetime) -> None:
    if message.webhook is not None:
        webhooks.post(message, now)
        return
    to = _address_of(message)
    subject, body = mail_of(message)
    try:
        smtp.send(EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [to]))
    except smtp.MailRefusedError as error:
        raise PermanentError(str(error)) from None
    except smtp.MailUnsentError as error:
        raise UnsentError(str(error)) from None


def _address_of(message: AlertMessage) -> str:
    """Return the address; raise NotWantedError for a person who lost access, and an account that took it off."""
    user: Any = message.user
    if user is None:
        if message.alert is not None and message.address not in addresses(message.alert):
            raise NotWantedError
        return str(message.address)
    fresh = User.objects.filter(pk=user.pk, is_active=True, is_staff=True).exclude(email="").first()
    if fresh is None or (message.alert is not None and not message.alert.may_be_told_to(fresh)):
        raise NotWantedError
    return str(fresh.email)


def mail_of(message: AlertMessage) -> tuple[str, str]:
    """Return the subject and the text of a message."""
    alert = message.alert
    if alert is None:
        return _("Vobiz Portal: summary"), message.text or ""
    context = {
        "alert": alert,
        "account": account_name(alert),
        "is_over": message.kind == AlertKind.ENDED,
        "link": public_url(alert.url),
        "portal": settings.PORTAL_URL,
        "settings": public_url(reverse("alerts")) if message.user_id else "",
    }
    subject = _("Over: %s") if message.kind == AlertKind.ENDED else "%s"
    named = ": ".join(filter(None, (str(alert.get_code_display()), account_name(alert))))
    return " ".join((subject % named).split()), render_to_string("alerts/alert.txt", context)


def account_name(alert: Alert) -> str:
    """Return the account's name in one line; empty for a problem of the whole portal."""
    account = alert.account
    return " ".join((account.name or account.auth_id).split()) if account is not None else ""
