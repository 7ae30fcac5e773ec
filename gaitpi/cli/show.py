"""``gaitpi show``: one run in six lines."""

import argparse
from typing import Final

from gaitpi.cli import load_config, print_json
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK
from gaitpi.review.verdict import judge, lines
from gaitpi.runs.reader import RunReader, resolve

NAME: Final = "show"
HELP: Final = "Show one run: cadence, time in band, cues, lean and the quality of the data."
EPILOG: Final = """examples:
  gaitpi show last
  gaitpi show 20261123-17 --json"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run and ``--json``."""
    parser.add_argument(
        "id",
        nargs="?",
        default="last",
        metavar="ID",
        help="id, beginning of one, 'last' or a file (default: last)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the verdict. Raises UsageError or RunFileError when there is no such run."""
    with RunReader(resolve(runs_directory(load_config(args)), args.id)) as reader:
        verdict = judge(reader)
    if args.json:
        print_json(verdict.as_json())
    else:
        print("\n".join(lines(verdict)))
    return EXIT_OK
