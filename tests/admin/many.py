"""Many accounts, many people, rows of every kind: each row says in all its texts whose it is (`qz07zq`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

from django.apps import apps
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS
from django.test import Client
from django.utils import timezone

from recordings.models import AccessEvent, Account, Call, CallbackEvent, Recording, SyncRun, Transcription
from recordings.models.call import numbers
from recordings.roles import ROLES, make_roles
from tests.admin.scene import a_client

ACCOUNTS, PEOPLE, EACH = 10, 24, 3  # rows of each kind an account
FIRST, FIRST_ACCOUNT = 7_000_000, 7_900_000  # primary keys that no page shows for another reason
LATER = 50  # from a call's running recording to its other one, in primary keys
SUBACCOUNTS = {1: 0, 2: 0, 4: 3}  # whose they are
MARK = re.compile(r"qz(\d\d)zq", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """A row: of which model, whose (None: it is not there), and what a search finds it by."""

    label: str
    pk: int
    owner: int | None
    term: str


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody on the staff, with what they were given."""

    user: User
    client: Client
    who: frozenset[str]
    accounts: frozenset[int]

    def sees(self, target: Target) -> bool:
        """By what they were given, not by what the portal says."""
        return target.owner in self.accounts


@dataclass(frozen=True, slots=True)
class Many:
    """Everybody and everything."""

    people: list[Person]
    rows: dict[str, list[Target]]

    def owners(self, label: str) -> dict[int, int | None]:
        """Whose each row of a model is, by primary key."""
        return {row.pk: row.owner for row in self.rows[label]}


def mark(owner: int) -> str:
    """What every text of an account's rows holds."""
    return f"qz{owner:02d}zq"


def many(seed: int) -> Many:
    """Made in bulk, the same for the same seed. Nothing in it asks Vobiz: no account has a token."""
    random = Random(seed)
    make_roles(apps, DEFAULT_DB_ALIAS)
    accounts = [
        Account(
            pk=FIRST_ACCOUNT + n, auth_id=f"MA_{mark(n)}", name=f"Name {mark(n)}", callback_key=f"key-{mark(n)}",
            parent_id=FIRST_ACCOUNT + SUBACCOUNTS[n] if n in SUBACCOUNTS else None,
        )
        for n in range(ACCOUNTS)
    ]  # fmt: skip
    Account.objects.bulk_create(accounts)
    people = list(_people(random))
    rows = {
        "recordings.account": [
            Target("recordings.account", FIRST_ACCOUNT + n, n, mark(n)) for n in range(ACCOUNTS)
        ]
    }
    kinds: tuple[list[Any], ...] = (
        _calls(),
        _recordings(people),
        _transcriptions(),
        _events(),
        _runs(),
        _accesses(),
    )
    for made in kinds:
        model: Any = type(made[0])
        model._default_manager.bulk_create(made)
        rows[model._meta.label_lower] = [
            Target(model._meta.label_lower, row.pk, (row.pk - FIRST) // 100, _term(row)) for row in made
        ]
    found = Many(people, rows)
    _log(found, random)
    return found


def _people(random: Random) -> Iterator[Person]:
    groups = {group.name: group for group in Group.objects.filter(name__in=[role.name for role in ROLES])}
    users = User.objects.bulk_create([User(username=f"user{n}", is_staff=True) for n in range(PEOPLE)])
    for user in users:
        roles = random.sample(sorted(groups), random.choice((0, 1, 1, 1, 2, 3)))
        accounts = random.sample(range(ACCOUNTS), random.choice((0, 1, 1, 2, 3, 4)))
        user.groups.set([groups[name] for name in roles])
        user.vobiz_accounts.set([FIRST_ACCOUNT + n for n in accounts])
        yield Person(user, a_client(user), frozenset({"staff", *roles}), frozenset(accounts))


def _ids() -> Iterator[tuple[int, int]]:
    """Primary key and owner of three rows an account."""
    return ((FIRST + 100 * owner + k, owner) for owner in range(ACCOUNTS) for k in range(EACH))


def _calls() -> list[Call]:
    now = timezone.now()
    return [
        Call(
            pk=pk, account_id=FIRST_ACCOUNT + n, call_uuid=f"{mark(n)}-call-{pk}", state="live" if pk % 2 else "ended",
            direction="inbound", started_at=now - timedelta(minutes=5), vobiz_status=mark(n),
            provider_data={"caller_name": mark(n)}, **numbers(f"sip:{mark(n)}@pbx", f"+91962470{pk % 10_000:04d}"),
        )
        for pk, n in _ids()
    ]  # fmt: skip


def _recordings(people: list[Person]) -> list[Recording]:
    """Of each call one that runs and needs a person, and one that is days old, or leaves Vobiz in a few."""
    now = timezone.now()
    runs: dict[str, Any] = {"status": "active", "needs_attention": "stop_unconfirmed", "happened_at": now}
    over = [{"status": "completed", "happened_at": now - timedelta(days=days)} for days in (2, 26)]
    return [
        Recording(
            pk=pk + later, account_id=FIRST_ACCOUNT + n, call_id=pk, recording_id=f"{mark(n)}-rec-{pk + later}",
            origin="portal", error=mark(n), requested_at=now, requested_by=people[pk % PEOPLE].user,
            callback_key=f"rec-{mark(n)}-{pk + later}", intent=UUID(int=pk + later), time_limit=3600,
            callback_base=f"https://{mark(n)}.example", channels="stereo", start_answer="accepted",
            recording_url=f"https://media.vobiz.ai/{mark(n)}-{pk}.mp3", conference_name=mark(n),
            provider_data={"note": mark(n)}, **stage,
        )
        for pk, n in _ids() for later, stage in ((0, runs), (LATER, over[pk % 2]))
    ]  # fmt: skip


def _transcriptions() -> list[Transcription]:
    return [
        Transcription(
            pk=pk,
            recording_id=pk,
            account_id=FIRST_ACCOUNT + n,
            status="completed",
            text=f"Good morning {mark(n)}",
            trust="signed",
        )
        for pk, n in _ids()
    ]


def _events() -> list[CallbackEvent]:
    """The later ones of a main account that has sub-accounts are about recordings of one of those."""
    subaccount = {main: sub for sub, main in SUBACCOUNTS.items()}
    return [
        CallbackEvent(
            pk=pk, account_id=FIRST_ACCOUNT + n, door="account", key_digest=str(pk), content_digest=str(pk),
            kind="recording", trust=("signed", "refused", "unsigned")[pk % 100],
            recording_id=FIRST + 100 * subaccount[n] if pk % 100 and n in subaccount else pk,
            outcome="refused" if pk % 2 else "applied", error=mark(n),
            payload={"note": mark(n)}, received_at=timezone.now(), expected_base=f"https://{mark(n)}.example",
        )
        for pk, n in _ids()
    ]  # fmt: skip


def _runs() -> list[SyncRun]:
    """One of each account is running, so that no request begins another."""
    now = timezone.now()
    return [
        SyncRun(
            pk=pk, account_id=FIRST_ACCOUNT + n, state="partial" if pk % 100 else "running", started_at=now,
            ended_at=now if pk % 100 else None, lease_until=now + timedelta(hours=1), error=mark(n), failed=1,
            scope={"call": mark(n)}, failures=[{"recording_id": mark(n), "reason": mark(n)}],
        )
        for pk, n in _ids()
    ]  # fmt: skip


def _accesses() -> list[AccessEvent]:
    return [
        AccessEvent(
            pk=pk, at=timezone.now(), action="play", result="ok", detail=mark(n), user_pk=pk, username=mark(n),
            roles=mark(n), account_auth_id=f"MA_{mark(n)}", recording_pk=pk, recording_id=f"{mark(n)}-rec-{pk}",
        )
        for pk, n in _ids()
    ]  # fmt: skip


def _term(row: Any) -> str:
    """What a search would have to find it by: its call's UUID, its recording's id."""
    if isinstance(row, Call):
        return str(row.call_uuid)
    if isinstance(row, AccessEvent):
        return str(row.recording_id)
    recording = row.pk if isinstance(row, Recording | SyncRun) else row.recording_id
    return f"{mark((recording - FIRST) // 100)}-rec-{recording}"


def _log(found: Many, random: Random) -> None:
    """Everybody has done something to some row, maybe when they still belonged to its account."""
    targets = [row for rows in found.rows.values() for row in rows]
    types = {label: ContentType.objects.get_by_natural_key(*label.split(".")) for label in found.rows}
    LogEntry.objects.bulk_create(
        LogEntry(
            user=person.user, content_type=types[row.label], object_id=str(row.pk), action_flag=CHANGE,
            object_repr=f"Row {mark(row.owner or 0)}", change_message=f"Done {mark(row.owner or 0)}",
        )
        for person in found.people for row in random.sample(targets, 12)
    )  # fmt: skip
