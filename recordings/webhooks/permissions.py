"""Which deliveries may be applied."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from recordings.callbacks.deliveries import is_admitted
from recordings.choices import Trust
from recordings.vobiz.signature import verify_body
from recordings.webhooks.authentication import SignatureCheck, signature_check
from recordings.webhooks.parsers import raw_body


class IsSignedOrAllowedUnsigned(BasePermission):
    """The delivery is signed under a known token, or unsigned and its account accepts unsigned callbacks."""

    code = "refused"

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Decide by path and headers; the body has a part in it only where it is what was signed."""
        check = _with_body_signature(request)
        unsigned = Trust(check.verdict.trust) == Trust.UNSIGNED
        self.message = _("A signature is required.") if unsigned else _("The signature does not verify.")
        return is_admitted(check.verdict, check.endpoint.account)


def _with_body_signature(request: Request) -> SignatureCheck:
    """Return the check of the delivery; on the address of an account that expects trunk webhooks, of its body too."""
    check = signature_check(request)
    expected = check.endpoint.webhook_signature
    if expected is None or check.verdict.trust != "unsigned":
        return check
    header, secret = expected
    value = request.headers.get(header)
    if value is None:
        return check
    verdict = verify_body(value, raw_body(request).content, secret)
    request.auth = replace(check, verdict=verdict)
    return signature_check(request)
