"""``gaitpi compare``: two runs, or one and the runner's own usual."""

import argparse
import math
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from gaitpi.cli import add_untrimmed_argument, load_config, opened, print_json
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK, UsageError
from gaitpi.plaintext import plain
from gaitpi.review.change import (
    CHANGE,
    LEAST_RUNS,
    NO_CHANGE,
    SPEED_ALIKE,
    Change,
    against_usual,
    behind,
    between_runs,
)
from gaitpi.review.form import Form
from gaitpi.review.history import SEASON, history
from gaitpi.review.overview import form_of
from gaitpi.review.trend import LEAST_WEEKS, Trend, trends
from gaitpi.review.uncertainty import Z95
from gaitpi.runs.reader import clock

HELP: Final = (
    "Compare a run with your own usual, or with another run, or see what changed over weeks:"
    " steady running only, metric by metric,"
    " with the uncertainty of each difference. One is called a change only when it is larger than"
    " what such differences are by chance, by error of measurement, or from run to run."
)
EPILOG: Final = """examples:
  gaitpi compare last
  gaitpi compare last last-1
  gaitpi compare --weeks 12
  gaitpi compare 20261123-17 20261101-09 --json"""

WIDTH: Final = 80
MOST_WEEKS: Final = 520.0
VERDICTS: Final = {CHANGE: "a change", NO_CHANGE: "no clear change"}
BY: Final = {"published": "p", "own": "r", "scatter": "s"}
BY_WORDS: Final = {
    "p": "p published for such sensors",
    "r": "r what your own runs differ by",
    "s": "s scatter within the runs",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs and ``--json``."""
    parser.add_argument(
        "a",
        nargs="?",
        default="last",
        metavar="A",
        help="id, beginning of one, 'last', 'last-1' or a file (default: last)",
    )
    parser.add_argument("b", nargs="?", metavar="B", help="the other run (default: your own usual)")
    parser.add_argument(
        "--weeks", type=float, metavar="N", help="what changed over the N weeks up to run A"
    )
    add_untrimmed_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table. Raises UsageError or RunFileError when there is no such run."""
    directory = runs_directory(load_config(args))
    if args.weeks is not None:
        return _weeks(args, directory)
    with opened(args, args.a) as reader:
        a, forms = form_of(reader, directory)
    b = None
    if args.b is not None:
        with opened(args, args.b) as reader:
            b, others = form_of(reader, directory)
        forms = max(forms, others, key=len)
    found = against_usual(a, forms) if b is None else between_runs(a, b, forms)
    if args.json:
        print_json(_as_json(a, b, found.values()))
        return EXIT_OK
    for name, form in (("A", a), ("B", b)):
        if form is not None:
            print(plain(f"{name}  {_head(form)}")[:WIDTH])
    if b is None:
        print(f"U  your usual: the median of {behind(found.values())}")
    print()
    print("\n".join([*table(found.values(), "U" if b is None else "B"), *speeds(found.values())]))
    return EXIT_OK


def _weeks(args: argparse.Namespace, directory: Path) -> int:
    """The trend of each metric over the weeks up to run A."""
    if args.b is not None:
        raise UsageError("--weeks looks at the runs up to one run.", "Leave B out.")
    if not LEAST_WEEKS <= args.weeks <= MOST_WEEKS:
        raise UsageError(
            f"--weeks {args.weeks:g} shows no trend.",
            f"Give {LEAST_WEEKS:g} to {MOST_WEEKS:g} weeks.",
        )
    with opened(args, args.a) as reader:
        last, _ = form_of(reader, directory)
    found = trends([last, *history(directory, like=last, newest=SEASON).forms], weeks=args.weeks)
    if args.json:
        weeks = {"a": _form_json(last), "weeks": args.weeks}
        print_json(weeks | {"trends": [one.as_json() for one in found.values()]})
        return EXIT_OK
    days = max((one.days for one in found.values()), default=0)
    span = max((one.weeks for one in found.values()), default=0.0)
    ran = f"{days} day{'s' * (days != 1)} with a run in {span:.1f} weeks"
    print(f"up to {last.started:%a %d %b %Y}: {ran}")
    print()
    print("\n".join([*trend_table(found.values()), *speeds(found.values())]))
    return EXIT_OK


def speeds(found: Iterable[Change | Trend]) -> list[str]:
    """What was compared at a like speed, and what may be a matter of pace."""
    by: dict[str, list[str]] = {}
    for one in found:
        if one.verdict in VERDICTS and one.speed:
            by.setdefault(one.speed, []).append(one.metric.words)
    lines = []
    if like := by.get("like"):
        lines.append(f"At a like speed (within {SPEED_ALIKE:.0%}): {', '.join(like)}.")
    if other := by.get("not known"):
        lines.append(f"Speed not known, so it may be one of pace: {', '.join(other)}.")
    return [part for line in lines for part in textwrap.wrap(line, WIDTH)]


def trend_table(found: Iterable[Trend]) -> list[str]:
    """Trends as a table of at most 80 columns, and what it means below."""
    told = list(found)
    lines = [f"{'steady running':<25}{'change':>7}{'±':>6}{'a week':>9}{'real from':>11}"]
    for one in told:
        digits, verdict = one.metric.digits, VERDICTS.get(one.verdict, "not known")
        change, week, bar = (
            _value(one.change, digits, "+"),
            _value(one.slope_week, digits + 1, "+"),
            _value(one.bar, digits),
        )
        spread = _value(abs(Z95 * one.u), digits)
        lines.append(
            f"{one.metric.words:<21}{one.metric.unit:<4}{change:>7}{spread:>6}{week:>9}{bar:>11}"
            f"  {verdict}"
        )
    if any(one.verdict in VERDICTS for one in told):
        words = (
            "change is from the first of these runs to the last, by the median slope of all pairs;"
            " ± holds 95 %. It is called a change from 'real from' on."
        )
        return [*lines, "", *textwrap.wrap(words, WIDTH)]
    why = next((one.why for one in told if one.why), "no runs")
    return [*lines, "", f"No trend can be told yet: {why}."]


def _head(form: Form) -> str:
    kind = "  [simulated]" if form.virtual else ""
    ran = f"{clock(form.running_s)} running ({clock(form.steady_s)} steady)"
    return f"{form.started:%a %d %b %Y %H:%M}  {ran}, {form.steps:,} steps{kind}"


def table(found: Iterable[Change], other: str) -> list[str]:
    """The changes as a table of at most 80 columns, and what it means below."""
    changes = list(found)
    lines = [
        f"{'steady running':<25}{'A':>7}{other:>7}{f'A - {other}':>8}{'±':>6}{'real from':>10}",
        *(_row(change) for change in changes),
    ]
    if any(c.verdict in VERDICTS for c in changes):
        marks = sorted({BY[c.bar.by] for c in changes if c.bar.by in BY})
        words = (
            "± holds 95 %; a difference is called a change from there on: the largest of "
            + ", ".join(BY_WORDS[mark] for mark in marks)
            + "."
        )
        lines += ["", *textwrap.wrap(words, WIDTH)]
    unknown: dict[str, list[str]] = {}
    for change in changes:
        if change.verdict not in VERDICTS:
            unknown.setdefault(change.why or "not known", []).append(change.metric.words)
    if len(lines) == len(changes) + 1:
        return [*lines, "", f"Nothing can be compared: {next(iter(unknown))}."]
    for why, names in unknown.items():
        lines += textwrap.wrap(f"Not compared: {', '.join(names)} ({why}).", WIDTH)
    return lines


def _row(c: Change) -> str:
    metric, digits = c.metric, c.metric.digits
    verdict = VERDICTS.get(c.verdict, "not known")
    real = f"{c.bar.value:.{digits}f} {BY.get(c.bar.by, ' ')}" if c.bar.by else "-  "
    a, other, spread = (_value(value, digits) for value in (c.value, c.usual, abs(Z95 * c.u)))
    return (
        f"{metric.words:<21}{metric.unit:<4}{a:>7}{other:>7}"
        f"{_value(c.difference, digits, '+'):>8}{spread:>6}{real:>10}  {verdict}"
    )


def _value(value: float, digits: int, sign: str = "") -> str:
    if not math.isfinite(value):
        return "-"
    text = f"{round(value, digits) + 0.0:{sign}.{digits}f}"
    return text if len(text) <= 6 else f"{value:.0e}"


def _as_json(a: Form, b: Form | None, found: Iterable[Change]) -> dict[str, Any]:
    return {
        "a": _form_json(a),
        "b": None if b is None else _form_json(b),
        "least_runs": LEAST_RUNS,
        "changes": [change.as_json() for change in found],
    }


def _form_json(form: Form) -> dict[str, Any]:
    return {
        "id": form.run_id,
        "start": form.started.isoformat(timespec="seconds"),
        "running_s": form.running_s,
        "steady_s": form.steady_s,
        "steps": form.steps,
    }
