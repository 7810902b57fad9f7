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
    (b"II*\0", "picture"), (b"MM\0*", "picture"), (b"8BPS", "picture"), (b"SQLite format 3\0", "database"),
    (b"!<arch>\n", "archive"), (b"MSCF\0\0\0\0", "cabinet archive"), (b"LZIP\1", "lzip archive"),
    (b"\x04\x22\x4d\x18", "lz4 archive"), (b"070701", "cpio archive"), (b"xar!\0", "archive"),
    (b"hsqs", "file system"), (b"\xed\xab\xee\xdb", "package"), (b"\xca\xfe\xba\xbe\0\0\0", "program"),
    (b"\xcf\xfa\xed\xfe", "program"), (b"\0asm\1\0\0\0", "program"), (b"wOFF", "font"), (b"wOF2", "font"),
    (b"\xd4\xc3\xb2\xa1\2\0\4\0", "network capture"), (b"\x0a\x0d\x0d\x0a", "network capture"),
    (b"MThd\0\0\0\6", "MIDI file"),
)  # fmt: skip
_PICTURE_BRANDS = (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif", b"avis")  # of MPEG-4's box format
# Files of audio that begin with printable text, and may go on with it: AMR without speech, G.711 in SPHERE
_AUDIO_TEXT = (b"#!AMR", b"NIST_1A\n")
TEXT_KINDS = 10  # different characters that a text has, and silence in G.711 or AMR has not
FEW_BYTES = 32  # of which no such thing is asked
_LATIN_SHARE = 0.7  # of a text in a charset of one byte that is plain ASCII
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # byte order marks
_MARKUP = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml|error|[a-z][a-z0-9:_-]*[\s>/])", re.IGNORECASE)
_CONTROLS = frozenset(range(32)) - {0x09, 0x0A, 0x0C, 0x0D, 0x1B}
TEXT_FOR_SAMPLES = 32  # bytes of text that are no coincidence
GZIP = b"\x1f\x8b\x08"
GZIP_LAYERS = 4  # around each other: a gzip file can be made that unpacks to itself


def document_in(head: bytes) -> str:
    """Return what kind of document begins with these bytes; empty for none."""
    for signature, kind in _SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "picture"
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return "picture"
    if head[257:262] == b"ustar" or _is_old_tar(head[:512]):
        return "tar archive"
    if _is_windows_program(head):
        return "program"
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
    """Return whether these bytes are text in UTF-8, UTF-16, UTF-32 or a charset like Latin-1, cut anywhere.

    A few bytes again and again are no text: they are silence in G.711 (0x55, 0x7F) or AMR (0x7C).
    """
    if head.startswith(_AUDIO_TEXT) or (len(head) > FEW_BYTES and _says_nothing(head)):
        return False
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or head[:4] == b"\0\0\xfe\xff":
        return any(_is_wide(head, charset) for charset in ("utf-32", "utf-16"))
    if len(head) > FEW_BYTES and any(_is_ascii_in(head, charset) for charset in ("utf-16-le", "utf-16-be")):
        return True
    text = _without_mark(head)
    if not text.strip() or _CONTROLS.intersection(text):
        return False
    for cut in range(4):  # the last character may be incomplete
        try:
            return bool(text[: len(text) - cut].decode("utf-8"))
        except UnicodeDecodeError:
            continue
    plain = sum(byte < 0x80 for byte in text)
    return plain >= len(text) * _LATIN_SHARE and b" " in text


def _text_for_samples(head: bytes) -> bool:
    """Whether a WAV header is followed by a text, such as an error page: PCM can be made of anything."""
    if head[:4] not in (b"RIFF", b"RF64") or head[8:12] != b"WAVE":
        return False
    at = head.find(b"data", 12)
    body = head[at + 8 :]
    is_long = at > 0 and len(body) >= TEXT_FOR_SAMPLES and any(body[:64])
    return is_long and any(sign in body for sign in b' \n"') and is_text(body)


def _says_nothing(head: bytes) -> bool:
    return len(set(head)) < TEXT_KINDS and not any(blank in head for blank in b" \n<{")


def _is_wide(head: bytes, charset: str) -> bool:
    try:
        text = head[: len(head) // 4 * 4].decode(charset)
    except UnicodeDecodeError:
        return False
    return bool(text.strip()) and all(sign.isprintable() or sign.isspace() for sign in text)


def _is_ascii_in(head: bytes, charset: str) -> bool:
    """Whether every character is printable ASCII in two bytes: no sound is so loud on one side alone."""
    text = head[: len(head) // 2 * 2].decode(charset, "replace")
    return text.isascii() and all(sign.isprintable() or sign.isspace() for sign in text)


def _is_old_tar(head: bytes) -> bool:
    """Whether it is the header of a tar archive from before POSIX, which has no signature but its checksum."""
    written = head[148:156].rstrip(b"\0 ").lstrip(b" ")
    if len(head) < 512 or not head[0] or not re.fullmatch(rb"[0-7]{1,7}", written):
        return False
    return int(written, 8) == sum(head) - sum(head[148:156]) + 8 * ord(" ")


def _is_windows_program(head: bytes) -> bool:
    """Whether it is a program, a self-extracting archive among them: two letters alone may begin any sound."""
    if head[:2] != b"MZ" or len(head) < 64:
        return False
    at = int.from_bytes(head[60:64], "little")
    return head[at : at + 4] == b"PE\0\0" or b"DOS mode" in head[:512]


def _without_mark(head: bytes) -> bytes:
    for mark in _MARKS:
        if head.startswith(mark):
            return head[len(mark) :]
    return head
