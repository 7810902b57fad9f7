"""Make the spoken clips from lines.json: run once, its results are checked in.

    apt-get install espeak-ng sox lame
    python -m vobiz_portal.sandbox.clips.make_clips

For each line, three files that last the same number of 72 ms frames:
  NAME.wav          8 kHz, 16 bit, mono
  NAME.mono.mp3     64 kbit/s CBR, MPEG-2.5 layer III: every frame is 576 bytes
  NAME.stereo.mp3   the same, the caller on the left or the callee on the right, the other side silent
and `silence.mono.mp3`, `silence.stereo.mp3`, one frame each. Frames are written without a bit reservoir and
without an info tag, so that any frame may follow any other: `audio.py` joins and cuts them with no encoder.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
FRAME_SAMPLES = 576
FRAME_BYTES = 576
VOICES = {"callee": ("en-gb", "150"), "caller": ("en-us+f3", "160")}
# The encoder's output lags its input by about 1,100 samples: a clip ends in enough silence to hold the lag.
TAIL_SECONDS = "0.35"


def run(*command: str | Path) -> None:
    """Run a program and raise if it fails."""
    subprocess.run([str(word) for word in command], check=True, capture_output=True)  # noqa: S603 - our own fixed words


def encode(source: Path, mode: str, frames: int) -> bytes:
    """Return the first `frames` frames of `source` as MP3; `mode` is lame's: m (mono) or s (plain stereo)."""
    target = source.with_suffix(f".{mode}.mp3")  # beside `source`, in the working folder
    settings = ["--quiet", "--cbr", "-b", "64", "--resample", "8", "--nores", "-t", "-m"]
    run("lame", *settings, mode, source, target)
    data = target.read_bytes()
    if len(data) < frames * FRAME_BYTES or data[:2] != b"\xff\xe3":
        raise SystemExit(f"{target.name}: not the constant frames this sandbox joins")
    return data[: frames * FRAME_BYTES]


def make(line: dict[str, str], work: Path) -> None:
    """Make the three files of one line."""
    voice, speed = VOICES[line["speaker"]]
    spoken, mono, padded, both = (work / f"{name}.wav" for name in ("spoken", "mono", "padded", "both"))
    run("espeak-ng", "-v", voice, "-s", speed, "-w", spoken, line["text"])
    trim = ["silence", "1", "0.01", "0.2%"]
    shape = ["reverse", *trim, "reverse", "norm", "-4", "pad", "0.08", TAIL_SECONDS]
    run("sox", spoken, "-r", "8000", "-b", "16", "-c", "1", mono, *trim, *shape)
    samples = int(subprocess.check_output(["soxi", "-s", str(mono)]))  # noqa: S603, S607 - our own file
    frames = -(-samples // FRAME_SAMPLES)
    run("sox", "-D", mono, padded, "pad", "0", f"{frames * FRAME_SAMPLES - samples}s")
    run("sox", "-D", padded, both, "remix", *(["1", "0"] if line["speaker"] == "caller" else ["0", "1"]))
    (HERE / f"{line['name']}.wav").write_bytes(padded.read_bytes())
    (HERE / f"{line['name']}.mono.mp3").write_bytes(encode(padded, "m", frames))
    (HERE / f"{line['name']}.stereo.mp3").write_bytes(encode(both, "s", frames))


def main() -> None:
    """Make every clip."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for line in json.loads((HERE / "lines.json").read_text(encoding="utf-8")):
            make(line, work)
        quiet = work / "quiet.wav"
        for mode, channels, name in (("m", "1", "mono"), ("s", "2", "stereo")):
            run("sox", "-D", "-n", "-r", "8000", "-b", "16", "-c", channels, quiet, "trim", "0", "1")
            frames = encode(quiet, mode, 8)
            (HERE / f"silence.{name}.mp3").write_bytes(frames[4 * FRAME_BYTES : 5 * FRAME_BYTES])


if __name__ == "__main__":
    main()
