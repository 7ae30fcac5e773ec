"""``gaitpi`` alone: the last run in six lines, and one thing to do next."""

import argparse
from pathlib import Path
from typing import Final

from gaitpi.cli import complain, load_config, print_json
from gaitpi.cli.show import ending, fitting
from gaitpi.config import runs_directory
from gaitpi.device.status import recorded_run
from gaitpi.errors import EXIT_OK, GaitpiError
from gaitpi.journal.ofrun import next_step
from gaitpi.review import load, overview
from gaitpi.review.verdict import fitted, judge
from gaitpi.runs.reader import newest
from gaitpi.runs.view import opened

NOTHING: Final = """next       is every part well?            gaitpi doctor
           try it without a sensor:       gaitpi demo
           all commands:                  gaitpi --help"""


def run(args: argparse.Namespace) -> int:
    """Print the last run that can be read, or what to do when there is none yet."""
    directory = runs_directory(load_config(args))
    found = newest(directory, 1)
    if not found:
        if args.json:
            print_json({"id": None, "next": "gaitpi doctor"})
            return EXIT_OK
        print(f"No run yet in {directory}.")
        print("The belt records by itself, ten seconds after you begin to run.")
        print(NOTHING)
        return EXIT_OK
    with opened(found[0].path, said=complain) as reader:
        verdict = judge(reader)
        other = overview.beside(reader, directory, drift=False)
        morning = next_step(reader)
    recording = not verdict.finished and recorded_run() == verdict.run_id
    then = overview.suggestion(verdict, other, recording=recording)
    most = _ceiling(directory, verdict.run_id if recording else "")
    if morning and not recording:
        then = morning
    if args.json:
        load_json = {"load": most.as_json() if most else None}
        print_json(verdict.as_json() | other.as_json() | load_json | {"next": then})
        return EXIT_OK
    words = overview.said(
        verdict, other, then=then, ending=ending(verdict.run_id, verdict.finished)
    )
    if most is not None:
        words.insert(-1, fitted(f"load       {load.short(most)}"))
    print("\n".join(fitting(words)))
    return EXIT_OK


def _ceiling(directory: Path, but: str) -> load.Ceiling | None:
    """Of the next run; None while one is going on, for which it is too late."""
    if but:
        return None
    try:
        found = load.gather(directory)
    except GaitpiError:  # what is wrong with the folder was said of its runs
        return None
    day, clock_set = load.today()
    return load.ceiling(found.sessions, day, clock_set=clock_set)
