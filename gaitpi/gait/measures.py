"""What one step measures, from the history between its two initial contacts."""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.events import G, crossing_time, smooth_force
from gaitpi.gait.state import R_T, R_V, RING

DUTY_MIN = 0.4
"""Least duty factor looked for, a sprinter's: it keeps the dip after the shock out."""

LEVELS = (1.0, 1.25, 1.5)
"""Body weights at which the fall of the force is timed; the first counts, the rest guard it."""

TOP = 0.47
"""Share of the contact at which the force of the body's mass is highest (Clark & al. 2017)."""

SHANK = 0.08
"""Share of foot and shank in the mass: they stop right after the contact (Clark & al. 2017)."""


@kernel
def fall_share(duty: float, level: float) -> float:
    """Share of the step, from the contact on, at which the force falls through ``level`` g.

    Two masses (Clark, Ryan & Weyand 2017): but for foot and shank, whose blow is over by then,
    the force is a raised cosine with its top at TOP of the contact that carries its weight over
    the step.
    """
    x = level * duty / (1.0 - SHANK) - 1.0
    return float(duty * (TOP + (1.0 - TOP) / np.pi * np.arccos(min(max(x, -1.0), 1.0))))


@kernel
def duty_of_fall(share: float, level: float) -> float:
    """Duty factor with which the force falls through ``level`` g at this share of the step.

    By bisection in DUTY_MIN..1 to 1e-5; what lies outside gives the nearer end.
    """
    lo = DUTY_MIN
    hi = 1.0
    for _ in range(16):
        d = 0.5 * (lo + hi)
        if fall_share(d, level) < share:
            lo = d
        else:
            hi = d
    return float(0.5 * (lo + hi))


@kernel
def contact_time(c: Any, st: Any, i0: int, i1: int, ic: float, step: float) -> tuple[float, float]:
    """Contact time of a running step and its standard uncertainty (s, s); NaN where unseen.

    The step lasts ``step`` s from the contact ``ic`` on, samples i0..i1. The force falls through
    one body weight at a moment that does not depend on how much more or less the trunk swings
    than the whole body; two masses make contact time of it. Where a swing of belt or pelvis
    carries that fall away, by more than the model's uncertainty from the median of all LEVELS,
    the median counts.
    """
    found = np.full(3, np.nan)
    least = np.empty(3)
    for j in range(3):
        least[j] = fall_share(DUTY_MIN, LEVELS[j])
    ring = st["ring"]
    i = i0
    while i < i1 and ring[(i + 1) % RING, R_T] < ic + least[2] * step:
        i += 1
    f = smooth_force(c, st, i)
    while i < i1 and np.isnan(found[0]):  # the lowest level is the last
        g = smooth_force(c, st, i + 1)
        for j in range(3):
            level = LEVELS[j] * G
            if np.isnan(found[j]) and f >= level and g < level:
                share = (crossing_time(st, i, f, g, level) - ic) / step
                if share >= least[j]:
                    found[j] = duty_of_fall(share, LEVELS[j])
        f = g
        i += 1
    known = found[np.isfinite(found)] * step
    if len(known) == 0:
        return np.nan, np.nan
    middle = np.median(known)
    apart = found[0] * step - middle
    sd = c["contact_model_s"]
    if np.isnan(apart):
        return float(middle), float(sd)
    contact = found[0] * step if abs(apart) <= sd else middle
    return float(contact), float(np.sqrt(sd * sd + apart * apart))


@kernel
def speed_gained(st: Any, i0: int, i1: int) -> float:
    """Integral of the vertical acceleration (m/s) over samples i0..i1."""
    ring = st["ring"]
    area = 0.0
    for i in range(i0, i1):
        dt = ring[(i + 1) % RING, R_T] - ring[i % RING, R_T]
        area += 0.5 * (ring[i % RING, R_V] + ring[(i + 1) % RING, R_V]) * dt
    return float(area)


@kernel
def bounce(st: Any, i0: int, i1: int) -> float:
    """Range of the vertical displacement (m) over samples i0..i1, one whole step.

    Double integral of the acceleration with its mean and the mean velocity taken out: over a
    step of steady gait the body neither gains height nor speed (Zijlstra & Hof 2003).
    """
    n = i1 - i0
    if n < 3 or i0 < st["ring_n"] - RING:
        return np.nan
    ring = st["ring"]
    span = ring[i1 % RING, R_T] - ring[i0 % RING, R_T]
    mean = speed_gained(st, i0, i1) / span
    v = 0.0
    v_mean = 0.0
    for i in range(i0, i1):
        dt = ring[(i + 1) % RING, R_T] - ring[i % RING, R_T]
        dv = (0.5 * (ring[i % RING, R_V] + ring[(i + 1) % RING, R_V]) - mean) * dt
        v_mean += (v + 0.5 * dv) * dt
        v += dv
    v = -v_mean / span
    x = 0.0
    lo = 0.0
    hi = 0.0
    for i in range(i0, i1):
        dt = ring[(i + 1) % RING, R_T] - ring[i % RING, R_T]
        dv = (0.5 * (ring[i % RING, R_V] + ring[(i + 1) % RING, R_V]) - mean) * dt
        x += (v + 0.5 * dv) * dt
        v += dv
        lo = min(lo, x)
        hi = max(hi, x)
    return float(hi - lo)


@kernel
def bounce_sd(c: Any, st: Any, i0: int, i1: int, height: float) -> float:
    """Standard uncertainty (m) of a bounce of ``height`` m over samples i0..i1.

    The scale of the accelerometer, and the mean acceleration that was taken out: had the body
    really gained speed so, its height would bend by the mean times the square of the step / 8.
    """
    ring = st["ring"]
    span = ring[i1 % RING, R_T] - ring[i0 % RING, R_T]
    bend = speed_gained(st, i0, i1) * span / 8.0
    return float(np.sqrt((c["acc_scale"] * height) ** 2 + bend**2))


@kernel
def impact(st: Any, i0: int, t_end: float, i1: int) -> float:
    """Highest vertical acceleration (m/s², without gravity) from sample i0 to time ``t_end``."""
    ring = st["ring"]
    best = -1e30
    for i in range(i0, i1):
        if ring[i % RING, R_T] > t_end:
            break
        best = max(best, ring[i % RING, R_V])
    return float(best)


@kernel
def least_force(c: Any, st: Any, i0: int, i1: int) -> float:
    """Least vertical specific force (m/s², smoothed) over samples i0..i1."""
    best = 1e30
    for i in range(i0, i1):
        best = min(best, smooth_force(c, st, i))
    return float(best)
