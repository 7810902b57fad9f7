"""Callbacks as nobody should send them: genuine ones with bits, fields, encodings, depths and sizes changed."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from recordings.vobiz.signature import NONCE_V2, NONCE_V3, SIGNATURE_V2, SIGNATURE_V3
from tests.callbacks.posting import FORM, GET, JSON, MULTIPART, TYPES, encode, path_of, signature

VALUES: tuple[Any, ...] = (
    "", " ", None, -1, 0, 1, "-1", "NaN", "Infinity", "1e999999", "9" * 5_000, "1.5", "٣", "0x1F", "1_000",
    "\x00", "\ud800", "\ufeff", "\u202eabc", "' OR 1=1 --", "<script>alert(1)</script>", "=cmd()", "${jndi:x}",
    "..", "../../Call/", "BulkDelete", "bulkdelete", "a?x=1", "a#b", "a/b", "a%2Fb", "x" * 65, "x" * 257,
    "x" * 2_001, "x" * 100_000, "ａｂｃｄ", True, [], {}, ["a"], {"a": 1}, 2**63, 10**400, 1.5e300,
    "https://evil.test/a.mp3", "file:///etc/passwd", "http://169.254.169.254/latest", "another-recording",
)  # fmt: skip
NAMES = (
    "recording_id", "RecordingID", "RecordingId", "call_uuid", "CallUUID", "api_id", "record_url", "RecordUrl",
    "RecordFile", "recording_url", "RecordingURL", "recording_duration", "recording_duration_ms", "RecordingDurationMs",
    "recording_start_ms", "recording_end_ms", "RecordingEndMs", "Event", "event", "transcription", "error", "duration",
    "transcription_charge", "transcription_rate", "status", "account", "auth_id", "id", "callback_key", "__proto__",
    "", "\x00", "x" * 129, "recording_id[]", "recording_id.x", "é",
)  # fmt: skip
CONTENT_TYPES = (
    *TYPES.values(), "", "text/plain", "application/xml", "application/json; charset=nope",
    "application/json; charset=utf-16", "application/x-www-form-urlencoded; charset=iso-8859-1", "multipart/form-data",
    "application/json; charset=zlib", "application/vnd.vobiz+json", "; ;;=", "application/json" * 200, "é/ü",
)  # fmt: skip


@dataclass(frozen=True)
class Sent:
    """One delivery on its way."""

    door: str
    key: str
    fields: dict[str, Any]
    encoding: str = FORM
    method: str = "POST"
    content_type: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    damage: tuple[Callable[[bytes], bytes], ...] = ()

    @property
    def body(self) -> bytes:
        """The bytes, damaged as planned."""
        try:
            body = encode(self.fields, self.encoding)
        except UnicodeEncodeError:
            body = json.dumps(self.fields).encode()
        for harm in self.damage:
            body = harm(body)
        return body

    def request(self) -> dict[str, Any]:
        """For `Client.generic`."""
        path, body = path_of(self.door, self.key), self.body
        if self.encoding == GET:
            return {
                "method": "GET",
                "path": path,
                "QUERY_STRING": body.decode("latin-1"),
                "headers": self.headers,
            }
        given = TYPES[self.encoding] if self.content_type is None else self.content_type
        return {
            "method": self.method, "path": path, "data": body, "content_type": given, "headers": self.headers,
        }  # fmt: skip


def mutant(chance: random.Random, door: str, key: str, fields: dict[str, Any]) -> Sent:
    """A genuine delivery (signed, unsigned or under a wrong token) with one to four things wrong with it."""
    headers = chance.choice(
        [signature(door, key), signature(door, key), {}, signature(door, key, token="wrong")]
    )
    sent = Sent(door, key, dict(fields), chance.choice([FORM, FORM, JSON, GET, MULTIPART]), headers=headers)
    for _round in range(chance.randint(1, 4)):
        sent = chance.choice(MUTATIONS)(chance, sent)
    return sent


def _value(chance: random.Random, sent: Sent) -> Sent:
    name = chance.choice([*sent.fields, "recording_id"])
    return replace(sent, fields={**sent.fields, name: chance.choice(VALUES)})


def _another_field(chance: random.Random, sent: Sent) -> Sent:
    return replace(sent, fields={**sent.fields, chance.choice(NAMES): chance.choice(VALUES)})


def _fewer_fields(chance: random.Random, sent: Sent) -> Sent:
    kept = {name: value for name, value in sent.fields.items() if chance.random() < 0.7}
    return replace(sent, fields=kept)


def _many_fields(chance: random.Random, sent: Sent) -> Sent:
    more = {f"field{number}": number for number in range(chance.choice([40, 60, 64, 65, 5_000]))}
    return replace(sent, fields={**sent.fields, **more})


def _deep(chance: random.Random, sent: Sent) -> Sent:
    deep: Any = "bottom"
    for _level in range(chance.choice([3, 7, 8, 9, 60])):
        deep = [deep] if chance.random() < 0.5 else {"a": deep}
    name = chance.choice(["transcription", "extra", "recording_id"])
    return replace(sent, fields={**sent.fields, name: deep}, encoding=JSON)


def _bottomless(chance: random.Random, sent: Sent) -> Sent:
    opening = chance.choice([b"[", b'{"a":', b'"', b'\\"', b"[]", b"{", b'"\\'])
    return replace(sent, encoding=JSON, damage=(lambda _body: opening * 200_000,))


def _bits(chance: random.Random, sent: Sent) -> Sent:
    seed = chance.random()

    def flip(body: bytes) -> bytes:
        inner, harmed = random.Random(seed), bytearray(body)
        for _bit in range(inner.randint(1, 8)):
            if harmed:
                harmed[inner.randrange(len(harmed))] ^= 1 << inner.randrange(8)
        return bytes(harmed)

    return replace(sent, damage=(*sent.damage, flip))


def _cut_or_doubled(chance: random.Random, sent: Sent) -> Sent:
    share, twice = chance.random(), chance.random() < 0.3
    return replace(
        sent, damage=(*sent.damage, lambda body: body * 2 if twice else body[: int(len(body) * share)])
    )


def _noise(chance: random.Random, sent: Sent) -> Sent:
    noise = chance.randbytes(chance.choice([1, 20, 2_000]))
    return replace(sent, damage=(*sent.damage, lambda body: body + noise))


def _too_large(_chance: random.Random, sent: Sent) -> Sent:
    return replace(sent, encoding=FORM, damage=(lambda body: body + b"&x=" + b"y" * (4 * 1024 * 1024),))


def _content_type(chance: random.Random, sent: Sent) -> Sent:
    return replace(sent, content_type=chance.choice(CONTENT_TYPES))


def _headers(chance: random.Random, sent: Sent) -> Sent:
    more = chance.choice(
        [
            {"Content-Encoding": "gzip"}, {"Accept": "image/png"}, {"Host": "evil.test"},
            {"X-Forwarded-Host": "evil.test"}, {"X-HTTP-Method-Override": "DELETE"}, {"Content-Length": "7"},
            {SIGNATURE_V2: "é" * 44}, {SIGNATURE_V3: "A" * 44}, {NONCE_V2: ""}, {NONCE_V3: "-1"},
            {NONCE_V2: "9" * 65}, {SIGNATURE_V2: ",".join(["A" * 43 + "="] * 50)},
        ]
    )  # fmt: skip
    return replace(sent, headers={**sent.headers, **more})


def _method(chance: random.Random, sent: Sent) -> Sent:
    return replace(sent, method=chance.choice(["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "LOCK"]))


def _key(chance: random.Random, sent: Sent) -> Sent:
    place = chance.randrange(len(sent.key))
    return replace(sent, key=f"{sent.key[:place]}{chance.choice('aB0-_')}{sent.key[place + 1 :]}")


MUTATIONS: tuple[Callable[[random.Random, Sent], Sent], ...] = (
    *(_value, _another_field, _bits) * 4, _fewer_fields, _fewer_fields, _many_fields, _deep, _bottomless,
    _cut_or_doubled, _cut_or_doubled, _noise, _too_large, _content_type, _content_type, _headers, _headers, _method,
    _key,
)  # fmt: skip
