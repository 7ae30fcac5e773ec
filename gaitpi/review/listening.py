"""What listening runs show: steady running, and lean in it. No numpy.

A run listened when it had no target for the metric. Of its running, the first three minutes,
half a minute after every start, walk breaks, and whatever is near a gap or a knock are left out.
So is what was trimmed away: there the runner says that it was none of his running. (What a run was
in a programme stays as it was coached, trimmed or not: :mod:`gaitpi.review.programme`.)
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from gaitpi.coach.targets import (
    LEAN_RUNS,
    LISTEN_RUNS,
    LISTEN_S,
    Own,
    Usual,
    Window,
    own_cadence,
    usual_lean,
    windows_of,
)
from gaitpi.errors import RunFileError
from gaitpi.review.quality import BELT_BAD, GIVEN_MOUNT, OWN_STANDING
from gaitpi.review.steady import STEP_APART_S, STEP_MAX_S, STEP_MIN_S, Steady
from gaitpi.runs.reader import RunReader
from gaitpi.runs.rows import RUNNING, Anchor, SecondRow, StepRow
from gaitpi.runs.schema import SUFFIX
from gaitpi.runs.view import opened

WINDOW_S: Final = 30.0
SCATTER_MAX: Final = 0.05
"""Stride scatter above this share of the stride is no steady running (1 to 3 % is usual)."""
LOOK_BACK: Final = 20
"""The newest runs that are read whole."""
CLOCK_STEP_S: Final = 60.0
"""A wall clock that moved by more than this during a run was set in it, s."""

ORIGINS: Final = {GIVEN_MOUNT: "the given mount", OWN_STANDING: "your own standing"}
"""Origins that are the same in the next run, in words."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What one run says about its runner.

    ``ended_s`` wall time of its last clock anchor (seconds since 1970); ``clock_step_s`` how far
    the wall clock moved during the run; ``windows`` steady running if it listened for cadence;
    ``leans`` median lean (deg) by origin if it listened for lean and knew it long enough.
    """

    run_id: str
    started: datetime
    ended_s: float
    clock_step_s: float
    running_s: float
    session: str
    segment: str
    mount: str
    listened: bool
    windows: tuple[Window, ...]
    leans: Mapping[int, float]

    @property
    def steady_s(self) -> float:
        """Steady running, s."""
        return sum(w.length_s for w in self.windows)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Runs, newest first, and the files that could not be read.

    ``others`` are runs of the other kind: simulated ones among real ones, or the reverse.
    """

    runs: tuple[Heard, ...]
    unreadable: tuple[str, ...] = ()
    others: int = 0

    def cadence_runs(self, session: str) -> list[Heard]:
        """The newest ``LISTEN_RUNS`` listening runs of that session type with steady running."""
        return [r for r in self.runs if r.session == session and r.windows][:LISTEN_RUNS]

    def own(self, session: str) -> Own | None:
        """The runner's own cadence in that session type; None while not known."""
        return own_cadence([w for r in self.cadence_runs(session) for w in r.windows])

    def lean_runs(self, origin: int, segment: str, mount: str) -> list[Heard]:
        """The newest ``LEAN_RUNS`` runs that listened for lean, worn and measured alike."""
        worn = (segment, mount)
        fitting = [r for r in self.runs if origin in r.leans and (r.segment, r.mount) == worn]
        return fitting[:LEAN_RUNS]

    def usual(self, origin: int, segment: str, mount: str) -> Usual | None:
        """The usual lean of that origin; None with too few runs."""
        return usual_lean([r.leans[origin] for r in self.lean_runs(origin, segment, mount)])

    def last_ran_s(self) -> float:
        """Wall time of the last run with ``LISTEN_S`` of running in it, -inf without one."""
        return max((r.ended_s for r in self.runs if r.running_s >= LISTEN_S), default=-math.inf)


def listen(directory: Path, session: str = "", *, simulated: bool = False) -> Evidence:
    """The runs of a folder, real ones or simulated ones; a damaged one is named, not fatal.

    Of all is read when they were; of the newest also what they show, until there is enough for
    ``session`` and for a usual lean, at most of ``LOOK_BACK``.
    """
    runs: list[tuple[Heard, Path]] = []
    unreadable: list[str] = []
    others = 0
    for path in sorted(directory.glob(f"*{SUFFIX}")):
        try:
            with opened(path) as run:
                if run.virtual == simulated:
                    runs.append((hear(run, deeply=False), path))
                else:
                    others += 1
        except RunFileError:
            unreadable.append(path.name.removesuffix(SUFFIX))
    runs.sort(key=lambda r: (r[0].started.timestamp(), r[0].run_id), reverse=True)
    heard = [run for run, _ in runs]
    for k, (_, path) in enumerate(runs[:LOOK_BACK]):
        try:
            with opened(path) as run:
                heard[k] = hear(run)
        except RunFileError:
            unreadable.append(path.name.removesuffix(SUFFIX))
        if _enough(heard, session):
            break
    return Evidence(tuple(heard), tuple(unreadable), others)


def _enough(runs: Sequence[Heard], session: str) -> bool:
    """Whether older runs would be left out anyway."""
    worn = Counter((origin, r.segment, r.mount) for r in runs for origin in r.leans)
    cadence = sum(r.session == session and bool(r.windows) for r in runs)
    return cadence >= LISTEN_RUNS and max(worn.values(), default=0) >= LEAN_RUNS


def hear(run: RunReader, *, deeply: bool = True) -> Heard:
    """What ``run`` shows, without windows and leans unless ``deeply``.

    Raises RunFileError when its tables are damaged.
    """
    coach = _section(run.config, "coach")
    anchors = run.anchors()
    totals = run.totals()
    no_target = coach.get("target_spm") is None
    no_lean = coach.get("focus") != "lean" or coach.get("usual_lean_deg") is None
    found = _steady(run.whole.seconds()) if deeply and (no_target or no_lean) else {}
    steady = {k: second for k, second in found.items() if run.keeps(second.time_s)}
    return Heard(
        run_id=run.run_id,
        started=run.started,
        ended_s=_wall_end(anchors, run.whole.end_s),
        clock_step_s=_clock_step(anchors),
        running_s=totals.running_s,
        session=str(coach.get("session") or ""),
        segment=run.segment,
        mount=str(_section(run.config, "mount").get("axes") or ""),
        listened=no_target,
        windows=tuple(_windows(run.steps(), steady)) if steady and no_target else (),
        leans=_leans(steady) if no_lean else {},
    )


def _section(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = config.get(name)
    return section if isinstance(section, Mapping) else {}


def _wall_end(anchors: Sequence[Anchor], duration_s: float) -> float:
    """Wall time of the end of a run, by the last anchor: the best informed one."""
    last = anchors[-1]
    return last.wall_s + max(0.0, anchors[0].mono_s + duration_s - last.mono_s)


def _clock_step(anchors: Sequence[Anchor]) -> float:
    """How far the wall clock moved against the monotonic one, s."""
    offsets = [a.wall_s - a.mono_s for a in anchors]
    return max(offsets) - min(offsets)


def _steady(seconds: Sequence[SecondRow]) -> dict[int, SecondRow]:
    """Seconds of running that count, by their number."""
    steady = Steady()
    return {
        int(row.time_s): row
        for row in seconds
        if steady.takes(row.time_s, row.activity, row.gap_s, row.clipped)
    }


def _windows(steps: Sequence[StepRow], steady: Mapping[int, SecondRow]) -> Iterator[Window]:
    """Windows of all unbroken stretches of steady steps."""
    stretch: list[StepRow] = []
    for step in [*steps, None]:
        good = step is not None and _counts(step, steady)
        if step is not None and good and (not stretch or _follows(step, stretch[-1])):
            stretch.append(step)
            continue
        # both feet together: a difference between left and right is no scatter
        strides = [
            (a.ic_s, a.step_s + b.step_s) for a, b in zip(stretch[::2], stretch[1::2], strict=False)
        ]
        yield from windows_of(strides, window_s=WINDOW_S, scatter_max=SCATTER_MAX)
        stretch = [step] if step is not None and good else []


def _follows(step: StepRow, before: StepRow) -> bool:
    return abs(before.ic_s + before.step_s - step.ic_s) < STEP_APART_S


def _counts(step: StepRow, steady: Mapping[int, SecondRow]) -> bool:
    """Whether a step is a running step in a steady second."""
    running = step.activity == RUNNING and STEP_MIN_S <= step.step_s <= STEP_MAX_S
    return running and math.isfinite(step.ic_s) and int(step.ic_s) in steady


def _leans(steady: Mapping[int, SecondRow]) -> dict[int, float]:
    """Median lean by origin, where it is known for ``LISTEN_S``."""
    found = {}
    for origin in ORIGINS:
        known = [
            s.lean_deg
            for s in steady.values()
            if s.lean_from == origin and math.isfinite(s.lean_deg) and s.belt not in BELT_BAD
        ]
        if len(known) >= LISTEN_S:
            found[origin] = median(known)
    return found
