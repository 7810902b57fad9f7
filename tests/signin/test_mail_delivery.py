"""A link that could not be sent is tried again, and the user's page says what became of it; over real SMTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult
from pytest_django import Settings

from recordings import tasks
from recordings.mail import password_link
from recordings.models import AccessEvent
from recordings.worker.database_queue import DatabaseQueue
from tests.alerts.conftest import MailServer, smtp  # noqa: F401 - a fixture
from tests.signin.people import a_person, give_password
from tests.waiting import eventually

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.once]


@pytest.fixture
def boss() -> Client:
    a_person("priya")
    client = Client()
    give_password(client)
    return client


@pytest.fixture
def asha(boss: Client) -> User:
    made: User = User.objects.create_user("asha", "asha@example.com", is_staff=True)
    return made


class Refusing(Sink):
    """A mail server that knows nobody."""

    async def handle_RCPT(self, *_args: Any) -> str:  # noqa: N802 - the library's name
        """Refuse each address for good."""
        return "550 no such person: asha@example.com"


@pytest.fixture
def refusing(settings: Settings, smtp: MailServer) -> Iterator[None]:  # noqa: F811 - the fixture
    smtp.stop()
    server = Controller(Refusing(), "127.0.0.1", smtp.port)
    server.start()
    yield
    server.stop()


def invite(boss: Client, user: User) -> None:
    answer = boss.post(f"/admin/auth/user/{user.pk}/set-up-link/", {"send": "1"})
    assert answer.status_code == 302


def carry_out() -> None:
    """As a worker does it; what is to run later, now."""
    DBTaskResult.objects.filter(status="READY").update(run_after=timezone.now())
    queue = DatabaseQueue("settle", "here:1:living")
    eventually(queue.run_one)


def page_of(boss: Client, user: User) -> str:
    return boss.get(f"/admin/auth/user/{user.pk}/change/").content.decode()


def test_a_link_that_could_not_be_sent_is_tried_again_and_the_page_says_so(
    boss: Client,
    asha: User,
    smtp: MailServer,  # noqa: F811 - the fixture
) -> None:
    smtp.stop()
    invite(boss, asha)
    assert "The login link is not sent yet." in page_of(boss, asha)

    carry_out()
    page = page_of(boss, asha)
    assert "The login link is not sent yet" in page
    assert "The mail server did not answer." in page
    later = DBTaskResult.objects.get(status="READY")
    assert later.run_after > timezone.now() + timedelta(seconds=20)
    carry_out()
    assert AccessEvent.objects.filter(result="failed").count() == 1  # not one for each attempt

    smtp.start()
    carry_out()
    [message] = smtp.mails()
    assert message["To"] == "asha@example.com"
    page = page_of(boss, asha)
    assert "Login link sent by e-mail" in page
    assert "not sent" not in page
    assert not DBTaskResult.objects.filter(status="READY").exists()


def test_no_link_stands_in_the_queue(boss: Client, asha: User) -> None:
    tasks.request_password_link(asha)
    [job] = DBTaskResult.objects.all()
    assert "set-password" not in str(job.args_kwargs)
    token = password_link(asha).rstrip("/").rpartition("/")[2]
    assert token.rpartition("-")[2] not in str(job.args_kwargs)


def test_a_refused_address_is_told_at_once_with_its_cure(boss: Client, asha: User, refusing: None) -> None:
    invite(boss, asha)
    carry_out()

    page = page_of(boss, asha)
    assert "The login link was not sent by e-mail" in page
    assert "The mail server refused the address (550)." in page
    assert "Check the address" in page
    event = AccessEvent.objects.latest("pk")
    assert (event.username, event.result) == ("priya", "failed")
    assert "example.com" not in str(event.detail)
    assert not DBTaskResult.objects.filter(status="READY").exists()
    assert not AccessEvent.objects.filter(user_pk=asha.pk).exists()  # who never came can still be deleted

    boss.post(f"/admin/auth/user/{asha.pk}/set-up-link/")
    assert "was not sent" not in page_of(boss, asha)


def test_a_link_that_cannot_be_sent_for_a_day_is_given_up(
    boss: Client,
    asha: User,
    smtp: MailServer,  # noqa: F811 - the fixture
) -> None:
    smtp.stop()
    invite(boss, asha)
    [job] = DBTaskResult.objects.all()
    job.args_kwargs["args"][3] -= tasks.MAIL_RETRIED_FOR
    job.save()
    carry_out()

    assert "The login link was not sent by e-mail" in page_of(boss, asha)
    assert not DBTaskResult.objects.filter(status="READY").exists()


@pytest.mark.parametrize(
    "change", [{"email": "other@example.com"}, {"is_active": False}, {"password": "!another"}, {"email": ""}]
)
def test_a_link_for_somebody_who_was_changed_meanwhile_is_not_sent(
    boss: Client,
    asha: User,
    smtp: MailServer,  # noqa: F811 - the fixture
    change: dict[str, Any],
) -> None:
    invite(boss, asha)
    User.objects.filter(pk=asha.pk).update(**change)
    carry_out()

    assert smtp.mails() == []
    assert "The user was changed after it was asked for." in page_of(boss, asha)


def test_a_link_that_an_older_version_queued_is_sent(asha: User, smtp: MailServer) -> None:  # noqa: F811
    tasks.mail_password_link.enqueue(asha.pk)
    carry_out()
    tasks.mail_password_link.enqueue(asha.pk, asked_from="192.0.2.7")
    carry_out()
    assert [message["To"] for message in smtp.mails()] == ["asha@example.com"] * 2


def test_a_link_is_queued_only_when_what_it_is_for_is_stored(asha: User) -> None:
    with transaction.atomic():
        tasks.request_password_link(asha)
        assert not DBTaskResult.objects.exists()
    assert DBTaskResult.objects.count() == 1


def test_who_asked_on_the_login_page_is_told_of_no_failure_and_the_log_is(
    asha: User,
    smtp: MailServer,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    smtp.stop()
    known = Client().post("/admin/login/forgotten/", {"email": "asha@example.com"})
    assert known.status_code == 200
    carry_out()
    asked, failed = AccessEvent.objects.filter(user_pk=asha.pk).order_by("pk")
    assert (asked.detail, failed.result) == ("asked for a new password", "failed")
    carry_out()
    assert AccessEvent.objects.filter(detail="asked for a new password").count() == 1
