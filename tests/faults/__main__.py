"""The long form of the fault harness: `python -m tests.faults --minutes 10 --seed 1 --database postgresql`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.faults import harness


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long things go wrong (default 10)")
    parser.add_argument(
        "--seed", type=int, default=1, help="the same seed makes the same choices (default 1)"
    )
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--keep", metavar="FOLDER", help="keep logs here (default: a folder that is deleted)")
    options = parser.parse_args()
    began = time.monotonic()

    def say(what: str) -> None:
        print(f"{time.monotonic() - began:7.1f} s  {what}", file=sys.stderr, flush=True)  # noqa: T201

    with tempfile.TemporaryDirectory(prefix="vobiz-portal-faults-") as folder:
        place = Path(options.keep or folder)
        place.mkdir(parents=True, exist_ok=True)
        figures = harness.run(
            place, seed=options.seed, seconds=60 * options.minutes, database=options.database, say=say
        )
    print(figures.as_json())  # noqa: T201
    return 0 if figures.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
