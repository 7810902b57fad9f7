from django.db import migrations, models


class Migration(migrations.Migration):
    """Of which recordings Vobiz goes on listing what it has deleted, so that a listing does not bring them back."""

    dependencies = [("recordings", "0012_seen_callbacks")]

    operations = [
        migrations.AddField(
            "recording",
            "listed_without_audio",
            models.BooleanField(db_default=False, default=False, editable=False),
        ),
    ]
