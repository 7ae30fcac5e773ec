"""``gaitpi export``: the samples of a run as a file other programs read."""

import argparse
from pathlib import Path
from typing import Final

from gaitpi.cli import load_config
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK
from gaitpi.runs.reader import RunReader, resolve

HELP: Final = (
    "Write a run's samples as CSV: time_s,ax,ay,az,gx,gy,gz in s, m/s² and rad/s, with every"
    " digit, so that 'gaitpi replay' of the CSV gives what the run gave."
)
EPILOG: Final = """examples:
  gaitpi export last --csv run.csv"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run and the file."""
    parser.add_argument("id", metavar="ID", help="id, beginning of one, 'last' or a file")
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="CSV to write")


def run(args: argparse.Namespace) -> int:
    """Write the CSV. Raises UsageError or RunFileError in words."""
    from gaitpi.device import csvfile

    with RunReader(resolve(runs_directory(load_config(args)), args.id)) as reader:
        header = reader.header

        def blocks() -> csvfile.Blocks:
            for block in reader.blocks():
                acc, gyr = header.sensor.si(block.counts)
                yield block.times(), acc, gyr if header.has_gyro else None

        written = csvfile.write(args.csv, blocks())
    print(f"{written} samples: {args.csv}")
    return EXIT_OK
