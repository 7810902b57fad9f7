"""Pages fetched ahead in threads, as many at once as Vobiz allows.

A thread sends a request and parses the answer; it never uses the database. What was fetched ahead is only a guess of
what will be asked for: the caller checks each page, and has the guesses forgotten where they were wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from recordings.vobiz.client import VobizClient
from recordings.vobiz.errors import RateLimitError
from recordings.vobiz.objects import RecordingPage

OLDEST = timedelta(seconds=30)  # an answer that was asked for earlier is asked for again
CALM_PAGES = 50  # pages without a 429 until one more is fetched at once

Fetched = tuple[datetime, RecordingPage]


class PageFetcher:
    """The pages of one run. A context manager, which waits for its threads.

    `most`: pages fetched ahead at most. Begins with one, then doubles; halves when Vobiz answers 429.
    """

    def __init__(
        self,
        client: VobizClient,
        request: Callable[[int], RecordingPage],
        most: int,
        now: Callable[[], datetime],
    ) -> None:
        self._client, self._request, self._now = client, request, now
        self._limit = self._allowed = most
        self._width = self._calm = 0
        self._rate_limited = client.rate_limited
        self._ahead: dict[int, Future[Fetched]] = {}
        self._pool = ThreadPoolExecutor(max(1, most), thread_name_prefix="sync-page")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def fetch(self, offset: int) -> Fetched:
        """Return the moment before the request and the page; raise VobizError where Vobiz gave none."""
        ahead = self._ahead.pop(offset, None)
        if ahead is None:
            self.forget()
            return self._fetch(offset)
        try:
            asked_at, page = ahead.result()
        except RateLimitError:
            if self._width <= 1:
                raise
            self.forget()  # several at once were too many: this one is asked for alone
            return self._fetch(offset)
        if self._now() - asked_at > OLDEST:
            return self._fetch(offset)
        return asked_at, page

    def fetch_ahead(self, offset: int, step: int, *, end: int | None) -> None:
        """Fetch the pages from `offset` on that will probably be asked for; none from `end` on."""
        self._adapt()
        for at in range(offset, offset + step * self._width, step):
            if at not in self._ahead and (end is None or at < end):
                self._ahead[at] = self._pool.submit(self._fetch, at)

    def forget(self) -> None:
        """Drop what was fetched ahead, and begin again with one page at once."""
        for ahead in self._ahead.values():
            ahead.cancel()
        self._ahead.clear()
        self._width = 0

    def _adapt(self) -> None:
        """Fetch more at once while all goes well, and fewer after a 429."""
        told, self._rate_limited = self._client.rate_limited - self._rate_limited, self._client.rate_limited
        if told:
            self._allowed, self._calm = max(1, self._width // 2), 0
        else:
            self._calm += 1
            if self._calm % CALM_PAGES == 0:
                self._allowed = min(self._limit, self._allowed + 1)
        self._width = min(self._allowed, self._limit, self._width * 2 or 1)

    def _fetch(self, offset: int) -> Fetched:
        asked_at = self._now()
        return asked_at, self._request(offset)
