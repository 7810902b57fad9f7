"""Events for other programs: each fact once, with the change itself; delivered in order, whatever the receiver does."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from recordings import alerts, overview, pruning, sync
from recordings.alerts import wire
from recordings.archive import Result
from recordings.choices import OutgoingKind, ProblemCode
from recordings.models import (
    AccessEvent,
    Account,
    AlertWebhook,
    OutgoingEvent,
    Recording,
    Transcription,
    change_locked,
    record_start_accepted,
)
from recordings.models.outgoing_event import SENT_KEPT, UNSENT_KEPT
from recordings.sync import SyncRequest
from recordings.vobiz.objects import StartAnswer
from tests.admin.conftest import Person, staff  # noqa: F401 - a fixture
from tests.admin.rows import FROM, TO, a_call, a_recording, a_running, a_transcript
from tests.alerts.test_webhooks import verifies
from tests.archived import archive_one
from tests.callbacks.posting import deliver
from tests.callbacks.rows import DOCUMENTED, KEY, asked_for
from tests.conftest import MAIN, SUB, TOKENS
from tests.sandbox.receiver import Receiver
from tests.vobiz.payloads import payload
from vobiz_portal.sandbox.state import SandboxState

KINDS = [kind.value for kind in OutgoingKind if kind != OutgoingKind.TEST]
HOUR = timedelta(hours=1)
ROOT = Path(__file__).parents[2]
SPOKEN = payload("transcription_callback__documented")


@pytest.fixture
def now() -> datetime:
    """The triggers take the database's time."""
    return timezone.now()


@pytest.fixture
def world() -> SandboxState:
    world = SandboxState(seed=uuid.uuid4().hex)
    world.add_account(MAIN, TOKENS[MAIN], name="Main")
    world.add_account(SUB, TOKENS[SUB], name="Sub", parent=MAIN)
    return world


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


def a_webhook(
    account: Account, receiver: Receiver, since: timedelta = 24 * HOUR, **more: Any
) -> AlertWebhook:
    """One that gets every event of what ended in the last day."""
    made, _secret = AlertWebhook.create(account, f"{receiver.url}/events", "standard")
    choice = {"alerts": False, "events": KINDS, "with_numbers": False, "with_text": False, **more}
    made.choose(**choice, now=timezone.now() - since)
    return made


@pytest.fixture
def hook(account: Account, receiver: Receiver) -> AlertWebhook:
    return a_webhook(account, receiver)


def send(after: timedelta = timedelta(0)) -> int:
    return alerts.send_events(timezone.now() + after)


def bodies(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in receiver.deliveries]


def types(receiver: Receiver) -> list[str]:
    return [body["type"] for body in bodies(receiver)]


def ids(receiver: Receiver) -> list[str]:
    return [
        {name.lower(): value for name, value in one.headers.items()}["webhook-id"]
        for one in receiver.deliveries
    ]


def ended() -> dict[str, Any]:
    """A callback of a recording that ended just now."""
    at = int(time.time() * 1_000)
    times = {"recording_start_ms": at - 20_080, "recording_end_ms": at - 10_000}
    return {**payload("recording_callback__documented"), **times}


def asked_now(account: Account, **columns: Any) -> Recording:
    at = timezone.now() - timedelta(seconds=25)
    return asked_for(account, requested_at=at, happened_at=at, **columns)


# Each fact, by the way it really comes


def test_a_start_its_end_and_its_transcript_are_told_with_ids_and_facts_alone(
    client: Client, account: Account, receiver: Receiver, hook: AlertWebhook
) -> None:
    row = asked_now(account, transcribe=True)
    send()
    assert receiver.deliveries == []
    record_start_accepted(row, StartAnswer(str(uuid.uuid4()), DOCUMENTED, None, None, {}))
    assert deliver(client, KEY, ended()).status_code == 200
    assert deliver(client, KEY, SPOKEN, door="transcription").status_code == 200
    assert send() == 3

    started, completed, spoken = bodies(receiver)
    assert [started["type"], completed["type"], spoken["type"]] == [
        "recording.started", "recording.completed", "transcript.received",
    ]  # fmt: skip
    assert datetime.fromisoformat(completed["timestamp"]).utcoffset() == timedelta(0)
    data = completed["data"]
    assert (data["account"], data["recording_id"]) == (MAIN, DOCUMENTED)
    assert data["call_uuid"] == row.call.call_uuid
    assert (data["duration_seconds"], data["time_limit_reached"]) == (10.08, False)
    assert data["started_at"] < data["ended_at"]
    assert data["url"].endswith(f"/admin/recordings/recording/{row.pk}/change/")
    assert spoken["data"]["transcript"]["characters"] == len(SPOKEN["transcription"])
    assert SPOKEN["transcription"][:20] not in str(bodies(receiver))
    assert "from_number" not in data
    assert not {"audio", "recording_url", "text"} & data.keys()


def test_a_sync_tells_of_recent_ends_and_the_archive_of_its_copy(
    account: Account, world: SandboxState, receiver: Receiver, hook: AlertWebhook, archive_folder: object
) -> None:
    world.add_recording(MAIN, age_days=2, duration=5)  # from before the webhook got events
    fresh = world.add_recording(MAIN, age_days=0.01, duration=5)
    sync.run(account, SyncRequest(), now=timezone.now(), sync_run=None)
    assert Recording.objects.count() == 2
    for row in Recording.objects.all():
        assert archive_one(row, by="tester", now=timezone.now()).result == Result.ARCHIVED
    send()
    assert types(receiver) == ["recording.completed", "recording.archived"]
    assert {body["data"]["recording_id"] for body in bodies(receiver)} == {fresh.recording_id}
    row = Recording.objects.get(recording_id=fresh.recording_id)
    kept = bodies(receiver)[1]["data"]["archive"]
    assert (kept["sha256"], kept["bytes"], kept["format"]) == (
        row.audio_sha256, row.audio_bytes, row.container,
    )  # fmt: skip


def test_audio_that_vobiz_deleted_before_there_was_a_copy_is_lost(
    account: Account, world: SandboxState, receiver: Receiver, hook: AlertWebhook, archive_folder: object
) -> None:
    made = world.add_recording(MAIN, age_days=0.01, duration=5)
    sync.run(account, SyncRequest(), now=timezone.now() - HOUR, sync_run=None)
    world.delete_recording(made.recording_id)
    result = sync.run(account, SyncRequest(full=True), now=timezone.now(), sync_run=None)
    assert result.gone == 1
    send()
    assert types(receiver) == ["recording.completed", "recording.lost"]
    assert bodies(receiver)[1]["data"]["deleted_at"]


def test_what_an_archived_recording_loses_at_vobiz_is_no_loss(account: Account, hook: AlertWebhook) -> None:
    copy: dict[str, Any] = {"audio": "x.mp3", "audio_sha256": "a" * 64, "audio_bytes": 9, "container": "mp3"}
    row = a_recording(account, archived_at=timezone.now(), **copy)
    Recording.objects.filter(pk=row.pk).mark_deleted_at_vobiz(timezone.now())
    assert not OutgoingEvent.objects.filter(kind="recording.lost").exists()
    Recording.objects.filter(pk=row.pk).update(archived_at=None)  # and its copy was found missing
    Recording.objects.filter(pk=row.pk).update(archived_at=timezone.now())  # and again there
    Recording.objects.filter(pk=row.pk).update(archived_at=None)
    assert list(OutgoingEvent.objects.order_by("pk").values_list("kind", flat=True)) == [
        "recording.completed", "recording.lost",
    ]  # fmt: skip


# Once


@pytest.mark.django_db(transaction=True)
def test_the_same_callbacks_at_once_and_again_make_one_event(account: Account, hook: AlertWebhook) -> None:
    asked_now(account, transcribe=True)
    barrier, end = Barrier(4), ended()

    def post() -> None:
        barrier.wait(60)
        try:
            deliver(Client(), KEY, end)
            deliver(Client(), KEY, SPOKEN, door="transcription")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(post) for _ in range(4)]:
            done.result(60)
    deliver(Client(), KEY, end)
    found = sorted(OutgoingEvent.objects.values_list("kind", flat=True))
    assert found == ["recording.completed", "transcript.received"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.parametrize("is_callback_first", [True, False])
def test_a_callback_stands_while_its_webhook_is_removed(
    account: Account, hook: AlertWebhook, is_callback_first: bool
) -> None:
    row = a_running(account, requested_at=timezone.now())
    OutgoingEvent.objects.all().delete()
    gone, ended = Event(), Event()

    def end_recording() -> None:
        try:
            with transaction.atomic():
                if not is_callback_first:
                    assert gone.wait(60)
                Recording.objects.filter(pk=row.pk).update(status="completed", ended_at=timezone.now())
                ended.set()
                gone.wait(0.5)  # the removal may wait for this commit
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        callback = pool.submit(end_recording)
        with transaction.atomic():
            if is_callback_first:
                assert ended.wait(60)
            hook.remove()
            gone.set()
            assert is_callback_first or ended.wait(60)  # it does not wait for the removal
        callback.result(60)
    assert Recording.objects.get(pk=row.pk).status == "completed"
    assert not OutgoingEvent.objects.exists()


def test_one_recording_in_two_rows_is_told_once(
    account: Account, receiver: Receiver, hook: AlertWebhook
) -> None:
    row = asked_now(account)
    a_recording(account, call=row.call, recording_id=DOCUMENTED)
    change_locked(row, lambda locked: locked.claim_recording_id(DOCUMENTED), recording_id=DOCUMENTED)
    assert Recording.objects.get().status == "completed"
    send()
    assert types(receiver) == ["recording.completed"]
    assert bodies(receiver)[0]["data"]["url"].endswith(f"/{row.pk}/change/")  # the row that stayed


def test_old_recordings_make_no_flood(account: Account, receiver: Receiver) -> None:
    a_webhook(account, receiver, since=240 * HOUR)
    a_recording(account, happened_at=timezone.now() - 300 * HOUR)  # from before events were chosen
    a_recording(account, happened_at=timezone.now() - 73 * HOUR)  # known too late to be news
    assert not OutgoingEvent.objects.exists()
    late = Recording.objects.order_by("happened_at")
    late.mark_deleted_at_vobiz(timezone.now())
    assert list(OutgoingEvent.objects.values_list("kind", "recording_pk")) == [("recording.lost", late[1].pk)]


def test_only_what_was_chosen_is_told_and_only_of_its_own_account(
    account: Account, subaccount: Account, receiver: Receiver
) -> None:
    a_webhook(account, receiver, events=["recording.archived"])
    theirs = a_webhook(subaccount, receiver)
    a_recording(account)
    a_recording(subaccount)
    assert list(OutgoingEvent.objects.values_list("webhook", flat=True)) == [theirs.pk]
    Recording.objects.filter(account=subaccount).update(account=account)
    send()
    assert receiver.deliveries == []  # it is not theirs any more
    assert OutgoingEvent.objects.get().next_at is None


def test_slack_and_an_account_without_webhooks_get_no_events(account: Account, receiver: Receiver) -> None:
    AlertWebhook.create(account, receiver.url, "slack")
    a_recording(account)
    assert not OutgoingEvent.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_callback_costs_no_statement_more(client: Client, account: Account, receiver: Receiver) -> None:
    def cost(key: str, recording_id: str) -> int:
        asked_now(account, key=key)
        fields = {**ended(), "recording_id": recording_id}
        with CaptureQueriesContext(connection) as captured:
            assert deliver(client, key, fields).status_code == 200
        return len([one for one in captured if "busy_timeout" not in str(one["sql"])])

    cost("0" * 32, str(uuid.uuid4()))  # the first of an account reads more
    without = cost("a" * 32, str(uuid.uuid4()))
    a_webhook(account, receiver)
    assert cost("b" * 32, str(uuid.uuid4())) == without
    assert OutgoingEvent.objects.count() == 1


# Delivery


@pytest.mark.parametrize("status", [302, 400, 404, 410, 429, 500, 503])
def test_whatever_is_not_2xx_is_tried_again_with_the_same_id(
    account: Account, receiver: Receiver, hook: AlertWebhook, status: int
) -> None:
    a_recording(account)
    receiver.statuses = [status]
    assert send() == 0
    assert send() == 0  # it waits
    assert str(status) in str(OutgoingEvent.objects.get().error)
    assert send(timedelta(seconds=31)) == 1
    assert len(ids(receiver)) == 2
    assert len(set(ids(receiver))) == 1
    assert ids(receiver)[0] == f"evt_{OutgoingEvent.objects.get().pk}"


def test_a_receiver_that_does_not_answer_holds_nobody(
    monkeypatch: pytest.MonkeyPatch,
    account: Account,
    subaccount: Account,
    receiver: Receiver,
    hook: AlertWebhook,
) -> None:
    monkeypatch.setattr(wire, "TIMEOUT", 2.0)
    with Receiver() as other:
        a_webhook(subaccount, other)
        for _ in range(5):
            a_recording(account)
        a_recording(subaccount)
        receiver.go_on.clear()
        began = time.monotonic()
        assert send() == 1
        assert time.monotonic() - began < 30  # the receiver keeps it for sixty
        assert (len(receiver.deliveries), types(other)) == (1, ["recording.completed"])


def test_a_receiver_away_for_an_hour_loses_none_gets_no_flood_and_keeps_the_order(
    account: Account, receiver: Receiver, hook: AlertWebhook
) -> None:
    rows = [a_running(account) for _ in range(3)]
    for row in rows:
        row.complete()
    receiver.statuses = [503] * 100
    for minute in range(0, 60, 2):
        send(timedelta(minutes=minute))
    assert 5 <= len(receiver.deliveries) <= 9
    [problem] = [one for one in overview.problems() if one.code == ProblemCode.EVENTS_FAILING]
    assert problem.account == account.pk
    receiver.statuses, before = [], len(receiver.deliveries)
    send(timedelta(minutes=130))
    came = bodies(receiver)[before:]
    assert len(came) == 6
    for row in rows:
        mine = [body["type"] for body in came if body["data"]["recording_id"] == row.recording_id]
        assert mine == ["recording.started", "recording.completed"]
    assert ProblemCode.EVENTS_FAILING not in {one.code for one in overview.problems()}


def test_what_waited_for_three_days_is_given_up_shown_and_sent_again_by_a_person(
    account: Account,
    receiver: Receiver,
    hook: AlertWebhook,
    staff: Person,  # noqa: F811
) -> None:
    a_recording(account)
    a_recording(account)
    receiver.statuses = [500, 500]
    send()
    send(73 * HOUR)
    assert not OutgoingEvent.objects.pending().exists()
    assert send(80 * HOUR) == 0
    assert [one.code for one in overview.problems()].count(ProblemCode.EVENTS_FAILING) == 1
    client = staff("view_account", "change_account", accounts=[account])
    page = f"/admin/recordings/account/{account.pk}/webhooks/"
    assert "Send failed events again" in client.get(page).content.decode()
    client.post(page, {"do": "failed-again", "key": hook.pk})
    assert send() == 2
    assert AccessEvent.objects.get().action == "event"


def test_an_event_in_the_hands_of_another_worker_holds_what_follows_for_its_recording(
    account: Account, receiver: Receiver, hook: AlertWebhook
) -> None:
    row = a_running(account)
    row.complete()
    other = a_recording(account)
    assert OutgoingEvent.objects.order_by("pk")[0].claim(timezone.now())
    assert send() == 1
    assert bodies(receiver)[0]["data"]["recording_id"] == other.recording_id
    assert send(timedelta(minutes=3)) == 2  # that worker was killed
    assert types(receiver)[1:] == ["recording.started", "recording.completed"]


def test_events_are_signed_and_only_2xx_ends_them(account: Account, receiver: Receiver) -> None:
    webhook, secret = AlertWebhook.create(account, receiver.url, "standard")
    webhook.choose(
        alerts=False, events=KINDS, with_numbers=False, with_text=False, now=timezone.now() - 2 * HOUR
    )
    a_recording(account)
    new = webhook.rotate(timezone.now())
    send()
    assert verifies(receiver.deliveries[0], secret)
    assert verifies(receiver.deliveries[0], new)


@pytest.mark.parametrize("is_chosen", [False, True])
def test_numbers_and_text_are_sent_only_where_the_account_says_so(
    account: Account, receiver: Receiver, is_chosen: bool
) -> None:
    a_webhook(account, receiver, with_numbers=is_chosen, with_text=is_chosen)
    a_transcript(a_recording(account, call=a_call(account)))
    send()
    said = str(bodies(receiver))
    assert types(receiver) == ["recording.completed", "transcript.received"]
    assert (FROM in said, TO in said, "Lotus Parcels" in said) == (is_chosen,) * 3


@pytest.mark.parametrize("status", ["expected", "completed"])
def test_a_transcript_is_told_when_a_signed_callback_brought_it(
    account: Account, receiver: Receiver, hook: AlertWebhook, status: str
) -> None:
    row = a_recording(account)
    forged = a_transcript(row, text="Anybody wrote this.", trust="unsigned", status=status)
    assert not OutgoingEvent.objects.filter(kind="transcript.received").exists()
    Transcription.objects.update(status="completed", charge=1)  # it may count where nobody signs
    send()
    assert types(receiver) == ["recording.completed"]
    Transcription.objects.filter(pk=forged.pk).update(trust="signed", text="Good morning.")
    send()
    assert types(receiver) == ["recording.completed", "transcript.received"]
    assert bodies(receiver)[1]["data"]["transcript"]["trust"] == "signed"


def test_delivered_and_given_up_events_are_deleted_by_age(account: Account, hook: AlertWebhook) -> None:
    a_recording(account)
    [event] = OutgoingEvent.objects.all()
    event.mark_sent(timezone.now())
    pruning.prune(timezone.now() + SENT_KEPT - HOUR)
    assert OutgoingEvent.objects.exists()
    pruning.prune(timezone.now() + SENT_KEPT + HOUR)
    assert not OutgoingEvent.objects.exists()
    a_recording(account)
    OutgoingEvent.objects.get().drop("It is away.")
    pruning.prune(timezone.now() + UNSENT_KEPT - HOUR)
    assert OutgoingEvent.objects.exists()
    pruning.prune(timezone.now() + UNSENT_KEPT + HOUR)
    assert not OutgoingEvent.objects.exists()


def test_the_check_of_the_documentation_takes_what_is_sent_and_nothing_else(
    account: Account, receiver: Receiver
) -> None:
    webhook, secret = AlertWebhook.create(account, receiver.url, "standard")
    webhook.choose(
        alerts=False, events=KINDS, with_numbers=False, with_text=False, now=timezone.now() - 2 * HOUR
    )
    a_recording(account)
    send()
    [example] = re.findall(
        r"```python\n(.*?)```", (ROOT / "docs/events.md").read_text(encoding="utf-8"), re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own page
    verify, [came] = names["verify"], receiver.deliveries
    headers = {name.lower(): value for name, value in came.headers.items()}
    assert verify(headers, came.body, secret)
    assert not verify(headers, came.body + b" ", secret)
    assert not verify(headers, came.body, "whsec_" + "A" * 44)
    assert not verify({**headers, "webhook-timestamp": "1700000000"}, came.body, secret)


def test_the_documentation_names_every_field_that_is_sent(account: Account, receiver: Receiver) -> None:
    a_webhook(account, receiver, with_numbers=True, with_text=True)
    copy: dict[str, Any] = {"audio": "x.mp3", "audio_sha256": "a" * 64, "audio_bytes": 9, "container": "mp3"}
    row = a_running(account)
    a_transcript(row)
    row.complete()
    Recording.objects.filter(pk=row.pk).update(archived_at=timezone.now(), **copy)
    lost = a_recording(account)
    Recording.objects.filter(pk=lost.pk).mark_deleted_at_vobiz(timezone.now())
    send()
    assert set(types(receiver)) == set(KINDS)
    page = (ROOT / "docs/events.md").read_text(encoding="utf-8")
    for body in bodies(receiver):
        data = body["data"]
        inner = [key for value in data.values() if isinstance(value, dict) for key in value]
        for name in (body["type"], *body, *data, *inner):
            assert f"`{name}`" in page or f'"{name}"' in page, name


# The page


def test_the_page_chooses_tests_logs_and_sends_again(
    account: Account,
    receiver: Receiver,
    staff: Person,  # noqa: F811
) -> None:
    client = staff("view_account", "change_account", "view_recording", "view_call", accounts=[account])
    page = f"/admin/recordings/account/{account.pk}/webhooks/"
    webhook, _secret = AlertWebhook.create(account, receiver.url, "standard")
    assert "transcript.received" in client.get(f"{page}?choose={webhook.pk}").content.decode()
    choice = {"do": "choose", "key": webhook.pk, "events": ["recording.completed"], "with_numbers": "on"}
    assert client.post(page, choice).status_code == 302
    webhook.refresh_from_db()
    assert (webhook.events, webhook.sends_alerts, webhook.with_numbers) == (
        "recording.completed",
        False,
        True,
    )
    since = webhook.events_since
    assert client.post(page, {**choice, "with_text": "on"}).status_code == 422  # who may not read it
    assert client.post(page, {**choice, "events": ["recording.deleted"]}).status_code == 422
    assert client.post(page, {**choice, "events": KINDS}).status_code == 302
    webhook.refresh_from_db()
    assert webhook.events_since == since

    client.post(page, {"do": "event-test", "key": webhook.pk})
    row = a_recording(account, happened_at=timezone.now())
    send()
    assert types(receiver) == ["test", "recording.completed"]
    shown = client.get(page).content.decode()
    assert f"/admin/recordings/recording/{row.pk}/change/" in shown
    event = OutgoingEvent.objects.get(kind="recording.completed")
    assert client.post(page, {"do": "event-again", "key": event.pk}).status_code == 302
    send()
    assert ids(receiver)[1] == ids(receiver)[2]
    told = AccessEvent.objects.get()
    assert (told.action, told.recording_pk, told.account_auth_id) == ("event", row.pk, MAIN)
    assert f"after={event.pk - 1}" not in shown
    assert "No older events" in client.get(f"{page}?after=1").content.decode()


def test_the_log_has_pages(account: Account, hook: AlertWebhook, staff: Person) -> None:  # noqa: F811
    client = staff("view_account", "change_account", accounts=[account])
    page = f"/admin/recordings/account/{account.pk}/webhooks/"
    for _ in range(53):
        a_recording(account)
    first = client.get(page)
    assert len(first.context["events"]) == 50
    assert "/admin/recordings/recording/" not in first.content.decode()  # nobody who may not see recordings
    assert len(client.get(page + first.context["event_pages"][0].url).context["events"]) == 3


def test_events_of_another_account_are_not_there(
    account: Account,
    subaccount: Account,
    receiver: Receiver,
    staff: Person,  # noqa: F811
) -> None:
    theirs = a_webhook(subaccount, receiver)
    a_recording(subaccount)
    event = OutgoingEvent.objects.get()
    client = staff("view_account", "change_account", accounts=[account])
    page = f"/admin/recordings/account/{account.pk}/webhooks/"
    for do, key in (
        ("event-again", event.pk), ("event-test", theirs.pk), ("choose", theirs.pk), ("failed-again", theirs.pk),
    ):  # fmt: skip
        assert client.post(page, {"do": do, "key": key}).status_code == 404
    assert str(event.recording_id)[:8] not in client.get(page).content.decode()
    assert client.get(f"/admin/recordings/account/{subaccount.pk}/webhooks/").status_code == 404


def test_slack_is_not_offered_events(account: Account, receiver: Receiver, boss: Any) -> None:
    webhook, _secret = AlertWebhook.create(account, receiver.url, "slack")
    client = Client()
    client.force_login(boss)
    page = f"/admin/recordings/account/{account.pk}/webhooks/"
    answer = client.post(page, {"do": "choose", "key": webhook.pk, "events": KINDS})
    assert answer.status_code == 422
    assert "Slack does not read events" in answer.content.decode()
