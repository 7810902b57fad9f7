from typing import Any

import django.db.models.deletion
import django.db.models.functions
from django.db import migrations, models
from django.db.models import F, OuterRef, Q, Subquery

READ_AT_ONCE = 20_000


def fill_account(apps: Any, schema_editor: Any) -> None:
    """Set the account of each transcript to its recording's."""
    recordings = apps.get_model("recordings", "Recording").objects.order_by()
    transcriptions = apps.get_model("recordings", "Transcription").objects.order_by()
    last = transcriptions.aggregate(last=models.Max("pk"))["last"] or 0
    account = Subquery(recordings.filter(pk=OuterRef("recording")).values("account")[:1])
    for after in range(0, last, READ_AT_ONCE):
        transcriptions.filter(pk__gt=after, pk__lte=after + READ_AT_ONCE).update(account=account)


def account_key(**options: Any) -> models.ForeignKey:
    """Return the new column."""
    return models.ForeignKey(
        db_index=False, editable=False, on_delete=django.db.models.deletion.PROTECT, to="recordings.account",
        verbose_name="account", **options,
    )  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0020_recording_words"),
    ]

    operations = [
        migrations.AddField("transcription", "account", account_key(null=True)),
        migrations.RunPython(fill_account, migrations.RunPython.noop),
        migrations.AlterField("transcription", "account", account_key()),
        migrations.AddIndex(
            "transcription", models.Index(fields=["account", "-id"], name="transcription_newest")
        ),
        migrations.AddIndex(
            "transcription",
            models.Index(
                fields=["status", "-id", "account"],
                condition=~Q(status="completed"),
                name="transcription_not_completed",
            ),
        ),
        migrations.AddIndex("call", models.Index(fields=["direction", "account"], name="call_by_direction")),
        migrations.AddIndex(
            "call",
            models.Index(
                fields=["call_uuid_text"], condition=Q(call_uuid_text__isnull=False), name="call_by_text"
            ),
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                fields=["-happened_at", "-id", "account"],
                condition=Q(
                    duration_ms__gte=F("time_limit") * 1_000 - 1_000,
                    duration_ms__isnull=False,
                    stop_requested_at__isnull=True,
                    time_limit__isnull=False,
                )
                & Q(status="completed"),
                name="recording_cut_short",
            ),
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                django.db.models.functions.Coalesce(
                    "duration_ms", models.Func(template="0", output_field=models.BigIntegerField())
                ),
                F("id"),
                F("account"),
                name="recording_by_length",
            ),
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                fields=["status", "-happened_at", "-id", "account"],
                condition=~Q(status="completed"),
                name="recording_of_other_status",
            ),
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                fields=["origin", "-happened_at", "-id", "account"],
                condition=~Q(origin="sync"),
                name="recording_of_other_origin",
            ),
        ),
        migrations.AddIndex(
            "recording",
            models.Index(
                fields=["file_format", "-happened_at", "-id", "account"],
                condition=Q(file_format__isnull=False) & ~Q(file_format="mp3"),
                name="recording_of_other_format",
            ),
        ),
    ]
