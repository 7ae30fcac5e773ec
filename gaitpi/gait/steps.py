"""The wave of each step: one sample at a time, to contacts and bouts.

A low-pass near the step frequency makes every step one wave, whatever the shock looks like; a
zigzag with a threshold relative to the usual wave finds its turns.
"""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.bouts import close_step, end_bout
from gaitpi.gait.events import landing, rise_ic, walking_ic
from gaitpi.gait.state import R_T, R_V, R_W, R_X, RING


@kernel
def take_ic(c: Any, st: Any, ic: float, i: int, out: Any, k: int) -> int:
    """Go on from an initial contact (time, sample): the first of a bout, or the end of a step."""
    if st["has_ic"] == 1 and ic - st["ic_s"] > c["walk_step_max_s"]:
        k = end_bout(c, st, out, k)
    if st["has_ic"] == 0:
        st["has_ic"] = 1
        st["start_s"] = ic
        st["ics"][0] = ic
        st["ics_n"] = 1
        st["step_s"] = 0.0
        st["lean_n"] = 0
        st["lean_sum"][:] = 0.0
        st["evidence"][:] = 0.0
    elif ic - st["ic_s"] >= 0.7 * c["run_step_min_s"]:
        k = close_step(c, st, ic, i, out, k)
    else:
        return k
    st["ic_s"] = ic
    st["ic_i"] = i
    return k


@kernel
def settle_walking(c: Any, st: Any, out: Any, k: int) -> int:
    """Take the contact of the wave top that waits, if one does."""
    if st["top_waits"] == 0:
        return k
    st["top_waits"] = 0
    if st["has_ic"] == 0 and st["top_wave"] < c["wave_floor"]:
        return k  # shifting the weight before the first step
    ic, i = walking_ic(c, st, st["top_i"])
    first = max(0, st["ring_n"] - RING)
    last = st["ring_n"] - 1
    if ic < st["ring"][first % RING, R_T] or ic > st["ring"][last % RING, R_T]:
        return k  # outside of what was seen: in a gap, say
    st["wave"] = st["top_wave"]
    return take_ic(c, st, ic, i, out, k)


@kernel
def new_top(c: Any, st: Any, out: Any, k: int) -> int:
    """A wave without a landing has passed its top: a contact of walking, once seen from both sides.

    Of two tops closer than ``top_apart`` of the usual step the higher wave is the step; the
    other is the second hump of the same.
    """
    top = st["peak_i"] - round(c["coarse_delay_s"] * c["rate_hz"])
    if st["peak_i"] < 3 * int(c["coarse_delay_s"] * c["rate_hz"]):
        return k  # the low-pass has not settled
    wave = st["peak"] - st["valley"]
    since = (top - st["top_i"]) / c["rate_hz"]
    walk = st["bout_kind"] == 2
    apart = c["top_apart"] * st["usual_step"] if walk else c["walk_step_min_s"]
    if st["top_wave"] > 0.0 and since < apart:
        if st["top_waits"] == 0 or wave <= st["top_wave"]:
            return k
    else:
        k = settle_walking(c, st, out, k)
        st["top_step"] = st["usual_step"]
        if not walk and st["top_wave"] > 0.0 and since <= c["walk_step_max_s"]:
            st["top_step"] = since
    st["top_i"] = top
    st["top_wave"] = wave
    st["top_waits"] = 1
    return k


@kernel
def rising(c: Any, st: Any, t: float, out: Any, k: int) -> int:
    """The wave rises through zero: a landing is timed there; else its top is waited for."""
    ic, i = landing(c, st)
    bout = st["bout_kind"]
    if np.isnan(ic):
        ic, i = rise_ic(c, st)
        if bout != 3:
            st["due_ic"] = ic
            return k
    elif bout == 2:
        k = settle_walking(c, st, out, k)
    elif st["top_waits"] == 1 and st["has_ic"] == 1 and not np.isnan(st["due_ic"]):
        # a running step whose landing was not seen, among such whose was
        last = st["ring_n"] - 1
        st["wave"] = st["top_wave"]
        k = take_ic(c, st, st["due_ic"], last - round((t - st["due_ic"]) * c["rate_hz"]), out, k)
    st["want_ic"] = 0
    st["top_waits"] = 0
    st["wave"] = st["peak"] - st["valley"]
    if ic > t:
        # the rise foretells the contact: it counts once its time has come
        st["want_ic"] = 3
        st["due_ic"] = ic
    elif not np.isnan(ic):
        k = take_ic(c, st, ic, i, out, k)
    return k


@kernel
def reset_waves(st: Any) -> None:
    """Forget the wave under way (after time was lost); the usual wave is kept."""
    st["ring_n"] = 0
    st["direction"] = 0
    st["want_ic"] = 0
    st["top_waits"] = 0
    st["top_wave"] = 0.0
    st["v_mean"] = 0.0
    st["p_z"][:] = 0.0
    st["w"] = 0.0


@kernel
def turn_size(c: Any, st: Any) -> float:
    """By how much (m/s²) the wave must come back from an extreme for it to count."""
    if st["bout_kind"] == 2:
        # the steps of a turn and the last before a stop are far smaller than the usual
        return float(c["top_floor"])
    least = c["wave_floor"] if st["bout_kind"] == 3 else c["top_floor"]
    return float(max(least, c["reversal"] * st["usual_wave"]))


@kernel
def waves(
    c: Any, st: Any, t: float, v: float, x: float, y: float, z: float, out: Any, k: int
) -> int:
    """Take the vertical (``v``) and horizontal (sensor frame) acceleration of one sample.

    Steps that became known are written to ``out`` from ``k`` on; returns the next free place.
    """
    n = st["ring_n"]
    row = st["ring"][n % RING]
    row[R_T] = t
    row[R_V] = v
    row[R_X] = x
    row[R_X + 1] = y
    row[R_X + 2] = z
    row[R_W] = st["yaw_now"]
    st["ring_n"] = n + 1

    st["v_mean"] += c["mean_k"] * (v - st["v_mean"])
    f = c["coarse_lp"]
    s = v - st["v_mean"]
    pz = st["p_z"]
    p = f[0] * s + pz[0]
    pz[0] = f[1] * s - f[3] * p + pz[1]
    pz[1] = f[2] * s - f[4] * p
    st["p_before"] = st["p"]
    st["p"] = p

    need = turn_size(c, st)
    d = st["direction"]
    if d == 0:
        st["extreme"] = p
        st["extreme_i"] = n
        st["peak"] = p
        st["peak_i"] = n
        st["valley"] = p
        st["valley_i"] = n
        st["direction"] = -1
    elif d < 0:
        if p < st["extreme"]:
            st["extreme"] = p
            st["extreme_i"] = n
        elif p > st["extreme"] + need:
            st["valley"] = st["extreme"]
            st["valley_i"] = st["extreme_i"]
            st["direction"] = 1
            st["extreme"] = p
            st["extreme_i"] = n
            st["want_ic"] = 1
    else:
        if p > st["extreme"]:
            st["extreme"] = p
            st["extreme_i"] = n
        elif p < st["extreme"] - need:
            st["peak"] = st["extreme"]
            st["peak_i"] = st["extreme_i"]
            st["direction"] = -1
            st["extreme"] = p
            st["extreme_i"] = n
            wave = st["peak"] - st["valley"]
            st["usual_wave"] += 0.25 * (wave - st["usual_wave"])
            if 0 < st["want_ic"] < 3:
                st["want_ic"] = 0
                if st["bout_kind"] != 3:
                    k = new_top(c, st, out, k)
    # the usual wave fades, so that walking is seen after running
    st["usual_wave"] *= 1.0 - 0.5 * c["mean_k"]

    if st["want_ic"] == 1 and p > 0.0:
        st["want_ic"] = 2
        k = rising(c, st, t, out, k)
    elif st["want_ic"] == 3 and t >= st["due_ic"]:
        st["want_ic"] = 0
        k = take_ic(c, st, st["due_ic"], n, out, k)
    if st["top_waits"] == 1 and n - st["top_i"] >= c["walk_window"] * st["top_step"] * c["rate_hz"]:
        k = settle_walking(c, st, out, k)
    if st["has_ic"] == 1:
        limit = c["walk_step_max_s"]
        if st["step_s"] > 0.0:
            limit = min(limit, c["bout_end"] * st["step_s"] + c["coarse_delay_s"])
        if st["bout_kind"] != 3:
            limit += c["walk_window"] * st["usual_step"]
        limit += 0.15
        if t - st["ic_s"] > limit:
            k = settle_walking(c, st, out, k)
            if t - st["ic_s"] > limit:
                k = end_bout(c, st, out, k)
    return k
