"""What every command of the portal has in common: `--account`, `--json`, its closing sentence, its exit status.

Exit 0 clean · 1 something failed (said on stderr) · 2 usage · 130 interrupted.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.executor import MigrationExecutor

from recordings.models import Account, Call
from recordings.vobiz.wire import BadId, checked_id

FAILED, USAGE, INTERRUPTED = 1, 2, 130


class PortalCommand(BaseCommand):
    """A thin door: `act` calls one verb and ends with `report`."""

    requires_migrations_checks = True

    def check_migrations(self) -> None:
        """Say on stderr that tables are missing, before one of them is: Django would say so on stdout."""
        executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(
                "The database is not up to date: run manage.py migrate first.", returncode=FAILED
            )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """`--json`, and what the command adds by itself."""
        parser.add_argument(
            "--json", action="store_true", help="print one JSON document on stdout, and nothing else"
        )

    @abstractmethod
    def act(self, **options: Any) -> None:
        """Do what the command is for."""

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run `act`; Ctrl-C ends it with 130 and without a traceback."""
        self.as_json = bool(options["json"])
        try:
            self.act(**options)
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=INTERRUPTED) from None

    def report(self, document: dict[str, Any], sentence: str, *, failed: str | None = None) -> None:
        """The document as JSON, or the sentence; then exit 1, saying why, where something `failed`."""
        if self.as_json:
            self.stdout.write(json.dumps(document, cls=DjangoJSONEncoder))
        else:
            self.stdout.write(sentence)
        if failed:
            raise CommandError(failed, returncode=FAILED)

    def progress(self, text: str) -> None:
        """A line that overwrites itself on stderr, where that is a terminal."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{text}", ending="")

    def progress_end(self) -> None:
        """Leave the progress line."""
        if self.stderr.isatty():
            self.stderr.write("\r\x1b[K", ending="")


def add_account(parser: ArgumentParser) -> None:
    """`--account AUTH_ID`."""
    parser.add_argument(
        "--account", metavar="AUTH_ID", help="only this account (default: all that are switched on)"
    )


def accounts_asked(auth_id: str | None) -> list[Account]:
    """The account named, or every one that is switched on; usage error where there is none."""
    accounts = list(Account.objects.active().select_related("parent"))
    if auth_id is not None:
        accounts = [account for account in accounts if account.auth_id == auth_id]
        if not accounts:
            raise CommandError(f"No account {auth_id} is connected and switched on.", returncode=USAGE)
    if not accounts:
        raise CommandError("No account is connected: run connect_account first.", returncode=USAGE)
    return accounts


def id_asked(value: str, name: str) -> str:
    """`value` if it is shaped like an id of Vobiz's, else a usage error that calls it by its `name`."""
    try:
        return checked_id(value)
    except BadId:
        raise CommandError(f"{name} {value!r} is not an id as Vobiz gives them.", returncode=USAGE) from None


def call_asked(call_uuid: str, auth_id: str | None) -> Call:
    """The call of one of the accounts asked for; it need not be known here yet where its account is clear."""
    accounts = accounts_asked(auth_id)
    id_asked(call_uuid, "CALL_UUID")
    known = Call.objects.filter(call_uuid=call_uuid, account__in=accounts).select_related("account__parent")
    if len(known) == 1:
        call: Call = known[0]
        return call
    if len(accounts) > 1:
        raise CommandError("Name the account the call belongs to: --account AUTH_ID.", returncode=USAGE)
    return Call.objects.obtain(accounts[0], call_uuid)
