"""One sample through every kernel, in order; and a block of them."""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.gait.attitude import attitude_acc, attitude_gyro, hold_frame, turn
from gaitpi.gait.bouts import activity, end_bout
from gaitpi.gait.events import G
from gaitpi.gait.mounting import feel_step, lean, learn_mount, learn_stillness
from gaitpi.gait.steps import reset_waves, settle_walking, waves
from gaitpi.gait.types import (
    V_ACTIVITY,
    V_CADENCE,
    V_CADENCE_SD,
    V_LEAN,
    V_LEAN_FROM,
    V_LEAN_SD,
    V_SIDE_LEAN,
    V_UP,
    V_YAW,
)


@kernel
def after_gap(c: Any, st: Any, gyro: bool, gap: float, steps: Any, k: int) -> int:
    """Go on after ``gap`` s without samples: nothing is made up for them."""
    st["gaps"] += 1
    k = settle_walking(c, st, steps, k)
    bout = st["bout_kind"]
    k = end_bout(c, st, steps, k)
    reset_waves(st)
    if gyro:
        if gap > c["gap_turn_s"]:
            hold_frame(c, st)
        st["trust_t"] = max(st["trust_t"], st["t"] + c["gap_lean_s"])
    if gap <= c["gap_keep_s"]:
        # a short gap: the runner is taken to go on, the next steps need not prove it anew
        st["bout_kind"] = bout
    st["still"] = 0
    st["still_since"] = np.nan
    st["stand_n"] = 0
    st["stand_sum"][:] = 0.0
    st["rest_s"] = 0.0
    st["rest"] = 0
    return k


@kernel
def one_sample(
    c: Any,
    st: Any,
    t: float,
    ax: float,
    ay: float,
    az: float,
    gx: float,
    gy: float,
    gz: float,
    gyro: bool,
    steps: Any,
    k: int,
) -> int:
    """Advance the state by one sample; returns the next free place in ``steps``."""
    ok = np.isfinite(t) and np.isfinite(ax) and np.isfinite(ay) and np.isfinite(az)
    if gyro:
        ok = ok and np.isfinite(gx) and np.isfinite(gy) and np.isfinite(gz)
    dt = 1.0 / c["rate_hz"]
    if st["samples"] > 0 and ok:
        dt = t - st["t"]
        ok = dt > 0.0
    if not ok:
        st["skipped"] += 1
        return k
    st["t"] = t
    if dt > max(c["gap_s"], 2.5 / c["rate_hz"]):
        k = after_gap(c, st, gyro, dt, steps, k)
        rest = dt - 1.0 / c["rate_hz"]
        dt -= rest
        if gyro and rest < c["gap_turn_s"]:
            g, b = st["gyr"], st["bias"]
            turn(
                st["q"],
                0.5 * (g[0] + gx) - b[0],
                0.5 * (g[1] + gy) - b[1],
                0.5 * (g[2] + gz) - b[2],
                rest,
            )

    if gyro:
        attitude_gyro(c, st, ax, ay, az, gx, gy, gz, dt)
        if max(abs(gx), abs(gy), abs(gz)) >= c["gyr_clip"]:
            # how far it really turned is not known
            st["trust_t"] = t + c["untrusted_s"]
            hold_frame(c, st)
        st["gyr"][0] = gx
        st["gyr"][1] = gy
        st["gyr"][2] = gz
        up = st["up"]
        yaw = gx * up[0] + gy * up[1] + gz * up[2]
        st["yaw_now"] = yaw
        if np.isnan(st["yaw"]):
            st["yaw"] = 0.0
        st["yaw"] += c["still_k"] * (yaw - st["yaw"])
    else:
        attitude_acc(c, st, ax, ay, az)
    learn_stillness(c, st, t, ax, ay, az)
    if st["u_known"] == 1:
        u = st["up"]
        f = ax * u[0] + ay * u[1] + az * u[2]
        x = ax - f * u[0]
        y = ay - f * u[1]
        z = az - f * u[2]
        v = f - G
        known = k
        feel_step(st, v, x, y, z, dt)
        k = waves(c, st, t, v, x, y, z, steps, k)
        if k > known:
            learn_mount(c, st, t)
        lean(st)
    st["samples"] += 1
    st["has_gyro"] = 1 if gyro else 0
    st["activity"] = activity(c, st)
    return k


@kernel
def block(
    coeffs: Any,
    state: Any,
    t: Any,
    acc: Any,
    gyr: Any,
    gyro: bool,
    values: Any,
    steps: Any,
) -> int:
    """Run ``n`` samples: t (n,), acc and gyr (n, 3) in; ``values`` (VALUES, n) and steps out.

    ``gyr`` is ignored when ``gyro`` is False; the rows of ``values`` are named in ``types``.
    Returns how many records of ``steps`` were written.
    """
    c = coeffs[0]
    st = state[0]
    k = 0
    for i in range(t.shape[0]):
        before = st["samples"]
        k = one_sample(
            c,
            st,
            t[i],
            acc[i, 0],
            acc[i, 1],
            acc[i, 2],
            gyr[i, 0],
            gyr[i, 1],
            gyr[i, 2],
            gyro,
            steps,
            k,
        )
        u = st["up"]
        values[V_UP, i] = u[0]
        values[V_UP + 1, i] = u[1]
        values[V_UP + 2, i] = u[2]
        new = st["samples"] > before
        trusted = new and gyro and st["t"] >= st["trust_t"] and st["axes_known"] == 1
        values[V_LEAN_SD, i] = st["lean_sd"] if gyro else np.nan
        if trusted and st["lean_sd"] <= c["lean_sd_max_deg"]:
            values[V_LEAN, i] = st["lean"]
            values[V_SIDE_LEAN, i] = st["side_lean"]
            values[V_LEAN_FROM, i] = st["lean_from"]
            if st["has_ic"] == 1:
                st["lean_sum"][0] += st["lean"]
                st["lean_sum"][1] += st["side_lean"]
                st["lean_sum"][2] += st["lean_sd"]
                st["lean_n"] += 1
        else:
            values[V_LEAN, i] = np.nan
            values[V_SIDE_LEAN, i] = np.nan
            values[V_LEAN_FROM, i] = 0
        stepping = st["bout_kind"] > 0
        values[V_CADENCE, i] = st["cadence"] if stepping else np.nan
        values[V_CADENCE_SD, i] = st["cadence_sd"] if stepping else np.nan
        values[V_YAW, i] = st["yaw"] if gyro else np.nan
        values[V_ACTIVITY, i] = st["activity"]
    return k
