"""``gaitpi note``: words on a run, kept beside it, or on a day, in the journal."""

import argparse
import contextlib
import re
import textwrap
import time
from datetime import date, datetime
from pathlib import Path
from typing import Final

from gaitpi import editfile
from gaitpi.cli import complain, load_config, print_json
from gaitpi.config import runs_directory
from gaitpi.editfile import NOTE_MAX, NOTES_MAX, Note
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError
from gaitpi.plaintext import plain
from gaitpi.runs.reader import RunReader, resolve
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import damage

HELP: Final = (
    "Note something on a run, or show its notes. They are kept beside the run; the run file"
    " itself stays as it is. Without a run the words are a note on a day, today unless a day stands"
    " first; without words the notes of the last weeks are listed."
)
EPILOG: Final = """examples:
  gaitpi note "slept badly"
  gaitpi note yesterday "stood all day"
  gaitpi note last "new shoes, felt heavy from the bridge on"
  gaitpi note last
  gaitpi note last --delete 1"""

WEEKS: Final = 4
_RUN: Final = re.compile(
    r"|last(-[0-9]{1,4})?(\.[0-9]+)?|[0-9]{4,8}(\.[0-9]+)?|[0-9]{8}-[0-9a-z.-]*|.*\.gaitpi"
)
"""What is meant as a run: its name, or the beginning of one, or its file."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the words, ``--delete`` and ``--json``."""
    parser.add_argument(
        "id",
        nargs="?",
        metavar="ID",
        help="id, beginning of one, 'last' or a file; a day, or none, for a note on a day",
    )
    parser.add_argument("words", nargs="*", metavar="WORDS", help="what to note")
    parser.add_argument("--delete", type=int, metavar="N", help="take the note of that number away")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Change and print the notes.

    Raises UsageError, RunFileError, EditFileError or JournalError.
    """
    if args.id is None or _is_a_day(args) or not (_RUN.fullmatch(args.id) or _is_file(args.id)):
        return _on_a_day(args)
    if args.delete is not None and args.words:
        raise UsageError("A note and --delete are two things.", "Choose one.")
    path = resolve(runs_directory(load_config(args)), args.id)
    with RunReader(path):
        pass  # only a run is noted on
    name = path.name.removesuffix(SUFFIX)
    file = editfile.path_of(path)
    edits = editfile.load(file)
    if args.words:
        text = checked(" ".join(args.words))
        if edits.next_note > NOTES_MAX:
            raise UsageError(f"{name} has {NOTES_MAX} notes: no more fit.")
        edits = editfile.add(file, [Note(wall_s=time.time(), number=edits.next_note, text=text)])
    elif args.delete is not None:
        if args.delete not in edits.notes:
            raise UsageError(f"{name} has no note {args.delete}.", f"'gaitpi note {name}' lists.")
        edits = editfile.add(file, [Note(wall_s=time.time(), number=args.delete)])
    notes = edits.notes
    if args.json:
        rows = [{"number": k, "wall_s": n.wall_s, "text": n.text} for k, n in notes.items()]
        print_json({"id": name, "notes": rows})
    elif not notes:
        print(f"{name}: no notes.")
    else:
        print(name)
        for k, note in notes.items():
            print("\n".join(_lines(k, note)))
    if edits.damaged:
        complain(damage(path, edits))
        return EXIT_PROBLEM
    return EXIT_OK


def _is_a_day(args: argparse.Namespace) -> bool:
    """Whether the first words are a day that begins as a run does: last night, last monday.

    A text in quotes is one word of the command, and is never the end of a day.
    """
    if args.id != "last" or not args.words or " " in args.words[0]:
        return False
    from gaitpi.journal import days

    return bool(days.leading(["last", *args.words], date.today())[0])


def _is_file(text: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return "/" in text and Path(text).expanduser().is_file()
    return False


def _on_a_day(args: argparse.Namespace) -> int:
    """A note in the journal, or the list of them."""
    from gaitpi.cli import journaling
    from gaitpi.journal import days, store, tell
    from gaitpi.journal.entries import Note as DayNote

    if args.delete is not None:
        raise UsageError("--delete needs a run.", "Of a day: gaitpi journal --remove ID")
    desk = journaling.open_desk(args)
    words = [word for text in (args.id or "", *args.words) for word in text.split()]
    day, rest = days.leading(words, desk.today)
    if rest:
        when = desk.when(day)
        entry = DayNote(**desk.base(when), text=checked(" ".join(rest)))
        done = store.put(desk.path, [store.Put(entry)], desk.now)
        if args.json:
            new = journaling.as_json(done.rows[0].name, entry)
            print_json({"entry": new, "doubt": when.doubt})
        else:
            journaling.say(journaling.told(done.rows[0], done.journal), when.doubt)
        return journaling.ending(done.journal, desk.path)
    first = desk.when(day).date if day else journaling.since(None, desk.today, WEEKS)
    found = [(name, one) for name, one in desk.journal.named(DayNote) if one.date >= first]
    if args.json:
        notes = [journaling.as_json(name, one) for name, one in found]
        print_json({"since": first.isoformat(), "notes": notes})
    elif not found:
        journaling.say(f'No notes on days since {first}. Write one: gaitpi note "slept badly"')
    for _, one in [] if args.json else found:
        print("\n".join(journaling.row(f"{tell.day(one):<16}", one.text)))
    return journaling.ending(desk.journal, desk.path)


def checked(text: str) -> str:
    """A note as it is kept: one line. Raises UsageError when it is too long or empty."""
    words = " ".join(text.split())
    if not words:
        raise UsageError("There is nothing in that note.")
    if len(words) > NOTE_MAX:
        todo = f"At most {NOTE_MAX} fit; write two."
        raise UsageError(f"That note has {len(words)} signs.", todo)
    return words


def _lines(number: int, note: Note) -> list[str]:
    try:
        day = f"{datetime.fromtimestamp(note.wall_s):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        day = "-"
    return textwrap.wrap(
        plain(note.text), 80, initial_indent=f"{number:>3}  {day:<10}  ", subsequent_indent=" " * 17
    )
