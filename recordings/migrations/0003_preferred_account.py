from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import recordings.models.account


class Migration(migrations.Migration):
    """Let a person narrow the pages to one account."""

    dependencies = [("recordings", "0002_search")]

    operations = [
        migrations.AddField(
            "preference",
            "account",
            models.ForeignKey(
                blank=True,
                help_text="Lists show only this account.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to="recordings.account",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            "preference",
            "time_zone",
            models.CharField(
                blank=True,
                max_length=64,
                validators=[recordings.models.account.validate_zone],
                verbose_name="time zone",
            ),
        ),
    ]
