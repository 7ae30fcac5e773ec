"""Comparing events, angles and cadences with truth, so that no choice flatters.

- Events are matched one to one, from wide to narrow, with one lag for a whole recording: the
  constant delay of a method is no scatter, but a delay that wanders is.
- Cadence in a window is that of its strides, every two steps in a row, so that a limp does not
  show and no end of the window is preferred.
- A period is the highest autocorrelation between two bounds, interpolated by a parabola.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pairs = list[tuple[int, int]]

WINDOW_S = 10.0
"""Length of a cadence window."""
MIN_STEPS = 4
"""Steps a window needs to have a cadence."""
RUN_STEP_S = (0.22, 0.5)
"""Step times that can be running."""


def nearest(found: Floats, truth: Floats, within: float, lag: float = 0.0) -> Pairs:
    """Pairs (found, truth) of events that are each other's nearest and at most ``within`` apart.

    Both in s and sorted; ``lag`` is taken off ``found`` first.
    """
    if not len(found) or not len(truth):
        return []
    distance = np.abs((found - lag)[:, None] - truth[None, :])
    best_truth = distance.argmin(axis=1)
    best_found = distance.argmin(axis=0)
    return [
        (int(i), j)
        for j, i in enumerate(best_found)
        if best_truth[i] == j and distance[i, j] <= within
    ]


def match(found: Floats, truth: Floats, within: float) -> tuple[Pairs, float]:
    """Pairs (found, truth) at most ``within`` s apart once their lag is gone, and that lag (s).

    The lag is the median of the pairs at four times, then twice the width.
    """
    lag = 0.0
    for width in (4.0 * within, 2.0 * within):
        pairs = nearest(found, truth, width, lag)
        if pairs:
            lag = float(np.median([found[i] - truth[j] for i, j in pairs]))
    return nearest(found, truth, within, lag), lag


def angle_deg(a: Floats, b: Floats) -> Floats:
    """Angle (n,) in degrees between the rows of two arrays (n, 3) of any length but 0."""
    cross = np.linalg.norm(np.cross(a, b), axis=-1)
    return np.asarray(np.degrees(np.arctan2(cross, np.einsum("...j,...j->...", a, b))))


def rms(values: Floats) -> float:
    """Root of the mean square; NaN of nothing."""
    return float(np.sqrt(np.mean(np.square(values)))) if len(values) else np.nan


def cadence_of(step_s: Floats) -> float:
    """Cadence (spm) of the strides in a row of step times (s; NaN = not known).

    NaN with fewer than MIN_STEPS known steps, or with no two in a row.
    """
    strides = step_s[1:] + step_s[:-1]
    strides = strides[np.isfinite(strides)]
    enough = np.isfinite(step_s).sum() >= MIN_STEPS and len(strides)
    return float(120.0 / np.mean(strides)) if enough else np.nan


def window_cadence(ic_s: Floats, step_s: Floats, start_s: float, end_s: float) -> float:
    """Cadence (spm) of the steps with initial contact in [start, end)."""
    inside = (ic_s >= start_s) & (ic_s < end_s)
    return cadence_of(step_s[inside])


def running_only(step_s: Floats) -> Floats:
    """Step times with what is no running step made unknown: for peers that cannot tell."""
    return np.where((step_s >= RUN_STEP_S[0]) & (step_s <= RUN_STEP_S[1]), step_s, np.nan)


def period_s(signal: Floats, rate_hz: float, low_s: float, high_s: float) -> float:
    """Period (s) of a signal (n,) between two bounds."""
    x = signal - signal.mean()
    n = len(x)
    f = np.fft.rfft(x, 2 * n)
    r = np.fft.irfft(f * np.conj(f))[:n] / (n - np.arange(n))
    a, b = int(low_s * rate_hz), int(high_s * rate_hz)
    i = a + int(np.argmax(r[a:b]))
    bend = r[i - 1] - 2.0 * r[i] + r[i + 1]
    shift = 0.5 * (r[i - 1] - r[i + 1]) / bend if bend else 0.0
    return float((i + shift) / rate_hz)


def windows(n: int, rate_hz: float, window_s: float = WINDOW_S) -> list[tuple[int, int]]:
    """Whole windows of ``n`` samples, side by side: (first, after the last)."""
    size = int(window_s * rate_hz)
    return [(k, k + size) for k in range(0, n - size + 1, size)]
