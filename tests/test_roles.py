"""The roles: made once with their permissions, never made over, and taken away only where nobody uses them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission, User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from recordings.roles import APP, ROLES, SEE, give, label_of

MIGRATION = import_module("recordings.migrations.0001_release")
NAMES = ["Viewer", "Listener", "Operator", "Supervisor", "Auditor", "Account admin"]

pytestmark = pytest.mark.django_db


def then() -> Any:
    """The apps as the newest migration sees them."""
    return MigrationExecutor(connection).loader.project_state().apps


def forwards() -> None:
    """As far as the roles go, from nothing to today."""
    MIGRATION.create_roles(then(), SimpleNamespace(connection=connection))


def backwards() -> None:
    MIGRATION.delete_unused_roles(then(), SimpleNamespace(connection=connection))


@pytest.fixture(autouse=True)
def nothing_yet() -> Iterator[None]:
    """As a new database is before the migration: Django makes permissions only after the last one."""
    Group.objects.all().delete()
    Permission.objects.filter(content_type__app_label=APP).delete()
    ContentType.objects.filter(app_label=APP).delete()
    ContentType.objects.clear_cache()
    yield
    ContentType.objects.clear_cache()  # what the test made is rolled back


def permissions_of(name: str) -> set[str]:
    return set(Group.objects.get(name=name).permissions.values_list("codename", flat=True))


def test_the_migration_makes_the_roles_with_the_permissions_of_the_table() -> None:
    forwards()

    assert sorted(Group.objects.values_list("name", flat=True)) == sorted(NAMES)
    assert {role.name: permissions_of(role.name) for role in ROLES} == {
        role.name: set(role.permissions) for role in ROLES
    }
    assert set(
        Permission.objects.filter(group__isnull=False).values_list("content_type__app_label", flat=True)
    ) == {APP}


def test_a_permission_that_comes_later_is_made_and_given_to_its_roles_alone() -> None:
    forwards()
    Permission.objects.filter(codename="mark_seen").delete()

    give(then(), connection.alias, ["mark_seen"])

    assert {name for name in NAMES if "mark_seen" in permissions_of(name)} == {"Operator", "Supervisor"}


def test_every_role_may_see_and_beyond_that_what_its_name_says() -> None:
    beyond = {role.name: set(role.permissions) - set(SEE) for role in ROLES}

    assert all(set(SEE) <= set(role.permissions) for role in ROLES)
    assert beyond == {
        "Viewer": set(),
        "Listener": {"hear_recording", "read_transcription"},
        "Operator": {
            "start_recording", "stop_recording", "sync_now", "archive_recording", "reconcile_recording", "mark_seen",
        },
        "Supervisor": {
            "hear_recording", "read_transcription", "start_recording", "stop_recording", "sync_now",
            "archive_recording", "reconcile_recording", "mark_seen", "export_recording",
        },
        "Auditor": {"view_accessevent", "export_recording"},
        "Account admin": {
            "change_account", "change_token", "test_account", "test_storage", "view_callbackevent",
            "process_callbackevent",
        },
    }  # fmt: skip


def test_no_role_may_delete_or_add_anything_or_give_roles() -> None:
    every = {name for role in ROLES for name in role.permissions}

    assert not {name for name in every if name.startswith(("add_", "delete_"))}
    assert not {name for name in every if name.endswith(("_user", "_group", "_permission"))}


def test_djangos_own_making_of_permissions_finds_them_and_makes_none_twice() -> None:
    forwards()
    before = set(Permission.objects.values_list("pk", flat=True))

    create_permissions(apps.get_app_config(APP), verbosity=0)

    assert before <= set(Permission.objects.values_list("pk", flat=True))
    every = Permission.objects.filter(content_type__app_label=APP).values_list("codename", flat=True)
    assert len(every) == len(set(every)) == sum(
        len(model._meta.default_permissions) + len(model._meta.permissions)
        for model in apps.get_app_config(APP).get_models()
    )  # fmt: skip


def test_making_them_again_leaves_a_role_as_a_superuser_changed_it() -> None:
    forwards()
    viewer, operator = (Group.objects.get(name=name) for name in ("Viewer", "Operator"))
    viewer.permissions.clear()
    operator.permissions.add(Permission.objects.get(codename="read_transcription"))
    Group.objects.get(name="Auditor").delete()

    forwards()

    assert permissions_of("Viewer") == set()
    operators = next(role.permissions for role in ROLES if role.name == "Operator")
    assert permissions_of("Operator") == {*operators, "read_transcription"}
    assert permissions_of("Auditor") == {*SEE, "view_accessevent", "export_recording"}


def test_a_group_that_has_a_roles_name_already_keeps_what_it_was_given() -> None:
    Group.objects.create(name="Viewer")

    forwards()

    assert permissions_of("Viewer") == set()


def test_taking_them_back_deletes_those_that_nobody_uses_and_nobody_changed() -> None:
    forwards()
    Group.objects.get(name="Viewer").permissions.add(Permission.objects.get(codename="read_transcription"))
    Group.objects.get(name="Operator").permissions.remove(Permission.objects.get(codename="sync_now"))
    User.objects.create_user("asha").groups.add(Group.objects.get(name="Listener"))
    Group.objects.create(name="Night shift")

    backwards()

    assert sorted(Group.objects.values_list("name", flat=True)) == [
        "Listener",
        "Night shift",
        "Operator",
        "Viewer",
    ]
    backwards()
    forwards()
    assert permissions_of("Listener") == {*SEE, "hear_recording", "read_transcription"}
    assert sorted(Group.objects.values_list("name", flat=True)) == sorted([*NAMES, "Night shift"])


def test_the_table_names_only_permissions_that_exist() -> None:
    create_permissions(apps.get_app_config(APP), verbosity=0)

    known = set(Permission.objects.filter(content_type__app_label=APP).values_list("codename", flat=True))
    assert {name for role in ROLES for name in role.permissions} <= known


def test_a_role_is_read_by_its_label_and_any_other_group_by_its_name() -> None:
    assert [label_of(name) for name in NAMES] == NAMES
    assert label_of("Night shift") == "Night shift"
    assert not any(type(role.label) is str for role in ROLES), (
        "a label is translated when it is read, not before"
    )
