"""The media host: recordings' audio, for those who send the account's headers. Requests in, replies out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vobiz_portal.sandbox import serializers
from vobiz_portal.sandbox.entities import Quirks, Recording
from vobiz_portal.sandbox.exchange import Reply, Request, as_json, unauthorized
from vobiz_portal.sandbox.state import SandboxState

_FILE = re.compile(
    r"(?:/api)?/v1/Account/(?P<auth_id>[^/]+)/Recording/(?P<name>[^/]+)\.(?P<extension>mp3|wav)"
)
_SIGNED = re.compile(r"/signed/(?P<ticket>[0-9a-f-]{36})/(?P<name>[^/]+)\.(?P<extension>mp3|wav)")
_RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})", re.ASCII)
TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav"}


class MediaHost:
    """The endpoints of media.vobiz.ai, and of the object storage it may redirect to (`/signed/…`)."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self._tickets: dict[str, str] = {}  # given out with a redirect: ticket → recording_id

    def operation(self, request: Request) -> str:
        """Return the one operation of this host."""
        return "media.get"

    def answer(self, request: Request, quirks: Quirks) -> Reply:
        """Return the audio, a redirect to it, or an error."""
        if request.method not in {"GET", "HEAD"}:
            return as_json({"message": "Method Not Allowed"}, 405)
        signed = _SIGNED.fullmatch(request.path)
        if signed:
            if self._tickets.get(signed["ticket"]) != signed["name"]:
                return as_json({"error": "signature does not match"}, 403)
            return self._file(request, signed["name"], signed["extension"], quirks)
        found = _FILE.fullmatch(request.path)
        if found is None:
            return as_json({"error": "file not found"}, 404)
        if quirks.media_needs_credentials and not self._may_read(request, found["auth_id"]):
            return unauthorized()
        if quirks.media_redirect:
            ticket = self.state.new_id()
            self._tickets[ticket] = found["name"]
            where = (
                f"{quirks.media_redirect.rstrip('/')}/signed/{ticket}/{found['name']}.{found['extension']}"
            )
            return Reply(302, b"", {"Location": where})
        recording = self._recording(found["name"])
        if recording is None or recording.auth_id != found["auth_id"]:
            return as_json({"error": "file not found"}, 404)
        return self._file(request, found["name"], found["extension"], quirks)

    def _may_read(self, request: Request, owner: str) -> bool:
        """Return whether the credentials are those of the owner or its main account."""
        account = self.state.authenticate(
            request.headers.get("x-auth-id"), request.headers.get("x-auth-token")
        )
        if account is None:
            return False
        family = self.state.accounts.get(owner)
        return account.auth_id == owner or (family is not None and family.parent == account.auth_id)

    def _recording(self, recording_id: str) -> Recording | None:
        """Return a listed recording whose audio still exists."""
        with self.state.lock:
            self.state.tick()
            found = self.state.recordings.all.get(recording_id)
            if found is None or found.state != "listed" or self.state.audio_gone(found):
                return None
            return found

    def _file(self, request: Request, recording_id: str, extension: str, quirks: Quirks) -> Reply:
        """Return the file, or the range of it that was requested."""
        recording = self._recording(recording_id)
        if recording is None or recording.url_extension != extension:
            return as_json({"error": "file not found"}, 404)
        audio = serializers.audio_of(recording)
        headers = {"Content-Type": TYPES[extension]}
        start, stop, status = 0, audio.length, 200
        if quirks.media_ranges:
            headers["Accept-Ranges"] = "bytes"
            wanted = parse_range(request.headers.get("range", ""), audio.length)
            if wanted == (0, 0):
                return Reply(416, b"", {"Content-Range": f"bytes */{audio.length}"})
            if wanted is not None:
                (start, stop), status = wanted, 206
                headers["Content-Range"] = f"bytes {start}-{stop - 1}/{audio.length}"
        body: bytes | Iterator[bytes] = b"" if request.method == "HEAD" else audio.read(start, stop)
        return Reply(status, body, headers, length=stop - start)


def parse_range(header: str, length: int) -> tuple[int, int] | None:
    """Parse a Range header into start and exclusive stop.

    None for no range, several, or none that makes sense: the whole file. (0, 0) when it cannot be satisfied.
    """
    found = _RANGE.fullmatch(header.strip())
    if found is None or found.group(1) == found.group(2) == "":
        return None
    first, last = found.groups()
    if not first:
        return (max(0, length - int(last)), length) if int(last) else (0, 0)
    if last and int(last) < int(first):
        return None
    start, stop = int(first), min(length, int(last) + 1) if last else length
    return (start, stop) if start < length else (0, 0)
