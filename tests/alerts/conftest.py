"""A real SMTP server in a process of its own, and an account with people who are told."""

from __future__ import annotations

import mailbox
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from email.message import Message
from pathlib import Path
from socket import create_connection

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from pytest_django import Settings

from recordings.models import Account, CallbackEvent, OutgoingEvent, Recording, SyncRun, Worker
from tests.admin.conftest import stranger  # noqa: F401 - a fixture
from tests.ports import free_ports
from tests.waiting import eventually


@dataclass
class MailServer:
    """Where mails arrive: a maildir that the server writes to."""

    port: int
    folder: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it listens."""
        argv = ["-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{self.port}", "-c", "aiosmtpd.handlers.Mailbox"]
        self.process = subprocess.Popen([sys.executable, *argv, str(self.folder)])
        eventually(self._listens)

    def stop(self) -> None:
        """End it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def mails(self) -> list[Message]:
        """Return what arrived, oldest first."""
        if not self.folder.exists():
            return []
        found = [*mailbox.Maildir(str(self.folder))]
        return sorted(found, key=lambda mail: str(mail["Subject"]))

    def _listens(self) -> bool:
        try:
            create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True


@contextmanager
def mail_server(folder: Path) -> Iterator[MailServer]:
    """Run one."""
    server = MailServer(free_ports(), folder / "maildir")
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
def smtp(tmp_path: Path, settings: Settings) -> Iterator[MailServer]:
    """One that the portal sends to."""
    with mail_server(tmp_path) as server:
        settings.EMAIL_URL = f"smtp://127.0.0.1:{server.port}"
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        yield server


@pytest.fixture
def boss(db: None) -> User:
    """A superuser, who is told without choosing."""
    return User.objects.create_superuser("boss", "boss@example.com", "pass-word-boss")


@pytest.fixture(autouse=True)
def worker(db: None) -> Worker:
    """One that is alive."""
    at = timezone.now()
    made: Worker = Worker.objects.create(name="here", started_at=at, heard_at=at)
    return made


def heal(account: Account) -> None:
    """End every fault of tests.admin.test_problems."""
    CallbackEvent.objects.all().delete()
    SyncRun.objects.all().delete()
    OutgoingEvent.objects.all().delete()
    Recording.objects.all().delete()
    Worker.objects.update(heard_at=timezone.now() + timedelta(minutes=30))
    Account.objects.filter(pk=account.pk).update(
        encrypted_token=account.encrypted_token, token_refused=False, api_down_since=None, archive_pause=None,
        archive_paused_at=None,
    )  # fmt: skip
