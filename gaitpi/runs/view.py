"""A run as it was edited: trimmed to a window, or one part of it where it was split.

A view is read like a run file, and its tables hold the rows within the window alone. Times stay
those of the recording, so that a moment has one name whatever is trimmed; ``start_s`` and
``end_s`` say where it begins and ends. What the coach knew at a moment (its warm-up, a cue
before the window) follows from ``whole``. A row belongs to the window in which it begins, so
that the parts of a split add up to the run. No numpy, but for raw samples.
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from gaitpi import editfile
from gaitpi.editfile import Edits
from gaitpi.errors import GaitpiError, RunFileError, UsageError
from gaitpi.runs.reader import (
    RawBlock,
    RunEntry,
    RunReader,
    clock,
    resolve,
)
from gaitpi.runs.rows import (
    CueRow,
    EventRow,
    HeartRow,
    PodRow,
    SecondRow,
    StepRow,
    Totals,
    WithheldRow,
)
from gaitpi.runs.schema import SUFFIX

if TYPE_CHECKING:
    from gaitpi.imu.batch import Counts
    from gaitpi.runs.reader import Unpack

LEAST_S: Final = 10.0
"""So much must be left by a trim, and be in a part, s."""

_FULL: Final = 0.999
"""Share of the range from which on a sample is clipped."""

_PART: Final = re.compile(r"(.+)\.([1-9][0-9]?)")

# 9e999 is infinite: an open window has also what lies there
_SECONDS: Final = "(time_s >= :start_s AND (:end_s = 9e999 OR time_s < :end_s))"
_STEPS: Final = (
    "(coalesce(ic_s, known_s) >= :start_s AND (:end_s = 9e999 OR coalesce(ic_s, known_s) < :end_s))"
)
_SQL_TOTALS: Final = (
    f"SELECT (SELECT CAST(count(*) AS REAL) FROM second WHERE activity = 3 AND {_SECONDS}),"
    " count(*), count(CASE activity WHEN 3 THEN 1 END),"
    " 60.0 * count(CASE activity WHEN 3 THEN step_s END)"
    " / sum(CASE activity WHEN 3 THEN step_s END)"
    f" FROM step WHERE {_STEPS}"
)


@dataclass(frozen=True, slots=True)
class Window:
    """Run times from ``start_s`` on and before ``end_s``, s; infinite where it is open."""

    start_s: float = -math.inf
    end_s: float = math.inf

    @property
    def open(self) -> bool:
        """Whether it leaves nothing out."""
        return self == Window()

    def holds(self, time_s: float) -> bool:
        """Whether that time lies in it. What has no time (NaN) lies in an open one only."""
        after = self.start_s == -math.inf or time_s >= self.start_s
        return after and (self.end_s == math.inf or time_s < self.end_s)


@dataclass(frozen=True, slots=True)
class Cut:
    """What the edits of a run of ``duration_s`` leave of it: the window, and its parts.

    ``parts`` is empty unless it is split; then they cover ``window`` without gap or overlap.
    """

    window: Window = Window()
    parts: tuple[Window, ...] = ()


def cut(edits: Edits, duration_s: float) -> Cut:
    """Lay the edits over a run of that length. A window that would hold nothing is left out."""
    trim = edits.trim
    start_s = trim.start_s or 0.0
    end_s = duration_s if trim.end_s is None else min(trim.end_s, duration_s)
    if start_s >= end_s:
        trim, start_s, end_s = editfile.Trim(wall_s=0.0), 0.0, duration_s
    window = Window(start_s or -math.inf, math.inf if end_s >= duration_s else end_s)
    cuts = [at_s for at_s in edits.cuts if start_s < at_s < end_s]
    edges = [window.start_s, *cuts, window.end_s]
    parts = tuple(Window(a, b) for a, b in itertools.pairwise(edges)) if cuts else ()
    return Cut(window, parts)


class RunView(RunReader):
    """What lies in a window of a run file. Closed like a RunReader, which it is otherwise."""

    def __init__(self, path: Path, window: Window, part: int = 0) -> None:
        """Open and check. Raises RunFileError."""
        super().__init__(path)
        self.show(window, part)

    def show(self, window: Window, part: int = 0) -> None:
        """Show another window of the same run."""
        self.window = window
        self.part = part
        self.start_s = max(0.0, window.start_s)

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Let go of the file."""
        super().close()
        if "whole" in self.__dict__:
            self.whole.close()

    @cached_property
    def whole(self) -> RunReader:
        """The run with nothing trimmed away."""
        return RunReader(self.path)

    @property
    def run_id(self) -> str:
        """The id, with the number of the part where it is one."""
        run_id = self._name("run_id")
        return f"{run_id}.{self.part}" if self.part else run_id

    @property
    def end_s(self) -> float:
        """Run time at which it ends, s."""
        return min(self.window.end_s, super().totals().duration_s)

    def keeps(self, time_s: float) -> bool:
        """Whether that run time lies in the window."""
        return self.window.holds(time_s)

    def totals(self) -> Totals:
        """Length, running time, steps and cadence of what is kept."""
        whole = super().totals()
        length_s = max(0.0, min(self.window.end_s, whole.duration_s) - self.start_s)
        return self._load(Totals, (length_s, *self._fetch(_SQL_TOTALS, self._bounds)[0]))

    def steps(self) -> list[StepRow]:
        """The steps whose initial contact lies in the window."""
        return [row for row in super().steps() if self.keeps(_step_time(row))]

    def seconds(self) -> list[SecondRow]:
        """The seconds that begin in the window."""
        return [row for row in super().seconds() if self.keeps(row.time_s)]

    def cues(self) -> list[CueRow]:
        """The cues given in the window."""
        return [row for row in super().cues() if self.keeps(row.time_s)]

    def withheld(self) -> list[WithheldRow]:
        """The cues kept back in the window."""
        return [row for row in super().withheld() if self.keeps(row.time_s)]

    def events(self) -> list[EventRow]:
        """What happened in the window."""
        return [row for row in super().events() if self.keeps(row.time_s)]

    def hearts(self) -> list[HeartRow]:
        """The strap's measurements that came in the window."""
        return [row for row in super().hearts() if self.keeps(row.time_s)]

    def pods(self) -> list[PodRow]:
        """The foot pod's measurements that came in the window."""
        return [row for row in super().pods() if self.keeps(row.time_s)]

    def _kept(self, table: str) -> str:
        """SQL of the rows of ``second`` or ``step`` that lie in the window."""
        return _SECONDS if table == "second" else _STEPS

    @property
    def _bounds(self) -> dict[str, Any]:
        return {"start_s": self.window.start_s, "end_s": self.window.end_s}

    def blocks(
        self,
        on_damage: Callable[[RunFileError], None] | None = None,
        unpack: "Unpack | None" = None,
    ) -> Iterator[RawBlock]:
        """The raw samples of the window, with the times they have in the run, to the last bit.

        A gap is counted from the beginning of the window on; ``clipped`` of a block that is cut
        are those of its samples that are kept.
        """
        for block in super().blocks(on_damage, unpack):
            kept = self._cut(block)
            if kept is not None:
                yield kept

    def last_block(self) -> RawBlock | None:
        """The last raw block of the window; None when there is none."""
        last = None
        for last in self.blocks():  # noqa: B007 - the last one is wanted
            pass
        return last

    def _cut(self, block: RawBlock) -> RawBlock | None:
        """The samples of ``block`` that lie in the window; None when there are none."""
        times = block.times()
        first = int(times.searchsorted(self.window.start_s))
        end = int(times.searchsorted(self.window.end_s))
        if first >= end:
            return None
        gap_s = block.gap_s if first == 0 else 0.0
        gap_s = max(0.0, min(gap_s, float(times[first]) - self.start_s))
        if (first, end) == (0, len(times)):
            return replace(block, gap_s=gap_s)
        counts = block.counts[first:end]
        clipped = min(block.clipped, self._clipped(counts)) if block.clipped else 0
        return RawBlock(block.index + first, block.line, counts, gap_s, clipped)

    def _clipped(self, counts: "Counts") -> int:
        """Samples at the end of the range."""
        import numpy as np

        sensor = self.header.sensor
        acc, gyr = sensor.acc_range / sensor.acc_scale, sensor.gyr_range / sensor.gyr_scale
        limits = np.minimum(_FULL * np.array([acc] * 3 + [gyr] * 3), _FULL * 32767)
        return int((np.abs(counts.astype(np.int32)) >= limits).any(axis=1).sum())


def _step_time(row: StepRow) -> float:
    return row.known_s if math.isnan(row.ic_s) else row.ic_s


def opened(
    path: Path,
    part: int = 0,
    *,
    untrimmed: bool = False,
    said: Callable[[str], None] = lambda _text: None,
) -> RunReader:
    """Open a run as it was edited, or one ``part`` of it; ``untrimmed``: with nothing left out.

    What is wrong with the edits is ``said``; then all of the run is shown. Raises RunFileError,
    and UsageError when there is no such part.
    """
    run = RunReader(path)
    try:
        edits = edits_of(path, said)
        found = Cut() if not edits.records else cut(edits, run.totals().duration_s)
        window = found.window
        if part:
            if part > len(found.parts):
                raise _no_part(path, part, len(found.parts))
            window = found.parts[part - 1]
        if untrimmed or window.open:
            return run
    except BaseException:
        run.close()
        raise
    run.close()
    return RunView(path, window, part)


def _no_part(path: Path, part: int, parts: int) -> UsageError:
    name = path.name.removesuffix(SUFFIX)
    if parts:
        return UsageError(f"{name} has {parts} parts, no part {part}.", f"They are {name}.1 ...")
    return UsageError(
        f"{name} has no parts.", f"'gaitpi split {name} 24:10' cuts it in two at 24:10."
    )


def edits_of(path: Path, said: Callable[[str], None] = lambda _text: None) -> Edits:
    """The edits of a run file; none where they cannot be read, which is ``said``."""
    try:
        edits = editfile.load(editfile.path_of(path))
    except GaitpiError as error:
        said(f"{error} The run is shown untrimmed.")
        return Edits()
    if edits.damaged:
        said(damage(path, edits))
    return edits


def damage(path: Path, edits: Edits) -> str:
    """What the damaged lines of its edits mean, in words."""
    lines = f"{edits.damaged} damaged line{'s' * (edits.damaged > 1)}"
    held = f"{lines} in {editfile.path_of(path).name}"
    shown = [
        words
        for kind, words in ((editfile.Trim, "untrimmed"), (editfile.Split, "in one"))
        if edits.lost(kind)
    ]
    if shown:
        return (
            f"{held}: the run is shown {' and '.join(shown)}. Nothing recorded is lost; what you"
            " trim or split anew counts."
        )
    return f"{held}: a note or an older trim may be lost; nothing recorded is."


def find(directory: Path, name: str) -> tuple[Path, int]:
    """The run file and the part (0 = all of it) meant by ``ID``, ``last``, a file, or ``ID.2``.

    Raises UsageError when there is none.
    """
    match = _PART.fullmatch(name)
    if match is None or (directory / f"{name}{SUFFIX}").exists() or Path(name).is_file():
        return resolve(directory, name), 0
    return resolve(directory, match[1]), int(match[2])


def as_edited(entries: Sequence[RunEntry], directory: Path) -> list[RunEntry]:
    """Runs of that folder as they were edited, each with its parts."""
    edited = {path.name for path in directory.glob(f"*{editfile.ENDING}")}
    return [
        _as_edited(entry) if editfile.path_of(entry.path).name in edited else entry
        for entry in entries
    ]


def _as_edited(entry: RunEntry) -> RunEntry:
    """The entry with the totals of what is kept; as it is where that cannot be had."""
    if entry.totals is None or entry.started is None:
        return entry
    found = cut(edits_of(entry.path), entry.totals.duration_s)
    if found.window.open and not found.parts:
        return entry
    try:
        with RunView(entry.path, found.window) as run:
            kept = entry if found.window.open else _shown(entry, run)
            parts = []
            for k, window in enumerate(found.parts, start=1):
                run.show(window, k)
                parts.append(_shown(entry, run))
            return replace(kept, parts=tuple(parts))
    except RunFileError:
        return entry


def _shown(entry: RunEntry, run: RunView) -> RunEntry:
    name = f"{entry.run_id}.{run.part}" if run.part else entry.run_id
    kept = (run.start_s, run.end_s)
    return replace(entry, run_id=name, started=run.began, totals=run.totals(), kept=kept)


def words(start_s: float, end_s: float, duration_s: float) -> str:
    """What is kept of a run, in words."""
    return f"{clock(start_s)} to {clock(end_s)} kept of {clock(duration_s)}"


def edited_lines(entry: RunEntry) -> list[str]:
    """What was done to a run of the list, below its line: at most 80 columns."""
    found = []
    if entry.kept is not None:
        found.append(f"    trimmed to {_span(entry.kept)}")
    for part in entry.parts:
        if part.kept is not None and part.totals is not None:
            number = part.run_id.rpartition(".")[2]
            totals = part.totals
            cadence = f", {totals.cadence_spm:.1f} spm" if totals.cadence_spm > 0 else ""
            steps = f"{clock(totals.running_s)} running, {totals.steps:,} steps{cadence}"
            found.append(f"    .{number:<3} {_span(part.kept)}: {steps}")
    return found


def edited_json(entry: RunEntry) -> dict[str, Any]:
    """The same for ``runs --json``: times of the recording, s."""
    parts = [{"id": part.run_id} | (_kept_json(part) or {}) for part in entry.parts]
    return {"kept": _kept_json(entry), "parts": parts}


def _kept_json(entry: RunEntry) -> dict[str, float] | None:
    return None if entry.kept is None else {"start_s": entry.kept[0], "end_s": entry.kept[1]}


def _span(kept: tuple[float, float]) -> str:
    return f"{clock(kept[0])} to {clock(kept[1])}"
