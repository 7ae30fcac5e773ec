"""Which way is up: gyroscope and accelerometer joined.

Method: strapdown integration of the bias-corrected rate by the exact exponential, sample by
sample; un-normalised specific force and turning are summed in the frame so held, since over whole
strides the mean force is gravity while single samples in running point anywhere (Laidig & Seel,
"VQF", Information Fusion 2023). Every ``weigh_s`` a Kalman filter weighs the sums. Its state is
gravity and velocity in the held frame and the gyro bias; what it is told is that the velocity
about its slow mean stays small. In steady state that is VQF's second-order average of force; here
the averaging is long or short as the uncertainties of tilt and bias demand, and the two are
estimated jointly. Rest shows all three components of the bias. Without a gyroscope the averaging
is done in the sensor frame.
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
def turn(q: Any, gx: float, gy: float, gz: float, dt: float) -> None:
    """Advance ``q`` by the body rate (rad/s) over ``dt`` s: exact for a constant rate."""
    h2 = 0.25 * (gx * gx + gy * gy + gz * gz) * dt * dt
    if h2 < 0.01:
        # the series of sin(h)/h and cos(h), to the last bit at less than 0.2 rad a sample
        s = 1.0 + h2 * (-1 / 6 + h2 * (1 / 120 + h2 * (-1 / 5040 + h2 * (1 / 362880))))
        c = 1.0 + h2 * (-1 / 2 + h2 * (1 / 24 + h2 * (-1 / 720 + h2 * (1 / 40320))))
    else:
        h = np.sqrt(h2)
        s = np.sin(h) / h
        c = np.cos(h)
    s *= 0.5 * dt
    a, b, d = gx * s, gy * s, gz * s
    w0, x0, y0, z0 = q[0], q[1], q[2], q[3]
    w = w0 * c - x0 * a - y0 * b - z0 * d
    x = w0 * a + x0 * c + y0 * d - z0 * b
    y = w0 * b - x0 * d + y0 * c + z0 * a
    z = w0 * d + x0 * b - y0 * a + z0 * c
    # one Newton step to length one: there is only rounding to take away
    n = 1.5 - 0.5 * (w * w + x * x + y * y + z * z)
    q[0] = w * n
    q[1] = x * n
    q[2] = y * n
    q[3] = z * n


@kernel
def _clear_sums(st: Any) -> None:
    """Begin a new stretch of sums."""
    st["sum_n"] = 0
    st["sum_s"] = 0.0
    st["sum_f"][:] = 0.0
    st["sum_r"][:] = 0.0
    st["sum_g"][:] = 0.0
    st["sum_a"][:] = 0.0
    st["sum_w2"] = 0.0
    st["calm"] = 1


@kernel
def _start(c: Any, st: Any, sigma: float) -> None:
    """Start the filter from ``grav`` known to ``sigma`` (m/s²); the bias keeps its variance."""
    p = st["att_p"]
    p[:6, :] = 0.0
    p[:, :6] = 0.0
    for i in range(3):
        p[i, i] = sigma * sigma
        p[3 + i, 3 + i] = c["velocity_init"] ** 2
        st["vel"][i] = 0.0
        st["changed"][i] = 0.0
    st["expected"] = 0.0
    st["att_known"] = 1


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
    _clear_sums(st)
    if st["u_known"] == 0:
        return
    g = st["grav"]
    n = np.sqrt(g[0] ** 2 + g[1] ** 2 + g[2] ** 2) if st["att_known"] == 1 else G0
    for i in range(3):
        st["u"][i] = st["up"][i]
        g[i] = n * st["up"][i]
    _start(c, st, c["lost_turn"] * n)
    st["up_sd"] = np.sqrt(2.0) * c["lost_turn"]


@kernel
def _measure(st: Any, i: int, e: float, variance: float) -> None:
    """One scalar measurement of component ``i`` of the filter's state: residual and variance."""
    p = st["att_p"]
    k = st["att_k"]
    s = 1.0 / (p[i, i] + variance)
    for j in range(9):
        k[j] = p[i, j]
    for j in range(9):
        kj = k[j] * s
        for m in range(9):
            p[j, m] -= kj * k[m]
    e *= s
    for j in range(3):
        st["grav"][j] += k[j] * e
        st["changed"][j] += k[j] * e
        st["expected"] += k[j] * k[j] * s
        st["vel"][j] += k[3 + j] * e
        st["bias"][j] += k[6 + j] * e


@kernel
def _predict(c: Any, st: Any) -> None:
    """Carry gravity, velocity, bias and their covariance over the time of the sums."""
    p = st["att_p"]
    g = st["grav"]
    r = st["sum_r"]
    dt = st["sum_s"]
    for i in range(3):
        st["vel"][i] += st["sum_f"][i] - dt * g[i]
        for j in range(9):
            p[3 + i, j] -= dt * p[i, j]
    for i in range(9):
        for j in range(3):
            p[i, 3 + j] -= dt * p[i, j]
    # a bias left over turns the held frame: gravity moves in it by (R bias) x gravity
    b00 = r[1, 0] * g[2] - r[2, 0] * g[1]
    b01 = r[1, 1] * g[2] - r[2, 1] * g[1]
    b02 = r[1, 2] * g[2] - r[2, 2] * g[1]
    b10 = r[2, 0] * g[0] - r[0, 0] * g[2]
    b11 = r[2, 1] * g[0] - r[0, 1] * g[2]
    b12 = r[2, 2] * g[0] - r[0, 2] * g[2]
    b20 = r[0, 0] * g[1] - r[1, 0] * g[0]
    b21 = r[0, 1] * g[1] - r[1, 1] * g[0]
    b22 = r[0, 2] * g[1] - r[1, 2] * g[0]
    for j in range(9):
        x, y, z = p[6, j], p[7, j], p[8, j]
        p[0, j] += b00 * x + b01 * y + b02 * z
        p[1, j] += b10 * x + b11 * y + b12 * z
        p[2, j] += b20 * x + b21 * y + b22 * z
    for j in range(9):
        x, y, z = p[j, 6], p[j, 7], p[j, 8]
        p[j, 0] += b00 * x + b01 * y + b02 * z
        p[j, 1] += b10 * x + b11 * y + b12 * z
        p[j, 2] += b20 * x + b21 * y + b22 * z
    for i in range(9):
        for j in range(i):
            p[i, j] = p[j, i]
    turn_v = G0 * G0 * (c["gyr_noise"] ** 2 * dt + c["gyr_error"] ** 2 * st["sum_w2"])
    for i in range(3):
        p[i, i] += turn_v
        p[3 + i, 3 + i] += c["velocity_walk"] ** 2 * dt
        if p[6 + i, 6 + i] < c["bias_sigma_init"] ** 2:
            p[6 + i, 6 + i] += c["bias_v"] * dt


@kernel
def _judge_rest(c: Any, st: Any) -> None:
    """Rest: both sensors stayed near their own short mean for long enough."""
    m = st["rest_mean"]
    dt = st["sum_s"]
    k = 1.0 - np.exp(-dt / c["rest_tau_s"])
    for i in range(3):
        m[i] += k * (st["sum_a"][i] / dt - m[i])
        m[3 + i] += k * (st["sum_g"][i] / dt - m[3 + i])
    # a bias cannot exceed what the datasheet allows: faster than that is turning, not rest
    fast = max(abs(m[3]), abs(m[4]), abs(m[5])) > c["bias_max"]
    if st["calm"] == 0 or fast:
        st["rest_s"] = 0.0
        st["rest"] = 0
    else:
        st["rest_s"] += dt
        if st["rest_s"] >= c["rest_time_s"] - 0.5 * dt:
            st["rest"] = 1


@kernel
def _speed(c: Any, kind: int) -> float:
    """Usual speed (m/s) of a bout of this kind."""
    if kind == 3:
        return float(c["run_speed"])
    return float(c["walk_speed"]) if kind == 2 else 0.0


@kernel
def _expect_change(c: Any, st: Any) -> None:
    """Where a running bout begins or ends the mean velocity has changed: make room for that.

    Part of the change has already been taken for gravity.
    """
    now, before = st["bout_kind"], st["att_kind"]
    st["att_kind"] = now
    if now == before or max(now, before) < 3:
        return
    p = st["att_p"]
    dv = _speed(c, now) - _speed(c, before)
    for i in range(3):
        p[3 + i, 3 + i] += dv * dv
        p[i, i] += (dv / c["speed_memory_s"]) ** 2


@kernel
def _uncertainty(c: Any, st: Any) -> None:
    """Standard deviation of the tilt (rad): the filter's own, and two things that it cannot know.

    Beside the covariance stand changes of mind beyond what the covariance led one to expect, and
    the sideways force of a curve at the speed of the gait, which looks like gravity.
    """
    p = st["att_p"]
    g = st["grav"]
    d = st["changed"]
    g2 = g[0] ** 2 + g[1] ** 2 + g[2] ** 2
    along = 0.0
    for i in range(3):
        for j in range(3):
            along += g[i] * p[i, j] * g[j]
    own = max(0.0, p[0, 0] + p[1, 1] + p[2, 2] - along / g2)
    odd = max(0.0, d[0] ** 2 + d[1] ** 2 + d[2] ** 2 - st["expected"])
    curve = _speed(c, st["bout_kind"]) * st["turning"]
    st["up_sd"] = np.sqrt((own + odd + curve * curve) / g2)


@kernel
def _weigh(c: Any, st: Any) -> None:
    """Bring the sums of force and turning into the filter, then begin new ones."""
    dt = st["sum_s"]
    b = st["bias"]
    g = st["grav"]
    _judge_rest(c, st)
    if st["att_known"] == 0:
        for i in range(3):
            g[i] = st["sum_f"][i] / dt
        if g[0] ** 2 + g[1] ** 2 + g[2] ** 2 >= 1e-12:
            _start(c, st, G0)
    else:
        _predict(c, st)
        _expect_change(c, st)
        keep = np.exp(-dt / c["doubt_s"])
        st["changed"][:] *= keep
        st["expected"] *= keep * keep
        for i in range(3):
            _measure(st, 3 + i, -st["vel"][i], c["velocity_noise"] ** 2 / dt)
    if st["rest"] == 1 and st["att_known"] == 1:
        for i in range(3):
            e = st["sum_g"][i] / dt - b[i]
            _measure(st, 6 + i, e, c["bias_sigma_rest"] ** 2 / dt)
    top = c["bias_max"]
    for i in range(3):
        b[i] = min(max(b[i], -top), top)
    n = np.sqrt(g[0] ** 2 + g[1] ** 2 + g[2] ** 2)
    if st["att_known"] == 1 and n >= 1e-6:
        up = st["up"]
        w = 0.0
        for i in range(3):
            st["u"][i] = g[i] / n
            w += (st["sum_g"][i] / dt - b[i]) * up[i]
        st["turning"] += (1.0 - np.exp(-dt / c["doubt_s"])) * (w - st["turning"])
        _uncertainty(c, st)
    _clear_sums(st)


@kernel
def attitude_gyro(
    c: Any, st: Any, ax: float, ay: float, az: float, gx: float, gy: float, gz: float, dt: float
) -> None:
    """Take one sample (m/s², rad/s) and leave "up" in ``st["up"]``, the bias in ``st["bias"]``."""
    b = st["bias"]
    m = st["rest_mean"]
    if st["samples"] == 0:
        for i in range(3):
            if st["att_p"][6 + i, 6 + i] == 0.0:  # else a bias known before
                st["att_p"][6 + i, 6 + i] = c["bias_sigma_init"] ** 2
        m[0], m[1], m[2], m[3], m[4], m[5] = ax, ay, az, gx, gy, gz
        _clear_sums(st)
    q = st["q"]
    wx, wy, wz = gx - b[0], gy - b[1], gz - b[2]
    turn(q, wx, wy, wz, dt)
    # R, sensor to held frame
    w, x, y, z = q[0], q[1], q[2], q[3]
    r00 = 1.0 - 2.0 * (y * y + z * z)
    r01 = 2.0 * (x * y - w * z)
    r02 = 2.0 * (x * z + w * y)
    r10 = 2.0 * (x * y + w * z)
    r11 = 1.0 - 2.0 * (x * x + z * z)
    r12 = 2.0 * (y * z - w * x)
    r20 = 2.0 * (x * z - w * y)
    r21 = 2.0 * (y * z + w * x)
    r22 = 1.0 - 2.0 * (x * x + y * y)
    f = st["sum_f"]
    f[0] += (r00 * ax + r01 * ay + r02 * az) * dt
    f[1] += (r10 * ax + r11 * ay + r12 * az) * dt
    f[2] += (r20 * ax + r21 * ay + r22 * az) * dt
    r = st["sum_r"]
    r[0, 0] += r00 * dt
    r[0, 1] += r01 * dt
    r[0, 2] += r02 * dt
    r[1, 0] += r10 * dt
    r[1, 1] += r11 * dt
    r[1, 2] += r12 * dt
    r[2, 0] += r20 * dt
    r[2, 1] += r21 * dt
    r[2, 2] += r22 * dt
    s = st["sum_g"]
    s[0] += gx * dt
    s[1] += gy * dt
    s[2] += gz * dt
    s = st["sum_a"]
    s[0] += ax * dt
    s[1] += ay * dt
    s[2] += az * dt
    st["sum_w2"] += (wx * wx + wy * wy + wz * wz) * dt
    st["sum_s"] += dt
    da = (ax - m[0]) ** 2 + (ay - m[1]) ** 2 + (az - m[2]) ** 2
    dg = (gx - m[3]) ** 2 + (gy - m[4]) ** 2 + (gz - m[5]) ** 2
    if da > c["rest_acc"] ** 2 or dg > c["rest_gyr"] ** 2:
        st["calm"] = 0
    st["sum_n"] += 1
    u = st["u"]
    if st["att_known"] == 0:
        # nothing but the mean of the few samples that there are
        n = np.sqrt(f[0] * f[0] + f[1] * f[1] + f[2] * f[2])
        if n >= 1e-6 * st["sum_s"]:
            u[0], u[1], u[2] = f[0] / n, f[1] / n, f[2] / n
            st["u_known"] = 1
    if st["u_known"] == 1:
        up = st["up"]
        up[0] = r00 * u[0] + r10 * u[1] + r20 * u[2]
        up[1] = r01 * u[0] + r11 * u[1] + r21 * u[2]
        up[2] = r02 * u[0] + r12 * u[1] + r22 * u[2]
    # the first sums are longer: a single tenth of a second of running may be all flight
    if st["sum_n"] >= (c["weigh_n"] if st["att_known"] == 1 else 3 * c["weigh_n"]):
        _weigh(c, st)


@kernel
def attitude_acc(c: Any, st: Any, ax: float, ay: float, az: float) -> None:
    """Up from the accelerometer alone: low-passed force, in the sensor frame."""
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
