import django.db.models.functions
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0026_call_not_seen_live"),
    ]

    operations = [
        migrations.RemoveIndex("recording", "recording_not_archived"),
        migrations.AddIndex(
            "recording",
            models.Index(
                F("account"),
                django.db.models.functions.Coalesce("added_at", "happened_at"),
                condition=Q(status="completed", archived_at__isnull=True),
                name="recording_not_archived",
            ),
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                F("account"),
                django.db.models.functions.Coalesce("added_at", "happened_at"),
                F("id"),
                condition=Q(status="completed", gone_at_provider_at__isnull=True, archived_at__isnull=True),
                name="recording_leaving_account",
            ),
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                fields=["account", "-archived_at"],
                condition=Q(archived_at__isnull=False),
                name="recording_last_archived",
            ),
        ),
    ]
