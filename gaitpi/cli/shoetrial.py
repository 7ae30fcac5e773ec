"""``gaitpi shoe compare`` and ``gaitpi shoe plan``: how you run in your pairs, and a fair trial."""

import argparse
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from gaitpi.cli import complain, print_json
from gaitpi.cli.journaling import Desk, ending, say
from gaitpi.device.status import recorded_run
from gaitpi.errors import UsageError
from gaitpi.journal import texts
from gaitpi.plaintext import plain
from gaitpi.review import diary, shoes
from gaitpi.review.change import CHANGE, NOT_KNOWN
from gaitpi.review.shoes import MOST_PAIRS, Contrast, Need, Pair, Trial

_NAME: Final = 24


def compare(args: argparse.Namespace, desk: Desk, only: tuple[str, str] | None = None) -> int:
    """Print what was run in each pair, and every comparison that can be made.

    ``only`` two pairs: of the runs in these alone, with one another.
    """
    found = _read(desk)
    runs = [run for run in found.runs if only is None or run.shoe in only]
    pairs = shoes.pairs(runs)
    made = shoes.compare(runs)
    if args.json:
        print_json(
            {
                "pairs": [_pair_json(pair, desk) for pair in pairs.values()],
                "comparisons": [one.as_json() for one in made],
                "simulated": found.found.simulated,
                "older_runs_not_read": found.found.others,
            }
        )
        return ending(found.journal, desk.path)
    worn = {name: pair for name, pair in pairs.items() if name}
    if not worn:
        say(texts.SHOES_NONE)
        return ending(found.journal, desk.path)
    print(f"{'pair':<{_NAME}}{'runs':>5}{'steps':>11}{'km':>9}  worn")
    for pair in pairs.values():
        print(plain(_pair_row(pair)))
    if not made:
        print()
        say("There are runs in one pair alone: nothing to compare it with.")
    for title in dict.fromkeys((one.shoe, one.other) for one in made):
        rows = [one for one in made if (one.shoe, one.other) == title]
        print()
        say(f"{title[0]} less {title[1]}:")
        for one in rows:
            print("\n".join(_contrast_rows(one)))
    if made:
        print()
        say(*texts.shoes(by_speed=any(one.alike == "speed" for one in made)))
    if found.found.others:
        say(f"The newest {len(found.found.forms)} runs; {found.found.others} older are not read.")
    if found.found.simulated:
        say(texts.LOAD_SIMULATED)
    return ending(found.journal, desk.path)


def _read(desk: Desk) -> diary.Diary:
    found = diary.gather(desk.directory, but=recorded_run(), whole=False, said=complain)
    for problem in found.problems:
        complain(problem)
    return found


def _pair_row(pair: Pair) -> str:
    km = f"{pair.km:.1f}" if pair.runs_km else "-"
    if 0 < pair.runs_km < pair.runs:
        km += "+"
    worn = pair.first if pair.first == pair.last else f"{pair.first} to {pair.last}"
    name = pair.name[:_NAME] or "not known"
    return f"{name:<{_NAME}}{pair.runs:>5}{pair.steps:>11,}{km:>9}  {worn}"


def _pair_json(pair: Pair, desk: Desk) -> dict[str, Any]:
    before = {shoe.name: shoe.km for shoe in desk.journal.shoes.values()}
    return {
        "pair": pair.name or None,
        "runs": pair.runs,
        "running_steps": pair.steps,
        "km": pair.km if pair.runs_km else None,
        "runs_with_distance": pair.runs_km,
        "km_before": before.get(pair.name),
        "first": pair.first,
        "last": pair.last,
    }


def _contrast_rows(one: Contrast) -> list[str]:
    m = one.metric
    if one.verdict == NOT_KNOWN:
        return [f"  {m.words:<19}not known: {one.why}"]
    amount = f"{round(one.difference, m.digits) + 0.0:+.{m.digits}f} ±{one.wide:.{m.digits}f}"
    verdict = "a difference" if one.verdict == CHANGE else "no difference that can be told"
    counts = f"{one.runs[0]} and {one.runs[1]} runs in {one.rounds} rounds"
    return [f"  {m.words:<19}{amount + ' ' + m.unit:<16}{verdict}", f"{'':<21}{counts}"]


def plan(args: argparse.Namespace, desk: Desk, a: str, b: str) -> int:
    """Print a trial of two pairs. Raises UsageError for a number of pairs of runs that is none."""
    if args.pairs is not None and not 1 <= args.pairs <= MOST_PAIRS:
        raise UsageError(
            f"--pairs {args.pairs} is no trial.", f"Give a number from 1 to {MOST_PAIRS}."
        )
    found = _read(desk)
    made = shoes.trial(found.runs, a, b, number=args.pairs or 0, seed=args.seed)
    if args.json:
        print_json(_trial_json(made))
        return ending(found.journal, desk.path)
    number = len(made.order) // 2
    say(f"A trial of {a} and {b}: {number} pairs of runs, both once in each.")
    print()
    print(f"{'':<15}{'smallest real':>15}{'your runs':>14}{'pairs of runs':>17}")
    print(f"{'':<15}{'difference':>15}{'differ by':>14}{'needed':>17}")
    for need in made.needs:
        print(_need_row(need))
    if more := [n for n in made.needs if n.pairs is None or n.pairs > number]:
        names = ", ".join(need.metric.words for need in more)
        say(f"Too few to tell the smallest real difference of: {names}.")
    print()
    say(f"Order, drawn by lot (--seed {made.seed}):")
    for k in range(number):
        print(plain(f"{k + 1:>4}  {made.order[2 * k]}, then {made.order[2 * k + 1]}"))
    print()
    say(*texts.shoe_trial(a, b))
    return ending(found.journal, desk.path)


def _need_row(need: Need) -> str:
    m = need.metric
    least = f"{need.least:.{m.digits}f} {m.unit}" if math.isfinite(need.least) else "-"
    sd = f"{need.sd:.{max(1, m.digits)}f} {m.unit}" if math.isfinite(need.sd) else "-"
    if need.pairs is not None:
        many = str(need.pairs)
    else:
        many = f"over {MOST_PAIRS}" if math.isfinite(need.sd) else f"{need.runs} of 3 runs"
    return f"{m.words:<15}{least:>15}{sd:>14}{many:>17}"


def _trial_json(made: Trial) -> dict[str, Any]:
    return {
        "pairs": [made.a, made.b],
        "seed": made.seed,
        "order": list(made.order),
        "needs": [_need_json(need) for need in made.needs],
    }


def _need_json(need: Need) -> dict[str, Any]:
    return {
        "metric": need.metric.key,
        "unit": need.metric.unit,
        "smallest_real_difference": need.least if math.isfinite(need.least) else None,
        "sd_from_run_to_run": need.sd if math.isfinite(need.sd) else None,
        "runs": need.runs,
        "pairs_of_runs": need.pairs,
    }


def two(
    words: Sequence[str], which: Callable[[Sequence[str]], str], action: str
) -> tuple[str, str]:
    """The two pairs that are named by ``words``, split where both halves name one.

    ``which`` gives the name of the pair of some words, or raises UsageError; ``action`` is what
    they are named for.
    """
    flat = [part for text in words for part in text.split() if part.lower() not in ("and", "with")]
    unknown: UsageError | None = None
    for end in range(1, len(flat)):
        try:
            first = which(flat[:end])
        except UsageError as error:
            unknown = unknown or error
            continue
        try:
            return first, which(flat[end:])
        except UsageError as error:
            unknown = error
    if unknown is not None:
        raise unknown
    raise UsageError("Two pairs are needed.", f"gaitpi shoe {action} ghost pegasus")
