"""Whether a metric has left its band: a sequential test on strides.

Input are strides, not steps: the sum of two steps does not show a left-right difference. The
noise of a runner's stride is of two kinds. The timing error of the single contact cancels in the
sum of many strides. The rest is long-range correlated (Jordan, Challis & Newell 2006, Gait
Posture 24:120, and ``python -m calibration.detection`` on recordings): the standard deviation of
the mean of n strides falls only as ``n**(H - 1)`` with H = 0.78, not as ``n**-0.5``, and a test
that takes strides for independent is far too sure of itself.

The test, after every stride:

1. *Since when.* Page's CUSUM (Biometrika 1954, 41:100) of the deviation, less half of what
   separates the band's edge from its centre; the stride after its last zero is the most likely
   onset. What was before it is not evidence.
2. *How sure.* The window-limited generalised likelihood ratio (Lai 1998, IEEE Trans Inf Theory
   44:2917, asymptotically of least delay for correlated noise too) over all windows that end
   now and begin at the onset or later: the mean must lie beyond the edge, and beyond the centre by
   ``surety`` of its own standard deviations. A large deviation is seen in a short window, a
   small one in a long one.
3. *From the first to the last.* The first ``ENDS`` strides of the window alone must be beyond the
   edge, and the last: a short deep dip is no long one, and one that is over no reason for a cue.

The noise is that of this runner (:func:`update_noise`), learned while running.
"""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

STRIDES_MAX: Final = 64
"""Strides kept, 40 to 50 s: the longest window (longer where the configured hold asks for it)."""
ENDS: Final = 2
"""Strides at either end of a window that must be beyond the edge by themselves."""
BLOCK: Final = 4
"""Strides in a block, of which two neighbours show the noise."""
HURST: Final = 0.78
"""Long-range exponent of the strides. Measured: python -m calibration.detection noise."""
CADENCE_SD: Final = 0.0164
"""Long-range standard deviation of the stride time, relative, before the runner's own is known.
Measured as above: the median of the recordings."""
LEAN_SD_DEG: Final = 2.1
"""The same of the lean of a stride, deg."""
NOISE_LEAST: Final = 0.5
"""The runner's own noise is taken within these multiples of the two above."""
NOISE_MOST: Final = 2.5
NOISE_STRIDES: Final = 256
"""Memory of the runner's own noise, strides (three minutes)."""
CLIP: Final = 4.0
"""A stride counts as at most this many standard deviations from the five before it."""

_DIFFERENCE_CLIP: Final = 2.5
_CLIPPED_SHARE: Final = 0.956
"""Expectation of min(z², 2.5²) of a normal deviate z."""
_LAG1: Final = 2.0 ** (2.0 * HURST - 1.0) - 1.0
"""Correlation of neighbouring blocks of strides."""
_DIFFERENCE_GAIN: Final = 2.0 * (1.0 - _LAG1) * BLOCK ** (2.0 * HURST - 2.0)
"""Variance of the difference of neighbouring blocks of BLOCK strides, of unit noise."""


class Evidence(NamedTuple):
    """A deviation that is sure: its ``mean`` over the last ``strides``, which took ``seconds``.

    ``surety``: how many standard deviations of that mean it lies from the centre.
    """

    mean: float
    seconds: float
    strides: int
    surety: float


def surety_for(false_alarm_h: float, hold_s: float) -> float:
    """Standard deviations asked for so that chance alone cues once in ``false_alarm_h`` hours.

    That is for a runner who holds the centre of the band with the usual noise. A straight line
    through what ``python -m calibration.detection threshold`` prints, valid from 3 to 200 hours;
    a hold shorter than 8 s lets in short windows, and chance has more of those.
    """
    return 2.86 + 0.775 * math.log10(max(1.0, false_alarm_h)) + 0.055 * max(0.0, 8.0 - hold_s)


def mean_sd(noise: float, strides: int) -> float:
    """Standard deviation of the mean of so many strides."""
    return noise * math.pow(strides, HURST - 1.0)


def clipped(value: float, before: Sequence[float], noise: float) -> float:
    """``value`` brought within ``CLIP * noise`` of the median of the five ``before`` it."""
    if len(before) < 5:
        return value
    middle = sorted(before[-5:])[2]
    return min(max(value, middle - CLIP * noise), middle + CLIP * noise)


def update_noise(noise: float, values: Sequence[float], usual: float) -> float:
    """The runner's noise after one more of ``values``; ``usual`` is what it is before known.

    From the difference of the last two blocks of ``BLOCK`` strides: a slow change of cadence
    is no noise, and the timing error of single contacts hardly enters. Large differences, as
    when the runner changes cadence, count as 2.5 standard deviations.
    """
    if len(values) < 2 * BLOCK:
        return noise
    difference = (sum(values[-BLOCK:]) - sum(values[-2 * BLOCK : -BLOCK])) / BLOCK
    unit = noise * noise * _DIFFERENCE_GAIN
    seen = min(difference * difference / unit, _DIFFERENCE_CLIP**2) / _CLIPPED_SHARE
    updated = noise * math.sqrt(1.0 + (seen - 1.0) / NOISE_STRIDES)
    return min(max(updated, NOISE_LEAST * usual), NOISE_MOST * usual)


def beyond(
    deviations: Sequence[float],
    seconds: Sequence[float],
    *,
    edge: float,
    noises: Sequence[float],
    surety: float,
    hold_s: float,
) -> Evidence | None:
    """The surest window that ends now and lies beyond ``edge``; None where none does.

    ``deviations`` from the centre of the band, positive outwards, and ``seconds``, one a
    stride, the newest last; ``edge`` > 0 and ``noises`` (of a single stride, long-range, as known
    when that stride came) in the same unit. No window is shorter than ``hold_s``.
    """
    if len(deviations) < ENDS or sum(deviations[-ENDS:]) <= ENDS * edge:
        return None
    best: Evidence | None = None
    total, lasted = 0.0, 0.0
    start = onset(deviations, 0.5 * edge)
    for n in range(1, len(deviations) - start + 1):
        total += deviations[-n]
        lasted += seconds[-n]
        mean = total / n
        if n < ENDS or lasted < hold_s or mean <= edge:
            continue
        if sum(deviations[len(deviations) - n :][:ENDS]) <= ENDS * edge:
            continue
        sure = mean / mean_sd(noises[start], n)  # the change itself is no noise
        if sure >= surety and (best is None or sure > best.surety):
            best = Evidence(mean, lasted, n, sure)
    return best


def onset(deviations: Sequence[float], reference: float) -> int:
    """Index of the stride after the CUSUM's last zero: since then it is likely off."""
    total, start = 0.0, 0
    for k, deviation in enumerate(deviations):
        total += deviation - reference
        if total <= 0.0:
            total, start = 0.0, k + 1
    return start
