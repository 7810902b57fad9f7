from typing import Any

from django.db import migrations

WHILE_OPEN = ("may_be_recording", "stop_unconfirmed")


def clear_what_has_ended(apps: Any, schema_editor: Any) -> None:
    """Clear the reasons that end with the recording, from those that had ended when they were set."""
    flagged = apps.get_model("recordings", "Recording").objects.filter(needs_attention__in=WHILE_OPEN)
    flagged.filter(status__in=("completed", "failed")).update(needs_attention=None)


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0012_callback_budget"),
    ]

    operations = [
        migrations.RunPython(clear_what_has_ended, migrations.RunPython.noop),
    ]
