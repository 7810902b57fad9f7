"""What a new demo shows, and that it is shown once."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from recordings import overview
from recordings.choices import RecordingStatus
from recordings.models import Account, Call, CallbackEvent, Recording, Transcription
from recordings.models.recording.queryset import WAS_CUT_SHORT
from tests.admin.rows import a_call, a_recording
from vobiz_portal.demo_data import AUTH_ID, stage, write_directions, write_transcripts
from vobiz_portal.sandbox.seed_data import COMPANY
from vobiz_portal.sandbox.server import Sandbox


def test_a_demo_begins_with_something_of_each_kind_and_once(
    account: Account, sandbox: Sandbox, settings: Settings
) -> None:
    settings.VOBIZ_API_URL = sandbox.api_url
    viewer, now = User.objects.create_superuser("admin"), timezone.now()
    for _each in range(2):
        stage(sandbox.api_url.partition("/api/")[0], now=now)

    staged = Account.objects.get(auth_id=AUTH_ID)
    seen = overview.accounts(viewer, now)
    assert staged.encrypted_token is None
    at_risk = overview.at_risk(viewer, now, kept_days={staged.retention_days})
    assert str(at_risk[staged.pk].count) == "3"
    assert str(overview.lost(now, seen)[staged.pk].count) == "1"
    assert Recording.objects.filter(WAS_CUT_SHORT).count() == 1
    assert CallbackEvent.objects.get().account == staged
    running = Recording.objects.filter(status=RecordingStatus.ACTIVE)
    assert sorted(running.values_list("time_limit", flat=True)) == [900, 14_400, 14_400]

    ours = {number.lstrip("+") for number in COMPANY} | {"914842345600"}
    ways = {(call.direction, call.from_digits in ours, call.to_digits in ours) for call in Call.objects.all()}
    assert ways == {("inbound", False, True), ("outbound", True, False)}

    a_recording(account, duration_ms=60_000)
    for _each in range(2):
        write_transcripts(now)
    assert Transcription.objects.get().recording.account == account


def test_transcripts_of_the_demo_stand_newest_call_first(account: Account) -> None:
    now = timezone.now()
    rows = [
        a_recording(account, duration_ms=60_000, happened_at=now - timedelta(hours=n)) for n in range(1, 4)
    ]

    write_transcripts(now)

    listed = list(Transcription.objects.all())
    assert [one.recording for one in listed] == rows
    received = [one.received_at for one in listed if one.received_at is not None]
    assert received == sorted(received, reverse=True)
    assert all(row.happened_at < at <= now for row, at in zip(rows, received, strict=True))


def test_most_calls_have_the_direction_that_their_numbers_say(account: Account) -> None:
    ours, theirs = COMPANY[0].lstrip("+"), "919876543210"
    for n in range(16):
        caller, callee = (theirs, ours) if n % 2 else (ours, theirs)
        a_call(account, from_number=caller, to_number=callee)
    a_call(account, from_number=theirs, to_number="919876543211")

    write_directions()

    calls = Call.objects.all()
    assert 13 <= calls.exclude(direction=None).count() <= 15
    assert not calls.filter(direction="inbound").exclude(to_digits=ours).exists()
    assert not calls.filter(direction="outbound").exclude(from_digits=ours).exists()
