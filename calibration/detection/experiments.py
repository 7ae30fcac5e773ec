"""The experiments: numbers in, numbers out; :mod:`calibration.detection.cli` prints them."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from calibration.detection.rules import RULES, Rule
from calibration.detection.runners import (
    MEASURED,
    RUNNING,
    WALKING,
    Course,
    Floats,
    Runner,
    StrideNoise,
    autocovariance,
    strides,
    upright,
)
from gaitpi.coach import detect
from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, StepTaken
from gaitpi.config import CoachConfig

TARGET_SPM: Final = 172.0
STRIDE_S: Final = 120.0 / TARGET_SPM
USUAL_LEAN_DEG: Final = 8.0
WARM_S: Final = 180.0
"""No cue in the first three minutes: they are no time in which a cue could be wrong."""
DROP_S: Final = 240.0
WATCH_S: Final = 120.0
"""A drop not cued in this time counts as missed."""
EPISODE_S: Final = 60.0
"""Alarms nearer than this are one: no cue comes oftener."""
EDGE: Final = 1.0 / (1.0 - CoachConfig().band_low) - 1.0
"""Lower edge of the cadence band, as lengthening of the stride."""


def cues(config: CoachConfig, runner: Runner, duration_s: float) -> list[Cue]:
    """What the coach says to a runner."""
    coach, out = Coach(config), []
    for event in runner.events(duration_s):
        if isinstance(event, StepTaken):
            coach.step(event)
        else:
            out += [c for c in coach.moment(event) if isinstance(c, Cue)]
    return out


def change(before: float, after: float, at_s: float = DROP_S) -> Course:
    """A mean that changes at once."""
    return lambda t: before if t < at_s else after


CADENCE: Final = CoachConfig(target_spm=TARGET_SPM)
LEAN: Final = CoachConfig(focus="lean", usual_lean_deg=USUAL_LEAN_DEG)


@dataclass(frozen=True, slots=True)
class Held:
    """Corrections of the coach in ``hours`` in which it might have spoken."""

    hours: float
    cues: int

    @property
    def per_hour(self) -> float:
        """Corrections an hour."""
        return self.cues / self.hours


def held(
    seeds: int,
    hours: float,
    *,
    below: float = 0.0,
    noise: StrideNoise = MEASURED,
    config: CoachConfig = CADENCE,
    missed: float = 0.0,
) -> Held:
    """``hours`` over ``seeds`` runs, warm-up apart, held at target x (1 - below)."""
    each = 3600.0 * hours / seeds + WARM_S
    spm = TARGET_SPM * (1.0 - below)
    said = 0
    for seed in range(seeds):
        runner = Runner(lambda _t: spm, noise=noise, missed=missed, seed=seed)
        said += sum(c.cue != "back" for c in cues(config, runner, each))
    return Held(hours, said)


def delays(
    seeds: int,
    *,
    cadence: Course | None = None,
    lean: Course = upright,
    config: CoachConfig = CADENCE,
    noise: StrideNoise = MEASURED,
) -> Floats:
    """From a change at ``DROP_S`` to the cue, s, infinite when missed; (seeds,).

    Runs in which the coach had spoken within its floor before the change are no trial of it.
    """
    out = []
    for seed in range(seeds):
        runner = Runner(
            cadence or (lambda _t: TARGET_SPM), lean=lean, noise=noise, seed=10_000 + seed
        )
        times = [c.time_s for c in cues(config, runner, DROP_S + WATCH_S)]
        if any(DROP_S - 2 * EPISODE_S < t <= DROP_S for t in times):
            continue
        out.append(min((t - DROP_S for t in times if t > DROP_S), default=math.inf))
    return np.array(out)


# ------------------------------------------------------------- the test alone, stride by stride


def alarms(deviations: Iterable[float], hold_s: float) -> list[tuple[float, float]]:
    """When (s) and how sure :mod:`gaitpi.coach.detect` is that a runner is low, from 2.5 up."""
    noise = detect.CADENCE_SD
    values: list[float] = []
    noises: list[float] = []
    lasted: list[float] = []
    out, t = [], 0.0
    for deviation in deviations:
        clipped = detect.clipped(deviation, values[-2 * detect.BLOCK :], noise)
        values.append(clipped)
        noises.append(noise)
        lasted.append(STRIDE_S * (1.0 + clipped))
        t += lasted[-1]
        if len(values) > detect.STRIDES_MAX:
            del values[0], noises[0], lasted[0]
        noise = detect.update_noise(noise, values, detect.CADENCE_SD)
        found = detect.beyond(values, lasted, edge=EDGE, noises=noises, surety=2.5, hold_s=hold_s)
        if found is not None:
            out.append((t, found.surety))
    return out


def episodes(times: Iterable[float]) -> int:
    """Alarms a minute apart or more."""
    count, last = 0, -math.inf
    for t in times:
        if t - last >= EPISODE_S:
            count, last = count + 1, t
    return count


def thresholds(
    seeds: int,
    hours: float,
    sureties: tuple[float, ...],
    hold_s: float = CADENCE.hold_s,
    noise: StrideNoise = MEASURED,
) -> list[tuple[float, int]]:
    """(surety, alarms in ``seeds`` x ``hours`` hours at the target)."""
    counts = [0] * len(sureties)
    n = int(hours * 3600.0 / STRIDE_S)
    for seed in range(seeds):
        found = alarms(strides(noise, n, np.random.default_rng(seed)).tolist(), hold_s)
        for k, surety in enumerate(sureties):
            counts[k] += episodes(t for t, sure in found if sure >= surety)
    return list(zip(sureties, counts, strict=True))


# --------------------------------------------------------------------------- bound and windows


def information(noise: StrideNoise, n: int, past: int = 128) -> Floats:
    """Kullback-Leibler information (nats) of the first 1..n strides of a change of 1; (n,).

    A unit change of the mean of the strides, given the ``past`` ones before it.
    """
    cov = autocovariance(noise, past + n)
    lags = np.abs(np.arange(past + n)[:, None] - np.arange(past + n)[None, :])
    lower = np.linalg.cholesky(cov[lags])
    step = np.zeros(past + n)
    step[past:] = 1.0
    whitened = np.linalg.solve(lower, step)
    return np.asarray(0.5 * np.cumsum(whitened[past:] ** 2))


def bound_s(drop: float, false_alarm_h: float, noise: StrideNoise = MEASURED) -> float:
    """Least mean delay (s) of any test with that rate of false alarms; Lorden (1971), Lai (1998).

    The delay after which the information about the change reaches log(strides between false
    alarms). ``drop`` is the share of cadence lost. It is asymptotic: for the small changes and the
    high false-alarm rates of a coach a test can come out a little under it.
    """
    change_y = 1.0 / (1.0 - drop) - 1.0
    needed = math.log(false_alarm_h * 3600.0 / STRIDE_S)
    known = information(noise, 400) * change_y**2
    reached = np.flatnonzero(known >= needed)
    return math.inf if len(reached) == 0 else float(reached[0] + 1) * STRIDE_S * (1 + change_y)


def window_rule(n: int, false_alarm_h: float, hours: float, noise: StrideNoise = MEASURED) -> float:
    """Lengthening of the mean of n strides that chance exceeds once in ``false_alarm_h`` hours."""
    values = strides(noise, int(hours * 3600.0 / STRIDE_S), np.random.default_rng(7))
    means = _sliding(values, n)
    low, high = 0.0, float(means.max())
    for _ in range(30):
        middle = 0.5 * (low + high)
        count = episodes((np.flatnonzero(means > middle) * STRIDE_S).tolist())
        low, high = (middle, high) if count > hours / false_alarm_h else (low, middle)
    return high


def window_delays(n: int, threshold: float, drop: float, seeds: int) -> Floats:
    """Delays (s) of that rule after a drop of cadence, infinite when missed; (seeds,)."""
    change_y = 1.0 / (1.0 - drop) - 1.0
    before, after = n, int(WATCH_S / STRIDE_S)
    out = []
    for seed in range(seeds):
        values = strides(MEASURED, before + after, np.random.default_rng(seed))
        values[before:] += change_y * (1.0 + values[before:])
        over = np.flatnonzero(_sliding(values, n)[1:] > threshold)
        lasted = float(over[0] + 1) * STRIDE_S * (1 + change_y) if len(over) else math.inf
        out.append(lasted)
    return np.array(out)


def held_window(below: float, hours: float, noise: StrideNoise = MEASURED) -> tuple[float, float]:
    """Alarms an hour, and of the test of :mod:`gaitpi.coach.detect`, of the rule it replaced.

    That rule: mean of 16 steps below the band for 8 s; the runner holds target x (1 - below).
    Both stride by stride, alarms a minute apart, without floor, back-off and budget.
    """
    y = 1.0 / (1.0 - below) - 1.0
    values = strides(noise, int(hours * 3600.0 / STRIDE_S), np.random.default_rng(11))
    values = y + values * (1.0 + y)
    low = (_sliding(values, 8) > EDGE).astype(float)
    whole = _sliding(low, int(CADENCE.hold_s / STRIDE_S)) > 1.0 - 1e-9
    old = episodes((np.flatnonzero(whole) * STRIDE_S).tolist())
    surety = detect.surety_for(CADENCE.false_alarm_h, CADENCE.hold_s)
    found = alarms(values.tolist(), CADENCE.hold_s)
    new = episodes(t for t, sure in found if sure >= surety)
    return old / hours, new / hours


def held_window_delays(drop: float, seeds: int) -> Floats:
    """Delays (s) of the rule that was replaced after a drop, infinite when missed; (seeds,)."""
    change_y = 1.0 / (1.0 - drop) - 1.0
    out = []
    for seed in range(seeds):
        values = strides(MEASURED, 8 + int(WATCH_S / STRIDE_S), np.random.default_rng(seed))
        values[8:] += change_y * (1.0 + values[8:])
        low = (_sliding(values, 8)[1:] > EDGE).astype(float)
        count = int(CADENCE.hold_s / STRIDE_S)
        over = np.flatnonzero(_sliding(low, count) > 1.0 - 1e-9)
        late = float(over[0] + count) * STRIDE_S * (1 + change_y) if len(over) else math.inf
        out.append(late)
    return np.array(out)


def _sliding(values: Floats, n: int) -> Floats:
    sums = np.concatenate([[0.0], np.cumsum(values)])
    return np.asarray((sums[n:] - sums[:-n]) / n)


# -------------------------------------------------------------------------------- other rules

RUN_S: Final = 2400.0
HILLS: Final = tuple((400.0 + 450.0 * k, 460.0 + 450.0 * k) for k in range(4))
"""Four short hills, a minute each, 5 spm slower."""
WALKS: Final = HILLS
WALK_SPM: Final = 110.0


def _inside(spans: tuple[tuple[float, float], ...], t: float) -> bool:
    return any(a <= t < b for a, b in spans)


@dataclass(frozen=True, slots=True)
class Row:
    """One rule on the same runs: alerts in ten minutes held, on four hills, in four walk breaks.

    ``delay_s`` from a sudden loss of 9 spm to the first alert: median and 90th percentile.
    """

    rule: str
    per_ten_min: float
    hills: float
    walks: float
    delay_s: tuple[float, float]


def _alerts(make: type[Rule], runner: Runner, duration_s: float) -> list[float]:
    rule, out = make(TARGET_SPM), []  # type: ignore[call-arg]
    for event in runner.events(duration_s):
        if isinstance(event, StepTaken):
            rule.step(event)
        else:
            out += [event.time_s] * rule.moment(event)
    return out


def rivals(seeds: int, noise: StrideNoise = MEASURED) -> list[Row]:
    """The table of the rules; 40-minute runs."""
    hilly: Course = lambda t: TARGET_SPM - 5.0 * _inside(HILLS, t)  # noqa: E731
    broken: Course = lambda t: WALK_SPM if _inside(WALKS, t) else TARGET_SPM  # noqa: E731
    walking: Callable[[float], int] = lambda t: WALKING if _inside(WALKS, t) else RUNNING  # noqa: E731
    rows = []
    for name, make in RULES.items():
        per, hills, walks, late = [], [], [], []
        for seed in range(seeds):
            runner = Runner(lambda _t: TARGET_SPM, noise=noise, seed=seed)
            per.append(len(_alerts(make, runner, RUN_S)) / (RUN_S / 600.0))
            times = _alerts(make, replace(runner, cadence=hilly), RUN_S)
            hills.append(sum(_inside(HILLS, t) for t in times))
            times = _alerts(make, replace(runner, cadence=broken, activity=walking), RUN_S)
            walks.append(sum(_inside(WALKS, t) for t in times))
            low = replace(runner, cadence=change(TARGET_SPM, TARGET_SPM - 9.0))
            after = [t - DROP_S for t in _alerts(make, low, DROP_S + WATCH_S) if t > DROP_S]
            late.append(after[0] if after else math.inf)
        spread = (float(np.median(late)), float(np.quantile(late, 0.9, method="higher")))
        rows.append(
            Row(name, float(np.mean(per)), float(np.mean(hills)), float(np.mean(walks)), spread)
        )
    return rows
