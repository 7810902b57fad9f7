"""Indexes for what the overview counts: each is over the few rows that matter, not over all."""

from __future__ import annotations

import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0002_roles"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="callbackevent",
            index=models.Index(fields=["account", "trust", "received_at"], name="callbackevent_by_trust"),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                django.db.models.functions.comparison.Coalesce("added_at", "happened_at"),
                condition=models.Q(
                    ("archived_at__isnull", True),
                    ("gone_at_provider_at__isnull", True),
                    ("status", "completed"),
                ),
                name="recording_leaving",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("needs_attention__isnull", False)),
                fields=["needs_attention"],
                name="recording_for_a_person",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("callback_base__isnull", False)),
                fields=["-happened_at"],
                name="recording_with_callback",
            ),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(
                condition=models.Q(("complete", True)),
                fields=["account", "-started_at"],
                name="syncrun_newest_complete",
            ),
        ),
    ]
