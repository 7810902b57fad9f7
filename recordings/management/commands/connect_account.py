"""Connect a Vobiz account, or replace its auth token."""

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
from recordings.encryption import encrypt
from recordings.management.documented_command import FAILED, USAGE
from recordings.management.portal_command import PortalCommand
from recordings.models import Account
from recordings.provider import explain
from recordings.vobiz.errors import VobizError


class Command(PortalCommand):
    """Credentials come from the environment or a prompt, because process lists and shell histories show arguments."""

    help = (
        "Connect a Vobiz account, or replace its auth token, after testing the credentials with Vobiz. They are read "
        "from VOBIZ_AUTH_ID and VOBIZ_AUTH_TOKEN, or asked for; the token is not shown."
    )
    examples = ("", "--name Support", "--parent MA_PU0XU668", "--reencrypt")
    done = "the account is connected, or every token is rewritten"
    failure = (
        "Vobiz refused the credentials or did not answer, and nothing was stored; or no key decrypts a token"
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the options."""
        super().add_arguments(parser)
        parser.add_argument("--name", help="the name shown in the portal (default: the name at Vobiz)")
        parser.add_argument("--parent", metavar="AUTH_ID", help="the connected main account of a sub-account")
        parser.add_argument(
            "--reencrypt",
            action="store_true",
            help="encrypt all stored tokens again, with the first of TOKEN_ENCRYPTION_KEYS",
        )

    def act(self, **options: Any) -> None:
        """Test the credentials, then store them; or encrypt the stored tokens again."""
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
            # The value is not shown: somebody who confuses the two has entered the token.
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
        """Return the Auth ID and the token, from the environment or a prompt."""
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
        """Ask on stderr, because stdout may be for JSON only."""
        self.stderr.write(question, ending="")
        self.stderr.flush()
        return input().strip()

    def _parent(self, auth_id: str | None, own: str) -> Account | None:
        if auth_id is None:
            return None
        parent: Account | None = Account.objects.filter(auth_id=auth_id).exclude(auth_id=own).first()
        if parent is None:
            raise CommandError(
                f"{auth_id} is not connected. Connect the main account first.", returncode=USAGE
            )
        return parent

    def _reencrypt(self) -> None:
        """Encrypt every stored token with the first key; exit 1 where no key decrypts one."""
        done, unopened = connect.reencrypt_all()
        failed = f"No key decrypts the token of {', '.join(unopened)}. Enter it again." if unopened else None
        self.report(
            {"reencrypted": done, "unopened": unopened},
            f"Encrypted {done} {'token' if done == 1 else 'tokens'} again.",
            failed=failed,
        )
