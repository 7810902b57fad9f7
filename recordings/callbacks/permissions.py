"""Who may have a delivery applied: Vobiz, as far as a signature shows that it is Vobiz."""

from __future__ import annotations

from django.utils.translation import gettext as _
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from recordings.callbacks.inbox import Arrival
from recordings.choices import Trust


class VobizSigned(BasePermission):
    """The delivery is signed under a token known here; or it is unsigned, and its account takes those too."""

    code = "refused"

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Decided by the path and the headers; what the body says has no part in it."""
        arrival: Arrival = view.arrival  # type: ignore[attr-defined] # of CallbackView
        unsigned = arrival.trust == Trust.UNSIGNED
        self.message = _("A signature is required.") if unsigned else _("The signature does not verify.")
        return arrival.is_admitted
