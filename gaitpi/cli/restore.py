"""``gaitpi restore``: what a backup has and this machine has not."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gaitpi.cli import complain, load_config, print_json
from gaitpi.cli.backup import counted
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, ConfigError, UsageError

if TYPE_CHECKING:
    from gaitpi.config import Config
    from gaitpi.device.archive import Fate, Restore

HELP: Final = (
    "Bring back from a backup the runs, journals and the configuration that are not here. The whole"
    " archive is checked before anything is written. What is here and differs stays as it is,"
    " unless --overwrite is given."
)
EPILOG: Final = """exit code 0: all of it is here now; 1: something was left as it is.

examples:
  gaitpi restore /media/stick/gaitpi.zip --dry-run
  gaitpi restore /media/stick/gaitpi.zip"""

WORDS: Final = {
    "new": ("would be written", "written"),
    "same": ("here already", "here already"),
    "grown": ("here, with more at its end: stays", "here, with more at its end: stays"),
    "differs": ("differs from the one here: would stay", "differs from the one here: left alone"),
    "replaced": ("would replace the one here", "replaced the one that was here"),
}
SHOWN: Final = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file and the options."""
    parser.add_argument("file", type=Path, metavar="FILE", help="what 'gaitpi backup' has written")
    parser.add_argument("--overwrite", action="store_true", help="replace what differs, too")
    parser.add_argument(
        "--salvage", action="store_true", help="take what is whole from a damaged backup"
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be done")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Restore and say what became of each. Raises GaitpiError in words."""
    from gaitpi import config as settings
    from gaitpi.device.archive import CONFIG, RUNS, Restore, check_config

    if args.overwrite and _recording():
        raise UsageError("A run is being recorded.", "End it first, or leave out --overwrite.")
    restore = Restore(args.file, salvage=args.salvage)
    try:
        for name in restore.spoilt:
            complain(f"{name.removeprefix(RUNS)} in it is damaged and is left out.")
        config = args.config or settings.default_path()
        problem = check_config(restore.config) if restore.config is not None else ""
        if problem:
            complain(f"The configuration in it cannot be used and is left out: {problem}")
            restore.files = [one for one in restore.files if one.name != CONFIG]
        for name in restore.foreign:
            complain(f"{name.removeprefix(RUNS)} is no journal of gaitpi and is left out.")
        for name, n in restore.damaged.items():
            complain(f"{name.removeprefix(RUNS)}: {counted(n, 'line')} in it cannot be read.")
        runs = settings.runs_directory(_own(args))
        elsewhere = _elsewhere(restore, runs)
        if args.dry_run:
            fates = restore.fates(runs, config)
            if args.overwrite:
                fates = {n: "replaced" if f == "differs" else f for n, f in fates.items()}
        else:
            fates = restore.write(runs, config, overwrite=args.overwrite, said=complain)
    finally:
        restore.close()
    left = [name for name, fate in fates.items() if fate == "differs"]
    if elsewhere:
        complain(_about(elsewhere, runs, config, brought=fates.get(CONFIG) in ("new", "replaced")))
    if args.json:
        print_json({"runs": str(runs), "configuration": str(config), "files": fates})
    else:
        _tell(fates, runs, config, dry=args.dry_run)
        if left and not args.dry_run:
            print("'gaitpi restore --overwrite' takes those of the backup instead.")
    lacking = left or problem or restore.foreign or restore.spoilt
    return EXIT_PROBLEM if lacking else EXIT_OK


def _recording() -> bool:
    """Whether the daemon is in the middle of a run."""
    from gaitpi.device import status

    found = status.find()
    return found is not None and not status.judge(found) and found.run_id is not None


def _elsewhere(restore: "Restore", runs: Path) -> Path | None:
    """The folder that the backup's configuration names for runs, if it is not ``runs``.

    An archive never decides where files are written: that may be done by root.
    """
    from gaitpi import config as settings
    from gaitpi.device.archive import CONFIG

    if restore.config is None or not any(one.name == CONFIG for one in restore.files):
        return None
    tables = settings.parse(restore.config, "the backup")
    named = settings.runs_directory(settings.build(tables, "the backup", restore.config))
    return None if named == runs else named


def _about(elsewhere: Path, runs: Path, config: Path, *, brought: bool) -> str:
    """What that means, and what to do."""
    found = f"The configuration in the backup keeps runs in {elsewhere}; "
    if not brought:
        return f"{found}they are put where this machine keeps them."
    return (
        f"{found}they are put where this machine has kept them, {runs}. To find them, set"
        f' runs.directory = "{runs}" in {config}.'
    )


def _own(args: argparse.Namespace) -> "Config":
    """The configuration of this machine; the defaults where a named file is not there yet."""
    from gaitpi.config import Config, default_path

    try:
        return load_config(args)
    except ConfigError:
        if (args.config or default_path()).exists():
            raise
        return Config()


def _tell(fates: "dict[str, Fate]", runs: Path, config: Path, *, dry: bool) -> None:
    for fate, words in WORDS.items():
        names = [name for name, one in fates.items() if one == fate]
        if not names:
            continue
        print(f"{counted(len(names), 'file')} {words[0 if dry else 1]}")
        shown = names if fate not in ("same",) else []
        for name in shown[:SHOWN]:
            print(f"  {name.removeprefix('runs/')[:76]}")
        if len(shown) > SHOWN:
            print(f"  ... and {len(shown) - SHOWN} more")
    print(f"runs           {runs}")
    print(f"configuration  {config}")
