"""Seed data: hundreds of past recordings over the last weeks, of every kind that Vobiz lists."""

from __future__ import annotations

import random
from typing import Any

from vobiz_portal.sandbox.serializers import DAY
from vobiz_portal.sandbox.state import SandboxState

RETENTION_DAYS = 30.0  # audio older than this is gone
VANISH_AFTER_DAYS = 33.0  # and rows older than this are not listed any more
OLDEST_DAYS = 45.0
INDIA = 330  # minutes ahead of UTC

COMPANY = ("+918071387423", "+918045123400", "+912261234567")
FOREIGN = ("+14155550132", "+442079460958", "+97145550188", "+6563330147", "+4930901820", "+61280742299")
SIP = ("sip:anita@pbx.lotus.example", "sip:2014@pbx.lotus.example", "support-desk")
ROOMS = ("Monday stand-up", "Vendor review", "support-bridge-2", "Hiring, round two")


class NumberGenerator:
    """A generator of numbers: the same customers again and again, mostly Indian mobiles."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._customers = [f"+91{rng.choice('6789')}{rng.randrange(10**9):09d}" for _ in range(60)]

    def customer(self) -> str:
        """Return a number or SIP address of a customer."""
        drawn = self._rng.random()
        if drawn < 0.10:
            return self._rng.choice(FOREIGN)
        if drawn < 0.16:
            return self._rng.choice(SIP)
        if drawn < 0.20:
            return f"0{self._rng.randrange(10**9, 10**10)}"  # national spelling
        return self._rng.choice(self._customers)

    def pair(self) -> tuple[str, str, str]:
        """Return from, to and direction of one call."""
        company, customer = self._rng.choice(COMPANY), self.customer()
        if self._rng.random() < 0.6:
            return customer, company, "inbound"
        return company, customer, "outbound"


def seed_recordings(state: SandboxState, auth_id: str, count: int, *, days: float = OLDEST_DAYS) -> None:
    """Give an account `count` recordings over the last `days` days, the same for the same seed."""
    rng = random.Random(f"{state.seed}/past/{auth_id}")
    numbers = NumberGenerator(rng)
    while count > 0:
        age = days * rng.random() ** 1.3 + 0.02
        caller, callee, _ = numbers.pair()
        for row in _one_call(rng, age)[:count]:
            state.add_recording(auth_id, from_number=caller, to_number=callee.lstrip("+"), **row)
            count -= 1


def _one_call(rng: random.Random, age_days: float) -> list[dict[str, Any]]:
    """Return the recordings of one call, as `add_recording`'s fields: mostly one, sometimes two that overlap."""
    drawn = rng.random()
    if drawn < 0.12:
        return [_trunk(rng, age_days)]
    if drawn < 0.18:
        return [
            {
                **_plain(rng, age_days),
                "recording_type": "conference",
                "conference_name": rng.choice(ROOMS),
            }
        ]
    first = _plain(rng, age_days)
    if drawn > 0.94:
        call_uuid = _uuid(rng)
        second = _plain(rng, age_days - 0.5 * first["duration"] / DAY)
        offset = max(0.0, first["duration"] / 2)
        return [{**first, "call_uuid": call_uuid}, {**second, "call_uuid": call_uuid, "call_offset": offset}]
    return [first]


def _plain(rng: random.Random, age_days: float) -> dict[str, Any]:
    file_format = "wav" if rng.random() < 0.2 else "mp3"
    row: dict[str, Any] = {
        "age_days": age_days,
        "duration": _duration(rng),
        "file_format": file_format,
        "channels": 2 if rng.random() < 0.4 else 1,
    }
    if file_format == "mp3" and rng.random() < 0.08:
        row["container"] = "wav"  # says mp3, ends in .mp3, and is WAV
    if rng.random() < 0.4:
        row["conference_name"] = ""  # as good as null
    return row


def _trunk(rng: random.Random, age_days: float) -> dict[str, Any]:
    """Return a recording by a SIP trunk: WAV under a name in .mp3, often without start and end."""
    return {
        "age_days": age_days,
        "duration": _duration(rng),
        "recording_type": "trunk",
        "file_format": "wav",
        "url_extension": "mp3",
        "channels": 2,
        "timed": rng.random() < 0.4,
    }


def _duration(rng: random.Random) -> float:
    """Return seconds: half below 90, 8 % exactly the default minute, at most an hour."""
    if rng.random() < 0.08:
        return 60.0
    return round(min(3600.0, max(1.5, rng.lognormvariate(4.4, 1.0))), 3)


def _uuid(rng: random.Random) -> str:
    text = f"{rng.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
