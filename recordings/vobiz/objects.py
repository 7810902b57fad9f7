"""What Vobiz says, as frozen values. Unknown fields are ignored; the original is kept in `data`.

`parse` raises InvalidShapeError, with a sentence for people, where an answer is not one that Vobiz documents. A row
of a list that cannot be used becomes a BadRow instead: it is counted and shown, never dropped.
Texts are as Vobiz wrote them (numbers come with and without `+`), "" and null are None alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Self

from recordings.vobiz.wire import (
    Instant,
    InvalidShapeError,
    checked_id,
    clean,
    epoch_span,
    instant,
    lower,
    millis,
    money,
    text,
    whole,
)

# Longest texts taken over; what is longer is cut (a URL: left out), the original stays in `data`.
ID_LENGTH, WORD_LENGTH, NUMBER_LENGTH, NAME_LENGTH, URL_LENGTH = 64, 32, 128, 256, 2048
CALL_TEXT_LENGTH = 255

_OWNER = re.compile(r"/Account/((?:MA|SA)_[A-Za-z0-9_]{1,60})/", re.ASCII)
_ACCOUNT_ID = re.compile(r"(?:MA|SA)_[A-Za-z0-9_]{1,60}", re.ASCII)
# Vobiz docs, "Retrieve account details": the object holds the account's own token as `auth_secret`.
_SECRET_KEY = re.compile(
    r"secret|token|passw|passphrase|credential|signature|bearer|private|api_?key", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row of a list that cannot be used, and why: bad id, or no object at all."""

    reason: str
    data: Mapping[str, Any]
    recording_id_text: str | None


@dataclass(frozen=True, slots=True)
class RecordingObject:
    """The Recording object of the list and retrieve routes.

    Durations in milliseconds, `rounded_duration` in seconds (billing steps of 60), `storage_days` its age
    in days, rates and amounts in USD. `started_at` and `ended_at` are None for some trunk recordings.
    `call_text` is what Vobiz sent as `call_uuid` where that is no id: it names the call, and enters no path or query.
    `times_doubtful`: a time was sent that cannot be meant, so it is None here.
    `owner_auth_id` is the account that `resource_uri` names: a parent also sees its sub-accounts' rows.
    """

    recording_id: str
    call_uuid: str | None
    owner_auth_id: str | None
    recording_url: str | None
    recording_format: str | None
    recording_type: str | None
    conference_name: str | None
    from_number: str | None
    to_number: str | None
    added_at: Instant | None
    started_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    rounded_duration: int | None
    storage_days: int | None
    storage_rate: Decimal | None
    monthly_storage_amount: Decimal | None
    api_id: str | None
    data: Mapping[str, Any]
    call_text: str | None = None
    times_doubtful: bool = False

    @classmethod
    def parse(cls, data: object, *, zone: tzinfo) -> Self:
        """Parse one object; raise InvalidShapeError without a valid `recording_id`.

        `zone` reads an `add_time` that names none.
        """
        row = _object(data, "a recording")
        call_uuid, call_text = _call(row.get("call_uuid"))
        span = epoch_span(row.get("recording_start_ms"), row.get("recording_end_ms"))
        return cls(
            recording_id=checked_id(row.get("recording_id")),
            call_uuid=call_uuid,
            call_text=call_text,
            owner_auth_id=_owner(row.get("resource_uri")),
            recording_url=_url(row.get("recording_url")),
            recording_format=lower(row.get("recording_format"), WORD_LENGTH),
            recording_type=lower(row.get("recording_type"), WORD_LENGTH),
            conference_name=text(row.get("conference_name"), NAME_LENGTH),
            from_number=text(row.get("from_number"), NUMBER_LENGTH),
            to_number=text(row.get("to_number"), NUMBER_LENGTH),
            added_at=instant(row.get("add_time"), zone=zone),
            started_at=span.start,
            ended_at=span.end,
            times_doubtful=span.doubtful,
            duration_ms=millis(row.get("recording_duration_ms")),
            rounded_duration=whole(row.get("rounded_recording_duration")),
            storage_days=whole(row.get("recording_storage_duration")),
            storage_rate=money(row.get("recording_storage_rate")),
            monthly_storage_amount=money(row.get("monthly_recording_storage_amount")),
            api_id=text(row.get("api_id"), ID_LENGTH),
            data=clean(row),
        )

    @classmethod
    def parse_sole(cls, data: object, *, asked: str, zone: tzinfo) -> Self | None:
        """Parse the answer to a retrieve: a recording, flat or in a list's envelope; None if that is empty.

        The documents show both shapes. An answer about another recording than `asked` is InvalidShapeError.
        """
        answer = _object(data, "a recording")
        rows = answer.get("objects")
        if "recording_id" in answer or not isinstance(rows, list):
            rows = [answer]
        if not rows:
            return None
        for row in rows:
            if isinstance(row, Mapping) and str(row.get("recording_id")).lower() == asked.lower():
                return cls.parse(row, zone=zone)
        if not any(isinstance(row, Mapping) and "recording_id" in row for row in rows):
            raise InvalidShapeError("The answer holds no recording_id.")
        raise InvalidShapeError("The answer is about another recording than the one asked for.")


@dataclass(frozen=True, slots=True)
class RecordingPage:
    """One page of the recordings list.

    `received`: rows the page held, by which the next `offset` advances, whatever `limit` was asked for.
    `ids`: the ids of all of them that have one, in their order, even where `objects` was narrowed to a
    call or a type. `limit`, `offset` and `total_count` are what the server says, None where it does not;
    none is to be relied on. `has_next`: `meta.next` is set; without a `meta.next` to look at: the page
    held rows, so another must be asked for to know.
    """

    objects: tuple[RecordingObject | BadRow, ...]
    received: int
    ids: tuple[str, ...]
    limit: int | None
    offset: int | None
    total_count: int | None
    has_next: bool

    @classmethod
    def parse(cls, data: object, *, zone: tzinfo) -> Self:
        """Parse the list's envelope: `objects`, and `meta` where there is one."""
        answer = _object(data, "a list of recordings")
        given = answer.get("meta")
        meta: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        total = whole(meta.get("total_count"))
        rows = answer.get("objects")
        if rows is None and "objects" in answer and total == 0:
            rows = []
        if not isinstance(rows, list):
            if isinstance(answer.get("recordings"), list):
                raise InvalidShapeError(
                    "This is the list of Vobiz's former API (“recordings” instead of “objects”): "
                    "is the API address an old one?"
                )
            raise InvalidShapeError("The answer holds no list of “objects”.")
        objects = tuple(_row(row, zone) for row in rows)
        return cls(
            objects=objects,
            received=len(rows),
            ids=tuple(item.recording_id for item in objects if isinstance(item, RecordingObject)),
            limit=whole(meta.get("limit")),
            offset=whole(meta.get("offset")),
            total_count=total,
            has_next=bool(meta["next"]) if "next" in meta else bool(rows),
        )


@dataclass(frozen=True, slots=True)
class LiveCall:
    """A call under way. Numbers come without `+` here. `call_status` is an open set (`in-progress`)."""

    call_uuid: str
    direction: str | None
    from_number: str | None
    to_number: str | None
    call_status: str | None
    started_at: datetime | None
    data: Mapping[str, Any]

    @classmethod
    def parse(cls, data: object, *, zone: tzinfo = UTC) -> Self:
        """Parse one live call. `zone` reads `session_start`, which names none and is UTC in all captures."""
        row = _object(data, "a live call")
        started = instant(row.get("session_start"), zone=zone)
        return cls(
            call_uuid=checked_id(row.get("call_uuid")),
            direction=lower(row.get("direction"), WORD_LENGTH),
            from_number=text(row.get("from"), NUMBER_LENGTH),
            to_number=text(row.get("to"), NUMBER_LENGTH),
            call_status=lower(row.get("call_status"), WORD_LENGTH),
            started_at=None if started is None else started.at,
            data=clean(row),
        )


@dataclass(frozen=True, slots=True)
class LiveCallList:
    """The live calls' ids, each once, in the order given; and the entries that are no ids."""

    call_uuids: tuple[str, ...]
    bad: tuple[BadRow, ...]

    @classmethod
    def parse(cls, data: object) -> Self:
        """Parse `{"calls": [id, …]}`; objects with a `call_uuid` (an older form) count as ids too."""
        answer = _object(data, "a list of live calls")
        calls = answer.get("calls")
        if calls is None and "calls" in answer:
            calls = []
        if not isinstance(calls, list):
            raise InvalidShapeError("The answer holds no list of “calls”.")
        found: dict[str, None] = {}
        bad: list[BadRow] = []
        for entry in calls:
            try:
                found[checked_id(entry.get("call_uuid") if isinstance(entry, Mapping) else entry)] = None
            except InvalidShapeError as problem:
                bad.append(BadRow(str(problem), _kept(entry), None))
        return cls(tuple(found), tuple(bad))


@dataclass(frozen=True, slots=True)
class StartAnswer:
    """Vobiz has taken a start. Without `recording_id` (`async api spawned`) it is matched later."""

    api_id: str | None
    recording_id: str | None
    url: str | None
    message: str | None
    data: Mapping[str, Any]

    @classmethod
    def parse(cls, data: object) -> Self:
        """Parse the answer to a start; raise InvalidShapeError if nothing in it says that a recording was made.

        An id that is not shaped like one is left out here and kept in `data`.
        """
        answer = _object(data, "the answer to a start")
        given = answer.get("recording_id")
        try:
            recording_id = None if text(given) is None else checked_id(given)
        except InvalidShapeError:
            recording_id = None
        start = cls(
            api_id=text(answer.get("api_id"), ID_LENGTH),
            recording_id=recording_id,
            url=_url(answer.get("url")),
            message=text(answer.get("message"), NAME_LENGTH),
            data=clean(answer),
        )
        if text(given) is None and start.url is None and start.api_id is None:
            raise InvalidShapeError("The answer names neither a recording nor a request.")
        return start


@dataclass(frozen=True, slots=True)
class AccountObject:
    """The account that the credentials open. `data` has no value under a key that looks like a secret's."""

    auth_id: str | None
    name: str | None
    data: Mapping[str, Any]

    @classmethod
    def parse(cls, data: object) -> Self:
        """Parse the account object; a sub-account carries its Auth ID as `id`."""
        row = _object(data, "an account")
        if not row:
            raise InvalidShapeError("The answer is empty.")
        given = (text(row.get(key)) for key in ("auth_id", "id"))
        return cls(
            auth_id=next((id_ for id_ in given if id_ and _ACCOUNT_ID.fullmatch(id_)), None),
            name=text(row.get("name"), NAME_LENGTH),
            data=_without_secrets(clean(row)),
        )


def _object(data: object, what: str) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise InvalidShapeError(f"Expected {what}, got something that is not a JSON object.")
    return data


def _row(row: object, zone: tzinfo) -> RecordingObject | BadRow:
    try:
        return RecordingObject.parse(row, zone=zone)
    except InvalidShapeError as problem:
        given = row.get("recording_id") if isinstance(row, Mapping) else None
        return BadRow(str(problem), _kept(row), text(given, NAME_LENGTH))


def _kept(entry: object) -> Mapping[str, Any]:
    kept: Any = clean(entry)
    return kept if isinstance(kept, dict) else {"row": kept}


def _url(value: object) -> str | None:
    url = text(value)
    return url if url is not None and len(url) <= URL_LENGTH else None


def _call(value: object) -> tuple[str | None, str | None]:
    """Return the call's UUID, else the text that stands in its place; both None for null."""
    given = text(value, CALL_TEXT_LENGTH)
    if given is None:
        return None, None
    given = given.strip()
    try:
        return checked_id(given), None
    except InvalidShapeError:
        return None, given


def _owner(resource_uri: object) -> str | None:
    """Return the account segment of `/v1/Account/MA_X/Recording/<id>/`, if it is readable."""
    match = _OWNER.search(resource_uri) if isinstance(resource_uri, str) else None
    return match[1] if match else None


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_secrets(item) for key, item in value.items() if not _SECRET_KEY.search(key)}
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value
