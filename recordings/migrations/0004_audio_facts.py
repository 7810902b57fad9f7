"""What the audio library tells of our copies, and which version of it judged each."""

from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0003_preferred_account"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="recording",
            name="recording_needs_attention",
        ),
        migrations.RemoveConstraint(
            model_name="recording",
            name="recording_archive_flag",
        ),
        migrations.AddField(
            model_name="recording",
            name="audio_codec",
            field=models.CharField(blank=True, max_length=32, null=True, verbose_name="codec"),
        ),
        migrations.AddField(
            model_name="recording",
            name="audio_regular",
            field=models.BooleanField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="recording",
            name="audio_sample_rate",
            field=models.PositiveIntegerField(
                blank=True, help_text="Samples per second.", null=True, verbose_name="sample rate"
            ),
        ),
        migrations.AddField(
            model_name="recording",
            name="clipped_ms",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="clipped"),
        ),
        migrations.AddField(
            model_name="recording",
            name="double_talk_ms",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="both talking"),
        ),
        migrations.AddField(
            model_name="recording",
            name="inspected_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="inspected again"),
        ),
        migrations.AddField(
            model_name="recording",
            name="is_silent",
            field=models.BooleanField(blank=True, null=True, verbose_name="no sound"),
        ),
        migrations.AddField(
            model_name="recording",
            name="longest_silence_ms",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="longest silence"),
        ),
        migrations.AddField(
            model_name="recording",
            name="one_side_silent",
            field=models.BooleanField(blank=True, null=True, verbose_name="one side silent"),
        ),
        migrations.AddField(
            model_name="recording",
            name="reader_version",
            field=models.PositiveSmallIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddField(
            model_name="recording",
            name="talk_left_ms",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="talk time, left"),
        ),
        migrations.AddField(
            model_name="recording",
            name="talk_right_ms",
            field=models.BigIntegerField(blank=True, null=True, verbose_name="talk time, right"),
        ),
        migrations.AddField(
            model_name="recording",
            name="withdrawn_flag",
            field=models.CharField(
                choices=[
                    ("length_differs", "its length differs from Vobiz's"),
                    ("cut_by_vobiz", "cut by Vobiz"),
                    ("unknown_format", "unknown format"),
                ],
                editable=False,
                max_length=16,
                null=True,
            ),
        ),
        migrations.AlterField(
            model_name="recording",
            name="archive_flag",
            field=models.CharField(
                blank=True,
                choices=[
                    ("length_differs", "its length differs from Vobiz's"),
                    ("cut_by_vobiz", "cut by Vobiz"),
                    ("unknown_format", "unknown format"),
                ],
                max_length=16,
                null=True,
                verbose_name="flag",
            ),
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
                    ("unknown_format", "unknown format"),
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
                condition=models.Q(("archived_at__isnull", False)),
                fields=["reader_version", "id"],
                name="recording_to_inspect",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("one_side_silent", True)),
                fields=["-happened_at"],
                name="recording_one_sided",
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(("is_silent", True)), fields=["-happened_at"], name="recording_silent"
            ),
        ),
        migrations.AddIndex(
            model_name="recording",
            index=models.Index(
                condition=models.Q(
                    ("archive_tries__gt", 0), ("archived_at__isnull", True), ("status", "completed")
                ),
                fields=["reader_version"],
                name="recording_refused",
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
                            "unknown_format",
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
                    ("archive_flag__in", ["length_differs", "cut_by_vobiz", "unknown_format"]),
                    _connector="OR",
                ),
                name="recording_archive_flag",
            ),
        ),
    ]
