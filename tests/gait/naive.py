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


class RunningMean:
    """``mean_then_lowpass`` one value at a time, for where the input depends on the output."""

    def __init__(self, tau_s: float, rate_hz: float) -> None:
        self.n, self.rate_hz = max(1, round(tau_s * rate_hz)), rate_hz
        self.seen: list[Floats] = []
        self.x: list[Floats] = []
        self.y: list[Floats] = []
        self.tune(tau_s)

    def tune(self, tau_s: float) -> None:
        """Another time constant for the low-pass; what was there is kept as if constant."""
        self.b, self.a = butterworth_polynomials(tau_cutoff(tau_s), self.rate_hz)
        if self.full():
            self.x, self.y = [self.y[0]] * 2, [self.y[0]] * 2

    def restart(self, prior: Floats | None = None, weight: int = 0) -> None:
        """Forget all; ``prior`` counts as the first ``weight`` values."""
        self.seen = [] if prior is None else [prior] * weight
        self.x, self.y = [], []

    def full(self) -> bool:
        return len(self.seen) >= self.n

    def __call__(self, value: Floats) -> Floats:
        if not self.full():
            self.seen.append(value)
            mean: Floats = np.sum(self.seen, axis=0) / len(self.seen)
            if self.full():
                self.x, self.y = [mean, mean], [mean, mean]
            return mean
        x = [value, *self.x]
        out: Floats = (
            self.b[0] * x[0]
            + self.b[1] * x[1]
            + self.b[2] * x[2]
            - self.a[1] * self.y[0]
            - self.a[2] * self.y[1]
        )
        self.x, self.y = x[:2], [out, self.y[0]]
        return out


def at_rest(
    acc: Floats, gyr: Floats, dt: Floats, rate_hz: float, p: GaitParams
) -> tuple[NDArray[np.bool_], Floats]:
    """Rest (n,): both sensors stayed near their own short mean; and that of the rate (n, 3)."""
    both = np.hstack([acc, gyr])
    mean = butterworth(both, tau_cutoff(p.rest_tau_s), rate_hz, before=both[0])
    off = both - mean
    calm = (np.sum(off[:, :3] ** 2, axis=1) <= p.rest_acc**2) & (
        np.sum(off[:, 3:] ** 2, axis=1) <= p.rest_gyr**2
    )
    calm &= np.max(np.abs(mean[:, 3:]), axis=1) <= p.bias_max
    out = np.zeros(len(acc), bool)
    since = 0.0
    for i in range(len(acc)):
        since = since + dt[i] if calm[i] else 0.0
        out[i] = calm[i] and since >= p.rest_time_s - 0.5 * dt[i]
    return out, mean[:, 3:]


def measure(
    b: Floats, cov: Floats, rows: Floats, residual: Floats, noise: Floats, clip: float
) -> tuple[Floats, Floats]:
    """Kalman update of the bias with three measurements at once.

    Only where a residual is large enough to be cut at ``clip`` are they taken one by one, since
    then their order matters.
    """
    if np.max(np.abs(residual)) < 0.5 * clip:
        gain = cov @ rows.T @ np.linalg.inv(rows @ cov @ rows.T + np.diag(noise))
        return b + gain @ residual, (np.eye(3) - gain @ rows) @ cov
    start = b
    for h, e, w in zip(rows, residual, noise, strict=True):
        gain = cov @ h / (h @ cov @ h + w)
        b = b + gain * np.clip(e - h @ (b - start), -clip, clip)
        cov = cov - np.outer(gain, h @ cov)
    return b, cov


def up_gyro(
    acc: Floats,
    gyr: Floats,
    rate_hz: float,
    p: GaitParams,
    dt: Floats | None = None,
    gaps: Sequence[int] = (),
    running: NDArray[np.bool_] | None = None,
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Up (n, 3), gyro bias (n, 3) rad/s and rest (n,); before samples ``gaps`` time was lost.

    ``running`` (n,) where the shorter average is wanted.
    """
    n = len(acc)
    if running is None:
        running = np.zeros(n, bool)
    if dt is None:
        dt = np.full(n, 1.0 / rate_hz)
    rest, mean_rate = at_rest(acc, gyr, dt, rate_hz, p)
    wander = (0.1 * RAD_PER_DEG) ** 2 / (p.bias_forget_s * rate_hz)
    start = p.bias_sigma_init**2

    def noise(sigma: float) -> float:
        """Measurement variance that makes the bias settle at ``sigma``."""
        return sigma**4 / wander + sigma**2

    cov, b, hold = np.eye(3) * start, np.zeros(3), np.eye(3)
    means = [RunningMean(p.tau_acc_s, rate_hz) for _ in range(3)]
    mean_force, mean_hold, mean_bias = means
    short = False
    u: Floats | None = None
    up = np.full(3, np.nan)
    ups, biases = [], []
    for i in range(n):
        if i in gaps:
            hold = np.eye(3)
            mean_hold.restart()
            mean_bias.restart()
            if u is None:
                mean_force.restart()
            else:
                u = up
                mean_force.restart(G0 * up, int(0.1 * rate_hz))
            short = False
            for mean in means:
                mean.tune(p.tau_acc_s)
        if running[i] != short and mean_force.full() and mean_hold.full():
            short = bool(running[i])
            for mean in means:
                mean.tune(p.tau_gait_s if short else p.tau_acc_s)
        hold = hold @ rotation((gyr[i] - b) * dt[i])
        force = mean_force(hold @ acc[i])
        if np.linalg.norm(force) >= 1e-6:
            before, u = u, unit(force)
            up = hold.T @ u
            r, rb = mean_hold(hold), mean_bias(hold @ b)
            cov = cov + np.diag(np.where(np.diag(cov) < start, wander, 0.0))
            if before is not None and rest[i]:
                w = np.full(3, noise(p.bias_sigma_rest))
                b, cov = measure(b, cov, np.eye(3), mean_rate[i] - b, w, p.bias_max)
            elif before is not None and mean_hold.full():
                turned = np.cross(before, u) / dt[i]
                level = np.cross(u, [0.0, 0.0, 1.0] if abs(u[2]) < 0.9 else [1.0, 0.0, 0.0])
                level = unit(level)
                frame = np.array([level, np.cross(u, level), u])
                residual = frame @ (turned + rb) - frame @ r @ b
                residual[2] = -frame[2] @ r @ b
                w = np.array([noise(p.bias_sigma_motion)] * 2 + [noise(p.bias_sigma_vertical)])
                b, cov = measure(b, cov, frame @ r, residual, w, p.bias_max)
        ups.append(up)
        biases.append(b)
    return np.array(ups), np.array(biases), rest


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
    half = max(1, round(p.smooth_s * rate_hz))
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
    """Landing in the smoothed force ``f`` up to now: time and sample; None without a flight.

    ``first`` is the sample from which the flight is looked for.
    """
    rises = [i for i in range(first, len(f) - 1) if f[i] < G0 <= f[i + 1]]
    if not rises:
        return None
    deepest = first + int(np.argmin(f[first : rises[-1] + 1]))
    if f[deepest] >= {0: p.flight_stay, 2: 0.5 * p.flight_force, 3: G0}[bout]:
        return None
    top = min(i for i in rises if i >= deepest)
    early = int(np.floor(p.loading_s * rate_hz))
    return crossing(t, f, top, G0) - p.loading_s, max(first, top - early)


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


def fundamental(duty: Floats) -> Floats:
    """Fundamental (body weights) of half-sine stances of duty factors ``duty`` (n,).

    The Fourier integral of a stance that carries one body weight in the mean, by quadrature.
    """
    nodes, weights = np.polynomial.legendre.leggauss(40)
    time = 0.5 * duty[:, None] * (nodes + 1.0)
    force = 0.5 * np.pi / duty[:, None] * np.sin(np.pi * time / duty[:, None])
    parts = force * np.exp(-2j * np.pi * time) * weights * 0.5 * duty[:, None]
    return np.asarray(2.0 * np.abs(parts.sum(axis=1)))


def duty_of(amplitude: float) -> float:
    """The duty factor with this fundamental: bracketed on a grid, then ever finer ones."""
    low, high = 0.05, 1.0
    for _ in range(4):
        grid = np.linspace(low, high, 200)
        over = np.flatnonzero(fundamental(grid) > amplitude)
        if len(over) == 0:
            return low
        if over[-1] == len(grid) - 1:
            return high
        low, high = grid[over[-1]], grid[over[-1] + 1]
    return float(low)


def contact_time(v: Floats, span_s: float) -> float:
    """Contact time of one step of equally spaced samples: its second Fourier coefficient."""
    push = np.clip(v + G0, 0.0, None)
    return duty_of(float(2.0 * np.abs(np.fft.rfft(push)[1]) / len(v) / G0)) * span_s


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


def impact(t: Floats, v: Floats, end_s: float) -> float:
    """Highest vertical acceleration up to ``end_s``."""
    return float(v[t <= end_s].max())


def lateral(horizontal: Floats, left: Floats) -> float:
    """Mean acceleration to the left in the first 60 % of a step (n, 3)."""
    part = horizontal[: 3 * len(horizontal) // 5]
    return float(np.mean(part @ left))


def live_cadence(contacts: Floats, p: GaitParams) -> float:
    """Cadence (spm) of the last initial contacts (s), over an even number of steps."""
    n = 2 * (min(len(contacts) - 1, int(p.cadence_steps)) // 2)
    if n < 2:
        return np.nan
    return float(60.0 / np.mean(np.diff(contacts)[-n:]))


def sides(pushes: Sequence[float], p: GaitParams) -> list[int]:
    """Side of each of successive steps from their lateral push to the left (m/s², NaN unknown).

    Even steps are of one foot, odd ones of the other; the weighted evidence so far tells which.
    """
    out = []
    even = 0
    for n in range(len(pushes)):
        y = np.array([x for x in pushes[: n + 1] if not np.isnan(x)])
        sign = np.array([(-1.0) ** i for i, x in enumerate(pushes[: n + 1]) if not np.isnan(x)])
        if not np.isnan(pushes[n]):
            weight = p.side_memory ** np.arange(len(y))[::-1]
            agree, all_ = np.sum(weight * sign * y), np.sum(weight * np.abs(y))
            if len(y) >= p.side_steps and abs(agree) > p.side_clear * all_:
                even = 1 if agree > 0.0 else -1
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


def lean_deg(mounting: Floats, up: Floats) -> tuple[Floats, Floats]:
    """Forward and side lean (n,) in degrees of ``up`` (n, 3) seen from the body.

    Forward: angle in the body's fore-aft plane. Side: angle out of that plane.
    """
    x, y, z = (up @ mounting.T).T
    return -np.angle(z + 1j * x) * DEG_PER_RAD, np.arcsin(y) * DEG_PER_RAD
