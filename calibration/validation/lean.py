"""Lean where the body accelerates: bends, corners, hills, starts, stops, changes of pace.

No recording has truth for these, so they are simulated (``gaitpi.imu.virtual``): the pelvis is
pushed round the bend and forward by the ground, as the true path asks, so the specific force
leans off the vertical by atan(a / g), and the gyroscope turns with the heading. Each story is run
by several runners, mounted any way round, with noise and turn-on bias (±1 °/s), who stood before.

The error is that of a stride: lean of a step and of the next, averaged, less the true lean in the
middle of both. Counted are the strides that touch the manoeuvre or the two seconds after it,
forward and side lean alike. A lean comes with its standard uncertainty and is withheld where
that is more than ``lean_sd_max_deg``; so the first row of a story says in how many of the strides
given the error lies within twice the uncertainty stated (95 % would be an honest Gaussian), the
second how wrong the worst is, with the share of strides that have a lean. The peer is VQF with
default settings, told the true mounting, on the same strides.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.validation import peers
from calibration.validation.metrics import Floats, rms
from calibration.validation.recordings import Source, rotation
from calibration.validation.report import Row
from gaitpi.gait import RUNNING, estimate
from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.story import Phase
from gaitpi.units import DEG_PER_RAD, G0, RAD_PER_DEG

RATE_HZ = 208.0
RUNNERS = 4
WITHIN_PERCENT = 95.0
AFTER_S = 2.0
TRACK_M = 36.5
CORNER_M = 5.0

STAND = Phase("stand", 12.0)
RUN = Phase("run", 45.0, speed_mps=4.0, lean_deg=6.0)


@dataclass(frozen=True)
class Story:
    """A manoeuvre: those of the phases whose number is in ``counted``.

    ``force_deg`` is the angle between specific force and vertical in it, 0 = not a steady one.
    """

    name: str
    phases: tuple[Phase, ...]
    counted: tuple[int, ...]
    force_deg: float


def bend(speed_mps: float, radius_m: float, degrees: float) -> Phase:
    """Running round a bend at constant speed."""
    turn = speed_mps / radius_m * DEG_PER_RAD
    return replace(RUN, duration_s=degrees / turn, speed_mps=speed_mps, turn_dps=turn)


def ramp(start_mps: float, end_mps: float, seconds: float) -> tuple[Phase, ...]:
    """A change of speed, one step at a time."""
    n = round(seconds * RUN.cadence_spm / 60.0)
    speeds = start_mps + (end_mps - start_mps) * np.arange(1, n + 1) / n
    return tuple(replace(RUN, duration_s=seconds / n, speed_mps=float(v)) for v in speeds)


def force_deg(acceleration: float) -> float:
    """Angle (deg) between specific force and vertical of a mean acceleration in m/s²."""
    return float(np.degrees(np.arctan(acceleration / G0)))


def stories() -> list[Story]:
    """What is measured."""
    start = ramp(0.0, 4.0, 3.0)
    first = (STAND, RUN)
    track, corner = bend(4.0, TRACK_M, 180.0), bend(3.0, CORNER_M, 90.0)
    easy = replace(RUN, speed_mps=3.0)
    fast = replace(RUN, duration_s=20.0, speed_mps=4.5, cadence_spm=178.0)
    slow = replace(RUN, duration_s=20.0, speed_mps=2.8, cadence_spm=168.0)
    return [
        Story("level", (*first, RUN), (2,), 0.0),
        Story("track bend, 36.5 m, 4 m/s", (*first, track, RUN), (2,), force_deg(16.0 / TRACK_M)),
        Story("corner, 5 m, 3 m/s", (STAND, easy, corner, easy), (2,), force_deg(9.0 / CORNER_M)),
        Story("slope +10 %", (STAND, easy, replace(easy, grade=0.1)), (2,), 0.0),
        Story("slope -10 %", (*first, replace(RUN, grade=-0.1)), (2,), 0.0),
        Story(
            "start, 0 to 4 m/s in 3 s",
            (*first, STAND, *start, RUN),
            tuple(range(3, 3 + len(start))),
            force_deg(4.0 / 3.0),
        ),
        Story("fartlek, 2.8 and 4.5 m/s", (*first, fast, slow, fast, slow), (2, 3, 4, 5), 0.0),
    ]


@dataclass(frozen=True)
class Result:
    """Errors (2, k) deg of the strides given, forward and side, ours and VQF's; all strides.

    ``sd`` (k,) deg is the uncertainty that was stated.
    """

    ours: Floats
    sd: Floats
    vqf: Floats
    strides: int


def measure(story: Story, seed: int) -> Result:
    """Run one story by one runner."""
    rng = np.random.default_rng([seed, 7])
    bias = rng.uniform(-1.0, 1.0, 3) * RAD_PER_DEG
    mount = rotation(rng)
    params = RunnerParams(seed=seed, gyr_bias=(bias[0], bias[1], bias[2]), mount=mount)
    runner = SimulatedRunner(story.phases, params)
    acc, gyr = runner.samples(0, int(runner.duration_s * RATE_HZ), RATE_HZ)
    steps = estimate(acc, gyr, RATE_HZ).steps
    pairs = _strides(steps)
    pairs = pairs[_counted(story, steps["ic_s"][pairs])]
    middle = steps["ic_s"][pairs + 1]
    true = np.stack([runner.truth.lean_deg(middle), runner.truth.side_lean_deg(middle)])
    ours = np.stack(
        [0.5 * (steps[f][pairs] + steps[f][pairs + 1]) for f in ("lean_deg", "side_lean_deg")]
    )
    error = ours - true
    given = np.isfinite(error).all(axis=0)
    theirs = peers.vqf_up(acc, gyr, RATE_HZ)
    if theirs is None:
        vqf = np.full((2, 0), np.nan)
    else:
        ends = steps["ic_s"][pairs + 1] + steps["step_s"][pairs + 1]
        vqf = leans(theirs @ mount, steps["ic_s"][pairs], ends) - true
    sd = 0.5 * (steps["lean_sd_deg"][pairs] + steps["lean_sd_deg"][pairs + 1])
    return Result(error[:, given], sd[given], vqf[:, given] if vqf.size else vqf, len(pairs))


def _strides(steps: NDArray[Any]) -> NDArray[np.intp]:
    """Numbers of the running steps that are followed at once by another."""
    run = steps["activity"] == RUNNING
    ic, step = steps["ic_s"], steps["step_s"]
    return np.flatnonzero(
        run[:-1] & run[1:] & (np.abs(ic[1:] - ic[:-1] - step[:-1]) < 1e-6) & np.isfinite(step[1:])
    )


def _counted(story: Story, ic_s: Floats) -> NDArray[np.bool_]:
    """Which of the strides beginning at ``ic_s`` belong to the manoeuvre."""
    ends = np.cumsum([p.duration_s for p in story.phases])
    first, last = ends[story.counted[0] - 1], ends[story.counted[-1]]
    return np.asarray((ic_s > first - 0.5) & (ic_s < last + AFTER_S))


def leans(up_body: Floats, start_s: Floats, end_s: Floats) -> Floats:
    """Forward and side lean (2, k) deg, averaged from start to end, of up (n, 3) in body axes."""
    x, y, z = up_body.T
    angles = np.degrees(np.stack([np.arctan2(-x, z), np.arctan2(y, np.hypot(x, z))]))
    total = np.concatenate([np.zeros((2, 1)), np.cumsum(angles, axis=1)], axis=1)
    a, b = (np.minimum((t * RATE_HZ).astype(int), len(x)) for t in (start_s, end_s))
    return np.asarray((total[:, b] - total[:, a]) / np.maximum(b - a, 1))


def rows(source: Source) -> list[Row]:
    """One row a story."""
    seeds = range(1 if source.small else RUNNERS)
    out = []
    for story in stories():
        results = [measure(story, seed) for seed in seeds]
        out += [_stated(story, results), _worst_row(story, results)]
    return out


def _stated(story: Story, results: Sequence[Result]) -> Row:
    errors = np.concatenate([np.abs(r.ours).max(axis=0) for r in results])
    sd = np.concatenate([r.sd for r in results])
    return Row(
        f"lean within 2 sd: {story.name}",
        "simulated",
        f"{len(errors)} strides",
        100.0 * float(np.mean(errors <= 2.0 * sd)) if len(errors) else 100.0,
        "%",
        1,
        limit=WITHIN_PERCENT,
        sense=">=",
        note=f"sd {np.median(sd):.1f}° in the median, {sd.max():.1f}° at most" if len(sd) else "",
    )


def _worst_row(story: Story, results: Sequence[Result]) -> Row:
    ours = np.concatenate([r.ours for r in results], axis=1)
    vqf = np.concatenate([r.vqf for r in results], axis=1)
    strides = sum(r.strides for r in results)
    given = 100.0 * ours.shape[1] / strides if strides else 0.0
    note = f"RMS forward {rms(ours[0]):.2f}°, side {rms(ours[1]):.2f}°; lean given in {given:.0f} %"
    if story.force_deg:
        note += f"; the force itself is {story.force_deg:.1f}° off the vertical"
    return Row(
        f"lean, worst stride: {story.name}",
        "simulated",
        f"{strides} strides",
        _worst(ours) if ours.size else 0.0,
        "°",
        2,
        "VQF" + ("" if vqf.size else f" {peers.NOT_INSTALLED}"),
        _worst(vqf),
        note=note,
        parts=tuple((f"runner {k}", _worst(r.ours)) for k, r in enumerate(results)),
    )


def _worst(errors: Floats) -> float:
    return float(np.max(np.abs(errors))) if errors.size else np.nan
