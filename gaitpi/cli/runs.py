"""``gaitpi runs``: the list of recorded runs."""

import argparse
import math
import re
import textwrap
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, Final

from gaitpi import tagfile
from gaitpi.cli import add_untrimmed_argument, complain, load_config, print_json
from gaitpi.config import runs_directory
from gaitpi.device.status import recorded_run
from gaitpi.errors import EXIT_OK, GaitpiError, UsageError
from gaitpi.plaintext import plain
from gaitpi.review.form import Form
from gaitpi.review.history import known
from gaitpi.review.outside import Facts
from gaitpi.runs.reader import RunEntry, clock, list_runs, newest
from gaitpi.runs.view import as_edited, edited_json, edited_lines

NAME: Final = "runs"
HELP: Final = "List the recorded runs, newest first. Damaged files are listed with what is wrong."
EPILOG: Final = """examples:
  gaitpi runs
  gaitpi runs --last 10
  gaitpi runs --since 2026-11-01 --tag race
  gaitpi runs --since 4w --json"""

_WIDTH = 80
_INDENT = " " * 4
_AGO: Final = re.compile(r"([0-9]{1,5})([dw])")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare which runs, and ``--json``."""
    parser.add_argument("--last", type=int, metavar="N", help="only the newest N")
    parser.add_argument(
        "--since", metavar="WHEN", help="only from a day on: 2026-11-01, or 10d, or 4w"
    )
    parser.add_argument("--tag", metavar="TAG", help="only those with that tag")
    add_untrimmed_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the list. A damaged run is part of the list, not a failure of it.

    Raises UsageError for a number or day that is none.
    """
    if args.last is not None and args.last < 1:
        raise UsageError(f"--last {args.last} lists nothing.", "Give a number from 1 on.")
    since = _day(args.since) if args.since is not None else None
    tag = tagfile.checked(args.tag) if args.tag is not None else None
    directory = runs_directory(load_config(args))
    if args.last is not None and since is None and tag is None:
        everything = newest(directory, args.last)  # a season need not be opened for it
    else:
        everything = list_runs(directory)
    if not args.untrimmed:
        everything = as_edited(everything, directory)
    try:
        tags = tagfile.load(tagfile.path_in(directory))
    except GaitpiError as error:
        complain(str(error))
        tags = tagfile.Tags()
    readable = [entry for entry in everything if entry.started is not None]
    problems = [entry for entry in everything if entry.started is None]
    chosen = args.last is not None or since is not None or tag is not None
    entries = [
        entry
        for entry in readable
        if (since is None or (entry.started is not None and entry.started.date() >= since))
        and (tag is None or tag in tags.of(entry.run_id))
    ][: args.last]
    now = "" if all(entry.finished for entry in entries) else recorded_run()
    forms = {} if args.untrimmed else known(directory)
    if args.json:
        print_json([_as_json(e, tags, now, forms) for e in (entries if chosen else everything)])
        return EXIT_OK
    if not everything:
        print(f"No runs in {directory} yet.\n'gaitpi run' records one, 'gaitpi demo' shows one.")
        return EXIT_OK
    _print(entries, tags, now, forms)
    if problems and not chosen:
        print(f"{_files(problems)} cannot be read:")
        for entry in problems:
            print(plain(entry.run_id[:_WIDTH]))
            for line in textwrap.wrap(plain(entry.problem or ""), _WIDTH - len(_INDENT)):
                print(_INDENT + line)
    elif problems:
        print(f"{_files(problems)} cannot be read; 'gaitpi runs' says why.")
    if not entries:
        print(f"None of the {len(readable)} runs is one of these." if chosen else "No runs yet.")
    return EXIT_OK


def _km(facts: Facts) -> str:
    """Kilometres, with ``>`` before what is at least so much."""
    if not math.isfinite(facts.distance_m):
        return "-"
    km = facts.distance_m / 1000.0
    return f"{'>' if facts.at_least else ''}{km:.{1 if km < 100.0 else 0}f}"


def _whole(value: float) -> str:
    return f"{value:.0f}" if math.isfinite(value) else "-"


def _files(problems: list[RunEntry]) -> str:
    return f"{len(problems)} file{'s' * (len(problems) != 1)}"


def _print(
    entries: list[RunEntry], tags: tagfile.Tags, now: str, forms: Mapping[str, Form]
) -> None:
    """The table of runs that can be read; nothing without one.

    Distance and heart rate take the place of the length where any of them is known.
    """
    if not entries:
        return
    facts = {entry.run_id: forms[entry.run_id].facts for entry in entries if entry.run_id in forms}
    wide = any(one.distance_from or one.heart_from for one in facts.values())
    beside = f"{'running':>8}{'steps':>7}{'cadence':>8}{'km':>6}{'bpm':>5}"
    alone = f"{'length':>8}{'running':>9}{'steps':>8}{'cadence':>9}"
    print(f"{'id':<28}{'started':<18}{beside if wide else alone}")
    starred = [tagfile.STAR in tags.of(entry.run_id) for entry in entries]
    for entry, star in zip(entries, starred, strict=True):
        found = facts.get(entry.run_id, Facts()) if wide else None
        for line in [*_rows(entry, "*" if star else " ", now, found), *edited_lines(entry)]:
            print(plain(line))
    if any(one.at_least for one in facts.values()):
        print("> km: at least, a part of the way was not measured")
    if any(starred):
        print("* starred: never deleted to make room")


def _day(text: str) -> date:
    """The day in "2026-11-01", or so many days or weeks ago. Raises UsageError."""
    try:
        if found := _AGO.fullmatch(text):
            days = int(found[1]) * (7 if found[2] == "w" else 1)
            return date.today() - timedelta(days=days)
        return date.fromisoformat(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(
            f"{text[:20]!r} is no day.", "Use e.g. 2026-11-01, or 10d or 4w for days or weeks ago."
        ) from error


def _state(entry: RunEntry, now: str) -> str:
    if entry.problem is not None:
        return "unreadable"
    if entry.finished:
        return "finished"
    return "being recorded" if entry.run_id == now else "cut short"


def _as_json(
    entry: RunEntry, tags: tagfile.Tags, now: str, forms: Mapping[str, Form]
) -> dict[str, Any]:
    totals = entry.totals
    form = forms.get(entry.run_id)
    return {
        "id": entry.run_id,
        "start": entry.started.isoformat(timespec="seconds") if entry.started else None,
        "duration_s": totals.duration_s if totals else None,
        "running_s": totals.running_s if totals else None,
        "steps": totals.steps if totals else None,
        "cadence_spm": totals.cadence_spm if totals else None,
        "outside": form.facts.as_json() if form is not None else None,
        "finished": entry.finished,
        "state": _state(entry, now),
        "recording": entry.recording or None,
        "tags": tags.of(entry.run_id),
        "file": str(entry.path),
        "problem": entry.problem,
        **edited_json(entry),
    }


def _rows(entry: RunEntry, star: str, now: str, facts: Facts | None) -> list[str]:
    """The line of a run, and below it what it is if it has no end."""
    assert entry.started is not None
    assert entry.totals is not None
    totals = entry.totals
    cadence = f"{totals.cadence_spm:.1f}" if totals.cadence_spm > 0 else "-"
    row = f"{entry.run_id[:27]:<28}{entry.started:%Y-%m-%d %H:%M} {star}"
    running = clock(totals.running_s)
    if facts is None:
        row += f"{clock(totals.duration_s):>8}{running:>9}{totals.steps:>8}{cadence:>9}"
    else:
        row += f"{running:>8}{totals.steps:>7}{cadence:>8}{_km(facts):>6}"
        row += f"{_whole(facts.heart_rate_bpm):>5}"
    state = _state(entry, now)
    if state == "finished":
        return [row]
    return [row, _INDENT + state + (": it has no end" if state == "cut short" else "")]
