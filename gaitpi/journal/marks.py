"""The marks of "felt it here" that the button left in the run files.

They are read from there and not copied: there they are safe half a second after the press, and
who trims the walk home, or deletes a run, has the marks of it gone as well.
"""

import contextlib
import math
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

from gaitpi.errors import RunFileError
from gaitpi.runs.reader import files_in
from gaitpi.runs.view import opened

_DAY_S: Final = 86_400.0


class Mark(NamedTuple):
    """A press: ``run`` its id, ``time_s`` run time, ``when`` local time then."""

    run: str
    time_s: float
    when: datetime


def marks(
    directory: Path,
    since: date | None = None,
    said: Callable[[str], None] = lambda _text: None,
) -> list[Mark]:
    """The marks in the runs of a folder, oldest first; those of simulated runs are left out.

    ``since`` the first local day. A run that cannot be read is ``said``. Raises RunFileError when
    the folder cannot be read.
    """
    found: list[Mark] = []
    for path in files_in(directory):
        if since is not None and _before(path, since):
            continue
        try:
            found += _of(path)
        except RunFileError as error:
            said(str(error))
    if since is not None:
        found = [mark for mark in found if mark.when.date() >= since]
    return sorted(found, key=lambda mark: (mark.when.timestamp(), mark.run))


def _before(path: Path, since: date) -> bool:
    """Whether the file was last written long before that day began anywhere."""
    with contextlib.suppress(OSError, OverflowError, ValueError):  # of the year 1: all of them
        first = datetime(since.year, since.month, since.day).timestamp()
        return path.stat().st_mtime < first - 2 * _DAY_S
    return False


def _of(path: Path) -> list[Mark]:
    with opened(path) as run:
        if run.virtual:
            return []
        times = [event.time_s for event in run.events() if event.kind == "pain"]
        if not times:
            return []
        started = run.started
        return [Mark(run.run_id, t, started + timedelta(seconds=t)) for t in times]


def begun_on(directory: Path, day: date, *, until_s: float = -math.inf) -> list[str]:
    """Ids of the runs of a folder that began on that local day, oldest first.

    ``until_s``: only those that lasted until then or longer (since 1970). Simulated ones, and those
    that cannot be read, are left out.
    """
    found = []
    for path in files_in(directory):
        if _before(path, day):
            continue
        with contextlib.suppress(RunFileError), opened(path) as run:
            began_s = run.began.timestamp()
            if run.virtual or run.began.date() != day:
                continue
            if until_s == -math.inf or began_s + run.totals().duration_s >= until_s:
                found.append((began_s, run.run_id))
    return [run_id for _, run_id in sorted(found)]
