from django.db import migrations, models


class Migration(migrations.Migration):
    """Which recordings a person wants archived now, so that it outlives whoever was told."""

    dependencies = [("recordings", "0010_archive_expected")]

    operations = [
        migrations.AddField(
            "recording",
            "archive_asked_at",
            models.DateTimeField(editable=False, null=True, verbose_name="archiving asked for"),
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                condition=models.Q(("archive_asked_at__isnull", False)),
                fields=["archive_asked_at"],
                name="recording_archive_asked",
            ),
        ),
    ]
