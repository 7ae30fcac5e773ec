"""Which way is up: gyroscope and accelerometer joined, sample by sample.

Method: strapdown integration of the bias-corrected rate by the exact exponential; the
un-normalised specific force is averaged in the frame so held (second-order Butterworth) and
only then normalised, because over whole strides its mean is gravity while single samples in
running point anywhere (Laidig & Seel, "VQF", Information Fusion 2023). The gyro bias is a
three-state Kalman filter: what is left of the rotation of "up" in the held frame is bias about
the two horizontal axes; rest shows all three. Without a gyroscope the averaging is done in the
sensor frame.
"""

from typing import Any

import numpy as np

from gaitpi.gait._jit import kernel
from gaitpi.units import G0


@kernel
def lowpass(k: Any, z: Any, row: int, x: float) -> float:
    """One step of a biquad (transposed form II) with coefficients ``k`` (5,), memory ``z[row]``."""
    y = k[0] * x + z[row, 0]
    z[row, 0] = k[1] * x - k[3] * y + z[row, 1]
    z[row, 1] = k[2] * x - k[4] * y
    return float(y)


@kernel
def settle(k: Any, z: Any, row: int, x: float) -> None:
    """Put a biquad's memory where a long constant input ``x`` would have left it."""
    z[row, 1] = x * (k[2] - k[4])
    z[row, 0] = x * (k[1] - k[3]) + z[row, 1]


@kernel
def rotate(q: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Rotate a vector by the unit quaternion ``q`` (4,), scalar first."""
    w, a, b, c = q[0], q[1], q[2], q[3]
    tx = 2.0 * (b * z - c * y)
    ty = 2.0 * (c * x - a * z)
    tz = 2.0 * (a * y - b * x)
    return (
        x + w * tx + b * tz - c * ty,
        y + w * ty + c * tx - a * tz,
        z + w * tz + a * ty - b * tx,
    )


@kernel
def rotate_back(q: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Rotate a vector by the inverse of ``q``."""
    w, a, b, c = q[0], -q[1], -q[2], -q[3]
    tx = 2.0 * (b * z - c * y)
    ty = 2.0 * (c * x - a * z)
    tz = 2.0 * (a * y - b * x)
    return (
        x + w * tx + b * tz - c * ty,
        y + w * ty + c * tx - a * tz,
        z + w * tz + a * ty - b * tx,
    )


@kernel
def turn(q: Any, gx: float, gy: float, gz: float, dt: float) -> None:
    """Advance ``q`` by the body rate (rad/s) over ``dt`` s: exact for a constant rate."""
    angle = np.sqrt(gx * gx + gy * gy + gz * gz) * dt
    if angle < 1e-12:
        s = 0.5 * dt
        c = 1.0
    else:
        s = np.sin(0.5 * angle) * dt / angle
        c = np.cos(0.5 * angle)
    a, b, d = gx * s, gy * s, gz * s
    w0, x0, y0, z0 = q[0], q[1], q[2], q[3]
    w = w0 * c - x0 * a - y0 * b - z0 * d
    x = w0 * a + x0 * c + y0 * d - z0 * b
    y = w0 * b - x0 * d + y0 * c + z0 * a
    z = w0 * d + x0 * b - y0 * a + z0 * c
    n = 1.0 / np.sqrt(w * w + x * x + y * y + z * z)
    q[0] = w * n
    q[1] = x * n
    q[2] = y * n
    q[3] = z * n


@kernel
def hold_frame(c: Any, st: Any) -> None:
    """Start a new held frame at the sensor's present attitude, keeping what is known of up.

    Used after time was lost: how the sensor turned meanwhile is unknown.
    """
    q = st["q"]
    q[0] = 1.0
    q[1] = 0.0
    q[2] = 0.0
    q[3] = 0.0
    st["rb_n"] = 0
    st["r_sum"][:] = 0.0
    st["rb_sum"][:] = 0.0
    # what was up carries the first tenth of a second of the new mean: within a stride the trunk
    # swings, so the last attitude alone is off by several degrees
    n = max(1, int(0.1 * c["rate_hz"])) if st["u_known"] == 1 else 0
    st["acc_n"] = n
    for i in range(3):
        st["acc_sum"][i] = G0 * n * st["up"][i] if n > 0 else 0.0
        if n > 0:
            st["u"][i] = st["up"][i]
    st["in_gait"] = 0


@kernel
def choose_average(c: Any, st: Any) -> Any:
    """Coefficients of the average of specific force: shorter while running is going on.

    Over whole strides of running the mean specific force is gravity, so less of it is enough and
    a wrong bias is followed sooner. The memory is carried over when the choice changes.
    """
    gait = 1 if st["bout_kind"] == 3 else 0
    k = c["gait_lp"] if gait == 1 else c["acc_lp"]
    if gait != st["in_gait"] and st["acc_n"] >= c["init_n"] and st["rb_n"] >= c["init_n"]:
        st["in_gait"] = gait
        for i in range(3):
            settle(k, st["acc_z"], i, st["acc_lp"][i])
            settle(k, st["rb_z"], i, st["rb_lp"][i])
        for i in range(9):
            settle(k, st["r_z"], i, st["r_lp"][i])
    return c["gait_lp"] if st["in_gait"] == 1 else c["acc_lp"]


@kernel
def _kalman_row(st: Any, h0: float, h1: float, h2: float, e: float, w: float, clip: float) -> None:
    """One scalar measurement of the bias: residual ``e``, row h, variance ``w``."""
    p = st["bias_p"]
    b = st["bias"]
    k0 = p[0, 0] * h0 + p[0, 1] * h1 + p[0, 2] * h2
    k1 = p[1, 0] * h0 + p[1, 1] * h1 + p[1, 2] * h2
    k2 = p[2, 0] * h0 + p[2, 1] * h1 + p[2, 2] * h2
    s = 1.0 / (h0 * k0 + h1 * k1 + h2 * k2 + w)
    e = min(max(e, -clip), clip) * s
    b[0] += k0 * e
    b[1] += k1 * e
    b[2] += k2 * e
    p[0, 0] -= k0 * k0 * s
    p[1, 1] -= k1 * k1 * s
    p[2, 2] -= k2 * k2 * s
    p[0, 1] -= k0 * k1 * s
    p[0, 2] -= k0 * k2 * s
    p[1, 2] -= k1 * k2 * s
    p[1, 0] = p[0, 1]
    p[2, 0] = p[0, 2]
    p[2, 1] = p[1, 2]


@kernel
def _rest(
    c: Any, st: Any, ax: float, ay: float, az: float, gx: float, gy: float, gz: float, dt: float
) -> None:
    """Judge rest: both sensors stay near their own short mean for long enough."""
    k, z, m = c["rest_lp"], st["rest_z"], st["rest_lp"]
    x = (ax, ay, az, gx, gy, gz)
    if st["rest_n"] == 0:
        for i in range(6):
            settle(k, z, i, x[i])
        st["rest_n"] = 1
    for i in range(6):
        m[i] = lowpass(k, z, i, x[i])
    da = (ax - m[0]) ** 2 + (ay - m[1]) ** 2 + (az - m[2]) ** 2
    dg = (gx - m[3]) ** 2 + (gy - m[4]) ** 2 + (gz - m[5]) ** 2
    # a bias cannot exceed what the datasheet allows: faster than that is turning, not rest
    fast = max(abs(m[3]), abs(m[4]), abs(m[5])) > c["bias_max"]
    if da > c["rest_acc"] ** 2 or dg > c["rest_gyr"] ** 2 or fast:
        st["rest_s"] = 0.0
        st["rest"] = 0
    else:
        st["rest_s"] += dt
        if st["rest_s"] >= c["rest_time_s"] - 0.5 * dt:
            st["rest"] = 1


@kernel
def attitude_gyro(
    c: Any, st: Any, ax: float, ay: float, az: float, gx: float, gy: float, gz: float, dt: float
) -> None:
    """Take one sample (m/s², rad/s) and leave "up" in ``st["up"]``, the bias in ``st["bias"]``."""
    b = st["bias"]
    p = st["bias_p"]
    if st["samples"] == 0:
        for i in range(3):
            p[i, i] = c["bias_sigma_init"] ** 2
    _rest(c, st, ax, ay, az, gx, gy, gz, dt)
    q = st["q"]
    turn(q, gx - b[0], gy - b[1], gz - b[2], dt)
    fx, fy, fz = rotate(q, ax, ay, az)
    z = st["acc_z"]
    k = choose_average(c, st)
    if st["acc_n"] < c["init_n"]:
        # mean of what there is, until there is enough to fill the filter
        s = st["acc_sum"]
        s[0] += fx
        s[1] += fy
        s[2] += fz
        st["acc_n"] += 1
        m = 1.0 / st["acc_n"]
        lx, ly, lz = s[0] * m, s[1] * m, s[2] * m
        if st["acc_n"] == c["init_n"]:
            settle(k, z, 0, lx)
            settle(k, z, 1, ly)
            settle(k, z, 2, lz)
    else:
        lx = lowpass(k, z, 0, fx)
        ly = lowpass(k, z, 1, fy)
        lz = lowpass(k, z, 2, fz)
    st["acc_lp"][0] = lx
    st["acc_lp"][1] = ly
    st["acc_lp"][2] = lz
    n = np.sqrt(lx * lx + ly * ly + lz * lz)
    if n < 1e-6:
        return
    u = st["u"]
    ox, oy, oz = u[0], u[1], u[2]
    u[0] = lx / n
    u[1] = ly / n
    u[2] = lz / n
    up = st["up"]
    up[0], up[1], up[2] = rotate_back(q, u[0], u[1], u[2])
    first = st["u_known"] == 0
    st["u_known"] = 1

    # bias: the held frame turns with the error of the rate, and "up" shows that turning
    r = st["r_lp"]
    ex = rotate(q, 1.0, 0.0, 0.0)
    ey = rotate(q, 0.0, 1.0, 0.0)
    ez = rotate(q, 0.0, 0.0, 1.0)
    rb = rotate(q, b[0], b[1], b[2])
    row = (ex[0], ey[0], ez[0], ex[1], ey[1], ez[1], ex[2], ey[2], ez[2])
    if st["rb_n"] < c["init_n"]:
        st["rb_n"] += 1
        m = 1.0 / st["rb_n"]
        for i in range(9):
            st["r_sum"][i] += row[i]
            r[i] = st["r_sum"][i] * m
        for i in range(3):
            st["rb_sum"][i] += rb[i]
        lb = (st["rb_sum"][0] * m, st["rb_sum"][1] * m, st["rb_sum"][2] * m)
        if st["rb_n"] == c["init_n"]:
            for i in range(9):
                settle(k, st["r_z"], i, r[i])
            for i in range(3):
                settle(k, st["rb_z"], i, lb[i])
    else:
        for i in range(9):
            r[i] = lowpass(k, st["r_z"], i, row[i])
        lb = (
            lowpass(k, st["rb_z"], 0, rb[0]),
            lowpass(k, st["rb_z"], 1, rb[1]),
            lowpass(k, st["rb_z"], 2, rb[2]),
        )
    st["rb_lp"][0] = lb[0]
    st["rb_lp"][1] = lb[1]
    st["rb_lp"][2] = lb[2]
    v = c["bias_v"]
    p0 = c["bias_sigma_init"] ** 2
    for i in range(3):
        if p[i, i] < p0:
            p[i, i] += v
    if first or dt <= 0.0:
        return
    if st["rest"] == 0 and st["rb_n"] < c["init_n"]:
        return  # while up is still the mean of a few samples, its turning is noise, not bias
    clip = c["bias_max"]
    if st["rest"] == 1:
        pr = c["bias_sigma_rest"] ** 2
        w = pr * pr / v + pr
        m6 = st["rest_lp"]
        _kalman_row(st, 1.0, 0.0, 0.0, m6[3] - b[0], w, clip)
        _kalman_row(st, 0.0, 1.0, 0.0, m6[4] - b[1], w, clip)
        _kalman_row(st, 0.0, 0.0, 1.0, m6[5] - b[2], w, clip)
    else:
        # rotation of up since the sample before, rad/s, in the held frame
        dx = (oy * u[2] - oz * u[1]) / dt
        dy = (oz * u[0] - ox * u[2]) / dt
        dz = (ox * u[1] - oy * u[0]) / dt
        # two horizontal directions of the held frame
        if abs(u[2]) < 0.9:
            t0, t1, t2 = u[1], -u[0], 0.0
        else:
            t0, t1, t2 = 0.0, u[2], -u[1]
        m = 1.0 / np.sqrt(t0 * t0 + t1 * t1 + t2 * t2)
        t0 *= m
        t1 *= m
        t2 *= m
        s0 = u[1] * t2 - u[2] * t1
        s1 = u[2] * t0 - u[0] * t2
        s2 = u[0] * t1 - u[1] * t0
        pm = c["bias_sigma_motion"] ** 2
        w = pm * pm / v + pm
        pv = c["bias_sigma_vertical"] ** 2
        wv = pv * pv / v + pv
        for j in range(3):
            if j == 0:
                h0, h1, h2 = t0, t1, t2
            elif j == 1:
                h0, h1, h2 = s0, s1, s2
            else:
                h0, h1, h2 = u[0], u[1], u[2]
            y = h0 * lb[0] + h1 * lb[1] + h2 * lb[2]
            r0 = r[0] * h0 + r[3] * h1 + r[6] * h2
            r1 = r[1] * h0 + r[4] * h1 + r[7] * h2
            r2 = r[2] * h0 + r[5] * h1 + r[8] * h2
            if j < 2:
                e = h0 * dx + h1 * dy + h2 * dz + y - (r0 * b[0] + r1 * b[1] + r2 * b[2])
                _kalman_row(st, r0, r1, r2, e, w, clip)
            else:
                e = -(r0 * b[0] + r1 * b[1] + r2 * b[2])
                _kalman_row(st, r0, r1, r2, e, wv, clip)


@kernel
def attitude_acc(c: Any, st: Any, ax: float, ay: float, az: float) -> None:
    """Up from the accelerometer alone: its mean over about a second, in the sensor frame."""
    z = st["acc_z"]
    k = c["acc_only_lp"]
    if st["acc_n"] < c["init_only_n"]:
        s = st["acc_sum"]
        s[0] += ax
        s[1] += ay
        s[2] += az
        st["acc_n"] += 1
        m = 1.0 / st["acc_n"]
        lx, ly, lz = s[0] * m, s[1] * m, s[2] * m
        if st["acc_n"] == c["init_only_n"]:
            settle(k, z, 0, lx)
            settle(k, z, 1, ly)
            settle(k, z, 2, lz)
    else:
        lx = lowpass(k, z, 0, ax)
        ly = lowpass(k, z, 1, ay)
        lz = lowpass(k, z, 2, az)
    n = np.sqrt(lx * lx + ly * ly + lz * lz)
    if n < 1e-6:
        return
    up = st["up"]
    up[0] = lx / n
    up[1] = ly / n
    up[2] = lz / n
    st["u_known"] = 1
