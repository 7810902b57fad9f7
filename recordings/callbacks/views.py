"""The door itself: one delivery in, written down and committed, then applied; an answer within milliseconds.

In this order: the key, the body's size, the signature, reading, writing down, applying. No request is ever sent.
"""

from __future__ import annotations

import logging
from typing import Any, NoReturn

from django.db import DatabaseError, InterfaceError
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import MethodNotAllowed, NotFound
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from recordings import tasks
from recordings.callbacks import inbox, processing, reading
from recordings.callbacks.doors import Door, DoorName
from recordings.callbacks.permissions import VobizSigned
from recordings.choices import Trust
from recordings.vobiz.signature import verify

logger = logging.getLogger(__name__)


class AlwaysJSON(BaseContentNegotiation):
    """The answer's form is ours to choose: an odd `Accept` is no reason to lose a callback."""

    def select_parser(self, request: Request, parsers: Any) -> None:
        """None: the body is read here, within its own limits."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """JSON, whatever is asked for."""
        return renderers[0], renderers[0].media_type


class CallbackView(APIView):
    """GET or POST from Vobiz under a key: 200 kept, 4xx not ours or not readable, 403 refused and kept, 503 again."""

    http_method_names = ["get", "post"]
    authentication_classes = []
    permission_classes = [VobizSigned]
    content_negotiation_class = AlwaysJSON
    renderer_classes = [JSONRenderer]
    parser_classes = []
    throttle_classes = []

    door_name: DoorName = "recording"
    arrival: inbox.Arrival

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whose it is, how large it is, and what its signature proves; then the policy, as DRF has it."""
        if str(request.method).lower() not in self.http_method_names:
            raise MethodNotAllowed(str(request.method))
        door = Door.find(self.door_name, kwargs["key"])
        if door is None:
            raise NotFound
        raw = reading.take(request._request)  # noqa: SLF001 - DRF's way to the request it wraps
        now = timezone.now()
        verdict = verify(request.headers, bases=door.bases, tokens=door.tokens(now))
        self.arrival = inbox.Arrival(door, raw, request.headers, verdict, now)
        super().initial(request, *args, **kwargs)

    def permission_denied(
        self, request: Request, message: str | None = None, code: str | None = None
    ) -> NoReturn:
        """Refused, and kept: it may be genuine, and a setting of ours wrong."""
        content = reading.read(self.arrival.raw)
        if content.unreadable is not None and self.arrival.trust == Trust.UNSIGNED:
            raise content.unreadable
        event = inbox.keep_refused(self.arrival, content)
        logger.warning("callback refused, kept as event %s", event.pk if event else "none: too many")
        super().permission_denied(request, message=message, code=code)

    def get(self, request: Request, key: str) -> Response:
        """The fields are in the query."""
        return self._take_in()

    def post(self, request: Request, key: str) -> Response:
        """The fields are in the body; the query means nothing."""
        return self._take_in()

    def _take_in(self) -> Response:
        content = reading.read(self.arrival.raw)
        if content.unreadable is not None and self.arrival.trust != Trust.SIGNED:
            raise content.unreadable
        event = inbox.keep(self.arrival, content)
        if event is not None:
            processing.apply(event, now=self.arrival.at)
            tasks.wake(tasks.settle_account, event.account_id)  # to ask the API; a worker looks anyway
        return Response({"received": True})

    def handle_exception(self, exc: Exception) -> Response:
        """Not written down: Vobiz is to try again."""
        if isinstance(exc, DatabaseError | InterfaceError):
            logger.error("a callback could not be written down: %s", type(exc).__name__)
            return Response({"detail": "Try again."}, status=status.HTTP_503_SERVICE_UNAVAILABLE)
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """A delivery by GET must reach the portal every time."""
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)
