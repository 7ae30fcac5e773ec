"""From samples to cues: estimator and coach joined, the same for live and replay.

The coach is asked on a grid of sample time, ten times a second, so what it decides depends on
the samples and their times only: not on how they were cut into batches, nor on the machine.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gaitpi.coach.policy import Coach, Status
from gaitpi.coach.types import Cue, Moment, StepTaken, Withheld
from gaitpi.config import Config
from gaitpi.gait import RUNNING, GaitEstimator, Mount, Trace
from gaitpi.runs.rows import SecondRow
from gaitpi.units import DEG_PER_RAD, G0

Floats = NDArray[np.float64]

MOMENTS_HZ = 10
STRIDE_STALE_S = 1.5
RATE_SAMPLES = 21
CLIP = 0.999
ACC_RANGE = 16 * G0
GYR_RANGE = 2000 / DEG_PER_RAD


def design_rate(times: Floats) -> float:
    """Rate (Hz) the estimator is made for, from the first sample times (n,) in s.

    Rounded to 0.5 Hz, so that the same run gives the same estimator whether its times come
    from the sensor, from the run file or from a CSV: of the first intervals only, which lie on
    one piece of the sample clock. Raises ValueError with under two samples.
    """
    if len(times) < 2:
        raise ValueError("two samples are needed to know their rate")
    return float(round(2.0 / float(np.median(np.diff(times[:RATE_SAMPLES]))))) / 2.0


@dataclass(frozen=True, slots=True)
class Output:
    """What one block led to: estimates, coach's decisions in order, and finished seconds."""

    trace: Trace
    decisions: list[Cue | Withheld]
    seconds: list[SecondRow]


class Pipeline:
    """Estimator and coach of one run.

    ``rate_hz`` as from :func:`design_rate`; ``has_gyro`` False for accelerometer only;
    ``day_second`` local seconds of the day at run time 0, None = unknown.
    """

    def __init__(
        self, config: Config, rate_hz: float, *, has_gyro: bool, day_second: float | None = None
    ) -> None:
        mount = Mount.from_axes(config.mount.axes) if config.mount.axes else None
        self.estimator = GaitEstimator(rate_hz, mount)
        self.coach = Coach(config.coach, day_second=day_second)
        self.has_gyro = has_gyro
        self._spacing = 1.0 / rate_hz
        self._gap = max(self.estimator.params.gap_s, 2.5 * self._spacing)
        self._last_s = np.nan
        self._moment: int | None = None
        self._second: int | None = None
        self._pending_gap = 0.0
        self._pending_clip = 0
        self._leans: tuple[float, float] = (np.nan, np.nan)
        self._lean_s = -np.inf
        self._rows = _Second()

    @property
    def status(self) -> Status:
        """What the coach thinks now."""
        return self.coach.status()

    def update(self, acc: Floats, gyr: Floats, time_s: Floats) -> Output:
        """Take the next samples: acc (n, 3) m/s², gyr (n, 3) rad/s, time_s (n,) run time in s."""
        trace = self.estimator.update(acc, gyr if self.has_gyro else None, time_s)
        n = len(time_s)
        if n == 0:
            return Output(trace, [], [])
        clipped: NDArray[np.bool_] = np.any(np.abs(acc) >= CLIP * ACC_RANGE, axis=1)
        if self.has_gyro:
            clipped = clipped | np.any(np.abs(gyr) >= CLIP * GYR_RANGE, axis=1)
        before = np.concatenate([[self._last_s], time_s[:-1]])
        gaps = time_s - before
        gaps = np.where(gaps > self._gap, gaps - self._spacing, 0.0)
        gaps[np.isnan(before)] = 0.0
        self._last_s = float(time_s[-1])

        ticks = np.floor(time_s * MOMENTS_HZ).astype(np.int64)
        first = int(ticks[0]) - 1 if self._moment is None else self._moment
        at = np.flatnonzero(np.diff(ticks, prepend=first) > 0)
        self._moment = int(ticks[-1])
        decisions: list[Cue | Withheld] = []
        done = start = 0
        for i in map(int, at):
            done = self._steps(trace, done, float(time_s[i]))
            self._pending_gap += float(gaps[start : i + 1].sum())
            self._pending_clip += int(clipped[start : i + 1].sum())
            start = i + 1
            decisions += self.coach.moment(self._moment_of(trace, i))
            self._pending_gap = 0.0
            self._pending_clip = 0
        self._steps(trace, done, np.inf)
        self._pending_gap += float(gaps[start:].sum())
        self._pending_clip += int(clipped[start:].sum())
        return Output(trace, decisions, self._seconds(trace, clipped, gaps))

    def finish(self) -> list[SecondRow]:
        """The last, unfinished second."""
        row = self._rows.row(self._second)
        return [row] if row is not None else []

    def _steps(self, trace: Trace, done: int, until_s: float) -> int:
        """Give the coach the steps known by ``until_s``; returns how many are done."""
        steps = trace.steps
        while done < len(steps) and steps["known_s"][done] <= until_s:
            s = steps[done]
            if s["known_s"] - self._lean_s > STRIDE_STALE_S:
                self._leans = (np.nan, np.nan)
            self._leans = (self._leans[1], float(s["lean_deg"]))
            self._lean_s = float(s["known_s"])
            self.coach.step(
                StepTaken(
                    known_s=float(s["known_s"]),
                    ic_s=float(s["ic_s"]),
                    step_s=float(s["step_s"]),
                    running=bool(s["activity"] == RUNNING),
                )
            )
            done += 1
        return done

    def _moment_of(self, trace: Trace, i: int) -> Moment:
        t = float(trace.time_s[i])
        known = trace.lean_from[i] > 0
        if known and t - self._lean_s <= STRIDE_STALE_S:
            # both feet: the beat of the single step does not show
            lean = 0.5 * (self._leans[0] + self._leans[1])
        else:
            lean = np.nan
        return Moment(
            time_s=t,
            activity=int(trace.activity[i]),
            cadence_spm=float(trace.cadence_spm[i]),
            lean_deg=lean,
            yaw_rate_dps=float(trace.yaw_rate[i]) * DEG_PER_RAD,
            gap_s=self._pending_gap,
            clipped=self._pending_clip,
        )

    def _seconds(self, trace: Trace, clipped: NDArray[np.bool_], gaps: Floats) -> list[SecondRow]:
        rows = []
        seconds = np.floor(trace.time_s).astype(np.int64)
        cuts = [0, *(np.flatnonzero(np.diff(seconds)) + 1), len(seconds)]
        for a, b in pairwise(cuts):
            now = int(seconds[a])
            if self._second is not None and now != self._second:
                row = self._rows.row(self._second)
                if row is not None:
                    rows.append(row)
                self._rows = _Second()
            self._second = now
            self._rows.add(trace, a, b, clipped, gaps)
        return rows


class _Second:
    """Sums of one second of run time."""

    def __init__(self) -> None:
        self.samples = 0
        self.clipped = 0
        self.gap_s = 0.0
        self.activity = np.zeros(4, np.int64)
        self.sums = np.zeros(3)
        self.counts = np.zeros(3, np.int64)
        self.lean_from = 0

    def add(self, trace: Trace, a: int, b: int, clipped: NDArray[np.bool_], gaps: Floats) -> None:
        """Add samples a..b of a block."""
        self.samples += b - a
        self.clipped += int(clipped[a:b].sum())
        self.gap_s += float(gaps[a:b].sum())
        self.activity += np.bincount(trace.activity[a:b], minlength=4)[:4]
        for k, name in enumerate(("cadence_spm", "lean_deg", "side_lean_deg")):
            part = getattr(trace, name)[a:b]
            ok = np.isfinite(part)
            self.sums[k] += part[ok].sum()
            self.counts[k] += ok.sum()
        self.lean_from = int(trace.lean_from[b - 1])

    def row(self, second: int | None) -> SecondRow | None:
        """The finished row; None when there were no samples."""
        if not self.samples or second is None:
            return None
        mean = [
            float(s / n) if n else float("nan") for s, n in zip(self.sums, self.counts, strict=True)
        ]
        return SecondRow(
            time_s=float(second),
            activity=int(np.argmax(self.activity)),
            cadence_spm=mean[0],
            lean_deg=mean[1],
            side_lean_deg=mean[2],
            samples=self.samples,
            clipped=self.clipped,
            gap_s=self.gap_s,
            lean_from=self.lean_from,
        )
