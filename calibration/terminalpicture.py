"""Draws what a command prints as a picture of a terminal, for the README: docs/terminal.svg.

``python -m calibration.terminalpicture [--out docs/terminal.svg]`` takes the transcript of
``gaitpi show --chart`` in docs/guide.md, which a test holds to what the program prints.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

from calibration.transcripts import ROOT, blocks

COMMAND: Final = "gaitpi show --chart"
COLUMN: Final = 8.4
LINE: Final = 17.0
EDGE: Final = 14.0
SIZE: Final = 14.0
PAPER, INK, PROMPT = "#12181f", "#dfe6ec", "#7fc8a9"


def picture(lines: Sequence[str]) -> str:
    """An SVG of these lines; every sign gets a column, whatever the font."""
    width = 2 * EDGE + COLUMN * max(80, *map(len, lines))
    height = 2 * EDGE + LINE * len(lines)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img"'
        f' aria-label="A terminal: {escape(COMMAND)}" font-family="DejaVu Sans Mono, Menlo,'
        f' Consolas, monospace" font-size="{SIZE:g}">',
        f'<rect width="100%" height="100%" rx="6" fill="{PAPER}"/>',
    ]
    for number, line in enumerate(lines):
        y = EDGE + LINE * number + SIZE
        ink = PROMPT if line.startswith("$ ") else INK
        for first, words in _runs(line):
            drawn.append(
                f'<text x="{EDGE + COLUMN * first:.1f}" y="{y:.1f}" fill="{ink}"'
                f' textLength="{COLUMN * len(words):.1f}" lengthAdjust="spacingAndGlyphs">'
                f"{escape(words)}</text>"
            )
    return "\n".join([*drawn, "</svg>", ""])


def _runs(line: str) -> list[tuple[int, str]]:
    """Words with the column they begin at: spaces are no drawing, and fonts differ in them."""
    found, first = [], 0
    for word in line.split(" "):
        if word:
            found.append((first, word))
        first += len(word) + 1
    return found


def main() -> int:
    """Write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs/terminal.svg")
    out = parser.parse_args().out
    shown = [b for b in blocks((ROOT / "docs/guide.md").read_text()) if COMMAND in b.commands]
    if not shown:
        print(f"docs/guide.md has no transcript of {COMMAND}.", file=sys.stderr)
        return 1
    out.write_text(picture(shown[0].lines))
    print(f"{out.name}: {out.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
