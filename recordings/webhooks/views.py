"""One callback in, stored and applied, and answered within milliseconds. No request to Vobiz is ever sent here."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NoReturn

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recordings import tasks
from recordings.callbacks import processing
from recordings.callbacks.body import decode_body
from recordings.callbacks.deliveries import Delivery, count_only, store_refused
from recordings.callbacks.endpoints import EndpointName
from recordings.choices import Trust
from recordings.webhooks.authentication import SignatureAuthentication, signature_check
from recordings.webhooks.database import one_writer, short_waits
from recordings.webhooks.exceptions import callback_exception_handler
from recordings.webhooks.parsers import (
    BODY_LIMIT,
    BodyTooLargeError,
    BoundedParser,
    FixedNegotiation,
    declared_bytes,
    raw_body,
)
from recordings.webhooks.permissions import IsSignedOrAllowedUnsigned

logger = logging.getLogger(__name__)


# A proxy must pass every GET on. Other methods are refused before anything is looked up.
@method_decorator([cache_control(no_store=True), require_http_methods(["GET", "POST"])], name="dispatch")
class CallbackView(APIView):
    """A callback address: 200 stored, 403 refused but stored, other 4xx not stored, 503 to be sent again."""

    authentication_classes = [SignatureAuthentication]
    permission_classes = [IsSignedOrAllowedUnsigned]
    content_negotiation_class = FixedNegotiation
    parser_classes = [BoundedParser]
    renderer_classes = [JSONRenderer]

    endpoint_name: EndpointName = "recording"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer as every view does, without waiting long for the database: Vobiz gives up after some seconds."""
        with short_waits(min(declared_bytes(request.META) or 0, BODY_LIMIT)):
            return super().dispatch(request, *args, **kwargs)

    def post(self, request: Request, key: str) -> Response:
        """Store a delivery, whose fields are in the body, or of a GET in the query."""
        delivery = _delivery(request)
        if delivery.content.problem is not None and delivery.trust != Trust.SIGNED:
            raise delivery.content.problem
        with one_writer():
            event = processing.receive(delivery)
        if event is not None:
            # To ask the API about the recording. Nothing is lost without it: the row says what is due.
            tasks.wake(tasks.settle_account, event.account_id)
        return Response({"received": True})

    get = post

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """Store the delivery and refuse it: it may be genuine, and a setting of the portal wrong."""
        delivery = _delivery(request)
        if delivery.content.problem is not None and delivery.trust == Trust.UNSIGNED:
            raise delivery.content.problem
        with one_writer():
            event = store_refused(delivery)
        logger.warning(
            "callback refused, kept as event %s", event.pk if event else "none: too many",
            extra={"budget": f"refused callbacks of account {delivery.endpoint.account.pk}"},
        )  # fmt: skip
        super().permission_denied(request, message=message, code=code)

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], Response | None]:
        """Return the exception handler of callbacks."""
        return callback_exception_handler


def _delivery(request: Request) -> Delivery:
    check = signature_check(request)
    try:
        raw = raw_body(request)
    except BodyTooLargeError:
        count_only(check.endpoint, now=check.received_at)
        raise
    return Delivery(
        endpoint=check.endpoint,
        raw=raw,
        content=decode_body(raw),
        headers=request.headers,
        verdict=check.verdict,
        received_at=check.received_at,
    )
