"""``gaitpi why``: explain a cue, or a silence."""

import argparse
import textwrap
from typing import Final

from gaitpi.cli import add_untrimmed_argument, opened, print_json
from gaitpi.errors import EXIT_OK
from gaitpi.review.explain import explain, parse_time, sentences
from gaitpi.runs.reader import clock

HELP: Final = (
    "Explain what happened at a time of a run: the cue that came then or in the ten seconds"
    " before, or else the silence: which rule kept it quiet, since when, and what would have come"
    " without it. Without a time: the last cue."
)
EPILOG: Final = """examples:
  gaitpi why last@24:10
  gaitpi why 20261123-17@1:02:30 --json
  gaitpi why"""

_INDENT: Final = " " * 9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the moment and ``--json``."""
    parser.add_argument(
        "moment",
        nargs="?",
        default="last",
        metavar="RUN@mm:ss",
        help="run (id, beginning of one, 'last', file) and time in it (default: last)",
    )
    add_untrimmed_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the answer. Raises UsageError or RunFileError when there is no such run or time."""
    name, at, time = args.moment.rpartition("@")
    at_s = parse_time(time) if at else None
    with opened(args, (name or "last") if at else time) as reader:
        answer, run_id = explain(reader, at_s), reader.run_id
    if args.json:
        print_json(answer.as_json(run_id))
        return EXIT_OK
    said = sentences(answer)
    print(_wrapped(said[0], f"{clock(answer.time_s):>7}  "))
    for sentence in said[1:]:
        print(_wrapped(sentence, _INDENT))
    if answer.doubts:
        doubts = "; ".join(answer.doubts)
        replay = f"'gaitpi replay {run_id} --diff' goes through the samples"
        print(_wrapped(f"Not sure: {doubts}. {replay}.", _INDENT))
    return EXIT_OK


def _wrapped(text: str, begin: str) -> str:
    return textwrap.fill(
        text, 80, initial_indent=begin, subsequent_indent=_INDENT, break_on_hyphens=False
    )
