"""One e-mail for one cause, and one when it is over, over a real SMTP server; to those who may know of it, still."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission, User
from django.db import IntegrityError
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from recordings import overview, tasks
from recordings.alerts import record_gap
from recordings.choices import ProblemCode
from recordings.models import Account, Alert, AlertChoice, AlertMessage, Worker
from tests.admin.test_problems import FAULTS
from tests.alerts.conftest import MailServer, heal

MINUTE = timedelta(minutes=1)
TOLD = [code for code in FAULTS if code != ProblemCode.ALERTS_FAILING]


def look(after: timedelta = timedelta(0)) -> None:
    """What a worker does each minute."""
    tasks.run_alerts(timezone.now() + after, check=True)


def a_member(account: Account, name: str, *permissions: str, each: bool = True) -> User:
    user = User.objects.create_user(name, f"{name}@example.com", "pass-word-member", is_staff=True)
    wanted = Permission.objects.filter(content_type__app_label="recordings", codename__in=permissions)
    user.user_permissions.set(wanted)
    user.vobiz_accounts.add(account)
    AlertChoice.objects.create(user=user, each=each)
    return user


def subjects(smtp: MailServer) -> list[str]:
    return [str(mail["Subject"]) for mail in smtp.mails()]


@pytest.mark.once
@pytest.mark.parametrize("code", TOLD)
def test_one_mail_for_one_fault_and_one_when_it_is_over(
    account: Account, boss: User, smtp: MailServer, code: ProblemCode
) -> None:
    FAULTS[code][0](account)
    look()
    look(MINUTE)
    [mail] = smtp.mails()
    assert str(code.label) in mail["Subject"]
    assert mail["To"] == "boss@example.com"
    body = str(mail.get_payload())
    assert "http://127.0.0.1:8000/admin/" in body
    assert "9624705678" not in body
    assert "8071387423" not in body

    heal(account)
    look(2 * MINUTE)
    assert len(smtp.mails()) == 1  # it may come back within minutes
    look(7 * MINUTE)
    look(8 * MINUTE)
    assert [subject.startswith("Over: ") for subject in subjects(smtp)].count(True) == 1
    assert len(smtp.mails()) == 2


def test_a_fault_that_comes_back_within_minutes_is_the_same(
    account: Account, boss: User, smtp: MailServer
) -> None:
    Account.objects.update(encrypted_token=None)
    look()
    heal(account)
    look(2 * MINUTE)
    Account.objects.update(encrypted_token=None)
    look(4 * MINUTE)
    look(8 * MINUTE)
    assert len(smtp.mails()) == 1


def test_what_heals_by_itself_is_told_only_when_it_lasts(
    account: Account, boss: User, smtp: MailServer
) -> None:
    Account.objects.update(api_down_since=timezone.now())
    look(4 * MINUTE)
    assert smtp.mails() == []
    look(6 * MINUTE)
    assert len(smtp.mails()) == 1


def test_members_and_the_accounts_addresses_are_told_of_their_account_only(
    account: Account, stranger: Account, smtp: MailServer
) -> None:
    a_member(account, "priya", "view_syncrun")
    a_member(account, "quiet", "view_syncrun", each=False)
    a_member(account, "listener", "view_recording")
    a_member(stranger, "other", "view_syncrun")
    Account.objects.filter(pk=account.pk).update(alert_addresses="ops@example.com, night@example.com")
    Account.objects.filter(pk=stranger.pk).update(alert_addresses="them@example.com")
    Account.objects.filter(pk=account.pk).update(encrypted_token=None)
    look()
    assert sorted(str(mail["To"]) for mail in smtp.mails()) == [
        "night@example.com", "ops@example.com", "priya@example.com",
    ]  # fmt: skip


@pytest.mark.parametrize("loss", ["is_active", "is_staff", "membership", "permission"])
def test_who_lost_access_gets_no_more(account: Account, smtp: MailServer, loss: str) -> None:
    priya = a_member(account, "priya", "view_syncrun")
    Account.objects.update(encrypted_token=None)
    smtp.stop()
    look()
    {
        "is_active": lambda: User.objects.update(is_active=False),
        "is_staff": lambda: User.objects.update(is_staff=False),
        "membership": priya.vobiz_accounts.clear,
        "permission": priya.user_permissions.clear,
    }[loss]()
    smtp.start()
    look(MINUTE)
    heal(account)
    look(20 * MINUTE)
    assert smtp.mails() == []
    assert not AlertMessage.objects.pending().exists()


@pytest.mark.once
def test_a_mail_server_away_for_an_hour_loses_nothing_and_gets_no_flood(
    account: Account, boss: User, smtp: MailServer
) -> None:
    smtp.stop()
    Account.objects.update(encrypted_token=None)
    for minute in range(0, 60, 2):
        look(minute * MINUTE)
    message = AlertMessage.objects.get()
    assert 5 <= message.tries <= 9  # of 30 looks
    assert message.error == "The mail server did not answer."
    [problem] = [one for one in overview.problems() if one.code == ProblemCode.ALERTS_FAILING]
    assert problem.cause == "1 alert could not be sent"

    smtp.start()
    for minute in range(60, 130, 2):
        look(minute * MINUTE)
    assert len(smtp.mails()) == 1
    assert ProblemCode.ALERTS_FAILING not in {one.code for one in overview.problems()}


def test_two_workers_at_once_open_one_alert_and_send_one_mail(
    account: Account, boss: User, smtp: MailServer
) -> None:
    Account.objects.update(encrypted_token=None)
    look()
    alert = Alert.objects.get()
    with pytest.raises(IntegrityError):
        AlertMessage.objects.create(
            alert=alert, kind="started", user=boss, created_at=alert.opened_at, next_at=alert.opened_at
        )


def test_a_message_that_another_worker_claimed_is_left_to_it(account: Account, boss: User) -> None:
    now = timezone.now()
    AlertMessage.objects.create(alert=None, kind="digest", user=boss, text="x", created_at=now, next_at=now)
    one, other = AlertMessage.objects.get(), AlertMessage.objects.get()
    assert one.claim(now)
    assert not other.claim(now)


def test_a_message_that_fails_for_three_days_is_given_up_with_its_reason(
    account: Account, boss: User
) -> None:
    now = timezone.now()
    message = AlertMessage(kind="digest", user=boss, text="x", created_at=now, next_at=now)
    message.save()

    almost = now + timedelta(days=3) - MINUTE
    assert message.claim(now)
    assert message.retry("away", almost) is not None
    assert message.retry("away", now + timedelta(days=3)) is None
    message.refresh_from_db()
    assert (message.next_at, message.sent_at, message.error) == (None, None, "away")


def test_that_no_worker_was_running_is_told_by_the_next_one(
    account: Account, boss: User, smtp: MailServer
) -> None:
    Worker.objects.update(heard_at=timezone.now() - timedelta(hours=1))
    record_gap(timezone.now())
    record_gap(timezone.now())
    Worker.objects.update(heard_at=timezone.now())
    look()
    assert subjects(smtp)[:2] == ["No worker", "Over: No worker"]
    assert Alert.objects.current().count() == 0


def test_without_a_mail_server_nothing_is_written(account: Account, boss: User, settings: Settings) -> None:
    settings.EMAIL_URL = ""
    Account.objects.update(encrypted_token=None)
    look()
    assert Alert.objects.count() == 1
    assert AlertMessage.objects.count() == 0


def test_a_summary_comes_once_a_day_in_the_morning_with_what_is_wrong_and_what_is_over(
    account: Account, smtp: MailServer
) -> None:
    Account.objects.update(time_zone="Asia/Kolkata", encrypted_token=None)
    a_member(account, "priya", "view_syncrun", each=False)
    AlertChoice.objects.update(digest="daily")
    night = timezone.now().replace(hour=1, minute=0)  # 06:30 IST
    for hours in (0, 1, 3, 5, 23, 26, 27):
        tasks.run_alerts(night + timedelta(hours=hours), check=True)
    assert len(smtp.mails()) == 2
    assert "1 problem needs attention:" in str(smtp.mails()[0].get_payload())
    assert "No auth token" in str(smtp.mails()[0].get_payload())


def test_the_page_names_the_problems_that_its_reader_is_told_of(account: Account, client: Client) -> None:
    client.force_login(a_member(account, "priya", "view_recording"))

    page = client.get("/admin/alerts/").content.decode()

    assert "Archiving stopped · Recordings at risk · Recordings lost<" in page
    assert "They go to <bdi>priya@" in page


def test_each_person_chooses_on_a_page_of_their_own(account: Account, client: Client) -> None:
    priya = a_member(account, "priya", "view_syncrun", each=False)
    client.force_login(priya)
    assert "no mail server" in client.get("/admin/alerts/").content.decode()
    assert client.post("/admin/alerts/", {"each": "on", "digest": "weekly"}).status_code == 302
    choice = AlertChoice.objects.get(user=priya)
    assert (choice.each, choice.digest) == (True, "weekly")
    assert choice.digest_at is not None
    assert client.post("/admin/alerts/", {"digest": "hourly"}).status_code == 422


def test_a_message_that_cannot_be_made_keeps_no_other_from_being_sent(
    account: Account, boss: User, smtp: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    User.objects.filter(pk=boss.pk).update(email="boss@example.com\nBcc: all@example.com")
    a_member(account, "priya", "view_syncrun")
    Account.objects.update(encrypted_token=None)
    look()
    assert [mail["To"] for mail in smtp.mails()] == ["priya@example.com"]
    [failed] = AlertMessage.objects.failing()
    assert failed.user == boss
    assert failed.next_at is not None
    assert "the log of the worker says why" in str(failed.error)
    assert f"AlertMessage {failed.pk} could not be made: " in caplog.text
    assert "@example.com" not in caplog.text


def test_a_look_that_fails_keeps_what_is_due_from_no_recipient(
    account: Account, boss: User, smtp: MailServer, settings: Settings
) -> None:
    now = timezone.now()
    AlertMessage.objects.create(alert=None, kind="digest", user=boss, text="x", created_at=now, next_at=now)
    settings.AT_RISK_DAYS = "seven"  # which the look cannot count with
    with pytest.raises(TypeError):
        look()
    assert len(smtp.mails()) == 1
