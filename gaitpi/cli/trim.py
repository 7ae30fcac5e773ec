"""``gaitpi trim``: what is left out of a run when it is shown."""

import argparse
import time
from pathlib import Path
from typing import Final

from gaitpi import editfile
from gaitpi.cli import complain, load_config, print_json
from gaitpi.config import runs_directory
from gaitpi.editfile import Trim
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError
from gaitpi.review.edited import proposal, span
from gaitpi.review.explain import parse_time
from gaitpi.runs.reader import RunReader, clock, resolve
from gaitpi.runs.rows import RUNNING, SecondRow
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import LEAST_S, Cut, cut, damage, words

HELP: Final = (
    "Leave the beginning or the end of a run out of everything that shows it: the walk home,"
    " say. The run file itself stays as it is; --undo takes a trim back, --untrimmed of the other"
    " commands shows all. 'auto' proposes to cut off what comes before and after your running."
    " Times are those of the recording, whatever was trimmed before."
)
EPILOG: Final = """examples:
  gaitpi trim last auto
  gaitpi trim last auto --accept
  gaitpi trim 20261123-17 --start 2:10 --end 41:00
  gaitpi trim last --undo
  gaitpi trim last"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the window, ``auto``, ``--undo`` and ``--json``."""
    parser.add_argument("id", metavar="ID", help="id, beginning of one, 'last' or a file")
    parser.add_argument(
        "auto", nargs="?", choices=["auto"], help="propose to cut off what is no running"
    )
    parser.add_argument("--start", metavar="TIME", help="what comes before it is left out")
    parser.add_argument("--end", metavar="TIME", help="what comes after it is left out")
    parser.add_argument("--accept", action="store_true", help="with auto: do what is proposed")
    parser.add_argument("--undo", action="store_true", help="take the last trim back")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Trim and say what is kept. Raises UsageError, RunFileError or EditFileError."""
    times = args.start is not None or args.end is not None
    if bool(args.auto) + times + args.undo > 1 or (args.accept and not args.auto):
        raise UsageError("--start and --end, auto, and --undo are three things.", "Choose one.")
    path = resolve(runs_directory(load_config(args)), args.id)
    with RunReader(path) as reader:
        seconds, duration_s = reader.seconds(), reader.totals().duration_s
    file = editfile.path_of(path)
    edits = editfile.load(file)
    proposed: Trim | None = None
    wanted: Trim | None = None
    if args.undo:
        wanted = editfile.undone(edits, Trim, time.time())
        if wanted is None:
            raise UsageError(f"{_name(path)} is not trimmed: there is nothing to undo.")
    elif args.auto:
        start_s, end_s = proposal(seconds, duration_s)
        if start_s is not None or end_s is not None:
            proposed = Trim(wall_s=time.time(), start_s=start_s, end_s=end_s)
        wanted = proposed if args.accept else None
    elif times:
        wanted = asked(edits.trim, args.start, args.end, duration_s)
    if wanted is not None:
        refuse_recorded(path)
        edits = editfile.add(file, [wanted])
    found = cut(edits, duration_s)
    if args.json:
        print_json(_as_json(path, found, proposed, duration_s))
    elif args.auto and wanted is None:
        print("\n".join(_proposed(args.id, proposed, seconds, duration_s)))
    else:
        print("\n".join(_kept(path, found, seconds, duration_s)))
    if edits.damaged:
        complain(damage(path, edits))
        return EXIT_PROBLEM
    return EXIT_OK


def asked(now: Trim, start: str | None, end: str | None, duration_s: float) -> Trim:
    """The trim that is asked for: a side that is not named stays as it is. Raises UsageError."""
    start_s = now.start_s if start is None else parse_time(start)
    end_s = now.end_s if end is None else parse_time(end)
    last_s = duration_s if end_s is None else end_s
    if max(start_s or 0.0, last_s) >= duration_s + 1.0:
        todo = "Times are mm:ss of the recording."
        raise UsageError(f"The run is only {clock(duration_s)} long.", todo)
    if min(last_s, duration_s) - (start_s or 0.0) < LEAST_S:
        raise UsageError(
            f"From {clock(start_s or 0.0)} to {clock(last_s)} hardly anything is left.",
            f"At least {LEAST_S:.0f} s must be kept.",
        )
    return Trim(
        wall_s=time.time(),
        start_s=start_s or None,
        end_s=None if last_s >= duration_s else last_s,
    )


def refuse_recorded(path: Path) -> None:
    """Raise UsageError while a run is being recorded: what it will be is not known yet."""
    from gaitpi.runs.writer import being_recorded

    if being_recorded(path):
        raise UsageError(
            f"{_name(path)} is being recorded: its end is not known yet.",
            "Do it when the run is over ('gaitpi record stop' closes it).",
        )


def _name(path: Path) -> str:
    return path.name.removesuffix(SUFFIX)


def _as_json(path: Path, found: Cut, proposed: Trim | None, duration_s: float) -> dict[str, object]:
    start_s, end_s = span(found.window, duration_s)
    return {
        "id": _name(path),
        "duration_s": duration_s,
        "kept": None if found.window.open else {"start_s": start_s, "end_s": end_s},
        "proposed": None
        if proposed is None
        else {"start_s": proposed.start_s or 0.0, "end_s": proposed.end_s or duration_s},
    }


def _proposed(
    name: str, proposed: Trim | None, seconds: list[SecondRow], duration_s: float
) -> list[str]:
    if proposed is None:
        return ["Nothing to cut off: there is running from near its start to near its end."]
    start_s, end_s = proposed.start_s or 0.0, proposed.end_s or duration_s
    return [
        f"proposed  {words(start_s, end_s, duration_s)}",
        *_left_out(start_s, end_s, seconds, duration_s),
        f"'gaitpi trim {name} auto --accept' does that, '--start' and '--end' another.",
    ]


def _kept(path: Path, found: Cut, seconds: list[SecondRow], duration_s: float) -> list[str]:
    start_s, end_s = span(found.window, duration_s)
    if found.window.open:
        return [f"{_name(path)}: not trimmed, {clock(duration_s)} long."]
    return [
        f"{_name(path)}: {words(start_s, end_s, duration_s)}",
        *_left_out(start_s, end_s, seconds, duration_s),
        "Nothing is lost: --untrimmed shows all, 'gaitpi trim ID --undo' takes it back.",
    ]


def _left_out(
    start_s: float, end_s: float, seconds: list[SecondRow], duration_s: float
) -> list[str]:
    """What is cut off on either side, and how much running is in it."""
    found = []
    for side, begin_s, stop_s in (("before", 0.0, start_s), ("after", end_s, duration_s)):
        if stop_s > begin_s:
            running_s = sum(s.activity == RUNNING and begin_s <= s.time_s < stop_s for s in seconds)
            of_that = f"{clock(running_s)} of that running" if running_s else "no running in it"
            found.append(f"  {side:<7} {clock(stop_s - begin_s)} left out, {of_that}")
    return found
