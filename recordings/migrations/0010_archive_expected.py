from django.db import migrations, models


class Migration(migrations.Migration):
    """The file that is being put into the archive; and whose a file is, quickly."""

    dependencies = [("recordings", "0009_newest_first")]

    operations = [
        migrations.AddField(
            "recording", "coming_audio", models.CharField(editable=False, max_length=255, null=True)
        ),
        migrations.AddField(
            "recording", "coming_sha256", models.CharField(editable=False, max_length=64, null=True)
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                condition=models.Q(("audio__isnull", False)), fields=["audio"], name="recording_of_file"
            ),
        ),
    ]
