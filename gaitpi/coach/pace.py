"""A cadence target that follows the speed of a foot pod along the runner's own line.

Pure: no clock, no files. Self-chosen cadence rises with speed, by about 12 steps/min per m/s in a
group of novices (van Oeveren 2017, PLoS ONE 12:e0184273), so that a fixed target nags on easy days
and asks for nothing on quick ones. Runners differ in that slope too much for a group's to stand in:
there is only the runner's own, of runs that listened with a foot pod, or the target is fixed.

The raise that was accepted stays the same share of what the runner would do by himself at that
speed. What bounds it: no more than ``most_spm`` (the cap of 10 % above the own cadence, and what is
prescribed), no farther than ``SHIFT_MAX`` from the accepted target, and beyond the speeds of the
line nothing is continued. Without a fresh speed, and with one that does not fit the belt's steps,
the accepted target is the one in force.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Final, NamedTuple

STALE_S: Final = 5.0
"""A speed older than this is none (``gaitpi.ble.readings.STALE_S``), s."""
MEAN_S: Final = 10.0
"""The speed that is followed is the mean of so long: a pod's wanders from second to second, s."""
LEAST_READINGS: Final = 4
"""Fewer of them in ``MEAN_S`` are no speed."""
STEP_SPM: Final = 2.0
"""The target moves only when it would by so much, so that it does not wander, spm."""
SHIFT_MAX: Final = 0.08
"""The target goes no farther from the accepted one than this share of it."""
SPEED_MIN_MS: Final = 0.5
SPEED_MAX_MS: Final = 8.0
"""Speeds outside are not a runner's, m/s."""
STEP_MAX_M: Final = 2.0
"""Nor is a speed at which each step of the belt's count would be longer: the pod is wrong, m."""

LINE_RUNS: Final = 3
"""Runs that show a line."""
LINE_WINDOWS: Final = 20
"""Half-minutes of steady running in them."""
LINE_SPAN_MS: Final = 0.5
"""How far apart the slowest and the quickest tenth of them must be, m/s."""
LINE_SD: Final = 3.0
"""A slope less certain than this is not known, spm per m/s."""
SLOPE_MAX: Final = 40.0
"""A slope beyond, or one that falls, is no runner's line but a fault, spm per m/s."""


class Line(NamedTuple):
    """A runner's own cadence by speed: ``own_spm`` at ``at_ms``, ``slope`` spm per m/s.

    Known from ``low_ms`` to ``high_ms``; a target on it never goes above ``most_spm``.
    """

    slope: float
    at_ms: float
    low_ms: float
    high_ms: float
    own_spm: float
    most_spm: float

    def own(self, speed_ms: float) -> float:
        """The runner's own cadence at that speed, at the ends of the line beyond them, spm."""
        return self.own_spm + self.slope * (self.nearest(speed_ms) - self.at_ms)

    def nearest(self, speed_ms: float) -> float:
        """The nearest speed at which the line is known, m/s."""
        return min(max(speed_ms, self.low_ms), self.high_ms)


def target_at(line: Line, accepted_spm: float, speed_ms: float) -> float:
    """The target at that speed, spm; the accepted one where the speed is NaN."""
    if not math.isfinite(speed_ms):
        return accepted_spm
    shifted = accepted_spm * line.own(speed_ms) / line.own_spm
    most = max(accepted_spm, min(line.most_spm, accepted_spm * (1.0 + SHIFT_MAX)))
    return min(max(shifted, accepted_spm * (1.0 - SHIFT_MAX)), most)


def fastest(cadence_spm: float) -> float:
    """The fastest that is believed of a runner with so many steps, m/s; NaN without a cadence."""
    return STEP_MAX_M * cadence_spm / 60.0


class Speed:
    """The speed by a foot pod, smoothed; fed in the order of time, causal."""

    def __init__(self) -> None:
        self._readings: deque[tuple[float, float]] = deque()

    def add(self, time_s: float, speed_ms: float) -> None:
        """A reading of run time ``time_s``; one that is no runner's speed ends what was known."""
        if not SPEED_MIN_MS <= speed_ms <= SPEED_MAX_MS:
            self._readings.clear()
        elif not self._readings or time_s > self._readings[-1][0]:
            self._readings.append((time_s, speed_ms))

    def at(self, time_s: float) -> float:
        """The mean of the last ``MEAN_S`` before ``time_s``, m/s; NaN without a fresh speed."""
        readings = self._readings
        while readings and readings[0][0] <= time_s - MEAN_S:
            readings.popleft()
        if len(readings) < LEAST_READINGS or not readings[-1][0] >= time_s - STALE_S:
            return math.nan
        return fmean(speed for _, speed in readings)


class Point(NamedTuple):
    """Half a minute of steady running in one of the runs: speed m/s, cadence and its sd, spm."""

    run: str
    speed_ms: float
    cadence_spm: float


@dataclass(frozen=True, slots=True)
class Fit:
    """A line of the runner's own, with what it rests on.

    ``slope_sd`` its standard uncertainty, spm per m/s; ``scatter_spm`` of the half-minutes about
    it. Runs may differ as a whole (shoes, a pod worn otherwise), so the slope is that within runs.
    """

    slope: float
    slope_sd: float
    at_ms: float
    own_spm: float
    low_ms: float
    high_ms: float
    scatter_spm: float
    runs: tuple[str, ...]
    windows: int


def fit(points: Sequence[Point]) -> Fit | str:
    """The line through the half-minutes of several runs, or in words what is missing for one.

    Least squares with a mean of its own for each run: the slope of within-run differences (a fixed-
    effects regression). The uncertainty is scaled up by how much neighbours hang together: of runs,
    each counts once in the residuals' degrees of freedom.
    """
    runs = tuple(dict.fromkeys(p.run for p in points))
    if len(runs) < LINE_RUNS:
        return f"{len(runs)} of {LINE_RUNS} runs without a target have a foot pod's speed"
    if len(points) < LINE_WINDOWS:
        return f"{len(points)} of {LINE_WINDOWS} steady half-minutes with a foot pod's speed"
    speeds = sorted(p.speed_ms for p in points)
    tenth = len(speeds) // 10
    low, high = speeds[tenth], speeds[-1 - tenth]
    if high - low < LINE_SPAN_MS:
        return (
            f"all at one speed: {low:.1f} to {high:.1f} m/s, {LINE_SPAN_MS:g} m/s apart are needed"
        )
    within = [_centred([p for p in points if p.run == run]) for run in runs]
    pairs = [pair for run in within for pair in run]
    xx = sum(x * x for x, _ in pairs)
    if xx <= 0.0:
        return "each run is at one speed: runs with easy and quick parts are needed"
    slope = sum(x * y for x, y in pairs) / xx
    freedom = len(pairs) - len(runs) - 1
    residuals = [[y - slope * x for x, y in run] for run in within]
    scatter = math.sqrt(sum(r * r for run in residuals for r in run) / freedom)
    # neighbours are alike: each run is one look at the slope (a cluster-robust variance)
    scores = [
        sum(x * r for (x, _), r in zip(run, rest, strict=True))
        for run, rest in zip(within, residuals, strict=True)
    ]
    count = len(runs)
    robust = math.sqrt(sum(score * score for score in scores) * count / (count - 1)) / xx
    slope_sd = max(robust, scatter / math.sqrt(xx))
    if slope_sd > LINE_SD:
        return f"the slope is known to {slope_sd:.1f} spm per m/s only, {LINE_SD:g} are needed"
    if not 0.0 <= slope <= SLOPE_MAX:
        return f"a slope of {slope:.1f} spm per m/s is no runner's: is the pod calibrated?"
    at_ms = fmean(p.speed_ms for p in points)
    own_spm = fmean(p.cadence_spm for p in points)
    return Fit(slope, slope_sd, at_ms, own_spm, low, high, scatter, runs, len(points))


def _centred(points: Sequence[Point]) -> list[tuple[float, float]]:
    """Speeds and cadences of one run about their means."""
    x = fmean(p.speed_ms for p in points)
    y = fmean(p.cadence_spm for p in points)
    return [(p.speed_ms - x, p.cadence_spm - y) for p in points]
