"""Slow, obvious twins of the gait kernels: plain numpy and loops, from the mathematics.

Whole arrays in, whole arrays out; no numba, no ring, no carried memory where the definition
needs none. Parameters are read from :class:`GaitParams`; what the estimator derives from them
(coefficients, sample counts) is derived here a second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gaitpi.gait.params import GaitParams
from gaitpi.units import DEG_PER_RAD, G0, RAD_PER_DEG

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# --- filters --------------------------------------------------------------------------------


def butterworth_polynomials(cutoff_hz: float, rate_hz: float) -> tuple[Floats, Floats]:
    """Numerator and denominator (3,) of a second-order Butterworth low-pass.

    The two poles on the circle of the prewarped cut-off, moved by the bilinear transform; two
    zeros at the Nyquist frequency; gain one at rest.
    """
    warped = 2.0 * rate_hz * np.tan(np.pi * min(cutoff_hz, 0.45 * rate_hz) / rate_hz)
    poles = warped * np.exp(1j * np.pi * np.array([0.75, 1.25]))
    a = np.real(np.poly((2.0 * rate_hz + poles) / (2.0 * rate_hz - poles)))
    return np.array([1.0, 2.0, 1.0]) * a.sum() / 4.0, a


def butterworth(
    x: Floats, cutoff_hz: float, rate_hz: float, before: float | Floats = 0.0
) -> Floats:
    """The filter's difference equation over ``x`` (n, ...); input and output were ``before``."""
    b, a = butterworth_polynomials(cutoff_hz, rate_hz)
    past = np.broadcast_to(before, x.shape[1:])
    xs, ys = [past, past], [past, past]
    for value in x:
        xs.append(value)
        ys.append(b[0] * xs[-1] + b[1] * xs[-2] + b[2] * xs[-3] - a[1] * ys[-1] - a[2] * ys[-2])
    return np.array(ys[2:]).reshape(x.shape)


def tau_cutoff(tau_s: float) -> float:
    """Cut-off (Hz) of the Butterworth with time constant ``tau_s``: its step response settles
    as exp(-t/tau), the real part of its poles being -1/tau."""
    return float(1.0 / (2.0 * np.pi * tau_s * np.cos(np.pi / 4.0)))


def mean_then_lowpass(x: Floats, tau_s: float, rate_hz: float) -> Floats:
    """The mean of what there is during the first ``tau_s``, then the low-pass settled on it."""
    n = max(1, round(tau_s * rate_hz))
    mean = np.cumsum(x[:n], axis=0) / np.arange(1, len(x[:n]) + 1).reshape(-1, *[1] * (x.ndim - 1))
    rest = butterworth(x[n:], tau_cutoff(tau_s), rate_hz, before=mean[-1])
    return np.concatenate([mean, rest])


def ema(x: Floats, k: float, start: float | Floats) -> Floats:
    """Exponential average of ``x`` (n, ...) with gain ``k`` from ``start``."""
    out = []
    y: float | Floats = start
    for value in x:
        y = (1.0 - k) * y + k * value
        out.append(y)
    return np.array(out)


# --- attitude -------------------------------------------------------------------------------


def unit(v: Floats) -> Floats:
    """``v`` (..., 3) with length one; NaN where there is next to nothing."""
    length = np.linalg.norm(v, axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(length < 1e-6, np.nan, v / length))


def rotation(vector: Floats) -> Floats:
    """Rotation matrix (3, 3) about ``vector`` by its length in rad: the matrix exponential."""
    angle = float(np.linalg.norm(vector))
    if angle == 0.0:
        return np.eye(3)
    x, y, z = vector / angle
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    # 1 - cos, without its cancellation for small angles
    return np.asarray(
        np.eye(3) + np.sin(angle) * cross + 2.0 * np.sin(0.5 * angle) ** 2 * cross @ cross
    )


def cross_matrix(v: Floats) -> Floats:
    """[v]x, so that [v]x w = v x w."""
    return np.cross(np.eye(3), v)


def kalman(
    x: Floats, cov: Floats, rows: Floats, residual: Floats, noise: Floats
) -> tuple[Floats, Floats]:
    """The textbook's update of state (9,) and covariance (9, 9), in Joseph's form."""
    gain = cov @ rows.T @ np.linalg.inv(rows @ cov @ rows.T + noise)
    left = np.eye(9) - gain @ rows
    return x + gain @ residual, left @ cov @ left.T + gain @ noise @ gain.T


def up_gyro(
    acc: Floats,
    gyr: Floats,
    rate_hz: float,
    p: GaitParams,
    dt: Floats | None = None,
    gaps: Sequence[int] = (),
    bouts: Ints | None = None,
) -> tuple[Floats, Floats, NDArray[np.bool_], Floats]:
    """Up (n, 3), gyro bias (n, 3) rad/s, rest (n,), uncertainty of up (n,) rad.

    Before samples ``gaps`` time was lost. ``bouts`` (n,) the kind of bout going on, or 0.
    """
    n = len(acc)
    if bouts is None:
        bouts = np.zeros(n, np.int64)
    speeds = np.choose(bouts, [0.0, 0.0, p.walk_speed, p.run_speed])
    kind, speed = 0, 0.0
    if dt is None:
        dt = np.full(n, 1.0 / rate_hz)
    length = max(1, round(p.weigh_s * rate_hz))
    eye, nil = np.eye(3), np.zeros((3, 3))
    of_gravity, of_velocity, of_bias = (np.eye(9)[3 * k : 3 * k + 3] for k in range(3))
    x, cov = np.zeros(9), np.zeros((9, 9))  # gravity, velocity, bias
    cov[6:, 6:] = p.bias_sigma_init**2 * eye
    known, hold, up, sd = False, eye, np.full(3, np.nan), np.nan
    rest_mean, rest_for, rest = np.hstack([acc[0], gyr[0]]), 0.0, False
    changed, expected, turning = np.zeros(3), 0.0, 0.0
    seen: list[int] = []
    holds: list[Floats] = []
    ups, biases, rests, sds = [], [], [], []

    def begin(gravity: Floats, sigma: float) -> None:
        nonlocal x, cov, known, changed, expected
        x = np.hstack([gravity, np.zeros(3), x[6:]])
        known, changed, expected = True, np.zeros(3), 0.0
        start = np.zeros((9, 9))
        start[:3, :3], start[3:6, 3:6] = sigma**2 * eye, p.velocity_init**2 * eye
        start[6:, 6:] = cov[6:, 6:]
        cov = start

    for i in range(n):
        if i in gaps:
            hold, seen, holds = eye, [], []
            if np.isfinite(up).all():
                size = float(np.linalg.norm(x[:3])) if known else G0
                begin(size * up, p.lost_turn * size)
                sd = np.sqrt(2.0) * p.lost_turn
        hold = hold @ rotation((gyr[i] - x[6:]) * dt[i])
        seen.append(i)
        holds.append(hold)
        t = dt[seen]
        total = t.sum()
        turned = np.einsum("i,ijk->jk", t, np.array(holds))
        force = np.einsum("i,ijk,ik->j", t, np.array(holds), acc[seen])
        if known:
            up = hold.T @ unit(x[:3])
        elif np.linalg.norm(force) >= 1e-6 * total:
            up = hold.T @ unit(force)
        if len(seen) == (length if known else 3 * length):
            mean = np.hstack([t @ acc[seen], t @ gyr[seen]]) / total
            off = np.hstack([acc[seen], gyr[seen]]) - rest_mean
            calm = (np.sum(off[:, :3] ** 2, axis=1) <= p.rest_acc**2).all() and (
                np.sum(off[:, 3:] ** 2, axis=1) <= p.rest_gyr**2
            ).all()
            rest_mean = rest_mean + (1.0 - np.exp(-total / p.rest_tau_s)) * (mean - rest_mean)
            calm = calm and np.max(np.abs(rest_mean[3:])) <= p.bias_max
            rest_for = rest_for + total if calm else 0.0
            rest = bool(calm and (rest or rest_for >= p.rest_time_s - 0.5 * total))
            rate2 = t @ np.sum((gyr[seen] - x[6:]) ** 2, axis=1)
            if not known:
                if np.linalg.norm(force) >= 1e-6 * total:
                    begin(force / total, G0)
            else:
                # velocity by the gravity before, then gravity turned by what is left of the bias
                fall = np.block([[eye, nil, nil], [-total * eye, eye, nil], [nil, nil, eye]])
                slip = np.block(
                    [[eye, nil, -cross_matrix(x[:3]) @ turned], [nil, eye, nil], [nil, nil, eye]]
                )
                x = fall @ x
                x[3:6] += force
                cov = slip @ fall @ cov @ fall.T @ slip.T
                wander = (0.1 * RAD_PER_DEG) ** 2 / p.bias_forget_s * total
                grow = np.hstack(
                    [
                        np.full(3, G0**2 * (p.gyr_noise**2 * total + p.gyr_error**2 * rate2)),
                        np.full(3, p.velocity_walk**2 * total),
                        np.where(np.diag(cov)[6:] < p.bias_sigma_init**2, wander, 0.0),
                    ]
                )
                cov = cov + np.diag(grow)
                if bouts[i] != kind and 3 in (bouts[i], kind):
                    dv = speeds[i] - speed
                    cov = cov + np.diag(
                        [(dv / p.speed_memory_s) ** 2] * 3 + [dv**2] * 3 + [0.0] * 3
                    )
                kind, speed = bouts[i], speeds[i]
                keep = np.exp(-total / p.doubt_s)
                before, spread = x, np.trace(cov[:3, :3])
                x, cov = kalman(x, cov, of_velocity, -x[3:6], p.velocity_noise**2 / total * eye)
                changed = keep * changed + of_gravity @ (x - before)
                expected = keep**2 * expected + spread - np.trace(cov[:3, :3])
            if rest and known:
                before, spread = x, np.trace(cov[:3, :3])
                x, cov = kalman(
                    x, cov, of_bias, mean[3:] - x[6:], p.bias_sigma_rest**2 / total * eye
                )
                changed = changed + of_gravity @ (x - before)
                expected = expected + spread - np.trace(cov[:3, :3])
            x[6:] = np.clip(x[6:], -p.bias_max, p.bias_max)
            size = float(np.linalg.norm(x[:3]))
            if known and size >= 1e-6:
                about_up = (mean[3:] - x[6:]) @ up
                turning += (1.0 - np.exp(-total / p.doubt_s)) * (about_up - turning)
                level = eye - np.outer(x[:3], x[:3]) / size**2
                own = np.trace(level @ cov[:3, :3] @ level)
                odd = max(0.0, changed @ changed - expected)
                curve = speeds[i] * turning
                sd = np.sqrt(own + odd + curve**2) / size
            seen, holds = [], []
        ups.append(up)
        biases.append(x[6:])
        rests.append(rest)
        sds.append(sd)
    return np.array(ups), np.array(biases), np.array(rests), np.array(sds)


def up_acc(acc: Floats, rate_hz: float, p: GaitParams) -> Floats:
    """Up (n, 3) without a gyroscope: the direction of the mean specific force."""
    return unit(mean_then_lowpass(acc, p.tau_acc_only_s, rate_hz))


# --- waves and steps ------------------------------------------------------------------------


@dataclass(frozen=True)
class Waves:
    """Coarse wave ``p`` (n,), its slow mean ``mean`` (n,), size of the usual wave (n,) after each
    sample, and the turns (k, 4): sample where seen, sample of the extreme, value, +1 peak or -1.
    """

    p: Floats
    mean: Floats
    usual: Floats
    turns: Floats


def waves(v: Floats, rate_hz: float, p: GaitParams, bout: Ints | None = None) -> Waves:
    """Turning points of the vertical acceleration ``v`` (n,): a zigzag, its threshold relative.

    ``bout`` (n,) the kind of gait going on before each sample; in a walk the threshold is fixed.
    """
    if bout is None:
        bout = np.zeros(len(v), np.int64)
    k = 1.0 - np.exp(-1.0 / (p.mean_tau_s * rate_hz))
    mean = ema(v, k, 0.0)
    wave = butterworth(v - mean, p.coarse_hz, rate_hz)
    usual, usuals = 0.0, []
    turns: list[tuple[float, ...]] = []
    start, down = 0, True
    valley = wave[0]
    for n in range(len(wave)):
        need = max(p.wave_floor if bout[n] == 3 else p.top_floor, p.reversal * usual)
        if bout[n] == 2:
            need = p.top_floor
        leg = wave[start : n + 1]
        if down and wave[n] - leg.min() > need:
            at = start + int(np.argmin(leg))
            valley = wave[at]
            turns.append((n, at, valley, -1.0))
            start, down = n, False
        elif not down and leg.max() - wave[n] > need:
            at = start + int(np.argmax(leg))
            turns.append((n, at, wave[at], 1.0))
            usual += 0.25 * (wave[at] - valley - usual)
            start, down = n, True
        usual *= 1.0 - 0.5 * k
        usuals.append(usual)
    return Waves(wave, mean, np.array(usuals), np.array(turns).reshape(-1, 4))


def smooth_force(v: Floats, rate_hz: float, p: GaitParams) -> Floats:
    """Vertical specific force (n,), averaged with a triangle that is cut at the ends."""
    half = max(1, int(np.ceil(p.smooth_s * rate_hz - 1e-9)) - 1)
    triangle = np.bartlett(2 * half + 3)[1:-1]
    weight = np.convolve(np.ones(len(v)), triangle)[half:-half]
    return np.asarray(np.convolve(v, triangle)[half:-half] / weight + G0)


def crossing(t: Floats, f: Floats, i: int, level: float) -> float:
    """Time at which ``f`` meets ``level`` between samples i and i + 1."""
    pair = [i, i + 1] if f[i] <= f[i + 1] else [i + 1, i]
    return float(np.interp(level, f[pair], t[pair]))


def initial_contact(
    t: Floats, f: Floats, first: int, bout: int, rate_hz: float, p: GaitParams
) -> tuple[float, int] | None:
    """First landing in the smoothed force ``f`` up to now: time, sample; None without a flight.

    ``first`` is the sample from which the flight is looked for.
    """
    rises = [i for i in range(first, len(f) - 1) if f[i] < G0 <= f[i + 1]]
    if not rises:
        return None
    falls = [i + 1 for i in range(first, len(f) - 1) if f[i + 1] < G0 <= f[i]]
    lows, heights = [], []
    for i in rises:
        begin = max([first, *(j for j in falls if j <= i)])
        end = min([len(f), *(j for j in falls if j > i)])
        lows.append(f[begin : i + 1].min())
        heights.append(f[i + 1 : end].max() - lows[-1])
    most = int(np.argmax(heights))
    if lows[most] >= {0: p.flight_stay, 2: 0.5 * p.flight_force, 3: G0}[bout]:
        return None
    top = rises[most]
    contact = crossing(t, f, top, G0) - loading_time(t, f, top, first)
    if contact < t[0]:
        return None
    return contact, int(np.clip(np.flatnonzero(t <= contact)[-1], first, top))


def loading_time(t: Floats, f: Floats, top: int, first: int) -> float:
    """Time from where the flank over ``top``, ``top + 1`` begins to its crossing of one g.

    The line through its steepest two samples is followed down to the lowest of the flank.
    """
    falls = np.flatnonzero(np.diff(f) <= 0.0)
    foot = int(max([first, *(falls[falls < top] + 1)]))
    end = int(min([len(f) - 1, *falls[falls > top]]))
    slopes = np.diff(f[foot : end + 1]) / np.diff(t[foot : end + 1])
    k = foot + int(np.argmax(slopes))
    begin = t[k] - (f[k] - f[foot]) / slopes.max()
    return float(max(crossing(t, f, top, G0) - begin, 0.0))


def contact_of_a_rise(
    t: Floats, wave: Floats, step_s: float, rate_hz: float, p: GaitParams
) -> tuple[float, int] | None:
    """Contact where the coarse ``wave`` has just risen through zero; None where it did not.

    The wave is a sine with its top in the middle of double support and is seen late by the
    filter; ``step_s`` 0 = not known yet.
    """
    delay = np.sqrt(2.0) / (2.0 * np.pi * p.coarse_hz)
    if wave[-2] >= 0.0 or len(t) - 1 < 3 * np.floor(delay * rate_hz):
        return None
    step = step_s or 0.5
    top = 0.25 * step  # after the rise through the mean
    after = top - 0.5 * p.double_support * step - delay
    at = float(np.interp(0.0, wave[-2:], t[-2:])) + after
    sample = len(t) - 1 + int(np.trunc(after * rate_hz))
    return at, int(np.clip(sample, 0, len(t) - 1))


def stance(duty: float, share: Floats) -> Floats:
    """Force (g) at shares (n,) of the step, of the body without foot and shank, by duty factor."""
    x = share / duty - 0.47
    half = np.where(x < 0.0, 0.47, 0.53)
    bell = np.where(np.abs(x) <= half, 1.0 + np.cos(np.pi * x / half), 0.0)
    return np.asarray(0.92 / duty * bell)


def wave_phase(
    v: Floats, forward: Floats | None, centre: int, step_s: float, rate_hz: float, p: GaitParams
) -> float:
    """Time (s) from sample ``centre`` to the top of the wave with period ``step_s``.

    Vertical (n,) and, where known, fore-aft acceleration (n,), whose fall goes with the top:
    complex demodulation under a Hann window.
    """
    half = p.walk_window * step_s * rate_hz
    at = np.arange(len(v)) - centre
    hann = np.where(np.abs(at) <= half, np.cos(0.5 * np.pi * at / half) ** 2, 0.0)
    turning = np.exp(2j * np.pi * at / (step_s * rate_hz))
    z = np.sum(hann * (v - np.average(v, weights=hann)) * turning)
    if forward is not None:
        z += 1j * np.sum(hann * (forward - np.average(forward, weights=hann)) * turning)
    return float(np.clip(np.angle(z), -0.5 * np.pi, 0.5 * np.pi) / (2.0 * np.pi) * step_s)


def walking_contact(
    t: Floats,
    v: Floats,
    forward: Floats | None,
    top: int,
    step_s: float,
    rate_hz: float,
    p: GaitParams,
) -> tuple[float, int]:
    """Contact of the wave with its top near sample ``top``: half a double support before it."""
    first = wave_phase(v, forward, top, step_s, rate_hz, p)
    nearer = max(0, top + round(first * rate_hz))
    second = wave_phase(v, forward, nearer, step_s, rate_hz, p)
    shift = round(first * rate_hz) / rate_hz + second - 0.5 * p.double_support * step_s
    sample = top + round(shift * rate_hz)
    return float(t[top] + shift), int(np.clip(sample, 0, len(t) - 1))


def duty_of_fall(share: float, level: float) -> float:
    """The duty factor in 0.4 … 1 whose force falls through ``level`` (g) at this share of a step.

    The share at which it falls grows with the duty factor: sought on a grid, then ever finer.
    """
    low, high = 0.4, 1.0
    for _ in range(8):
        grid = np.linspace(low, high, 13)
        over = [stance(d, np.array([share]))[0] > level and share > 0.47 * d for d in grid]
        early = [share <= 0.47 * d for d in grid]
        late = np.flatnonzero(np.array(over) | np.array(early))
        if len(late) == 0:
            return float(high)
        if late[0] == 0:
            return float(low)
        low, high = grid[late[0] - 1], grid[late[0]]
    return float(0.5 * (low + high))


def contact_time(
    t: Floats, f: Floats, ic: float, step_s: float, p: GaitParams
) -> tuple[float, float]:
    """Contact time and its uncertainty from the smoothed force (n,) of one step, n - 1 intervals.

    NaN where the force falls through none of the levels in time.
    """
    found = []
    end = len(f)
    for level in (1.0, 1.25, 1.5):
        least = 0.4 * (0.47 + 0.53 * np.arccos(level * 0.4 / 0.92 - 1.0) / np.pi)
        falls = [i for i in range(len(f) - 1) if f[i] >= level * G0 > f[i + 1] and i <= end]
        shares = [(crossing(t, f, i, level * G0) - ic) / step_s for i in falls]
        late = [k for k, share in enumerate(shares) if share >= least]
        found.append(duty_of_fall(shares[late[0]], level) if late else np.nan)
        if level == 1.0 and late:
            end = falls[late[0]]  # what comes after is no fall of this stance
    if np.isnan(found).all():
        return np.nan, np.nan
    duties = step_s * np.array(found)
    apart = duties[0] - np.nanmedian(duties)
    sd = np.hypot(p.contact_model_s, 0.0 if np.isnan(apart) else apart)
    return float(duties[0] if abs(apart) <= p.contact_model_s else np.nanmedian(duties)), float(sd)


def cumulative(y: Floats, t: Floats) -> Floats:
    """Trapezoidal integral of ``y`` (n,) over ``t`` (n,), from zero."""
    return np.concatenate([[0.0], np.cumsum(0.5 * (y[1:] + y[:-1]) * np.diff(t))])


def bounce(t: Floats, v: Floats) -> float:
    """Range of the twice integrated acceleration over one step, without mean and drift."""
    span = t[-1] - t[0]
    acceleration = v - cumulative(v, t)[-1] / span
    velocity = cumulative(acceleration, t)
    height = cumulative(velocity - cumulative(velocity, t)[-1] / span, t)
    return float(np.ptp(height))


def bounce_sd(t: Floats, v: Floats, height: float, p: GaitParams) -> float:
    """Uncertainty of a bounce: of scale, and the bend of a speed really gained over the step."""
    bend = cumulative(v, t)[-1] * (t[-1] - t[0]) / 8.0
    return float(np.hypot(p.acc_scale * height, bend))


def impact(t: Floats, v: Floats, end_s: float) -> float:
    """Highest vertical acceleration up to ``end_s``."""
    return float(v[t <= end_s].max())


def side_evidence(
    horizontal: Floats, yaw: Floats, left: Floats, kind: int, p: GaitParams
) -> tuple[float, float]:
    """Push to the left and turn of the pelvis in a step (n samples) that stands on the right."""
    n = len(horizontal)
    phase = np.pi * (np.arange(n) + 0.5) / n
    early = 0.5 * np.pi * p.double_support
    turning = np.sin(phase) if kind == 3 else np.cos(phase + early)
    return float(np.mean(np.sin(phase) * (horizontal @ left))), float(np.mean(turning * yaw))


def live_cadence(contacts: Floats, p: GaitParams) -> float:
    """Cadence (spm) of the last initial contacts (s), over an even number of steps."""
    n = 2 * (min(len(contacts) - 1, int(p.cadence_steps)) // 2)
    if n < 2:
        return np.nan
    return float(60.0 / np.mean(np.diff(contacts)[-n:]))


def cadence_sd(cadence: float, strides: Sequence[float], p: GaitParams) -> float:
    """Standard uncertainty of a cadence over the last strides (s), from their scatter."""
    if len(strides) < 3:
        return np.nan
    mean, variance = strides[0], 0.0
    for n, x in enumerate(strides[1:], start=2):
        k = 1.0 / min(n, p.spread_strides)
        mean, variance = (
            (1.0 - k) * mean + k * x,
            (1.0 - k) * variance + k * (1.0 - k) * (x - mean) ** 2,
        )
    unbiased = variance / (1.0 - k)
    return float(cadence / mean * np.sqrt(unbiased / (p.cadence_steps / 2.0)))


def sides(evidence: Sequence[tuple[float, float]], p: GaitParams) -> list[int]:
    """Side of each of successive steps from (push, turn), NaN unknown.

    Even steps are of one foot, odd ones of the other; the weighted evidence so far tells which.
    """
    out = []
    even = 0
    for n in range(len(evidence)):
        told = [(i, e) for i, e in enumerate(evidence[: n + 1]) if not np.isnan(e[0])]
        if not np.isnan(evidence[n][0]):
            weight = p.side_memory ** np.arange(len(told))[::-1]
            sign = np.array([(-1.0) ** i for i, _ in told])
            share = 0.0
            for m in range(2):
                x = np.array([e[m] for _, e in told])
                if np.any(x):
                    share += 0.5 * np.sum(weight * sign * x) / np.sum(weight * np.abs(x))
            if len(told) >= p.side_steps and abs(share) > p.side_clear:
                even = 1 if share > 0.0 else -1
        out.append(even * (-1) ** n)
    return out


@dataclass(frozen=True)
class Measured:
    """What a step is judged by: its wave and least force (m/s²), its time (s)."""

    wave: float
    step_s: float
    low: float


def gait_kind(step: Measured, bout: int, p: GaitParams) -> int:
    """3 running, 2 walking, 0 neither; ``bout`` the kind of gait going on."""
    lenient = bout == 3 or step.step_s < p.walk_step_min_s
    wave, low = (p.running_stay, p.flight_stay) if lenient else (p.running_wave, p.flight_force)
    flies = step.wave >= wave and step.low < low
    runs = p.run_step_min_s <= step.step_s <= p.run_step_max_s
    walks = p.walk_step_min_s <= step.step_s <= p.walk_step_max_s
    if flies:
        return 3 if runs else 0
    return 2 if walks and step.wave <= p.walking_wave_max else 0


def bouts(steps: Sequence[Measured], p: GaitParams) -> tuple[list[int], list[tuple[int, int]]]:
    """Kind of the bout after each of successive steps; and what is reported: (step, its kind)."""
    n = int(p.bout_steps)
    kinds: list[int] = []
    told: list[tuple[int, int]] = []
    odd: list[bool] = []
    missed: list[int] = []  # a contact within was not seen: of no kind by itself
    usual = 0.0
    alike: list[int] = []  # steps in a row of about the same length
    waiting: list[int] = []
    bout = 0
    begin = 0  # first step after the one that began the present bout
    for i, step in enumerate(steps):
        if bout and step.step_s > (1.0 + 2.0 * p.step_spread) * usual > 0.0:
            missed.append(i)
        odd.append(usual > 0.0 and abs(step.step_s - usual) > p.step_spread * usual)
        usual = 0.5 * (step.step_s + usual) if odd[i] else step.step_s
        alike = [i] if odd[i] else [*alike, i]
        last = [steps[j] for j in alike[-n:]]
        mean = Measured(*np.mean([(s.wave, s.step_s, s.low) for s in last], axis=0))
        kind = gait_kind(mean, bout, p) if len(last) == n else None
        if kind == 2 and bout == 2 and mean.wave < p.wave_floor:
            kind = 0
        if kind == 2 and bout != 2 and (min(s.wave for s in last) < p.wave_floor or mean.low < 0):
            kind = 0
        if bout == 0:
            waiting = [*([] if odd[i] else waiting), i][-15:]
            if kind:
                bout, begin = kind, i + 1
                pushed_off = waiting[0] == 0 and steps[0].step_s < steps[waiting[1]].step_s
                if kind == 2 and pushed_off:
                    waiting = waiting[1:]
                fits = [j for j in waiting if gait_kind(steps[j], bout, p) == bout]
                fits = [j for j in fits if j not in missed]
                told += [(j, bout) for j in waiting if fits and j >= fits[0]]
        else:
            alien = [gait_kind(steps[j], bout, p) != bout for j in range(begin, i + 1)]
            over = alien[-2:] == [True] * 2 or odd[begin:][-3:] == [True] * 3
            if over or kind not in (None, bout):
                # this step may be the first of another bout
                bout, alike, waiting = 0, [i], [i]
            else:
                told.append((i, bout))
        kinds.append(bout)
    return kinds, told


# --- standing and mounting ------------------------------------------------------------------


@dataclass(frozen=True)
class Stillness:
    """Variance about the mean (n,), still (n,), and the stand's up (n, 3; NaN until known)."""

    variance: Floats
    still: NDArray[np.bool_]
    stand_up: Floats


def stillness(t: Floats, acc: Floats, up: Floats, rate_hz: float, p: GaitParams) -> Stillness:
    """Standing still by the accelerometer's variance about its own mean over about a second."""
    k = 1.0 - np.exp(-2.0 / (p.still_time_s * rate_hz))
    mean = ema(acc, k, acc[0])
    before = np.vstack([acc[:1], mean[:-1]])
    variance = ema(np.sum((acc - before) ** 2, axis=1), k, 0.0)
    still = np.zeros(len(t), bool)
    stand, stands = np.full(3, np.nan), []
    first: int | None = None
    for i in range(len(t)):
        if variance[i] > p.still_acc**2:
            first = None
        elif first is None:
            first = i
        if first is not None:
            still[i] = t[i] - t[first] >= p.still_time_s
            if still[i] and t[i] - t[first] >= p.stand_time_s:
                counted = up[first : i + 1][still[first : i + 1]]
                stand = unit(counted.sum(axis=0))
        stands.append(stand)
    return Stillness(variance, still, np.array(stands))


def vertical_velocity(wave: Floats, dt: Floats) -> Floats:
    """Leaky integral (0.5 s) of ``wave`` (n,) with intervals ``dt`` (n,): what came in counts
    less by a share of dt / 0.5 s with each sample after it."""
    out = []
    for i in range(len(wave)):
        left = np.append(np.cumprod((1.0 - dt / 0.5)[i:0:-1])[::-1], 1.0)
        out.append(np.sum(wave[: i + 1] * dt[: i + 1] * left))
    return np.array(out)


def correlation(velocity: Floats, horizontal: Floats, dt: Floats) -> Floats:
    """How far horizontal acceleration (n, 3) goes with the velocity (n,): (3,), at most 1 long."""
    together = (velocity * dt) @ horizontal
    each = np.sum(dt * velocity**2) * np.sum(dt @ horizontal**2)
    return np.asarray(together / np.sqrt(each))


def remembered(values: Floats, p: GaitParams) -> Floats:
    """Mean over steps (n, 3): of all at first, then forgotten over ``axis_tau_steps``."""
    many = int(p.axis_tau_steps)
    first = values[:many].mean(axis=0)
    return np.asarray(ema(values[many:], 1.0 / many, first)[-1] if len(values) > many else first)


def mount(fwd: Floats, zero: Floats) -> Floats:
    """Body axes (3, 3) in the sensor: up is ``zero``, forward what is level of ``fwd``."""
    left = unit(np.cross(zero, fwd))
    return np.array([np.cross(left, zero), left, zero])


def measured_mount(front: Floats, fwd: Floats, zero: Floats, p: GaitParams) -> Floats | None:
    """Body axes with a measured front; None where gait says otherwise."""
    given, found = mount(front, zero), mount(fwd, zero)
    apart = np.arccos(np.clip(given[0] @ found[0], -1.0, 1.0)) * DEG_PER_RAD
    return given if apart < p.front_max_deg else None


def lean_deg(mounting: Floats, up: Floats) -> tuple[Floats, Floats]:
    """Forward and side lean (n,) in degrees of ``up`` (n, 3) seen from the body.

    Forward: angle in the body's fore-aft plane. Side: angle out of that plane.
    """
    x, y, z = (up @ mounting.T).T
    return -np.angle(z + 1j * x) * DEG_PER_RAD, np.arcsin(y) * DEG_PER_RAD
