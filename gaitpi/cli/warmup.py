"""``gaitpi warmup``: compile the kernels into the cache, so that the next start is quick."""

import argparse
import contextlib
import os
from pathlib import Path
from typing import Final

from gaitpi.cli import print_json
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM

HELP: Final = (
    "Compile the estimator into the cache of this user, once after each installation or update:"
    " a minute or so on a Pi, and the next start needs none of it. For the service the unit"
    " gaitpi-warmup does it."
)
EPILOG: Final = """exit code 0: all kernels are in the cache; 1: they could not be kept.

examples:
  gaitpi warmup
  sudo systemctl restart gaitpi-warmup"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare ``--json`` and ``--when-cold``."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--when-cold",
        action="store_true",
        help="only where it has not been done for this code, this machine and this numba",
    )
    parser.add_argument(
        "--adopt",
        default="",
        metavar="FOLDER",
        help="first take over what was compiled of the same kernels in FOLDER (gaitpi/gait)",
    )


def run(args: argparse.Namespace) -> int:
    """Compile and say what was done. Raises GaitpiError where nothing can be kept."""
    if args.when_cold:
        from gaitpi.kernelcache import cache_directory, warm_mark

        if warm_mark(cache_directory()).exists():
            print(f"All kernels are in {cache_directory()}.")
            return EXIT_OK
    if args.adopt:
        from gaitpi.kernelcache import adopt, cache_directory

        with contextlib.suppress(OSError):  # then they are compiled
            adopt(cache_directory(), Path(args.adopt))
    # numba makes its folders as soon as it sees the kernels
    from gaitpi.device.status import StatusFile, own_path
    from gaitpi.device.warmup import COMPILING, check_cache, warm_up

    check_cache()
    # in the service's unit the daemon waits for this
    status = StatusFile(own_path()) if os.environ.get("RUNTIME_DIRECTORY") else None
    try:
        if status is not None:
            status.starting(COMPILING)
        done = warm_up()
    finally:
        if status is not None:
            status.never_begun()
    if args.json:
        print_json(
            {
                "compiled": done.compiled,
                "seconds": round(done.seconds, 3),
                "directory": str(done.directory),
                "kept": done.kept,
            }
        )
    else:
        what = f"{done.compiled} kernels compiled" if done.compiled else "All kernels were there"
        kept = f"cache {done.directory}" if done.kept else "but nothing could be kept"
        print(f"{what}, {done.seconds:.1f} s, {kept}.")
    return EXIT_OK if done.kept else EXIT_PROBLEM
