"""Rows of every kind, none, few or hundreds, in all their states, and with hostile text wherever there is text.

A model that has pages gets its rows here: one maker in `rows.py`, one line in `one_of_each`.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import models, transaction
from django.utils import timezone

from recordings.choices import (
    AccessAction,
    AccessResult,
    Attention,
    Direction,
    EventOutcome,
    SyncState,
    TranscriptionStatus,
    Trust,
)
from recordings.models import Account, Call, Recording
from recordings.vobiz.wire import text
from tests.admin.rows import (
    a_call,
    a_live_call,
    a_recording,
    a_run,
    a_running,
    a_transcript,
    an_access,
    an_event,
)

SCRIPT = "<script>alert('ran')</script><img src=x onerror=alert('ran')>"
TURNED = "\u202egnikcah\u202c\u2066\x00"
LONG = "W" * 200
HOSTILE = (SCRIPT + TURNED + LONG, f"javascript:alert('ran')//{LONG}", TURNED + SCRIPT + LONG, LONG + TURNED)
# Texts that are not from outside: ours, or checked for their shape before they are kept
OURS = (
    "auth_id", "recording_id", "call_uuid", "call_uuid_text", "callback_key", "callback_base", "encrypted_token",
    "former_encrypted_token", "time_zone", "door", "key_digest", "content_digest", "from_digits", "to_digits",
    "password", "username",
)  # fmt: skip

SAFE = ("auth.user", "auth.group", "recordings.accessevent")  # typed by superusers; never changed

Rows = dict[str, Any]  # by `app.model`, in lower case


def one_of_each(n: int, *, shared: Rows | None = None, said: str | None = None) -> Rows:
    """The nth row of each kind; states differ from one n to the next.

    With `shared`, an earlier set, every second row belongs to that one's account, call and recording.
    `said`: a text for what cannot be changed once it is written.
    """
    near = shared if shared is not None and n % 2 else None
    user = User.objects.create_user(f"person-{n}", is_staff=True)
    account = _account(n)
    owner = near["recordings.account"] if near else account
    call = near["recordings.call"] if near else _call(owner, n)
    recording = _recording(owner, call, user, n)
    outcome, trust = _nth(EventOutcome, n), _nth(Trust, n)
    event = an_event(
        owner, near["recordings.recording"] if near else recording, outcome=outcome, trust=trust,
        raw_body=b"\xff\x00" if outcome == EventOutcome.UNPARSED else None, processed_at=timezone.now(),
    )  # fmt: skip
    found: tuple[Any, ...] = (
        user, Group.objects.create(name=f"Group {n}"), account, call, recording, _transcript(recording, n),
        event, _run(owner if n else account, n),
        an_access(owner, recording, detail=said, action=_nth(AccessAction, n), result=_nth(AccessResult, n)),
    )  # fmt: skip
    return {row._meta.label_lower: row for row in found}


def hundreds(count: int) -> list[Rows]:
    """`count` rows of each kind, and as many lines in the history of each row of the first set."""
    with transaction.atomic():
        first = one_of_each(0)
        sets = [first, *(one_of_each(n, shared=first) for n in range(1, count))]
        for row in first.values():
            kind = ContentType.objects.get_for_model(row)
            LogEntry.objects.bulk_create(
                LogEntry(user=first["auth.user"], content_type=kind, object_id=str(row.pk), object_repr=str(row),
                         action_flag=CHANGE, change_message="Asked Vobiz to record it.")
                for _line in range(count)
            )  # fmt: skip
    return sets


def hostile(count: int) -> list[Rows]:
    """`count` rows of each kind with hostile text in each of their texts, as far as the wire lets it in."""
    with transaction.atomic():
        sets = [one_of_each(n, said=kept(HOSTILE[n % len(HOSTILE)])) for n in range(count)]
        for n, rows in enumerate(sets):
            for label, row in rows.items():
                if label not in SAFE:
                    _spoil(row, n, by=rows["auth.user"])
    return sets


def kept(said: str, limit: int | None = None) -> str:
    """What of a text from Vobiz is kept: as `vobiz/wire.py` reads it."""
    return text(said, limit) or "�"


def _spoil(row: models.Model, n: int, *, by: User) -> None:
    for k, field in enumerate(row._meta.concrete_fields):
        said = HOSTILE[(n + k) % len(HOSTILE)]
        if field.name in OURS or field.choices:
            continue
        if isinstance(field, models.CharField | models.TextField):
            setattr(row, field.name, kept(said, field.max_length))
        elif isinstance(field, models.JSONField) and field.name != "sources":
            setattr(row, field.name, _spoilt(getattr(row, field.name), kept(said)))
    row.save()
    kind = ContentType.objects.get_for_model(row)
    LogEntry.objects.create(
        user=by, content_type=kind, object_id=str(row.pk), object_repr=str(row)[:200], action_flag=CHANGE,
        change_message=kept(HOSTILE[n % len(HOSTILE)]),
    )  # fmt: skip


def _spoilt(value: Any, said: str) -> Any:
    """A JSON value of the same shape whose texts are all `said`."""
    if isinstance(value, list):
        return [_spoilt(one, said) for one in value] or [said]
    if isinstance(value, dict):
        return {key: _spoilt(one, said) for key, one in value.items()} | {said: [said]}
    return said if isinstance(value, str) else value


def _nth(choices: Any, n: int) -> Any:
    found = list(choices)
    return found[n % len(found)]


def _account(n: int) -> Account:
    """Read a moment ago, so that nothing asks Vobiz."""
    now = timezone.now()
    return Account.objects.create(
        auth_id=f"MA_KIND{n:05}", name=f"Lotus Parcels {n}", live_refreshed_at=now, is_active=n % 5 != 4,
        live_tried_at=now + timedelta(hours=1), recorded_by_flow=n % 3 == 1,
        live_error="Vobiz did not answer." if n % 4 == 2 else None,
    )  # fmt: skip


def _call(account: Account, n: int) -> Call:
    at = timezone.now() - timedelta(minutes=10 + n)
    if n % 2:
        ended = at + timedelta(minutes=4)
        return a_call(account, direction=_nth(Direction, n), started_at=at, ended_at=ended, seen_live_at=at)
    return a_live_call(account, direction=_nth(Direction, n // 2), started_at=at, vobiz_status="in-progress")


def _recording(account: Account, call: Call, user: User, n: int) -> Recording:
    """By turns: running; found by sync; failed; of unknown outcome; stopped; cut at its limit."""
    at = timezone.now() - timedelta(minutes=9 + n)
    over = _over(at)
    texts: dict[str, Any] = {"conference_name": "Morning round", "api_id": f"api-{n}", "requested_by": user}
    by_turns: tuple[dict[str, Any], ...] = (
        {},
        {"status": "completed", **over, "needs_attention": Attention.TRANSCRIPT_REVISED},
        {"status": "failed", "start_answer": "refused", "error": "Vobiz wants payment first.", "recording_id": None},
        {"status": "requested", "start_answer": "unknown", "needs_attention": Attention.MAY_BE_RECORDING},
        {"status": "completed", **over, "stop_requested_at": at, "stop_requested_by": user},
        {"status": "completed", **over, "time_limit": 60, "duration_ms": 60_000, "gone_at_provider_at": at},
    )  # fmt: skip
    columns = by_turns[n % len(by_turns)]
    if n % len(by_turns) == 1:
        return a_recording(account, call=call, happened_at=at, provider_data={"note": "x"}, **columns)
    return a_running(account, call=call, requested_at=at, happened_at=at, **{**texts, **columns})


def _over(at: datetime) -> dict[str, Any]:
    ended = at + timedelta(minutes=3)
    return {
        "started_at": at,
        "ended_at": ended,
        "added_at": ended,
        "duration_ms": 180_000,
        "synced_at": ended,
    }


def _transcript(recording: Recording, n: int) -> Any:
    status = _nth(TranscriptionStatus, n)
    return a_transcript(recording, status=status, error="too large" if status == "failed" else None)


def _run(account: Account, n: int) -> Any:
    """The first of an account may still run; others are over."""
    state = _nth(SyncState, n)
    if state == SyncState.RUNNING:
        state = SyncState.RUNNING if n == 0 else SyncState.COMPLETE
    columns: dict[str, Any] = {
        "state": state,
        "complete": state == SyncState.COMPLETE,
        "error": "401" if state == SyncState.FAILED else None,
        "failures": [{"recording_id": "r1234", "reason": "It belongs to another account."}],
        "scope": {"call": "c1234"} if n % 3 == 2 else {},
    }
    if state == SyncState.RUNNING:
        columns["ended_at"] = None
        columns["lease_until"] = timezone.now() + timedelta(hours=1)
    return a_run(account, at=timezone.now() - timedelta(minutes=n), **columns)
