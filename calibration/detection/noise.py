"""The noise of strides in the recordings, and what model it fits.

Nobody in the recordings holds a target: they jog as they like, and change pace. So the noise is
taken from the differences of neighbouring blocks of strides (Allan deviation), which leaves out
what is slower than the blocks.
"""

from dataclasses import dataclass

import numpy as np

from calibration.detection.runners import Floats, StrideNoise
from calibration.validation.recordings import ADEPT, ALCANTARA, JOGGING, RBDS, SISFALL, Source
from gaitpi.gait import RUNNING, Trace

BLOCKS = (1, 2, 4, 8, 16)
SETTLED = 4
"""First steps of a bout, speeding up, left out."""
LONG_STEPS = 120


@dataclass(frozen=True, slots=True)
class Bout:
    """The strides of one bout of running.

    ``sd`` by block: Allan deviation of the means of that many strides, percent of the stride
    time, NaN where too few; ``plain`` the ordinary standard deviation of the strides, percent;
    ``acf`` at lags 1, 2, 4, 8; ``side`` left-right difference of the steps, percent.
    """

    name: str
    strides: int
    sd: dict[int, float]
    plain: float
    acf: dict[int, float]
    side: float


def bouts(trace: Trace) -> list[Floats]:
    """Uninterrupted running in a trace: arrays of step times (s), the first steps left out."""
    steps = trace.steps
    times = steps["step_s"]
    good = (steps["activity"] == RUNNING) & (times > 0.2) & (times < 0.6)
    out = []
    for part in np.split(np.arange(len(times)), np.flatnonzero(~good)):
        kept = part[good[part]][SETTLED:]
        if len(kept) >= 10:
            out.append(times[kept])
    return out


def block_sd(values: Floats, block: int) -> float:
    """Allan deviation: of means of ``block`` values, overlapping; NaN with fewer than five."""
    if len(values) < 5 * block:
        return np.nan
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means = (sums[block:] - sums[:-block]) / block
    return float(np.sqrt(0.5 * np.mean((means[block:] - means[:-block]) ** 2)))


def describe(name: str, steps: Floats) -> Bout:
    """The noise of one bout."""
    n = len(steps) // 2 * 2
    stride = 100.0 * np.log(steps[:n:2] + steps[1:n:2])
    return Bout(
        name,
        n // 2,
        {b: block_sd(stride, b) for b in BLOCKS},
        float(stride.std(ddof=1)),
        {lag: _acf(stride, lag) for lag in (1, 2, 4, 8)},
        100.0 * float(abs(steps[:n:2].mean() - steps[1:n:2].mean()) / steps.mean()),
    )


def _acf(values: Floats, lag: int) -> float:
    if len(values) < 5 * lag + 10:
        return np.nan
    x = values - values.mean()
    return float((x[lag:] * x[:-lag]).mean() / (x * x).mean())


def measure(source: Source) -> list[Bout]:
    """All bouts of running in the recordings, through the estimator."""
    out = []
    for folder in (SISFALL, ADEPT, RBDS, ALCANTARA):
        for recording in source.get(folder):
            if folder == SISFALL and recording.activity not in JOGGING:
                continue
            label = f"{source.label(folder)} {recording.name[:11]}"
            out += [describe(label, steps) for steps in bouts(recording.trace)]
    return out


def measure_lean(source: Source) -> list[dict[int, float]]:
    """Block standard deviations (deg) of the lean of strides, of every recording that has it."""
    out = []
    for folder in (SISFALL, RBDS):
        for recording in source.get(folder):
            if folder == SISFALL and recording.activity not in JOGGING:
                continue
            steps = recording.trace.steps
            lean = steps["lean_deg"][steps["activity"] == RUNNING]
            lean = lean[np.isfinite(lean)]
            n = len(lean) // 2 * 2
            if n >= LONG_STEPS:
                stride = 0.5 * (lean[:n:2] + lean[1:n:2])
                out.append({b: block_sd(stride, b) for b in BLOCKS})
    return out


def pooled(rows: list[dict[int, float]]) -> dict[int, float]:
    """Median over the recordings, by block."""
    return {b: float(np.nanmedian([row[b] for row in rows])) for b in BLOCKS}


def fit(sd: dict[int, float], *, contact: bool) -> StrideNoise:
    """The model whose block standard deviations are nearest (least squares of logarithms).

    ``sd`` in percent of a stride; with ``contact`` False the lean (deg) is fitted instead.
    """
    want = np.log([sd[b] for b in BLOCKS])
    blocks = np.array(BLOCKS, float)
    best: tuple[float, float, float, float] | None = None
    for hurst in np.arange(0.5, 0.96, 0.01):
        for ratio in np.arange(0.0, 1.5, 0.02) if contact else (0.0,):
            # neighbouring blocks of fractional noise are correlated by 2^(2H-1) - 1, and
            # share one contact: three errors, of weights 1, 2, 1, make their difference
            long_range = (2.0 - 2.0 ** (2.0 * hurst - 1.0)) * blocks ** (2.0 * hurst - 2.0)
            shape = 0.5 * np.log(long_range + 3.0 * (ratio / blocks) ** 2)
            level = float((want - shape).mean())
            cost = float(((want - shape - level) ** 2).sum())
            if best is None or cost < best[0]:
                best = (cost, float(hurst), float(ratio), float(np.exp(level)))
    assert best is not None
    _, hurst, ratio, level = best
    if not contact:
        return StrideNoise(lean_sd=level, lean_hurst=hurst)
    return StrideNoise(sd=level / 100.0, hurst=hurst, contact=level * ratio / 100.0)
