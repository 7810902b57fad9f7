"""Which deliveries may be applied."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from recordings.callbacks.deliveries import is_admitted
from recordings.choices import Trust
from recordings.webhooks.authentication import signature_check


class IsSignedOrAllowedUnsigned(BasePermission):
    """The delivery is signed under a known token, or unsigned and its account accepts unsigned callbacks."""

    code = "refused"

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Decide by path and headers alone; the body has no part in it."""
        check = signature_check(request)
        unsigned = Trust(check.verdict.trust) == Trust.UNSIGNED
        self.message = _("A signature is required.") if unsigned else _("The signature does not verify.")
        return is_admitted(check.verdict, check.endpoint.account)
