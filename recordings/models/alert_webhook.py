"""Addresses that alerts are posted to, with the secrets that sign them."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from recordings.choices import WebhookForm
from recordings.encryption import UndecipherableError, decrypt, encrypt
from recordings.models.account import Account
from recordings.models.visibility import VisibleQuerySet

FORMER_SECRET_LIFE = timedelta(hours=24)
PREFIX = "whsec_"  # of a secret of Standard Webhooks; the rest is base64
ENCRYPTED = ("encrypted_url", "encrypted_secret", "former_encrypted_secret")


def new_secret() -> str:
    """Return a secret of 256 random bits, in the form of Standard Webhooks."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode("ascii")


class AlertWebhook(models.Model):
    """One address of an account. The address is encrypted like the secret: that of Slack is a secret itself.

    During a rotation both secrets sign, until `former_until`.
    """

    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.CASCADE, related_name="alert_webhooks"
    )
    form = models.CharField(_("form"), max_length=8, choices=WebhookForm, default=WebhookForm.STANDARD)
    host = models.CharField(_("host"), max_length=253)
    encrypted_url = models.TextField(editable=False)
    encrypted_secret = models.TextField(editable=False)
    former_encrypted_secret = models.TextField(null=True, editable=False)
    former_until = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        verbose_name = _("alert webhook")
        verbose_name_plural = _("alert webhooks")
        default_permissions = ()  # by who may change the account
        constraints = [
            models.CheckConstraint(condition=Q(form__in=WebhookForm.values), name="alertwebhook_form")
        ]

    def __str__(self) -> str:
        return self.host

    @classmethod
    def create(cls, account: Account, url: str, form: str) -> tuple[AlertWebhook, str]:
        """Store an address; return it with its secret, which is shown once."""
        secret = new_secret()
        host = urlsplit(url).hostname or ""
        made = cls.objects.create(
            account=account,
            form=form,
            host=host,
            encrypted_url=encrypt(url),
            encrypted_secret=encrypt(secret),
        )
        return made, secret

    def rotate(self, now: datetime) -> str:
        """Replace the secret and return the new one; the former signs too for FORMER_SECRET_LIFE."""
        secret = new_secret()
        self.former_encrypted_secret, self.encrypted_secret = self.encrypted_secret, encrypt(secret)
        self.former_until = now + FORMER_SECRET_LIFE
        self.save(update_fields=["encrypted_secret", "former_encrypted_secret", "former_until"])
        return secret

    @property
    def url(self) -> str:
        """The whole address. Raises UndecipherableError where no key opens it."""
        return decrypt(self.encrypted_url)

    def signing_keys(self, now: datetime) -> list[bytes]:
        """Return the keys that sign now, the current one first. Raises UndecipherableError."""
        stored = [self.encrypted_secret]
        if self.former_encrypted_secret and self.former_until is not None and now < self.former_until:
            stored.append(self.former_encrypted_secret)
        return [base64.b64decode(decrypt(text).removeprefix(PREFIX)) for text in stored]

    def reencrypt(self) -> bool:
        """Encrypt address and secrets under the first key; return False where no key opens one."""
        try:
            for column in ENCRYPTED:
                if (stored := getattr(self, column)) is not None:
                    setattr(self, column, encrypt(decrypt(stored)))
        except UndecipherableError:
            return False
        self.save(update_fields=ENCRYPTED)
        return True
