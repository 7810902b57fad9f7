"""What is kept of each recording, who works on it, who listened to it."""

from __future__ import annotations

import django.db.models.deletion
import django.db.models.functions.comparison
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0004_preference"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AccessEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="when")),
                (
                    "action",
                    models.CharField(
                        choices=[
                            ("play", "played"),
                            ("download", "downloaded"),
                            ("transcript", "read the transcript"),
                            ("export", "exported"),
                        ],
                        max_length=16,
                        verbose_name="what",
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        choices=[("ok", "given"), ("refused", "refused"), ("failed", "not available")],
                        max_length=16,
                        verbose_name="result",
                    ),
                ),
                ("detail", models.TextField(blank=True, null=True, verbose_name="detail")),
                ("user_pk", models.BigIntegerField()),
                ("username", models.CharField(max_length=150, verbose_name="who")),
                ("roles", models.CharField(blank=True, max_length=500, verbose_name="roles")),
                ("address", models.GenericIPAddressField(blank=True, null=True, verbose_name="from where")),
                (
                    "account_auth_id",
                    models.CharField(blank=True, max_length=64, null=True, verbose_name="account"),
                ),
                ("recording_pk", models.BigIntegerField(blank=True, null=True)),
                (
                    "recording_id",
                    models.CharField(blank=True, max_length=64, null=True, verbose_name="recording id"),
                ),
                ("play_id", models.CharField(editable=False, max_length=64, null=True, unique=True)),
            ],
            options={
                "verbose_name": "access event",
                "verbose_name_plural": "access log",
                "ordering": ["-at", "-id"],
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Waveform",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("channels", models.PositiveSmallIntegerField()),
                ("points", models.BinaryField()),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Worker",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=100, unique=True)),
                ("started_at", models.DateTimeField()),
                ("heard_at", models.DateTimeField(db_index=True)),
                ("swept_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.AlterModelOptions(
            name="account",
            options={
                "ordering": ["auth_id"],
                "permissions": [
                    ("test_account", "Can test an account's connection"),
                    ("change_token", "Can change an account's token"),
                    ("test_storage", "Can test the archive's storage"),
                ],
                "verbose_name": "account",
                "verbose_name_plural": "accounts",
            },
        ),
        migrations.AlterModelOptions(
            name="recording",
            options={
                "ordering": ["-happened_at", "-id"],
                "permissions": [
                    ("start_recording", "Can start recordings"),
                    ("stop_recording", "Can stop recordings"),
                    ("hear_recording", "Can hear recordings"),
                    ("archive_recording", "Can have recordings archived now"),
                    ("reconcile_recording", "Can have open recordings settled now"),
                    ("export_recording", "Can export recordings"),
                    ("mark_seen", "Can mark as seen what cannot be cured"),
                ],
                "verbose_name": "recording",
                "verbose_name_plural": "recordings",
            },
        ),
        migrations.RemoveConstraint(
            model_name="recording",
            name="recording_needs_attention",
        ),
        migrations.AddField(
            model_name="account",
            name="archive_automatically",
            field=models.BooleanField(
                default=True,
                help_text="Keep our own copy of every recording's audio, because Vobiz deletes its own.",
                verbose_name="archive automatically",
            ),
        ),
        migrations.AddField(
            model_name="account",
            name="archive_pause",
            field=models.TextField(editable=False, null=True, verbose_name="why archiving pauses"),
        ),
        migrations.AddField(
            model_name="account",
            name="archive_paused_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="archiving pauses since"),
        ),
        migrations.AddField(
            model_name="account",
            name="archive_probe_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="archiving is tried again at"),
        ),
        migrations.AddField(
            model_name="account",
            name="first_synced_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="first complete sync"),
        ),
        migrations.AddField(
            model_name="account",
            name="gap_seen_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="missing callbacks seen"),
        ),
        migrations.AddField(
            model_name="account",
            name="leased_by",
            field=models.CharField(editable=False, max_length=100, null=True),
        ),
        migrations.AddField(
            model_name="account",
            name="leased_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="account",
            name="settled_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="last settled"),
        ),
        migrations.AddField(
            model_name="recording",
            name="archive_body_sha256",
            field=models.CharField(editable=False, max_length=64, null=True),
        ),
        migrations.AddField(
            model_name="recording",
            name="archive_error",
            field=models.TextField(blank=True, null=True, verbose_name="why it is not archived"),
        ),
        migrations.AddField(
            model_name="recording",
            name="archive_flag",
            field=models.CharField(
                blank=True,
                choices=[
                    ("length_differs", "its length differs from Vobiz's"),
                    ("cut_by_vobiz", "cut by Vobiz"),
                ],
                max_length=16,
                null=True,
                verbose_name="flag",
            ),
        ),
        migrations.AddField(
            model_name="recording",
            name="archive_next_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="next try to archive"),
        ),
        migrations.AddField(
            model_name="recording",
            name="archive_same_bodies",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddField(
            model_name="recording",
            name="archive_tries",
            field=models.PositiveIntegerField(default=0, verbose_name="tries to archive"),
        ),
        migrations.AddField(
            model_name="recording",
            name="audio_channels",
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="true channels"),
        ),
        migrations.AddField(
            model_name="recording",
            name="audio_duration_ms",
            field=models.BigIntegerField(
                blank=True,
                help_text="Milliseconds, measured in our copy.",
                null=True,
                verbose_name="true duration",
            ),
        ),
        migrations.AddField(
            model_name="recording",
            name="leased_by",
            field=models.CharField(editable=False, max_length=100, null=True),
        ),
        migrations.AddField(
            model_name="recording",
            name="leased_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="recording",
            name="no_callback_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="found to lack its callback"),
        ),
        migrations.AddField(
            model_name="recording",
            name="seen_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="seen"),
        ),
        migrations.AddField(
            model_name="recording",
            name="seen_by",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="seen by",
            ),
        ),
        migrations.AddField(
            model_name="recording",
            name="seen_note",
            field=models.TextField(blank=True, null=True, verbose_name="note"),
        ),
        migrations.AddField(
            model_name="recording",
            name="seen_reason",
            field=models.CharField(blank=True, max_length=32, null=True, verbose_name="seen because"),
        ),
        migrations.AlterField(
            model_name="recording",
            name="needs_attention",
            field=models.CharField(
                blank=True,
                choices=[
                    ("may_be_recording", "may be recording"),
                    ("stop_unconfirmed", "stop unconfirmed"),
                    ("id_conflict", "two ids for one recording"),
                    ("transcript_revised", "another transcript came"),
                    ("not_archived", "could not be archived yet"),
                    ("length_differs", "our copy's length differs from Vobiz's"),
                    ("cut_by_vobiz", "cut by Vobiz"),
                    ("audio_missing", "our copy is missing"),
                    ("audio_altered", "our copy was altered"),
                ],
                max_length=32,
                null=True,
                verbose_name="needs attention",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                django.db.models.functions.comparison.Coalesce("added_at", "happened_at"),
                condition=models.Q(("archived_at__isnull", True), ("status", "completed")),
                name="recording_not_archived",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("archived_at__isnull", False)),
                fields=["-archived_at"],
                name="recording_newest_archived",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("archived_at__isnull", False)),
                fields=["verified_at"],
                name="recording_to_verify",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("no_callback_at__isnull", False)),
                fields=["account", "no_callback_at"],
                name="recording_without_callback",
            ),
        ),
        migrations.AddConstraint(
            model_name="recording",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("needs_attention__isnull", True),
                    (
                        "needs_attention__in",
                        [
                            "may_be_recording",
                            "stop_unconfirmed",
                            "id_conflict",
                            "transcript_revised",
                            "not_archived",
                            "length_differs",
                            "cut_by_vobiz",
                            "audio_missing",
                            "audio_altered",
                        ],
                    ),
                    _connector="OR",
                ),
                name="recording_needs_attention",
            ),
        ),
        migrations.AddConstraint(
            model_name="recording",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("archive_flag__isnull", True),
                    ("archive_flag__in", ["length_differs", "cut_by_vobiz"]),
                    _connector="OR",
                ),
                name="recording_archive_flag",
            ),
        ),
        migrations.AddConstraint(
            model_name="recording",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("archived_at__isnull", True),
                    models.Q(
                        ("audio__isnull", False),
                        ("audio_bytes__gt", 0),
                        ("audio_bytes__isnull", False),
                        ("audio_sha256__isnull", False),
                        ("container__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="recording_archived_is_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="accessevent",
            index=models.Index(fields=["-at", "-id"], name="accessevent_newest"),
        ),
        migrations.AddIndex(
            model_name="accessevent",
            index=models.Index(fields=["account_auth_id", "-at", "-id"], name="accessevent_of_account"),
        ),
        migrations.AddIndex(
            model_name="accessevent",
            index=models.Index(fields=["user_pk", "-at", "-id"], name="accessevent_of_user"),
        ),
        migrations.AddIndex(
            model_name="accessevent",
            index=models.Index(fields=["recording_pk", "-at", "-id"], name="accessevent_of_recording"),
        ),
        migrations.AddConstraint(
            model_name="accessevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("action__in", ["play", "download", "transcript", "export"])),
                name="accessevent_action",
            ),
        ),
        migrations.AddConstraint(
            model_name="accessevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("result__in", ["ok", "refused", "failed"])), name="accessevent_result"
            ),
        ),
        migrations.AddField(
            model_name="waveform",
            name="recording",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="waveform",
                to="recordings.recording",
            ),
        ),
    ]
