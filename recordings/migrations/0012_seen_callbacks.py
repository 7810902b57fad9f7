import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Which callbacks without effect somebody knows of, so that they do not ask for a person for ever."""

    dependencies = [
        ("recordings", "0011_archive_asked"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            "callbackevent",
            "seen_at",
            models.DateTimeField(blank=True, editable=False, null=True, verbose_name="seen"),
        ),
        migrations.AddField(
            "callbackevent",
            "seen_by",
            models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="seen by",
            ),
        ),
    ]
