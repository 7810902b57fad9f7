"""Every table of today, and the roles: what 0001 to 0029 make one after the other, in a fifth of the time.

A new database runs this one alone. One that has run some of them, or those of version 0.1, goes on with the rest; one
that has run them all goes on from here.
"""

from __future__ import annotations

from importlib import import_module

import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import recordings.models.account
import recordings.models.recording.transitions
import recordings.models.transcription

release = import_module("recordings.migrations.0001_release")


class Migration(migrations.Migration):
    initial = True
    replaces = [
        # of version 0.1
        ("recordings", "0001_initial"),
        ("recordings", "0002_roles"),
        ("recordings", "0003_overview_indexes"),
        ("recordings", "0004_preference"),
        ("recordings", "0005_archive"),
        ("recordings", "0006_archive_roles"),
        ("recordings", "0007_access_log_indexes"),
        ("recordings", "0008_worker_night"),
        ("recordings", "0009_newest_first"),
        ("recordings", "0010_archive_expected"),
        ("recordings", "0011_archive_asked"),
        ("recordings", "0012_seen_callbacks"),
        ("recordings", "0013_listed_without_audio"),
        # and since
        ("recordings", "0001_release"),
        ("recordings", "0002_search"),
        ("recordings", "0003_preferred_account"),
        ("recordings", "0004_audio_facts"),
        ("recordings", "0005_numbers"),
        ("recordings", "0006_supervisor"),
        ("recordings", "0007_callback_readers"),
        ("recordings", "0008_calls_without_uuid"),
        ("recordings", "0009_words"),
        ("recordings", "0010_start_limits"),
        ("recordings", "0011_signin"),
        ("recordings", "0012_callback_budget"),
        ("recordings", "0013_ended_needs_nobody"),
        ("recordings", "0014_account_words"),
        ("recordings", "0015_trunk_webhooks"),
        ("recordings", "0016_api_circuit"),
        ("recordings", "0017_list_words"),
        ("recordings", "0018_saved_views"),
        ("recordings", "0019_sync_run_stopped"),
        ("recordings", "0020_recording_words"),
        ("recordings", "0021_list_indexes"),
        ("recordings", "0022_alerts"),
        ("recordings", "0023_alert_webhooks"),
        ("recordings", "0024_rare_filters"),
        ("recordings", "0025_outgoing_events"),
        ("recordings", "0026_call_not_seen_live"),
        ("recordings", "0027_account_indexes"),
        ("recordings", "0028_failed_syncs"),
        ("recordings", "0029_access_words"),
    ]

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

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
                            ("play", "play"),
                            ("download", "download"),
                            ("transcript", "read transcript"),
                            ("export", "export"),
                            ("sign_in", "login"),
                            ("factor", "password or second factor"),
                            ("person", "person or role"),
                            ("event", "send event again"),
                        ],
                        max_length=16,
                        verbose_name="what",
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        choices=[("ok", "done"), ("refused", "refused"), ("failed", "not available")],
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
                "verbose_name": "access log entry",
                "verbose_name_plural": "access log entries",
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
                        condition=models.Q(
                            (
                                "action__in",
                                [
                                    "play",
                                    "download",
                                    "transcript",
                                    "export",
                                    "sign_in",
                                    "factor",
                                    "person",
                                    "event",
                                ],
                            )
                        ),
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
                        help_text="An inactive account is not synced and cannot record. Its recordings stay.",
                        verbose_name="active",
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
                        default=0, editable=False, verbose_name="callbacks counted and not stored"
                    ),
                ),
                (
                    "dropped_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="a callback was last not stored"
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
                        choices=[("stereo", "Stereo (caller left, callee right)"), ("mono", "Mono")],
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
                        verbose_name="retention in days",
                    ),
                ),
                (
                    "require_signed",
                    models.BooleanField(
                        default=False,
                        help_text="Unsigned callbacks are rejected. They are kept, so that they can be processed later.",
                        verbose_name="accept signed callbacks only",
                    ),
                ),
                ("encrypted_webhook_secret", models.TextField(editable=False, null=True)),
                (
                    "webhook_header",
                    models.CharField(
                        blank=True,
                        help_text="The header in which Vobiz signs the webhooks of a SIP trunk. Empty: X-Vobiz-Signature.",
                        max_length=64,
                        null=True,
                        validators=[
                            django.core.validators.RegexValidator(
                                "\\A[A-Za-z0-9-]+\\Z", "Such as X-Vobiz-Signature."
                            )
                        ],
                        verbose_name="signature header of trunk webhooks",
                    ),
                ),
                (
                    "recorded_by_flow",
                    models.BooleanField(
                        default=False,
                        help_text="The portal then asks before it starts a second recording of the same call.",
                        verbose_name="a call flow also records these calls",
                    ),
                ),
                (
                    "time_zone",
                    models.CharField(
                        default="Asia/Kolkata",
                        help_text="For times that Vobiz sends without a zone.",
                        max_length=64,
                        validators=[recordings.models.account.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
                    "region",
                    models.CharField(
                        blank=True,
                        help_text="For numbers that Vobiz sends without a country code. Empty: DEFAULT_REGION of the portal.",
                        max_length=2,
                        null=True,
                        validators=[recordings.models.account.validate_region],
                        verbose_name="country of its numbers",
                    ),
                ),
                (
                    "alert_addresses",
                    models.TextField(
                        blank=True,
                        db_default="",
                        default="",
                        help_text="One on each line, at most ten. They are told of problems of this account and of the portal.",
                        validators=[recordings.models.account.validate_addresses],
                        verbose_name="e-mail addresses for alerts",
                    ),
                ),
                (
                    "archive_automatically",
                    models.BooleanField(
                        default=True,
                        help_text="Archive the audio of every recording, because Vobiz deletes it.",
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
                ("api_failures", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
                (
                    "api_down_since",
                    models.DateTimeField(editable=False, null=True, verbose_name="Vobiz unreachable since"),
                ),
                ("api_probe_at", models.DateTimeField(editable=False, null=True)),
                ("token_refused", models.BooleanField(db_default=False, default=False, editable=False)),
                ("refused_due_at", models.DateTimeField(editable=False, null=True)),
                (
                    "first_synced_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="first complete sync"),
                ),
                (
                    "settled_at",
                    models.DateTimeField(
                        editable=False, null=True, verbose_name="unfinished recordings last checked"
                    ),
                ),
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
                        help_text="People see only the accounts they belong to. A superuser sees all.",
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
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "code",
                    models.CharField(
                        choices=[
                            ("disk_filling", "Disk filling"),
                            ("callbacks_silent", "No callbacks received"),
                            ("no_worker", "No worker"),
                            ("no_token", "No auth token"),
                            ("token_refused", "Auth token refused"),
                            ("api_down", "Vobiz unreachable"),
                            ("archive_stopped", "Archiving stopped"),
                            ("sync_failing", "Sync failing"),
                            ("callbacks_rejected", "Callbacks rejected"),
                            ("at_risk", "Recordings at risk"),
                            ("lost", "Recordings lost"),
                            ("alerts_failing", "Alerts not sent"),
                            ("events_failing", "Events not delivered"),
                        ],
                        max_length=32,
                        verbose_name="problem",
                    ),
                ),
                ("cause", models.TextField()),
                ("cure", models.TextField()),
                ("url", models.TextField()),
                ("since", models.DateTimeField(null=True)),
                ("opened_at", models.DateTimeField()),
                ("seen_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(db_index=True, null=True)),
                (
                    "account",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="recordings.account",
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert",
                "verbose_name_plural": "alerts",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "code__in",
                                [
                                    "disk_filling",
                                    "callbacks_silent",
                                    "no_worker",
                                    "no_token",
                                    "token_refused",
                                    "api_down",
                                    "archive_stopped",
                                    "sync_failing",
                                    "callbacks_rejected",
                                    "at_risk",
                                    "lost",
                                    "alerts_failing",
                                    "events_failing",
                                ],
                            )
                        ),
                        name="alert_code",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("account__isnull", False), ("ended_at", None)),
                        fields=("code", "account"),
                        name="alert_of_account",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("account", None), ("ended_at", None)),
                        fields=("code",),
                        name="alert_of_portal",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertChoice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "each",
                    models.BooleanField(
                        default=False, verbose_name="an e-mail when a problem begins, and when it is over"
                    ),
                ),
                (
                    "digest",
                    models.CharField(
                        choices=[("never", "Never"), ("daily", "Every day"), ("weekly", "Every week")],
                        default="never",
                        max_length=8,
                        verbose_name="summary",
                    ),
                ),
                ("digest_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_choice",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "choice of alerts",
                "verbose_name_plural": "choices of alerts",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("digest__in", ["never", "daily", "weekly"])),
                        name="alertchoice_digest",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertWebhook",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "form",
                    models.CharField(
                        choices=[
                            ("standard", "Signed JSON (Standard Webhooks)"),
                            ("slack", "Slack, or what reads the same"),
                        ],
                        default="standard",
                        max_length=8,
                        verbose_name="form",
                    ),
                ),
                ("host", models.CharField(max_length=253, verbose_name="host")),
                ("encrypted_url", models.TextField(editable=False)),
                ("encrypted_secret", models.TextField(editable=False)),
                ("former_encrypted_secret", models.TextField(editable=False, null=True)),
                ("former_until", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("sends_alerts", models.BooleanField(db_default=True, default=True, verbose_name="alerts")),
                (
                    "events",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=200, verbose_name="events"
                    ),
                ),
                ("events_since", models.DateTimeField(editable=False, null=True)),
                (
                    "with_numbers",
                    models.BooleanField(db_default=False, default=False, verbose_name="phone numbers"),
                ),
                (
                    "with_text",
                    models.BooleanField(db_default=False, default=False, verbose_name="transcript text"),
                ),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_webhooks",
                        to="recordings.account",
                        verbose_name="account",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert webhook",
                "verbose_name_plural": "alert webhooks",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("form__in", ["standard", "slack"])), name="alertwebhook_form"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("events", ""),
                            models.Q(("events_since__isnull", False), ("form", "standard")),
                            _connector="OR",
                        ),
                        name="alertwebhook_events_since",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertMessage",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("next_at", models.DateTimeField(db_index=True, null=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("error", models.TextField(null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("started", "Began"),
                            ("ended", "Over"),
                            ("digest", "Digest"),
                            ("test", "Test"),
                        ],
                        max_length=8,
                        verbose_name="tells",
                    ),
                ),
                ("address", models.CharField(max_length=254, null=True, verbose_name="address")),
                ("text", models.TextField(null=True)),
                (
                    "alert",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="recordings.alert",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_messages",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="recordings.alertwebhook",
                    ),
                ),
            ],
            options={
                "verbose_name": "alert message",
                "verbose_name_plural": "alert messages",
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("kind__in", ["started", "ended", "digest", "test"])),
                        name="alertmessage_kind",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("address", ""), _negated=True),
                            models.Q(("text", ""), _negated=True),
                            models.Q(("error", ""), _negated=True),
                        ),
                        name="alertmessage_unknown_is_null",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("alert__isnull", False), ("user__isnull", False)),
                        fields=("alert", "kind", "user"),
                        name="alertmessage_once_a_person",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("address__isnull", False), ("alert__isnull", False)),
                        fields=("alert", "kind", "address"),
                        name="alertmessage_once_an_address",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("alert__isnull", False), ("webhook__isnull", False)),
                        fields=("alert", "kind", "webhook"),
                        name="alertmessage_once_a_webhook",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CacheEntry",
            fields=[
                ("key", models.CharField(max_length=250, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(null=True)),
                ("text", models.TextField(null=True)),
                ("expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["expires_at"], name="cacheentry_expiry")],
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
                (
                    "call_uuid",
                    models.CharField(blank=True, max_length=64, null=True, verbose_name="call UUID"),
                ),
                (
                    "call_uuid_text",
                    models.CharField(
                        blank=True,
                        editable=False,
                        help_text="Not an id as Vobiz gives them, so Vobiz is asked nothing about this call.",
                        max_length=255,
                        null=True,
                        verbose_name="call, as Vobiz names it",
                    ),
                ),
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
                    "numbers_version",
                    models.PositiveSmallIntegerField(db_default=0, default=1, editable=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("live", "live"), ("ended", "ended"), ("unknown", "not seen live")],
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
                    models.Index(
                        condition=models.Q(("numbers_version__lt", 1)), fields=["id"], name="call_numbers_due"
                    ),
                    models.Index(fields=["direction", "account"], name="call_by_direction"),
                    models.Index(
                        condition=models.Q(("call_uuid_text__isnull", False)),
                        fields=["call_uuid_text"],
                        name="call_by_text",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("account", "call_uuid"), name="call_once_an_account"),
                    models.UniqueConstraint(fields=("account", "call_uuid_text"), name="call_once_each_text"),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("call_uuid__isnull", True), ("call_uuid_text__isnull", True), _connector="OR"
                        ),
                        name="call_uuid_or_text",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("call_uuid_text", ""), _negated=True),
                        name="call_text_unknown_is_null",
                    ),
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
            name="OutgoingEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField()),
                ("tries", models.PositiveIntegerField(default=0)),
                ("sent_at", models.DateTimeField(null=True)),
                ("error", models.TextField(null=True)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("recording.started", "Recording started"),
                            ("recording.completed", "Recording completed"),
                            ("recording.archived", "Recording archived"),
                            ("recording.lost", "Recording lost"),
                            ("transcript.received", "Transcript received"),
                            ("test", "Test"),
                        ],
                        max_length=32,
                        verbose_name="event",
                    ),
                ),
                ("recording_pk", models.BigIntegerField(null=True)),
                ("recording_id", models.CharField(max_length=64, null=True, verbose_name="recording id")),
                ("at", models.DateTimeField(verbose_name="when")),
                ("next_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="recordings.account",
                        verbose_name="account",
                    ),
                ),
                (
                    "webhook",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="sent_events",
                        to="recordings.alertwebhook",
                    ),
                ),
            ],
            options={
                "verbose_name": "event",
                "verbose_name_plural": "events",
                "default_permissions": (),
                "indexes": [
                    models.Index(fields=["account", "-id"], name="outgoingevent_newest"),
                    models.Index(
                        condition=models.Q(("next_at__isnull", False)),
                        fields=["webhook", "id"],
                        name="outgoingevent_pending",
                    ),
                    models.Index(
                        condition=models.Q(("error__isnull", False), ("next_at__isnull", False)),
                        fields=["webhook"],
                        name="outgoingevent_waiting",
                    ),
                    models.Index(
                        condition=models.Q(("error__isnull", False), ("sent_at__isnull", True)),
                        fields=["account", "created_at"],
                        name="outgoingevent_failing",
                    ),
                    models.Index(fields=["sent_at"], name="outgoingevent_sent"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "kind__in",
                                [
                                    "recording.started",
                                    "recording.completed",
                                    "recording.archived",
                                    "recording.lost",
                                    "transcript.received",
                                    "test",
                                ],
                            )
                        ),
                        name="outgoingevent_kind",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("recording_pk__isnull", False)),
                        fields=("webhook", "recording_pk", "kind"),
                        name="outgoingevent_once_a_row",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("recording_id__isnull", False)),
                        fields=("webhook", "recording_id", "kind"),
                        name="outgoingevent_once_a_recording",
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
                        blank=True,
                        max_length=64,
                        validators=[recordings.models.account.validate_zone],
                        verbose_name="time zone",
                    ),
                ),
                (
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
                ("audio_codec", models.CharField(blank=True, max_length=32, null=True, verbose_name="codec")),
                (
                    "audio_sample_rate",
                    models.PositiveIntegerField(
                        blank=True, help_text="Samples per second.", null=True, verbose_name="sample rate"
                    ),
                ),
                ("audio_regular", models.BooleanField(editable=False, null=True)),
                (
                    "talk_left_ms",
                    models.BigIntegerField(blank=True, null=True, verbose_name="talk time, left"),
                ),
                (
                    "talk_right_ms",
                    models.BigIntegerField(blank=True, null=True, verbose_name="talk time, right"),
                ),
                (
                    "double_talk_ms",
                    models.BigIntegerField(blank=True, null=True, verbose_name="both talking"),
                ),
                (
                    "longest_silence_ms",
                    models.BigIntegerField(blank=True, null=True, verbose_name="longest silence"),
                ),
                ("clipped_ms", models.BigIntegerField(blank=True, null=True, verbose_name="clipped")),
                (
                    "one_side_silent",
                    models.BooleanField(blank=True, null=True, verbose_name="one side silent"),
                ),
                ("is_silent", models.BooleanField(blank=True, null=True, verbose_name="no sound")),
                ("reader_version", models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
                (
                    "inspected_at",
                    models.DateTimeField(editable=False, null=True, verbose_name="inspected again"),
                ),
                (
                    "withdrawn_flag",
                    models.CharField(
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
                            ("unknown_format", "unknown format"),
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
                            ("unknown_format", "unknown format"),
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
                    models.DateTimeField(blank=True, null=True, verbose_name="deleted at Vobiz"),
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
                            ("portal", "Portal"),
                            ("sync", "Call flow or other"),
                            ("callback", "Callback"),
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
                        choices=[("stereo", "Stereo (caller left, callee right)"), ("mono", "Mono")],
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
                    ("reconcile_recording", "Can check unfinished recordings now"),
                    ("export_recording", "Can export recordings"),
                    ("mark_seen", "Can mark as reviewed what cannot be repaired"),
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
                    models.Index(
                        condition=models.Q(("archived_at__isnull", False)),
                        fields=["reader_version", "id"],
                        name="recording_to_inspect",
                    ),
                    models.Index(
                        condition=models.Q(("one_side_silent", True)),
                        fields=["-happened_at"],
                        name="recording_one_sided",
                    ),
                    models.Index(
                        condition=models.Q(("is_silent", True)),
                        fields=["-happened_at"],
                        name="recording_silent",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("archive_tries__gt", 0), ("archived_at__isnull", True), ("status", "completed")
                        ),
                        fields=["reader_version"],
                        name="recording_refused",
                    ),
                    models.Index(
                        condition=models.Q(("requested_at__isnull", False)),
                        fields=["requested_at"],
                        name="recording_started_here",
                    ),
                    models.Index(
                        condition=models.Q(
                            (
                                "duration_ms__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("time_limit"), "*", models.Value(1000)
                                    ),
                                    "-",
                                    models.Value(1000),
                                ),
                            ),
                            ("duration_ms__isnull", False),
                            ("stop_requested_at__isnull", True),
                            ("time_limit__isnull", False),
                            ("status", "completed"),
                        ),
                        fields=["-happened_at", "-id", "account"],
                        name="recording_cut_short",
                    ),
                    models.Index(
                        django.db.models.functions.comparison.Coalesce(
                            "duration_ms", models.Func(output_field=models.BigIntegerField(), template="0")
                        ),
                        models.F("id"),
                        models.F("account"),
                        name="recording_by_length",
                    ),
                    models.Index(
                        condition=models.Q(("status", "completed"), _negated=True),
                        fields=["status", "-happened_at", "-id", "account"],
                        name="recording_of_other_status",
                    ),
                    models.Index(
                        condition=models.Q(("origin", "sync"), _negated=True),
                        fields=["origin", "-happened_at", "-id", "account"],
                        name="recording_of_other_origin",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("file_format__isnull", False), models.Q(("file_format", "mp3"), _negated=True)
                        ),
                        fields=["file_format", "-happened_at", "-id", "account"],
                        name="recording_of_other_format",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("kind__isnull", False), models.Q(("kind", "call"), _negated=True)
                        ),
                        fields=["kind", "-happened_at", "-id", "account"],
                        name="recording_of_other_kind",
                    ),
                    models.Index(
                        condition=models.Q(("container__isnull", False)),
                        fields=["container", "account"],
                        name="recording_by_true_format",
                    ),
                    models.Index(
                        condition=models.Q(("audio_codec__isnull", False)),
                        fields=["audio_codec", "account"],
                        name="recording_by_codec",
                    ),
                    models.Index(
                        condition=models.Q(("gone_at_provider_at__isnull", False)),
                        fields=["-happened_at", "-id", "account"],
                        name="recording_gone",
                    ),
                    models.Index(
                        condition=models.Q(("clipped_ms__gte", 100)),
                        fields=["-happened_at", "-id", "account"],
                        name="recording_clipped",
                    ),
                    models.Index(
                        condition=models.Q(("longest_silence_ms__gte", 60000)),
                        fields=["-happened_at", "-id", "account"],
                        name="recording_long_silence",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("talk_left_ms__gt", 0),
                            (
                                "talk_left_ms__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("talk_left_ms"), "+", models.F("talk_right_ms")
                                    ),
                                    "*",
                                    models.Value(0.8),
                                ),
                            ),
                        ),
                        fields=["-happened_at", "-id", "account"],
                        name="recording_caller_talks",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("talk_right_ms__gt", 0),
                            (
                                "talk_right_ms__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("talk_left_ms"), "+", models.F("talk_right_ms")
                                    ),
                                    "*",
                                    models.Value(0.8),
                                ),
                            ),
                        ),
                        fields=["-happened_at", "-id", "account"],
                        name="recording_callee_talks",
                    ),
                    models.Index(
                        condition=models.Q(
                            ("talk_left_ms__gt", 0),
                            (
                                "talk_left_ms__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("talk_left_ms"), "+", models.F("talk_right_ms")
                                    ),
                                    "*",
                                    models.Value(0.4),
                                ),
                            ),
                            (
                                "talk_right_ms__gte",
                                django.db.models.expressions.CombinedExpression(
                                    django.db.models.expressions.CombinedExpression(
                                        models.F("talk_left_ms"), "+", models.F("talk_right_ms")
                                    ),
                                    "*",
                                    models.Value(0.4),
                                ),
                            ),
                        ),
                        fields=["-happened_at", "-id", "account"],
                        name="recording_both_talk",
                    ),
                    models.Index(
                        models.F("account"),
                        django.db.models.functions.comparison.Coalesce("added_at", "happened_at"),
                        condition=models.Q(("archived_at__isnull", True), ("status", "completed")),
                        name="recording_not_archived",
                    ),
                    models.Index(
                        models.F("account"),
                        django.db.models.functions.comparison.Coalesce("added_at", "happened_at"),
                        models.F("id"),
                        condition=models.Q(
                            ("archived_at__isnull", True),
                            ("gone_at_provider_at__isnull", True),
                            ("status", "completed"),
                        ),
                        name="recording_leaving_account",
                    ),
                    models.Index(
                        condition=models.Q(("archived_at__isnull", False)),
                        fields=["account", "-archived_at"],
                        name="recording_last_archived",
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
                                    "unknown_format",
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
                            ("archive_flag__in", ["length_differs", "cut_by_vobiz", "unknown_format"]),
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
            bases=(recordings.models.recording.transitions.TransitionsMixin, models.Model),
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
                            ("recording", "Recording"),
                            ("transcription", "Transcript"),
                            ("other", "Other"),
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
                            ("received", "Waiting for API"),
                            ("applied", "Applied"),
                            ("unmatched", "No matching recording"),
                            ("conflict", "Conflict"),
                            ("refused", "Rejected"),
                            ("unparsed", "Unknown format"),
                            ("failed", "Not applied"),
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
                            ("body", "over the body"),
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
                        choices=[
                            ("signed", "Signed"),
                            ("unsigned", "Unsigned"),
                            ("refused", "Wrong signature"),
                        ],
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
                ("reader_version", models.PositiveSmallIntegerField(db_default=0, default=1, editable=False)),
                ("body_bytes", models.PositiveIntegerField(db_default=0, default=0, editable=False)),
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
                "verbose_name": "callback",
                "verbose_name_plural": "callbacks",
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
                    models.Index(
                        condition=models.Q(("reader_version__lt", 1)),
                        fields=["id"],
                        name="callbackevent_reread_due",
                    ),
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
                        condition=models.Q(("scheme__in", ["v2", "v3", "ma-v2", "ma-v3", "body", "none"])),
                        name="callbackevent_scheme",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=60, verbose_name="name")),
                ("query", models.TextField(verbose_name="filters")),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="recordings.account",
                        verbose_name="shared in",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="person",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved view",
                "verbose_name_plural": "saved views",
                "ordering": ["name", "id"],
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("user", "name"), name="savedview_name")],
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
                            ("running", "Running"),
                            ("complete", "Complete"),
                            ("partial", "Partial"),
                            ("failed", "Failed"),
                            ("interrupted", "Interrupted"),
                            ("stopped", "Stopped"),
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
                ("gone", models.PositiveIntegerField(default=0, verbose_name="deleted at Vobiz")),
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
                "verbose_name": "sync",
                "verbose_name_plural": "syncs",
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
                    models.Index(
                        condition=models.Q(("state", "complete"), _negated=True),
                        fields=["state", "-started_at", "-id", "account"],
                        name="syncrun_not_complete",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            (
                                "state__in",
                                ["running", "complete", "partial", "failed", "interrupted", "stopped"],
                            )
                        ),
                        name="syncrun_state",
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
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")),
                        fields=("account",),
                        name="syncrun_one_running_an_account",
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
                ("tokens", recordings.models.transcription.TokensField(editable=False, null=True, of="text")),
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
                        choices=[
                            ("signed", "Signed"),
                            ("unsigned", "Unsigned"),
                            ("refused", "Wrong signature"),
                        ],
                        max_length=16,
                        null=True,
                        verbose_name="trust",
                    ),
                ),
                ("received_at", models.DateTimeField(blank=True, null=True, verbose_name="received")),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="recordings.account",
                        verbose_name="account",
                    ),
                ),
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
                    ),
                    models.Index(fields=["account", "-id"], name="transcription_newest"),
                    models.Index(
                        condition=models.Q(("status", "completed"), _negated=True),
                        fields=["status", "-id", "account"],
                        name="transcription_not_completed",
                    ),
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
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("text__isnull", True), ("tokens__isnull", True)),
                            models.Q(("text__isnull", False), ("tokens__isnull", False)),
                            _connector="OR",
                        ),
                        name="transcription_text_has_tokens",
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
        migrations.RunPython(release.create_roles, release.delete_unused_roles),
    ]
