"""Connect a Vobiz account, or replace its token.

VOBIZ_AUTH_ID=MA_… VOBIZ_AUTH_TOKEN=… manage.py connect_account
manage.py connect_account                 (asks for both; the token is not shown)
manage.py connect_account --parent MA_…   (a sub-account of a connected main account)
manage.py connect_account --reencrypt     (rewrite all tokens under the first of TOKEN_ENCRYPTION_KEYS)
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from getpass import getpass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils import timezone

from recordings import connect
from recordings.encryption import UndecipherableError, encrypt
from recordings.management.portal_command import FAILED, USAGE, PortalCommand
from recordings.models import Account
from recordings.provider import explain
from recordings.vobiz.errors import VobizError


class Command(PortalCommand):
    """Credentials come from the environment or a prompt, never from the command line."""

    help = (
        "Connect a Vobiz account or replace its token, after asking Vobiz whether the credentials are good."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--name", help="a name for people (default: the one Vobiz has)")
        parser.add_argument("--parent", metavar="AUTH_ID", help="the main account, for a sub-account")
        parser.add_argument("--reencrypt", action="store_true", help="rewrite all tokens under the first key")

    def act(self, **options: Any) -> None:
        if options["reencrypt"]:
            self._reencrypt()
            return
        auth_id, token = self._credentials()
        parent = self._parent(options["parent"], auth_id)
        tried = Account(auth_id=auth_id, encrypted_token=encrypt(token))
        try:
            said = connect.check(auth_id, token)
        except VobizError as error:
            raise CommandError(f"{explain(error, tried)} Nothing was stored.", returncode=FAILED) from None
        except ValueError:
            # not shown: who mixes the two up has put the token there
            raise CommandError("That is not an Auth ID, such as MA_PU0XU668.", returncode=USAGE) from None
        try:
            account, created = connect.store(
                auth_id, token, now=timezone.now(), name=options["name"] or said.name, parent=parent
            )
        except ValidationError as error:
            raise CommandError(" ".join(error.messages), returncode=USAGE) from None
        what = "Connected" if created else "Replaced the token of"
        self.report({"auth_id": account.auth_id, "created": created}, f"{what} {account}.")

    def _credentials(self) -> tuple[str, str]:
        auth_id, token = settings.VOBIZ_AUTH_ID, settings.VOBIZ_AUTH_TOKEN
        if (not auth_id or not token) and not sys.stdin.isatty():
            raise CommandError(
                "Set VOBIZ_AUTH_ID and VOBIZ_AUTH_TOKEN, or run this in a terminal to be asked.",
                returncode=USAGE,
            )
        auth_id = auth_id or self._ask("Auth ID (MA_… or SA_…): ")
        token = token or getpass("Auth token (not shown): ").strip()
        if not auth_id or not token:
            raise CommandError("Both the Auth ID and the token are needed.", returncode=USAGE)
        return auth_id, token

    def _ask(self, question: str) -> str:
        """On stderr, because stdout may be for JSON only."""
        self.stderr.write(question, ending="")
        self.stderr.flush()
        return input().strip()

    def _parent(self, auth_id: str | None, own: str) -> Account | None:
        if auth_id is None:
            return None
        parent: Account | None = Account.objects.filter(auth_id=auth_id).exclude(auth_id=own).first()
        if parent is None:
            raise CommandError(
                f"{auth_id} is not connected: connect the main account first.", returncode=USAGE
            )
        return parent

    def _reencrypt(self) -> None:
        done, unopened = 0, []
        for account in Account.objects.order_by("pk"):
            try:
                account.reencrypt()
                done += 1
            except UndecipherableError:
                unopened.append(account.auth_id)
        failed = f"No key opens the token of {', '.join(unopened)}: enter it again." if unopened else None
        self.report(
            {"reencrypted": done, "unopened": unopened},
            f"Rewrote the tokens of {done} accounts.",
            failed=failed,
        )
