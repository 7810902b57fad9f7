from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [
        ("recordings", "0027_account_indexes"),
    ]

    operations = [
        migrations.AddIndex(
            "syncrun",
            models.Index(
                fields=["state", "-started_at", "-id", "account"],
                condition=~Q(state="complete"),
                name="syncrun_not_complete",
            ),
        ),
    ]
