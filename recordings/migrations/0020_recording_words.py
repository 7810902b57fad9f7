"""What permissions on recordings are called, also where they are stored."""

from typing import Any

from django.db import migrations

NAMES = {
    "reconcile_recording": "Can check unfinished recordings now",
    "mark_seen": "Can mark as reviewed what cannot be repaired",
}


def rename(apps: Any, schema_editor: Any) -> None:
    permissions = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    for codename, name in NAMES.items():
        permissions.filter(content_type__app_label="recordings", codename=codename).update(name=name)


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0019_sync_run_stopped"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="recording",
            options={
                "ordering": ["-happened_at", "-id"],
                "permissions": [
                    ("start_recording", "Can start recordings"),
                    ("stop_recording", "Can stop recordings"),
                    ("hear_recording", "Can hear recordings"),
                    ("archive_recording", "Can have recordings archived now"),
                    ("reconcile_recording", "Can check unfinished recordings now"),
                    ("export_recording", "Can export recordings"),
                    ("mark_seen", "Can mark as reviewed what cannot be repaired"),
                ],
                "verbose_name": "recording",
                "verbose_name_plural": "recordings",
            },
        ),
        migrations.RunPython(rename, migrations.RunPython.noop),
    ]
