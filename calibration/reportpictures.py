"""Draws the pictures of docs/report.md: the pages of simulated runs, in a headless Chromium.

``python -m calibration.reportpictures [--out docs]``; needs chromium.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from pathlib import Path
from typing import Final

from gaitpi.cli import main as gaitpi
from gaitpi.errors import GaitpiError
from tests.chromium import Chromium, find

WIDTH: Final = 820
PROGRAMME: Final = ("--program", "faded", "--target", "172", "--sessions", "8", "--seed", "3")


def quietly(*arguments: str) -> None:
    """A command of gaitpi, without its words. Raises GaitpiError when it fails."""
    with contextlib.redirect_stdout(io.StringIO()):
        if gaitpi(arguments):
            raise GaitpiError(f"gaitpi {' '.join(arguments)} failed.")


def main() -> int:
    """Make runs and pages in a folder that goes again, and the pictures of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    out = parser.parse_args().out
    program = find()
    if program is None:
        print("There is no Chromium here: apt install chromium.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder, "runs")
        config = Path(folder, "one.toml")
        config.write_text(f'[runs]\ndirectory = "{runs}"\n')
        settings = ("coach.target_spm=170", "coach.usual_lean_deg=5", "coach.usual_lean_from=2")
        sets = [word for setting in settings for word in ("--set", setting)]
        quietly("--config", str(config), "demo", "--story", "full", *sets)
        quietly("--config", str(config), "report", "--out", f"{folder}/run.html")
        quietly("simulate", *PROGRAMME, "--out", f"{folder}/programme")
        season = ("--config", f"{folder}/programme/gaitpi.toml")
        quietly(*season, "report", "--physio", "--weeks", "12", "--out", f"{folder}/physio.html")
        with Chromium(program) as browser:
            for name, height in (("run", 1050), ("physio", 950)):
                browser.window(WIDTH, height)
                browser.open(Path(folder, f"{name}.html"))
                path = out / f"report-{name}.png"
                path.write_bytes(browser.picture())
                print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
