"""Documents, archives and pictures, told by their first bytes: no audio, whatever a decoder finds inside."""

from __future__ import annotations

import re

HEAD = 8 * 1024  # bytes that are looked at

_SIGNATURES = (
    (b"PK\x03\x04", "ZIP archive"), (b"PK\x05\x06", "ZIP archive"), (b"PK\x07\x08", "ZIP archive"),
    (b"%PDF-", "PDF document"), (b"Rar!\x1a\x07", "RAR archive"), (b"7z\xbc\xaf\x27\x1c", "7-Zip archive"),
    (b"BZh", "bzip2 archive"), (b"\xfd7zXZ\x00", "xz archive"), (b"\x28\xb5\x2f\xfd", "zstd archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office document"), (b"{\\rtf", "RTF document"), (b"%!PS", "PostScript"),
    (b"\x89PNG\r\n", "picture"), (b"\xff\xd8\xff", "picture"), (b"GIF8", "picture"), (b"\x7fELF", "program"),
    (b"II*\0", "picture"), (b"MM\0*", "picture"), (b"SQLite format 3\0", "database"),
)  # fmt: skip
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # byte order marks
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml|error|[a-z][a-z0-9:_-]*[\s>/])", re.IGNORECASE)
_CONTROLS = frozenset(range(32)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1B}
TEXT_FOR_SAMPLES = 32  # bytes of text that are no coincidence
GZIP = b"\x1f\x8b\x08"


def document_in(head: bytes) -> str:
    """Return what kind of document begins with these bytes; empty for none."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "picture"
    if head[257:262] == b"ustar":
        return "tar archive"
    if b"%PDF-" in head[:1024] and not head.startswith((b"RIFF", b"ID3", b"OggS")):
        return "PDF document"
    if _text_for_samples(head):
        return "text"
    text = _without_mark(head)
    if _MARKUP.match(text):
        return "web page or XML"
    if not is_text(head):
        return ""
    return "JSON" if text.lstrip()[:1] in (b"{", b"[") else "text"


def is_text(head: bytes) -> bool:
    """Return whether these bytes are text in UTF-8 or UTF-16, cut anywhere."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return _is_utf16(head)
    text = _without_mark(head)
    if not text.strip() or _CONTROLS.intersection(text):
        return False
    for cut in range(4):  # the last character may be incomplete
        try:
            return bool(text[: len(text) - cut].decode("utf-8"))
        except UnicodeDecodeError:
            continue
    return False


def _text_for_samples(head: bytes) -> bool:
    """Whether a WAV header is followed by a text, such as an error page: PCM can be made of anything."""
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        return False
    at = head.find(b"data", 12)
    body = head[at + 8 :]
    return at > 0 and len(body) >= TEXT_FOR_SAMPLES and any(body[:64]) and is_text(body)


def _is_utf16(head: bytes) -> bool:
    even = head[: len(head) // 2 * 2]
    try:
        text = even.decode("utf-16")
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and all(sign.isprintable() or sign.isspace() for sign in text)


def _without_mark(head: bytes) -> bytes:
    for mark in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :]
    return head
