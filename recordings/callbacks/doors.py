"""Whose a delivery is: its path holds a key, and the key belongs to one recording or one account."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Self

from django.urls import reverse

from recordings.models import Account, CallbackEvent, Recording
from recordings.provider import public_url
from recordings.vobiz.signature import base_of

DoorName = Literal["recording", "transcription", "account"]


@dataclass(frozen=True, slots=True)
class Door:
    """One callback address of ours. `recording` is None on an account's, where the fields name the recording."""

    name: DoorName
    key: str = field(repr=False)
    account: Account
    recording: Recording | None

    @classmethod
    def find(cls, name: DoorName, key: str) -> Self | None:
        """The door this key opens; None for a key that was never given out. One query."""
        if name == "account":
            account = Account.objects.select_related("parent").filter(callback_key=key).first()
            return None if account is None else cls(name, key, account, None)
        rows = Recording.objects.select_related("account__parent", "call")
        recording: Recording | None = rows.filter(callback_key=key).first()
        return None if recording is None else cls(name, key, recording.account, recording)

    @classmethod
    def of(cls, event: CallbackEvent) -> Self | None:
        """The door an event came in by; None if its key is not in use any more."""
        recording = None if event.door == "account" else event.recording
        account = event.account if recording is None else recording.account
        key = account.callback_key if event.door == "account" else recording and recording.callback_key
        if not key or digest_of(key) != event.key_digest:
            return None
        name: DoorName = "account" if event.door == "account" else _recording_door(event.door)
        return cls(name, key, account, recording)

    @property
    def key_digest(self) -> str:
        """What events and nonces know the key by."""
        return digest_of(self.key)

    @property
    def bases(self) -> tuple[str, ...]:
        """The texts Vobiz may have signed: this address under today's PORTAL_URL, and as it was given out.

        Nothing of the request is in them: what a proxy or a sender says of host and scheme has no effect.
        """
        path = reverse(f"callbacks:{self.name}", args=[self.key])
        bases = [base_of(public_url(path))]
        if self.recording is not None and self.recording.callback_base:
            bases.append(base_of(self.recording.callback_base + path))
        return tuple(dict.fromkeys(bases))

    def tokens(self, now: datetime) -> tuple[str, ...]:
        """Every token the signature may have been made with."""
        return self.account.callback_tokens(now)

    def without_key(self, text: str) -> str:
        """`text` fit to be shown: the key is a secret."""
        return text.replace(self.key, "…")


def digest_of(key: str) -> str:
    """SHA-256 of a callback key, in hexadecimal."""
    return hashlib.sha256(key.encode()).hexdigest()


def _recording_door(name: str) -> DoorName:
    return "transcription" if name == "transcription" else "recording"
