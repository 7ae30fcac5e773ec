"""``gaitpi export``: a run as FIT, CSV or Parquet; all runs as one dataset."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gaitpi.cli import add_untrimmed_argument, complain, load_config, opened, print_json
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError
from gaitpi.outfile import STDOUT, new_file
from gaitpi.runs.reader import RunReader
from gaitpi.runs.schema import SUFFIX

if TYPE_CHECKING:
    from gaitpi.device.csvfile import Blocks

HELP: Final = (
    "Write a run for other programs: a FIT activity with running dynamics, or a table as CSV or"
    " Parquet (docs/files.md has every column). The raw table as CSV has every digit, so that"
    " 'gaitpi replay' of it gives what the run gave. --season brings a folder of Parquet files up"
    " to all your runs."
)
EPILOG: Final = """examples:
  gaitpi export last --fit run.fit
  gaitpi export last --csv steps.csv --table steps
  gaitpi export last --csv - --table seconds | head
  gaitpi export last --csv raw.csv
  gaitpi export last --parquet raw.parquet
  gaitpi export --season my-runs"""

TABLES: Final = ("raw", "steps", "seconds", "cues", "heart", "rr", "pod")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, the files and the season."""
    parser.add_argument(
        "id",
        nargs="?",
        metavar="ID",
        help="id, beginning of one, 'last' or a file (default: last)",
    )
    parser.add_argument(
        "--fit", type=Path, metavar="FILE", help="FIT activity to write; '-': standard output"
    )
    parser.add_argument("--csv", type=Path, metavar="FILE", help="CSV to write")
    parser.add_argument(
        "--parquet",
        type=Path,
        metavar="FILE",
        help="Parquet to write (the extra 'parquet')",
    )
    parser.add_argument(
        "--table",
        choices=TABLES,
        help="of CSV and Parquet: raw samples (default), a row a step, a second, a cue, or of what"
        " strap and pod sent: heart, rr (intervals), pod",
    )
    parser.add_argument(
        "--season",
        type=Path,
        metavar="DIR",
        help="all runs into a Parquet dataset; only what changed is written again",
    )
    add_untrimmed_argument(parser)
    parser.add_argument("--force", action="store_true", help="replace a file that is there")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Write what was asked for. Raises UsageError or RunFileError in words."""
    wanted = [(kind, path) for kind in _WRITE if (path := getattr(args, kind)) is not None]
    if args.season is not None:
        if wanted or args.id or args.table or args.untrimmed:
            raise UsageError("--season takes all runs and all tables.", "Leave the rest away.")
        return _season(runs_directory(load_config(args)), args)
    if not wanted:
        raise UsageError("what shall be written?", "Give --fit, --csv, --parquet or --season.")
    if args.table and [kind for kind, _ in wanted] == ["fit"]:
        raise UsageError("--table is of CSV and Parquet.", "A FIT activity has its own records.")
    if sum(path == STDOUT for _, path in wanted) > 1:
        raise UsageError("only one file can go to standard output.", "Name the others.")
    done = []
    with opened(args, args.id or "last") as reader:
        for kind, target in wanted:
            made = _WRITE[kind](reader, reader.path, target, args)
            done.append({"file": str(target), "format": kind, **made})
    _say(done, args.json, to_stderr=any(target == STDOUT for _, target in wanted))
    return EXIT_OK


def _say(done: list[dict[str, Any]], as_json: bool, *, to_stderr: bool) -> None:
    if as_json and not to_stderr:
        print_json(done)
        return
    for one in done:
        line = f"{one['rows']} {one['what']}: {one['file']}"
        print(line, file=sys.stderr if to_stderr else sys.stdout)


def _fit(reader: RunReader, path: Path, target: Path, args: argparse.Namespace) -> dict[str, Any]:
    from gaitpi.review import fitexport, tables

    found = tables.beside(path)
    _complain(found.problems)
    data = fitexport.activity(reader, found.imports)
    with new_file(target, force=args.force) as file:
        file.write(data)
    return {"rows": len(data), "what": "bytes"}


def _csv(reader: RunReader, path: Path, target: Path, args: argparse.Namespace) -> dict[str, Any]:
    name = args.table or "raw"
    with new_file(target, force=args.force, text=True) as file:
        if name == "raw":
            from gaitpi.device import csvfile

            return _wrote(name, csvfile.write_blocks(file, _blocks(reader)))
        from gaitpi.review import csvtable, tables

        rows = tables.made(name, reader, _imports(path))
        return _wrote(name, csvtable.write(file, tables.TABLES[name], rows))


def _parquet(
    reader: RunReader, path: Path, target: Path, args: argparse.Namespace
) -> dict[str, Any]:
    from gaitpi.review import parquet, tables

    parquet.arrow()
    name = args.table or "raw"
    part = f".{reader.part}" if reader.part else ""
    about = tables.about(reader, path.name.removesuffix(SUFFIX) + part)
    with new_file(target, force=args.force) as file:
        if name == "raw":
            return _wrote(name, parquet.write_raw(file, _blocks(reader), about))
        rows = tables.made(name, reader, _imports(path))
        return _wrote(name, parquet.write(file, tables.TABLES[name], rows, about))


_WRITE: Final = {"fit": _fit, "csv": _csv, "parquet": _parquet}


def _wrote(name: str, rows: int) -> dict[str, Any]:
    return {"table": name, "rows": rows, "what": "samples" if name == "raw" else name}


def _imports(path: Path) -> Any:
    from gaitpi.review import tables

    found = tables.beside(path)
    _complain(found.problems)
    return found.imports


def _complain(problems: tuple[str, ...]) -> None:
    for problem in problems:
        complain(problem)


def _blocks(reader: RunReader) -> "Blocks":
    header = reader.header
    for block in reader.blocks():
        acc, gyr = header.sensor.si(block.counts)
        yield block.times(), acc, gyr if header.has_gyro else None


def _season(directory: Path, args: argparse.Namespace) -> int:
    from gaitpi.review import season

    found = season.export(directory, args.season)
    if args.json:
        print_json(
            {
                "folder": str(args.season),
                "written": found.written,
                "kept": found.kept,
                "going_on": found.going_on,
                "problems": found.problems,
            }
        )
    else:
        print("\n".join(_words(found, directory, args.season)))
        for problem in found.problems:
            complain(problem)
    return EXIT_PROBLEM if found.problems else EXIT_OK


def _words(found: Any, directory: Path, target: Path) -> Iterator[str]:
    if not (found.written or found.kept or found.going_on or found.problems):
        yield f"No runs in {directory} yet. 'gaitpi run' records one."
        return
    yield f"{len(found.written)} runs written, {len(found.kept)} unchanged: {target}"
    if found.going_on:
        yield f"{len(found.going_on)} still recorded, or not ended: left for the next time"
    if found.problems:
        yield f"{len(found.problems)} could not be taken, and stay out:"
