"""``gaitpi record``: begin or close a run of the running daemon, from the shell."""

import argparse
from typing import Final

from gaitpi.cli import print_json
from gaitpi.errors import EXIT_OK

HELP: Final = (
    "Begin a run now, or close the one that is open, as holding the button does. The daemon itself"
    " goes on: 'gaitpi run' starts that, and the service keeps it. Runs begin and end by"
    " themselves, so this is for what they cannot know: an exercise below running speed, or an"
    " end without four minutes of waiting. After a stop the next run begins by itself only when"
    " you have not run for ten seconds."
)
EPILOG: Final = """exit code 0: it was done; 1: it was not (no daemon, nothing to start or stop).

examples:
  gaitpi record start
  gaitpi record stop"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what to do and ``--json``."""
    parser.add_argument("what", choices=("start", "stop"), help="begin a run, or close it")
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Start or stop. Raises ControlError when it was not done."""
    from gaitpi.controlclient import connect

    with connect() as client:
        answer = client.ask(args.what)
    if args.json:
        print_json(answer)
    elif args.what == "stop" and answer.get("run_id"):
        print(f"Stopped. 'gaitpi show {answer['run_id']}' tells more.")
    else:
        said = str(answer["said"])
        print(f"{said[:1].upper()}{said[1:]}.")
    return EXIT_OK
