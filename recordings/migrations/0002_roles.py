"""The five roles, and before them the permissions they hold.

Django makes Permission rows only after all migrations (post_migrate); these are its own function's, so it will find
them and make none twice.
"""

from __future__ import annotations

from typing import Any

from django.apps.registry import Apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

from recordings.roles import APP, make_roles, remove_roles


def forwards(apps: Apps, schema_editor: Any) -> None:
    """Permissions, then groups."""
    using = schema_editor.connection.alias
    config: Any = apps.get_app_config(APP)
    config.models_module = True  # an app as migrations see it has none, and would be passed over
    create_permissions(config, verbosity=0, using=using, apps=apps)
    config.models_module = None
    make_roles(apps, using)


def backwards(apps: Apps, schema_editor: Any) -> None:
    """The groups nobody uses and nobody changed; permissions are Django's own to keep."""
    remove_roles(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(forwards, backwards)]
