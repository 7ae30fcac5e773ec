"""``gaitpi note``: words on a run, kept beside it."""

import argparse
import textwrap
import time
from datetime import datetime
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
    " itself stays as it is."
)
EPILOG: Final = """examples:
  gaitpi note last "new shoes, felt heavy from the bridge on"
  gaitpi note last
  gaitpi note last --delete 1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the words, ``--delete`` and ``--json``."""
    parser.add_argument("id", metavar="ID", help="id, beginning of one, 'last' or a file")
    parser.add_argument("words", nargs="*", metavar="WORDS", help="what to note")
    parser.add_argument("--delete", type=int, metavar="N", help="take the note of that number away")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Change and print the notes. Raises UsageError, RunFileError or EditFileError."""
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
