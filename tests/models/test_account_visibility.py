"""The one gate: who sees which rows of which table."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, User
from django.db import models

from recordings.models import (
    Account,
    Alert,
    AlertChoice,
    AlertMessage,
    CacheEntry,
    Preference,
    SavedView,
    SpentNonce,
    Waveform,
    Worker,
)
from recordings.models.account import VisibleQuerySet
from tests.conftest import OTHER
from tests.models.test_constraints import make

# digests that no page shows; what a person chose for themselves alone; a picture shown with its recording; machines
HIDDEN = {
    Alert, AlertChoice, AlertMessage, CacheEntry, SpentNonce, Preference, SavedView, Waveform, Worker,
}  # fmt: skip
SHOWN = [
    model
    for model in apps.get_app_config("recordings").get_models()
    if model not in HIDDEN and not model._meta.auto_created
]


def visible(model: type[models.Model], user: User | AnonymousUser) -> list[models.Model]:
    rows = model._default_manager.all()
    assert isinstance(rows, VisibleQuerySet), f"{model.__name__} has no gate"
    return list(rows.visible_to(user))


def person(**fields: bool) -> User:
    return User.objects.create(username="somebody", **fields)


@pytest.mark.parametrize("model", SHOWN)
def test_a_member_on_the_staff_sees_the_rows_of_his_accounts_and_no_others(
    account: Account, model: type[models.Model]
) -> None:
    mine = make(account)[model]
    user = person(is_staff=True)
    account.members.add(user)
    stranger = Account.objects.create(auth_id=OTHER)
    stranger.members.add(User.objects.create(username="another", is_staff=True))
    assert visible(model, user) == [mine]


@pytest.mark.parametrize("model", SHOWN)
def test_somebody_on_the_staff_who_belongs_to_no_account_sees_nothing(
    account: Account, model: type[models.Model]
) -> None:
    make(account)
    assert visible(model, person(is_staff=True)) == []


@pytest.mark.parametrize("model", SHOWN)
def test_a_superuser_sees_all(account: Account, model: type[models.Model]) -> None:
    row = make(account)[model]
    assert row in visible(model, person(is_staff=True, is_superuser=True))


@pytest.mark.once
@pytest.mark.parametrize("model", SHOWN)
@pytest.mark.parametrize("fields", [
    {}, {"is_staff": True, "is_active": False}, {"is_staff": True, "is_superuser": True, "is_active": False},
])  # fmt: skip
def test_a_member_who_is_not_on_the_staff_or_switched_off_sees_nothing(
    account: Account, model: type[models.Model], fields: dict[str, bool]
) -> None:
    make(account)
    user = person(**fields)
    account.members.add(user)
    assert visible(model, user) == []


@pytest.mark.parametrize("model", SHOWN)
def test_nobody_who_is_not_logged_in_sees_anything(account: Account, model: type[models.Model]) -> None:
    make(account)
    assert visible(model, AnonymousUser()) == []


def test_a_member_of_the_main_account_does_not_see_its_subaccount(
    account: Account, subaccount: Account
) -> None:
    user = person(is_staff=True)
    account.members.add(user)
    assert visible(Account, user) == [account]


def test_a_row_is_shown_once_however_many_members_its_account_has(account: Account) -> None:
    for name in ("one", "two", "three"):
        account.members.add(User.objects.create(username=name, is_staff=True))
    assert visible(Account, User.objects.get(username="two")) == [account]
