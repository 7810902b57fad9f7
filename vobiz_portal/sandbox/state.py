"""The state of the simulated Vobiz: accounts, calls that ring, live and end, and recordings.

No HTTP here: `api.py` serves it, `outbox.py` delivers the callbacks. Everything is under one lock, and every time
comes from one clock, which a test may control.
"""

from __future__ import annotations

import hmac
import sys
from collections.abc import Callable, Sequence
from typing import Any

from vobiz_portal.sandbox import serializers
from vobiz_portal.sandbox.callback_factory import CallbackFactory
from vobiz_portal.sandbox.entities import Account, Call, Entry, Flow, Ledger, Quirks, Recording
from vobiz_portal.sandbox.faults import Faults
from vobiz_portal.sandbox.store import RecordingStore
from vobiz_portal.sandbox.timeline import Timeline


class NotFoundError(Exception):
    """No such account, call or recording, or a call that is not live; the text is Vobiz's."""


class SandboxState(Timeline):
    """One simulated Vobiz: its clock, its data and its planned faults.

    `clock` gives seconds since the epoch, by default the real time: `SandboxState(clock=lambda: 1_762_436_939.0)`
    stands still until `advance` moves it. The same `seed` gives the same ids and nonces. `transcript_delay`: seconds
    from a recording's listing to its transcript.
    """

    def __init__(
        self,
        clock: Callable[[], float] | None = None,
        seed: int | str = 0,
        *,
        transcript_delay: float = 3.0,
        quirks: Quirks | None = None,
    ) -> None:
        super().__init__(clock, seed)
        self.quirks = quirks or Quirks()
        self.faults = Faults()
        self.ledger = Ledger()
        self.transcript_delay = transcript_delay
        self.media_base = "https://media.vobiz.ai"
        self.accounts: dict[str, Account] = {}
        self.calls: dict[str, Call] = {}
        self.recordings = RecordingStore()
        self.callbacks = CallbackFactory(self)
        self.revision = 0  # grows with every change that a snapshot should hold

    # Accounts

    def add_account(
        self, auth_id: str, token: str, *, name: str = "", parent: str | None = None, zone_minutes: int = 0
    ) -> Account:
        """Add an account; with `parent` (an Auth ID) a sub-account of it."""
        with self.lock:
            account = Account(auth_id, token, name or auth_id, parent, zone_minutes=zone_minutes)
            self.accounts[auth_id] = account
            return account

    def headers(self, auth_id: str) -> dict[str, str]:
        """Return an account's two authentication headers."""
        return {"X-Auth-ID": auth_id, "X-Auth-Token": self.accounts[auth_id].token}

    def authenticate(self, auth_id: str | None, token: str | None) -> Account | None:
        """Return the account with these credentials, or None."""
        account = self.accounts.get(auth_id or "")
        if account is None or token is None:
            return None
        same = hmac.compare_digest(account.token.encode(), token.encode("utf-8", "surrogateescape"))
        return account if same else None

    def set_flow(
        self, auth_id: str, *, callback_url: str, transcription_url: str | None = None, **how: Any
    ) -> None:
        """Give an account a call flow: calls placed with `flow=True` are recorded and reported there."""
        with self.lock:
            self.accounts[auth_id].flow = Flow(callback_url, transcription_url, **how)
            self.revision += 1

    # Calls

    def place_call(
        self,
        auth_id: str,
        *,
        from_number: str = "+919876543210",
        to_number: str = "+918071387423",
        direction: str = "inbound",
        rings_for: float = 0.0,
        lasts: float | None = None,
        flow: bool = False,
        answered_ago: float = 0.0,
    ) -> Call:
        """Place a call that rings, is answered, and ends by itself after `lasts` seconds (None: until hung up)."""
        with self.lock:
            self.tick()
            placed = self.now() - answered_ago
            call = Call(
                self.new_id(), auth_id, from_number, to_number, direction, placed, lasts=lasts, flow=flow
            )
            if auth_id not in self.accounts:
                raise NotFoundError(f"there is no account {auth_id}")
            self.calls[call.call_uuid] = call
            self._note("call.placed", placed, call=call, direction=direction)
            self.plan(placed + rings_for, self._answer, call.call_uuid)
            self.tick()
            return call

    def hang_up(self, call_uuid: str) -> Call:
        """End a ringing or live call, and with it its recordings."""
        with self.lock:
            self.tick()
            call = self.calls.get(call_uuid)
            if call is None or call.state == "ended":
                raise NotFoundError("call not found")
            self._end_call(call_uuid, self.now())
            self.tick()
            return call

    def calls_of(self, auth_id: str, state: str) -> list[Call]:
        """Return an account's calls in a `state`: live or queued."""
        with self.lock:
            self.tick()
            return [call for call in self.calls.values() if call.auth_id == auth_id and call.state == state]

    def _live_call(self, auth_id: str, call_uuid: str) -> Call:
        call = self.calls.get(call_uuid)
        if call is None or call.state != "live" or call.auth_id != auth_id:
            raise NotFoundError("call not found")
        return call

    def _answer(self, call_uuid: str, when: float) -> None:
        """Make a ringing call live, and start recording it if it has a call flow."""
        call = self.calls[call_uuid]
        if call.state != "queued":
            return
        call.state, call.answered_at = "live", when
        self._note("call.answered", when, call=call)
        if call.lasts is not None:
            self.plan(when + call.lasts, self._end_call, call_uuid)
        account = self.accounts[call.auth_id]
        if call.flow and account.flow:
            flow = account.flow
            recording = self._begin(
                call, when, file_format=flow.file_format, time_limit=flow.max_length, by_flow=True
            )
            self._enqueue_flow_callback(recording, "Record", when)

    def _end_call(self, call_uuid: str, when: float) -> None:
        call = self.calls[call_uuid]
        if call.state == "ended":
            return
        call.state, call.ended_at = "ended", when
        self._note("call.ended", when, call=call)
        for recording in self._running(call_uuid):
            self._end(recording, when, "hangup")

    # Recordings

    def start_recording(self, auth_id: str, call_uuid: str, **options: Any) -> Recording:
        """Record a live call; `options` are fields of `Recording`. Raise NotFoundError when it is not live."""
        with self.lock:
            self.tick()
            return self._begin(self._live_call(auth_id, call_uuid), self.now(), **options)

    def stop_recordings(
        self, auth_id: str, call_uuid: str, url: str | None = None, *, unknown_url: str = "nothing"
    ) -> list[Recording]:
        """Stop one recording of a live call, or all without `url`; return those that were stopped.

        `unknown_url`: what an URL that is no running recording's does: nothing, not_found, stop_all.
        """
        with self.lock:
            self.tick()
            self._live_call(auth_id, call_uuid)
            running = self._running(call_uuid)
            chosen = running if url is None else [item for item in running if self.url_of(item) == url]
            if url is not None and not chosen:
                if unknown_url == "not_found":
                    raise NotFoundError("Recording not found")
                chosen = running if unknown_url == "stop_all" else []
            for recording in chosen:
                self._end(recording, self.now(), "stop")
            self.tick()
            return chosen

    def add_recording(self, auth_id: str, **fields: Any) -> Recording:
        """Add a past recording, listed at once. See `serializers.adopt` for the fields."""
        with self.lock:
            new_id, call_uuid = self.new_id(), self.new_id()
            recording = serializers.adopt(auth_id, fields, now=self.now(), new_id=new_id, call_uuid=call_uuid)
            if auth_id not in self.accounts or recording.recording_id in self.recordings.all:
                raise ValueError(f"no account {auth_id}, or {recording.recording_id} is there already")
            self.store(recording)
            self._note("recording.added", self.now(), recording=recording)
            return recording

    def delete_recording(self, recording_id: str) -> Recording:
        """Delete a recording, as the account's console or API would."""
        with self.lock:
            self.tick()
            recording = self.recordings.all.get(recording_id)
            if recording is None or recording.state != "listed":
                raise NotFoundError("Recording not found")
            self.recordings.remove(recording)
            recording.state = "deleted"
            self._note("recording.deleted", self.now(), recording=recording)
            return recording

    def store(self, recording: Recording) -> None:
        """Store a new, past or restored recording by its state."""
        with self.lock:
            recording.order = self.next_number()
            self.recordings.put(recording)

    def page(
        self,
        owners: Sequence[str],
        *,
        limit: int,
        offset: int = 0,
        call_uuid: str | None = None,
        kind: str | None = None,
        unfinished: Sequence[Recording] = (),
    ) -> tuple[int, list[Recording]]:
        """Return how many recordings of these accounts are listed, and one page of them, newest first.

        `unfinished` ones, if given, come before all others.
        """
        with self.lock:
            self.tick()
            since = self._horizon()
            if len(owners) == 1 and call_uuid is None and kind is None and not unfinished:
                return self.recordings.page(owners[0], since, limit, offset)
            found = [*unfinished, *self.recordings.filter(owners, since, call_uuid=call_uuid, kind=kind)]
            return len(found), found[offset : offset + limit]

    def recordings_of(self, auth_id: str) -> list[Recording]:
        """Return all that an account's list shows, newest first."""
        return self.page([auth_id], limit=sys.maxsize)[1]

    def running(self, auth_id: str | None = None, call_uuid: str | None = None) -> list[Recording]:
        """Return the running recordings, oldest first."""
        with self.lock:
            self.tick()
            return [one for one in self.recordings.unfinished(call_uuid, auth_id) if one.state == "running"]

    def recording(self, recording_id: str) -> Recording:
        """Return a recording in any state; raise KeyError if there is none."""
        with self.lock:
            self.tick()
            return self.recordings.all[recording_id]

    def find_recording(self, recording_id: str, owners: Sequence[str]) -> Recording:
        """Return a listed recording of one of these accounts; raise NotFoundError otherwise."""
        with self.lock:
            self.tick()
            found = self.recordings.all.get(recording_id)
            if found is None or found.state != "listed" or found.auth_id not in owners:
                raise NotFoundError("Recording not found")
            if (found.added_at or 0.0) < self._horizon():
                raise NotFoundError("Recording not found")
            return found

    def audio_gone(self, recording: Recording) -> bool:
        """Return whether Vobiz has deleted the recording's audio."""
        if recording.audio_gone is not None:
            return recording.audio_gone
        kept = self.quirks.retention_days
        return kept is not None and (recording.added_at or 0.0) < self.now() - kept * serializers.DAY

    def url_of(self, recording: Recording) -> str:
        """Return the address of a recording's audio."""
        return serializers.recording_url(recording, self.media_base, self.quirks)

    def served(self, recording: Recording) -> dict[str, Any]:
        """Return the Recording object, as the list shows it now."""
        with self.lock:
            account = self.accounts[recording.auth_id]
            url = "" if recording.state in {"running", "ending"} else self.url_of(recording)
            return serializers.recording_object(
                recording, account, url=url, now=self.now(), quirks=self.quirks
            )

    def _horizon(self) -> float:
        """Return the time before which recordings are not listed any more."""
        days = self.quirks.rows_vanish_after_days
        return float("-inf") if days is None else self.now() - days * serializers.DAY

    def _running(self, call_uuid: str) -> list[Recording]:
        return [one for one in self.recordings.unfinished(call_uuid) if one.state == "running"]

    def _begin(self, call: Call, when: float, **options: Any) -> Recording:
        """Start a recording and schedule its end at the time limit."""
        options = {"url_extension": options.get("file_format", "mp3"), **options}
        if "container" not in options:
            lies = self.quirks.mp3_is_wav
            options["container"] = "wav" if lies else options.get("file_format", "mp3")
        recording = Recording(
            recording_id=self.new_id(),
            auth_id=call.auth_id,
            call_uuid=call.call_uuid,
            from_number=call.from_number,
            to_number=call.to_number,
            started_at=when,
            call_offset=when - (call.answered_at or when),
            **options,
        )
        self.store(recording)
        self._note("recording.started", when, recording=recording, time_limit=recording.time_limit)
        self.plan(when + recording.time_limit, self._limit, recording.recording_id)
        return recording

    def _limit(self, recording_id: str, when: float) -> None:
        recording = self.recordings.all[recording_id]
        if recording.state == "running":
            self._end(recording, when, "time_limit")

    def _end(self, recording: Recording, when: float, reason: str) -> None:
        """End a recording and schedule its file."""
        recording.state, recording.ended_at, recording.end_reason = "ending", when, reason
        self._note("recording.ended", when, recording=recording, reason=reason)
        self.plan(when + self.quirks.finalise_after, self.finalise, recording.recording_id)

    def finalise(self, recording_id: str, when: float) -> None:
        """List a recording whose file is ready, and enqueue its callback."""
        recording = self.recordings.all[recording_id]
        if recording.state != "ending":
            return
        recording.state, recording.added_at = "listed", when
        self.recordings.put(recording)
        self._note("recording.listed", when, recording=recording)
        if recording.by_flow:
            self._enqueue_flow_callback(recording, "RecordStop", when)
        else:
            self.callbacks.recording(recording, self.url_of(recording), when)
        if self._transcription_url(recording):
            self.plan(when + self.transcript_delay, self.transcribe, recording_id)

    def transcribe(self, recording_id: str, when: float) -> None:
        """Enqueue the callback with the transcript."""
        recording = self.recordings.all[recording_id]
        url = self._transcription_url(recording)
        if url is None or recording.transcript_sent:
            return
        recording.transcript_sent = True
        self._note("transcript.made", when, recording=recording)
        if recording.by_flow:
            self.callbacks.flow_transcription(recording, url, when)
        else:
            self.callbacks.transcription(recording, url, when)

    def _enqueue_flow_callback(self, recording: Recording, event: str, when: float) -> None:
        call, account = self.calls[recording.call_uuid], self.accounts[recording.auth_id]
        self.callbacks.flow(recording, call, account, self.url_of(recording), event, when)

    def _transcription_url(self, recording: Recording) -> str | None:
        """Return where a transcript is sent; None where none was requested."""
        if recording.by_flow:
            flow = self.accounts[recording.auth_id].flow
            return flow.transcription_url if flow else None
        if not recording.transcribe:
            return None
        instead = recording.callback_url if self.quirks.transcripts_to_callback_url else None
        return recording.transcription_url or instead

    def resend_callback(self, recording_id: str, kind: str = "recording") -> None:
        """Enqueue the callback of a finished recording once more. `kind`: recording or transcription."""
        with self.lock:
            recording = self.recording(recording_id)
            to = self._transcription_url(recording)
            if kind == "transcription" and to:
                self.callbacks.transcription(recording, to, self.now())
            else:
                self.callbacks.recording(recording, self.url_of(recording), self.now())

    # The ledger

    def _note(
        self,
        what: str,
        at: float,
        *,
        call: Call | None = None,
        recording: Recording | None = None,
        **detail: Any,
    ) -> None:
        self.revision += 1
        subject = recording or call
        self.ledger.write(
            Entry(
                what=what,
                at=at,
                auth_id=subject.auth_id if subject else None,
                call_uuid=subject.call_uuid if subject else None,
                recording_id=recording.recording_id if recording else None,
                detail=detail,
            )
        )
