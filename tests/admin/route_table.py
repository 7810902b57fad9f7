"""Who may open which address, and run which action: one line for each, which tests/admin/test_routes.py tries.

`get={SEE: 200}` reads: whoever is in SEE gets 200. Whoever is not named is refused: led to the login if not on the
staff, else 403. Where a route names an object, those who are named get 404 for one that is not theirs to see.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from recordings.roles import ROLES

LOGIN = "login"  # a redirect to the login page

# People: nobody signed in, signed in but not on the staff, on the staff without a role, each role, superusers.
SUPER = frozenset({"superuser"})
SEE = frozenset(role.name for role in ROLES) | SUPER
OPERATE = frozenset({"Operator", "Supervisor"}) | SUPER
ADMINISTER = frozenset({"Account admin"}) | SUPER
LISTEN = frozenset({"Listener", "Supervisor"}) | SUPER
AUDIT = frozenset({"Auditor"}) | SUPER
EXPORT = frozenset({"Auditor", "Supervisor"}) | SUPER
EXPORT_AND_LISTEN, ADMINISTER_AND_LISTEN = (EXPORT, LISTEN), (ADMINISTER, LISTEN)  # one of each
STAFF = SEE | {"staff"}
ANONYMOUS, OUTSIDER = frozenset({"anonymous"}), frozenset({"outsider"})
OUTSIDE = ANONYMOUS | OUTSIDER
ANYONE = OUTSIDE | STAFF
SIGNED_IN = OUTSIDER | STAFF
NOBODY: frozenset[str] = frozenset()

Answers = Mapping[Any, int]  # by one of the above


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One route, as `path` in the URLconf (of a pattern's groups only the names).

    Forms are posted empty, which starts and changes nothing. `at`: an address it matches, where that cannot be told
    from its path. `names`: the form's field that names the object, and the model it is of, where the path does not.
    `blind`: the same answer whatever object is named, there or not.
    """

    path: str
    get: Answers = field(default_factory=dict)
    post: Answers = field(default_factory=dict)
    at: str = ""
    names: str = ""
    blind: bool = False

    def __str__(self) -> str:
        return self.path

    def names_object(self, method: str = "POST") -> bool:
        """A request by this method names an object, so that it makes a difference whose that is."""
        return not self.at and ("<" in self.path or bool(self.names and method == "POST"))

    @property
    def subject(self) -> str:
        """What its objects are: `admin/recordings/call`, `callbacks/account`."""
        return self.path.split("/<")[0]

    def address(self, objects: Mapping[str, str]) -> str:
        """An address it matches; `objects` gives for each subject what stands for the object in a path."""
        return self.at or "/" + re.sub("<.*>", lambda _parts: objects[self.subject], self.path)

    def answer(self, who: Collection[str], method: str, *, visible: bool = True) -> int | str:
        """What somebody who is all of `who` gets: a status, or LOGIN."""
        hidden = not visible and not self.blind and self.names_object(method)
        for those, status in (self.get if method == "GET" else self.post).items():
            groups = those if isinstance(those, tuple) else (those,)
            if all(group & set(who) for group in groups):
                return 404 if hidden else status
        return 403 if STAFF & set(who) else LOGIN


EMPTY = {ANYONE: 400}  # a callback under a known key with nothing in it

# fmt: off
ROUTES = (
    # Endpoints that are open to everybody
    Route("", get={ANYONE: 302}, post={ANYONE: 302}, at="/"),
    Route("admin/login/", get={OUTSIDE: 200, STAFF: 302}, post={ANYONE: 200}),
    Route("admin/login/second-factor/", get={SIGNED_IN: 302}, post={SIGNED_IN: 302}),
    Route("admin/login/forgotten/", get={ANYONE: 200}, post={ANYONE: 404}),  # no mail server is configured
    Route("admin/login/sso/", get={ANYONE: 405}, post={ANYONE: 404}),  # no issuer is configured
    Route("admin/login/sso/callback/", get={ANYONE: 404}, post={ANYONE: 405}),
    Route("admin/login/passkey/", get={ANYONE: 404}, post={ANYONE: 404}),  # at an IP address there are none
    Route("admin/set-password/<uidb64>/<token>/", get={ANYONE: 200}, post={ANYONE: 200}, at="/admin/set-password/x/y/"),
    Route("callbacks/recording/<callback_key:key>/", get=EMPTY, post=EMPTY),
    Route("callbacks/transcription/<callback_key:key>/", get=EMPTY, post=EMPTY),
    Route("callbacks/account/<callback_key:key>/", get=EMPTY, post=EMPTY),
    # What everybody on the staff has
    Route("admin/", get={STAFF: 200}, post={STAFF: 200}),
    Route("admin/logout/", get={OUTSIDER: 302, STAFF: 405}, post={OUTSIDER: 302, STAFF: 200}),
    Route("admin/password_change/", get={SIGNED_IN: 200}, post={SIGNED_IN: 200}),
    Route("admin/password_change/done/", get={STAFF: 200}, post={STAFF: 405}),
    Route("admin/jsi18n/", get={STAFF: 200}, post={STAFF: 405}),
    Route("admin/autocomplete/", post={STAFF: 405}),
    Route("admin/r/<path:content_type_id>/<path:object_id>/", get={STAFF: 404}, post={STAFF: 404}),
    Route("admin/^<app_label>/$", get={STAFF: 302}, post={STAFF: 405}, at="/admin/auth/"),
    Route("admin/recordings/", get={STAFF: 302}, post={STAFF: 405}),
    Route("admin/auth/", get={STAFF: 302}, post={STAFF: 405}),
    Route("admin/<url>$", get={STAFF: 404}, post={STAFF: 404}, at="/admin/nowhere/"),
    Route("admin/help/", get={STAFF: 200}, post={STAFF: 405}),
    Route("admin/account/", get={STAFF: 200}, post={STAFF: 302}),
    Route("admin/alerts/", get={STAFF: 200}, post={STAFF: 422}),
    Route("admin/zone/", get={STAFF: 200}, post={STAFF: 422}),
    # One's own account: for everybody signed in
    Route("admin/your-account/", get={SIGNED_IN: 200}, post={SIGNED_IN: 405}),
    Route("admin/your-account/sessions/", get={SIGNED_IN: 405}, post={SIGNED_IN: 302}),
    Route("admin/your-account/sso/disconnect/", get={SIGNED_IN: 405}, post={SIGNED_IN: 302}),
    Route("admin/your-account/app/", get={SIGNED_IN: 200}, post={SIGNED_IN: 200}),
    Route("admin/your-account/app/remove/", get={SIGNED_IN: 404}, post={SIGNED_IN: 302}),
    Route("admin/your-account/passkeys/add/", get={SIGNED_IN: 404}, post={SIGNED_IN: 404}),
    Route(
        "admin/your-account/passkeys/<int:pk>/remove/", get={SIGNED_IN: 404}, post={SIGNED_IN: 302},
        at="/admin/your-account/passkeys/1/remove/",
    ),
    Route("admin/your-account/recovery-codes/", get={SIGNED_IN: 404}, post={SIGNED_IN: 405}),
    Route("admin/your-account/recovery-codes/new/", get={SIGNED_IN: 200}, post={SIGNED_IN: 200}),
    # Accounts
    Route("admin/recordings/account/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/account/add/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/recordings/account/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/recordings/account/<path:object_id>/change/", get={SEE: 200}, post={ADMINISTER: 200}),
    Route("admin/recordings/account/<path:object_id>/history/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/account/<path:object_id>/delete/"),
    Route("admin/recordings/account/<path:object_id>/test/", get={ADMINISTER: 405}, post={ADMINISTER: 302}),
    Route("admin/recordings/account/<path:object_id>/webhooks/", get={ADMINISTER: 200}, post={ADMINISTER: 422}),
    Route("admin/recordings/account/<path:object_id>/test-storage/", get={ADMINISTER: 405}, post={ADMINISTER: 302}),
    Route("admin/recordings/account/<path:object_id>/sync/", get={OPERATE: 405}, post={OPERATE: 302}),
    Route("admin/recordings/account/<path:object_id>/reconcile/", get={OPERATE: 405}, post={OPERATE: 302}),
    Route("admin/recordings/account/<path:object_id>/gap-seen/", get={OPERATE: 405}, post={OPERATE: 302}),
    Route("admin/recordings/account/<path:object_id>/process-refused/", get={ADMINISTER: 405}, post={ADMINISTER: 302}),
    # Calls
    Route("admin/recordings/call/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/call/live/", get={SEE: 200}, post={SEE: 405}),
    Route("admin/recordings/call/record/", get={OPERATE: 200}, post={OPERATE: 422}, names="call", blind=True),
    Route("admin/recordings/call/add/"),
    Route("admin/recordings/call/export-csv/", get={EXPORT: 405}, post={EXPORT: 200}),
    Route("admin/recordings/call/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/recordings/call/<path:object_id>/change/", get={SEE: 200}, post={SEE: 405}),
    Route("admin/recordings/call/<path:object_id>/history/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/call/<path:object_id>/delete/"),
    Route("admin/recordings/call/<path:object_id>/record/", get={OPERATE: 200}, post={OPERATE: 422}),
    Route("admin/recordings/call/<path:object_id>/stop-all/", get={OPERATE: 200}, post={OPERATE: 409}),
    # Recordings
    Route("admin/recordings/recording/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/recording/add/"),
    Route("admin/recordings/recording/export-zip/", get={EXPORT: 405}, post={EXPORT: 302}),
    Route("admin/recordings/recording/export-csv/", get={EXPORT: 405}, post={EXPORT: 200}),
    Route("admin/recordings/recording/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/recordings/recording/<path:object_id>/change/", get={SEE: 200}, post={SEE: 405}),
    Route("admin/recordings/recording/<path:object_id>/history/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/recording/<path:object_id>/delete/"),
    Route("admin/recordings/recording/views/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/recording/at-risk/", get={SEE: 200}, post={SEE: 405}),
    Route(
        "admin/recordings/recording/archive-at-risk/",
        get={OPERATE: 405}, post={OPERATE: 302}, names="recording", blind=True,
    ),
    Route(
        "admin/recordings/recording/mark-seen/",
        get={OPERATE: 405}, post={OPERATE: 302}, names="recording", blind=True,
    ),
    Route("admin/recordings/recording/<path:object_id>/seen/", get={OPERATE: 405}, post={OPERATE: 302}),
    Route("admin/recordings/recording/<path:object_id>/archive/", get={OPERATE: 405}, post={OPERATE: 302}),
    Route("admin/recordings/recording/<path:object_id>/stop/", get={OPERATE: 405}, post={OPERATE: 302}),
    # What was said: these accounts have no credentials, so what is still at Vobiz cannot be had (502)
    Route("admin/recordings/recording/<path:object_id>/audio/", get={LISTEN: 502}, post={LISTEN: 405}),
    Route("admin/recordings/recording/<path:object_id>/play/", get={LISTEN: 200}, post={LISTEN: 405}),
    Route("admin/recordings/recording/<path:object_id>/download/", get={EXPORT_AND_LISTEN: 502},
          post={EXPORT_AND_LISTEN: 405}),
    Route("admin/recordings/recording/<path:object_id>/transcript/", get={LISTEN: 405}, post={LISTEN: 302}),
    # Transcriptions: that there is one. Its text is for listeners, which tests/admin/test_roles.py tries
    Route("admin/recordings/transcription/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/transcription/add/"),
    Route("admin/recordings/transcription/export-csv/", get={EXPORT: 405}, post={EXPORT: 200}),
    Route("admin/recordings/transcription/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/recordings/transcription/<path:object_id>/change/", get={SEE: 200}, post={SEE: 405}),
    Route("admin/recordings/transcription/<path:object_id>/history/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/transcription/<path:object_id>/delete/"),
    Route("admin/recordings/transcription/<path:object_id>/read/", get={LISTEN: 405}, post={LISTEN: 200}),
    # Callback events
    Route("admin/recordings/callbackevent/", get={ADMINISTER: 200}, post={ADMINISTER: 200}),
    Route("admin/recordings/callbackevent/add/"),
    Route("admin/recordings/callbackevent/export-csv/", get={EXPORT: 405}, post={SUPER: 200}),
    Route("admin/recordings/callbackevent/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/recordings/callbackevent/<path:object_id>/change/", get={ADMINISTER: 200}, post={ADMINISTER: 405}),
    Route("admin/recordings/callbackevent/<path:object_id>/history/", get={ADMINISTER: 200}, post={ADMINISTER: 200}),
    Route("admin/recordings/callbackevent/<path:object_id>/delete/"),
    Route("admin/recordings/callbackevent/<path:object_id>/words/", get={ADMINISTER_AND_LISTEN: 405},
          post={ADMINISTER_AND_LISTEN: 200}),
    Route("admin/recordings/callbackevent/<path:object_id>/process/", get={ADMINISTER: 405}, post={ADMINISTER: 302}),
    Route("admin/recordings/callbackevent/<path:object_id>/seen/", get={ADMINISTER: 405}, post={ADMINISTER: 302}),
    # Sync runs
    Route("admin/recordings/syncrun/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/syncrun/sync/", get={OPERATE: 405}, post={OPERATE: 302}, names="account"),
    Route("admin/recordings/syncrun/add/"),
    Route("admin/recordings/syncrun/export-csv/", get={EXPORT: 405}, post={EXPORT: 200}),
    Route("admin/recordings/syncrun/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/recordings/syncrun/<path:object_id>/change/", get={SEE: 200}, post={SEE: 405}),
    Route("admin/recordings/syncrun/<path:object_id>/history/", get={SEE: 200}, post={SEE: 200}),
    Route("admin/recordings/syncrun/<path:object_id>/delete/"),
    Route("admin/recordings/syncrun/<path:object_id>/stop/", get={OPERATE: 405}, post={OPERATE: 302}),
    # Access log
    Route("admin/recordings/accessevent/", get={AUDIT: 200}, post={AUDIT: 200}),
    Route("admin/recordings/accessevent/add/"),
    Route("admin/recordings/accessevent/export-csv/", get={EXPORT: 405}, post={AUDIT: 200}),
    Route("admin/recordings/accessevent/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/recordings/accessevent/<path:object_id>/change/", get={AUDIT: 200}, post={AUDIT: 405}),
    Route("admin/recordings/accessevent/<path:object_id>/history/", get={AUDIT: 200}, post={AUDIT: 200}),
    Route("admin/recordings/accessevent/<path:object_id>/delete/"),
    # People and their roles
    Route("admin/auth/user/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/user/add/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/user/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/auth/user/<path:object_id>/change/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/user/<path:object_id>/history/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/user/<path:object_id>/delete/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/user/<id>/password/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/user/<id>/set-up-link/", get={SUPER: 405}, post={SUPER: 200}),
    Route("admin/auth/user/<id>/reset-second-factor/", get={SUPER: 200}, post={SUPER: 302}),
    Route("admin/auth/group/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/group/add/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/group/<path:object_id>/", get={STAFF: 302}, post={STAFF: 302}, blind=True),
    Route("admin/auth/group/<path:object_id>/change/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/group/<path:object_id>/history/", get={SUPER: 200}, post={SUPER: 200}),
    Route("admin/auth/group/<path:object_id>/delete/", get={SUPER: 200}, post={SUPER: 200}),
)
# fmt: on

# `model.action` → who may run it, on the rows they see
ACTIONS = {
    "recordings.callbackevent.mark_seen": ADMINISTER,
    "recordings.callbackevent.process_selected": ADMINISTER,
    "recordings.recording.export_zip": EXPORT,
    "recordings.recording.archive_selected": OPERATE,
    "recordings.recording.mark_seen": OPERATE,
    "recordings.accessevent.delete_selected": NOBODY,
    "recordings.account.delete_selected": NOBODY,
    "recordings.call.delete_selected": NOBODY,
    "recordings.callbackevent.delete_selected": NOBODY,
    "recordings.recording.delete_selected": NOBODY,
    "recordings.syncrun.delete_selected": NOBODY,
    "recordings.transcription.delete_selected": NOBODY,
    "auth.user.delete_selected": SUPER,
    "auth.group.delete_selected": SUPER,
}
