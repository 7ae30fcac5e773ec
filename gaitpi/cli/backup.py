"""``gaitpi backup``: runs, journals and the configuration in one file."""

import argparse
from pathlib import Path
from typing import Final

from gaitpi.cli import complain, load_config, print_json
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM

HELP: Final = (
    "Put every run, the journals (calibration, targets, programme) and the configuration into one"
    " archive, also while a run is being recorded. 'gaitpi restore' brings them back, here or on"
    " another machine."
)
EPILOG: Final = """exit code 0: everything is in it; 1: something could not be read.

examples:
  gaitpi backup /media/stick/gaitpi.zip
  gaitpi backup gaitpi.zip --overwrite"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file and the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="the archive to be written (zip)")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE if it is there")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Write the archive and say what is in it. Raises GaitpiError in words."""
    from gaitpi.config import default_path, runs_directory
    from gaitpi.device.archive import CONFIG, DIARY, JOURNAL, backup
    from gaitpi.runs.schema import SUFFIX

    runs = runs_directory(load_config(args))
    config = args.config or default_path()
    made = backup(args.file, runs, config, overwrite=args.overwrite)
    size = args.file.stat().st_size
    has_config = any(one.name == CONFIG for one in made.files)
    journals = made.count(JOURNAL) + made.count(DIARY)
    left_out = any("left out" in remark for remark in made.remarks)
    if args.json:
        print_json(
            {
                "file": str(args.file),
                "bytes": size,
                "runs": made.count(SUFFIX),
                "journals": journals,
                "configuration": has_config,
                "remarks": made.remarks,
            }
        )
        return EXIT_PROBLEM if left_out else EXIT_OK
    what = [counted(made.count(SUFFIX), "run"), counted(journals, "journal")]
    what.append("the configuration" if has_config else "no configuration (there is none)")
    print(f"{what[0]}, {what[1]} and {what[2]}: {megabytes(size)}")
    print(f"  from {runs}")
    print(f"  in   {args.file}")
    for remark in made.remarks:
        complain(remark)
    return EXIT_PROBLEM if left_out else EXIT_OK


def counted(n: int, what: str) -> str:
    """``1 run``, ``2 runs``."""
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def megabytes(size: int) -> str:
    """Bytes in words."""
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size / 1e3:.1f} kB"
