"""The order of every list, newest first, by an index; for calls by a column that says when each was."""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import Min, OuterRef, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone


def say_when(apps: Any, _editor: Any) -> None:
    """What lists went by until now: a call's start, else its first recording, else when it became known here."""
    calls, recordings = (apps.get_model("recordings", name).objects for name in ("Call", "Recording"))
    of_call = recordings.filter(call=OuterRef("pk")).order_by().values("call")
    first = Subquery(of_call.annotate(first=Min("happened_at")).values("first"))
    calls.update(happened_at=Coalesce("started_at", first, "created_at"))


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0008_worker_night"),
    ]

    operations = [
        migrations.AddField(
            model_name="call",
            name="happened_at",
            field=models.DateTimeField(default=timezone.now, verbose_name="when"),
        ),
        migrations.RunPython(say_when, migrations.RunPython.noop),
        migrations.AlterModelOptions(
            name="call",
            options={
                "ordering": ["-happened_at", "-id"],
                "permissions": [("view_live_calls", "Can see live calls")],
                "verbose_name": "call",
                "verbose_name_plural": "calls",
            },
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(fields=["account", "-happened_at", "-id"], name="call_newest"),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(fields=["-happened_at", "-id"], name="call_newest_of_all"),
        ),
        migrations.AddIndex(
            model_name="callbackevent",
            index=models.Index(fields=["-received_at", "-id"], name="callbackevent_newest_of_all"),
        ),
        migrations.AddIndex(
            model_name="syncrun",
            index=models.Index(fields=["-started_at", "-id"], name="syncrun_newest_of_all"),
        ),
    ]
