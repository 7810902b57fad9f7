"""The roles. Each is a Django group, made once by a migration and a superuser's to change from then on.

A role says what may be done, an account's members whose calls it may be done with: it takes both. A permission that
comes later is given to the roles by the migration that brings it; what the table names and no migration has brought
yet is passed over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

APP = "recordings"
SEE = (
    "view_account", "view_live_calls", "view_call", "view_recording", "view_transcription", "view_syncrun",
)  # fmt: skip
HEAR = ("hear_recording", "read_transcription")
OPERATE = (
    "start_recording", "stop_recording", "sync_now", "archive_recording", "reconcile_recording", "mark_seen",
)  # fmt: skip
CALLBACKS = ("view_callbackevent", "process_callbackevent")


@dataclass(frozen=True, slots=True)
class Role:
    """A preset role: `name` is its group's; people read `label` and `about`; permissions are codenames of this app."""

    name: str
    label: str | Promise
    about: str | Promise
    permissions: tuple[str, ...]


ROLES = (
    Role("Viewer", _("Viewer"), _("Sees calls and recordings. Cannot listen."), SEE),
    Role(
        "Listener",
        _("Listener"),
        _("Listens to recordings and reads transcripts. Cannot download."),
        (*SEE, *HEAR),
    ),
    Role(
        "Operator",
        _("Operator"),
        _("Starts and stops recordings, syncs and archives. Cannot listen."),
        (*SEE, *OPERATE),
    ),
    Role(
        "Supervisor",
        _("Supervisor"),
        _("Listens, records and exports: the everyday role of a team lead."),
        (*SEE, *HEAR, *OPERATE, "export_recording"),
    ),
    Role(
        "Auditor",
        _("Auditor"),
        _("Reads the access log and exports lists. Cannot listen."),
        (*SEE, "view_accessevent", "export_recording"),
    ),
    Role(
        "Account admin",
        _("Account admin"),
        _("Changes accounts, tokens and their members, and processes callbacks again."),
        (*SEE, "change_account", "change_token", "test_account", "test_storage", *CALLBACKS),
    ),
)
LABELS = {role.name: role.label for role in ROLES}
ABOUT = {role.name: role.about for role in ROLES}


def label_of(name: str) -> str:
    """Return a role's name in the reader's language; a group that a person created keeps its name."""
    return str(LABELS.get(name, name))


def make_roles(apps: Apps, using: str) -> None:
    """Create the groups that do not exist, with the permissions of the table; an existing group stays as it is."""
    for role in ROLES:
        create_role(apps, using, role.name)


def create_role(apps: Apps, using: str, name: str) -> None:
    """Create one group of the table, unless a group of that name exists."""
    role = next(role for role in ROLES if role.name == name)
    group, is_new = apps.get_model("auth", "Group")._default_manager.using(using).get_or_create(name=name)
    if is_new:
        group.permissions.set(_given(apps, using, role))


def make_permissions(apps: Apps, using: str) -> None:
    """Create the permissions that do not exist, as Django itself does only after all migrations."""
    config: Any = apps.get_app_config(APP)
    config.models_module = True  # an app as migrations see it has none, and would be passed over
    create_permissions(config, verbosity=0, using=using, apps=apps)
    config.models_module = None


def give(apps: Apps, using: str, codenames: Collection[str]) -> None:
    """Create new permissions and add them to the groups of the roles that have them in the table."""
    make_permissions(apps, using)
    groups = apps.get_model("auth", "Group")._default_manager.using(using)
    permissions = apps.get_model("auth", "Permission")._default_manager.using(using)
    for role in ROLES:
        wanted = set(role.permissions) & set(codenames)
        group = groups.filter(name=role.name).first()
        if group is not None:
            group.permissions.add(*permissions.filter(content_type__app_label=APP, codename__in=wanted))


def remove_roles(apps: Apps, using: str) -> None:
    """Delete the groups that have no users and were not changed."""
    groups = apps.get_model("auth", "Group")._default_manager.using(using)
    for role in ROLES:
        group = groups.filter(name=role.name, user=None).first()
        if group is not None and set(group.permissions.all()) == set(_given(apps, using, role)):
            group.delete()


def _given(apps: Apps, using: str, role: Role) -> Any:
    permissions = apps.get_model("auth", "Permission")._default_manager.using(using)
    return permissions.filter(content_type__app_label=APP, codename__in=role.permissions)
