"""Two accounts with one row of each kind, and one person of each kind, all members of the first account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db import DEFAULT_DB_ALIAS
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone

from recordings.choices import Attention
from recordings.models import Account
from recordings.roles import ROLES, make_roles
from tests.admin.rows import a_call, a_recording, a_run, a_running, a_transcript, an_access, an_event

STAFF_KINDS = ("staff", *(role.name for role in ROLES), "superuser")
KINDS = ("anonymous", "outsider", *STAFF_KINDS)
SHARED = ClientHandler(enforce_csrf_checks=False)


@dataclass(frozen=True, slots=True)
class Scene:
    """Clients by kind of person, and rows by model: `mine` of the account they belong to, `foreign` of the other."""

    people: dict[str, Client]
    users: dict[str, User]
    mine: dict[str, Any]
    foreign: dict[str, Any]


def a_scene() -> Scene:
    """Nothing in it asks Vobiz: the accounts have no token, and each has a sync running already."""
    make_roles(apps, DEFAULT_DB_ALIAS)  # a test that empties the tables may have run before
    mine, foreign = (
        Account.objects.create(auth_id=auth_id, name=auth_id) for auth_id in ("MA_MINE", "MA_FOREIGN")
    )
    users = {kind: _user(kind) for kind in KINDS if kind != "anonymous"}
    mine.members.set(users.values())
    people = {kind: a_client(users.get(kind)) for kind in KINDS}
    other = {
        "auth.user": User.objects.create_user("another", is_staff=True),
        "auth.group": Group.objects.create(name="Another"),
    }
    return Scene(people, users, _rows(mine) | other, _rows(foreign) | other)


def a_client(user: User | None) -> Client:
    """Somebody's browser. All share one portal behind them: to build the middleware anew for each takes longer."""
    client = Client()
    client.handler = SHARED
    if user is not None:
        client.force_login(user)
    return client


def _user(kind: str) -> User:
    user = User.objects.create_user(
        kind.replace(" ", "-"), is_staff=kind != "outsider", is_superuser=kind == "superuser"
    )
    user.groups.set(Group.objects.filter(name=kind))
    return user


def _rows(account: Account) -> dict[str, Any]:
    running = a_running(account)
    done = a_recording(account, call=a_call(account), needs_attention=Attention.ID_CONFLICT)
    soon = timezone.now() + timedelta(hours=1)
    found: tuple[Any, ...] = (
        account, running.call, done, a_transcript(running),
        an_event(account, running, outcome="failed"), an_access(account, running),
        a_run(account, state="running", complete=False, ended_at=None, lease_until=soon),
    )  # fmt: skip
    return {row._meta.label_lower: row for row in found} | {"running": running}


def in_paths(rows: dict[str, Any], *, known: bool) -> dict[str, str]:
    """What stands for these rows in paths, by what the path is about. `known`: with their callback keys."""
    running, call = rows["running"], rows["recordings.call"]
    found = {f"admin/{label.replace('.', '/')}": str(row.pk) for label, row in rows.items()}
    recording, account = (
        (running.callback_key, running.account.callback_key) if known else ("unknown", "unknown")
    )
    found |= {
        "callbacks/recording": recording,
        "callbacks/transcription": recording,
        "callbacks/account": account,
    }
    return found | {"admin/r": f"{ContentType.objects.get_for_model(call).pk}/{call.pk}"}
