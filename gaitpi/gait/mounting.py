"""Where the body's axes lie in the sensor: from standing, gravity and gait.

Up is gravity while the runner stands. Forward is found from gait without any calibration: while
the spring-mass leg of running is compressed the body sinks and is braked, then it rises and is
pushed on, so the fore-aft acceleration goes with the vertical velocity; in walking the inverted
pendulum rises while it is braked, so the sign is the opposite. The lateral acceleration beats at
half that frequency and averages out.
"""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.units import DEG_PER_RAD

DEG = DEG_PER_RAD


@kernel
def learn_stillness(c: Any, st: Any, t: float, ax: float, ay: float, az: float) -> None:
    """Judge standing still from the accelerometer; keep the mean up of the stand (unit vector)."""
    m = st["still_mean"]
    if st["samples"] == 0:
        m[0], m[1], m[2] = ax, ay, az
    k = c["still_k"]
    e = (ax - m[0]) ** 2 + (ay - m[1]) ** 2 + (az - m[2]) ** 2
    st["still_var"] += k * (e - st["still_var"])
    m[0] += k * (ax - m[0])
    m[1] += k * (ay - m[1])
    m[2] += k * (az - m[2])
    if st["still_var"] > c["still_acc"] ** 2:
        st["still_since"] = np.nan
        st["still"] = 0
        st["stand_n"] = 0
        st["stand_sum"][:] = 0.0
        return
    if np.isnan(st["still_since"]):
        st["still_since"] = t
    if t - st["still_since"] < c["still_time_s"]:
        return
    st["still"] = 1
    if st["u_known"] == 0:
        return
    s = st["stand_sum"]
    up = st["up"]
    s[0] += up[0]
    s[1] += up[1]
    s[2] += up[2]
    st["stand_n"] += 1
    if t - st["still_since"] >= c["stand_time_s"] and st["stand_fixed"] == 0:
        n = np.sqrt(s[0] ** 2 + s[1] ** 2 + s[2] ** 2)
        if n > 0.0:
            st["stand_up"][:] = s / n
            st["stand_t"] = t
            st["stand_sd"] = st["up_sd"]


@kernel
def feel_step(st: Any, v: float, x: float, y: float, z: float, dt: float) -> None:
    """Add one sample (vertical and horizontal acceleration) to the evidence of the present step."""
    # vertical velocity at the step frequency: a leaky integral of the wave
    st["w"] += (v - st["v_mean"]) * dt - st["w"] * dt / 0.5
    w = st["w"]
    e = st["evidence"]
    up = st["up"]
    e[0] += w * x * dt
    e[1] += w * y * dt
    e[2] += w * z * dt
    e[3] += (x * x + y * y + z * z) * dt
    e[4] += w * w * dt
    e[5] += up[0] * dt
    e[6] += up[1] * dt
    e[7] += up[2] * dt
    e[8] += dt


@kernel
def learn_step(c: Any, st: Any, kind: int) -> None:
    """Take the evidence of a step that has turned out to be of this kind (0: drop it).

    Fore-aft acceleration goes with the vertical velocity in running and against it in walking.
    Each step counts as much as any other: its evidence is a correlation. Steps in which up was
    not certain enough for a lean do not count for the mean up of gait.
    """
    e = st["evidence"]
    certain = st["has_gyro"] == 0 or st["up_sd"] * DEG <= c["lean_sd_max_deg"]
    scale = np.sqrt(e[3] * e[4])
    if kind >= 2 and scale > 0.0 and e[8] > 0.0:
        sign = 1.0 if kind == 3 else -1.0
        n = st["gait_n"] + 1.0
        k = 1.0 / min(n, c["axis_tau_steps"])
        for i in range(3):
            st["fwd"][i] += k * (sign * e[i] / scale - st["fwd"][i])
        st["gait_n"] = n
        if certain:
            st["gait_up_n"] += 1.0
            k = 1.0 / min(st["gait_up_n"], c["axis_tau_steps"])
            for i in range(3):
                st["gait_up"][i] += k * (e[5 + i] / e[8] - st["gait_up"][i])
    e[:] = 0.0


@kernel
def learn_mount(c: Any, st: Any, t: float) -> None:
    """Put the body's axes together once enough is known. Call once per step.

    A front that was measured (``front``) replaces that of gait where the two agree; where they do
    not, one of them is wrong, and no lean is told.
    """
    if st["lean_from"] == 1:
        return
    f = st["fwd"]
    n = np.sqrt(f[0] ** 2 + f[1] ** 2 + f[2] ** 2)
    if st["gait_n"] < c["axis_steps"] or n < c["axis_corr"]:
        return
    if st["lean_from"] == 0:
        if st["gait_up_n"] == 0.0:
            return
        g = st["gait_up"]
        gn = np.sqrt(g[0] ** 2 + g[1] ** 2 + g[2] ** 2)
        s = st["stand_up"]
        cosine = (s[0] * g[0] + s[1] * g[1] + s[2] * g[2]) / gn
        fresh = t - st["stand_t"] < c["stand_age_s"]
        if fresh and cosine > np.cos(c["stand_max_deg"] / DEG):
            st["zero"][:] = s
            st["zero_sd"] = st["stand_sd"]
            st["lean_from"] = 2
        elif st["gait_up_n"] >= 2.0 * c["axis_steps"]:
            st["zero"][:] = g / gn
            st["lean_from"] = 3
        else:
            return
    z = st["zero"]
    d = f[0] * z[0] + f[1] * z[1] + f[2] * z[2]
    x0, x1, x2 = f[0] - d * z[0], f[1] - d * z[1], f[2] - d * z[2]
    n = np.sqrt(x0 * x0 + x1 * x1 + x2 * x2)
    if n == 0.0:
        return
    if st["front_given"] == 1:
        b = st["front"]
        d = b[0] * z[0] + b[1] * z[1] + b[2] * z[2]
        y0, y1, y2 = b[0] - d * z[0], b[1] - d * z[1], b[2] - d * z[2]
        bn = np.sqrt(y0 * y0 + y1 * y1 + y2 * y2)
        if x0 * y0 + x1 * y1 + x2 * y2 <= np.cos(c["front_max_deg"] / DEG) * n * bn:
            st["front_differs"] = 1
            st["axes_known"] = 0
            st["lean"] = np.nan
            st["side_lean"] = np.nan
            return
        st["front_differs"] = 0
        x0, x1, x2, n = y0, y1, y2, bn
    m = st["mount"]
    m[0, 0] = x0 / n
    m[0, 1] = x1 / n
    m[0, 2] = x2 / n
    m[2, 0] = z[0]
    m[2, 1] = z[1]
    m[2, 2] = z[2]
    m[1, 0] = m[2, 1] * m[0, 2] - m[2, 2] * m[0, 1]
    m[1, 1] = m[2, 2] * m[0, 0] - m[2, 0] * m[0, 2]
    m[1, 2] = m[2, 0] * m[0, 1] - m[2, 1] * m[0, 0]
    st["axes_known"] = 1


@kernel
def lean(st: Any) -> None:
    """Forward and side lean (deg) of the body's up axis against gravity, from mount and up.

    The uncertainty is that of up and, where the zero is a stand, of up in that stand.
    """
    st["lean_sd"] = DEG * np.sqrt(st["up_sd"] ** 2 + st["zero_sd"] ** 2)
    if st["axes_known"] == 0:
        return
    m = st["mount"]
    u = st["up"]
    x = m[0, 0] * u[0] + m[0, 1] * u[1] + m[0, 2] * u[2]
    y = m[1, 0] * u[0] + m[1, 1] * u[1] + m[1, 2] * u[2]
    z = m[2, 0] * u[0] + m[2, 1] * u[1] + m[2, 2] * u[2]
    st["lean"] = np.arctan2(-x, z) * DEG
    st["side_lean"] = np.arctan2(y, np.sqrt(x * x + z * z)) * DEG
