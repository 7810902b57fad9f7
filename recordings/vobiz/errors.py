"""What can go wrong with Vobiz, sorted by what the caller may do next.

    VobizError
    ├─ NotConnectedError        no usable account, token or address: a setting or a page cures it
    ├─ RefusedError             Vobiz said no: it did not happen
    │  ├─ AuthenticationError   401: the credentials, or the path
    │  ├─ PaymentRequiredError  402: the balance
    │  ├─ NotFoundError         404
    │  ├─ RouteMissingError     404 from the gateway: the path, not the call or recording
    │  └─ RateLimitError        429, with `retry_after`
    ├─ UnreachableError         nothing got through: it did not happen; show what was last known
    ├─ OutcomeUnknownError      a write left and its answer was lost: it may have happened; never repeat a start
    └─ UnexpectedReplyError     an answer of another shape than documented; not worth repeating
       └─ MediaRefusedError     audio at an address from which it must not be fetched

`str(error)` is a sentence for people. It never holds a token or a header.
"""

from __future__ import annotations

from typing import TypedDict, Unpack


class Where(TypedDict, total=False):
    """Which request an error is about.

    `status`: the HTTP status of the answer, if one came. `api_id`: Vobiz's id of the request, which its
    support asks for. `method` and `path` of the request, without query. `reply`: the beginning of an
    answer that could not be used, as text; None where there was none, or where it may hold secrets.
    """

    status: int | None
    api_id: str | None
    method: str | None
    path: str | None
    reply: str | None


class VobizError(Exception):
    """Anything that kept Vobiz from doing what was asked. Attributes as in `Where`."""

    def __init__(self, message: str, **where: Unpack[Where]) -> None:
        super().__init__(message)
        self.message = message
        self.status = where.get("status")
        self.api_id = where.get("api_id")
        self.method = where.get("method")
        self.path = where.get("path")
        self.reply = where.get("reply")


class NotConnectedError(VobizError):
    """There is nothing to ask Vobiz with: no account, no token, or no usable address."""


class RefusedError(VobizError):
    """Vobiz understood and said no (4xx, or a 200 that holds an error): it did not happen."""


class AuthenticationError(RefusedError):
    """401. Wrong or rotated credentials, or a path Vobiz does not know: the two answer alike."""


class PaymentRequiredError(RefusedError):
    """402: the account's balance does not allow it."""


class NotFoundError(RefusedError):
    """404: no such call or recording (any more)."""


class RouteMissingError(RefusedError):
    """404 from Vobiz's gateway (`{"message": "Not Found"}`): it does not know the path.

    It says nothing about the call or recording, so nobody may take either for ended or deleted. For that reason
    this is no NotFoundError.
    """


class RateLimitError(RefusedError):
    """429: too many requests. `retry_after`: seconds to wait, where Vobiz said so."""

    def __init__(self, message: str, *, retry_after: float | None = None, **where: Unpack[Where]) -> None:
        super().__init__(message, **where)
        self.retry_after = retry_after


class UnreachableError(VobizError):
    """Nothing got through: a read after all its tries, or a write of which nothing was sent."""


class OutcomeUnknownError(VobizError):
    """A write left this machine and no usable answer came back: it may have happened."""


class UnexpectedReplyError(VobizError):
    """Vobiz answered a read, but not in a documented shape. Asking again would bring the same."""


class MediaRefusedError(UnexpectedReplyError):
    """Vobiz named an address from which audio must not be fetched. Nothing was sent there."""
