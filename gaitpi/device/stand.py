"""Standing still for ten seconds: gyro bias, upright zero, and whether they can be believed. Pure.

A person who stands quietly sways: over one second the trunk turns with some tenths of a degree a
second (the centre of pressure moves by 5 to 10 mm/s on average, Prieto et al. 1996, IEEE Trans
Biomed Eng 43:956; over a metre of pendulum 0.3 to 0.6 deg/s), and tilts by less than a degree
about its mean. So means over whole seconds are judged: of the rate, which in the end must not have
turned the trunk, and of the direction of gravity. A step or a turn is ten times more. A table does
not sway at all: then the bias is taken, the upright zero is not.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from gaitpi.imu.batch import Floats
from gaitpi.units import DEG_PER_RAD, G0, RAD_PER_DEG

SETTLE_S: Final = 2.0
"""From letting the button go to the first sample that counts: the arm comes down, s."""
MEASURE_S: Final = 10.0
SHAKE_MAX: Final = 0.3
"""RMS of the acceleration about its mean that is still standing, m/s² (as the estimator has it)."""
TURN_MAX: Final = 1.0 * RAD_PER_DEG
"""SD of the rate about one axis over whole seconds: twice that of quiet standing, rad/s."""
TILT_MAX: Final = 2.0 * RAD_PER_DEG
"""Farthest that gravity of a second may lie from its mean: twice the sway of standing, rad."""
BIAS_MAX: Final = 20.0 * RAD_PER_DEG
"""A rate at rest that no data sheet allows (MPU-6050: ±20 deg/s), rad/s."""
G_MAX: Final = 0.12
"""Gravity may be wrong by this share: scale ±3 %, offset to 80 mg (MPU-6050 data sheet)."""
LIE_MAX: Final = 0.05 * RAD_PER_DEG
"""Nobody sways so little: SD of the rate over whole seconds about the liveliest axis, rad/s."""

Verdict = Literal["good", "fair", "lying", "moved", "faulty"]
"""``good``, ``fair``: a stand; ``lying``: bias only; ``moved``, ``faulty``: nothing to keep."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What ten seconds showed. SI; ``why`` says in words what the verdict rests on.

    ``gyro_bias`` (3,) rad/s and ``gyro_bias_sd`` of the worst component; ``up`` (3,) unit vector,
    sensor frame, and ``up_sd`` rad (the sway); ``gravity`` mean specific force, m/s²;
    ``acc_noise`` m/s² and ``gyro_noise`` rad/s RMS of one axis within a second, the median of all;
    ``seconds`` measured.
    """

    verdict: Verdict
    why: str
    gyro_bias: tuple[float, float, float]
    gyro_bias_sd: float
    up: tuple[float, float, float]
    up_sd: float
    gravity: float
    acc_noise: float
    gyro_noise: float
    seconds: float

    @property
    def usable(self) -> bool:
        """Whether there is something to keep."""
        return self.verdict in ("good", "fair", "lying")

    @property
    def force(self) -> tuple[float, float, float]:
        """Mean specific force (3,) as read, m/s²."""
        x, y, z = self.up
        return x * self.gravity, y * self.gravity, z * self.gravity

    @property
    def upright(self) -> bool:
        """Whether somebody stood."""
        return self.verdict in ("good", "fair")


class StandMeasurement:
    """Takes samples; ends by itself after ``seconds``, or at the first second that moved.

    The first ``SETTLE_S`` do not count. Times are those of the samples; a gap starts it anew.
    """

    def __init__(self, rate_hz: float, seconds: float = MEASURE_S) -> None:
        self._gap_s = max(0.03, 2.5 / rate_hz)
        self._wanted = seconds
        self._parts: list[tuple[Floats, Floats]] = []
        self._seconds: list[tuple[Floats, Floats]] = []
        self._begin_s = math.nan
        self._last_s = math.nan
        self.stand: Stand | None = None
        """The result; None while it lasts."""

    @property
    def settled(self) -> bool:
        """Whether what comes now counts."""
        return self._last_s - self._begin_s >= SETTLE_S

    def add(self, acc: Floats, gyr: Floats, time_s: Floats) -> None:
        """Take samples (n, 3) m/s², (n, 3) rad/s, (n,) s, in order."""
        for a, g, t in zip(acc, gyr, time_s.tolist(), strict=True):
            if self.stand is not None:
                return
            if not t - self._last_s <= self._gap_s:  # also the very first
                self._restart(t)
            self._last_s = t
            if t - self._begin_s < SETTLE_S:
                continue
            due = SETTLE_S + len(self._seconds) + 1.0
            if t - self._begin_s >= due:
                self._second()
            self._parts.append((a, g))

    def _restart(self, t: float) -> None:
        self._begin_s = t
        self._parts.clear()
        self._seconds.clear()

    def _second(self) -> None:
        """A second is full: judge what there is."""
        acc = np.array([a for a, _ in self._parts])
        gyr = np.array([g for _, g in self._parts])
        self._parts.clear()
        self._seconds.append((acc, gyr))
        found = judge(self._seconds)
        if found.verdict == "moved" or len(self._seconds) >= self._wanted:
            self.stand = found


def judge(seconds: list[tuple[Floats, Floats]]) -> Stand:
    """What whole seconds (acc (n, 3) m/s², gyr (n, 3) rad/s) of standing show; at least one."""
    acc = np.array([a.mean(axis=0) for a, _ in seconds])
    rate = np.array([g.mean(axis=0) for _, g in seconds])
    mean = acc.mean(axis=0)
    gravity = float(np.linalg.norm(mean))
    ups = acc / np.maximum(np.linalg.norm(acc, axis=1), 1e-9)[:, None]
    up = mean / max(gravity, 1e-9)
    tilts = np.arccos(np.clip(ups @ up, -1.0, 1.0))
    turning = rate.std(axis=0)
    shake = max(float(np.sqrt(((a - a.mean(axis=0)) ** 2).sum(axis=1).mean())) for a, _ in seconds)
    drift = float(np.arccos(np.clip(ups[0] @ ups[-1], -1.0, 1.0))) / len(seconds)
    # what scatters in the mean, and what the trunk really turned meanwhile
    bias_sd = float(np.hypot(turning.max() / math.sqrt(len(seconds)), drift))
    bias = rate.mean(axis=0)
    verdict, why = _verdict(gravity, shake, float(tilts.max()), float(turning.max()), bias)
    return Stand(
        verdict=verdict,
        why=why,
        gyro_bias=_three(bias),
        gyro_bias_sd=max(bias_sd, 1e-5),
        up=_three(up),
        up_sd=max(float(np.sqrt((tilts**2).mean())), 1e-4),
        gravity=gravity,
        acc_noise=_noise([a for a, _ in seconds]),
        gyro_noise=_noise([g for _, g in seconds]),
        seconds=float(len(seconds)),
    )


def _verdict(
    gravity: float, shake: float, tilt: float, turning: float, bias: Floats
) -> tuple[Verdict, str]:
    """The verdict and, in words, the number that decided it."""
    g = gravity / G0
    if shake > SHAKE_MAX:
        return "moved", f"shaken by {shake:.2f} m/s2 (at most {SHAKE_MAX:g})"
    if turning > TURN_MAX:
        turned, most = turning * DEG_PER_RAD, TURN_MAX * DEG_PER_RAD
        return (
            "moved",
            f"the trunk turned, {turned:.1f} deg/s from second to second (at most {most:g})",
        )
    if tilt > TILT_MAX:
        tilted, most = tilt * DEG_PER_RAD, TILT_MAX * DEG_PER_RAD
        return "moved", f"the trunk tilted by {tilted:.1f} deg (at most {most:g})"
    if abs(g - 1.0) > G_MAX:
        return "faulty", f"gravity reads {g:.3f} g: no accelerometer in order is so far off"
    if np.abs(bias).max() > BIAS_MAX:
        rate = np.abs(bias).max() * DEG_PER_RAD
        return (
            "faulty",
            f"the gyroscope reads {rate:.0f} deg/s at rest: more than any data sheet has",
        )
    if turning < LIE_MAX:
        return "lying", "stiller than anybody stands: it is not worn"
    sway = f"swayed by {tilt * DEG_PER_RAD:.1f} deg at most"
    if tilt > 0.5 * TILT_MAX or turning > 0.5 * TURN_MAX:
        return "fair", f"{sway}, more than in quiet standing"
    return "good", sway


def _noise(parts: list[Floats]) -> float:
    """RMS of one axis about the mean of its second: the median of all."""
    return float(np.median([part.std(axis=0) for part in parts]))


def _three(values: NDArray[np.float64]) -> tuple[float, float, float]:
    x, y, z = values.tolist()
    return x, y, z


def axis_up(up: tuple[float, float, float]) -> str:
    """The sensor axis that points up most, e.g. "-y"; by how many degrees it is off."""
    k = max(range(3), key=lambda i: abs(up[i]))
    off = math.degrees(math.acos(min(1.0, abs(up[k]))))
    return f"{'-' if up[k] < 0 else '+'}{'xyz'[k]}, {off:.0f} deg off"
