"""Containers and codecs: what the portal calls them, their file extension and content type, and what browsers play."""

from __future__ import annotations

from dataclasses import dataclass

UNKNOWN = "unknown"  # the container of a file that may be audio and that no decoder could read


@dataclass(frozen=True, slots=True)
class Container:
    """A file format. Its name in the database is the key in CONTAINERS."""

    extension: str
    content_type: str
    label: str


CONTAINERS = {
    "mp3": Container("mp3", "audio/mpeg", "MP3"),
    "mp2": Container("mp2", "audio/mpeg", "MP2"),
    "mp1": Container("mp1", "audio/mpeg", "MP1"),
    "wav": Container("wav", "audio/wav", "WAV"),
    "w64": Container("w64", "audio/x-w64", "Wave64"),
    "ogg": Container("ogg", "audio/ogg", "Ogg"),
    "opus": Container("opus", "audio/ogg", "Ogg Opus"),
    "spx": Container("spx", "audio/ogg", "Ogg Speex"),
    "flac": Container("flac", "audio/flac", "FLAC"),
    "aac": Container("aac", "audio/aac", "AAC (ADTS)"),
    "latm": Container("latm", "audio/mp4a-latm", "AAC (LATM)"),
    "m4a": Container("m4a", "audio/mp4", "MPEG-4"),
    "3gp": Container("3gp", "audio/3gpp", "3GP"),
    "mov": Container("mov", "video/quicktime", "QuickTime"),
    "webm": Container("webm", "audio/webm", "WebM"),
    "mka": Container("mka", "audio/x-matroska", "Matroska"),
    "amr": Container("amr", "audio/amr", "AMR"),
    "awb": Container("awb", "audio/amr-wb", "AMR-WB"),
    "au": Container("au", "audio/basic", "AU"),
    "aiff": Container("aiff", "audio/aiff", "AIFF"),
    "caf": Container("caf", "audio/x-caf", "CAF"),
    "ts": Container("ts", "video/mp2t", "MPEG-TS"),
    "mpg": Container("mpg", "video/mpeg", "MPEG-PS"),
    "wma": Container("wma", "audio/x-ms-wma", "ASF"),
    "avi": Container("avi", "video/x-msvideo", "AVI"),
    "ac3": Container("ac3", "audio/ac3", "AC-3"),
    "eac3": Container("eac3", "audio/eac3", "E-AC-3"),
    "dts": Container("dts", "audio/vnd.dts", "DTS"),
    "gsm": Container("gsm", "audio/x-gsm", "GSM"),
    "tta": Container("tta", "audio/x-tta", "TTA"),
    "wv": Container("wv", "audio/x-wavpack", "WavPack"),
    "ape": Container("ape", "audio/x-ape", "APE"),
    "voc": Container("voc", "audio/x-voc", "VOC"),
    "sox": Container("sox", "audio/x-sox", "SoX"),
    "ircam": Container("sf", "audio/x-ircam", "IRCAM"),
    "nist": Container("sph", "audio/x-nist", "NIST SPHERE"),
    "flv": Container("flv", "video/x-flv", "FLV"),
    "nut": Container("nut", "audio/x-nut", "NUT"),
    "qcp": Container("qcp", "audio/qcelp", "QCP"),
    UNKNOWN: Container("bin", "application/octet-stream", ""),
}

# Files in the archive are found by these: none may ever be taken out.
EXTENSIONS = frozenset(one.extension for one in CONTAINERS.values())

# FFmpeg's demuxers that may read a file. None of them opens another file or an address: playlists, concat, images,
# devices and raw formats without a header stay out.
DEMUXERS = {
    "wav": "wav", "w64": "w64", "mp3": "mp3", "ogg": "ogg", "flac": "flac", "aac": "aac", "loas": "latm",
    "mov": "m4a", "matroska": "mka", "amr": "amr", "au": "au", "aiff": "aiff", "caf": "caf", "mpegts": "ts",
    "mpeg": "mpg", "asf": "wma", "avi": "avi", "ac3": "ac3", "eac3": "eac3", "dts": "dts", "gsm": "gsm",
    "tta": "tta", "wv": "wv", "ape": "ape", "voc": "voc", "sox": "sox", "ircam": "ircam", "nistsphere": "nist",
    "flv": "flv", "nut": "nut", "qcp": "qcp",
}  # fmt: skip

# What today's browsers decode; the content type with its codec, as `canPlayType` wants it. None: all of them do.
_BY_ALL = {
    ("mp3", "mp3"),
    ("wav", "pcm_s16le"),
    ("wav", "pcm_u8"),
    ("wav", "pcm_s24le"),
    ("wav", "pcm_f32le"),
    ("wav", "pcm_mulaw"),
    ("wav", "pcm_alaw"),
}
_BY_SOME = {
    ("opus", "opus"): 'audio/ogg; codecs="opus"',
    ("ogg", "vorbis"): 'audio/ogg; codecs="vorbis"',
    ("flac", "flac"): "audio/flac",
    ("m4a", "aac"): 'audio/mp4; codecs="mp4a.40.2"',
    ("webm", "opus"): 'audio/webm; codecs="opus"',
    ("webm", "vorbis"): 'audio/webm; codecs="vorbis"',
}


CODEC_LABELS = {
    "pcm_s16le": "16-bit PCM", "pcm_s16be": "16-bit PCM", "pcm_u8": "8-bit PCM", "pcm_s24le": "24-bit PCM",
    "pcm_s32le": "32-bit PCM", "pcm_f32le": "32-bit float", "pcm_mulaw": "G.711 µ-law", "pcm_alaw": "G.711 A-law",
    "gsm": "GSM 6.10", "gsm_ms": "GSM 6.10", "adpcm_ms": "MS ADPCM", "adpcm_ima_wav": "IMA ADPCM",
    "adpcm_ima_qt": "IMA ADPCM", "adpcm_g722": "G.722", "adpcm_g726": "G.726", "adpcm_g726le": "G.726",
    "amr_nb": "AMR", "amr_wb": "AMR-WB", "aac_latm": "AAC", "wmav2": "WMA",
}  # fmt: skip


def label_of(container: str | None, codec: str | None) -> str:
    """Return the true format in words: `WAV, GSM 6.10`; without a word of it, an empty text."""
    name = codec or ""
    codec_label = CODEC_LABELS.get(name, name.upper().replace("_", " "))
    words = (CONTAINERS.get(container or "", CONTAINERS[UNKNOWN]).label, codec_label)
    return ", ".join(dict.fromkeys(word for word in words if word))


def container_of(demuxer: str, codec: str, head: bytes) -> str:
    """Return our name for what FFmpeg's demuxer and codec found; `head` is the beginning of the file."""
    found = next((DEMUXERS[name] for name in demuxer.split(",") if name in DEMUXERS), UNKNOWN)
    if found == "mp3" and codec in ("mp1", "mp2"):
        return codec
    if found == "ogg":
        return {"opus": "opus", "speex": "spx"}.get(codec, "ogg")
    if found == "amr" and codec == "amr_wb":
        return "awb"
    if found == "mka" and b"webm" in head[:64]:
        return "webm"
    if found == "m4a":
        brand = head[8:12] if head[4:8] == b"ftyp" else b"qt  "
        return "3gp" if brand.startswith((b"3gp", b"3g2")) else "mov" if brand == b"qt  " else "m4a"
    return found


def extension_of(container: str | None) -> str:
    """Return the file extension of a container, without its dot."""
    return CONTAINERS.get(container or UNKNOWN, CONTAINERS[UNKNOWN]).extension


def content_type_of(container: str | None) -> str:
    """Return the media type of a container."""
    return CONTAINERS.get(container or UNKNOWN, CONTAINERS[UNKNOWN]).content_type


def plays_everywhere(container: str | None, codec: str | None) -> bool:
    """Return whether every browser decodes it. Without a codec (read by an old version) MP3 and WAV are taken to be."""
    if codec is None:
        return container in ("mp3", "wav")
    return (container, codec) in _BY_ALL


def browser_type(container: str | None, codec: str | None) -> str:
    """Return what to ask a browser's `canPlayType` for; empty where no browser plays it."""
    return _BY_SOME.get((container or "", codec or ""), "")


@dataclass(frozen=True, slots=True)
class ConvertedKind:
    """What a converted copy can be: how FFmpeg writes it, and its content type."""

    muxer: str
    codec: str
    options: dict[str, str]
    content_type: str


CONVERTED = {
    "mp3": ConvertedKind("mp3", "libmp3lame", {"write_xing": "1"}, "audio/mpeg"),
    "opus": ConvertedKind("ogg", "libopus", {}, "audio/ogg"),
}
