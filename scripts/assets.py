"""Cut the portal's font from Inter and its icon sprite from Lucide. Run by scripts/assets.sh, which fetches both."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from xml.etree import ElementTree

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

VENDOR = Path(__file__).resolve().parent.parent / "static" / "recordings" / "vendor"

# Basic Latin, Latin-1, punctuation, and the signs that our pages use. Other letters come from the reader's system.
CHARACTERS = [
    *range(0x20, 0x7F),
    *range(0xA0, 0x100),
    *(0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2026, 0x202F, 0x2212),
    *map(ord, "₹€→↗↙✓×·"),
]
WEIGHTS = (400, 650)
OPTICAL_SIZE = 14  # for text
FEATURES = ["kern", "tnum", "case"]

ICONS = [
    "activity", "archive", "audio-lines", "building-2", "captions", "check", "chevron-down", "chevron-left",
    "chevron-right", "circle-alert", "circle-check", "circle-dot", "circle-question-mark", "circle-stop",
    "circle-x", "copy", "download", "ellipsis", "external-link", "globe", "history", "hourglass",
    "key-round", "layout-dashboard", "log-out", "menu", "phone", "plus", "refresh-cw", "rotate-ccw",
    "rotate-cw", "scissors", "search", "settings-2", "shield-check", "triangle-alert", "user", "users",
    "webhook", "x",
]  # fmt: skip
SVG = "http://www.w3.org/2000/svg"


def main(inter: Path, lucide: Path) -> None:
    """Write the font, the sprite and their licences."""
    cut_font(inter / "variable" / "InterVariable.woff2", VENDOR / "inter" / "inter.woff2")
    shutil.copy(inter / "LICENSE.txt", VENDOR / "inter" / "LICENSE")
    join_icons(lucide / "icons", VENDOR / "lucide" / "icons.svg")
    shutil.copy(lucide / "LICENSE", VENDOR / "lucide" / "LICENSE")


def cut_font(whole: Path, to: Path) -> None:
    """Write the font at `whole` with our characters, weights and features only."""
    font = TTFont(whole)
    options = Options()
    options.layout_features = FEATURES
    options.hinting = False
    options.notdef_outline = True
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    instantiateVariableFont(font, {"wght": WEIGHTS, "opsz": OPTICAL_SIZE}, inplace=True)
    font.flavor = "woff2"
    to.parent.mkdir(parents=True, exist_ok=True)
    font.save(to)


def join_icons(folder: Path, to: Path) -> None:
    """Write one SVG with a symbol for each icon."""
    ElementTree.register_namespace("", SVG)
    sprite = ElementTree.Element(f"{{{SVG}}}svg")
    for name in sorted(ICONS):
        icon = ElementTree.parse(folder / f"{name}.svg").getroot()  # noqa: S314 - of the pinned package
        symbol = ElementTree.SubElement(
            sprite,
            f"{{{SVG}}}symbol",
            {
                "id": name,
                "viewBox": "0 0 24 24",
                "fill": "none",
                "stroke": "currentColor",
                "stroke-width": "2",
                "stroke-linecap": "round",
                "stroke-linejoin": "round",
            },
        )
        symbol.extend(icon)
    for element in sprite.iter():
        element.text = element.tail = None
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(ElementTree.tostring(sprite, encoding="unicode") + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
