"""``python -m calibration.sensor``: what calibration makes of sensors, real and planted.

*The real one.* ``mpu6050_static`` is eleven minutes of a real MPU-6050 on a table: 1.037 g and 4.5
deg/s at rest. Its gyroscope is repaired by the rest that ``gaitpi calibrate`` measures, in its
first twelve seconds, and judged on all the others. Its accelerometer cannot be repaired from there:
in one position a wrong scale and a wrong offset look alike. But the same part was recorded
elsewhere too (https://github.com/sunsided/sensor-fusion, data set 2: turned by hand through many
positions, and left alone in three others). Where these are in ``mpu6050_turned`` of the data
folder, in the format of the others, the correction is fitted, by the length of gravity as in
``gaitpi calibrate six``, to the turned ones only, and judged on those left alone. Turned by hand it
is never quite still, so what does not fit is some mg, and outliers weigh less (Huber).

*Planted.* The virtual chip with errors at the size of the data sheet in six positions, put down
well and badly; and those of the real one laid over recordings with an optically known up.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from calibration.validation.metrics import Floats, angle_deg, rms
from calibration.validation.recordings import BROAD, RBDS, STATIC, Recording, Source
from gaitpi.config import ImuConfig
from gaitpi.device.sixpositions import Fit, SixPositions, by_length, solve
from gaitpi.device.stand import MEASURE_S, SETTLE_S, StandMeasurement
from gaitpi.gait import GaitEstimator, Start
from gaitpi.hostclock import VirtualClock
from gaitpi.imu.chips.mpu6050.twin import VirtualMpu6050
from gaitpi.imu.reader import open_reader
from gaitpi.imu.virtual.posed import REAL, SIX, TILTED, Posed, SensorErrors, box
from gaitpi.imu.virtual.transport import VirtualTransport
from gaitpi.units import DEG_PER_RAD, G0

TURNED: Final = "mpu6050_turned"
LEFT_ALONE: Final = "unmoved"
WINDOW_S: Final = 0.3
ROUGH_MAX: Final = 0.03 * G0
"""A window of hand-turning counts when its samples lie this near to a straight line, m/s²."""
HUBER: Final = 1.5
MG: Final = 1000.0 / G0


@dataclass(frozen=True)
class Found:
    """Correction of a real sensor: true = ``k`` @ (read - ``b``); sd of the nine, windows used."""

    k: Floats
    b: Floats
    b_sd: Floats
    scale_sd: Floats
    cross_sd: Floats
    left: float
    windows: int

    def apply(self, acc: Floats) -> Floats:
        """Corrected forces (n, 3)."""
        out: Floats = (acc - self.b) @ self.k
        return out


def slow_windows(recordings: list[Recording]) -> Floats:
    """Mean force (n, 3) of the windows in which the sensor was turned slowly and smoothly."""
    means = []
    for rec in recordings:
        n = round(WINDOW_S * rec.rate_hz)
        k = np.arange(n) - 0.5 * (n - 1)
        for i in range(0, len(rec.acc) - n, n // 2):
            part = rec.acc[i : i + n]
            slope = k @ part / (k @ k)
            rough = (part - part.mean(axis=0) - k[:, None] * slope).std(axis=0).max()
            if rough < ROUGH_MAX:
                means.append(part.mean(axis=0))
    return np.array(means)


def fitted(read: Floats) -> Found:
    """Nine parameters by the length of gravity, outliers weighed down (Huber)."""
    sd = np.full(len(read), 0.01 * G0)
    for _ in range(15):
        k, b, sds, cross, _ = by_length(read, sd, G0, cross=True)
        left = np.abs(np.linalg.norm((read - b) @ k, axis=1) - G0)
        spread = 1.4826 * float(np.median(left))
        sd = spread * np.sqrt(np.maximum(1.0, left / (HUBER * spread)))
    return Found(k, b, sds[:3], sds[3:], cross, spread, len(read))


def real_gyro(rec: Recording) -> Iterator[str]:
    """Rate at rest before and after the bias of the first seconds."""
    assert rec.gyr is not None
    measurement = StandMeasurement(rec.rate_hz)
    head = int((SETTLE_S + MEASURE_S + 1.0) * rec.rate_hz)
    measurement.add(rec.acc[:head], rec.gyr[:head], np.arange(head) / rec.rate_hz)
    stand = measurement.stand
    assert stand is not None
    rest = rec.gyr[head:]
    minute = int(60 * rec.rate_hz)
    starts = range(0, len(rest) - minute, minute)
    means = np.array([rest[i : i + minute].mean(axis=0) for i in starts])
    after = means - np.array(stand.gyro_bias)
    minutes = len(rest) / rec.rate_hz / 60
    yield f"gyroscope at rest, {minutes:.0f} min after the measurement ({stand.verdict})"
    yield _row("  bias measured", np.array(stand.gyro_bias) * DEG_PER_RAD, "deg/s")
    yield _row("  rate before", rest.mean(axis=0) * DEG_PER_RAD, "deg/s")
    yield _row("  rate after", (rest.mean(axis=0) - stand.gyro_bias) * DEG_PER_RAD, "deg/s")
    worst = np.abs(after).max() * DEG_PER_RAD
    before = np.abs(means).max() * DEG_PER_RAD
    yield f"  worst minute after: {worst:.3f} deg/s ({before:.2f} before)"
    yield from _drift(rec, head, stand.gyro_bias)


def _drift(rec: Recording, head: int, bias: tuple[float, float, float]) -> Iterator[str]:
    """How far up wanders in the estimator's first seconds; the truth is that it does not move."""
    assert rec.gyr is not None
    part = slice(head, head + int(30.0 * rec.rate_hz))
    mean = rec.acc[part].mean(axis=0)
    truth = (mean / np.linalg.norm(mean))[None]
    known = Start(gyro_bias=bias, gyro_bias_sd=math.radians(0.05))
    worst = []
    for start in (None, known):
        trace = GaitEstimator(rec.rate_hz, start=start).update(rec.acc[part], rec.gyr[part])
        worst.append(float(np.nanmax(angle_deg(trace.up, truth))))
    yield (
        f"  inclination, worst of the first 30 s: {worst[0]:.2f} deg with nothing known, "
        f"{worst[1]:.2f} deg with the bias"
    )


def _row(name: str, values: Floats, unit: str, digits: int = 3) -> str:
    return f"{name:<26}" + "  ".join(f"{v:+.{digits}f}" for v in values) + f" {unit}"


def real_accelerometer(static: Recording, others: list[Recording]) -> Iterator[str]:
    """Gravity at rest before and after, where other positions of the part are there."""
    one = static.acc.mean(axis=0)
    g = float(np.linalg.norm(one)) / G0
    yield f"accelerometer on the table: {g:.4f} g"
    turned = [rec for rec in others if LEFT_ALONE not in rec.name]
    if not turned:
        yield (
            f"  one position alone cannot repair it: {g - 1:+.1%} of scale or "
            f"{1000 * (g - 1):+.0f} mg of offset; no {TURNED} in the data folder"
        )
        return
    found = fitted(slow_windows(turned))
    yield f"  fitted to {found.windows} windows of {len(turned)} recordings turned by hand"
    yield _row("  offset", found.b * MG, f"mg (sd {found.b_sd.max() * MG:.1f})", 1)
    scale = 100.0 * (np.diag(found.k) - 1.0)
    yield _row("  scale corrected by", scale, f"% (sd {found.scale_sd.max():.2%})", 2)
    cross = 100.0 * found.k[[0, 0, 1], [1, 2, 2]]
    yield _row("  cross-axis xy xz yz", cross, f"% (sd {found.cross_sd.max():.2%})", 2)
    yield f"  what does not fit: {found.left * MG:.1f} mg (1 sigma, by the median)"
    yield f"  {'left alone, not in the fit':<44}{'before':>9}{'after':>10}"
    for rec in [static, *(r for r in others if LEFT_ALONE in r.name)]:
        mean = rec.acc.mean(axis=0)
        before, after = (np.linalg.norm(v) / G0 for v in (mean, found.apply(mean[None])[0]))
        yield f"  {rec.name.removeprefix('set-2_')[:44]:<44}{before:>8.4f} {after:>8.4f} g"


# ---------------------------------------------------------------------------- planted


def six_on_chip(source: Posed, *, edges: bool) -> SixPositions:
    """Positions as the driver reads them from the virtual chip; all samples played."""
    clock = VirtualClock()
    reader = open_reader(VirtualTransport([VirtualMpu6050(source, clock)]), clock, ImuConfig())
    reader.start()
    try:
        six = SixPositions(reader.info.rate_hz, edges=edges)
        while not six.done and clock.monotonic() < source.duration_s + 5.0:
            clock.sleep(0.05)
            for batch in reader.poll():
                six.add(*reader.info.si(batch.counts), batch.times())
    finally:
        reader.close()
    return six


def drawn(seed: int, *, cross: bool = True) -> SensorErrors:
    """A sensor at the size of the MPU-6050's data sheet: ±3 % scale, ±2 % cross-axis, ±80 mg."""
    rng = np.random.default_rng([77, seed])
    response = np.eye(3) + np.diag(rng.uniform(-0.03, 0.03, 3))
    for i, j in ((0, 1), (0, 2), (1, 2)):
        response[i, j] = response[j, i] = rng.uniform(-0.02, 0.02) if cross else 0.0
    x, y, z = rng.uniform(-0.08, 0.08, 3) * G0
    bx, by, bz = rng.uniform(-0.1, 0.1, 3)
    return SensorErrors(response=response, offset=(x, y, z), gyr_bias=(bx, by, bz), seed=seed)


def recovered(errors: SensorErrors, fit: Fit) -> tuple[float, float, float]:
    """Largest error of offset (share of g), scale and cross-axis terms."""
    truth = np.linalg.inv(errors.response)
    off = np.array(fit.matrix) - truth
    skew = max(abs(off[i, j]) for i, j in ((0, 1), (0, 2), (1, 2)))
    offset = np.abs(np.array(fit.offset) - errors.offset).max() / G0
    return float(offset), float(np.abs(np.diag(off)).max()), float(skew)


WAYS: Final = (
    ("six sides", False, False),
    ("six sides and six tilted", True, False),
    ("six sides, squared", False, True),
)
PLACED_DEG: Final = (0.0, 0.5, 1.0, 3.0)


def planted(seeds: int) -> Iterator[str]:
    """What six positions give back of planted errors, put down well and badly."""
    yield f"planted errors, worst of {seeds} sensors (share of g; scale; cross-axis)"
    yield f"  {'':<26}{'put down':>9}{'offset':>9}{'scale':>8}{'cross':>8}  grades"
    for name, edges, squared in WAYS:
        for placed in PLACED_DEG:
            worst, grades = np.zeros(3), list[str]()
            for seed in range(seeds):
                errors = drawn(seed)
                ups = (*SIX, *TILTED) if edges else SIX
                source = box(ups, errors, placed_deg=placed, seed=seed)
                six = six_on_chip(source, edges=edges)
                if not six.done:
                    grades.append("not in")
                    continue
                fit = solve(six.positions, squared=squared)
                worst = np.maximum(worst, recovered(errors, fit))
                grades.append(fit.grade)
            offset, scale, cross = worst
            told = ", ".join(f"{grades.count(g)} {g}" for g in dict.fromkeys(sorted(grades)))
            yield f"  {name:<26}{placed:>5.1f} deg{offset:>9.3%}{scale:>8.2%}{cross:>8.2%}  {told}"


def over_truth(source: Source, errors: SensorErrors) -> Iterator[str]:
    """Inclination against an optical up: clean, with the real sensor's errors, and repaired."""
    yield "inclination, mean RMS against the optical up, deg"
    yield f"  {'':<18}{'as recorded':>12}{'with errors':>12}{'repaired':>10}"
    response, offset = errors.response, np.array(errors.offset)
    bias = errors.gyr_bias
    for folder in (BROAD, RBDS):
        sums = np.zeros(3)
        recordings = source.get(folder)
        for rec in recordings:
            assert rec.gyr is not None
            acc = rec.acc @ response.T + offset
            gyr = rec.gyr + np.array(bias)
            back = (acc - offset) @ np.linalg.inv(response).T
            known = Start(gyro_bias=bias, gyro_bias_sd=math.radians(0.05))
            for k, (a, g, start) in enumerate(
                ((rec.acc, rec.gyr, None), (acc, gyr, None), (back, gyr, known))
            ):
                up = GaitEstimator(rec.rate_hz, start=start).update(a, g).up
                sums[k] += _error(rec, up)
        clean, wrong, repaired = sums / len(recordings)
        yield f"  {source.label(folder):<18}{clean:>12.2f}{wrong:>12.2f}{repaired:>10.2f}"


def _error(rec: Recording, up: Floats) -> float:
    assert rec.up is not None
    use = np.ones(len(up), bool) if rec.use is None else rec.use
    return rms(angle_deg(up, rec.up)[use & np.isfinite(up).all(axis=1)])


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(
        prog="python -m calibration.sensor",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="example:\n  python -m calibration.sensor --data ../shared/data --seeds 10",
    )
    parser.add_argument("--data", type=Path, help="folder of recordings; without: simulated ones")
    parser.add_argument("--seeds", type=int, default=10, help="planted sensors")
    args = parser.parse_args()
    source = Source(args.data)
    static = source.get(STATIC)[0]
    if static.simulated:
        print("no recording of the real sensor: the rest is simulated")
    else:
        others = source.get(TURNED) if (args.data / TURNED).is_dir() else []
        for line in (*real_gyro(static), "", *real_accelerometer(static, others), ""):
            print(line, flush=True)
    for line in (*over_truth(source, REAL), "", *planted(args.seeds)):
        print(line, flush=True)


if __name__ == "__main__":
    main()
