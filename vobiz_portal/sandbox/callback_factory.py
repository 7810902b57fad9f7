"""The callbacks to deliver: created when a recording or transcript is ready, taken by the outbox when due."""

from __future__ import annotations

from typing import Any

from vobiz_portal.sandbox import payloads
from vobiz_portal.sandbox.entities import Account, Call, Callback, Recording
from vobiz_portal.sandbox.timeline import Timeline


class CallbackFactory:
    """Creates callbacks and holds the pending ones, in order of creation. The state's lock guards them."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.pending: list[Callback] = []
        self.muted = False  # callbacks that become due are dropped

    def recording(self, recording: Recording, url: str, when: float) -> None:
        """Enqueue the Record API's callback, if the start asked for one."""
        if recording.callback_url:
            fields = payloads.recording_callback(recording, url)
            self._create(
                "recording", recording, recording.callback_url, fields, when, recording.callback_method
            )

    def transcription(self, recording: Recording, to: str, when: float) -> None:
        """Enqueue the callback with a transcript."""
        self._create("transcription", recording, to, payloads.transcription_callback(recording), when)

    def flow(
        self, recording: Recording, call: Call, account: Account, url: str, event: str, when: float
    ) -> None:
        """Enqueue a call flow's Record or RecordStop."""
        if account.flow is not None:
            fields = payloads.flow_callback(recording, call, account, url=url, event=event)
            self._create("flow", recording, account.flow.callback_url, fields, when)

    def flow_transcription(self, recording: Recording, to: str, when: float) -> None:
        """Enqueue a call flow's transcript."""
        fields = payloads.flow_transcription(recording, self._timeline.new_id(), to)
        self._create("flow", recording, to, fields, when)

    def enqueue(self, callback: Callback) -> None:
        """Add a callback to the pending ones and wake the outbox."""
        with self._timeline.changed:
            self.pending.append(callback)
            self._timeline.changed.notify_all()

    def _create(
        self, kind: str, about: Recording, to: str, fields: dict[str, Any], when: float, method: str = "POST"
    ) -> None:
        self.enqueue(
            Callback(
                callback_id=self._timeline.new_id(),
                kind=kind,
                auth_id=about.auth_id,
                url=to,
                method=method,
                fields=fields,
                recording_id=about.recording_id,
                call_uuid=about.call_uuid,
                due=when,
            )
        )
