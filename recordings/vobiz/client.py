"""Vobiz's API, one method for each thing the portal asks of it.

Every method takes and gives typed values, raises only VobizError (see errors.py), and InvalidIdError or ValueError
where the caller passes what cannot be sent. Nothing is sent in that case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, tzinfo
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from recordings.vobiz.errors import AuthenticationError, NotFoundError, RouteMissingError, VobizError
from recordings.vobiz.media import AUDIO_CAP, AUDIO_TOTAL, AudioStream, Download, Media
from recordings.vobiz.media_hosts import MediaHosts
from recordings.vobiz.objects import (
    AccountObject,
    BadRow,
    LiveCall,
    LiveCallList,
    RecordingObject,
    RecordingPage,
    StartAnswer,
)
from recordings.vobiz.transport import BACKGROUND, INTERACTIVE, Credentials, RetryPolicy, Route, Transport
from recordings.vobiz.wire import InvalidShapeError, checked_id, text

if TYPE_CHECKING:
    from _typeshed import SupportsWrite

__all__ = ["BACKGROUND", "INTERACTIVE", "Credentials", "Download", "RetryPolicy", "VobizClient"]

_STOP_TRIES = 3
# API addresses whose paths of live calls have no last slash; for this process
_BARE_LIVE_CALLS: set[str] = set()
_WORD = re.compile(r"[a-z][a-z_]{1,31}", re.ASCII)


class VobizClient:
    """One account's Vobiz. A context manager; may be used by several threads at once.

    `api_url`: such as `https://api.vobiz.ai/api/v1`. `media_hosts`: exact names of hosts that audio may be
    fetched from. `local`: the portal runs on this machine only, which allows http to this machine.
    Timeouts in seconds. `zone` reads times that name none.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        api_url: str,
        media_hosts: Sequence[str],
        local: bool = False,
        connect_timeout: float = 3.0,
        read_timeout: float = 10.0,
        retry_policy: RetryPolicy = BACKGROUND,
        zone: tzinfo = UTC,
    ) -> None:
        """Raise NotConnectedError if the credentials or the API's address cannot be used at all."""
        self._transport = Transport(
            credentials,
            api_url=api_url,
            local=local,
            connect_timeout=connect_timeout,
            read_timeout=read_timeout,
            retry_policy=retry_policy,
        )
        hosts = MediaHosts.of(media_hosts, api_url=self._transport.api_url, local=local)
        self._media = Media(self._transport, hosts)
        self._zone = zone

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept open. The client can still be used after it."""
        self._transport.close()
        self._media.close()

    @property
    def rate_limited(self) -> int:
        """How many answers so far had status 429."""
        return self._transport.rate_limited

    def check(self) -> AccountObject:
        """Return the account of these credentials; raise AuthenticationError if they are not valid."""
        return self._transport.read(Route.ACCOUNT, AccountObject.parse)

    def list_live_calls(self) -> LiveCallList:
        """Return the ids of the live calls. A snapshot: any of them may end at any moment.

        Vobiz's pages write the path with a slash at its end, its SDKs without. Where one form is refused as if the
        credentials or the route were wrong, the other is tried once, and the one that was answered is remembered.
        """
        bare = self._transport.api_url in _BARE_LIVE_CALLS
        try:
            return self._list_live_calls(bare=bare)
        except (AuthenticationError, NotFoundError, RouteMissingError) as refused:
            try:
                found = self._list_live_calls(bare=not bare)
            except VobizError:
                raise refused from None
        (_BARE_LIVE_CALLS.discard if bare else _BARE_LIVE_CALLS.add)(self._transport.api_url)
        return found

    def _list_live_calls(self, *, bare: bool) -> LiveCallList:
        return self._transport.read(Route.LIVE_CALLS, LiveCallList.parse, query={"status": "live"}, bare=bare)

    def retrieve_live_call(self, call_uuid: str) -> LiveCall:
        """Return one live call; raise NotFoundError if it has ended."""
        # Without `status` the route answers with the finished call's billing record.
        return self._transport.read(
            Route.LIVE_CALL,
            partial(_live_call, asked=call_uuid),
            query={"status": "live"},
            bare=self._transport.api_url in _BARE_LIVE_CALLS,
            call_uuid=call_uuid,
        )

    def start_recording(
        self,
        call_uuid: str,
        *,
        time_limit: int,
        file_format: str,
        channels: str,
        callback_url: str | None,
        transcription_url: str | None,
    ) -> StartAnswer:
        """Start one more recording of a call. Sent once, never again: each start makes a recording.

        `time_limit` in seconds is always sent, because Vobiz cuts at 60 without one. `file_format`: mp3 or
        wav; `channels`: mono or stereo. A transcript is asked for exactly if there is an address for it.

        RefusedError (NotFoundError: the call is over) and UnreachableError: it did not happen.
        OutcomeUnknownError: it may have. The answer may lack a `recording_id`; it is a start all the same.
        """
        body: dict[str, Any] = {
            "time_limit": time_limit,
            "file_format": file_format,
            "record_channel_type": channels,
        }
        if callback_url:
            body |= {"callback_url": callback_url, "callback_method": "POST"}
        if transcription_url:
            body |= {"transcription_type": "auto", "transcription_url": transcription_url}
        return self._transport.write(Route.START, body, StartAnswer.parse, call_uuid=call_uuid)

    def stop_recording(self, call_uuid: str, *, url: str) -> None:
        """Stop the one recording that has this `url`, the one its start was answered with.

        ValueError, and nothing sent, without a url: Vobiz would stop every recording of the call. Vobiz
        answers alike if nothing was running. NotFoundError: the call is over. Tried 3 times, which does no harm.
        """
        if not url.strip():
            raise ValueError("Without its url a single recording cannot be stopped.")
        self._transport.write(
            Route.STOP, {"URL": url}, _nothing_to_read, tries=_STOP_TRIES, call_uuid=call_uuid
        )

    def stop_all_recordings(self, call_uuid: str) -> None:
        """Stop every recording of a call. Otherwise as `stop_recording`."""
        self._transport.write(Route.STOP, None, _nothing_to_read, tries=_STOP_TRIES, call_uuid=call_uuid)

    def list_recordings(
        self, *, limit: int, offset: int, call_uuid: str | None = None, recording_type: str | None = None
    ) -> RecordingPage:
        """Return one page of the account's recordings, newest first as far as is known.

        Vobiz may give fewer rows than `limit` and go on: the next offset is this one plus
        `page.received`. It may also ignore a filter; rows of other calls or types are left out of
        `page.objects` here, and still counted in `received` and named in `ids`.
        """
        query: dict[str, str | int] = {"limit": limit, "offset": offset}
        if call_uuid is not None:
            query["call_uuid"] = checked_id(call_uuid)
        if recording_type is not None:
            if not _WORD.fullmatch(recording_type):
                raise ValueError("A recording type is one word in lower case.")
            query["recording_type"] = recording_type
        page = self._transport.read(
            Route.RECORDINGS, partial(RecordingPage.parse, zone=self._zone), query=query
        )
        wanted = {"call_uuid": call_uuid, "recording_type": recording_type}
        narrowed = tuple(row for row in page.objects if _is_wanted(row, wanted))
        return replace(page, objects=narrowed)

    def retrieve_recording(self, recording_id: str) -> RecordingObject:
        """Return one recording; raise NotFoundError if Vobiz has none with this id."""
        found = self._transport.read(
            Route.RECORDING,
            partial(RecordingObject.parse_sole, asked=recording_id, zone=self._zone),
            recording_id=recording_id,
        )
        if found is None:  # an empty list's envelope
            raise NotFoundError(
                "Vobiz has no recording of this id.", status=200, method=Route.RECORDING.method
            )
        return found

    def download(
        self, url: str, into: SupportsWrite[bytes], *, max_bytes: int = AUDIO_CAP, total: float = AUDIO_TOTAL
    ) -> Download:
        """Write the audio at a recording's `recording_url` into `into`, which must write whole pieces.

        `total`: seconds for all of it. What was written before an error is no audio file: throw it away.
        MediaRefusedError: not an address to fetch from, nothing was sent there. NotFoundError: not ready yet, or
        deleted. UnreachableError: no answer, or it broke off. UnexpectedReplyError: too large, or not a plain 200.
        """
        return self._media.download(url, into, max_bytes=max_bytes, total=total)

    def open_audio(
        self, url: str, wanted: str | None = None, *, max_bytes: int = AUDIO_CAP, total: float = AUDIO_TOTAL
    ) -> AudioStream:
        """Open the audio at a recording's `recording_url` as a stream, with every guard of `download`.

        `wanted`: a Range header with one range of ours, `bytes=0-99`; Vobiz may give the whole file all the same.
        `total`: seconds until its last byte. Raises as `download`; reading the pieces may raise UnreachableError too.
        """
        return self._media.open(url, wanted, max_bytes=max_bytes, total=total)


def _live_call(document: Any, *, asked: str) -> LiveCall:
    call = LiveCall.parse(document)
    if call.call_uuid.lower() != asked.lower():
        raise InvalidShapeError("The answer is about another call than the one asked for.")
    return call


def _nothing_to_read(document: Any) -> None:
    """Accept any answer to a stop: 204 without a body, or JSON that is no error."""


def _is_wanted(row: RecordingObject | BadRow, wanted: dict[str, str | None]) -> bool:
    """Return whether a row is of the call and type asked for. A bad row that names none stays."""
    for name, value in wanted.items():
        if value is None:
            continue
        given = text(row.data.get(name)) if isinstance(row, BadRow) else getattr(row, name)
        if given != value and not (given is None and isinstance(row, BadRow)):
            return False
    return True
