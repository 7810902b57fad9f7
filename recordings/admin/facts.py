"""A row's page as sections of facts, each fact with what it is called and where it is from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from recordings.admin import formatting
from recordings.callbacks.field_aliases import canonical_name
from recordings.choices import Source
from recordings.models import Recording

UNKNOWN_BUT_SHORT = 100  # characters
HIDDEN = gettext_lazy("hidden: you do not have the permission to read transcripts")
CLOSED = gettext_lazy("hidden until you open it")


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of a section; `source` says where it is from, `hint` what it means."""

    label: str
    value: str | SafeString
    source: str | SafeString = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Facts under a heading; `words` stand above them, `text` is long text shown as it is."""

    title: str
    facts: list[Fact] = field(default_factory=list)
    words: str | SafeString = ""
    text: str = ""
    folded: bool = False


@dataclass(frozen=True, slots=True)
class KeyFact:
    """One of the few facts that a reader looks for first; `note` says more in small print."""

    label: str
    value: str | SafeString
    note: str | SafeString = ""


def label_of(recording: Recording, column: str) -> str:
    """Return what the model calls a column."""
    if column == "api_id":
        return _("Request's api_id")
    field: Any = recording._meta.get_field(column)
    return str(capfirst(field.verbose_name))


def source_words(recording: Recording, column: str) -> str | SafeString:
    """Return the mark of a value that only a callback claimed; nothing for any other."""
    if getattr(recording, column) is None or recording.source_of(column) != Source.CALLBACK:
        return ""
    return formatting.badge(Source.CALLBACK, Source.CALLBACK.label, role="attention")


def confirmation(recording: Recording, facts: list[Fact]) -> tuple[bool, str | SafeString]:
    """Return whether the API confirmed every fact, and in one sentence what it confirmed."""
    unconfirmed = any(fact.source for fact in facts)
    if recording.synced_at is None:
        words = _("Vobiz's API has not confirmed these values yet.")
        if recording.gone_at_provider_at is not None:
            words = _("Vobiz's API never listed this recording: these values come from a callback only.")
        return False, words
    at = formatting.moment(recording.synced_at)
    if not unconfirmed:
        return True, format_html(_("All values confirmed by Vobiz's API, {}."), at)
    words = _(
        "Confirmed by Vobiz's API, {}, except values marked Not confirmed: they come from a callback only."
    )
    return False, format_html(words, at)


TECHNICAL = ("recording_url", "kind", "api_id")
STORAGE = ("billed_seconds", "storage_days", "storage_rate", "monthly_storage_amount")


def vobiz_facts(recording: Recording) -> tuple[list[Fact], list[Fact], list[Fact]]:
    """Return what Vobiz says of a recording, of storing and billing it, and what only Vobiz's support asks for."""
    approximate = _("approximate: Vobiz named no start or no zone") if recording.times_approximate else ""
    duration = None if recording.duration_ms is None else recording.duration_ms / 1_000
    values: dict[str, tuple[str | SafeString, str]] = {
        "started_at": (formatting.moment(recording.started_at), approximate),
        "ended_at": (formatting.moment(recording.ended_at), ""),
        "duration_ms": (formatting.length(duration), _thousandths(recording.duration_ms)),
        "added_at": (formatting.moment(recording.added_at), ""),
        "file_format": (formatting.words(recording.file_format), ""),
        "kind": (formatting.words(recording.kind), ""),
        "conference_name": (formatting.words(recording.conference_name), ""),
        "recording_url": (_address(recording.recording_url), _("opens only with the account's auth token")),
        "billed_seconds": (formatting.words(recording.billed_seconds), _("rounded up by Vobiz")),
        "storage_days": (formatting.words(recording.storage_days), ""),
        "storage_rate": (formatting.money(recording.storage_rate), _("a month")),
        "monthly_storage_amount": (
            formatting.money(recording.monthly_storage_amount),
            _("Vobiz's own amount"),
        ),
        "api_id": (formatting.identifier(recording.api_id), _("for Vobiz's support")),
    }
    found = {
        column: Fact(label_of(recording, column), value, source_words(recording, column), hint)
        for column, (value, hint) in values.items()
        if value != formatting.NONE
    }
    return (
        [fact for column, fact in found.items() if column not in STORAGE + TECHNICAL],
        [fact for column, fact in found.items() if column in STORAGE],
        [fact for column, fact in found.items() if column in TECHNICAL],
    )


def _thousandths(milliseconds: int | None) -> str:
    return "" if milliseconds is None else _("%d milliseconds") % milliseconds


def _address(url: str | None) -> str | SafeString:
    """Return an address of Vobiz's, as text: a browser cannot open it, and must not be led there."""
    return (
        format_html('<code class="portal-url">{}</code>', formatting.plain(url)) if url else formatting.NONE
    )


def as_said(data: object) -> str:
    """JSON for people to read, marks visible."""
    return formatting.plain(json.dumps(data, indent=2, ensure_ascii=False, sort_keys=True, default=str))


def payload_facts(payload: Mapping[str, Any], *, hidden: str | None) -> list[Fact]:
    """Return the fields of a callback, in order of their names. `hidden`: what stands in place of what was said."""
    found = []
    for name in sorted(payload):
        text = _text_of(payload[name])
        if hidden is not None and text and may_hold_speech(name, text):
            text = hidden
        found.append(Fact(formatting.plain(name), formatting.plain(text) or _("(empty)")))
    return found


def holds_speech(payload: Mapping[str, Any]) -> bool:
    """Return whether any of its fields may hold what was said."""
    return any((text := _text_of(value)) and may_hold_speech(name, text) for name, value in payload.items())


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else as_said(value)


def may_hold_speech(name: str, text: str) -> bool:
    """Whether a field may hold what was said. A long text under an unknown name may be a new format's transcript."""
    field = canonical_name(name)
    return field == "transcription" or (field is None and len(text) > UNKNOWN_BUT_SHORT)
