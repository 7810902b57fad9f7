"""Whose address a delivery was sent to, and what its signature proves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib.auth.models import AnonymousUser
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from recordings.callbacks.endpoints import CallbackEndpoint
from recordings.vobiz.signature import Verdict, verify


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """The endpoint of a delivery, and the result of checking its signature: `request.auth`."""

    endpoint: CallbackEndpoint
    verdict: Verdict
    received_at: datetime


class SignatureAuthentication(BaseAuthentication):
    """The signature of Vobiz over the path of the address.

    It authenticates an address, not a user. A delivery without a valid signature gets a verdict too, because it must
    be stored: the permission class decides whether it may be applied.
    """

    def authenticate(self, request: Request) -> tuple[AnonymousUser, SignatureCheck]:
        """Return the result of the check. Raises NotFound for a key that was never given out."""
        context = request.parser_context
        endpoint = CallbackEndpoint.find(context["view"].endpoint_name, context["kwargs"]["key"])
        if endpoint is None:
            raise NotFound
        now = timezone.now()
        tokens = endpoint.account.callback_tokens(now)
        verdict = verify(request.headers, bases=endpoint.signed_bases, tokens=tokens)
        return AnonymousUser(), SignatureCheck(endpoint, verdict, now)


def signature_check(request: Request) -> SignatureCheck:
    """Return the result that SignatureAuthentication left on the request."""
    check: Any = request.auth  # the stubs of Django REST framework take it for a token
    return cast("SignatureCheck", check)
