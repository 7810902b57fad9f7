"""A new token is tried against Vobiz before it is stored, and before the form's transaction begins."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_variables

from recordings import connect
from recordings.encryption import encrypt
from recordings.forms import TokenTrial
from recordings.models import Account
from recordings.provider import explain
from recordings.vobiz.errors import RateLimitError, UnreachableError, VobizError
from recordings.vobiz.wire import BadId

NAME_LENGTH = 200


@sensitive_variables("token", "tried")
def try_token(auth_id: str, token: str) -> TokenTrial:
    """What Vobiz says to this token; its words name the Auth ID masked, and this token's ending."""
    tried = Account(auth_id=auth_id, encrypted_token=encrypt(token))
    try:
        answer = connect.check(auth_id, token)
    except BadId:
        return TokenTrial(refused=_("Vobiz was not asked, because that is no Auth ID."))
    except (UnreachableError, RateLimitError) as error:
        return TokenTrial(unreached=explain(error, tried))
    except VobizError as error:
        return TokenTrial(refused=explain(error, tried))
    return TokenTrial(name=(answer.name or "")[:NAME_LENGTH] or None)


@sensitive_variables("token")
def hold(request: HttpRequest, auth_id: str, token: str) -> None:
    """Try the token and keep the verdict for the form of this request."""
    request.token_trial = try_token(auth_id, token)  # type: ignore[attr-defined]


def found(request: HttpRequest) -> TokenTrial | None:
    """The verdict, if a token was tried in this request."""
    return getattr(request, "token_trial", None)
