"""Names that other programs, old rows and queued jobs rely on. Adding one is free; removing or renaming one is red.

To add a name here, add a word to its list. To remove one, say in the commit which upgrade path replaces it.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as in_force
from django.contrib.auth.models import User
from django.core.management import get_commands, load_command_class
from django.test import Client, override_settings
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone
from django.utils.module_loading import import_string
from pytest_django import Settings

from recordings import encryption, storage
from recordings.management import portal_command
from recordings.models import Account
from recordings.roles import ROLES
from tests.commands.shell import run
from tests.conftest import MAIN, TOKENS
from vobiz_portal.sandbox.state import SandboxState

ROOT = Path(__file__).parents[1]

COLUMNS = {
    "recordings_accessevent": """
        account_auth_id action address at detail id play_id recording_id recording_pk result roles user_pk
        username
    """,
    "recordings_account": """
        api_down_since api_failures api_probe_at archive_automatically archive_pause
        archive_paused_at archive_probe_at auth_id callback_key created_at default_channels
        default_file_format default_time_limit default_transcribe dropped_at encrypted_token
        first_synced_at former_encrypted_token former_token_until gap_seen_at id is_active leased_by
        leased_until live_error live_refresh_started_at live_refreshed_at live_tried_at name
        parent_id recorded_by_flow refused_due_at refused_uncounted require_signed retention_days
        settled_at time_zone token_refused
    """,
    "recordings_account_members": "account_id id user_id",
    "recordings_call": """
        account_id call_uuid call_uuid_text created_at direction ended_at from_digits from_number happened_at id
        provider_data seen_live_at started_at state to_digits to_number vobiz_status
    """,
    "recordings_callbackevent": """
        account_id attempts body_bytes content_digest deliveries door error expected_base hosts id key_digest kind
        nonces outcome payload processed_at raw_body raw_form reader_version received_at recording_id scheme seen_at
        seen_by_id signature_headers trust
    """,
    "recordings_preference": "id time_zone user_id",
    "recordings_savedview": "account_id id name query user_id",
    "recordings_recording": """
        account_id added_at api_id archive_asked_at archive_body_sha256 archive_error archive_flag
        archive_next_at archive_same_bodies archive_tries archived_at audio audio_bytes audio_channels
        audio_duration_ms audio_sha256 billed_seconds call_id callback_base callback_key channels
        coming_audio coming_sha256 conference_name container content_hash duration_ms ended_at error
        file_format gone_at_provider_at happened_at id intent kind leased_by leased_until
        listed_without_audio monthly_storage_amount needs_attention no_callback_at origin provider_data
        read_back_due_at recording_id recording_url refused_uncounted requested_at requested_by_id seen_at
        seen_by_id seen_note seen_reason sources start_answer started_at status stop_requested_at
        stop_requested_by_id storage_days storage_rate synced_at time_limit times_approximate transcribe
        verified_at
    """,
    "recordings_spentnonce": "content_digest id key_digest nonce",
    "recordings_syncrun": """
        account_id complete created ended_at error failed failures gone id lease_until pages
        requested_by_id scope seen started_at state total_count unchanged updated
    """,
    "recordings_transcription": """
        charge duration error id rate received_at recording_id status text trust
    """,
    "recordings_waveform": "channels id points recording_id",
    "recordings_worker": "heard_at id name nightly_at started_at stopped_at swept_at",
}
CONSTRAINTS_AND_INDEXES = {
    "recordings_accessevent": """
        accessevent_action accessevent_newest accessevent_of_account accessevent_of_recording
        accessevent_of_recording_id accessevent_of_user accessevent_of_username accessevent_result
    """,
    "recordings_account": """
        account_default_channels account_default_file_format account_default_time_limit
        account_not_its_own_parent account_retention_days
    """,
    "recordings_call": """
        call_by_start call_by_uuid call_direction call_live call_newest call_newest_of_all
        call_once_an_account call_state call_unknown_is_null
    """,
    "recordings_callbackevent": """
        callbackevent_by_trust callbackevent_kind callbackevent_newest callbackevent_newest_of_all
        callbackevent_not_applied callbackevent_once_each_content callbackevent_outcome
        callbackevent_scheme callbackevent_trust
    """,
    "recordings_recording": """
        recording_archive_asked recording_archive_flag recording_archived_is_whole recording_channels
        recording_for_a_person recording_known_by_request_or_id recording_leaving
        recording_needs_attention recording_newest recording_newest_archived recording_newest_of_all
        recording_not_archived recording_of_file recording_open recording_origin recording_read_back_due
        recording_requested_with_key_and_limit recording_start_answer recording_status
        recording_time_limit recording_to_verify recording_unknown_is_null recording_with_callback
        recording_without_callback recording_without_id
    """,
    "recordings_spentnonce": "spentnonce_once",
    "recordings_syncrun": """
        syncrun_complete_only_when_complete syncrun_ended_when_not_running syncrun_newest
        syncrun_newest_complete syncrun_newest_of_all syncrun_one_running_an_account syncrun_state
    """,
    "recordings_transcription": """
        transcription_completed_has_text transcription_expected transcription_status transcription_trust
    """,
}
STORED_VALUES = {
    "accessevent.action": "download export play transcript",
    "accessevent.result": "failed ok refused",
    "account.default_channels": "mono stereo",
    "account.default_file_format": "mp3 wav",
    "call.direction": "inbound outbound",
    "call.state": "ended live unknown",
    "callbackevent.kind": "other recording transcription",
    "callbackevent.outcome": "applied conflict failed received refused unmatched unparsed",
    "callbackevent.scheme": "body ma-v2 ma-v3 none v2 v3",
    "callbackevent.trust": "refused signed unsigned",
    "outgoingevent.kind": """
        recording.archived recording.completed recording.lost recording.started test transcript.received
    """,
    "recording.archive_flag": "cut_by_vobiz length_differs",
    "recording.channels": "mono stereo",
    "recording.needs_attention": """
        audio_altered audio_missing cut_by_vobiz id_conflict length_differs may_be_recording not_archived
        stop_unconfirmed transcript_revised
    """,
    "recording.origin": "callback portal sync",
    "recording.start_answer": "accepted not_sent refused unknown",
    "recording.status": "active completed failed requested",
    "syncrun.state": "complete failed interrupted partial running",
    "transcription.status": "completed expected failed missing",
    "transcription.trust": "refused signed unsigned",
}
PERMISSIONS = {
    "accessevent": "view_accessevent",
    "account": """
        add_account change_account change_token delete_account test_account test_storage view_account
    """,
    "call": "add_call change_call delete_call view_call view_live_calls",
    "callbackevent": """
        add_callbackevent change_callbackevent delete_callbackevent process_callbackevent
        view_callbackevent
    """,
    "recording": """
        add_recording archive_recording change_recording delete_recording export_recording hear_recording
        mark_seen reconcile_recording start_recording stop_recording view_recording
    """,
    "spentnonce": "add_spentnonce change_spentnonce delete_spentnonce view_spentnonce",
    "syncrun": "add_syncrun change_syncrun delete_syncrun sync_now view_syncrun",
    "transcription": """
        add_transcription change_transcription delete_transcription read_transcription view_transcription
    """,
}
COMMANDS = {
    "archive_recordings": "--account --json --limit --workers",
    "connect_account": "--json --name --parent --reencrypt",
    "demo": "--dir --json --port --prepare --sandbox-port",
    "live_calls": "--account --json",
    "prune_history": "--json",
    "reconcile_recordings": "--account --json",
    "reset_second_factor": "--json user",
    "runsandbox": "--calls-per-minute --host --media-port --port --recordings --seed --state",
    "start_recording": """
        --account --channels --file-format --json --no-transcribe --time-limit --transcribe call_uuid
    """,
    "stop_recording": "--account --all --call --json recording_id",
    "sync_recordings": "--account --call --dry-run --full --json --limit --recording --since --type",
    "test_storage": "--json",
    "verify_archive": "--account --json --limit --mark-many",
    "worker": "--json",
}
SETTINGS = """
    ACCESS_RETENTION_DAYS ALLOWED_HOSTS ARCHIVE_STORAGE AT_RISK_DAYS CALLBACK_RETENTION_DAYS
    CSRF_TRUSTED_ORIGINS DATABASE_URL DEBUG DEFAULT_REGION EMAIL_FROM EMAIL_URL LOG_FORMAT MFA_REQUIRED
    METRICS_TOKEN OIDC_ASKS_SECOND_FACTOR OIDC_CLIENT_ID
    OIDC_CLIENT_SECRET OIDC_ISSUER OIDC_LABEL OIDC_TRUSTS_EMAIL PORTAL_URL
    REAUTHENTICATION_MINUTES S3_ACCESS_KEY_ID S3_ENDPOINT_URL
    S3_REGION S3_SECRET_ACCESS_KEY SECRET_KEY SESSION_IDLE_HOURS SESSION_MAX_DAYS STARTS_PER_ACCOUNT_DAY
    STARTS_PER_ACCOUNT_MINUTE STARTS_PER_USER_DAY STARTS_PER_USER_MINUTE SWEEP_SECONDS
    TASKS_BACKEND TOKEN_ENCRYPTION_KEYS VAR_DIR
    VOBIZ_API_URL VOBIZ_AUTH_ID VOBIZ_AUTH_TOKEN VOBIZ_CONNECT_TIMEOUT VOBIZ_MEDIA_HOSTS VOBIZ_PAGE_SIZE
    VOBIZ_PREFETCH VOBIZ_READ_TIMEOUT VOBIZ_TOTAL_TIMEOUT
"""
CHECKS = """
    recordings.E001 recordings.E002 recordings.E003 recordings.E004 recordings.E005 recordings.E006
    recordings.E007 recordings.E008 recordings.E009 recordings.E010 recordings.E011 recordings.E012
    recordings.E013 recordings.E014 recordings.E016 recordings.E017
    recordings.E019 recordings.E020 recordings.E021 recordings.E022 recordings.W001 recordings.W002
"""
URLS = {
    "admin:index": "admin/",
    "admin:login": "admin/login/",
    "admin:logout": "admin/logout/",
    "admin:password_change": "admin/password_change/",
    "admin:recordings_accessevent_change": "admin/recordings/accessevent/<path:object_id>/change/",
    "admin:recordings_accessevent_changelist": "admin/recordings/accessevent/",
    "admin:recordings_accessevent_export_csv": "admin/recordings/accessevent/export-csv/",
    "admin:recordings_account_change": "admin/recordings/account/<path:object_id>/change/",
    "admin:recordings_account_changelist": "admin/recordings/account/",
    "admin:recordings_account_gap_seen": "admin/recordings/account/<path:object_id>/gap-seen/",
    "admin:recordings_account_process_refused": "admin/recordings/account/<path:object_id>/process-refused/",
    "admin:recordings_account_reconcile": "admin/recordings/account/<path:object_id>/reconcile/",
    "admin:recordings_account_sync": "admin/recordings/account/<path:object_id>/sync/",
    "admin:recordings_account_test": "admin/recordings/account/<path:object_id>/test/",
    "admin:recordings_account_test_storage": "admin/recordings/account/<path:object_id>/test-storage/",
    "admin:recordings_call_change": "admin/recordings/call/<path:object_id>/change/",
    "admin:recordings_call_changelist": "admin/recordings/call/",
    "admin:recordings_call_export_csv": "admin/recordings/call/export-csv/",
    "admin:recordings_call_live": "admin/recordings/call/live/",
    "admin:recordings_call_record": "admin/recordings/call/<path:object_id>/record/",
    "admin:recordings_call_record_selected": "admin/recordings/call/record/",
    "admin:recordings_call_stop_all": "admin/recordings/call/<path:object_id>/stop-all/",
    "admin:recordings_callbackevent_change": "admin/recordings/callbackevent/<path:object_id>/change/",
    "admin:recordings_callbackevent_changelist": "admin/recordings/callbackevent/",
    "admin:recordings_callbackevent_export_csv": "admin/recordings/callbackevent/export-csv/",
    "admin:recordings_callbackevent_process": "admin/recordings/callbackevent/<path:object_id>/process/",
    "admin:recordings_callbackevent_seen": "admin/recordings/callbackevent/<path:object_id>/seen/",
    "admin:recordings_callbackevent_words": "admin/recordings/callbackevent/<path:object_id>/words/",
    "admin:recordings_recording_archive": "admin/recordings/recording/<path:object_id>/archive/",
    "admin:recordings_recording_archive_at_risk": "admin/recordings/recording/archive-at-risk/",
    "admin:recordings_recording_at_risk": "admin/recordings/recording/at-risk/",
    "admin:recordings_recording_audio": "admin/recordings/recording/<path:object_id>/audio/",
    "admin:recordings_recording_change": "admin/recordings/recording/<path:object_id>/change/",
    "admin:recordings_recording_changelist": "admin/recordings/recording/",
    "admin:recordings_recording_download": "admin/recordings/recording/<path:object_id>/download/",
    "admin:recordings_recording_export_csv": "admin/recordings/recording/export-csv/",
    "admin:recordings_recording_export_zip_file": "admin/recordings/recording/export-zip/",
    "admin:recordings_recording_play": "admin/recordings/recording/<path:object_id>/play/",
    "admin:recordings_recording_seen": "admin/recordings/recording/<path:object_id>/seen/",
    "admin:recordings_recording_seen_lost": "admin/recordings/recording/mark-seen/",
    "admin:recordings_recording_stop": "admin/recordings/recording/<path:object_id>/stop/",
    "admin:recordings_recording_transcript": "admin/recordings/recording/<path:object_id>/transcript/",
    "admin:recordings_syncrun_change": "admin/recordings/syncrun/<path:object_id>/change/",
    "admin:recordings_syncrun_changelist": "admin/recordings/syncrun/",
    "admin:recordings_syncrun_export_csv": "admin/recordings/syncrun/export-csv/",
    "admin:recordings_syncrun_sync": "admin/recordings/syncrun/sync/",
    "admin:recordings_transcription_change": "admin/recordings/transcription/<path:object_id>/change/",
    "admin:recordings_transcription_changelist": "admin/recordings/transcription/",
    "admin:recordings_transcription_export_csv": "admin/recordings/transcription/export-csv/",
    "admin:recordings_transcription_read": "admin/recordings/transcription/<path:object_id>/read/",
    "callbacks:account": "callbacks/account/<callback_key:key>/",
    "callbacks:recording": "callbacks/recording/<callback_key:key>/",
    "callbacks:transcription": "callbacks/transcription/<callback_key:key>/",
    "reader_zone": "admin/zone/",
}

GROUPS = ("Viewer", "Listener", "Operator", "Auditor", "Account admin")
QUEUES = ("settle", "sync", "archive")
TASKS = (
    "recordings.tasks.settle_account", "recordings.tasks.carry_out_sync", "recordings.tasks.archive_account",
    "recordings.tasks.refresh_live_calls", "recordings.tasks.mail_password_link",
)  # fmt: skip
EXIT_CODES = {"FAILED": 1, "USAGE": 2, "INTERRUPTED": 130}
PLAY_SALT = "recordings.play"
ARCHIVED_FILE = r"(?P<key>(?P<a>[0-9a-f]{2})(?P<b>[0-9a-f]{2})[0-9a-f]{28})\.(mp3|wav)"
# A token encrypted at the first release, under this key: HKDF's info and the cipher are in it.
KEY = "only-for-tests-first-key-0123456789abcdef"
ENCRYPTED = (
    "gAAAAABrC4KsbpqkDayraAeYQxokJyA_XuPWybJgQjY0KIKkfo1lbUb0eKn7xUsETif4-T"
    "9hUUvzPTnNTmxnsVmKYg3YE2AyH3VjRLbtetGCh1_vZ8bYv9c="
)
JSON_KEYS = {
    "connect_account": "auth_id created",
    "connect_account --reencrypt": "reencrypted unopened",
    "live_calls": "calls",
    "live_calls calls": "account call_uuid direction from recordings started_at to",
    "start_recording": "cuts_at id recording_id status",
    "stop_recording": "stopped",
    "sync_recordings": "accounts complete created failed gone seen unchanged updated",
    "sync_recordings accounts": """
        account already_running complete created error failed failures gone seen unchanged updated
    """,
    "archive_recordings": "accounts archived at_risk bytes due failed lost stopped",
    "archive_recordings accounts": "account archived at_risk bytes due failed lost stopped",
    "reconcile_recordings": "accounts open settled",
    "reconcile_recordings accounts": "account already_running error open settled",
    "verify_archive": """
        accounts altered bytes missing orphaned orphans stopped unread verified
    """,
    "verify_archive accounts": "account altered missing verified",
    "test_storage": "cure failed left message ok steps storage",
    "test_storage steps": "ok step",
    "prune_history": "accesses events",
}
CSV_COLUMNS = {
    "recording": """
        account added_at archive_error archived_at audio_bytes audio_sha256 billed_seconds call_uuid
        channels conference_name container direction duration_ms ended_at error file_format from_number
        gone_at_provider_at happened_at kind leaves_vobiz_at monthly_storage_amount needs_attention origin
        recording_id requested_at requested_by seen_at seen_note seen_reason started_at status
        storage_days storage_rate time_limit to_number transcription verified_at
        audio_codec audio_duration_ms clipped_ms double_talk_ms is_silent longest_silence_ms one_side_silent
        talk_left_ms talk_right_ms
    """,
    "call": """
        account call_uuid direction ended_at from_number started_at state to_number
    """,
    "transcription": """
        account call_uuid charge duration error from_number happened_at rate received_at recording_id
        status to_number trust
    """,
    "callbackevent": """
        account attempts deliveries error kind outcome processed_at received_at scheme trust
    """,
    "syncrun": """
        account complete created ended_at error failed gone pages requested_by seen started_at state
        unchanged updated
    """,
    "accessevent": """
        account action address at detail recording_id recording_pk result roles username
    """,
}


def columns() -> dict[str, set[str]]:
    """Return the columns of each table."""
    models = apps.get_app_config("recordings").get_models(include_auto_created=True)
    return {
        model._meta.db_table: {field.column for field in model._meta.concrete_fields if field.column}
        for model in models
    }


def constraints() -> dict[str, set[str]]:
    """Return the names of each table's constraints and indexes."""
    return {
        model._meta.db_table: {str(one.name) for one in (*model._meta.constraints, *model._meta.indexes)}
        for model in apps.get_app_config("recordings").get_models()
    }


def stored_values() -> dict[str, set[str]]:
    """Return the values each column with choices may hold."""
    return {
        f"{model._meta.model_name}.{field.name}": {str(value) for value, _label in field.flatchoices}
        for model in apps.get_app_config("recordings").get_models()
        for field in model._meta.concrete_fields
        if field.flatchoices
    }


def permissions() -> dict[str, set[str]]:
    """Return the codenames each model brings."""
    return {
        model.__name__.lower(): {
            *(f"{what}_{model.__name__.lower()}" for what in model._meta.default_permissions),
            *(codename for codename, _name in model._meta.permissions),
        }
        for model in apps.get_app_config("recordings").get_models()
    }


def command_options() -> dict[str, set[str]]:
    """Return the options and arguments of each command of ours; Django's own are left out."""
    theirs = {"-h", "--help", "--version", "-v", "--verbosity", "--settings", "--pythonpath", "--traceback",
              "--no-color", "--force-color", "--skip-checks"}  # fmt: skip
    found = {}
    for name, app in get_commands().items():
        if str(app).startswith(("recordings", "vobiz_portal")):
            actions = load_command_class(str(app), name).create_parser("manage.py", name)._actions
            spelled = {word for one in actions for word in (one.option_strings or [str(one.dest)])}
            found[name] = spelled - theirs
    return found


def settings_names() -> set[str]:
    """Return the environment variables that the settings read."""
    source = (ROOT / "vobiz_portal/settings.py").read_text(encoding="utf-8")
    return set(re.findall(r"\b(?:text|names|read|switch)\(\s*\"([A-Z][A-Z0-9_]+)\"", source))


def check_ids() -> set[str]:
    """Return the ids of the system checks, as they stand in the code."""
    files = [*ROOT.glob("recordings/**/*.py"), *ROOT.glob("vobiz_portal/**/*.py")]
    return {
        one
        for path in files
        for one in re.findall(r'"((?:recordings|sandbox)\.[EW]\d{3})"', path.read_text())
    }


def urls(resolver: URLResolver | None = None, prefix: str = "", space: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and the path of every URL."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = f"{space}{pattern.namespace}:" if pattern.namespace else space
            yield from urls(pattern, path, inner)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{space}{pattern.name}", path


def our_urls() -> dict[str, str]:
    """Return the paths by name, without Django's own pages of every model."""
    return {
        name: path
        for name, path in urls()
        if re.search(
            r"recordings_|callbacks:|^reader_zone$|admin:(index|login|logout|password_change)$", name
        )
    }


def missing(pinned: dict[str, str], actual: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return what is pinned and not there, by its place."""
    lost = {place: set(names.split()) - actual.get(place, set()) for place, names in pinned.items()}
    return {place: names for place, names in lost.items() if names or place not in actual}


@pytest.mark.parametrize(
    ("pinned", "collect"),
    [
        (COLUMNS, columns),
        (CONSTRAINTS_AND_INDEXES, constraints),
        (STORED_VALUES, stored_values),
        (PERMISSIONS, permissions),
        (COMMANDS, command_options),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_no_name_is_removed_or_renamed(pinned: dict[str, str], collect: Any) -> None:
    assert missing(pinned, collect()) == {}


def test_a_removed_name_is_seen() -> None:
    assert missing({"table": "a b"}, {"table": {"a", "new"}}) == {"table": {"b"}}
    assert missing({"table": "a"}, {}) == {"table": {"a"}}


def test_settings_keep_their_names() -> None:
    assert set(SETTINGS.split()) - settings_names() == set()


def test_system_checks_keep_their_ids() -> None:
    assert set(CHECKS.split()) - check_ids() == set()


def test_urls_keep_their_names_and_paths() -> None:
    assert {name: path for name, path in URLS.items() if our_urls().get(name) != path} == {}


@pytest.mark.django_db
def test_roles_keep_their_groups_names() -> None:
    assert set(GROUPS) <= {role.name for role in ROLES}


def test_a_job_queued_by_an_older_version_is_found() -> None:
    assert set(QUEUES) <= set(in_force.QUEUES)
    for path in TASKS:
        assert import_string(path).queue_name in QUEUES


def test_commands_keep_their_exit_codes() -> None:
    assert {name: getattr(portal_command, name) for name in EXIT_CODES} == EXIT_CODES


def test_a_stored_token_is_decrypted() -> None:
    with override_settings(TOKEN_ENCRYPTION_KEYS=[KEY]):
        assert encryption.decrypt(ENCRYPTED) == "a token of the first release"


def test_plays_keep_the_salt_of_their_signature() -> None:
    source = "".join(path.read_text() for path in sorted(ROOT.glob("recordings/playback/*.py")))
    assert f'SALT = "{PLAY_SALT}"' in source


@pytest.mark.parametrize("container", ["mp3", "wav"])
def test_archived_files_keep_their_naming(container: str) -> None:
    name = storage.new_name(container)
    folder, inner, file = name.split("/")
    found = re.fullmatch(ARCHIVED_FILE, file)
    assert found
    assert (folder, inner) == (found["a"], found["b"])


@pytest.mark.django_db(transaction=True)
def test_commands_keep_the_keys_of_their_json(
    account: Account, world: SandboxState, archive_folder: Path, settings: Settings
) -> None:
    world.add_recording(MAIN, added_at=(timezone.now() - timedelta(days=1)).timestamp(), duration=5.04)
    call = world.place_call(MAIN)
    settings.VOBIZ_AUTH_ID, settings.VOBIZ_AUTH_TOKEN = MAIN, TOKENS[MAIN]
    actual: dict[str, set[str]] = {}
    for command, arguments in (
        ("connect_account", ()), ("connect_account --reencrypt", ()), ("live_calls", ()),
        ("start_recording", (call.call_uuid,)), ("sync_recordings", ()), ("archive_recordings", ()),
        ("stop_recording", ("--call", call.call_uuid, "--all")), ("reconcile_recordings", ()),
        ("verify_archive", ()), ("test_storage", ()), ("prune_history", ()),
    ):  # fmt: skip
        ran = run(*command.split(), *arguments, "--json")
        assert ran.stdout, (command, ran.stderr)
        document = ran.json
        actual[command] = set(document)
        for key, value in document.items():
            if isinstance(value, list) and value and isinstance(value[0], dict):
                actual[f"{command} {key}"] = set(value[0])
    assert missing(JSON_KEYS, actual) == {}


@pytest.mark.django_db
def test_lists_keep_their_csv_columns(account: Account) -> None:
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    actual = {}
    for model in CSV_COLUMNS:
        answer = client.post(f"/admin/recordings/{model}/export-csv/")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
        actual[model] = {name.partition(" (")[0] for name in next(csv.reader(io.StringIO(text)))}
    assert missing(CSV_COLUMNS, actual) == {}
