"""The role Supervisor, for databases whose roles were created before it existed."""

from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.db import migrations

from recordings.roles import create_role


def create_supervisor(apps: Apps, schema_editor: Any) -> None:
    """Create the group with its permissions, unless a group of that name exists."""
    create_role(apps, schema_editor.connection.alias, "Supervisor")


class Migration(migrations.Migration):
    dependencies = [("recordings", "0005_numbers")]

    operations = [migrations.RunPython(create_supervisor, migrations.RunPython.noop)]
