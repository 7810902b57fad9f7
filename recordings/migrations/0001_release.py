"""Every table of version 0.1, and the five roles.

A database of 0.1 made them by thirteen migrations. It has all this, so there this one only notes that it ran.
"""

from __future__ import annotations

from typing import Any

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import django.utils.timezone
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

import recordings.models.account
from recordings.roles import APP, make_permissions, make_roles, remove_roles


def create_roles(apps: Apps, schema_editor: Any) -> None:
    """Create the permissions, then the groups that hold them."""
    using = schema_editor.connection.alias
    make_permissions(apps, using)
    make_roles(apps, using)


def delete_unused_roles(apps: Apps, schema_editor: Any) -> None:
    """Delete the groups that nobody has and nobody changed; permissions are Django's own to keep."""
    remove_roles(apps, schema_editor.connection.alias)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    def apply(
        self,
        project_state: ProjectState,
        schema_editor: Any,
        collect_sql: bool = False,  # noqa: FBT001, FBT002 - as Django calls it
    ) -> ProjectState:
        """Create the tables, unless the last migration of 0.1 was run: then they are there."""
        applied = MigrationRecorder(schema_editor.connection).applied_migrations()
        if (APP, "0013_listed_without_audio") in applied:
            return self.mutate_state(project_state, preserve=False)
        return super().apply(project_state, schema_editor, collect_sql)

    operations = [
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
                ("nightly_at", models.DateTimeField(null=True)),
                ("stopped_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
            },
        ),
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
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="accessevent_newest"),
                    models.Index(fields=["account_auth_id", "-at", "-id"], name="accessevent_of_account"),
                    models.Index(fields=["user_pk", "-at", "-id"], name="accessevent_of_user"),
                    models.Index(fields=["recording_pk", "-at", "-id"], name="accessevent_of_recording"),
                    models.Index(fields=["recording_id"], name="accessevent_of_recording_id"),
                    models.Index(fields=["username"], name="accessevent_of_username"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("action__in", ["play", "download", "transcript", "export"])),
                        name="accessevent_action",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("result__in", ["ok", "refused", "failed"])),
                        name="accessevent_result",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Account",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("leased_by", models.CharField(editable=False, max_length=100, null=True)),
                ("leased_until", models.DateTimeField(editable=False, null=True)),
                (
                    "auth_id",
                    models.CharField(
                        help_text="From Vobiz's console: MA_… for a main account, SA_… for a sub-account.",
                        max_length=64,
                        unique=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9][A-Za-z0-9_-]{3,63}\\Z", "Such as MA_PU0XU668."
                            )
                        ],
                        verbose_name="Auth ID",
                    ),
                ),
                ("name", models.CharField(blank=True, max_length=200, null=True, verbose_name="name")),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="A switched-off account is not synced and starts nothing; its rows and callbacks stay.",
                        verbose_name="switched on",
                    ),
                ),
                ("encrypted_token", models.TextField(editable=False, null=True)),
                ("former_encrypted_token", models.TextField(editable=False, null=True)),
                (
                    "former_token_until",
                    models.DateTimeField(blank=True, null=True, verbose_name="former token accepted until"),
                ),
                (
                    "callback_key",
                    models.CharField(
                        default=recordings.models.account.new_callback_key,
                        editable=False,
                        max_length=64,
                        unique=True,
                    ),
                ),
                (
                    "refused_uncounted",
                    models.PositiveIntegerField(
                        default=0, editable=False, verbose_name="refused callbacks only counted"
                    ),
                ),
                (
                    "default_time_limit",
                    models.PositiveIntegerField(
                        default=14400,
                        help_text="Seconds. Vobiz cuts at 60 when none is sent, so the portal always sends one.",
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(28800),
                        ],
                        verbose_name="time limit of new recordings",
                    ),
                ),
                (
                    "default_file_format",
                    models.CharField(
                        choices=[("mp3", "MP3"), ("wav", "WAV")],
                        default="mp3",
                        max_length=8,
                        verbose_name="format of new recordings",
                    ),
                ),
                (
                    "default_channels",
                    models.CharField(
                        choices=[("stereo", "stereo: one side each"), ("mono", "mono")],
                        default="stereo",
                        max_length=8,
                        verbose_name="channels of new recordings",
                    ),
                ),
                (
                    "default_transcribe",
                    models.BooleanField(default=False, verbose_name="transcribe new recordings"),
                ),
                (
                    "retention_days",
                    models.PositiveIntegerField(
                        default=30,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="days Vobiz keeps audio",
                    ),
                ),
                (
                    "require_signed",
                    models.BooleanField(
                        default=False,
                        help_text="Unsigned callbacks are then refused, and kept so that they can be processed later.",
                        verbose_name="require signed callbacks",
                    ),
                ),
                (
                    "recorded_by_flow",
                    models.BooleanField(
                        default=False,
                        help_text="Vobiz does not list such recordings while they run, so the portal asks before a start.",
                        verbose_name="its calls are also recorded by a call flow",
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        default="Asia/Kolkata",
                        help_text="For the times Vobiz sends without a zone.",
                        max_length=64,
                        validators=[recordings.models.account.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "archive_automatically",
                    models.BooleanField(
                        default=True,
                        help_text="Keep our own copy of every recording's audio, because Vobiz deletes its own.",
                        verbose_name="archive automatically",
                    ),
                ),
                (
                    "archive_pause",
                    models.TextField(editable=False, null=True, verbose_name="why archiving pauses"),
                ),
                (
                    "archive_paused_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="archiving pauses since"),
                ),
                (
                    "archive_probe_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="archiving is tried again at"
                    ),
                ),
                (
                    "first_synced_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="first complete sync"),
                ),
                ("settled_at", models.DateTimeField(editable=False, null=True, verbose_name="last settled")),
                (
                    "gap_seen_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="missing callbacks seen"),
                ),
                ("live_refresh_started_at", models.DateTimeField(editable=False, null=True)),
                ("live_tried_at", models.DateTimeField(editable=False, null=True)),
                (
                    "live_refreshed_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="live calls last read"),
                ),
                ("live_error", models.TextField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "members",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Staff see only the accounts they belong to; superusers see all.",
                        related_name="vobiz_accounts",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="members",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        help_text="For a sub-account: its main account. Callbacks may be signed with the parent's token.",
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="subaccounts",
                        to="recordings.account",
                        verbose_name="parent account",
                    ),
                ),
            ],
            options={
                "verbose_name": "account",
                "verbose_name_plural": "accounts",
                "ordering": ["auth_id"],
                "permissions": [
                    ("test_account", "Can test an account's connection"),
                    ("change_token", "Can change an account's token"),
                    ("test_storage", "Can test the archive's storage"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("default_time_limit__gte", 1), ("default_time_limit__lte", 28800)
                        ),
                        name="account_default_time_limit",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("default_file_format__in", ["mp3", "wav"])),
                        name="account_default_file_format",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("default_channels__in", ["stereo", "mono"])),
                        name="account_default_channels",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("retention_days__gte", 1)), name="account_retention_days"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("parent__isnull", True),
                            models.Q(("parent", models.F("id")), _negated=True),
                            _connector="OR",
                        ),
                        name="account_not_its_own_parent",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Call",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("call_uuid", models.CharField(max_length=64, verbose_name="call UUID")),
                (
                    "direction",
                    models.CharField(
                        blank=True,
                        choices=[("inbound", "inbound"), ("outbound", "outbound")],
                        max_length=16,
                        null=True,
                        verbose_name="direction",
                    ),
                ),
                ("from_number", models.CharField(blank=True, max_length=255, null=True, verbose_name="from")),
                ("to_number", models.CharField(blank=True, max_length=255, null=True, verbose_name="to")),
                ("from_digits", models.CharField(editable=False, max_length=32, null=True)),
                ("to_digits", models.CharField(editable=False, max_length=32, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("live", "live"), ("ended", "ended"), ("unknown", "unknown")],
                        default="unknown",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                (
                    "vobiz_status",
                    models.CharField(blank=True, max_length=64, null=True, verbose_name="status at Vobiz"),
                ),
                ("started_at", models.DateTimeField(blank=True, null=True, verbose_name="started")),
                (
                    "ended_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When the portal first saw it was over.",
                        null=True,
                        verbose_name="ended",
                    ),
                ),
                ("seen_live_at", models.DateTimeField(blank=True, null=True, verbose_name="last seen live")),
                ("happened_at", models.DateTimeField(default=django.utils.timezone.now, verbose_name="when")),
                ("provider_data", models.JSONField(blank=True, null=True, verbose_name="as Vobiz said")),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="recordings.account",
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "call",
                "verbose_name_plural": "calls",
                "ordering": ["-happened_at", "-id"],
                "permissions": [("view_live_calls", "Can see live calls")],
                "indexes": [
                    models.Index(fields=["call_uuid"], name="call_by_uuid"),
                    models.Index(fields=["account", "-happened_at", "-id"], name="call_newest"),
                    models.Index(fields=["-happened_at", "-id"], name="call_newest_of_all"),
                    models.Index(fields=["started_at"], name="call_by_start"),
                    models.Index(condition=models.Q(("state", "live")), fields=["account"], name="call_live"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("account", "call_uuid"), name="call_once_an_account"),
                    models.CheckConstraint(
                        condition=models.Q(("state__in", ["live", "ended", "unknown"])), name="call_state"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("direction__isnull", True),
                            ("direction__in", ["inbound", "outbound"]),
                            _connector="OR",
                        ),
                        name="call_direction",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("call_uuid", ""),
                            ("from_number", ""),
                            ("to_number", ""),
                            _connector="OR",
                            _negated=True,
                        ),
                        name="call_unknown_is_null",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Preference",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        max_length=64,
                        validators=[recordings.models.account.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="preference",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "preference",
                "verbose_name_plural": "preferences",
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Recording",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("leased_by", models.CharField(editable=False, max_length=100, null=True)),
                ("leased_until", models.DateTimeField(editable=False, null=True)),
                ("api_id", models.CharField(blank=True, max_length=256, null=True, verbose_name="api_id")),
                (
                    "recording_url",
                    models.CharField(blank=True, max_length=2048, null=True, verbose_name="recording URL"),
                ),
                ("kind", models.CharField(blank=True, max_length=32, null=True, verbose_name="kind")),
                (
                    "file_format",
                    models.CharField(blank=True, max_length=32, null=True, verbose_name="format"),
                ),
                (
                    "conference_name",
                    models.CharField(blank=True, max_length=256, null=True, verbose_name="conference"),
                ),
                ("added_at", models.DateTimeField(blank=True, null=True, verbose_name="added at Vobiz")),
                ("started_at", models.DateTimeField(blank=True, null=True, verbose_name="started")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "times_approximate",
                    models.BooleanField(blank=True, null=True, verbose_name="times are approximate"),
                ),
                (
                    "duration_ms",
                    models.BigIntegerField(
                        blank=True, help_text="Milliseconds.", null=True, verbose_name="duration"
                    ),
                ),
                (
                    "billed_seconds",
                    models.BigIntegerField(blank=True, null=True, verbose_name="billed seconds"),
                ),
                (
                    "storage_days",
                    models.BigIntegerField(blank=True, null=True, verbose_name="days in storage"),
                ),
                (
                    "storage_rate",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        help_text="USD a month.",
                        max_digits=26,
                        null=True,
                        verbose_name="storage rate",
                    ),
                ),
                (
                    "monthly_storage_amount",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        help_text="USD.",
                        max_digits=26,
                        null=True,
                        verbose_name="storage this month",
                    ),
                ),
                ("sources", models.JSONField(blank=True, default=dict)),
                ("audio", models.CharField(blank=True, max_length=255, null=True, verbose_name="audio file")),
                (
                    "audio_sha256",
                    models.CharField(blank=True, max_length=64, null=True, verbose_name="SHA-256"),
                ),
                ("audio_bytes", models.BigIntegerField(blank=True, null=True, verbose_name="bytes")),
                (
                    "container",
                    models.CharField(blank=True, max_length=8, null=True, verbose_name="true format"),
                ),
                (
                    "audio_duration_ms",
                    models.BigIntegerField(
                        blank=True,
                        help_text="Milliseconds, measured in our copy.",
                        null=True,
                        verbose_name="true duration",
                    ),
                ),
                (
                    "audio_channels",
                    models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="true channels"),
                ),
                (
                    "needs_attention",
                    models.CharField(
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
                (
                    "archive_flag",
                    models.CharField(
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
                ("archived_at", models.DateTimeField(blank=True, null=True, verbose_name="archived")),
                ("verified_at", models.DateTimeField(blank=True, null=True, verbose_name="archive verified")),
                (
                    "gone_at_provider_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="gone at Vobiz"),
                ),
                (
                    "listed_without_audio",
                    models.BooleanField(db_default=False, default=False, editable=False),
                ),
                ("coming_audio", models.CharField(editable=False, max_length=255, null=True)),
                ("coming_sha256", models.CharField(editable=False, max_length=64, null=True)),
                ("archive_tries", models.PositiveIntegerField(default=0, verbose_name="tries to archive")),
                (
                    "archive_next_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="next try to archive"),
                ),
                (
                    "archive_asked_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="archiving asked for"),
                ),
                (
                    "archive_error",
                    models.TextField(blank=True, null=True, verbose_name="why it is not archived"),
                ),
                ("archive_body_sha256", models.CharField(editable=False, max_length=64, null=True)),
                ("archive_same_bodies", models.PositiveSmallIntegerField(default=0, editable=False)),
                ("seen_at", models.DateTimeField(blank=True, null=True, verbose_name="seen")),
                ("seen_note", models.TextField(blank=True, null=True, verbose_name="note")),
                (
                    "seen_reason",
                    models.CharField(blank=True, max_length=32, null=True, verbose_name="seen because"),
                ),
                (
                    "recording_id",
                    models.CharField(
                        blank=True, max_length=64, null=True, unique=True, verbose_name="recording id"
                    ),
                ),
                (
                    "origin",
                    models.CharField(
                        choices=[
                            ("portal", "started here"),
                            ("sync", "found by sync"),
                            ("callback", "announced by a callback"),
                        ],
                        max_length=16,
                        verbose_name="origin",
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "requested"),
                            ("active", "recording"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                        ],
                        max_length=16,
                        verbose_name="status",
                    ),
                ),
                ("error", models.TextField(blank=True, null=True, verbose_name="error")),
                ("callback_key", models.CharField(editable=False, max_length=64, null=True, unique=True)),
                (
                    "callback_base",
                    models.CharField(
                        editable=False, max_length=2048, null=True, verbose_name="address given to Vobiz"
                    ),
                ),
                ("intent", models.UUIDField(editable=False, null=True, unique=True)),
                ("requested_at", models.DateTimeField(blank=True, null=True, verbose_name="asked for")),
                (
                    "start_answer",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("accepted", "accepted"),
                            ("refused", "refused"),
                            ("not_sent", "not sent"),
                            ("unknown", "no readable answer"),
                        ],
                        max_length=16,
                        null=True,
                        verbose_name="Vobiz's answer",
                    ),
                ),
                (
                    "time_limit",
                    models.PositiveIntegerField(
                        blank=True, help_text="Seconds.", null=True, verbose_name="time limit"
                    ),
                ),
                (
                    "channels",
                    models.CharField(
                        blank=True,
                        choices=[("stereo", "stereo: one side each"), ("mono", "mono")],
                        max_length=8,
                        null=True,
                        verbose_name="channels",
                    ),
                ),
                ("transcribe", models.BooleanField(default=False, verbose_name="transcribe")),
                (
                    "stop_requested_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="stop asked for"),
                ),
                ("provider_data", models.JSONField(blank=True, null=True, verbose_name="as Vobiz said")),
                ("content_hash", models.BinaryField(max_length=32, null=True)),
                (
                    "synced_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When the API last said anything new.",
                        null=True,
                        verbose_name="last changed by the API",
                    ),
                ),
                ("happened_at", models.DateTimeField(verbose_name="when")),
                (
                    "read_back_due_at",
                    models.DateTimeField(
                        blank=True, editable=False, null=True, verbose_name="to be read back"
                    ),
                ),
                ("refused_uncounted", models.PositiveIntegerField(default=0, editable=False)),
                (
                    "no_callback_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="found to lack its callback"
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="recordings.account",
                        verbose_name="account",
                    ),
                ),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="recordings",
                        to="recordings.call",
                        verbose_name="call",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="started by",
                    ),
                ),
                (
                    "seen_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="seen by",
                    ),
                ),
                (
                    "stop_requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="stopped by",
                    ),
                ),
            ],
            options={
                "verbose_name": "recording",
                "verbose_name_plural": "recordings",
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
                "indexes": [
                    models.Index(fields=["account", "-happened_at", "-id"], name="recording_newest"),
                    models.Index(fields=["-happened_at", "-id"], name="recording_newest_of_all"),
                    models.Index(
                        condition=models.Q(("status__in", ["requested", "active"])),
                        fields=["account", "call"],
                        name="recording_open",
                    ),
                    models.Index(
                        condition=models.Q(("read_back_due_at__isnull", False)),
                        fields=["read_back_due_at"],
                        name="recording_read_back_due",
                    ),
                    models.Index(
                        condition=models.Q(("recording_id__isnull", True)),
                        fields=["call"],
                        name="recording_without_id",
                    ),
                    models.Index(
                        django.db.models.functions.comparison.Coalesce("added_at", "happened_at"),
                        condition=models.Q(
                            ("archived_at__isnull", True),
                            ("gone_at_provider_at__isnull", True),
                            ("status", "completed"),
                        ),
                        name="recording_leaving",
                    ),
                    models.Index(
                        django.db.models.functions.comparison.Coalesce("added_at", "happened_at"),
                        condition=models.Q(("archived_at__isnull", True), ("status", "completed")),
                        name="recording_not_archived",
                    ),
                    models.Index(
                        condition=models.Q(("archive_asked_at__isnull", False)),
                        fields=["archive_asked_at"],
                        name="recording_archive_asked",
                    ),
                    models.Index(
                        condition=models.Q(("archived_at__isnull", False)),
                        fields=["-archived_at"],
                        name="recording_newest_archived",
                    ),
                    models.Index(
                        condition=models.Q(("archived_at__isnull", False)),
                        fields=["verified_at"],
                        name="recording_to_verify",
                    ),
                    models.Index(
                        condition=models.Q(("audio__isnull", False)),
                        fields=["audio"],
                        name="recording_of_file",
                    ),
                    models.Index(
                        condition=models.Q(("no_callback_at__isnull", False)),
                        fields=["account", "no_callback_at"],
                        name="recording_without_callback",
                    ),
                    models.Index(
                        condition=models.Q(("needs_attention__isnull", False)),
                        fields=["needs_attention"],
                        name="recording_for_a_person",
                    ),
                    models.Index(
                        condition=models.Q(("callback_base__isnull", False)),
                        fields=["-happened_at"],
                        name="recording_with_callback",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["requested", "active", "completed", "failed"])),
                        name="recording_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("origin__in", ["portal", "sync", "callback"])),
                        name="recording_origin",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("start_answer__isnull", True),
                            ("start_answer__in", ["accepted", "refused", "not_sent", "unknown"]),
                            _connector="OR",
                        ),
                        name="recording_start_answer",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("channels__isnull", True), ("channels__in", ["stereo", "mono"]), _connector="OR"
                        ),
                        name="recording_channels",
                    ),
                    models.CheckConstraint(
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
                    models.CheckConstraint(
                        condition=models.Q(
                            ("archive_flag__isnull", True),
                            ("archive_flag__in", ["length_differs", "cut_by_vobiz"]),
                            _connector="OR",
                        ),
                        name="recording_archive_flag",
                    ),
                    models.CheckConstraint(
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
                    models.CheckConstraint(
                        condition=models.Q(
                            ("time_limit__isnull", True),
                            models.Q(("time_limit__gte", 1), ("time_limit__lte", 28800)),
                            _connector="OR",
                        ),
                        name="recording_time_limit",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("callback_key__isnull", True), ("requested_at__isnull", True)),
                            models.Q(
                                ("callback_key__isnull", False),
                                ("requested_at__isnull", False),
                                ("time_limit__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="recording_requested_with_key_and_limit",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("requested_at__isnull", False), ("recording_id__isnull", False), _connector="OR"
                        ),
                        name="recording_known_by_request_or_id",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("recording_id", ""),
                            ("callback_key", ""),
                            ("api_id", ""),
                            ("recording_url", ""),
                            ("kind", ""),
                            ("file_format", ""),
                            ("conference_name", ""),
                            _connector="OR",
                            _negated=True,
                        ),
                        name="recording_unknown_is_null",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CallbackEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("door", models.CharField(editable=False, max_length=16)),
                ("key_digest", models.CharField(editable=False, max_length=64)),
                ("content_digest", models.CharField(editable=False, max_length=64)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("recording", "recording"),
                            ("transcription", "transcription"),
                            ("other", "other"),
                        ],
                        default="other",
                        max_length=16,
                        verbose_name="kind",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("received", "received, not applied yet"),
                            ("applied", "applied"),
                            ("unmatched", "no such recording here yet"),
                            ("conflict", "contradicts what is known"),
                            ("refused", "signature refused"),
                            ("unparsed", "not readable"),
                            ("failed", "could not be applied"),
                        ],
                        max_length=16,
                        verbose_name="outcome",
                    ),
                ),
                ("payload", models.JSONField(default=dict, verbose_name="fields received")),
                ("nonces", models.JSONField(default=list, verbose_name="nonces")),
                (
                    "scheme",
                    models.CharField(
                        choices=[
                            ("v2", "V2"),
                            ("v3", "V3"),
                            ("ma-v2", "MA-V2"),
                            ("ma-v3", "MA-V3"),
                            ("none", "none"),
                        ],
                        default="none",
                        max_length=8,
                        verbose_name="scheme",
                    ),
                ),
                (
                    "trust",
                    models.CharField(
                        choices=[("signed", "signed"), ("unsigned", "unsigned"), ("refused", "refused")],
                        max_length=16,
                        verbose_name="trust",
                    ),
                ),
                ("signature_headers", models.JSONField(default=list, editable=False)),
                ("hosts", models.JSONField(default=list, editable=False)),
                (
                    "expected_base",
                    models.CharField(blank=True, max_length=2048, null=True, verbose_name="address expected"),
                ),
                ("raw_body", models.BinaryField(null=True)),
                ("raw_form", models.JSONField(editable=False, null=True)),
                ("deliveries", models.PositiveIntegerField(default=1, verbose_name="deliveries")),
                ("attempts", models.PositiveIntegerField(default=0, verbose_name="attempts to apply")),
                ("error", models.TextField(blank=True, null=True, verbose_name="error")),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("processed_at", models.DateTimeField(blank=True, null=True, verbose_name="processed")),
                ("seen_at", models.DateTimeField(blank=True, editable=False, null=True, verbose_name="seen")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="recordings.account",
                        verbose_name="account",
                    ),
                ),
                (
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
                (
                    "recording",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="recordings.recording",
                        verbose_name="recording",
                    ),
                ),
            ],
            options={
                "verbose_name": "callback event",
                "verbose_name_plural": "callback events",
                "ordering": ["-received_at", "-id"],
                "permissions": [("process_callbackevent", "Can process callback events again")],
                "indexes": [
                    models.Index(fields=["account", "-received_at"], name="callbackevent_newest"),
                    models.Index(fields=["-received_at", "-id"], name="callbackevent_newest_of_all"),
                    models.Index(
                        condition=models.Q(("outcome", "applied"), _negated=True),
                        fields=["account", "outcome"],
                        name="callbackevent_not_applied",
                    ),
                    models.Index(fields=["account", "trust", "received_at"], name="callbackevent_by_trust"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("key_digest", "trust", "content_digest"),
                        name="callbackevent_once_each_content",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["recording", "transcription", "other"])),
                        name="callbackevent_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "outcome__in",
                                [
                                    "received",
                                    "applied",
                                    "unmatched",
                                    "conflict",
                                    "refused",
                                    "unparsed",
                                    "failed",
                                ],
                            )
                        ),
                        name="callbackevent_outcome",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("trust__in", ["signed", "unsigned", "refused"])),
                        name="callbackevent_trust",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("scheme__in", ["v2", "v3", "ma-v2", "ma-v3", "none"])),
                        name="callbackevent_scheme",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SpentNonce",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key_digest", models.CharField(max_length=64)),
                ("nonce", models.CharField(max_length=64)),
                ("content_digest", models.CharField(max_length=64)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("key_digest", "nonce"), name="spentnonce_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="SyncRun",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "running"),
                            ("complete", "complete"),
                            ("partial", "partial"),
                            ("failed", "failed"),
                            ("interrupted", "interrupted"),
                        ],
                        default="running",
                        max_length=16,
                        verbose_name="state",
                    ),
                ),
                ("scope", models.JSONField(blank=True, default=dict, verbose_name="asked for")),
                (
                    "complete",
                    models.BooleanField(
                        default=False,
                        help_text="Every page it asked for was read and every row applied.",
                        verbose_name="complete",
                    ),
                ),
                ("started_at", models.DateTimeField(verbose_name="started")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("lease_until", models.DateTimeField(editable=False)),
                ("pages", models.PositiveIntegerField(default=0, verbose_name="pages")),
                ("seen", models.PositiveIntegerField(default=0, verbose_name="seen")),
                ("created", models.PositiveIntegerField(default=0, verbose_name="new")),
                ("updated", models.PositiveIntegerField(default=0, verbose_name="updated")),
                ("unchanged", models.PositiveIntegerField(default=0, verbose_name="unchanged")),
                ("gone", models.PositiveIntegerField(default=0, verbose_name="gone at Vobiz")),
                ("failed", models.PositiveIntegerField(default=0, verbose_name="failed")),
                (
                    "total_count",
                    models.PositiveBigIntegerField(
                        blank=True, null=True, verbose_name="total by Vobiz's count"
                    ),
                ),
                ("failures", models.JSONField(blank=True, default=list, verbose_name="what failed")),
                ("error", models.TextField(blank=True, null=True, verbose_name="error")),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        to="recordings.account",
                        verbose_name="account",
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="asked for by",
                    ),
                ),
            ],
            options={
                "verbose_name": "sync run",
                "verbose_name_plural": "sync runs",
                "ordering": ["-started_at", "-id"],
                "permissions": [("sync_now", "Can sync now")],
                "indexes": [
                    models.Index(fields=["account", "-started_at"], name="syncrun_newest"),
                    models.Index(fields=["-started_at", "-id"], name="syncrun_newest_of_all"),
                    models.Index(
                        condition=models.Q(("complete", True)),
                        fields=["account", "-started_at"],
                        name="syncrun_newest_complete",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["running", "complete", "partial", "failed", "interrupted"])
                        ),
                        name="syncrun_state",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")),
                        fields=("account",),
                        name="syncrun_one_running_an_account",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("ended_at__isnull", True), ("state", "running")),
                            models.Q(
                                models.Q(("state", "running"), _negated=True), ("ended_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="syncrun_ended_when_not_running",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("complete", False), ("state", "complete"), _connector="OR"),
                        name="syncrun_complete_only_when_complete",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Transcription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("expected", "expected"),
                            ("completed", "completed"),
                            ("failed", "failed"),
                            ("missing", "missing"),
                        ],
                        default="expected",
                        max_length=16,
                        verbose_name="status",
                    ),
                ),
                ("text", models.TextField(blank=True, null=True, verbose_name="text")),
                ("error", models.TextField(blank=True, null=True, verbose_name="error")),
                (
                    "charge",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        help_text="Vobiz does not name the currency.",
                        max_digits=26,
                        null=True,
                        verbose_name="charge",
                    ),
                ),
                (
                    "rate",
                    models.DecimalField(
                        blank=True, decimal_places=8, max_digits=26, null=True, verbose_name="rate a minute"
                    ),
                ),
                (
                    "duration",
                    models.BigIntegerField(
                        blank=True, help_text="Seconds.", null=True, verbose_name="duration"
                    ),
                ),
                (
                    "trust",
                    models.CharField(
                        blank=True,
                        choices=[("signed", "signed"), ("unsigned", "unsigned"), ("refused", "refused")],
                        max_length=16,
                        null=True,
                        verbose_name="trust",
                    ),
                ),
                ("received_at", models.DateTimeField(blank=True, null=True, verbose_name="received")),
                (
                    "recording",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="transcription",
                        to="recordings.recording",
                        verbose_name="recording",
                    ),
                ),
            ],
            options={
                "verbose_name": "transcription",
                "verbose_name_plural": "transcriptions",
                "ordering": ["-id"],
                "permissions": [("read_transcription", "Can read transcripts")],
                "indexes": [
                    models.Index(
                        condition=models.Q(("status", "expected")),
                        fields=["recording"],
                        name="transcription_expected",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["expected", "completed", "failed", "missing"])),
                        name="transcription_status",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("trust__isnull", True), ("trust__in", ["signed", "unsigned"]), _connector="OR"
                        ),
                        name="transcription_trust",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "completed"), _negated=True),
                            ("text__isnull", False),
                            _connector="OR",
                        ),
                        name="transcription_completed_has_text",
                    ),
                ],
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
                (
                    "recording",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="waveform",
                        to="recordings.recording",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.RunPython(create_roles, delete_unused_roles),
    ]
