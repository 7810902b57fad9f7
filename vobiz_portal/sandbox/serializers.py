"""The JSON objects of Vobiz's API, quirks included."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from vobiz_portal.sandbox.audio import AudioFile
from vobiz_portal.sandbox.entities import Account, Call, Quirks, Recording

DAY = 86_400.0
STORAGE_RATE = 0.005  # USD a month

# What `add_recording` takes in its own words; every other name is a served field, kept as given.
OWN_FIELDS = frozenset({
    "added_at", "api_id", "audio_gone", "call_offset", "channels", "container", "end_reason", "file_format",
    "kind", "started_at", "time_limit", "timed", "url_extension",
})  # fmt: skip
_DIGITS = re.compile(r"\+?[0-9]{3,}", re.ASCII)


def naive_utc(at: float) -> str:
    """Format `2026-06-11 16:03:28.586839`: UTC without an offset, as `session_start` is."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def add_time(at: float, zone_minutes: int) -> str:
    """Format `2025-11-06 13:49:10.751756+00:00`: a space, an offset, no trailing zeros in the fraction."""
    text = datetime.fromtimestamp(at, timezone(timedelta(minutes=zone_minutes))).isoformat(" ")
    return re.sub(r"(\.\d*?)0+(?=[+-])", r"\1", text)


def ms_text(ms: int | None) -> str | None:
    """Format milliseconds as Vobiz does, with five decimals."""
    return None if ms is None else f"{ms}.00000"


def plus(number: str) -> str:
    """Return an international number with its plus sign."""
    return f"+{number.lstrip('+')}" if _DIGITS.fullmatch(number) and not number.startswith("0") else number


def bare(number: str) -> str:
    """Return a number without its plus sign."""
    return number.lstrip("+") if _DIGITS.fullmatch(number) else number


def recording_url(recording: Recording, media_base: str, quirks: Quirks) -> str:
    """Return the address of the audio."""
    if "recording_url" in recording.overrides:
        return str(recording.overrides["recording_url"])
    name = f"{recording.recording_id}.{recording.url_extension}"
    return f"{media_base}{quirks.media_prefix}/Account/{recording.auth_id}/Recording/{name}"


def recording_object(
    recording: Recording, account: Account, *, url: str, now: float, quirks: Quirks
) -> dict[str, Any]:
    """Return the Recording object as the list shows it; `now` decides its age in days."""
    added = recording.added_at if recording.added_at is not None else now
    duration = recording.duration_ms
    name = recording.conference_name
    served: dict[str, Any] = {
        "add_time": add_time(added, account.zone_minutes),
        "call_uuid": recording.call_uuid,
        "conference_name": quirks.empty_conference_name if name is None else name,
        "from_number": plus(recording.from_number),
        "monthly_recording_storage_amount": 0,
        "recording_duration_ms": ms_text(duration),
        "recording_end_ms": ms_text(recording.ended_ms) if recording.timed else None,
        "recording_format": recording.file_format,
        "recording_id": recording.recording_id,
        "recording_start_ms": ms_text(recording.started_ms) if recording.timed else None,
        "recording_storage_duration": max(1, int((now - added) // DAY)),
        "recording_storage_rate": STORAGE_RATE,
        "recording_type": recording.kind,
        "recording_url": url,
        # it lacks `/api`
        "resource_uri": f"/v1/Account/{recording.auth_id}/Recording/{recording.recording_id}/",
        "rounded_recording_duration": -(-(duration or 0) // 60_000) * 60,
        "to_number": bare(recording.to_number),
    }
    return {**served, **recording.overrides}


def queued_call(call: Call, api_id: str) -> dict[str, Any]:
    """Return one call that waits for its answer, in the shape of "Retrieve a queued call" in Vobiz's docs."""
    return {
        "api_id": api_id,
        "call_status": "queued",
        "call_uuid": call.call_uuid,
        "caller_name": call.from_number,
        "direction": call.direction,
        "from": bare(call.from_number),
        "request_uuid": call.call_uuid,
        "to": bare(call.to_number),
    }


def live_call(call: Call, api_id: str) -> dict[str, Any]:
    """Return one live call; numbers without `+`."""
    return {
        **queued_call(call, api_id),
        "call_status": "in-progress",
        "caller_name": "",
        "session_start": naive_utc(call.answered_at if call.answered_at is not None else call.placed_at),
        "stir_attestation": "Not Applicable",
        "stir_verification": "Not Applicable",
    }


def finished_call(call: Call, api_id: str) -> dict[str, Any]:
    """Return an ended call, as its route answers without `status`."""
    ended = call.ended_at or call.placed_at
    answered = call.answered_at
    return {
        "api_id": api_id,
        "call_uuid": call.call_uuid,
        "call_direction": call.direction,
        "from_number": bare(call.from_number),
        "to_number": bare(call.to_number),
        "initiation_time": naive_utc(call.placed_at),
        "answer_time": None if answered is None else naive_utc(answered),
        "end_time": naive_utc(ended),
        "call_duration": 0 if answered is None else round(ended - answered),
    }


# What is the same for every account
_ACCOUNT: dict[str, Any] = {
    "phone": "+918012345678", "description": None, "auth_token_expire_time": None, "country": "IN",
    "timezone": "Asia/Kolkata", "city": "Bengaluru", "state": "KA", "address": None, "zip_code": "560001",
    "account_type": "standard", "postpaid": False, "auto_recharge": True, "auto_recharge_config": None,
    "carrier_type": None, "customer_type": None, "credit_limit": 0, "cps_limit": 1, "concurrent_calls_limit": 3,
    "base_cps_limit": 1, "base_concurrent_calls_limit": 3, "purchased_cps": 0, "purchased_concurrent_calls": 0,
    "risk_rating": 0, "risk_status": None, "features": {"call_queue": True}, "ip_auth_enabled": False,
    "ip_whitelist_rules": {}, "allow_aws_ips": False, "role": "admin", "is_verified": True,
    "is_trial_account": False, "created_at": "2025-09-30T08:33:24.700542+00:00",
    "updated_at": "2026-05-12T05:41:41.892287+00:00", "last_login": "2026-05-12T05:41:42.601005+00:00",
    "pricing_tier_id": "11223344-5566-4788-99aa-bbccddeeff00",
    "pricing_tier": {
        "id": "11223344-5566-4788-99aa-bbccddeeff00", "name": "Standard", "description": None, "currency": "INR",
        "rate_per_minute": 0.45, "billing_increment_seconds": 60, "minimum_duration_seconds": 0, "is_active": True,
        "is_default": False,
    },
}  # fmt: skip


def account_object(account: Account, api_id: str) -> dict[str, Any]:
    """Return the object of `/auth/me`, in the shape of "Retrieve account" in Vobiz's docs, its secret included."""
    return {
        **_ACCOUNT,
        "type": "account" if account.parent is None else "sub_account",
        "id": str(500_000 + sum(account.auth_id.encode())),
        "api_id": api_id,
        "name": account.name,
        "email": f"admin@{account.auth_id.lower().replace('_', '-')}.example",
        "auth_id": account.auth_id,
        "auth_secret": account.token,
        "parent_auth_id": account.parent,
        "company": account.name,
        "enabled": not account.suspended,
        "is_active": not account.suspended,
    }


def audio_of(recording: Recording) -> AudioFile:
    """Return the recording's audio."""
    return AudioFile(
        call_uuid=recording.call_uuid,
        offset_ms=round(recording.call_offset * 1000),
        duration_ms=recording.duration_ms or 0,
        container=recording.container,
        channels=recording.channels,
    )


def adopt(auth_id: str, fields: dict[str, Any], *, now: float, new_id: str, call_uuid: str) -> Recording:
    """Build a past recording from `add_recording`'s fields.

    In its own words: `duration` (seconds, 60), `age_days` (0), and OWN_FIELDS. Every other name is a field of
    the Recording object and is served exactly as given; those with a meaning (ids, times, type, format,
    numbers) also decide where it is listed, what it is called, and how long its audio is.
    """
    own = {name: value for name, value in fields.items() if name in OWN_FIELDS}
    extra = {
        name: value for name, value in fields.items() if name not in OWN_FIELDS | {"duration", "age_days"}
    }
    duration = _seconds(extra.get("recording_duration_ms"))
    duration = float(fields.get("duration", 60.0)) if duration is None else duration
    added = own.pop("added_at", None)
    if isinstance(extra.get("add_time"), str):
        moment = datetime.fromisoformat(extra["add_time"])
        added = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    if added is None:
        added = now - float(fields.get("age_days", 0.0)) * DAY
    started = _seconds(extra.get("recording_start_ms"))
    started = own.pop("started_at", None) if started is None else started
    if started is None:
        started = added - duration - 1.25
    file_format = own.pop("file_format", None) or extra.get("recording_format") or "mp3"
    defaults = {
        "container": file_format,
        "url_extension": file_format,
        "kind": extra.get("recording_type", "call"),
    }
    return Recording(
        recording_id=str(extra.get("recording_id", new_id)),
        auth_id=auth_id,
        call_uuid=str(extra.get("call_uuid", call_uuid)),
        from_number=str(extra.get("from_number", "+919876543210")),
        to_number=str(extra.get("to_number", "918071387423")),
        conference_name=extra.get("conference_name"),
        started_at=started,
        ended_at=started + duration,
        added_at=added,
        state="listed",
        file_format=file_format,
        overrides=extra,
        **{**defaults, **own},
    )


def _seconds(ms: Any) -> float | None:
    """Convert milliseconds, which may be text, to seconds; None where that fails."""
    try:
        return None if ms is None else float(ms) / 1000
    except (TypeError, ValueError):
        return None
