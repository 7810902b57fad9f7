"""The endpoints of the simulated Vobiz: the name faults are planned on, the method, and the path."""

from __future__ import annotations

ROUTES = (
    ("auth.me", "GET", "/auth/me"),
    ("call.list", "GET", "/Account/{auth_id}/Call/?"),
    ("call.make", "POST", "/Account/{auth_id}/Call/"),
    ("call.retrieve", "GET", "/Account/{auth_id}/Call/{call_uuid}/?"),
    ("call.hangup", "DELETE", "/Account/{auth_id}/Call/{call_uuid}/"),
    ("record.start", "POST", "/Account/{auth_id}/Call/{call_uuid}/Record/"),
    ("record.stop", "DELETE", "/Account/{auth_id}/Call/{call_uuid}/Record/"),
    ("conference.record", "POST", "/Account/{auth_id}/Conference/{name}/Record/"),
    ("conference.stop", "DELETE", "/Account/{auth_id}/Conference/{name}/Record/"),
    ("recording.list", "GET", "/Account/{auth_id}/Recording/"),
    ("recording.retrieve", "GET", "/Account/{auth_id}/Recording/{recording_id}/"),
    ("recording.delete", "DELETE", "/Account/{auth_id}/Recording/{recording_id}/"),
)
