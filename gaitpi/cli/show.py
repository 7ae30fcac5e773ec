"""``gaitpi show``: one run in words, and as charts."""

import argparse
import os
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitpi.cli import add_untrimmed_argument, complain, load_config, opened, print_json
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK
from gaitpi.journal import NAME as JOURNAL
from gaitpi.plaintext import plain
from gaitpi.review import overview
from gaitpi.review.edited import of_run
from gaitpi.review.form import exposure
from gaitpi.review.verdict import advice, judge
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import SecondRow
from gaitpi.runs.schema import SUFFIX

if TYPE_CHECKING:
    from gaitpi.importfile import Imports

NAME: Final = "show"
HELP: Final = (
    "Show one run: cadence, time in band, cues, lean and the quality of the data, what drifted and"
    " what is not as usual; on a terminal its charts below. They are plain text without colours;"
    " --chart prints them elsewhere too."
)
EPILOG: Final = """examples:
  gaitpi show
  gaitpi show last-1 --no-chart
  gaitpi show 20261123-17 --json"""

_INDENT: Final = " " * 11


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, its charts and ``--json``."""
    parser.add_argument(
        "id",
        nargs="?",
        default="last",
        metavar="ID",
        help="id, beginning of one, 'last', 'last-1' or a file (default: last)",
    )
    parser.add_argument(
        "--chart",
        action=argparse.BooleanOptionalAction,
        help="with charts, or without (default: with them on a terminal)",
    )
    add_untrimmed_argument(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the run. Raises UsageError or RunFileError when there is no such run."""
    directory = runs_directory(load_config(args))
    chart = sys.stdout.isatty() if args.chart is None else args.chart
    drawn: list[str] = []
    with opened(args, args.id) as reader:
        path = reader.path
        said, last, imports = _imported(path)
        recorded = reader.whole.seconds()
        seconds = [second for second in recorded if reader.keeps(second.time_s)]
        verdict, edits = judge(reader, recorded), of_run(reader)
        found = overview.beside(reader, directory)
        if args.json:
            steps = exposure(found.form).as_json()
            more = {"tags": _tags(path), "imported": last, "exposure": steps, **edits.as_json()}
            print_json(verdict.as_json() | found.as_json() | more)
            return EXIT_OK
        end = ending(verdict.run_id, verdict.finished)
        words = overview.said(verdict, found, then="", ending=end, short=chart)
        words += overview.more(found)
        words += ofrun_lines(reader)
        words += [f"imported   {said}"] if said else []
        exposed = exposure(found.form).words()
        words += [f"exposure   {exposed}"] if exposed and not chart else []
        words += edits.lines()
        if chart:
            drawn = _drawn(reader, seconds, imports, len(words))
    todo = advice(verdict) or f"its charts:  gaitpi show {verdict.run_id} --chart"
    print("\n".join(fitting([*words, *(["", *drawn] if drawn else [f"next       {todo}"])])))
    return EXIT_OK


def ofrun_lines(reader: RunReader) -> list[str]:
    """What was felt and entered, below the name of its line.

    The journal takes long to load: only where there is one, or a mark of the button.
    """
    if not _journal(reader.path) and all(event.kind != "pain" for event in reader.events()):
        return []
    from gaitpi.journal.ofrun import lines

    said = " ".join(lines(reader))
    indent = " " * 11
    return textwrap.wrap(plain(said), 80, initial_indent=f"{'pain':<11}", subsequent_indent=indent)


def _journal(run: Path) -> bool:
    """Whether there may be a journal beside a run."""
    try:
        return (run.absolute().parent / JOURNAL).exists()
    except OSError:  # in a folder that may not be looked into
        return True


def _drawn(
    reader: RunReader, seconds: Sequence[SecondRow], imports: "Imports", above: int
) -> list[str]:
    """The charts, so that they and so many lines fit the terminal, and its prompt."""
    from gaitpi.review import charts
    from gaitpi.review.outside import outside

    columns, rows = _terminal()
    return charts.draw(
        reader,
        seconds,
        outside(reader, imports),
        width=min(columns, 160),
        height=rows - above - 2,
        unicode=charts.fits(sys.stdout.encoding, os.environ.get("TERM")),
    )


def ending(run_id: str, finished: bool) -> str:
    """What a run without an end is."""
    if finished:
        return ""
    from gaitpi.device.status import recorded_run

    return "being recorded" if recorded_run() == run_id else "cut short"


def fitting(lines: Iterable[str]) -> list[str]:
    """Words wrapped where the terminal is narrower than 80 columns."""
    columns = _terminal()[0] if sys.stdout.isatty() else 80
    if columns >= 80:
        return list(lines)
    width = max(20, columns)
    return [
        part
        for line in lines
        for part in (
            [line]
            if len(line) <= width
            else textwrap.wrap(line, width, subsequent_indent=_INDENT[: width // 4])
        )
    ]


def _terminal() -> tuple[int, int]:
    """Columns and lines; 80 and 24 where there is no terminal."""
    import shutil

    return shutil.get_terminal_size((80, 24))


def _imported(path: Path) -> tuple[str, Any, "Imports"]:
    """What was imported for it, in words and as it is; what is wrong with it is said."""
    from gaitpi import importfile
    from gaitpi.review.outside import imported

    imports = imported(path, complain)
    return importfile.words(imports), imports.files[-1] if imports.files else None, imports


def _tags(path: Path) -> tuple[str, ...]:
    from gaitpi import tagfile

    return tagfile.load(tagfile.path_in(path.parent)).of(path.name.removesuffix(SUFFIX))
