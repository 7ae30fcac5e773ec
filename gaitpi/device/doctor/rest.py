"""Some seconds of a sensor that lies still, measured and judged. Pure but for the reader.

Limits: MPU-6050 product specification PS-MPU-6000A-00 (the noisiest part in use: 400 µg/√Hz and
0.005 °/s/√Hz, so 5 mg and 0.06 °/s over the 94 Hz it is set to; bias to ±20 °/s, gravity to ±12 %
by scale and offset); better parts lie well below.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaitpi.device.doctor.finding import Figure, Finding
from gaitpi.device.stand import BIAS_MAX, G_MAX
from gaitpi.hostclock import HostClock
from gaitpi.imu.batch import Floats, SensorInfo
from gaitpi.imu.reader import Reader
from gaitpi.units import DEG_PER_RAD, G0, RAD_PER_DEG

SECONDS: Final = 5.0
PART_S: Final = 0.25
"""Noise is within such parts, motion is from one to another."""
ACC_MOVED: Final = 0.03 * G0
GYR_MOVED: Final = 3.0 * RAD_PER_DEG
"""A part whose mean is so far from the others: somebody moved it. Standing stays below."""
ACC_NOISE_WARN: Final = 0.010 * G0
ACC_NOISE_FAIL: Final = 0.030 * G0
"""From here on no standing is recognised (``device.stand.SHAKE_MAX``)."""
GYR_NOISE_WARN: Final = 0.2 * RAD_PER_DEG
GYR_NOISE_FAIL: Final = 1.0 * RAD_PER_DEG
BIAS_WARN: Final = 5.0 * RAD_PER_DEG
G_WARN: Final = 0.05
RATE_WARN: Final = 0.03
RATE_FAIL: Final = 0.10
JITTER_WARN_S: Final = 0.010
LATE_WARN_S: Final = 0.030
JITTER_FAIL_S: Final = 0.100
"""The FIFO covers it up, but a cue would come late (one older than 250 ms is dropped)."""
_AXES: Final = ("x", "y", "z")


@dataclass(frozen=True, slots=True)
class Rest:
    """What came in ``seconds``: ``acc`` (n, 3) m/s², ``gyr`` (n, 3) rad/s, in the sensor's axes.

    ``rate_hz`` true; ``polls`` (k, 2): host time before a poll, s, and how many samples had come
    with it, after the last gap; ``lost_s`` gaps; ``faults`` by name; ``clipped`` samples.
    """

    info: SensorInfo
    seconds: float
    rate_hz: float
    acc: Floats
    gyr: Floats
    polls: Floats
    lost_s: float
    faults: dict[str, int]
    clipped: int


def measure(reader: Reader, clock: HostClock, poll_s: float, seconds: float = SECONDS) -> Rest:
    """Read for so long. Shorter where the sensor stopped; then ``acc`` may be empty."""
    acc, gyr = [np.empty((0, 3))], [np.empty((0, 3))]
    polls: list[tuple[float, float]] = []
    lost, clipped, count = 0.0, 0, 0
    start = due = clock.monotonic()
    while (now := clock.monotonic()) < start + seconds:
        for batch in reader.poll():
            a, g = reader.info.si(batch.counts)
            acc.append(a)
            gyr.append(g)
            clipped += batch.clipped
            count = batch.index + len(batch.counts)
            if batch.gap_s > 0.0:
                lost += batch.gap_s
                polls.clear()
            if not polls or polls[-1][0] != now:
                polls.append((now, 0.0))
            polls[-1] = (now, float(count))
        due = max(due + poll_s, now)
        clock.sleep(due - clock.monotonic())
    return Rest(
        info=reader.info,
        seconds=clock.monotonic() - start,
        rate_hz=reader.rate_hz,
        acc=np.concatenate(acc),
        gyr=np.concatenate(gyr),
        polls=np.array(polls).reshape(-1, 2),
        lost_s=lost,
        faults=reader.counters,
        clipped=clipped,
    )


def findings(rest: Rest) -> list[Finding]:
    """Rate, jitter, noise, bias and gravity; only the rate where nothing came."""
    first = rate(rest)
    if len(rest.acc) < rest.info.rate_hz:
        return [first]
    return [first, jitter(rest), noise(rest), bias(rest), gravity(rest)]


# ---------------------------------------------------------------------- time


def rate(rest: Rest) -> Finding:
    """Samples a second by the host's clock, and whether any are missing."""
    nominal = rest.info.rate_hz
    figures: dict[str, Figure] = {
        "rate_hz": round(rest.rate_hz, 3),
        "nominal_hz": nominal,
        "samples": len(rest.acc),
        "lost_s": round(rest.lost_s, 4),
        **{f"faults_{name}": n for name, n in sorted(rest.faults.items())},
    }
    faults = ", ".join(f"{name} {n}" for name, n in sorted(rest.faults.items()))
    if len(rest.acc) < nominal:
        evidence = f"{len(rest.acc)} samples in {rest.seconds:.0f} s ({faults or 'no fault seen'})"
        todo = "The sensor answers and does not stream: check VCC and the wires, or replace it."
        return Finding("rate", "fail", evidence, todo, figures=figures)
    off = rest.rate_hz / nominal - 1.0
    evidence = f"{rest.rate_hz:.2f} Hz, {off:+.1%} of {nominal:.0f}"
    if abs(off) > RATE_FAIL:
        todo = "No sound part is so far off: a copy, or a bad one. Take another."
        return Finding("rate", "fail", evidence, todo, figures=figures)
    if rest.lost_s > 0.0 or faults:
        evidence += f"; {rest.lost_s * 1e3:.0f} ms lost, faults: {faults or 'none'}"
        todo = "Shorten the wires, press the plugs home; 'gaitpi status' counts them in a run."
        return Finding("rate", "warn", evidence, todo, figures=figures)
    if abs(off) > RATE_WARN:
        todo = "gaitpi reckons with the true rate; other parts are nearer."
        return Finding("rate", "warn", evidence, todo, figures=figures)
    return Finding("rate", "pass", f"{evidence}, none lost", figures=figures)


def jitter(rest: Rest) -> Finding:
    """How far samples and host get out of step.

    At a poll at time t the sample number n is known; t - n/rate lies within one sample interval
    of the same place when both are regular. What it spreads beyond that is jitter.
    """
    if len(rest.polls) < 10:
        return Finding("jitter", "skip", "too few reads without a gap to tell")
    t, n = rest.polls[:, 0], rest.polls[:, 1]
    spread = t - n / rest.rate_hz
    low, high = np.quantile(spread, (0.005, 0.995))
    excess = max(0.0, float(high - low) - 1.0 / rest.rate_hz)
    late = np.diff(t)
    longest = float(late.max())
    figures = {"jitter_s": round(excess, 5), "longest_read_s": round(longest, 4)}
    evidence = f"{excess * 1e3:.1f} ms beyond one sample; longest wait {longest * 1e3:.0f} ms"
    held_up = longest - float(np.median(late))
    todo = "Something else keeps the Pi busy: see top; the sensor's FIFO covers some 0.2 s."
    if max(excess, held_up) > JITTER_FAIL_S:
        return Finding("jitter", "fail", evidence, todo, figures=figures)
    if excess > JITTER_WARN_S or held_up > LATE_WARN_S:
        return Finding("jitter", "warn", evidence, todo, figures=figures)
    return Finding("jitter", "pass", evidence, figures=figures)


# ---------------------------------------------------------------------- values


def _parts(values: Floats, rate_hz: float) -> Floats:
    """The samples in parts (k, n, 3) of ``PART_S``."""
    n = max(2, round(PART_S * rate_hz))
    k = len(values) // n
    return values[: k * n].reshape(k, n, 3)


def moved(rest: Rest) -> str:
    """Why it did not lie still, in words; "" when it did."""
    for values, limit, unit, scale in (
        (rest.acc, ACC_MOVED, "mg", 1000.0 / G0),
        (rest.gyr, GYR_MOVED, "deg/s", DEG_PER_RAD),
    ):
        means = _parts(values, rest.rate_hz).mean(axis=1)
        off = float(np.abs(means - np.median(means, axis=0)).max())
        # the mean of a part scatters by its noise too
        sd = float(_parts(values, rest.rate_hz).std(axis=1).max())
        if off > limit + 4.0 * sd / math.sqrt(PART_S * rest.rate_hz):
            return f"it was moved ({off * scale:.0f} {unit} from its mean)"
    return ""


def _still_first(name: str, rest: Rest) -> Finding | None:
    why = moved(rest)
    todo = "Lay the pack on a table, hands off, and run it again."
    return Finding(name, "skip", f"{why}: cannot tell", todo) if why else None


def noise(rest: Rest) -> Finding:
    """RMS within quarters of a second, the liveliest axis; an axis that never moves is dead."""
    dead = [
        f"{sensor} {axis}"
        for sensor, values in (("acc", rest.acc), ("gyr", rest.gyr))
        for axis, one in zip(_AXES, values.T, strict=True)
        if float(np.ptp(one)) == 0.0
    ]
    if dead:
        evidence = f"{', '.join(dead)} never changes, not by one count"
        return Finding("noise", "fail", evidence, "The sensor is broken: replace it.")
    unmoved = _still_first("noise", rest)
    if unmoved is not None:
        return unmoved
    acc, gyr = (
        float(np.median(_parts(values, rest.rate_hz).std(axis=1), axis=0).max())
        for values in (rest.acc, rest.gyr)
    )
    figures: dict[str, Figure] = {
        "acc_noise_mg": round(acc / G0 * 1000, 3),
        "gyr_noise_dps": round(gyr * DEG_PER_RAD, 4),
        "clipped": rest.clipped,
    }
    evidence = f"{acc / G0 * 1000:.1f} mg, {gyr * DEG_PER_RAD:.3f} deg/s"
    todo = "Does the table shake, or a loose lead? Else the part is bad or a poor copy."
    if acc > ACC_NOISE_FAIL or gyr > GYR_NOISE_FAIL:
        return Finding("noise", "fail", evidence, todo, figures=figures)
    if acc > ACC_NOISE_WARN or gyr > GYR_NOISE_WARN:
        return Finding("noise", "warn", evidence, todo, figures=figures)
    return Finding("noise", "pass", evidence, figures=figures)


def bias(rest: Rest) -> Finding:
    """Mean rate at rest."""
    unmoved = _still_first("bias", rest)
    if unmoved is not None:
        return unmoved
    mean = rest.gyr.mean(axis=0)
    worst = float(np.abs(mean).max())
    x, y, z = (float(one) * DEG_PER_RAD for one in mean)
    evidence = f"{x:+.2f}, {y:+.2f}, {z:+.2f} deg/s"
    figures = {"x_dps": round(x, 4), "y_dps": round(y, 4), "z_dps": round(z, 4)}
    if worst > BIAS_MAX:
        evidence += f" (the makers allow {BIAS_MAX * DEG_PER_RAD:.0f})"
        return Finding("bias", "fail", evidence, "The part is bad: replace it.", figures=figures)
    if worst > BIAS_WARN:
        todo = "A stand takes it off: gaitpi calibrate stand."
        return Finding("bias", "warn", evidence, todo, figures=figures)
    return Finding("bias", "pass", evidence, figures=figures)


def gravity(rest: Rest) -> Finding:
    """Length of the mean acceleration against one g."""
    unmoved = _still_first("gravity", rest)
    if unmoved is not None:
        return unmoved
    mean = rest.acc.mean(axis=0)
    length = float(np.linalg.norm(mean)) / G0
    figures = {"g": round(length, 4)}
    evidence = f"{length:.3f} g, {round(length - 1.0, 3) + 0.0:+.1%}"
    if abs(length - 1.0) > G_MAX:
        todo = "No sound part is so far off: wrong chip, wrong range or broken. Replace it."
        return Finding("gravity", "fail", evidence, todo, figures=figures)
    if abs(length - 1.0) > G_WARN:
        todo = "Lean may be off by some degrees; cadence is not. gaitpi calibrate --help"
        return Finding("gravity", "warn", evidence, todo, figures=figures)
    return Finding("gravity", "pass", evidence, figures=figures)
