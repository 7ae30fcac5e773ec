"""What was imported for a run, in a file beside it: ``<run>.imported.jsonl``.

The run file is never touched. Lines are appended and synced: first the moments, then what they
come from, so that an import that was cut off does not count. A damaged line is left out.
"""

import bisect
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, NamedTuple

from msgspec import Struct

from gaitpi import jsonlines
from gaitpi.errors import GaitpiError

ENDING: Final = ".imported.jsonl"


HOLE_S: Final = 10.0
"""Between moments further apart than this nothing was measured."""
HEART_S: Final = 2.0
"""A heart rate is that of a moment at most so far away."""


class ImportFileError(GaitpiError, OSError):
    """What was imported for a run cannot be read or written."""

    def __init__(self, found: str, todo: str = "") -> None:
        GaitpiError.__init__(self, found, todo)


class Points(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="points"):
    """Moments of the file ``sha256``: ``time_s`` run time; None = not known."""

    sha256: str
    time_s: tuple[float, ...]
    heart_rate_bpm: tuple[float | None, ...]
    distance_m: tuple[float | None, ...]


class Imported(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="imported"):
    """A file that was imported.

    ``wall_s`` when, seconds since 1970; ``file`` its bare name; ``start_s`` and ``end_s`` of its
    moments, since 1970; ``share`` (0..1) of the run they cover; ``distance_m``, mean and largest
    heart rate within the run, None = not known. ``offset_s``: how far the watch's clock was ahead
    of the run's, by the cadence of both, with its standard uncertainty; it is taken off the times
    of the moments (not of ``start_s`` and ``end_s``). None = not known, nothing was taken off.
    """

    wall_s: float
    file: str
    sha256: str
    start_s: float
    end_s: float
    share: float
    distance_m: float | None = None
    heart_rate_bpm: float | None = None
    heart_rate_max_bpm: float | None = None
    offset_s: float | None = None
    offset_sd_s: float | None = None


class Series(NamedTuple):
    """Values of one kind over run time, s; both are of the same length."""

    time_s: tuple[float, ...]
    value: tuple[float, ...]

    def within(self, begin_s: float, end_s: float) -> "Series":
        """What lies between two times."""
        first = bisect.bisect_left(self.time_s, begin_s)
        end = bisect.bisect_right(self.time_s, end_s)
        return Series(self.time_s[first:end], self.value[first:end])

    def near(self, time_s: float, within_s: float) -> float:
        """The value of the nearest moment, at most ``within_s`` away; NaN without one."""
        at = bisect.bisect_left(self.time_s, time_s)
        near = min(
            (k for k in (at - 1, at) if 0 <= k < len(self.time_s)),
            key=lambda k: abs(self.time_s[k] - time_s),
            default=-1,
        )
        known = near >= 0 and abs(self.time_s[near] - time_s) <= within_s
        return self.value[near] if known else math.nan

    def between(self, time_s: float, hole_s: float) -> float:
        """The value on the line between two moments at most ``hole_s`` apart; else NaN."""
        at = bisect.bisect_left(self.time_s, time_s)
        if at < len(self.time_s) and self.time_s[at] == time_s:
            return self.value[at]
        if not 0 < at < len(self.time_s):
            return math.nan
        (t0, t1), (v0, v1) = self.time_s[at - 1 : at + 1], self.value[at - 1 : at + 1]
        return v0 + (v1 - v0) * (time_s - t0) / (t1 - t0) if t1 - t0 <= hole_s else math.nan


@dataclass(frozen=True, slots=True)
class Imports:
    """All that was imported for a run, oldest first; ``damaged`` lines were left out."""

    files: tuple[Imported, ...] = ()
    points: tuple[Points, ...] = ()
    damaged: int = 0

    def has(self, sha256: str) -> bool:
        """Whether that very file was imported, and its moments are whole."""
        return all(any(one.sha256 == sha256 for one in kept) for kept in (self.files, self.points))


def series(imports: Imports, name: Literal["heart_rate_bpm", "distance_m"]) -> Series:
    """Run times (s) and values of the newest import that has any of that name, by time.

    Files of different watches are not mixed. Without one both are empty.
    """
    for file in reversed(imports.files):
        points = [one for one in imports.points if one.sha256 == file.sha256]
        found = points and _known(points[-1].time_s, getattr(points[-1], name))
        if found:
            return Series(*map(tuple, zip(*found, strict=True)))
    return Series((), ())


def _known(times: tuple[float, ...], values: tuple[float | None, ...]) -> list[tuple[float, float]]:
    pairs = zip(times, values, strict=False)
    return sorted((t, v) for t, v in pairs if v is not None and math.isfinite(t + v))


NOTHING: Final = Imports()
"""Nothing was imported."""


def path_of(run: Path) -> Path:
    """The file that belongs to a run file."""
    return run.with_name(run.stem + ENDING)


_FILE: Final = jsonlines.Kind("what was imported, {path},", "an import", ImportFileError)


def load(path: Path) -> Imports:
    """Read the file; a missing one is empty. Raises ImportFileError when it cannot be read."""
    lines = _FILE.read(path)
    found: list[Imported | Points | None] = [
        jsonlines.unpack(line, Imported | Points) for line in lines
    ]
    return Imports(
        tuple(one for one in found if isinstance(one, Imported)),
        tuple(one for one in found if isinstance(one, Points)),
        sum(one is None for one in found),
    )


def add(path: Path, imported: Imported, points: Points) -> None:
    """Append an import, synced. Raises ImportFileError; at worst its last line is then torn.

    A file that could not be read any more afterwards for its size is left as it is.
    """
    lines = [jsonlines.pack(points), jsonlines.pack(imported)]
    there = path.stat().st_size if path.exists() else 0
    if there + sum(map(len, lines)) >= jsonlines.SIZE_LIMIT:
        raise ImportFileError(
            f"{imported.file} has too many moments to be kept beside {path.name}.",
            "Delete that file to begin anew; the run itself is not in it.",
        )
    _FILE.append(path, lines)


def damage(path: Path, imports: Imports) -> str:
    """What the damaged lines of the file at ``path`` mean, in words; "" without any."""
    if not imports.damaged:
        return ""
    lines = f"{imports.damaged} damaged line{'s' * (imports.damaged > 1)} in {path.name}"
    return (
        f"{lines}: heart rate or distance of a watch may be missing. 'gaitpi import' takes its"
        " file once more."
    )


def words(imports: Imports) -> str:
    """The last import in one line; "" without one."""
    if not imports.files:
        return ""
    last = imports.files[-1]
    found = []
    if last.distance_m is not None:
        found.append(f"distance {last.distance_m / 1000:.2f} km")
    if last.heart_rate_bpm is not None:
        found.append(f"heart rate {last.heart_rate_bpm:.0f} mean")
    name = last.file if len(last.file) <= 24 else last.file[:23] + "…"
    what = ", ".join(found) or "neither distance nor heart rate"
    return f"{what} ({name}, {last.share:.0%} of the run)"
