"""``gaitpi`` alone: the last run in six lines, and one thing to do next."""

import argparse
from pathlib import Path
from typing import Final

from gaitpi.cli import complain, load_config, print_json
from gaitpi.cli.resting import resting
from gaitpi.cli.show import ending, fitting
from gaitpi.config import runs_directory
from gaitpi.device.status import recorded_run
from gaitpi.errors import EXIT_OK
from gaitpi.review import load, overview
from gaitpi.review.history import History, history
from gaitpi.review.verdict import fitted, judge
from gaitpi.runs.reader import RunReader, newest
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
        known = history(directory)
        other = overview.beside(reader, directory, drift=False, known=known)
        morning = _morning(reader)
    recording = not verdict.finished and recorded_run() == verdict.run_id
    then = overview.suggestion(verdict, other, recording=recording)
    most = None if recording else _ceiling(directory, known)
    if morning and not recording:
        then = morning
    rests, see = resting(directory)
    if rests:
        then, most = see, None  # no run is suggested
    if args.json:
        more = {"load": most.as_json() if most else None, "cues_rest": rests or None}
        print_json(verdict.as_json() | other.as_json() | more | {"next": then})
        return EXIT_OK
    words = overview.said(
        verdict, other, then=then, ending=ending(verdict.run_id, verdict.finished)
    )
    if most is not None:
        words.insert(-1, fitted(f"load       {load.short(most)}"))
    if rests:
        from gaitpi.cli.journaling import row

        words[-1:] = [*row("pain       ", rests), *row("next       ", see)]
    print("\n".join(fitting(words)))
    return EXIT_OK


def _morning(run: RunReader) -> str:
    """What to enter next, where something was felt; the journal takes long to load."""
    if not any(event.kind == "pain" for event in run.events()):
        return ""
    from gaitpi.journal.ofrun import next_step

    return next_step(run)


def _ceiling(directory: Path, known: History) -> load.Ceiling:
    """Of the next run."""
    found = load.gather(directory, known=known)
    day, clock_set = load.today()
    return load.ceiling(found.sessions, day, clock_set=clock_set)
