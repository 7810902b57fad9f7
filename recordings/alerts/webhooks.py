"""Posts to webhooks, signed as Standard Webhooks says; the bodies of alerts in the form that a receiver reads."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from recordings.alerts import wire
from recordings.alerts.errors import NotWantedError, PermanentError, UnsentError
from recordings.choices import AlertKind, WebhookForm
from recordings.encryption import UndecipherableError
from recordings.models import AlertMessage, AlertWebhook
from recordings.provider import public_url
from recordings.vobiz.addresses import InvalidAddressError
from recordings.vobiz.connection import AddressRefusedError, ExchangeError


def post(message: AlertMessage, now: datetime) -> None:
    """Post a message; raise UnsentError where it is to be tried again."""
    webhook: Any = message.webhook
    if message.kind != AlertKind.TEST and not webhook.sends_alerts:
        raise NotWantedError
    post_signed(webhook, f"msg_{message.pk}", body_of(message, now), now)


def post_signed(webhook: AlertWebhook, id_: str, body: dict[str, Any], now: datetime) -> None:
    """Post a body to an address; raise UnsentError where it is to be tried again.

    `id_`: of the message; one that is sent again keeps it.
    """
    if not webhook.account.is_active:
        raise NotWantedError
    try:
        content = json.dumps(body, ensure_ascii=False).encode()
        headers = {
            "Content-Type": "application/json",
            **signature(id_, content, webhook.signing_keys(now), now),
        }
        status = wire.post(webhook.url, content, headers, local=settings.LOCAL_MODE)
    except UndecipherableError:
        raise PermanentError(_("No key opens the stored address or its secret.")) from None
    except (InvalidAddressError, AddressRefusedError):
        raise PermanentError(_("The address may not be asked.")) from None
    except ExchangeError:
        raise UnsentError(_("The receiver did not answer.")) from None
    if 300 <= status < 400:
        raise UnsentError(_("The receiver redirects (%d), which is not followed.") % status)
    if not 200 <= status < 300:
        raise UnsentError(_("The receiver answered %d.") % status)


def signature(id_: str, body: bytes, keys: Iterable[bytes], now: datetime) -> dict[str, str]:
    """Return the headers of Standard Webhooks."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join((id_.encode(), timestamp.encode(), body))
    made = [base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode("ascii") for key in keys]
    return {
        "webhook-id": id_,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{one}" for one in made),
    }


def body_of(message: AlertMessage, now: datetime) -> dict[str, Any]:
    """Return the body: codes, counts and links, in the form that the receiver reads."""
    is_slack = message.webhook is not None and message.webhook.form == WebhookForm.SLACK
    return _slack(message) if is_slack else _standard(message, now)


def _standard(message: AlertMessage, now: datetime) -> dict[str, Any]:
    alert = message.alert
    if alert is None:
        return {"type": "test", "timestamp": now.isoformat(), "data": {"url": settings.PORTAL_URL}}
    over = message.kind == AlertKind.ENDED
    return {
        "type": f"problem.{message.kind}",
        "timestamp": (alert.ended_at if over and alert.ended_at else alert.opened_at).isoformat(),
        "data": {
            "code": alert.code,
            "account": alert.account.auth_id if alert.account is not None else None,
            "cause": alert.cause,
            "cure": None if over else alert.cure,
            "since": alert.since.isoformat() if alert.since is not None else None,
            "ended_at": alert.ended_at.isoformat() if alert.ended_at is not None else None,
            "url": public_url(alert.url),
        },
    }


def _slack(message: AlertMessage) -> dict[str, Any]:
    alert = message.alert
    if alert is None:
        return {"text": _("This is a test of Vobiz Portal.")}
    parts = [alert.account.name or alert.account.auth_id] if alert.account is not None else []
    words = ": ".join([*parts, alert.cause])
    if message.kind == AlertKind.ENDED:
        words = _("Over: %s") % words
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        words = words.replace(sign, escaped)
    return {"text": f"{words}. <{public_url(alert.url)}|{_('Open')}>"}
