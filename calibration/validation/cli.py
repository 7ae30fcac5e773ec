"""The command line of ``make validate``."""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from calibration.validation import (
    activity,
    inclination,
    lean,
    mounting,
    outdoor,
    report,
    running,
    sides,
    walking,
)
from calibration.validation.recordings import Source
from calibration.validation.report import Row

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data"
README = ROOT / "README.md"
ALGORITHMS = ROOT / "docs" / "algorithms.md"
HEADLINES = ("inclination", "running", "outdoor", "activity", "walking")
"""What the README shows, without notes; docs/algorithms.md has all."""

SUBJECTS: dict[str, Callable[[Source], list[Row]]] = {
    "inclination": inclination.rows,
    "running": running.rows,
    "outdoor": outdoor.rows,
    "activity": activity.rows,
    "walking": walking.rows,
    "sides": sides.rows,
    "mounting": mounting.rows,
    "lean": lean.rows,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 when a figure misses its limit and --strict was given."""
    parser = argparse.ArgumentParser(prog="python -m calibration.validation", description=__doc__)
    parser.add_argument("subjects", nargs="*", help=f"some of {', '.join(SUBJECTS)}")
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the recordings")
    parser.add_argument("--small", action="store_true", help="two recordings of each kind")
    parser.add_argument("--parts", action="store_true", help="also every trial by itself")
    parser.add_argument("--strict", action="store_true", help="exit 1 when a limit is missed")
    report.add_outputs(parser)
    args = parser.parse_args(argv)
    unknown = set(args.subjects) - set(SUBJECTS)
    if unknown:
        parser.error(f"no such subject: {', '.join(sorted(unknown))}")
    root = args.data if args.data.is_dir() else None
    if args.documents and (args.subjects or args.small or root is None):
        parser.error("--documents wants all subjects on all recordings")
    if root is None:
        print(f"no recordings at {args.data}: everything is simulated", file=sys.stderr)
    source = Source(root, small=args.small)
    found: dict[str, list[Row]] = {}
    for name, subject in SUBJECTS.items():
        if not args.subjects or name in args.subjects:
            print(f"{name} ...", file=sys.stderr, flush=True)
            found[name] = subject(source)
    rows = [row for part in found.values() for row in part]
    print(report.terminal(rows))
    print(f"\nBy trial\n{report.spread(rows)}")
    if args.parts:
        print(f"\n{report.every_part(rows)}")
    report.write_files(args, rows)
    if args.documents:
        short = [row for name in HEADLINES for row in found[name]]
        report.into(README, "accuracy", report.markdown(short, notes=False))
        report.into(ALGORITHMS, "accuracy", report.markdown(rows))
    return int(args.strict and any(row.verdict == "miss" for row in rows))
