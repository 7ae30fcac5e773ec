"""From samples to cues: estimator and coach joined, the same for live and replay.

The coach is asked on a grid of sample time, ten times a second, so what it decides depends on
the samples and their times only: not on how they were cut into batches, nor on the machine.
"""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gaitpi.coach.pace import Speed
from gaitpi.coach.policy import Coach, Status
from gaitpi.coach.slope import SlopeEstimator
from gaitpi.coach.types import Beats, Cue, Moment, StepTaken, Withheld
from gaitpi.coach.usual import comparable
from gaitpi.config import Config
from gaitpi.device.belt import BeltCheck
from gaitpi.device.correction import Correction, corrected
from gaitpi.gait import RUNNING, GaitEstimator, GaitParams, Mount, Start, Trace
from gaitpi.runs.rows import HeartRow, PodRow, SecondRow
from gaitpi.units import DEG_PER_RAD, G0

Floats = NDArray[np.float64]

MOMENTS_HZ = 10
NOT_TOLD = (math.nan, math.nan)
"""Grade and its uncertainty where nobody runs."""
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
    """What one block led to: estimates, coach's decisions in order, and finished seconds.

    ``beats`` is what was said to the metronome, in order; before the decisions of its moment.
    """

    trace: Trace
    decisions: list[Cue | Withheld]
    seconds: list[SecondRow]
    beats: list[Beats] = field(default_factory=list)


class Pipeline:
    """Estimator and coach of one run.

    ``rate_hz`` as from :func:`design_rate`; ``has_gyro`` False for accelerometer only;
    ``day_second`` local seconds of the day at run time 0, None = unknown; ``start`` what is known
    of the sensor at run time 0; ``correction`` of the accelerometer, None = as it reads; ``coach``
    the policy; ``params`` of the estimator, None = the usual ones.
    """

    def __init__(
        self,
        config: Config,
        rate_hz: float,
        *,
        has_gyro: bool,
        day_second: float | None = None,
        start: Start | None = None,
        correction: Correction | None = None,
        coach: type[Coach] = Coach,
        params: GaitParams | None = None,
    ) -> None:
        self._correction = correction
        mount = Mount.from_axes(config.mount.axes) if config.mount.axes else None
        self.estimator = GaitEstimator(rate_hz, mount, params, start)
        self.coach = coach(config.coach, day_second=day_second)
        self.slope = SlopeEstimator(use_lean=config.coach.focus != "lean")
        self._belt = BeltCheck(rate_hz, mount)
        self._lean_from = config.coach.usual_lean_from
        self.has_gyro = has_gyro
        self._spacing = 1.0 / rate_hz
        self._gap = max(self.estimator.params.gap_s, 2.5 * self._spacing)
        self._last_s = np.nan
        self._moment: int | None = None
        self._pending_gap = 0.0
        self._pending_clip = 0
        self._leans: tuple[float, float] = (np.nan, np.nan)
        self._lean_s = -np.inf
        self._lean_deg = np.nan
        self._seconds = _Seconds()
        self._moment_s = -1.0
        self._mutes: list[tuple[float, float]] = []
        self._pods: deque[PodRow] = deque()
        self._speed = Speed()
        self._kept: list[tuple[float, float, float, float]] = []
        self._beats: list[Beats] = []

    @property
    def moment_s(self) -> float:
        """Run time of the last moment given to the coach, s; -1 before the first."""
        return self._moment_s

    @property
    def lean_deg(self) -> float:
        """Lean over both feet as the coach was last told it, deg; NaN while unknown."""
        return self._lean_deg

    def mute(self, from_s: float, until_s: float) -> None:
        """Have the coach be quiet from the first moment after ``from_s``, as :meth:`Coach.mute`.

        Live ``from_s`` is :attr:`moment_s`; a replay gives the same number from the run file, and
        so gets the same decisions. Calls come in the order of ``from_s``.
        """
        self._mutes.append((from_s, until_s))

    def reading(self, row: HeartRow | PodRow) -> None:
        """Take a strap's or a pod's measurement; it counts from the first moment after ``known_s``.

        Live ``known_s`` is :attr:`moment_s`, as of :meth:`mute`. Heart rate decides nothing.
        """
        if isinstance(row, PodRow):
            self._pods.append(row)

    @property
    def status(self) -> Status:
        """What the coach thinks now."""
        return self.coach.status()

    def update(self, acc: Floats, gyr: Floats, time_s: Floats) -> Output:
        """Take the next samples: acc (n, 3) m/s², gyr (n, 3) rad/s, time_s (n,) run time in s.

        ``acc`` as read: where a range ends is a matter of the sensor; then it is corrected.
        """
        clipped = self._clipped(acc, gyr) if len(time_s) else np.zeros(0, np.intp)
        acc = corrected(acc, self._correction)
        trace = self.estimator.update(acc, gyr if self.has_gyro else None, time_s)
        if len(time_s) == 0:
            return Output(trace, [], [])
        gaps = self._gaps(time_s)
        self._beats = []
        self._belt.update(acc, trace)
        decisions = self._decide(trace, clipped, gaps)
        rows = self._seconds.add(trace, clipped, gaps)
        return Output(trace, decisions, [self._told(row) for row in rows], self._beats)

    def finish(self) -> list[SecondRow]:
        """The last, unfinished second."""
        return [self._told(row) for row in self._seconds.finish()]

    def _told(self, row: SecondRow) -> SecondRow:
        """The second with what was told in it of slope, belt and target; seconds come in order."""
        belt = self._belt.of_second(row.time_s)
        grade, grade_sd = NOT_TOLD
        target_spm = math.nan
        while self._kept and self._kept[0][0] <= row.time_s:
            _, grade, grade_sd, target_spm = self._kept.pop(0)
        return row._replace(
            grade=grade,
            grade_sd=grade_sd,
            belt=belt.state,
            belt_value=belt.evidence,
            target_spm=target_spm,
        )

    def _clipped(self, acc: Floats, gyr: Floats) -> NDArray[np.intp]:
        """Numbers of the samples at the end of a range."""
        # the largest value is had at once; looking along the rows is slow and seldom needed
        none = np.zeros(0, np.intp)
        found = none
        if np.abs(acc).max() >= CLIP * ACC_RANGE:
            found = np.flatnonzero((np.abs(acc) >= CLIP * ACC_RANGE).any(axis=1))
        if self.has_gyro and np.abs(gyr).max() >= CLIP * GYR_RANGE:
            turned = np.flatnonzero((np.abs(gyr) >= CLIP * GYR_RANGE).any(axis=1))
            found = np.union1d(found, turned)
        return found

    def _gaps(self, time_s: Floats) -> list[tuple[int, float]]:
        """Samples (number) before which time (s) was lost, and how much."""
        waits = np.diff(time_s, prepend=self._last_s)
        self._last_s = float(time_s[-1])
        at = np.flatnonzero(waits > self._gap)
        return [(int(i), float(waits[i]) - self._spacing) for i in at]

    def _decide(
        self, trace: Trace, clipped: NDArray[np.intp], gaps: list[tuple[int, float]]
    ) -> list[Cue | Withheld]:
        """Give the coach the steps and the moments of a block, in the order of time."""
        ticks = np.floor(trace.time_s * MOMENTS_HZ).astype(np.int64)
        first = int(ticks[0]) - 1 if self._moment is None else self._moment
        at = np.flatnonzero(np.diff(ticks, prepend=first) > 0)
        self._moment = int(ticks[-1])
        lost = [0.0] * (len(at) + 1)
        knocks = [0] * (len(at) + 1)
        lost[0], knocks[0] = self._pending_gap, self._pending_clip
        for i, gap_s in gaps:
            lost[int(np.searchsorted(at, i))] += gap_s
        for k in np.searchsorted(at, clipped):
            knocks[int(k)] += 1
        self._pending_gap, self._pending_clip = lost[-1], knocks[-1]

        steps = _Steps(trace.steps)
        # plain numbers, taken out of the arrays all at once
        moments = zip(
            trace.time_s[at].tolist(),
            trace.activity[at].tolist(),
            trace.cadence_spm[at].tolist(),
            self._lean_known(trace.lean_from[at]).tolist(),
            (trace.yaw_rate[at] * DEG_PER_RAD).tolist(),
            lost,
            knocks,
            trace.lean_sd_deg[at].tolist(),
            strict=False,
        )
        decisions: list[Cue | Withheld] = []
        for t, activity, cadence_spm, lean_known, yaw_dps, gap_s, clip, lean_sd in moments:
            self._steps(steps, t)
            lean_deg = self._lean_deg = self._lean(t, lean_known)
            self._moment_s = t
            while self._mutes and self._mutes[0][0] < t:
                self.coach.mute(*self._mutes.pop(0))
            while self._pods and self._pods[0].known_s < t:
                pod = self._pods.popleft()
                self._speed.add(pod.time_s, pod.speed_ms)
            grade, grade_sd = self._slope(activity)
            belt = self._belt.at(t)
            decisions += self.coach.moment(
                Moment(
                    *(t, activity, cadence_spm, lean_deg, yaw_dps, gap_s, clip, lean_sd),
                    *(grade, grade_sd, belt.state, belt.evidence, self._speed.at(t)),
                )
            )
            self._beats += self.coach.beats
            self._keep_second(t, grade, grade_sd)
        self._steps(steps, np.inf)
        return decisions

    def _slope(self, activity: int) -> tuple[float, float]:
        """Grade and its uncertainty, told of running only."""
        if activity != RUNNING:
            return NOT_TOLD
        self.slope.judge(self.coach.onset_s)
        return self.slope.grade, self.slope.grade_sd

    def _keep_second(self, t: float, grade: float, grade_sd: float) -> None:
        """Keep for the second of ``t`` what was told in it of the slope, and the target."""
        told = (float(math.floor(t)), grade, grade_sd, self.coach.target_spm)
        if self._kept and self._kept[-1][0] == told[0]:
            self._kept[-1] = told
        else:
            self._kept.append(told)

    def _lean_known(self, lean_from: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where lean is measured from what the usual lean was measured from."""
        alike = [comparable(origin, self._lean_from) for origin in range(4)]
        return np.array(alike)[lean_from]

    def _steps(self, steps: "_Steps", until_s: float) -> None:
        """Give the coach the steps known by ``until_s``."""
        for step, lean_deg, contact_s, impact_ms2 in steps.until(until_s):
            if step.running:
                self.slope.step(step.known_s, step.step_s, contact_s, impact_ms2, lean_deg)
            if step.known_s - self._lean_s > STRIDE_STALE_S:
                self._leans = (np.nan, np.nan)
            self._leans = (self._leans[1], lean_deg)
            self._lean_s = step.known_s
            self.coach.step(step)

    def _lean(self, t: float, known: bool) -> float:
        """Lean (deg) at ``t`` over both feet, so that the beat of the single step does not show."""
        if known and t - self._lean_s <= STRIDE_STALE_S:
            return 0.5 * (self._leans[0] + self._leans[1])
        return np.nan


class _Steps:
    """The steps of a block, in order, each given once."""

    def __init__(self, steps: NDArray[Any]) -> None:
        names = (
            *("known_s", "ic_s", "step_s", "activity", "lean_deg"),
            *("contact_s", "impact_ms2"),
        )
        self._rows = list(zip(*(steps[name].tolist() for name in names), strict=True))
        self._done = 0

    def until(self, until_s: float) -> Iterator[tuple[StepTaken, float, float, float]]:
        """The next ones known by ``until_s``, each with lean (deg), contact (s), impact (m/s²)."""
        while self._done < len(self._rows) and self._rows[self._done][0] <= until_s:
            known_s, ic_s, step_s, activity, lean_deg, contact_s, impact = self._rows[self._done]
            self._done += 1
            step = StepTaken(known_s, ic_s, step_s, activity == RUNNING)
            yield step, lean_deg, contact_s, impact


class _Seconds:
    """Sums of every second of run time; a second is finished when a sample of another comes.

    Sums run sample by sample from the first of a second on, whichever block it came in, so they
    have the same bits however the samples were cut.
    """

    MEANS = (
        *("cadence_spm", "lean_deg", "side_lean_deg", "cadence_sd_spm", "lean_sd_deg"),
        "yaw_rate",
    )

    def __init__(self) -> None:
        self._second: int | None = None
        self._open = _Sums(1)
        self._lean_from = 0

    def add(
        self, trace: Trace, clipped: NDArray[np.intp], gaps: list[tuple[int, float]]
    ) -> list[SecondRow]:
        """Take a block in; returns the seconds finished by it."""
        seconds = np.floor(trace.time_s).astype(np.int64)
        starts = np.concatenate([[0], np.flatnonzero(np.diff(seconds)) + 1])
        rows = [] if int(seconds[0]) == self._second else self.finish()
        place = np.zeros(len(seconds), np.intp)
        place[starts[1:]] = 1
        place = np.cumsum(place)
        sums = _Sums(len(starts), self._open)
        sums.add(trace, place, clipped, gaps)
        lean_from = trace.lean_from[[*(starts[1:] - 1), -1]].tolist()
        names = seconds[starts].tolist()
        rows += [sums.row(k, float(names[k]), lean_from[k]) for k in range(len(starts) - 1)]
        self._second, self._open, self._lean_from = names[-1], sums.last(), lean_from[-1]
        return rows

    def finish(self) -> list[SecondRow]:
        """The unfinished second, if there is one; the next begins anew."""
        if self._second is None:
            return []
        row = self._open.row(0, float(self._second), self._lean_from)
        self._second, self._open = None, _Sums(1)
        return [row]


class _Sums:
    """Sums of k seconds; the first goes on from the only one of ``before``."""

    def __init__(self, k: int, before: "_Sums | None" = None) -> None:
        self.samples = np.zeros((k, 4), np.int64)
        """By activity."""
        self.clipped = np.zeros(k, np.int64)
        self.gap_s = np.zeros(k)
        self.sums = np.zeros((k, len(_Seconds.MEANS)))
        self.counts = np.zeros((k, len(_Seconds.MEANS)), np.int64)
        if before is not None:
            for name, values in vars(before).items():
                getattr(self, name)[0] = values[0]

    def add(
        self,
        trace: Trace,
        place: NDArray[np.intp],
        clipped: NDArray[np.intp],
        gaps: list[tuple[int, float]],
    ) -> None:
        """Add a block whose samples belong to the seconds ``place`` (n,)."""
        k = len(self.clipped)
        self.samples += np.bincount(4 * place + trace.activity, minlength=4 * k).reshape(k, 4)
        if len(clipped):
            self.clipped += np.bincount(place[clipped], minlength=k)
        for i, gap_s in gaps:
            self.gap_s[place[i]] += gap_s
        for j, name in enumerate(_Seconds.MEANS):
            values = getattr(trace, name)
            known = np.isfinite(values)
            at = place[known]
            self.counts[:, j] += np.bincount(at, minlength=k)
            # bincount adds in order: the sum so far goes first
            self.sums[:, j] = np.bincount(
                np.concatenate([[0], at]),
                np.concatenate([self.sums[:1, j], values[known]]),
                minlength=k,
            )

    def last(self) -> "_Sums":
        """The last second by itself."""
        out = _Sums(1)
        for name, values in vars(self).items():
            getattr(out, name)[0] = values[-1]
        return out

    def row(self, k: int, second: float, lean_from: int) -> SecondRow:
        """Second number k as a row."""
        activities = self.samples[k].tolist()
        means = [
            s / n if n else math.nan
            for s, n in zip(self.sums[k].tolist(), self.counts[k].tolist(), strict=True)
        ]
        return SecondRow(
            time_s=second,
            activity=activities.index(max(activities)),
            cadence_spm=means[0],
            lean_deg=means[1],
            side_lean_deg=means[2],
            samples=sum(activities),
            clipped=int(self.clipped[k]),
            gap_s=float(self.gap_s[k]),
            lean_from=lean_from,
            cadence_sd_spm=means[3],
            lean_sd_deg=means[4],
            grade=math.nan,
            grade_sd=math.nan,
            yaw_dps=means[5] * DEG_PER_RAD,
            belt=0,
            belt_value=math.nan,
            target_spm=math.nan,
        )
