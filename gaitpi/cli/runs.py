"""``gaitpi runs``: the list of recorded runs."""

import argparse
import textwrap
from typing import Any, Final

from gaitpi.cli import load_config, print_json
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK
from gaitpi.runs.reader import RunEntry, clock, list_runs

NAME: Final = "runs"
HELP: Final = "List the recorded runs, newest first. Damaged files are listed with what is wrong."
EPILOG: Final = """examples:
  gaitpi runs
  gaitpi runs --json"""

_WIDTH = 80
_INDENT = " " * 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the list. A damaged run is part of the list, not a failure of it."""
    directory = runs_directory(load_config(args))
    entries = list_runs(directory)
    if args.json:
        print_json([_as_json(entry) for entry in entries])
        return EXIT_OK
    if not entries:
        print(f"No runs in {directory} yet. 'gaitpi run' records one, 'gaitpi demo' shows one.")
        return EXIT_OK
    print(f"{'id':<28}{'started':<18}{'length':>8}{'running':>9}{'steps':>8}{'cadence':>9}")
    for entry in entries:
        for line in _rows(entry):
            print(line)
    return EXIT_OK


def _as_json(entry: RunEntry) -> dict[str, Any]:
    totals = entry.totals
    return {
        "id": entry.run_id,
        "start": entry.started.isoformat(timespec="seconds") if entry.started else None,
        "duration_s": totals.duration_s if totals else None,
        "running_s": totals.running_s if totals else None,
        "steps": totals.steps if totals else None,
        "cadence_spm": totals.cadence_spm if totals else None,
        "finished": entry.finished,
        "recording": entry.recording or None,
        "file": str(entry.path),
        "problem": entry.problem,
    }


def _rows(entry: RunEntry) -> list[str]:
    """The line of a run; what is wrong with it wrapped below."""
    if entry.started is None or entry.totals is None:
        words = textwrap.wrap(entry.problem or "", _WIDTH - len(_INDENT))
        return [entry.run_id[:_WIDTH], *(_INDENT + line for line in words)]
    totals = entry.totals
    cadence = f"{totals.cadence_spm:.1f}" if totals.cadence_spm > 0 else "-"
    row = (
        f"{entry.run_id[:27]:<28}{entry.started:%Y-%m-%d %H:%M}  {clock(totals.duration_s):>8}"
        f"{clock(totals.running_s):>9}{totals.steps:>8}{cadence:>9}"
    )
    return [row] if entry.finished else [row, f"{_INDENT}still running or cut short"]
