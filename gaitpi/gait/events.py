"""Where in the wave the foot meets the ground: initial contacts.

The events are read from the unfiltered history, symmetrically smoothed, so they carry no filter
delay: in running from the highest rise of the vertical specific force through one g, in walking
from the phase of the fundamental.
"""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.state import R_T, R_V, R_X, RING
from gaitpi.units import G0

G = G0


@kernel
def smooth_force(c: Any, st: Any, i: int) -> float:
    """Vertical specific force (m/s²) at sample ``i`` of the history, triangularly smoothed.

    The window is cut at the ends of the history.
    """
    ring = st["ring"]
    last = st["ring_n"] - 1
    m = c["smooth_n"]
    s = 0.0
    w = 0.0
    for j in range(-m, m + 1):
        k = i + j
        if 0 <= k <= last and k > last - RING:
            q = m + 1 - abs(j)
            s += q * ring[k % RING, R_V]
            w += q
    return float(s / w + G)


@kernel
def crossing_time(st: Any, i: int, lo: float, hi: float, level: float) -> float:
    """Time (s) at which ``level`` is met between samples ``i`` (``lo``) and ``i + 1`` (``hi``)."""
    ring = st["ring"]
    t0 = ring[i % RING, R_T]
    t1 = ring[(i + 1) % RING, R_T]
    return float(t0 + (t1 - t0) * (level - lo) / (hi - lo))


@kernel
def loading_time(c: Any, st: Any, i: int, lo: int, crossing: float) -> float:
    """Time (s) from the begin of the rise over samples ``i``, ``i + 1`` to its ``crossing``.

    The begin is where tangents intersect, as for the foot of a pulse wave (Chiu & al. 1991): the
    tangent at the steepest point of the rising flank meets the level at which the flank begins,
    not before sample ``lo``. How fast the load comes on differs between runners, slopes and
    shoes; the flank itself shows it.
    """
    ring = st["ring"]
    last = st["ring_n"] - 1
    foot = i
    level = smooth_force(c, st, i)
    while foot > lo:
        f = smooth_force(c, st, foot - 1)
        if f >= level:
            break
        level = f
        foot -= 1
    steepest = 0.0
    begin = crossing
    f = level
    for k in range(foot, last):
        g = smooth_force(c, st, k + 1)
        if k > i and g <= f:
            break
        t = ring[k % RING, R_T]
        slope = (g - f) / (ring[(k + 1) % RING, R_T] - t)
        if slope > steepest:
            steepest = slope
            begin = t - (f - level) / slope
        f = g
    return float(max(crossing - begin, 0.0))


@kernel
def landing(c: Any, st: Any) -> tuple[float, int]:
    """Landing of the wave now rising: (time, sample), time NaN where there was no flight.

    The landing is the highest rise through one g: push-off, the dip after the shock and the
    swing of a loose belt cross it too. The contact itself was the time of loading earlier.
    """
    last = st["ring_n"] - 1
    d = int(c["coarse_delay_s"] * c["rate_hz"])
    lo = max(st["valley_i"] - d - int(0.05 * c["rate_hz"]), st["peak_i"] - d, 0)
    lo = max(lo, last - RING + 1)
    if st["has_ic"] == 1:
        lo = max(lo, st["ic_i"] + 1)
    best = 1e30
    most = 0.0
    rise = 0.0
    at = -1
    top = -1
    f = smooth_force(c, st, lo)
    least = f
    for i in range(lo, last):
        g = smooth_force(c, st, i + 1)
        if f < G and g >= G:
            at = i
            most = g
        elif at >= 0 and g >= G:
            most = max(most, g)
        if at >= 0 and (i == last - 1 or g < G):
            if most - least > rise:
                rise = most - least
                best = least
                top = at
            at = -1
            least = 1e30
        if at < 0:
            least = min(least, g)
        f = g
    # within a bout all contacts are of one kind, so that step times do not jump between the two
    bout = st["bout_kind"]
    limit = c["flight_stay"]
    if bout == 3:
        limit = G
    elif bout == 2:
        limit = 0.5 * c["flight_force"]
    if top < 0 or best >= limit:
        return np.nan, 0
    lo_f = smooth_force(c, st, top)
    hi_f = smooth_force(c, st, top + 1)
    t = crossing_time(st, top, lo_f, hi_f, G)
    # the crossing is sharp, the begin of one landing is not: its mean over the last ones counts
    n = st["loading_n"] + 1
    st["loading_n"] = n
    loading = loading_time(c, st, top, lo, t)
    st["loading"] += (loading - st["loading"]) / min(float(n), c["loading_steps"])
    t -= st["loading"]
    if t < st["ring"][max(0, last - RING + 1) % RING, R_T]:
        return np.nan, 0  # it lies before the history, in time that was lost
    while top > lo and st["ring"][top % RING, R_T] > t:
        top -= 1
    return float(t), top


@kernel
def rise_ic(c: Any, st: Any) -> tuple[float, int]:
    """Initial contact of a running step without a flight, from the wave now rising through zero.

    The contact lies a quarter wave less half a double support after the rise through the mean.
    """
    ring = st["ring"]
    last = st["ring_n"] - 1
    t1 = ring[last % RING, R_T]
    t0 = ring[(last - 1) % RING, R_T]
    before = st["p_before"]
    if before >= 0.0 or last < 3 * int(c["coarse_delay_s"] * c["rate_hz"]):
        return np.nan, 0  # a second hump of the same step, or a rise before the history begins
    share = before / (before - st["p"])
    step = st["step_s"] if st["step_s"] > 0.0 else 0.5
    lag = (0.25 - 0.5 * c["double_support"]) * step - c["coarse_delay_s"]
    ic = t0 + share * (t1 - t0) + lag
    return float(ic), min(last, max(0, last + int(lag * c["rate_hz"])))


@kernel
def walking_shift(c: Any, st: Any, centre: int, step: float) -> float:
    """Time (s) from sample ``centre`` to the top of the wave of walking nearest to it.

    Phase of the fundamental (period ``step``) under a Hann window of ``walk_window`` steps on
    either side, of the vertical acceleration and, once forward is known, the fore-aft one a
    quarter wave on: the inverted pendulum is pushed before and braked after double support.
    """
    ring = st["ring"]
    half = c["walk_window"] * step * c["rate_hz"]
    lo = max(0, centre - int(half), st["ring_n"] - RING)
    hi = min(st["ring_n"] - 1, centre + int(half))
    both = st["axes_known"] == 1
    fx, fy, fz = st["mount"][0]
    # rotations by one sample: of the wave, and of the window
    wc = np.cos(2.0 * np.pi / (step * c["rate_hz"]))
    ws = np.sin(2.0 * np.pi / (step * c["rate_hz"]))
    hc = np.cos(np.pi / half)
    hs = np.sin(np.pi / half)
    angle = 2.0 * np.pi * (lo - centre) / (step * c["rate_hz"])
    co, si = np.cos(angle), np.sin(angle)
    angle = np.pi * (lo - centre) / half
    ho, hi_s = np.cos(angle), np.sin(angle)
    n = m_c = m_s = v0 = v_c = v_s = a0 = a_c = a_s = 0.0
    for i in range(lo, hi + 1):
        row = ring[i % RING]
        w = 0.5 + 0.5 * ho
        n += w
        m_c += w * co
        m_s += w * si
        v = w * row[R_V]
        v0 += v
        v_c += v * co
        v_s += v * si
        if both:
            a = w * (row[R_X] * fx + row[R_X + 1] * fy + row[R_X + 2] * fz)
            a0 += a
            a_c += a * co
            a_s += a * si
        co, si = co * wc - si * ws, si * wc + co * ws
        ho, hi_s = ho * hc - hi_s * hs, hi_s * hc + ho * hs
    # without their means; the fore-aft part falls where the vertical one is highest
    re = v_c - v0 * m_c / n - (a_s - a0 * m_s / n)
    im = v_s - v0 * m_s / n + (a_c - a0 * m_c / n)
    turn = np.arctan2(im, re)
    return float(min(max(turn, -0.5 * np.pi), 0.5 * np.pi) * step / (2.0 * np.pi))


@kernel
def walking_ic(c: Any, st: Any, top: int) -> tuple[float, int]:
    """Initial contact of the wave of walking whose top is near sample ``top``: (time, sample).

    Walking has no sharp landing. Its wave is highest in the middle of double support, so the
    contact lies half a double support before that.
    """
    step = st["top_step"]
    rate = c["rate_hz"]
    shift = walking_shift(c, st, top, step)
    shift += walking_shift(c, st, max(0, top + round(shift * rate)), step) - (
        shift - round(shift * rate) / rate
    )
    shift -= 0.5 * c["double_support"] * step
    first = max(0, st["ring_n"] - RING + 1)
    ic = st["ring"][top % RING, R_T] + shift
    return float(ic), min(st["ring_n"] - 1, max(first, top + round(shift * rate)))
