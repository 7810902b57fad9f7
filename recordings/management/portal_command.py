"""The base classes of the portal's commands: help, `--account`, `--json`, the last line and the exit code."""

from __future__ import annotations

import json
from abc import abstractmethod
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.core.serializers.json import DjangoJSONEncoder
from django.db import DEFAULT_DB_ALIAS, DatabaseError, InterfaceError, connections
from django.db.migrations.executor import MigrationExecutor

from recordings.management.documented_command import FAILED, USAGE, DocumentedCommand
from recordings.models import Account, Call
from recordings.vobiz.wire import InvalidIdError, checked_id

INTERRUPTED = 130
NEWLINE = "\n"


class PortalCommand(DocumentedCommand):
    """A thin command: `act` calls one function of the domain and ends with `report`."""

    requires_migrations_checks = True
    takes_account = False
    """Whether `--account` names the only account to work on."""

    def exit_codes(self) -> dict[int, str]:
        """Return the four codes that every command of the portal has."""
        return {
            **super().exit_codes(),
            USAGE: "an option or a setting is wrong, or no such account is connected",
            INTERRUPTED: "interrupted by Ctrl-C; what was finished is kept",
        }

    def check_migrations(self) -> None:
        """Raise CommandError where a migration is missing. Django warns on stdout, which may be for JSON only."""
        try:
            executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
        except (DatabaseError, InterfaceError) as error:
            raise CommandError(_words_for(error), returncode=FAILED) from None
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            raise CommandError(
                "The database is not up to date. Run manage.py migrate first.", returncode=FAILED
            )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add `--json`, and `--account` where the command takes one; a command extends this with its own options."""
        parser.add_argument(
            "--json", action="store_true", help="print one JSON document on stdout, and nothing else"
        )
        if self.takes_account:
            parser.add_argument(
                "--account", metavar="AUTH_ID", help="only this account (default: all active accounts)"
            )

    @abstractmethod
    def act(self, **options: Any) -> None:
        """Run the command. The options are those of `add_arguments`."""

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run `act`; Ctrl-C ends it with 130 and without a traceback."""
        self.as_json = bool(options["json"])
        try:
            self.act(**options)
        except KeyboardInterrupt:
            raise CommandError("Interrupted.", returncode=INTERRUPTED) from None
        except (DatabaseError, InterfaceError, OSError) as error:
            raise CommandError(_words_for(error), returncode=FAILED) from None

    def report(self, document: dict[str, Any], sentence: str, *, failed: str | None = None) -> None:
        """Print the document as JSON, or the sentence; raise CommandError (exit 1) where something `failed`."""
        if self.as_json:
            self.stdout.write(json.dumps(document, cls=DjangoJSONEncoder))
        else:
            self.stdout.write(sentence)
        if failed:
            raise CommandError(failed, returncode=FAILED)

    def progress(self, text: str = "") -> None:
        """Show a line that overwrites itself on stderr, where that is a terminal; without a text, clear it."""
        if self.stderr.isatty():
            self.stderr.write(f"\r\x1b[K{text}", ending="")


def _words_for(error: Exception) -> str:
    """Return why the database or a disk stopped the command; the first line, because the others quote rows."""
    what = "A file or disk" if isinstance(error, OSError) else "The database"
    return f"{what} failed: {str(error).partition(NEWLINE)[0]}. What was finished is kept. Run the command again."


def requested_accounts(auth_id: str | None) -> list[Account]:
    """Return the account named, or every active one; raise CommandError (exit 2) where there is none."""
    accounts = list(Account.objects.active().select_related("parent"))
    if auth_id is not None:
        accounts = [account for account in accounts if account.auth_id == auth_id]
        if not accounts:
            raise CommandError(f"No active account {auth_id} is connected.", returncode=USAGE)
    if not accounts:
        raise CommandError("No active account is connected. Run connect_account first.", returncode=USAGE)
    return accounts


def require_id(value: str, name: str) -> str:
    """Return `value` if it has the shape of a Vobiz ID; raise CommandError (exit 2) with its `name` otherwise."""
    try:
        return checked_id(value)
    except InvalidIdError:
        raise CommandError(f"{name} {value!r} is not a Vobiz ID.", returncode=USAGE) from None


def requested_call(call_uuid: str, auth_id: str | None) -> Call:
    """Return the call, which is created here where only one account can have it.

    Raise CommandError (exit 2) where several accounts could have a call that is not known yet.
    """
    accounts = requested_accounts(auth_id)
    require_id(call_uuid, "CALL_UUID")
    known = Call.objects.filter(call_uuid=call_uuid, account__in=accounts).select_related("account__parent")
    if len(known) == 1:
        call: Call = known[0]
        return call
    if len(accounts) > 1:
        raise CommandError("Name the account the call belongs to: --account AUTH_ID.", returncode=USAGE)
    return Call.objects.obtain(accounts[0], call_uuid)
