"""Draws the pictures of docs/report.md: the pages of simulated runs, in a headless Chromium.

``python -m calibration.reportpictures [--out docs]``; needs chromium.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from gaitpi.cli import main as gaitpi
from gaitpi.config import Config, runs_directory
from gaitpi.config import load as load_config
from gaitpi.errors import GaitpiError
from gaitpi.journal import store
from gaitpi.journal.entries import Moment, Pain, Shoe, Strength, Worn
from gaitpi.runs.reader import list_runs
from tests.chromium import Chromium, find

WIDTH: Final = 820
PROGRAMME: Final = ("--program", "faded", "--target", "172", "--sessions", "8", "--seed", "3")


def quietly(*arguments: str) -> None:
    """A command of gaitpi, without its words. Raises GaitpiError when it fails."""
    with contextlib.redirect_stdout(io.StringIO()):
        if gaitpi(arguments):
            raise GaitpiError(f"gaitpi {' '.join(arguments)} failed.")


def _keep_journal(config: Config) -> None:
    """An invented journal of a runner who forgets some of it."""
    directory = runs_directory(config)
    at: dict[str, Any] = {"entered_s": 0.0}
    puts = [store.Put(Shoe(day="2026-01-01", name=n, **at), n.lower()) for n in ("Ghost", "Peg")]
    for k, entry in enumerate(reversed(list_runs(directory))):
        assert entry.started is not None
        day, next_day = (f"{entry.started.date() + timedelta(days=d)}" for d in (0, 1))
        worn = Worn(day=day, run=entry.run_id, shoe=("ghost", "peg")[k % 2], **at)
        puts.append(store.Put(worn))
        moments: tuple[tuple[Moment, str, int], ...] = (
            ("before", day, k // 4 % 2),
            ("during", day, (1, 2, 2, 1)[k % 4]),
            ("morning", next_day, (1, 3, 2, 0)[k % 4]),
        )
        for m, (moment, when, level) in enumerate(moments):
            if (k + m) % 3:
                puts.append(
                    store.Put(Pain(day=when, level=level, site="back-left", moment=moment, **at))
                )
        if k % 3 == 0:
            puts.append(store.Put(Strength(day=next_day, what="legs", minutes=30.0, **at)))
    store.put(store.path_in(directory), puts)


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
        _keep_journal(load_config(Path(f"{folder}/programme/gaitpi.toml")))
        quietly(*season, "report", "--physio", "--weeks", "12", "--out", f"{folder}/physio.html")
        with Chromium(program) as browser:
            for name, height in (("run", 1050), ("physio", 950), ("back", 1350)):
                browser.window(WIDTH, height)
                page = "physio" if name == "back" else name
                browser.open(Path(folder, f"{page}.html"))
                if name == "back":
                    browser.run("document.getElementById('pain').scrollIntoView()")
                    browser.settle()
                path = out / f"report-{name}.png"
                path.write_bytes(browser.picture())
                print(f"{path}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
