"""``gaitpi journal``: what was noted, day by day; the way back, and the table out and in."""

import argparse
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, Final

from gaitpi.cli import complain, print_json
from gaitpi.cli.journaling import Desk, as_json, ending, open_desk, rested, row, say, since
from gaitpi.cli.pain import mark_json, pressed_words
from gaitpi.errors import EXIT_OK, InputFileError, UsageError
from gaitpi.journal import store, table, tell
from gaitpi.journal.entries import Shoe
from gaitpi.journal.marks import marks
from gaitpi.journal.store import Change, Done, Put
from gaitpi.outfile import new_file

HELP: Final = (
    "List what was noted of pain, strength, shoes and days, with the marks of the button, by day;"
    " take back what was entered last; show every change with when and who; write all of it as a"
    " CSV table, or read one. Nothing is ever deleted from the file: an undo is one more line."
)
EPILOG: Final = """examples:
  gaitpi journal
  gaitpi journal --since 4w
  gaitpi journal --undo
  gaitpi journal --history
  gaitpi journal --export journal.csv
  gaitpi journal --import journal.csv

enter with:  gaitpi pain, gaitpi strength, gaitpi shoe, gaitpi note"""

WEEKS: Final = 2
_SIZE: Final = table.BYTES_MAX + 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is done, ``--since``, ``--force`` and ``--json``."""
    parser.usage = (
        "gaitpi journal [--since WHEN] [--json]\n"
        "       gaitpi journal --undo | --redo | --remove ID | --history [--since WHEN]\n"
        "       gaitpi journal --export FILE [--force] | --import FILE"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--undo", action="store_true", help="take back the last entry; repeatable")
    what.add_argument("--redo", action="store_true", help="do again what was undone last")
    what.add_argument("--remove", metavar="ID", help="take one entry away, by its id")
    what.add_argument("--history", action="store_true", help="every change, with when and who")
    what.add_argument(
        "--export", type=Path, metavar="FILE", help="write all entries as CSV ('-': here)"
    )
    what.add_argument("--import", type=Path, metavar="FILE", dest="table", help="read such a CSV")
    parser.add_argument(
        "--since", metavar="WHEN", help=f"from a day on: 2026-11-01, 4w, all ({WEEKS}w)"
    )
    parser.add_argument("--force", action="store_true", help="--export: replace a file")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what is asked. Raises UsageError, JournalError or InputFileError."""
    desk = open_desk(args)
    if args.undo:
        return _moved(args, desk, store.undo(desk.path, desk.now), "Nothing to undo.")
    if args.redo:
        return _moved(args, desk, store.redo(desk.path, desk.now), "Nothing to do again.")
    if args.remove is not None:
        return _moved(args, desk, _remove(desk, args.remove), "")
    if args.history:
        return _history(args, desk)
    if args.export is not None:
        with new_file(args.export, force=args.force, text=True) as file:
            file.write(table.text(desk.journal).encode())
        if args.export != Path("-"):
            n = len(desk.journal.entries)
            say(f"{n} entr{'y' if n == 1 else 'ies'} written to {args.export}.")
        return ending(desk.journal, desk.path)
    if args.table is not None:
        return _import(args, desk)
    return _list(args, desk)


def _moved(args: argparse.Namespace, desk: Desk, done: Done, nothing: str) -> int:
    if args.json:
        print_json({"changes": [_change_json(change) for change in done.rows]})
    elif not done.rows:
        say(nothing)
    else:
        for change in done.rows:
            say(_sentence(tell.change(change, done.journal)))
        say(rested(desk.journal, done.journal, desk.today))
    return ending(done.journal, desk.path)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _remove(desk: Desk, name: str) -> Done:
    """Take one entry away. Raises UsageError."""
    fitting = [one for one in desk.journal.entries if name and one.startswith(name)]
    if len(fitting) != 1:
        what = "No entry has" if not fitting else f"{len(fitting)} entries have"
        raise UsageError(
            f"{what} the id {name[:20]!r}.", "'gaitpi journal --json' and --history show the ids."
        )
    one = desk.journal.entries[fitting[0]]
    if isinstance(one, Shoe):
        raise UsageError(f"{one.name} is a pair.", f"Retire it: gaitpi shoe retire {one.name}")
    return store.put(desk.path, [Put(None, fitting[0])], desk.now)


def _history(args: argparse.Namespace, desk: Desk) -> int:
    journal = desk.journal
    first = date.min if args.since is None else since(args.since, desk.today, WEEKS)
    lines: list[Any] = []
    for number, change in enumerate(journal.rows, 1):
        if change is None:
            lines.append((number, None))
        elif tell.at(change.stamp.wall_s, change.stamp.offset_s)[:10] >= first.isoformat():
            lines.append((number, change))
    if args.json:
        print_json({"changes": [_change_json(c) if c else {"number": n} for n, c in lines]})
    elif not lines:
        say("Nothing was entered.")
    else:
        for number, change in lines:
            if change is None:
                print("\n".join(row(f"{number:>5}  ", "damaged: what it said is lost")))
                continue
            at = tell.at(change.stamp.wall_s, change.stamp.offset_s)
            words = f"{change.stamp.who}: {tell.change(change, journal)}  [{change.name}]"
            print("\n".join(row(f"{number:>5}  {at}  ", words)))
    return ending(journal, desk.path)


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "number": change.number,
        "id": change.name,
        "act": change.act,
        "at": tell.at(change.stamp.wall_s, change.stamp.offset_s),
        "wall_s": change.stamp.wall_s,
        "who": change.stamp.who,
        "before": as_json(change.name, change.before),
        "after": as_json(change.name, change.after),
    }


def _import(args: argparse.Namespace, desk: Desk) -> int:
    path: Path = args.table
    try:
        if not path.is_file():
            raise InputFileError(f"{path} is not a file.", "Name a CSV file.")
        with path.open("rb") as file:
            raw = file.read(_SIZE)
    except OSError as error:
        raise InputFileError(f"{path} cannot be read: {error.strerror}.") from error
    done = store.change(
        desk.path, lambda journal: table.puts(raw, journal, desk.now), desk.now, act="import"
    )
    new = sum(change.before is None for change in done.rows)
    changed = len(done.rows) - new
    if args.json:
        print_json({"new": new, "changed": changed})
    else:
        back = " 'gaitpi journal --undo' takes all of it back." if done.rows else ""
        say(f"{new} new, {changed} changed, the rest was there.{back}")
        say(rested(desk.journal, done.journal, desk.today))
    return ending(done.journal, desk.path)


def _list(args: argparse.Namespace, desk: Desk) -> int:
    first = since(args.since, desk.today, WEEKS)
    entries = {n: one for n, one in desk.journal.entries.items() if one.date >= first}
    pressed = marks(desk.directory, first, complain)
    if args.json:
        print_json(
            {
                "since": first.isoformat(),
                "entries": [as_json(name, one) for name, one in entries.items()],
                "marks": [mark_json(mark) for mark in pressed],
            }
        )
        return ending(desk.journal, desk.path)
    if not entries and not pressed:
        say(f"Nothing noted since {first}, so nothing is known of these days.")
        say("Enter with: gaitpi pain 3 lower-left morning, gaitpi strength legs 30m")
        return ending(desk.journal, desk.path)

    def lines() -> Iterator[tuple[str, int, str]]:
        for one in entries.values():
            yield tell.day(one)[4:], 0, tell.entry(one, desk.journal)
        for mark in pressed:
            yield f"{mark.when:%Y-%m-%d}", 1, pressed_words(mark)

    before = ""
    for day, _, text in sorted(lines(), key=lambda line: line[:2]):
        shown = f"{date.fromisoformat(day[:10]):%a} {day}" if day != before else ""
        print("\n".join(row(f"{shown:<16}", text)))
        before = day
    say("Days without a line are not known.")
    return ending(desk.journal, desk.path) or EXIT_OK
