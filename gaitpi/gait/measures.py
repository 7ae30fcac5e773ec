"""What one step measures, from the history between its two initial contacts."""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.events import G, smooth_force
from gaitpi.gait.state import R_T, R_V, RING


@kernel
def duty_of(amplitude: float) -> float:
    """Duty factor of the contact (contact time over step time) whose force has this fundamental.

    ``amplitude`` of the vertical force at the step frequency in body weights. A half-sine stance
    of duty d that carries the body weight over the step has 2 cos(pi d) / (1 - 4 d²), which falls
    from 2 (a hammer blow) over 2/3 (no flight) on; solved by bisection. 1 where it would be more.
    """
    lo = 0.05
    hi = 1.0
    for _ in range(30):
        d = 0.5 * (lo + hi)
        q = 1.0 - 4.0 * d * d
        a = 0.5 * np.pi if abs(q) < 1e-6 else 2.0 * np.cos(np.pi * d) / q
        if a > amplitude:
            lo = d
        else:
            hi = d
    return float(0.5 * (lo + hi))


@kernel
def contact_time(st: Any, i0: int, i1: int) -> float:
    """Contact time (s) in the running step of samples i0..i1, from the impulse over the step.

    The ground carries the body weight times the step time in each step; the shorter the contact,
    the larger the fundamental of the force. That needs no threshold on a noisy toe-off. The
    ground does not pull: a negative force of the trunk is the legs' swing and counts as none.
    """
    ring = st["ring"]
    t0 = ring[i0 % RING, R_T]
    span = ring[i1 % RING, R_T] - t0
    w = 2.0 * np.pi / span
    re = 0.0
    im = 0.0
    for i in range(i0, i1):
        f = max(ring[i % RING, R_V] + G, 0.0)
        angle = w * (ring[i % RING, R_T] - t0)
        re += f * np.cos(angle)
        im += f * np.sin(angle)
    amplitude = 2.0 * np.sqrt(re * re + im * im) / (i1 - i0) / G
    return float(duty_of(amplitude) * span)


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
    area = 0.0
    for i in range(i0, i1):
        dt = ring[(i + 1) % RING, R_T] - ring[i % RING, R_T]
        area += 0.5 * (ring[i % RING, R_V] + ring[(i + 1) % RING, R_V]) * dt
    mean = area / span
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
