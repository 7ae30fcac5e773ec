"""``gaitpi strength``: a strength session in one line."""

import argparse
from typing import Final

from gaitpi.cli import print_json
from gaitpi.cli.journaling import as_json, ending, open_desk, row, say, since, told
from gaitpi.errors import UsageError
from gaitpi.journal import days, store, tell, words
from gaitpi.journal.entries import Strength
from gaitpi.journal.store import Put

HELP: Final = (
    "Note a strength session, or list them: what it was for (legs, core, back ...), how long or how"
    " many sets, and the day (today without one), in any order."
)
EPILOG: Final = """examples:
  gaitpi strength legs 30m
  gaitpi strength core 3 sets yesterday
  gaitpi strength legs core 45m monday
  gaitpi strength

'gaitpi journal --undo' takes the last entry back."""

WEEKS: Final = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words, ``--what``, ``--since`` and ``--json``."""
    parser.add_argument("words", nargs="*", metavar="WORDS", help="e.g. legs 30m")
    parser.add_argument("--what", metavar="WORDS", help="what for, in words of your own")
    parser.add_argument(
        "--since", metavar="WHEN", help=f"list from a day on: 2026-11-01, 4w, all ({WEEKS}w)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Enter a session, or list them. Raises UsageError or JournalError."""
    if not args.words and args.what is None:
        return _list(args)
    if args.since is not None:
        raise UsageError("An entry and --since are two things.", words.STRENGTH_FORM)
    desk = open_desk(args)
    when = desk.when(args.words)
    said = words.strength(when.rest, days.WORDS)
    what = words.trained(args.what) if args.what is not None else said.what
    if not what:
        raise UsageError("What it was for was not said.", words.STRENGTH_FORM)
    entry = Strength(**desk.base(when), what=what, minutes=said.minutes, sets=said.sets)
    done = store.put(desk.path, [Put(entry)], desk.now)
    change = done.rows[0]
    if args.json:
        print_json({"entry": as_json(change.name, change.after), "doubt": when.doubt})
    else:
        say(told(change, done.journal), when.doubt)
    return ending(done.journal, desk.path)


def _list(args: argparse.Namespace) -> int:
    desk = open_desk(args)
    first = since(args.since, desk.today, WEEKS)
    found = [(name, one) for name, one in desk.journal.named(Strength) if one.date >= first]
    if args.json:
        sessions = [as_json(name, one) for name, one in found]
        print_json({"since": first.isoformat(), "strength": sessions})
    elif not found:
        say(f"No session noted since {first}. {words.STRENGTH_FORM}")
    else:
        for _, one in found:
            print("\n".join(row(f"{tell.day(one):<16}", one.what + tell.amount(one))))
    return ending(desk.journal, desk.path)
