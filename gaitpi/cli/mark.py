"""``gaitpi mark``: a mark in the run that is being recorded, from the shell."""

import argparse
from typing import Final

from gaitpi.cli import print_json
from gaitpi.device.control import TEXT_MAX
from gaitpi.errors import EXIT_OK, UsageError

HELP: Final = (
    "Set a mark in the run that is being recorded, as a short press of the button does, with a few"
    " words if you like. The belt answers with one tick."
)
EPILOG: Final = """exit code 0: it was set; 1: it was not (no daemon, no run, a full card).

examples:
  gaitpi mark
  gaitpi mark new shoes from here on"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words and ``--json``."""
    parser.add_argument("text", nargs="*", metavar="WORD", help="what the mark is about")
    parser.add_argument("--json", action="store_true", help="print the daemon's answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Set the mark. Raises ControlError when it was not set, UsageError for a long text."""
    text = " ".join(args.text)
    if len(text) > TEXT_MAX:
        raise UsageError(f"The text has {len(text)} signs.", f"Use at most {TEXT_MAX}.")
    from gaitpi.controlclient import connect

    with connect() as client:
        answer = client.ask("mark", text=text)
    if args.json:
        print_json(answer)
    else:
        said = str(answer["said"])
        print(f"{said[:1].upper()}{said[1:]}.")
    return EXIT_OK
