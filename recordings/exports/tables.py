"""What the lists are as tables: a stable name for each column, whoever reads it in whichever language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from recordings.exports.csv_file import cell, moment

NUMBERS = {"from_number", "to_number"}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, and where its value is: a path through attributes, or a function of the row.

    `label` stands in the heading in place of the name, in a table that people read and no program.
    """

    name: str
    of: str | Callable[[Any], object] = ""
    is_time: bool = False
    label: Any = ""

    def value(self, row: Any) -> object:
        """Return the value of a row, not formatted."""
        if callable(self.of):
            return self.of(row)
        for part in (self.of or self.name).split("."):
            row = getattr(row, part, None) if row is not None else None
        return row() if callable(row) else row


@dataclass(frozen=True, slots=True)
class Table:
    """A list of rows of one model. Its words are another's to withhold: see `words`."""

    name: str
    columns: tuple[Column, ...]

    def header(self, zone: tzinfo) -> list[str]:
        """Return the column names; those of times name the zone."""
        names = [str(one.label or one.name) for one in self.columns]
        return [
            f"{name} ({zone})" if one.is_time else name for name, one in zip(names, self.columns, strict=True)
        ]

    def row(self, row: Any, zone: tzinfo) -> list[str]:
        """Return the cells of one row."""
        return [self._cell(one, row, zone) for one in self.columns]

    def cells(self, *values: object) -> list[str]:
        """Return further values as cells."""
        return [cell(value) for value in values]

    def _cell(self, column: Column, row: Any, zone: tzinfo) -> str:
        value = column.value(row)
        if isinstance(value, datetime):
            return moment(value, zone)
        if isinstance(value, Promise):
            value = str(value)
        return cell(value, is_number=column.name in NUMBERS)


def _time(name: str, of: str = "") -> Column:
    return Column(name, of, is_time=True)


def _whose(row: Any) -> object:
    return row.account.name or row.account.auth_id


def _seconds(row: Any) -> object:
    return None if row.duration_ms is None else round(row.duration_ms / 1_000)


def _started_by(row: Any) -> object:
    if row.requested_at is None:
        return row.get_origin_display()
    return row.requested_by.get_username() if row.requested_by is not None else _("Command line")


CALL = (
    Column("call_uuid", "call.call_uuid"), Column("direction", "call.direction"),
    Column("from_number", "call.from_e164"), Column("to_number", "call.to_e164"),
)  # fmt: skip
MANIFEST = Table("manifest", (
    Column("recording_id"), Column("account", "account.auth_id"), *CALL, _time("happened_at"), _time("started_at"),
    _time("ended_at"), Column("duration_ms"), Column("file_format"), Column("container"), Column("channels"),
    _time("archived_at"),
))  # fmt: skip
TABLES: dict[str, Table] = {
    "recording": Table("recordings", (
        Column("recording_id"), Column("account", "account.auth_id"), *CALL, Column("status"), Column("origin"),
        Column("needs_attention"), Column("error"), Column("requested_by", "requested_by.get_username"),
        _time("requested_at"), _time("happened_at"), _time("added_at"), _time("started_at"), _time("ended_at"),
        Column("duration_ms"), Column("billed_seconds"), Column("time_limit"), Column("file_format"),
        Column("channels"), Column("kind"), Column("conference_name"), Column("storage_days"), Column("storage_rate"),
        Column("monthly_storage_amount"), _time("archived_at"), Column("container"), Column("audio_bytes"),
        Column("audio_sha256"), _time("verified_at"), _time("leaves_vobiz_at", "retention_ends_at"),
        _time("gone_at_provider_at"), Column("archive_error"), Column("transcription", "transcription.status"),
        _time("seen_at"), Column("seen_reason"), Column("seen_note"), Column("audio_codec"),
        Column("audio_duration_ms"), Column("talk_left_ms"), Column("talk_right_ms"),
        Column("double_talk_ms"), Column("longest_silence_ms"), Column("one_side_silent"), Column("clipped_ms"),
        Column("is_silent"), Column("account_name", "account.name"),
    )),
    "call": Table("calls", (
        Column("call_uuid"), Column("account", "account.auth_id"), Column("direction"),
        Column("from_number", "from_e164"), Column("to_number", "to_e164"), Column("state"),
        _time("started_at"), _time("ended_at"),
    )),
    "transcription": Table("transcriptions", (
        Column("recording_id", "recording.recording_id"), Column("account", "recording.account.auth_id"),
        Column("call_uuid", "recording.call.call_uuid"), Column("from_number", "recording.call.from_e164"),
        Column("to_number", "recording.call.to_e164"), _time("happened_at", "recording.happened_at"),
        Column("status"), Column("trust"), _time("received_at"), Column("error"), Column("charge"), Column("rate"),
        Column("duration"),
    )),
    "callbackevent": Table("callbacks", (
        _time("received_at"), Column("account", "account.auth_id"), Column("kind"), Column("outcome"),
        Column("trust"), Column("scheme"), Column("deliveries"), Column("attempts"), _time("processed_at"),
        Column("error"),
    )),
    "syncrun": Table("syncs", (
        _time("started_at"), _time("ended_at"), Column("account", "account.auth_id"), Column("state"),
        Column("complete"), Column("requested_by", "requested_by.get_username"), Column("pages"), Column("seen"),
        Column("created"), Column("updated"), Column("unchanged"), Column("gone"), Column("failed"), Column("error"),
    )),
    "accessevent": Table("access-log", (
        _time("at"), Column("username"), Column("roles"), Column("action"), Column("result"), Column("detail"),
        Column("address"), Column("account", "account_auth_id"), Column("recording_id"), Column("recording_pk"),
    )),
}  # fmt: skip
# What most people want of a list, in words; the heading of a column may change, its name above may not.
MAIN_COLUMNS: dict[str, Table] = {
    "recording": Table("recordings", (
        Column("account", _whose, label=_("Account")),
        Column("started", "happened_at", is_time=True, label=_("Started")),
        Column("from_number", "call.from_e164", label=_("From")), Column("to_number", "call.to_e164", label=_("To")),
        Column("direction", "call.get_direction_display", label=_("Direction")),
        Column("seconds", _seconds, label=_("Length in seconds")),
        Column("status", "get_status_display", label=_("Status")),
        Column("started_by", _started_by, label=_("Started by")),
        Column("archived_at", is_time=True, label=_("Archived")),
        Column("transcript", "transcription.get_status_display", label=_("Transcript")),
    )),
}  # fmt: skip
