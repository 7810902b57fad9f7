"""The permissions that came with the archive, for the roles; and when each account was first synced completely.

Permission rows are made here before Django makes them, with its own function, as in 0002.
"""

from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

from recordings.models.sync_run import NARROW
from recordings.roles import APP, give

NEW = (
    "hear_recording", "archive_recording", "reconcile_recording", "export_recording", "mark_seen", "test_storage",
    "view_accessevent",
)  # fmt: skip


def give_to_roles(apps: Apps, schema_editor: Any) -> None:
    """What is new, to those whose role says so."""
    using = schema_editor.connection.alias
    config: Any = apps.get_app_config(APP)
    config.models_module = True  # an app as migrations see it has none, and would be passed over
    create_permissions(config, verbosity=0, using=using, apps=apps)
    config.models_module = None
    give(apps, using, NEW)


def note_first_syncs(apps: Apps, schema_editor: Any) -> None:
    """As SyncRun.end does from now on."""
    using = schema_editor.connection.alias
    runs = apps.get_model(APP, "SyncRun")._default_manager.using(using).filter(complete=True)
    whole = runs.exclude(scope__has_any_keys=list(NARROW)).order_by("started_at")
    for account in apps.get_model(APP, "Account")._default_manager.using(using).filter(first_synced_at=None):
        first = whole.filter(account_id=account.pk).values_list("started_at", flat=True).first()
        type(account)._default_manager.using(using).filter(pk=account.pk).update(first_synced_at=first)


class Migration(migrations.Migration):
    dependencies = [("recordings", "0005_archive")]
    operations = [
        migrations.RunPython(give_to_roles, migrations.RunPython.noop),
        migrations.RunPython(note_first_syncs, migrations.RunPython.noop),
    ]
