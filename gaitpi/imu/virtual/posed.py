"""A sensor turned from pose to pose, as a signal for the virtual chip: a box, or a bow.

Between poses it turns about one axis, beginning and ending gently, about the sensor itself: so
gravity is all the accelerometer feels, seen through its errors.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from gaitpi.imu.virtual.source import Floats
from gaitpi.units import G0, RAD_PER_DEG

BLOCK: Final = 1024
TREMOR_HZ: Final = (0.7, 1.3, 8.0)


@dataclass(frozen=True)
class SensorErrors:
    """What is wrong with a sensor: it reads ``response @ true + offset`` and noise; gyro's bias.

    ``response`` (3, 3); ``offset`` m/s²; ``acc_noise`` m/s² and ``gyr_noise`` rad/s RMS per sample
    (as a real MPU-6050 at 100 Hz); ``gyr_bias`` rad/s; ``tremor_deg`` of a hand that holds it.
    """

    response: Floats = field(default_factory=lambda: np.eye(3))
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    acc_noise: float = 0.04
    gyr_noise: float = 0.0018
    gyr_bias: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tremor_deg: float = 0.0
    seed: int = 1


REAL: Final = SensorErrors(
    response=np.diag([1.005, 1.002, 1.011]),
    offset=(0.105, 0.138, -0.232),
    gyr_bias=(0.079, 0.001, 0.020),
)
"""What a real MPU-6050 was found to have: ``python -m calibration.sensor``."""
SWAY: Final = ((0.13, 0.25), (0.29, 0.15), (0.47, 0.05))
"""Frequency (Hz) and amplitude (deg) of quiet standing, as in ``standing``."""


@dataclass(frozen=True)
class Pose:
    """Where the sensor is turned to by ``begin_s``, and stays until the next: ``turn`` (3, 3).

    ``turn`` takes vectors of the room, z up, into the sensor; ``within_s`` how long turning there
    takes, ending at ``begin_s``.
    """

    begin_s: float
    turn: Floats
    within_s: float = 1.0


def facing(up: Sequence[float]) -> Floats:
    """A turn (3, 3) that has this direction of the sensor (any length) up."""
    z = np.asarray(up, dtype=np.float64) / np.linalg.norm(up)
    x = np.cross(np.eye(3)[int(np.argmin(np.abs(z)))], z)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z])


class Posed:
    """The poses in order, as a signal; ``samples`` as in ``SignalSource``.

    With ``sways`` it is worn by somebody who stands between them.
    """

    rate_hz: float | None = None

    def __init__(
        self,
        poses: Sequence[Pose],
        duration_s: float,
        errors: SensorErrors | None = None,
        *,
        sways: bool = False,
    ) -> None:
        self.poses = list(poses)
        self._sways = SWAY if sways else ()
        self.duration_s = duration_s
        self._errors = errors or SensorErrors()

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in :class:`~gaitpi.imu.virtual.source.SignalSource`."""
        acc, gyr = np.empty((n, 3)), np.empty((n, 3))
        at = first
        while at < first + n:
            block, skip = divmod(at, BLOCK)
            take = min(BLOCK - skip, first + n - at)
            a, g = self._block(block, rate_hz)
            here = slice(at - first, at - first + take)
            acc[here], gyr[here] = a[skip : skip + take], g[skip : skip + take]
            at += take
        return acc, gyr

    def _block(self, block: int, rate_hz: float) -> tuple[Floats, Floats]:
        e = self._errors
        t = np.minimum(np.arange(block * BLOCK, (block + 1) * BLOCK) / rate_hz, self.duration_s)
        force, rate = np.empty((BLOCK, 3)), np.zeros((BLOCK, 3))
        force[:] = self.poses[0].turn[:, 2]
        for before, pose in zip(self.poses, self.poses[1:], strict=False):
            share = np.clip((t - pose.begin_s) / pose.within_s + 1.0, 0.0, 1.0)
            axis, angle = _turn_between(before.turn, pose.turn)
            moved = share > 0.0
            eased = 0.5 - 0.5 * np.cos(math.pi * share[moved])
            speed = 0.5 * math.pi / pose.within_s * np.sin(math.pi * share[moved])
            up = before.turn[:, 2]
            # the room turns the other way round in the sensor
            force[moved] = _about(axis, -angle * eased, up)
            rate[moved] = (angle * speed)[:, None] * axis
        force *= G0
        rng = np.random.Generator(np.random.Philox(key=[e.seed, block]))
        noise = rng.standard_normal((BLOCK, 6))
        shakes = [(hz, e.tremor_deg) for hz in TREMOR_HZ if e.tremor_deg]
        for k, (hz, deg) in enumerate((*shakes, *self._sways)):
            w, size, axis = 2.0 * math.pi * hz, deg * RAD_PER_DEG, np.eye(3)[k % 3]
            force += size * np.sin(w * t + k)[:, None] * np.cross(force, axis)
            rate += size * w * np.cos(w * t + k)[:, None] * axis
        acc = force @ e.response.T + np.array(e.offset) + e.acc_noise * noise[:, :3]
        return acc, rate + np.array(e.gyr_bias) + e.gyr_noise * noise[:, 3:]


def _turn_between(a: Floats, b: Floats) -> tuple[Floats, float]:
    """Axis (3,) in the sensor and angle (rad) of the sensor's turn from pose ``a`` to ``b``."""
    # the sensor's own turn, in its own axes: R_b = Exp(angle axis)^T R_a
    turn = a @ b.T
    angle = math.acos(min(1.0, max(-1.0, 0.5 * (float(np.trace(turn)) - 1.0))))
    if angle < 1e-9:
        return np.array([1.0, 0.0, 0.0]), 0.0
    if math.pi - angle < 1e-6:
        values, vectors = np.linalg.eigh(0.5 * (turn + turn.T))
        axis: Floats = vectors[:, int(np.argmax(values))]
        return axis, angle
    skew = turn - turn.T
    axis = np.array([skew[2, 1], skew[0, 2], skew[1, 0]]) / (2.0 * math.sin(angle))
    return axis, angle


def _about(axis: Floats, angles: Floats, v: Floats) -> Floats:
    """``v`` (3,) turned about ``axis`` by each of ``angles`` (n,) rad: (n, 3)."""
    c, s = np.cos(angles)[:, None], np.sin(angles)[:, None]
    out: Floats = c * v + s * np.cross(axis, v) + (1.0 - c) * float(axis @ v) * axis
    return out


SIX: Final = tuple(sign * np.eye(3)[k] for k in range(3) for sign in (1.0, -1.0))
"""The six sides, as directions of the sensor that are up."""
TILTED: Final = tuple(
    np.eye(3)[i] + sign * np.eye(3)[j]
    for i, j, sign in (
        (0, 1, 1.0),
        (0, 1, -1.0),
        (0, 2, 1.0),
        (0, 2, -1.0),
        (1, 2, 1.0),
        (1, 2, -1.0),
    )
)
"""Six edges, two for each pair of axes."""


def box(
    ups: Sequence[Floats],
    errors: SensorErrors | None = None,
    *,
    hold_s: float = 6.0,
    placed_deg: float = 0.0,
    seed: int = 1,
) -> Posed:
    """A box laid with each of ``ups`` up for ``hold_s``, wrongly by ``placed_deg`` RMS an axis."""
    rng = np.random.default_rng(seed)
    poses = []
    for k, up in enumerate(ups):
        off = placed_deg * RAD_PER_DEG * rng.standard_normal(3)
        level = up / np.linalg.norm(up)
        poses.append(Pose(k * hold_s, facing(level + np.cross(off, level)), 1.0))
    return Posed(poses, len(ups) * hold_s, errors)


def bow(
    mount: Floats,
    *,
    deep_deg: float = 30.0,
    aside_deg: float = 0.0,
    quiet_s: float = 2.0,
    down_s: float = 2.0,
    after_s: float = 3.0,
    errors: SensorErrors | None = None,
    sways: bool = False,
) -> Posed:
    """Somebody stands, bows forward about the hips and comes up; ``mount`` (3, 3) sensor <- body.

    ``aside_deg`` turns the bow to the left: 90 is a bend to the side. At its deepest it is held for
    half a second.
    """
    aside, deep = aside_deg * RAD_PER_DEG, deep_deg * RAD_PER_DEG
    axis = np.array([-math.sin(aside), math.cos(aside), 0.0])  # the left of the way he bows
    bent = np.column_stack([_about(axis, np.array([-deep]), v)[0] for v in np.eye(3)])
    poses = [
        Pose(0.0, mount),
        Pose(quiet_s + down_s, mount @ bent, down_s),
        Pose(quiet_s + 2.0 * down_s + 0.5, mount, down_s),
    ]
    return Posed(poses, quiet_s + 2.0 * down_s + 0.5 + after_s, errors, sways=sways)


def upright() -> Floats:
    """A pack on the back, its sensor's y axis up and z axis forward: (3, 3) sensor <- body."""
    return np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
