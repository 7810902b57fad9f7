"""Two thousand random people and rows, through every door: nothing foreign is shown or touched.

What is not theirs to see and what is not there answer the same, to the letter.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry

from tests.admin.doors import Door, accounts_shown, doors, shows, status_of, told
from tests.admin.many import MARK, Many, Person, Target, many

PAIRS, PARTS = 2_000, 8
DOORS = doors()


def absent(target: Target) -> Target:
    """A row that is not there, asked for in the same way."""
    return Target(target.label, 7_999_999, None, target.term.replace(target.term[:6], "qz99zq"))


def a_pair(found: Many, door: Door, random: Random) -> tuple[Person, Target]:
    """Mostly somebody with a role, mostly a row of somebody else's account."""
    person = random.choice(found.people)
    if len(person.who) == 1 or not person.accounts:
        person = random.choice(found.people)
    rows = found.rows[door.label]
    own = [row for row in rows if person.sees(row)]
    return person, random.choice(own if own and random.random() < 0.35 else rows)


def trace(person: Person, target: Target) -> tuple[Any, int]:
    """The row as it stands, and what this person has done to it."""
    row = apps.get_model(target.label)._default_manager.filter(pk=target.pk).values().get()
    return row, LogEntry.objects.filter(user=person.user, object_id=str(target.pk)).count()


def wrongs(found: Many, door: Door, person: Person, target: Target) -> list[str]:
    """What is wrong with how one door answers one person about one row."""
    visible = person.sees(target)
    before = trace(person, target)
    answer = door.open(person.client, person, target)
    wrong = []
    expected = door.expected(person, visible)
    if expected is not None and status_of(answer) != expected:
        wrong.append(f"{status_of(answer)} instead of {expected}")
    foreign = accounts_shown(answer, target, found) - person.accounts
    if foreign:
        wrong.append(f"it shows {foreign}")
    findable = visible and {int(owner) for owner in MARK.findall(target.term)} <= person.accounts
    if findable and door.finds and status_of(answer) == 200 and not shows(answer, target):
        wrong.append("it does not show a row that is theirs")
    if not visible:
        if door.acts and trace(person, target) != before:
            wrong.append("a foreign row was touched")
        other = absent(target)
        if door.alike and told(answer, target) != told(door.open(person.client, person, other), other):
            wrong.append("what is not theirs and what is not there differ")
    return [
        f"{door} · {sorted(person.who)} of {sorted(person.accounts)} · {target}: {words}" for words in wrong
    ]


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_foreign_is_shown_or_touched_through_any_door(part: int, db: None) -> None:
    random = Random(part)
    found = many(part)
    wrong, kinds = [], Counter[str]()

    for n in range(part, PAIRS, PARTS):
        door = DOORS[n // PARTS % len(DOORS)]
        person, target = a_pair(found, door, random)
        kinds["own" if person.sees(target) else "foreign"] += 1
        wrong += wrongs(found, door, person, target)

    assert not wrong, f"{len(wrong)}:\n" + "\n".join(wrong)
    assert kinds["own"] > 40
    assert kinds["foreign"] > 120
