"""The tokens of every transcript, for the search index (the index itself is made after every migrate)."""

from typing import Any

from django.db import migrations, models

import recordings.models.transcription
from recordings.tokens import tokens_text

ROWS_AT_ONCE = 500


def tokenize_all(apps: Any, schema_editor: Any) -> None:
    """Set the tokens of every text, in slices of the primary key so that memory stays flat."""
    rows = apps.get_model("recordings", "Transcription").objects.using(schema_editor.connection.alias)
    after = 0
    while True:
        found = rows.filter(pk__gt=after, text__isnull=False).order_by("pk").values_list("pk", "text")
        batch = list(found[:ROWS_AT_ONCE])
        if not batch:
            return
        for pk, text in batch:
            rows.filter(pk=pk).update(tokens=tokens_text(text))
        after = batch[-1][0]


class Migration(migrations.Migration):
    dependencies = [("recordings", "0001_release")]

    operations = [
        migrations.AddField(
            model_name="transcription",
            name="tokens",
            field=recordings.models.transcription.TokensField(editable=False, null=True, of="text"),
        ),
        migrations.RunPython(tokenize_all, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="transcription",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("text__isnull", True), ("tokens__isnull", True)),
                    models.Q(("text__isnull", False), ("tokens__isnull", False)),
                    _connector="OR",
                ),
                name="transcription_text_has_tokens",
            ),
        ),
    ]
