"""A thousand random people and rows, through every endpoint: nothing foreign is shown or touched.

What is not theirs to see and what is not there answer the same, to the letter.
"""

from __future__ import annotations

from collections import Counter
from difflib import unified_diff
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.db import transaction

from recordings.models import Account, Call, CallbackEvent, Recording, SyncRun
from tests.admin.endpoints import (
    NEW_EACH_TIME,
    PASSING,
    Endpoint,
    accounts_shown,
    endpoints,
    is_a_page,
    shows,
    status_of,
    told,
)
from tests.admin.many import FIRST_ACCOUNT, MARK, Many, Person, Target, many
from tests.admin.route_table import ROUTES

PAIRS, PARTS = 1_000, 4
ENDPOINTS = endpoints()


def absent(target: Target) -> Target:
    """A row that is not there, asked for in the same way."""
    return Target(target.label, 7_999_999, None, target.term.replace(target.term[:6], "qz99zq"))


def a_pair(found: Many, endpoint: Endpoint, random: Random) -> tuple[Person, Target]:
    """Mostly somebody with a role, mostly a row of somebody else's account."""
    person = random.choice(found.people)
    if len(person.who) == 1 or not person.accounts:
        person = random.choice(found.people)
    rows = found.rows[endpoint.label]
    own = [row for row in rows if person.sees(row)]
    return person, random.choice(own if own and random.random() < 0.35 else rows)


def trace(person: Person, target: Target) -> tuple[Any, int]:
    """The row as it stands, and what this person has done to it."""
    row = apps.get_model(target.label)._default_manager.filter(pk=target.pk).values().get()
    return row, LogEntry.objects.filter(user=person.user, object_id=str(target.pk)).count()


def wrongs(found: Many, endpoint: Endpoint, person: Person, target: Target) -> list[str]:
    """What is wrong with how one endpoint answers one person about one row."""
    visible = person.sees(target)
    before = trace(person, target)
    answer = endpoint.open(person.client, person, target)
    wrong = []
    expected = endpoint.expected(person, visible)
    # The table's row is completed and has no transcript; these may run, and some have one.
    stands = [(502, 409)] + [(302, 200)] * ("/transcript/" in endpoint.name)
    as_it_stands = visible and (expected, status_of(answer)) in stands
    if expected is not None and status_of(answer) != expected and not as_it_stands:
        wrong.append(f"{status_of(answer)} instead of {expected}")
    foreign = accounts_shown(answer, target, found) - person.accounts
    if foreign:
        wrong.append(f"it shows {foreign}")
    findable = visible and {int(owner) for owner in MARK.findall(target.term)} <= person.accounts
    if findable and endpoint.finds and status_of(answer) == 200 and not shows(answer, target):
        wrong.append("it does not show a row that is theirs")
    if not visible:
        if endpoint.acts and trace(person, target) != before:
            wrong.append("a foreign row was touched")
        other = absent(target)
        if endpoint.alike and told(answer, target) != told(
            endpoint.open(person.client, person, other), other
        ):
            wrong.append("what is not theirs and what is not there differ")
    return [
        f"{endpoint} · {sorted(person.who)} of {sorted(person.accounts)} · {target}: {words}"
        for words in wrong
    ]


# One part of four asks every endpoint, and is enough on a second database: what is seen is decided in Python.
@pytest.mark.long
@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[pytest.mark.once] if part else []) for part in range(PARTS)]
)
def test_nothing_foreign_is_shown_or_touched_through_any_endpoint(part: int, db: None) -> None:
    random = Random(part)
    found = many(part)
    wrong, kinds = [], Counter[str]()

    for n in range(part, PAIRS, PARTS):
        endpoint = ENDPOINTS[n // PARTS % len(ENDPOINTS)]
        person, target = a_pair(found, endpoint, random)
        kinds["own" if person.sees(target) else "foreign"] += 1
        wrong += wrongs(found, endpoint, person, target)

    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)
    assert kinds["own"] > 40
    assert kinds["foreign"] > 100


# Counts, orders, choices: whatever a page derives from rows


def forget_what_is_foreign(person: Person) -> None:
    """Delete every row of accounts that a person does not belong to, but for what their own rows hang on."""
    foreign = Account.objects.exclude(pk__in=[FIRST_ACCOUNT + n for n in person.accounts])
    CallbackEvent.objects.filter(account__in=foreign).delete()
    Recording.objects.filter(account__in=foreign, events=None).delete()
    Call.objects.filter(account__in=foreign, recordings=None).delete()
    SyncRun.objects.filter(account__in=foreign).delete()
    foreign.filter(call=None, subaccounts=None).delete()


def every_role(people: list[Person]) -> list[Person]:
    """Members of accounts who have each role between them, and two of those who have no role or no account."""
    chosen, held = [], set[str]()
    for person in people:
        if person.accounts and person.who - held - {"staff"}:
            chosen.append(person)
            held |= person.who
    return [
        *chosen,
        next(one for one in people if one.accounts and len(one.who) == 1),
        next(one for one in people if not one.accounts and len(one.who) > 1),
    ]


def pages(found: Many, person: Person) -> dict[str, str]:
    """What somebody reads on every page of the portal and of a row of each kind; without what passes with time."""
    urls = [route.address({}) for route in ROUTES if is_a_page(route) and route.path != NEW_EACH_TIME]
    for label, rows in found.rows.items():
        own = next((row for row in rows if person.sees(row)), None)
        urls += [f"/admin/{label.replace('.', '/')}/{own.pk}/change/"] if own is not None else []
    said = {url: person.client.get(url).content.decode() for url in urls}
    return {url: PASSING.sub("", text) for url, text in said.items()}


@pytest.mark.once  # what stands above asks every endpoint on both engines
@pytest.mark.long
def test_no_page_tells_that_anything_foreign_is_there(db: None, counts_anew: None) -> None:
    found = many(seed=PARTS)

    for person in every_role(found.people):
        before = pages(found, person)
        with transaction.atomic():
            forget_what_is_foreign(person)
            after = pages(found, person)
            transaction.set_rollback(True)
        told_apart = {
            url: list(unified_diff(before[url].splitlines(), after[url].splitlines(), n=0, lineterm=""))
            for url in before
            if after[url] != before[url]
        }
        assert told_apart == {}, person.accounts
