"""A large library of made-up calls, recordings and transcripts, to measure and to try the portal on. Repeatable.

The same seed makes the same rows. Numbers are Indian with some others; most recordings lie in working hours of the
last two years; some calls have several recordings; words follow a long-tailed vocabulary, as real speech does.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Max, Model

from recordings.bulk_insert import insert_rows
from recordings.choices import (
    CallState,
    Channels,
    Direction,
    Origin,
    RecordingStatus,
    Source,
    TranscriptionStatus,
    Trust,
)
from recordings.models import Account, Call, Recording, Transcription

ROWS_AT_ONCE = 2_000
MODELS: tuple[type[Model], ...] = (Call, Recording, Transcription)
DAYS = 730
# Share of each account: one large, one middling, one small.
SHARES = (0.50, 0.35, 0.15)
AUTH_IDS = ("MA_SEEDED01", "MA_SEEDED02", "MA_SEEDED03")
RECORDINGS_A_CALL = (1, 1, 1, 1, 2, 1, 1, 1, 3, 1)
# Area codes with their digits; mobiles begin with 6 to 9.
AREAS = ("80", "22", "11", "44", "33", "40", "20", "79")
ABROAD = ("14155", "442071", "6563", "97145")
SPOKEN = (
    "hello", "yes", "no", "please", "thank", "you", "the", "a", "is", "my", "your", "parcel", "order",
    "delivery", "refund", "invoice", "payment", "address", "number", "call", "back", "today", "tomorrow",
    "monday", "tuesday", "lost", "broken", "late", "arrived", "customer", "support", "agent", "manager",
    "account", "password", "name", "street", "bengaluru", "mumbai", "delhi", "chennai", "price", "discount",
    "return", "replace", "cancel", "confirm", "email", "message",
)  # fmt: skip
SYLLABLES = (
    "ka",
    "ra",
    "mi",
    "to",
    "shu",
    "ven",
    "lo",
    "pri",
    "ja",
    "nu",
    "dha",
    "sel",
    "mor",
    "ti",
    "gan",
    "be",
)
VOCABULARY = 60_000


@dataclass(frozen=True, slots=True)
class Progress:
    """Rows written so far."""

    recordings: int
    transcripts: int


def seed_library(*, recordings: int, transcripts: int, seed: int, now: datetime) -> Iterator[Progress]:
    """Write `recordings` recordings over fewer calls, of which `transcripts` have text. Yields after each batch."""
    source = random.Random(seed)
    accounts = [
        _account(auth_id, name)
        for auth_id, name in zip(AUTH_IDS, ("Lotus Parcels", "Nilgiri Tea", "Kaveri Homes"), strict=True)
    ]
    words = _vocabulary(source)
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(words))))
    made = texts = 0
    keys = {model: itertools.count(_last_key(model) + 1) for model in MODELS}
    while made < recordings:
        rows = _batch(source, accounts, min(ROWS_AT_ONCE, recordings - made), made, now)
        wanted = transcripts * (made + len(rows)) // recordings - texts
        spoken = source.sample(rows, min(wanted, len(rows)))
        said = [_transcript(source, row, words, weights) for row in spoken]
        calls = list({id(row.call): row.call for row in rows}.values())
        with transaction.atomic():
            for call in calls:
                call.pk = next(keys[Call])
            for row in rows:
                row.pk, row.call_id = next(keys[Recording]), row.call.pk
            for one in said:
                one.pk, one.recording_id = next(keys[Transcription]), one.recording.pk
            insert_rows(calls)
            insert_rows(rows)
            insert_rows(said)
        made, texts = made + len(rows), texts + len(spoken)
        yield Progress(made, texts)
    with connection.cursor() as cursor:  # PostgreSQL continues after the keys that were given here
        for sql in connection.ops.sequence_reset_sql(no_style(), MODELS):
            cursor.execute(sql)


def _last_key(model: type[Model]) -> int:
    return model._default_manager.aggregate(last=Max("pk"))["last"] or 0


def _account(auth_id: str, name: str) -> Account:
    return Account.objects.get_or_create(auth_id=auth_id, defaults={"name": name, "is_active": False})[0]


def _vocabulary(source: random.Random) -> list[str]:
    made = dict.fromkeys(SPOKEN)
    while len(made) < VOCABULARY:
        made["".join(source.choices(SYLLABLES, k=source.randint(2, 4)))] = None
        made[f"{source.choice(SYLLABLES)}{source.randint(0, 99_999)}"] = None
    return list(made)[:VOCABULARY]


def _batch(
    source: random.Random, accounts: list[Account], size: int, made: int, now: datetime
) -> list[Recording]:
    rows: list[Recording] = []
    while len(rows) < size:
        account = source.choices(accounts, SHARES)[0]
        call = _call(source, account, now, serial=made + len(rows))
        for part in range(min(source.choice(RECORDINGS_A_CALL), size - len(rows))):
            rows.append(_recording(source, account, call, part, now, serial=made + len(rows)))
    return rows


def _call(source: random.Random, account: Account, now: datetime, *, serial: int) -> Call:
    day = now - timedelta(days=source.triangular(0, DAYS, 60))
    # 09:00 to 20:00 in India, most of them
    at = day.replace(hour=3, minute=30, second=0, microsecond=0) + timedelta(
        seconds=source.triangular(0, 39_600)
    )
    inbound = source.random() < 0.6
    ours, theirs = f"91{source.choice(AREAS)}4512{source.randint(3400, 3420)}", _number(source)
    from_digits, to_digits = (theirs, ours) if inbound else (ours, theirs)
    return Call(
        account=account,
        call_uuid=f"{source.getrandbits(32):08x}-{serial:08x}-{source.getrandbits(32):08x}",
        direction=Direction.INBOUND if inbound else Direction.OUTBOUND,
        from_number=f"+{from_digits}",
        to_number=f"+{to_digits}",
        from_digits=from_digits,
        to_digits=to_digits,
        state=CallState.ENDED,
        started_at=min(at, now),
        happened_at=min(at, now),
    )


def _number(source: random.Random) -> str:
    kind = source.random()
    if kind < 0.7:
        return f"91{source.randint(6, 9)}{source.randint(0, 999_999_999):09}"
    if kind < 0.92:
        return f"91{source.choice(AREAS)}{source.randint(20_000_000, 79_999_999)}"
    return f"{source.choice(ABROAD)}{source.randint(0, 999_999):06}"


def _recording(
    source: random.Random, account: Account, call: Call, part: int, now: datetime, *, serial: int
) -> Recording:
    at = call.happened_at + timedelta(minutes=part * 3)
    duration = int(source.lognormvariate(4.7, 1.0) * 1_000)
    limit = source.choice((900, 3_600, 14_400)) if source.random() < 0.4 else None
    return Recording(
        account=account,
        call=call,
        recording_id=f"{source.getrandbits(48):012x}-{serial:08x}",
        origin=Origin.SYNC,
        status=RecordingStatus.COMPLETED,
        time_limit=limit,
        channels=Channels.STEREO,
        kind="call",
        file_format="mp3",
        added_at=at,
        started_at=at,
        ended_at=at + timedelta(milliseconds=duration),
        duration_ms=duration,
        billed_seconds=-(-duration // 60_000) * 60,
        sources={"started_at": str(Source.API), "duration_ms": str(Source.API)},
        synced_at=now,
        happened_at=at,
    )


def _transcript(
    source: random.Random, row: Recording, words: list[str], weights: list[float]
) -> Transcription:
    text = " ".join(source.choices(words, cum_weights=weights, k=source.randint(20, 180)))
    return Transcription(
        recording=row,
        account=row.account,
        status=TranscriptionStatus.COMPLETED,
        text=text,
        trust=Trust.SIGNED,
        received_at=row.ended_at,
    )
