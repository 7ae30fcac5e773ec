"""``gaitpi report``: a run, or the last weeks for a physiotherapist, as a page for any browser."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gaitpi.cli import add_untrimmed_argument, complain, load_config, print_json
from gaitpi.config import replace_file, runs_directory
from gaitpi.errors import (
    EXIT_OK,
    EXIT_PROBLEM,
    ConfigError,
    GaitpiError,
    RunFileError,
    UsageError,
)
from gaitpi.plaintext import plain
from gaitpi.runs.reader import resolve
from gaitpi.runs.view import find

if TYPE_CHECKING:
    from gaitpi.review.report.gather import Chosen

HELP: Final = (
    "Write a run as one HTML page that any browser shows, prints and reads out, without a network."
    " With --physio a page for a physiotherapist, over several runs, and beside it three tables"
    " (CSV): a row a run, a minute, a week. It informs and does not diagnose."
)
EPILOG: Final = """examples:
  gaitpi report
  gaitpi report 20261123-17 --out run.html
  gaitpi report --physio --weeks 8
  ssh pi gaitpi report --out - > run.html"""

_LOOK: Final = 4096
"""Bytes of a file that are looked at to know whether it is a report."""
WEEKS: Final = 6.0


_Ours = Callable[[str], bool]
_File = tuple[Path | None, str, _Ours]
"""Where, what, and what tells from its beginning whether a file there was made here."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the runs, the kind of page and where it goes."""
    parser.add_argument(
        "id",
        nargs="?",
        metavar="ID",
        help="id, beginning of one, 'last' or a file (default: last)",
    )
    parser.add_argument(
        "--physio",
        nargs="*",
        metavar="ID",
        help="for a physiotherapist: of these runs (default: the last weeks)",
    )
    parser.add_argument(
        "--weeks",
        type=_weeks,
        default=WEEKS,
        metavar="N",
        help="with --physio: weeks before the newest run (default: %(default)g)",
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        help="file or folder to write to, '-' for stdout (default: this folder)",
    )
    add_untrimmed_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON: what was written")


def _weeks(text: str) -> float:
    try:
        weeks = float(text)
    except ValueError:
        weeks = -1.0
    if not 0.0 < weeks <= 520.0:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of weeks from 0 to 520")
    return weeks


def run(args: argparse.Namespace) -> int:
    """Write the page. Raises UsageError or RunFileError when there is no such run."""
    directory = runs_directory(load_config(args))
    if args.physio is None:
        return _one(args, *find(directory, args.id or "last"))
    return _physio(args, directory)


def _one(args: argparse.Namespace, path: Path, part: int) -> int:
    from gaitpi.review.report import gather, page

    name, text = gather.one(path, part=part, untrimmed=args.untrimmed)
    out = _place(args.out, f"gaitpi-{name}.html")
    _write(args, [(out, text, page.is_report)])
    return EXIT_OK


def _physio(args: argparse.Namespace, directory: Path) -> int:
    from gaitpi.review.report import csvfiles, gather, page

    names = [*([args.id] if args.id else []), *args.physio]
    chosen: Chosen = (
        gather.named([resolve(directory, name) for name in names])
        if names
        else gather.weeks(directory, args.weeks)
    )
    for name, why in chosen.damaged.items():
        complain(f"{name} is left out: {why}")
    if not chosen.runs:
        if chosen.damaged:
            raise RunFileError("None of the runs can be read.", "gaitpi runs says why.")
        raise UsageError(
            f"There is no run with running in it in {directory} yet.", "Record one with gaitpi run."
        )
    days = [f"{run.verdict.started:%Y%m%d}" for run in (chosen.runs[0], chosen.runs[-1])]
    out = _place(args.out, f"gaitpi-physio-{'-'.join(dict.fromkeys(days))}.html")
    if out is None:
        _write(args, [(None, gather.physio(directory, chosen, None), page.is_report)])
        return EXIT_PROBLEM if names and chosen.damaged else EXIT_OK
    tables = [out.with_name(f"{out.stem}-{what}.csv") for what in ("runs", "minutes", "weeks")]
    beside = gather.beside(directory, chosen)
    runs, minutes, weeks = (table.name for table in tables)
    text = gather.physio(directory, chosen, (runs, minutes, weeks), beside)
    _write(
        args,
        [
            (out, text, page.is_report),
            (tables[0], csvfiles.runs_csv(chosen.runs, beside), csvfiles.is_ours),
            (tables[1], csvfiles.minutes_csv(chosen.runs), csvfiles.is_ours),
            (tables[2], csvfiles.weeks_csv(beside), csvfiles.is_ours),
        ],
    )
    return EXIT_PROBLEM if names and chosen.damaged else EXIT_OK


def _place(out: str | None, name: str) -> Path | None:
    """Where to write; None is stdout. Raises UsageError where that cannot be."""
    if out == "-":
        return None
    path = Path(out or ".").expanduser()
    if path.is_dir():
        return path / name
    if not path.parent.is_dir():
        raise UsageError(f"There is no folder {path.parent}.", "Make it first, or name another.")
    return path


def _write(args: argparse.Namespace, files: Sequence[_File]) -> None:
    """Write all of them, or none where one would take the place of something else."""
    for path, _, ours in files:
        if path is not None:
            _refuse_foreign(path, ours)
    for path, text, _ in files:
        if path is None:
            sys.stdout.buffer.write(text.encode())  # what the page says it is, on any terminal
            return
        try:
            replace_file(path, text)
        except ConfigError as error:
            raise GaitpiError(error.found, error.todo) from error
    written = [path for path, _, _ in files if path is not None]
    if args.json:
        print_json({"page": str(written[0]), "tables": [str(path) for path in written[1:]]})
        return
    for path in written:
        print(plain(str(path)))


def _refuse_foreign(path: Path, ours: _Ours) -> None:
    """Raise UsageError where a file is there that is no report: it is not ours to replace."""
    try:
        with path.open("rb") as file:
            beginning = file.read(_LOOK).decode("utf-8", "replace")
    except FileNotFoundError:
        return
    except OSError as error:
        raise GaitpiError(f"{path} cannot be read: {error.strerror}.", "Name another.") from error
    if not ours(beginning):
        raise UsageError(f"{path} is there already, and is no report.", "Name another with --out.")
