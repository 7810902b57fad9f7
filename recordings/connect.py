"""Connect an account, test its credentials, replace its token, encrypt all tokens again."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from recordings.encryption import UndecipherableError
from recordings.models import Account, AlertWebhook
from recordings.provider import client_with
from recordings.vobiz.client import INTERACTIVE, Credentials
from recordings.vobiz.errors import UnexpectedReplyError
from recordings.vobiz.objects import AccountObject
from recordings.vobiz.wire import checked_id

NAME_LENGTH = 200


def check(auth_id: str, token: str) -> AccountObject:
    """Ask Vobiz whether these credentials are good. Raises VobizError; ValueError for an id of a wrong shape."""
    credentials = Credentials(checked_id(auth_id), token)
    with client_with(credentials, retry_policy=INTERACTIVE) as client:
        answer = client.check()
    if answer.auth_id is not None and answer.auth_id != auth_id:
        raise UnexpectedReplyError(
            _("Vobiz answered for %(answered)s, not for %(asked)s.")
            % {"answered": answer.auth_id, "asked": auth_id},
            path="/api/v1/auth/me",
        )
    return answer


def store(
    auth_id: str,
    token: str,
    *,
    now: datetime,
    name: str | None = None,
    parent: Account | None = None,
) -> tuple[Account, bool]:
    """Make the account or replace its token; the former token stays good for callbacks for a day.

    The account and whether it is new. A name given by a person is not overwritten. ValidationError, and nothing
    stored, where the parent cannot be one.
    """
    with transaction.atomic():
        account, created = Account.objects.get_or_create(auth_id=auth_id)
        account.name = account.name or (name or "")[:NAME_LENGTH] or None
        if parent is not None:
            account.parent = parent
        account.full_clean(exclude=["members"])
        account.save(update_fields=["name", "parent"])
        account.set_token(token, now=now)
    return account, created


def reencrypt_all() -> tuple[int, list[str]]:
    """Encrypt every stored token with the first key; return how many, and whose secrets no key decrypts."""
    done, unopened = 0, []
    for account in Account.objects.order_by("pk"):
        try:
            account.reencrypt()
            done += 1
        except UndecipherableError:
            unopened.append(account.auth_id)
    webhooks = AlertWebhook.objects.order_by("pk").select_related("account")
    unopened += [f"a webhook of {one.account.auth_id}" for one in webhooks if not one.reencrypt()]
    return done, unopened
