"""Archive a few recordings as version 0.1 did, with its own code, from its own sandbox.

Run at the commit of that version, on an empty SQLite database that its `migrate` has just made, with this version's
tests/audio/cases as CASES:

    CASES=… FOLDER=… DATABASE_URL=… python manage.py shell < tests/upgrade/make_archive.py

then dump the database into FOLDER as `database.sql`, and pack that: `tar -C FOLDER -czf archive-0.1.tar.gz .`.
"""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.test.utils import override_settings
from vobiz_portal.sandbox.world import World  # type: ignore[import-not-found]  # of version 0.1

from recordings import archive, connect, sync
from recordings.models import Account
from recordings.sync import Scope  # type: ignore[attr-defined]  # of version 0.1
from vobiz_portal.sandbox.faults import Fault
from vobiz_portal.sandbox.server import Sandbox

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CASES = Path(os.environ["CASES"])
AUTH_ID, TOKEN = "MA_PU0XU668", "main_token_0123456789"
FOLDER = Path(os.environ["FOLDER"])
KEPT = {"BACKEND": "recordings.storage.folder.ArchiveFolder", "OPTIONS": {"location": FOLDER}}
SECONDS = {
    "x01-vbr-streamed-no-xing.mp3": 60.19,
    "x05-prompt-then-call-other-rate.mp3": 16.34,
    "x06-paused-two-parts-xing.mp3": 24.16,
}  # of the others: 6
cases = {}
world = World(clock=NOW.timestamp, seed=1)
world.add_account(AUTH_ID, TOKEN, name="Lotus Parcels")
with (
    Sandbox(world, deliver=False) as sandbox,
    override_settings(VOBIZ_API_URL=sandbox.api_url, VOBIZ_MEDIA_HOSTS=["127.0.0.1"]),
    override_settings(STORAGES=settings.STORAGES | {"archive": KEPT}),
):
    account, _created = connect.store(AUTH_ID, TOKEN, now=NOW, name="Lotus Parcels")
    for at, name in enumerate(sorted(path.name for path in CASES.iterdir())):
        made = world.add_recording(AUTH_ID, age_days=1.0 + at / 100, duration=SECONDS.get(name, 6.0))
        sync.run(account, Scope(recording_id=made.recording_id), now=NOW, sync_run=None)
        body = (CASES / name).read_bytes()
        world.faults.plan(Fault(on="media.get", path=f"*{made.recording_id}*", body=body, times=None))
        cases[made.recording_id] = name
    for hours in (0, 1, 6, 12, 48):  # what came incomplete is tried again
        moment = NOW + timedelta(hours=hours)
        archive.run(Account.objects.all(), limit=None, workers=1, by="upgrade", now=moment)
(FOLDER / "cases.json").write_text(json.dumps(cases))
