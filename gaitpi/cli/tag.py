"""``gaitpi tag``: stars and other tags of a run."""

import argparse
import time
from typing import Final

from gaitpi import tagfile
from gaitpi.cli import complain, load_config, print_json
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM
from gaitpi.runs.reader import RunReader, resolve
from gaitpi.runs.schema import SUFFIX

NAME: Final = "tag"
HELP: Final = (
    "Tag a run, or show its tags. A run with the tag 'star' is never deleted to make room"
    " (runs.keep_free_mb). Tags are kept beside the runs; the run file itself stays as it is."
)
EPILOG: Final = """examples:
  gaitpi tag last star
  gaitpi tag 20261123-17 race new-shoes
  gaitpi tag last --remove star
  gaitpi tag last"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the run, its tags, ``--remove`` and ``--json``."""
    parser.add_argument("id", metavar="ID", help="id, beginning of one, 'last' or a file")
    parser.add_argument("tags", nargs="*", metavar="TAG", help="tags to add, e.g. star")
    parser.add_argument(
        "--remove", nargs="+", default=[], metavar="TAG", help="tags to take off again"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Change and print the tags. Raises UsageError, RunFileError or TagFileError."""
    directory = runs_directory(load_config(args))
    path = resolve(directory, args.id)
    with RunReader(path):
        pass  # only a run is tagged
    run_id = path.name.removesuffix(SUFFIX)
    wanted = {tagfile.checked(tag): True for tag in args.tags}
    wanted |= {tagfile.checked(tag): False for tag in args.remove}
    file = tagfile.path_in(path.parent)
    now = time.time()
    if wanted:
        records = (tagfile.Tag(wall_s=now, run=run_id, tag=t, on=on) for t, on in wanted.items())
        tags = tagfile.add(file, records)
    else:
        tags = tagfile.load(file)
    if args.json:
        print_json({"id": run_id, "tags": tags.of(run_id), "damaged": tags.damaged})
    else:
        print(f"{run_id}: {', '.join(tags.of(run_id)) or 'no tags'}")
    if tags.damaged:
        complain(
            f"{tags.damaged} damaged line{'s' * (tags.damaged > 1)} in {file}: a star may be lost,"
            " so no run is deleted to make room. Tag again what is missing, then delete that line."
        )
        return EXIT_PROBLEM
    return EXIT_OK
