"""One slow bow: which way is forward. Pure.

While somebody bows the pack turns about the axis from right to left, and gravity moves towards
the back of the pack: what it leaned away from is forward. The turn is taken from the gyroscope,
so hurry does not tilt it, and held against gravity at its deepest. The bow must lie in one plane
and come back. That it was a bow and no bend to one side nothing in the sensor can say by itself:
where the front is known already (a configured mounting, or an earlier run of this wearing), one
that is 30 deg off is refused as sideways, and in the run gait has to agree.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from gaitpi.gait import GaitParams
from gaitpi.imu.batch import Floats
from gaitpi.units import DEG_PER_RAD, RAD_PER_DEG

Vector = tuple[float, float, float]

DEEP_DEG: Final = 15.0
"""A bow is at least this deep: its direction is then known to some degrees."""
TRIED_DEG: Final = 8.0
"""Less is no bow at all: people sway by 2, shift from leg to leg by 5."""
BACK_SHARE: Final = 0.4
"""Upright again: less than this share of the depth."""
PLANE_DEG: Final = 12.0
"""RMS by which the way down and up may leave one plane."""
TWIST_DEG: Final = 20.0
"""Turned about the vertical by more than this at the deepest: no bow."""
FAST_DEG: Final = 15.0
"""Gravity at the deepest off by more than this: too fast to be measured."""
SIDEWAYS_DEG: Final = GaitParams().front_max_deg
STILL_MAX: Final = 2.0 * RAD_PER_DEG
"""Mean rate of half a second that is still upright, rad/s: twice that of standing."""
STIR_MAX: Final = 20.0 * RAD_PER_DEG
"""The same for a single sample."""
STILL_S: Final = 0.5
LONGEST_S: Final = 12.0
"""A bow that takes longer is none, s."""
FRONT_SD: Final = 5.0 * RAD_PER_DEG
"""How straight forward people bow, 1 sigma, rad: an assumption."""

Verdict = Literal["good", "shallow", "sideways", "crooked", "fast", "long"]


@dataclass(frozen=True, slots=True)
class Bow:
    """A bow. ``up`` and ``front`` (3,) unit vectors in the sensor, square to each other.

    ``depth_deg`` how deep; ``front_sd`` rad; ``why`` in words what the verdict rests on.
    """

    verdict: Verdict
    why: str
    up: Vector
    front: Vector
    depth_deg: float
    front_sd: float

    @property
    def usable(self) -> bool:
        """Whether it says where the front is."""
        return self.verdict == "good"


class BowMeasurement:
    """Takes samples from somebody upright; ``bow`` is there when the bow is over.

    ``gyro_bias`` (3,) rad/s; ``front`` (3,) where it is known already. Nothing is judged before
    half a second of standing still; a change that stays under ``TRIED_DEG`` is no bow, and the
    upright begins anew. The result does not depend on how the samples are cut.
    """

    def __init__(self, rate_hz: float, gyro_bias: Vector, front: Vector | None = None) -> None:
        self._dt = 1.0 / rate_hz
        self._n = max(2, round(STILL_S * rate_hz))
        self._bias = np.array(gyro_bias)
        self._front = None if front is None else np.array(front)
        self._block: list[tuple[Floats, Floats]] = []
        self._up0: Floats | None = None
        self._last_s = math.nan
        self._begin()
        self.bow: Bow | None = None

    def _begin(self) -> None:
        """Upright, from here on."""
        self._turn = np.eye(3)
        self._path: list[Floats] = []
        self._deepest = 0.0
        self._forces: list[Floats] = []
        self._twists: list[float] = []

    @property
    def upright(self) -> bool:
        """Whether somebody stands still, so that a bow may begin."""
        return self._up0 is not None

    @property
    def depth_deg(self) -> float:
        """How deep the bow is now, deg; NaN before it may begin."""
        if self._up0 is None:
            return math.nan
        return _angle_deg(self._turn.T @ self._up0, self._up0)

    def add(self, acc: Floats, gyr: Floats, time_s: Floats) -> None:
        """Take samples (n, 3) m/s², (n, 3) rad/s, (n,) s, in order."""
        for a, g, t in zip(acc, gyr, time_s.tolist(), strict=True):
            if self.bow is not None:
                return
            if not t - self._last_s <= 3.0 * self._dt:
                self._block.clear()
                self._up0 = None
            self._last_s = t
            self._one(a, g)

    def _one(self, a: Floats, g: Floats) -> None:
        rate = g - self._bias
        self._block.append((a, rate))
        if self._up0 is not None:
            self._turn = self._turn @ _rotation(rate * self._dt)
            self._path.append(self._turn.T @ self._up0)
            self._deepest = max(self._deepest, _angle_deg(self._path[-1], self._up0))
            self._forces.append(a)
            self._twists.append(float(rate @ self._up0))
            if len(self._path) * self._dt > LONGEST_S:
                self._over()
        if len(self._block) < self._n:
            return
        force = np.mean([x for x, _ in self._block], axis=0)
        fastest = float(np.max(np.abs(np.mean([w for _, w in self._block], axis=0))))
        shaken = float(np.max(np.abs([w for _, w in self._block])))
        self._block.clear()
        still = fastest < STILL_MAX and shaken < STIR_MAX
        if self._up0 is None:
            if still:
                self._stand(force)
            return
        back = self.depth_deg < max(BACK_SHARE * self._deepest, 3.0)
        if self._deepest < TRIED_DEG:
            if still:
                self._stand(force)
        elif still and back:
            self._over()

    def _stand(self, force: Floats) -> None:
        self._up0 = force / np.linalg.norm(force)
        self._begin()

    def _over(self) -> None:
        """Judge what there is, if it was tried at all."""
        assert self._up0 is not None
        found = judge(
            self._up0,
            np.array(self._path),
            np.array(self._forces),
            np.array(self._twists) * self._dt,
            self._front,
        )
        if found.depth_deg < TRIED_DEG:
            self._up0 = None
        else:
            self.bow = found


def judge(
    up0: Floats, path: Floats, forces: Floats, twists: Floats, front: Floats | None = None
) -> Bow:
    """A bow from upright ``up0`` (3,): ``path`` (n, 3) of up, ``forces`` (n, 3) m/s².

    ``twists`` (n,) turns about upright, rad; ``front`` (3,) as known already.
    """
    depths = np.degrees(np.arccos(np.clip(path @ up0, -1.0, 1.0)))
    at = int(np.argmax(depths))
    depth = float(depths[at])
    level = path - (path @ up0)[:, None] * up0
    deep = depths >= 0.5 * depth
    # up moves to the back of the pack
    mean = -level[deep].sum(axis=0)
    forward = mean / max(float(np.linalg.norm(mean)), 1e-9)
    left = np.cross(up0, forward)
    off = np.degrees(np.arctan2(level[deep] @ left, -(level[deep] @ forward)))
    plane = float(np.sqrt(np.mean(off**2)))
    near = slice(max(0, at - 10), at + 11)
    gravity = forces[near].mean(axis=0)
    apart = _angle_deg(gravity / max(float(np.linalg.norm(gravity)), 1e-9), path[at])
    twist = abs(float(np.sum(twists[: at + 1]))) * DEG_PER_RAD
    verdict, why = _verdict(depth, plane, twist, apart, float(depths[-1]))
    if verdict == "good" and front is not None:
        flat = front - (front @ up0) * up0
        aside = _angle_deg(forward, flat / max(float(np.linalg.norm(flat)), 1e-9))
        if aside > SIDEWAYS_DEG:
            verdict, why = "sideways", f"{aside:.0f} deg beside the front that is known"
    sd = math.hypot(FRONT_SD, plane * RAD_PER_DEG)
    return Bow(verdict, why, _three(up0), _three(forward), depth, sd)


def _verdict(
    depth: float, plane: float, twist: float, apart: float, end: float
) -> tuple[Verdict, str]:
    if depth < DEEP_DEG:
        return "shallow", f"{depth:.0f} deg deep (at least {DEEP_DEG:g})"
    if plane > PLANE_DEG:
        return "crooked", f"partly sideways: it left its plane by {plane:.0f} deg"
    if twist > TWIST_DEG:
        return "crooked", f"the trunk turned by {twist:.0f} deg meanwhile"
    if apart > FAST_DEG:
        return "fast", f"too fast: gravity was {apart:.0f} deg off at the deepest"
    if end > max(BACK_SHARE * depth, 3.0):
        return "long", f"not upright again within {LONGEST_S:g} s"
    return "good", f"{depth:.0f} deg deep, {plane:.0f} deg out of its plane"


def told(bow: Bow) -> str:
    """The result in a sentence."""
    if not bow.usable:
        return f"No bow: {bow.why}. Stand, bow once slowly straight forward, come up again."
    k = max(range(3), key=lambda i: abs(bow.front[i]))
    axis = f"{'-' if bow.front[k] < 0 else '+'}{'xyz'[k]}"
    off = math.degrees(math.acos(min(1.0, abs(bow.front[k]))))
    return f"Bow: forward is {axis}, {off:.0f} deg off; {bow.why}."


def _rotation(v: Floats) -> Floats:
    """The rotation (3, 3) by the vector ``v`` (rad), exactly."""
    angle = float(np.linalg.norm(v))
    if angle < 1e-12:
        return np.eye(3)
    x, y, z = v / angle
    k = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    turn: Floats = np.eye(3) + math.sin(angle) * k + (1.0 - math.cos(angle)) * (k @ k)
    return turn


def _angle_deg(a: Floats, b: Floats) -> float:
    return math.acos(min(1.0, max(-1.0, float(a @ b)))) * DEG_PER_RAD


def _three(values: NDArray[np.float64]) -> Vector:
    x, y, z = values.tolist()
    return x, y, z
