"""``gaitpi load``: how long the next run may be, and what that rests on."""

import argparse
import textwrap
from pathlib import Path
from typing import Any, Final

from gaitpi.cli import complain, load_config, print_json
from gaitpi.cli.resting import resting
from gaitpi.config import runs_directory
from gaitpi.device.status import recorded_run
from gaitpi.errors import EXIT_OK, RunFileError
from gaitpi.journal import texts
from gaitpi.plaintext import plain
from gaitpi.review import exposed, load
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import opened

HELP: Final = (
    "The ceiling of the next run: 1.10 times your longest run of the last 30 days, in distance"
    " where that is known of your runs, else in steps and minutes. Nothing about weeks."
)
EPILOG: Final = """examples:
  gaitpi load
  gaitpi load --json
  gaitpi config set coach.ceiling_sound true    hear it in the run"""

_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the ceiling, what it rests on, and what the last run exposed the runner to."""
    directory = runs_directory(load_config(args))
    found = load.gather(directory, but=recorded_run())
    day, clock_set = load.today()
    most = load.ceiling(found.sessions, day, clock_set=clock_set)
    last = _last(directory, found)
    rests = resting(directory)
    if args.json:
        print_json(_as_json(most, found, last) | {"cues_rest": rests[0] or None})
        return EXIT_OK
    for run_id, problem in found.problems.items():
        complain(f"{run_id} is left out: {problem}")
    words = [*load.lines(most), *load.said(most, found)]
    if last is not None:
        words += [f"last run, {last.steps:,} running steps:", *exposed.lines(last)]
    words += filter(None, rests)
    for line in words:
        indent = " " * (24 if "  " in line[:24] else 0)
        for part in textwrap.wrap(plain(line), _WIDTH, subsequent_indent=indent[:18]):
            print(part)
    return EXIT_OK


def _last(directory: Path, found: load.Gathered) -> exposed.Exposed | None:
    """Of the newest run; None without one that can be read."""
    form = found.forms[0] if found.forms else None
    if form is None:
        return None
    try:
        with opened(directory / f"{form.run_id}{SUFFIX}") as run:
            return exposed.exposed(run, form, found.forms)
    except RunFileError as error:
        complain(str(error))
        return None


def _as_json(
    most: load.Ceiling, found: load.Gathered, last: exposed.Exposed | None
) -> dict[str, Any]:
    return most.as_json() | {
        "simulated": found.simulated,
        "all_runs_read": found.whole,
        "unreadable": dict(found.problems),
        "study": texts.LOAD_STUDY,
        "last_run": last.as_json() if last else None,
    }
