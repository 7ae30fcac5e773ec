"""``gaitpi split``: a run in parts."""

import argparse
import itertools
import time
from typing import Final

from gaitpi import editfile
from gaitpi.cli import complain, load_config, print_json
from gaitpi.cli.trim import refuse_recorded
from gaitpi.config import runs_directory
from gaitpi.editfile import PARTS_MAX, Edits, Split
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError
from gaitpi.review.edited import span, spans
from gaitpi.review.explain import parse_time
from gaitpi.runs.reader import RunReader, clock, resolve
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import LEAST_S, cut, damage

HELP: Final = (
    "Cut a run in parts, for the commands that show one: ID.1 is then the first of them, ID.2 the"
    " second. ID alone stays the whole run. The run file itself stays as it is; --undo takes the"
    " last cut back. Without a time: what its parts are. Times are those of the recording."
)
EPILOG: Final = """examples:
  gaitpi split last 24:10
  gaitpi show last.2
  gaitpi split last --undo
  gaitpi split last"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the times, ``--undo`` and ``--json``."""
    parser.add_argument("id", metavar="ID", help="id, beginning of one, 'last' or a file")
    parser.add_argument("times", nargs="*", metavar="TIME", help="where to cut, as mm:ss")
    parser.add_argument("--undo", action="store_true", help="take the last cut back")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Split and say what the parts are. Raises UsageError, RunFileError or EditFileError."""
    if args.undo and args.times:
        raise UsageError("A time and --undo are two things.", "Choose one.")
    path = resolve(runs_directory(load_config(args)), args.id)
    name = path.name.removesuffix(SUFFIX)
    with RunReader(path) as reader:
        duration_s = reader.totals().duration_s
    file = editfile.path_of(path)
    edits = editfile.load(file)
    wanted: Split | None = None
    if args.undo:
        wanted = editfile.undone(edits, Split, time.time())
        if wanted is None:
            raise UsageError(f"{name} is not split: there is nothing to undo.")
    elif args.times:
        wanted = asked(edits, [parse_time(text) for text in args.times], duration_s)
    if wanted is not None:
        refuse_recorded(path)
        edits = editfile.add(file, [wanted])
    parts = spans(cut(edits, duration_s), duration_s)
    if args.json:
        rows = [
            {"id": f"{name}.{k}", "start_s": a, "end_s": b} for k, (a, b) in enumerate(parts, 1)
        ]
        print_json({"id": name, "duration_s": duration_s, "parts": rows})
    elif not parts:
        print(f"{name}: not split, {clock(duration_s)} long.")
    else:
        for k, (start_s, end_s) in enumerate(parts, 1):
            print(f"{name}.{k}  {clock(start_s)} to {clock(end_s)}, {clock(end_s - start_s)} long")
    if edits.damaged:
        complain(damage(path, edits))
        return EXIT_PROBLEM
    return EXIT_OK


def asked(edits: Edits, times: list[float], duration_s: float) -> Split:
    """The split with more cuts. Raises UsageError where one lies outside, or too near another."""
    found = cut(edits, duration_s)
    start_s, end_s = span(found.window, duration_s)
    for at_s in times:
        if not start_s < at_s < end_s:
            kept = f"{clock(start_s)} to {clock(end_s)}"
            raise UsageError(f"{clock(at_s)} is not within {kept}.", "Times are of the recording.")
    cuts = sorted({*edits.cuts, *times})
    edges = [start_s, *(at_s for at_s in cuts if start_s < at_s < end_s), end_s]
    if min(b - a for a, b in itertools.pairwise(edges)) < LEAST_S:
        raise UsageError("A part would be too short.", f"Each must have at least {LEAST_S:.0f} s.")
    if len(cuts) >= PARTS_MAX:
        raise UsageError(f"A run has at most {PARTS_MAX} parts.")
    return Split(wall_s=time.time(), cuts=tuple(cuts))
