"""``gaitpi cues``: the ledger of a run."""

import argparse
import math
import textwrap
from dataclasses import asdict
from typing import Any, Final

from gaitpi.cli import add_untrimmed_argument, opened, print_json
from gaitpi.errors import EXIT_OK
from gaitpi.review.ledger import (
    CORRECTIONS,
    Entry,
    Response,
    band_words,
    known,
    ledger,
    quiet_rules,
    response,
    ticked_words,
)
from gaitpi.runs.reader import clock

HELP: Final = (
    "Every cue of a run and every one that a rule kept back, with its reason, and what the runner"
    " did in the 30 s after it. Kept-back ones have no number, and their sound in brackets."
)
EPILOG: Final = """examples:
  gaitpi cues
  gaitpi cues 20261123-17 --json"""

_WIDTH: Final = 80
_INDENT: Final = " " * 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run and ``--json``."""
    parser.add_argument(
        "run",
        nargs="?",
        default="last",
        metavar="RUN",
        help="id, beginning of one, 'last' or a file (default: last)",
    )
    add_untrimmed_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the ledger. Raises UsageError or RunFileError when there is no such run."""
    with opened(args, args.run) as reader:
        found, name = ledger(reader), reader.run_id
        middle = clock((reader.start_s + reader.end_s) / 2)
    answers = response(found)
    if args.json:
        print_json(_as_json(name, found, answers))
        return EXIT_OK
    if not found:
        print(f"No cues in {name}, and none kept back.")
        print(f"'gaitpi why {args.run}@{middle}' says why.")
        return EXIT_OK
    print(f"{'#':>3} {'time':>7} {'sound':<11} {'metric':<7} {'value':>6} {'band':<11} ", end="")
    print("in the next 30 s")
    for entry in found:
        print("\n".join(_lines(entry)))
    print()
    print("\n".join(_summary(found, answers, args.run)))
    return EXIT_OK


def _as_json(name: str, found: list[Entry], answers: Response) -> dict[str, Any]:
    numbers = {key: known(value) for key, value in asdict(answers).items()}
    return {
        "id": name,
        "entries": [entry.as_json() for entry in found],
        "response": numbers,
        "withheld_by": dict(quiet_rules(found)),
    }


def _lines(entry: Entry) -> list[str]:
    """An entry: its numbers, and rule and reason below."""
    number = "-" if entry.number is None else str(entry.number)
    sound = f"({entry.cue})" if entry.withheld else entry.cue
    value = "-" if math.isnan(entry.value) else f"{entry.value:.1f}"
    head = (
        f"{number:>3} {clock(entry.time_s):>7} {sound:<11.11} {entry.metric:<7.7} {value:>6} "
        f"{band_words(entry.low, entry.high):<11} {after_words(entry)}"
    )
    words = f"{entry.rule}: {_without_numbers(entry)}"
    if ticked := ticked_words(entry):
        words += f"; {ticked}"
    return [
        head.rstrip()[:_WIDTH],
        *textwrap.wrap(
            words, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
        ),
    ]


def _without_numbers(entry: Entry) -> str:
    """The reason without metric and value, which stand above it."""
    unit = {"cadence": "spm", "lean": "deg"}.get(entry.metric, "")
    said = f"{entry.metric} {entry.value:.1f} {unit} "
    return entry.reason.removeprefix(said).replace(f": {said}", ": ")


def after_words(entry: Entry) -> str:
    """What the runner did, in at most 28 signs or so."""
    after = entry.after
    if entry.withheld:
        return "(kept back)"
    if after.outcome == "answered":
        return f"yes {after.seconds:3.0f} s"
    if after.outcome == "not answered":
        return "no" if math.isnan(after.seconds) else f"no, back after {after.seconds:.0f} s"
    if after.outcome == "not judged":
        return "? " + after.why.removeprefix("the ")
    return ""


def _summary(found: list[Entry], answers: Response, name: str) -> list[str]:
    """Answers counted, and what kept cues back."""
    lines = []
    if answers.cues:
        words = f"{answers.cues} correction{'s' * (answers.cues != 1)}"
        if answers.judged:
            words += f", {answers.answered} of {answers.judged} answered ({answers.share:.0%})"
        if answers.answered:
            words += f", median {answers.answer_s:.0f} s"
        unseen = answers.cues - answers.judged
        lines.append(words + (f"; {unseen} could not be judged" if unseen else ""))
    rules = quiet_rules(found)
    if rules:
        kept = ", ".join(f"{rule} {n}" for rule, n in rules.most_common())
        lines.append(f"{sum(rules.values())} kept back: {kept}")
    asked = next((e for e in found if e.cue in CORRECTIONS or e.withheld), None)
    if asked is not None:
        lines.append(f"'gaitpi why {name}@{clock(asked.time_s)}' explains one, or a silence.")
    return [part for line in lines for part in textwrap.wrap(line, _WIDTH)]
