"""``gaitpi update``: another version of the service, from a file, with a way back."""

import argparse
import sys
from pathlib import Path
from typing import Final

from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError

HELP: Final = (
    "Update the service from a local file: a wheel, or an archive or folder of the sources. No"
    " network is asked. The new version is made beside the one in use, compiled, and switched to;"
    " if the service had been up and does not come up again, everything goes back. Runs, journals"
    " and the configuration are not touched."
)
EPILOG: Final = """A folder "wheels" beside FILE is looked into for packages that are not here yet,
if nobody but root and you can write to it.
exit code 0: the new version is up; 1: it is not.

examples:
  sudo gaitpi update gaitpi-0.2.0-py3-none-any.whl
  sudo gaitpi update gaitpi.tar.gz --dry-run
  sudo gaitpi update --rollback"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file and the options."""
    from gaitpi.device.install import add_common

    parser.add_argument(
        "file", nargs="?", type=Path, metavar="FILE", help="wheel, archive (tar) or folder"
    )
    parser.add_argument(
        "--rollback", action="store_true", help="go back to the version before instead"
    )
    parser.add_argument(
        "--wheels", type=Path, metavar="DIR", help="take packages that are needed from there"
    )
    parser.add_argument("--anyway", action="store_true", help="even while a run is recorded")
    add_common(parser)


def run(args: argparse.Namespace) -> int:
    """Update or go back. Raises GaitpiError in words."""
    from gaitpi.device.install import installer, wheels_beside
    from gaitpi.device.release import read

    if args.rollback == (args.file is not None):
        raise UsageError("Give either a file or --rollback.", "'gaitpi update --help' tells more.")
    does = installer(args)
    if does.where.version(does.where.current) is None and not args.root:
        raise UsageError(
            f"There is no installation in {does.where.home}.",
            "Make one from a checkout with: sudo make install",
        )
    does.python = does.python or getattr(sys, "_base_executable", "")
    if args.rollback:
        up = does.rollback()
    else:
        wheels = args.wheels or wheels_beside(args.file, does.said)
        if wheels is not None and not wheels.is_dir():
            raise UsageError(f"there is no folder {wheels}.")
        up = does.install(read(args.file), wheels.resolve() if wheels else None, online=False)
    return EXIT_OK if up or args.dry_run or not does.system.live else EXIT_PROBLEM
