"""What was said in a recording. Vobiz's API does not hold it: it exists only in a callback."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from recordings.choices import TranscriptionStatus, Trust
from recordings.declarations import amount, one_of, partial_index
from recordings.models.account import Account, VisibleQuerySet
from recordings.models.recording.model import Recording
from recordings.tokens import tokens_text

ARRIVED = (TranscriptionStatus.COMPLETED, TranscriptionStatus.FAILED)
AWAITED = (TranscriptionStatus.EXPECTED, TranscriptionStatus.MISSING)


class TokensField(models.TextField[Any, Any]):
    """The tokens of another text field, for the search index. Set by every save; an `update()` sets it itself."""

    def __init__(self, *args: Any, of: str, **kwargs: Any) -> None:
        self.of = of
        super().__init__(*args, **{"null": True, "editable": False, **kwargs})

    def deconstruct(self) -> Any:
        """Add the name of the other field."""
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:  # noqa: FBT001 - Django's signature
        """Return the tokens of the text as it is about to be saved."""
        tokens = tokens_text(getattr(model_instance, self.of))
        setattr(model_instance, self.attname, tokens)
        return tokens


class Transcription(models.Model):
    """The transcript of one recording, expected from the moment it is asked for."""

    recording = models.OneToOneField(
        Recording, verbose_name=_("recording"), on_delete=models.CASCADE, related_name="transcription"
    )
    # The recording's, set by every save: a member's list is read in its order from an index over it
    account = models.ForeignKey(
        Account, verbose_name=_("account"), on_delete=models.PROTECT, db_index=False, editable=False
    )
    status = models.CharField(
        _("status"), max_length=16, choices=TranscriptionStatus, default=TranscriptionStatus.EXPECTED
    )
    text = models.TextField(_("text"), null=True, blank=True)
    tokens = TokensField(of="text")
    error = models.TextField(_("error"), null=True, blank=True)
    charge = amount(_("charge"), help_text=_("Vobiz does not name the currency."))
    rate = amount(_("rate a minute"))
    duration = models.BigIntegerField(_("duration"), null=True, blank=True, help_text=_("Seconds."))
    trust = models.CharField(_("trust"), max_length=16, choices=Trust, null=True, blank=True)
    received_at = models.DateTimeField(_("received"), null=True, blank=True)

    objects = VisibleQuerySet.as_manager()

    class Meta:
        verbose_name = _("transcription")
        verbose_name_plural = _("transcriptions")
        ordering = ["-id"]
        permissions = [("read_transcription", _("Can read transcripts"))]
        constraints = [
            one_of("transcription_status", "status", TranscriptionStatus),
            models.CheckConstraint(
                condition=Q(trust__isnull=True) | Q(trust__in=[Trust.SIGNED, Trust.UNSIGNED]),
                name="transcription_trust",
            ),
            models.CheckConstraint(
                condition=~Q(status="completed") | Q(text__isnull=False),
                name="transcription_completed_has_text",
            ),
            # whoever writes a text without its tokens hides it from the search
            models.CheckConstraint(
                condition=Q(text__isnull=True, tokens__isnull=True)
                | Q(text__isnull=False, tokens__isnull=False),
                name="transcription_text_has_tokens",
            ),
        ]
        indexes = [
            # those that may never come
            partial_index("transcription_expected", ["recording"], Q(status="expected")),
            models.Index(fields=["account", "-id"], name="transcription_newest"),
            # those without a text: what failed or never came
            partial_index(
                "transcription_not_completed", ["status", "-id", "account"], ~Q(status="completed")
            ),
        ]

    def __str__(self) -> str:
        return str(self.recording)

    @property
    def is_readable(self) -> bool:
        """Whether there is a text to read, verified or not."""
        # lists do not load the text
        return self.status == TranscriptionStatus.COMPLETED or self.is_unverified

    @property
    def is_unverified(self) -> bool:
        """Whether its text came by an unsigned callback, which anyone may have sent."""
        return self.trust == Trust.UNSIGNED and self.status != TranscriptionStatus.FAILED

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save with the account of the recording."""
        if self.account_id is None:
            self.account_id = self.recording.account_id
        super().save(*args, **kwargs)

    def reassign(self, recording: Recording) -> bool:
        """Move to the row that its recording turned out to be. False: a different text stands there already.

        A signed text wins over an unsigned one; otherwise the text that is there stands. One that is expected stays so
        where an unsigned text is unusual.
        """
        rival = Transcription.objects.filter(recording=recording).first()
        if rival is not None and rival.status in AWAITED and self._is_unusual(recording):
            kept = {"text": self.text, "trust": self.trust, "received_at": self.received_at}
            return _store_unverified(rival, kept)
        if rival is not None and self.status in ARRIVED:
            if rival.status in ARRIVED and not (self.trust == Trust.SIGNED and rival.trust == Trust.UNSIGNED):
                return bool(rival.text == self.text)
            rival.delete()
        elif rival is not None:
            return True
        Transcription.objects.filter(pk=self.pk).update(recording=recording, account=recording.account_id)
        return True

    def _is_unusual(self, recording: Recording) -> bool:
        """Return whether it came unsigned, and the callbacks of one of both accounts are usually signed."""
        if self.trust != Trust.UNSIGNED or self.received_at is None:
            return False
        accounts = dict.fromkeys((self.account, recording.account))
        return any(account.usually_signed(self.received_at) for account in accounts)


def _store_unverified(awaited: Transcription, values: dict[str, Any]) -> bool:
    """Keep the text of an unsigned callback on a transcript that stays expected. Its words are not searched."""
    if awaited.text is not None or values["text"] is None:
        return values["text"] in (None, awaited.text)
    kept = {name: values[name] for name in ("text", "trust", "received_at")}
    Transcription.objects.filter(pk=awaited.pk).update(**kept, tokens="")
    return True


def store_transcript(
    recording: Recording,
    *,
    text: str | None,
    error: str | None,
    charge: Decimal | None,
    rate: Decimal | None,
    duration: int | None,
    trust: Trust,
    at: datetime,
    verified: bool = True,
) -> bool:
    """Store what a transcription callback brought. False: a different text stands already; the caller flags that.

    Without `verified`, one that is expected stays expected: the text is kept beside that, to be shown as not verified.
    A signed delivery replaces an unsigned one; otherwise the first stands. The caller holds the lock of the
    recording's row, so two deliveries about one recording come here one after the other.
    """
    status = TranscriptionStatus.FAILED if error and not text else TranscriptionStatus.COMPLETED
    values: dict[str, Any] = {
        "status": status, "text": text if status == TranscriptionStatus.FAILED else text or "", "error": error,
        "charge": charge, "rate": rate, "duration": duration, "trust": trust, "received_at": at,
    }  # fmt: skip
    values["tokens"] = tokens_text(values["text"])
    rows = Transcription.objects.order_by().filter(recording=recording)
    if not verified and (awaited := rows.select_for_update().filter(status__in=AWAITED).first()) is not None:
        return _store_unverified(awaited, values)
    # A start that asks for a transcript makes the row, so one statement is enough in the ordinary case.
    if recording.transcribe and rows.exclude(status__in=ARRIVED).update(**values):
        return True
    held = rows.select_for_update().first()
    if held is None:
        Transcription.objects.create(recording=recording, **values)
        return True
    same = held.status == status and (held.text or "") == (text or "") and (held.error or "") == (error or "")
    stronger = trust == Trust.SIGNED and held.trust != Trust.SIGNED
    # An error is not a text: whichever order they come in, the text stands.
    better = held.status == TranscriptionStatus.FAILED and status == TranscriptionStatus.COMPLETED
    better = better and not (held.trust == Trust.SIGNED and trust != Trust.SIGNED)
    if held.status not in ARRIVED or stronger or better:
        rows.update(**values)
        return True
    return same or status != TranscriptionStatus.COMPLETED
