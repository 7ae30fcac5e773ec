"""``gaitpi import``: heart rate and distance from a watch's file, kept beside the run."""

import argparse
import itertools
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any, Final

from gaitpi import importfile
from gaitpi.cli import complain, load_config, print_json
from gaitpi.config import runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, InputFileError, RunFileError
from gaitpi.importfile import HOLE_S, Imported, ImportFileError, Points
from gaitpi.plaintext import plain
from gaitpi.review import fitfile, watchclock
from gaitpi.review.fitfile import Activity, Record
from gaitpi.review.watchclock import Offset
from gaitpi.runs.reader import RunReader, clock, files_in, resolve
from gaitpi.runs.schema import SUFFIX

HELP: Final = (
    "Take heart rate and distance from FIT files of a watch. Each is laid beside the run of the"
    " same time: at least half of the shorter one must lie in the other. Where the watch measured"
    " cadence too, it is compared with the run's, and a clock that was ahead or behind is"
    " corrected. The run file itself stays as it is."
)
EPILOG: Final = """examples:
  gaitpi import evening.fit --dry-run
  gaitpi import evening.fit
  gaitpi import watch/*.fit
  gaitpi import evening.fit --run last     (the clock was quite wrong)"""

ENOUGH: Final = 0.5
"""Share of the shorter of run and activity that must lie in the other."""
NOTHING_IN_IT: Final = "not kept: neither heart rate nor distance in it"


@dataclass(frozen=True, slots=True)
class _Run:
    path: Path
    start_s: float
    duration_s: float

    def overlap_s(self, activity: Activity) -> float:
        """Time both were going, s; negative: how far they lie apart."""
        end_s = self.start_s + self.duration_s
        return min(end_s, activity.end_s) - max(self.start_s, activity.start_s)

    def fits(self, activity: Activity) -> bool:
        """Whether they are of the same outing, clocks that differ a little allowed for."""
        shorter = min(self.duration_s, activity.end_s - activity.start_s)
        return shorter > 0.0 and self.overlap_s(activity) >= ENOUGH * shorter


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the files, the run, ``--dry-run`` and ``--json``."""
    parser.add_argument(
        "file", type=Path, metavar="FILE", nargs="+", help="FIT file of an activity"
    )
    parser.add_argument(
        "--run",
        metavar="ID",
        help="this run, whatever the clocks say: where in it is found by the cadence of both",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would be kept")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Import the files. Raises UsageError without the extra ``fit``, or where no run is meant.

    A file that cannot be read is told of, and the next one is taken.
    """
    directory = runs_directory(load_config(args))
    named = None if args.run is None else _run(resolve(directory, args.run))
    runs, unreadable = ([named], 0) if named else _runs(directory)
    said, problem = [], False
    for path in args.file:
        try:
            activity = fitfile.read(path)
        except InputFileError as error:
            complain(str(error))
            problem = True
            continue
        fitting = runs if named else [one for one in runs if one.fits(activity)]
        done = []
        for one in fitting:
            try:
                done.append(_import(one, path, activity, args))
            except (InputFileError, ImportFileError) as error:
                complain(str(error))
                problem = True
        problem = problem or not any(one.state != NOTHING_IN_IT for one in done)
        said.append(_as_json(path, activity, done))
        if not args.json:
            print("\n".join(_words(path, activity, done)))
            if not fitting:
                print("\n".join(_nearest(runs, unreadable, activity)))
    if args.json:
        print_json(said)
    return EXIT_PROBLEM if problem else EXIT_OK


@dataclass(frozen=True, slots=True)
class _Done:
    run: str
    imported: Imported
    state: str
    offset: Offset | None


def _runs(directory: Path) -> tuple[list[_Run], int]:
    """Real runs of a folder, and how many of its files cannot be read. Raises RunFileError."""
    runs, unreadable = [], 0
    for path in sorted(files_in(directory)):
        try:
            with RunReader(path) as reader:
                if not reader.virtual:
                    duration_s = reader.totals().duration_s
                    runs.append(_Run(path, reader.started.timestamp(), duration_s))
        except RunFileError:
            unreadable += 1
    return runs, unreadable


def _run(path: Path) -> _Run:
    """The run that was named, a simulated one too. Raises RunFileError."""
    with RunReader(path) as reader:
        return _Run(path, reader.started.timestamp(), reader.totals().duration_s)


def _offset(one: _Run, activity: Activity, *, named: bool) -> Offset | None:
    """How far the watch was ahead, by the cadence of both. Raises RunFileError when damaged."""
    with RunReader(one.path) as reader:
        own = watchclock.own_cadence(reader.seconds())
    # whole seconds apart, so that the numbers of the grid stay small
    ahead_s = math.floor(activity.start_s - one.start_s) if named else 0
    moments = [(r.time_s - one.start_s - ahead_s, r.cadence_spm) for r in activity.records]
    watch = watchclock.watch_cadence(moments)
    if not named:
        return watchclock.compare(own, watch, -watchclock.SEARCH_S, watchclock.SEARCH_S)
    length_s = activity.end_s - activity.start_s
    half_s = ENOUGH * min(length_s, one.duration_s)
    earliest_s, latest_s = math.floor(half_s - one.duration_s), math.ceil(length_s - half_s)
    found = watchclock.compare(own, watch, earliest_s, latest_s)
    return None if found is None else found._replace(seconds=found.seconds + ahead_s)


def _import(one: _Run, path: Path, activity: Activity, args: argparse.Namespace) -> _Done:
    name = one.path.name.removesuffix(SUFFIX)
    beside = importfile.path_of(one.path)
    offset = _offset(one, activity, named=args.run is not None)
    if offset is None and args.run is not None and not one.fits(activity):
        raise InputFileError(
            f"{path.name} is not of the time of {name}, and where in it is not clear.",
            "The cadence of watch and run must be known and change alike for some minutes.",
        )
    ahead_s = offset.seconds if offset is not None and offset.differs else 0.0
    moments = [r._replace(time_s=r.time_s - one.start_s - ahead_s) for r in activity.records]
    within = [r for r in moments if 0.0 <= r.time_s <= one.duration_s]
    beats = [r.heart_rate_bpm for r in within if not math.isnan(r.heart_rate_bpm)]
    metres = [r.distance_m for r in within if not math.isnan(r.distance_m)]
    imported = Imported(
        wall_s=time.time(),
        file=plain(path.name)[:120],
        sha256=activity.sha256,
        start_s=activity.start_s,
        end_s=activity.end_s,
        share=_covered_s(within) / one.duration_s,
        distance_m=max(metres) - min(metres) if metres else None,
        heart_rate_bpm=fmean(beats) if beats else None,
        heart_rate_max_bpm=max(beats, default=None),
        offset_s=None if offset is None else ahead_s,
        offset_sd_s=None if offset is None else offset.sd_s,
    )
    if importfile.load(beside).has(activity.sha256):
        return _Done(name, imported, "kept already", offset)
    if not beats and not metres:
        return _Done(name, imported, NOTHING_IN_IT, offset)
    if args.dry_run:
        return _Done(name, imported, "not kept: --dry-run", offset)
    importfile.add(beside, imported, _points(activity.sha256, within))
    return _Done(name, imported, "kept", offset)


def _points(sha256: str, within: Sequence[Record]) -> Points:
    return Points(
        sha256=sha256,
        time_s=tuple(r.time_s for r in within),
        heart_rate_bpm=tuple(_known(r.heart_rate_bpm) for r in within),
        distance_m=tuple(_known(r.distance_m) for r in within),
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _covered_s(within: Sequence[Record]) -> float:
    """Time between moments that are not too far apart, s."""
    waits = (b.time_s - a.time_s for a, b in itertools.pairwise(within))
    return sum(wait for wait in waits if wait <= HOLE_S)


def _as_json(path: Path, activity: Activity, done: Sequence[_Done]) -> dict[str, Any]:
    return {
        "file": path.name,
        "sha256": activity.sha256,
        "start": _iso(activity.start_s),
        "end": _iso(activity.end_s),
        "records": len(activity.records),
        "sessions": len(activity.sessions),
        "laps": len(activity.laps),
        "runs": [{"id": one.run, "state": one.state, "imported": one.imported} for one in done],
    }


def _iso(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s).astimezone().isoformat(timespec="seconds")


def _words(path: Path, activity: Activity, done: Sequence[_Done]) -> list[str]:
    begin = datetime.fromtimestamp(activity.start_s)
    found = [
        name
        for name, values in (
            ("heart rate", (r.heart_rate_bpm for r in activity.records)),
            ("distance", (r.distance_m for r in activity.records)),
        )
        if not all(map(math.isnan, values))
    ]
    length = clock(activity.end_s - activity.start_s)
    lines = [
        f"{plain(path.name)}"[:80],
        f"  {begin:%a %d %b %Y %H:%M}, {length} long, {len(activity.records):,} moments",
        f"  with {' and '.join(found) or 'neither heart rate nor distance'}",
    ]
    for one in done:
        said = importfile.words(importfile.Imports((one.imported,)))
        lines += [f"{one.run}: {one.state}", f"  {said}", f"  {_clocks(one.offset)}"]
    return lines


def _clocks(offset: Offset | None) -> str:
    """What the cadence of both says of the clocks."""
    if offset is None:
        return "clocks not compared: no cadence of both that changes enough"
    how = f"{abs(offset.seconds):.0f} s {'ahead' if offset.seconds > 0 else 'behind'}"
    if offset.differs:
        return f"the watch's clock was {how} (±{offset.sd_s:.0f} s), by cadence: corrected"
    return f"clocks agree by cadence, within {2.0 * offset.sd_s:.0f} s"


def _nearest(runs: Sequence[_Run], unreadable: int, activity: Activity) -> list[str]:
    """Why there is no run for it."""
    lines = ["There is no run of that time."]
    if runs:
        near = max(runs, key=lambda one: one.overlap_s(activity))
        when = datetime.fromtimestamp(near.start_s)
        lines.append(f"  nearest: {near.path.stem}, {when:%a %d %b %Y %H:%M}")
        lines.append("  At least half of the shorter one must lie in the other. Was a clock wrong?")
        lines.append("  Then name the run: gaitpi import FILE --run ID")
    if unreadable:
        lines.append(f"  {unreadable} damaged files were not looked at: gaitpi runs")
    return lines
