"""Requests whose Content-Type cannot be read: what anybody may send must not fail before the portal sees it.

Django reads the type while it makes the request, before any view or middleware that could answer. A charset that does
not exist is an error there, and one such as `hex` or `idna` is one wherever query or form is read later.
"""

from __future__ import annotations

import codecs
from typing import TYPE_CHECKING, Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest
from django.http.multipartparser import MultiPartParserError
from django.utils.http import parse_header_parameters

if TYPE_CHECKING:
    from django.http import HttpRequest as _Request
else:
    _Request = object


UNREADABLE = "unreadable"


class ContentTypeMixin(_Request):
    """A mixin of requests: parameters that cannot be read become a charset that nobody knows; none fails on any bytes.

    Pages are in UTF-8. A form that says it is in another charset is refused with 400 by Django, as ever; Latin-1 stands
    for each of those, because it reads whatever comes.
    """

    def _set_content_type_params(self, meta: dict[str, Any]) -> None:
        """Set type, parameters and encoding; Django's own also reads the query here, which may be too long."""
        given = str(meta.get("CONTENT_TYPE", ""))
        try:
            self.content_type, self.content_params = parse_header_parameters(given)
            charset = self.content_params.get("charset")
            codec = codecs.lookup(charset).name if charset else ""
        except LookupError:  # no such charset: Django takes the form for UTF-8
            return
        except (ValueError, TypeError):  # of RFC 2231: a name with and without number cannot be sorted
            # In its place, too: Django and its libraries read the header again.
            meta["CONTENT_TYPE"] = f"{given.partition(';')[0]}; charset={UNREADABLE}"
            self.content_type = given.partition(";")[0].strip().lower()
            self.content_params = {"charset": UNREADABLE}
            return
        if codec:
            self._encoding = charset if codec == "utf-8" else "iso-8859-1"

    def _load_post_and_files(self) -> None:
        """Read the form; where the headers of a part cannot be read it is broken, which Django answers with 400."""
        try:
            super()._load_post_and_files()
        except TypeError as error:
            self._mark_post_parse_error()  # type: ignore[attr-defined]  # the stubs do not name it
            raise MultiPartParserError("The headers of a part cannot be read.") from error


class PortalWSGIRequest(ContentTypeMixin, WSGIRequest):
    """A request of a WSGI server."""


class PortalASGIRequest(ContentTypeMixin, ASGIRequest):
    """A request of an ASGI server."""


class PortalWSGIHandler(WSGIHandler):
    """The handler that makes them."""

    request_class = PortalWSGIRequest


class PortalASGIHandler(ASGIHandler):
    """The handler that makes them."""

    request_class = PortalASGIRequest
