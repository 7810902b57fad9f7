"""The callback addresses of the portal. Each path holds a key that belongs to one recording or one account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal, Self, cast

from django.db.models import QuerySet
from django.urls import reverse

from recordings.compiled_query import CompiledQuery
from recordings.models import Account, CallbackEvent, Recording
from recordings.models.account import TOKEN_COLUMNS
from recordings.provider import public_url
from recordings.vobiz.signature import SIGNATURE_V1, base_of

EndpointName = Literal["recording", "transcription", "account"]
# The columns of an account that tell whether a delivery is signed and admitted
_SIGNING = (
    *TOKEN_COLUMNS, "parent", "require_signed", "callback_key", "encrypted_webhook_secret", "webhook_header"
)  # fmt: skip


def _signing_of(path: str) -> list[str]:
    return [f"{path}__{column}" for column in _SIGNING]


def _account_of_key(key: str) -> QuerySet[Account]:
    rows = Account.objects.order_by().select_related("parent").only(*_SIGNING, *_signing_of("parent"))
    return rows.filter(callback_key=key)


def _recording_of_key(key: str) -> QuerySet[Recording]:
    own = ("recording_id", "callback_key", "callback_base")
    rows = Recording.objects.order_by().select_related("account__parent")
    rows = rows.only(*own, *_signing_of("account"), *_signing_of("account__parent"))
    return rows.filter(callback_key=key)


_ACCOUNT_OF_KEY = CompiledQuery[Account](_account_of_key, "the key")
_RECORDING_OF_KEY = CompiledQuery[Recording](_recording_of_key, "the key")


@dataclass(frozen=True, slots=True)
class CallbackEndpoint:
    """One callback address. `recording` is None on an account's address, where the fields name the recording."""

    name: EndpointName
    key: str = field(repr=False)
    account: Account
    recording: Recording | None

    @classmethod
    def find(cls, name: EndpointName, key: str) -> Self | None:
        """Return the endpoint of a key, None for a key that was never given out. One query.

        Only the columns are loaded that tell whose it is and who may have signed; the rest is read under the lock.
        """
        if name == "account":
            account = _ACCOUNT_OF_KEY.first(key)
            return None if account is None else cls(name, key, account, None)
        recording = _RECORDING_OF_KEY.first(key)
        return None if recording is None else cls(name, key, recording.account, recording)

    @classmethod
    def of_event(cls, event: CallbackEvent) -> Self | None:
        """Return the endpoint that an event was delivered to, None if its key is not in use any more."""
        recording = None if event.door == "account" else event.recording
        account = event.account if recording is None else recording.account
        key = account.callback_key if event.door == "account" else recording and recording.callback_key
        if not key or digest_of(key) != event.key_digest:
            return None
        return cls(cast("EndpointName", event.door), key, account, recording)

    @property
    def key_digest(self) -> str:
        """The SHA-256 under which events and nonces know the key."""
        return digest_of(self.key)

    @property
    def signed_bases(self) -> tuple[str, ...]:
        """The texts Vobiz may have signed: this address under today's PORTAL_URL, and as it was given to Vobiz.

        Nothing of the request is in them: what a proxy or a sender says of host and scheme has no effect.
        """
        path = reverse(f"callbacks:{self.name}", args=[self.key])
        bases = [base_of(public_url(path))]
        if self.recording is not None and self.recording.callback_base:
            bases.append(base_of(self.recording.callback_base + path))
        return tuple(dict.fromkeys(bases))

    @property
    def webhook_signature(self) -> tuple[str, str] | None:
        """The header and the secret of trunk webhooks; None where they cannot come to this address."""
        secret = self.account.webhook_secret if self.name == "account" else None
        return None if secret is None else (self.account.webhook_header or SIGNATURE_V1, secret)

    def redact(self, text: str) -> str:
        """Return `text` with … in place of the key, which is a secret."""
        return text.replace(self.key, "…")


def digest_of(key: str) -> str:
    """Return the SHA-256 of a callback key, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()
