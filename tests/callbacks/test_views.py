"""The callback door over HTTP: which requests it takes, in what form, and what it answers."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import Settings

from recordings.callbacks.body import MAX_PARTS, MAX_STRAY
from recordings.choices import EventOutcome, RecordingStatus
from recordings.models import Account, CallbackEvent, Recording, SpentNonce
from recordings.webhooks.parsers import BODY_LIMIT
from tests.callbacks.posting import (
    FORM,
    GET,
    JSON,
    MULTIPART,
    TYPES,
    deliver,
    encode,
    path_of,
    post,
    signature,
)
from tests.callbacks.rows import DOCUMENTED, KEY, the_event
from tests.vobiz.payloads import payload

ENDED = payload("recording_callback__documented")
SPOKEN = payload("transcription_callback__documented")


def test_a_signed_recording_callback_completes_its_recording(client: Client, recording: Recording) -> None:
    answer = deliver(client, KEY, ENDED)
    assert (answer.status_code, answer.json()) == (200, {"received": True})
    recording.refresh_from_db()
    assert recording.status == RecordingStatus.COMPLETED
    assert recording.recording_id == DOCUMENTED
    assert recording.duration_ms == 10_080
    assert recording.read_back_due_at is not None
    assert the_event().outcome == EventOutcome.APPLIED


@pytest.mark.once
@pytest.mark.parametrize("encoding", [FORM, JSON, GET, MULTIPART])
@pytest.mark.parametrize("fields", [ENDED, SPOKEN], ids=["recording", "transcription"])
def test_form_json_query_and_multipart_say_the_same(
    client: Client, recording: Recording, encoding: str, fields: dict[str, Any]
) -> None:
    deliver(client, KEY, fields, headers={})
    assert deliver(client, KEY, fields, headers={}, encoding=encoding).status_code == 200
    event = the_event()  # one content, however it is written
    assert event.deliveries == 2
    assert event.payload == {name: str(value) for name, value in fields.items()}


def test_json_under_a_forms_content_type_is_read_as_vobizs_own_sample_shows_it(
    client: Client, recording: Recording
) -> None:
    headers = signature("recording", KEY)
    assert post(client, path_of("recording", KEY), encode(ENDED, JSON), headers=headers).status_code == 200
    assert the_event().payload["recording_id"] == DOCUMENTED


@pytest.mark.once
@pytest.mark.parametrize("door", ["recording", "transcription", "account"])
def test_an_unknown_key_is_404_and_nothing_is_kept(client: Client, recording: Recording, door: str) -> None:
    for key in ("another-key-altogether-0123456789", "x", "a\x00b", "ключ", "a" * 65):
        path = f"/callbacks/{door}/{key}/"
        assert post(client, path, encode(ENDED), headers=signature("recording", KEY)).status_code == 404
    assert not CallbackEvent.objects.exists()
    assert not SpentNonce.objects.exists()


@pytest.mark.once
def test_a_key_opens_only_its_own_kind_of_door(
    client: Client, recording: Recording, account: Account
) -> None:
    assert deliver(client, KEY, ENDED, door="account").status_code == 404
    assert deliver(client, account.callback_key, ENDED, door="recording").status_code == 404
    assert deliver(client, KEY, SPOKEN, door="transcription").status_code == 200
    assert deliver(client, account.callback_key, ENDED, door="account").status_code == 200


@pytest.mark.once
@pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
@pytest.mark.parametrize("key", [KEY, "another-key"])
def test_other_methods_are_405_and_nothing_is_kept(
    client: Client, recording: Recording, method: str, key: str
) -> None:
    headers = signature("recording", key)
    answer = client.generic(method, path_of("recording", key), encode(ENDED), headers=headers)
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, POST"
    assert not CallbackEvent.objects.exists()


@pytest.mark.once
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_its_final_slash_an_address_is_unknown_and_not_redirected(
    client: Client, recording: Recording, method: str
) -> None:
    path = path_of("recording", KEY).rstrip("/")
    assert client.generic(method, path, encode(ENDED), headers=signature("recording", KEY)).status_code == 404


@pytest.mark.once
@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/xml;q=1, */*;q=0", "nonsense", "", "image/webp", "application/json;v=9"],
)
def test_whatever_is_accepted_the_answer_is_json(client: Client, recording: Recording, accept: str) -> None:
    headers = {**signature("recording", KEY), "Accept": accept}
    answer = deliver(client, KEY, ENDED, headers=headers)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    answer = client.get(f"{path_of('recording', KEY)}?format=api&recording_id=x", headers={"Accept": accept})
    assert answer["Content-Type"] == "application/json"


@pytest.mark.once
def test_nobody_logs_in_and_no_csrf_token_is_asked_for(recording: Recording) -> None:
    assert deliver(Client(enforce_csrf_checks=True), KEY, ENDED).status_code == 200


@pytest.mark.once
def test_no_answer_may_be_cached(client: Client, recording: Recording) -> None:
    assert deliver(client, KEY, ENDED, encoding=GET)["Cache-Control"] == "no-store"
    assert deliver(client, "unknown-key", ENDED, encoding=GET)["Cache-Control"] == "no-store"


class Endless(BytesIO):
    """A body without an end that remembers how much of it was read."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        assert size > 0, "read without a limit"
        self.given += size
        return b"x" * size


def test_a_body_above_4_mib_is_413_and_read_no_further(client: Client, recording: Recording) -> None:
    headers, path = signature("recording", KEY), path_of("recording", KEY)
    stream = Endless()
    body: dict[str, Any] = {"CONTENT_LENGTH": "10000000000", "wsgi.input": stream}
    answer = post(client, path, b"", headers=headers, **body)
    assert (answer.status_code, stream.given) == (413, 0)
    assert not CallbackEvent.objects.exists()
    full = b"transcription=" + b"x" * (BODY_LIMIT - 14)
    assert post(client, path, full + b"x", headers=headers).status_code == 413
    assert post(client, path, full).status_code == 413  # what is not signed is read no further than 1 MiB
    assert not CallbackEvent.objects.exists()


def test_a_content_length_that_is_no_number_counts_for_nothing(client: Client, recording: Recording) -> None:
    for length in ("", "-1", "abc", "1e9", "٣"):
        body: dict[str, Any] = {"CONTENT_LENGTH": length, "wsgi.input": BytesIO(b"")}
        answer = post(client, path_of("recording", KEY), b"", headers=signature("recording", KEY), **body)
        assert answer.status_code == 200  # signed, and nothing to be read
        assert CallbackEvent.objects.latest("pk").outcome == EventOutcome.UNPARSED


def test_a_transcript_of_a_megabyte_is_taken_whole(client: Client, recording: Recording) -> None:
    words = "wörter " * 142_857
    for encoding in (FORM, JSON):
        fields = {**SPOKEN, "transcription": words, "duration": encoding}
        assert deliver(client, KEY, fields, door="transcription", encoding=encoding).status_code == 200
    recording.refresh_from_db()
    assert recording.transcription.text == words


def test_an_encoded_body_is_415_unless_it_is_signed(client: Client, recording: Recording) -> None:
    path = path_of("recording", KEY)
    unsigned = post(client, path, encode(ENDED), headers={"Content-Encoding": "gzip"})
    assert unsigned.status_code == 415
    assert not CallbackEvent.objects.exists()
    signed = post(
        client, path, encode(ENDED), headers={**signature("recording", KEY), "Content-Encoding": "gzip"}
    )
    assert signed.status_code == 200
    assert the_event().outcome == EventOutcome.UNPARSED
    identity = post(client, path, encode(ENDED), headers={"Content-Encoding": "identity"})
    assert identity.status_code == 200


# RFC 2231: a name in pieces, of which one has no number
UNSORTED = b"--b\r\nContent-Disposition: form-data; name*=utf-8''a; name*0=b\r\n\r\n1\r\n--b--\r\n"
UNREADABLE: dict[str, tuple[bytes, str, int]] = {
    "nothing": (b"", TYPES[FORM], 400),
    "cut JSON": (b'{"recording_id": "d78', TYPES[JSON], 400),
    "a list": (b"[1, 2]", TYPES[JSON], 400),
    "a text": (b'"recording"', TYPES[JSON], 400),
    "deep": (b'{"a":' * 100_000, TYPES[JSON], 400),
    "nine levels": (json.dumps({"a": [[[[[[[[1]]]]]]]]}).encode(), TYPES[JSON], 400),
    "not encoded": (b"transcription=" + b"100%+" * (MAX_STRAY + 1), TYPES[FORM], 400),
    "too many parts": (json.dumps({"a": [""] * MAX_PARTS}).encode(), TYPES[JSON], 400),
    "more closed than opened": (b'{"a": 1}}', TYPES[JSON], 400),
    "a text that never ends": (b'{"a": "\\"\\', TYPES[JSON], 400),
    "too many fields": (b"&".join(b"f%d=1" % n for n in range(1_001)), TYPES[FORM], 400),
    "too many keys": (json.dumps({f"f{n}": n for n in range(1_001)}).encode(), TYPES[JSON], 400),
    "no such charset": (b"a=1", "application/x-www-form-urlencoded; charset=nope", 415),
    "no text charset": (b"{}", "application/json; charset=zlib", 415),
    "no known type": (b"<Record/>", "application/xml", 415),
    "no boundary": (b"--x", "multipart/form-data", 400),
    "a part that cannot be sorted": (UNSORTED, "multipart/form-data; boundary=b", 400),
    "a long id": (b"recording_id=" + b"a" * 65, TYPES[FORM], 400),
    "a long number": (b"recording_duration_ms=" + b"1" * 33, TYPES[FORM], 400),
    "a long transcript": (b"transcription=" + b"a" * 1_200_001, TYPES[FORM], 413),
    "a long name": (b"a" * 129 + b"=1", TYPES[FORM], 400),
    "two values in one": (b'{"recording_id": ["a", "b"]}', TYPES[JSON], 400),
}


@pytest.mark.once
@pytest.mark.parametrize("case", UNREADABLE)
def test_what_cannot_be_read_is_refused_unsigned_and_kept_signed(
    client: Client, recording: Recording, case: str
) -> None:
    body, content_type, status = UNREADABLE[case]
    path = path_of("recording", KEY)
    for required in (True, False):
        Account.objects.update(require_signed=required)
        assert post(client, path, body, content_type=content_type).status_code == status
        assert not CallbackEvent.objects.exists()
    headers = signature("recording", KEY)
    assert post(client, path, body, content_type=content_type, headers=headers).status_code == 200
    event = the_event()
    assert (event.outcome, event.trust, event.payload) == (EventOutcome.UNPARSED, "signed", {})
    assert event.error
    assert bytes(event.raw_body or b"") == body
    recording.refresh_from_db()
    assert recording.status == RecordingStatus.REQUESTED


def test_bytes_that_are_no_text_and_characters_no_database_takes_become_marks(
    client: Client, recording: Recording
) -> None:
    path = path_of("transcription", KEY)
    bodies = [
        (b"transcription=caf\xe9+%00+%ff&recording_id=" + DOCUMENTED.encode(), TYPES[FORM]),
        (b'{"transcription": "a\\u0000b\\ud800c", "duration": NaN, "charge": 1e999}', TYPES[JSON]),
    ]
    for body, content_type in bodies:
        headers = signature("transcription", KEY)
        assert post(client, path, body, content_type=content_type, headers=headers).status_code == 200
    first, second = CallbackEvent.objects.order_by("pk")
    assert first.payload["transcription"] == "caf\ufffd \ufffd \ufffd"
    assert second.payload == {"transcription": "a\ufffdb\ufffdc", "duration": "NaN", "charge": "1e999"}
    recording.refresh_from_db()
    assert recording.transcription.text == first.payload["transcription"]


def test_a_percent_sign_that_escapes_nothing_is_a_percent_sign(client: Client, recording: Recording) -> None:
    body = b"transcription=100%+of+%zz&recording_id=" + DOCUMENTED.encode()
    post(client, path_of("transcription", KEY), body, headers=signature("transcription", KEY))
    assert the_event().payload["transcription"] == "100% of %zz"


def test_of_a_repeated_field_the_last_counts(client: Client, recording: Recording) -> None:
    body = b"recording_id=aaaa-bbbb&recording_id=" + DOCUMENTED.encode()
    post(client, path_of("recording", KEY), body, headers=signature("recording", KEY))
    recording.refresh_from_db()
    assert recording.recording_id == DOCUMENTED


def test_the_query_of_a_post_means_nothing(client: Client, recording: Recording) -> None:
    path = f"{path_of('recording', KEY)}?recording_id=aaaa-bbbb&x=1"
    assert post(client, path, encode(ENDED), headers=signature("recording", KEY)).status_code == 200
    recording.refresh_from_db()
    assert recording.recording_id == DOCUMENTED


def _refuse(table: str, verb: str) -> None:
    """The database itself refuses `verb` on `table` from now on."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                f"CREATE TRIGGER no_room BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'no room'); END"
            )
        else:
            cursor.execute(
                "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'no room'; END $$"
            )
            cursor.execute(
                f"CREATE TRIGGER no_room BEFORE {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION no_room()"
            )


def test_a_delivery_that_cannot_be_written_down_is_answered_503(client: Client, recording: Recording) -> None:
    _refuse("recordings_callbackevent", "INSERT")
    headers = signature("recording", KEY)
    assert deliver(client, KEY, ENDED, headers=headers).status_code == 503
    assert deliver(client, KEY, ENDED, headers={}).status_code == 503
    assert not SpentNonce.objects.exists()  # so that the retry is not taken for a replay
    recording.refresh_from_db()
    assert recording.status == RecordingStatus.REQUESTED


def test_a_delivery_that_cannot_be_applied_is_kept_with_the_reason_and_answered_200(
    client: Client, recording: Recording, caplog: pytest.LogCaptureFixture
) -> None:
    _refuse("recordings_recording", "UPDATE")
    for tries in range(1, 9):
        assert deliver(client, KEY, ENDED).status_code == 200
        event = the_event()
        assert (event.attempts, event.deliveries) == (tries, tries)
        assert event.outcome == (EventOutcome.RECEIVED if tries < 8 else EventOutcome.FAILED)
        assert "no room" in str(event.error)
    assert f"callback event {the_event().pk} could not be applied" in caplog.text
    assert KEY not in caplog.text
    assert DOCUMENTED not in caplog.text
    with connection.cursor() as cursor:
        cursor.execute(
            "DROP TRIGGER no_room" + (" ON recordings_recording" if connection.vendor == "postgresql" else "")
        )
    assert deliver(client, KEY, ENDED).status_code == 200  # the same again, and this time it works
    event = the_event()
    assert (event.outcome, event.error, event.deliveries) == (EventOutcome.APPLIED, None, 9)
    recording.refresh_from_db()
    assert recording.status == RecordingStatus.COMPLETED


@pytest.mark.once
@pytest.mark.parametrize(
    ("host", "forwarded"), [("evil.test", "evil.test"), ("10.0.0.7:8000", ""), ("[::1", "x y")]
)
def test_behind_a_proxy_only_portal_url_decides(
    client: Client, account: Account, recording: Recording, settings: Settings, host: str, forwarded: str
) -> None:
    settings.PORTAL_URL = "https://portal.example.com"
    settings.ALLOWED_HOSTS = ["portal.example.com"]
    headers = {
        **signature("recording", KEY), "Host": host, "X-Forwarded-Host": forwarded,
        "X-Forwarded-Proto": "http", "Forwarded": f"host={forwarded}",
    }  # fmt: skip
    assert deliver(client, KEY, ENDED, headers=headers).status_code == 200  # http inside
    assert the_event().trust == "signed"
    spoofed = signature("recording", KEY, base=f"http://{host}{path_of('recording', KEY)}")
    assert deliver(client, KEY, SPOKEN, headers={**spoofed, "Host": host}).status_code == 403
