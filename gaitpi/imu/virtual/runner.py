"""A simulated runner with a belt pack: a signal for the virtual chip, and the exact truth.

The signal is the specific force and angular velocity at the pelvis, computed in closed form
from the steps of a plan (``plan.py``, ``motion.py``), so the truth is known to rounding.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.imu.virtual.motion import DOUBLE_SUPPORT, Cells, Pose, Posture, oscillate, side_of
from gaitpi.imu.virtual.plan import STILL, WALKING, StepNoise, Wander, plan
from gaitpi.imu.virtual.story import Phase
from gaitpi.units import DEG_PER_RAD, G0, RAD_PER_DEG, S_PER_MIN

Floats = NDArray[np.float64]
Vector = tuple[float, float, float]

BLOCK: Final = 2048
"""Samples are always made in whole blocks of this many, counted from sample 0. So the noise of a
sample, and every last bit of it, is the same whichever samples were asked for with it."""

RING_MS2: Final = 17.0
RING_RAD: Final = 1.0 * RAD_PER_DEG
"""Size of the ringing of a wholly loose belt: peaks of 24 m/s² and 1.6 rad/s. Sensors 5 cm apart
differ by up to 24 m/s² and 2.5 rad/s in running (PMC10820910)."""
RING_HZ: Final = (40.0, 15.0)
"""Ringing frequency of a nearly tight and of a wholly loose belt."""
RING_DECAY_S: Final = 0.015

GRID: Final = 64
"""Points per step from which bounce and impact of the truth are found."""

STEP = np.dtype(
    [
        ("ic_s", np.float64),
        ("to_s", np.float64),
        ("contact_s", np.float64),
        ("flight_s", np.float64),
        ("step_s", np.float64),
        ("cadence_spm", np.float64),
        ("bounce_m", np.float64),
        ("impact_ms2", np.float64),
        ("side", np.int8),
        ("kind", np.uint8),
    ]
)
"""One step, from its initial contact to the next one.

``contact_s`` = to_s - ic_s, toe-off being that of the same foot; ``step_s`` = next initial
contact - ic_s; ``flight_s`` = step_s - contact_s, negative in walking (minus the double
support); ``cadence_spm`` = 60 / step_s; ``bounce_m`` range of the height above the path over
the step; ``impact_ms2`` highest vertical acceleration of the pelvis between initial contact and
toe-off, gravity taken off, found on a grid of 64 points (better than 0.5 %); ``side`` -1 left,
+1 right; ``kind`` 2 walking, 3 running. NaN where there is none: the last step before a stop.
"""


@dataclass(frozen=True, eq=False)
class RunnerParams:
    """The runner and the pack.

    ``step_cv``, ``persistence``: see :class:`~gaitpi.imu.virtual.plan.StepNoise`; ``sway_m``
    side-to-side travel of the pelvis in running; ``tilt_deg``, ``obliquity_deg``,
    ``rotation_deg`` half the range of the pelvis in running (Perpiñá-Martínez et al. 2023,
    IJERPH 20:3631: ranges 6, 8-9 and 10-16°); ``lean_wander_deg``, ``contact_wander`` and
    ``impact_wander`` (relative) slow aimless changes of lean, contact time and the speed of the
    landing foot, see
    :class:`~gaitpi.imu.virtual.plan.Wander`; ``mount`` (3, 3) sensor <- body; ``looseness`` of
    the belt 0..1: ringing after each contact and a slow slip; ``acc_noise`` m/s² and
    ``gyr_noise`` rad/s RMS per sample; ``gyr_bias`` rad/s and ``acc_offset`` m/s² in sensor
    axes. Raises ValueError out of range.
    """

    seed: int = 1
    step_cv: float = 0.015
    persistence: float = 0.3
    sway_m: float = 0.02
    tilt_deg: float = 3.1
    obliquity_deg: float = 4.2
    rotation_deg: float = 5.8
    lean_wander_deg: float = 0.0
    contact_wander: float = 0.0
    impact_wander: float = 0.0
    mount: Floats = field(default_factory=lambda: np.eye(3))
    looseness: float = 0.0
    acc_noise: float = 0.004 * G0
    gyr_noise: float = 0.1 * RAD_PER_DEG
    gyr_bias: Vector = (0.0, 0.0, 0.0)
    acc_offset: Vector = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        """Check ranges and that the mount is a rotation."""
        mount = np.asarray(self.mount, dtype=np.float64)
        if mount.shape != (3, 3) or not np.allclose(mount @ mount.T, np.eye(3), atol=1e-9):
            raise ValueError(f"mount must be a (3, 3) rotation, not {mount}")
        if np.linalg.det(mount) < 0:
            raise ValueError("mount mirrors the body: one of its axes has the wrong sign")
        limits = {
            "seed": 2.0**63,
            "step_cv": 0.1,
            "persistence": 1.0,
            "sway_m": 0.1,
            "tilt_deg": 15.0,
            "obliquity_deg": 15.0,
            "rotation_deg": 20.0,
            "lean_wander_deg": 5.0,
            "contact_wander": 0.1,
            "impact_wander": 0.5,
            "looseness": 1.0,
            "acc_noise": 10.0,
            "gyr_noise": 1.0,
        }
        for name, high in limits.items():
            if not 0.0 <= getattr(self, name) <= high:
                raise ValueError(f"{name} must lie in 0..{high}, not {getattr(self, name)}")
        object.__setattr__(self, "mount", mount)

    @property
    def amplitude(self) -> Vector:
        """Pelvis oscillation in rad: tilt, obliquity, rotation."""
        return (
            self.tilt_deg * RAD_PER_DEG,
            self.obliquity_deg * RAD_PER_DEG,
            self.rotation_deg * RAD_PER_DEG,
        )


class Ringing:
    """The pack on a loose belt: t² exp(-t/τ) sin ωt after each contact, and its derivatives.

    Nothing is left of it by the next step (1e-6), and its first two integrals are zero, so it
    adds no drift.
    """

    def __init__(self, ic_s: Floats, looseness: Floats, shake: Floats) -> None:
        self._t = ic_s
        size = looseness * (1.0 + 0.2 * np.clip(shake, -3.0, 3.0))
        hz = RING_HZ[0] + looseness * (RING_HZ[1] - RING_HZ[0])
        self._omega = 2.0 * np.pi * hz
        peak = (2.0 * RING_DECAY_S / math.e) ** 2  # of t² exp(-t/τ)
        self._size = size / peak

    def turn(self, t: Floats) -> tuple[Floats, Floats]:
        """Angle (n,) rad and rate (n,) rad/s by which the ringing turns the pack forward."""
        x, _, g0, g1 = self._wave(t)
        return RING_RAD * x * x * g0, RING_RAD * (2.0 * x * g0 + x * x * g1)

    def push(self, t: Floats) -> Floats:
        """Acceleration (n,) m/s² of the pack against the body."""
        x, w, g0, g1 = self._wave(t)
        k = 1.0 / RING_DECAY_S
        g2 = -2.0 * k * g1 - (k * k + w * w) * g0
        return RING_MS2 / w**2 * (2.0 * g0 + 4.0 * x * g1 + x * x * g2)

    def _wave(self, t: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Time since the contact, angular frequency, damped sine and its derivative, (n,)."""
        i = np.clip(np.searchsorted(self._t, t, side="right") - 1, 0, None)
        x = np.maximum(t - self._t[i], 0.0)
        w = self._omega[i]
        decay = self._size[i] * np.exp(-x / RING_DECAY_S)
        sin = decay * np.sin(w * x)
        return x, w, sin, decay * w * np.cos(w * x) - sin / RING_DECAY_S


def contacts(nodes: NDArray[Any]) -> tuple[NDArray[np.intp], Floats]:
    """Nodes at which a foot comes down, and when (s); not the foot a start pushes off from."""
    moving = nodes["kind"][:-1] != STILL
    at = np.flatnonzero(moving[:-1]) + 1
    return at, nodes["t"][at] - 0.5 * _double_support(nodes)[at]


def _double_support(nodes: NDArray[Any]) -> Floats:
    """Double support (k,) in s around each node; 0 unless between two walking steps."""
    walk = nodes["kind"][:-1] == WALKING
    out = np.zeros(len(nodes))
    dt = np.diff(nodes["t"])
    out[1:-1] = np.where(walk[1:] & walk[:-1], DOUBLE_SUPPORT * 0.5 * (dt[1:] + dt[:-1]), 0.0)
    return out


class Truth:
    """What really happened, exactly; times in seconds from the start of the run.

    Made by :class:`SimulatedRunner`. All functions take times (n,) and may be asked anywhere
    from 0 on. ``shakes`` (k,): for each node at which a foot comes down a standard normal number,
    by which the ringing of a loose belt differs.
    """

    def __init__(
        self,
        nodes: NDArray[Any],
        cells: Cells,
        params: RunnerParams,
        duration_s: float,
        shakes: Floats,
    ) -> None:
        self._nodes, self._cells, self._params = nodes, cells, params
        self._duration_s = duration_s
        self._posture = Posture(nodes)
        at, ic_s = contacts(nodes)
        loose = nodes["looseness"][at]
        self._ring = Ringing(ic_s, loose, shakes[at]) if loose.any() else None

    def ideal(self, t: Floats) -> tuple[Floats, Floats]:
        """Specific force (n, 3) m/s² and angular velocity (n, 3) rad/s, sensor axes, no errors."""
        force = self._cells.acceleration(t)
        force[:, 2] += G0
        pose = self._pose(t)
        acc = pose.to_sensor(force)
        if self._ring is not None:
            push = self._ring.push(t)
            acc[:, 0] += 0.5 * push
            acc[:, 2] += push
        mount = self._params.mount.T
        return acc @ mount, pose.rates() @ mount

    def _pose(self, t: Floats) -> Pose:
        pose = oscillate(*self._posture.at(t), self._params.amplitude)
        if self._ring is None:
            return pose
        angle, rate = self._ring.turn(t)
        return Pose((*pose.angle[:3], pose.angle[3] + angle), (*pose.rate[:3], pose.rate[3] + rate))

    def up(self, t: Floats) -> Floats:
        """Unit vector (n, 3) pointing up, sensor axes: with every oscillation and the belt's."""
        return self._pose(t).up() @ self._params.mount.T

    def lean_deg(self, t: Floats) -> Floats:
        """Mean lean of the body (n,) in degrees, forward positive.

        Without the oscillation within a step, and without what a slipping belt adds to the
        sensor's own tilt.
        """
        return np.asarray(self._posture.at(t)[0][1] * DEG_PER_RAD)

    def side_lean_deg(self, t: Floats) -> Floats:
        """Mean side lean of the body (n,) in degrees, right positive."""
        return np.asarray(self._posture.at(t)[0][2] * DEG_PER_RAD)

    def slip_deg(self, t: Floats) -> Floats:
        """How far (n,) the pack has slipped forward on the belt, degrees, ringing not included."""
        return np.asarray(self._posture.at(t)[0][3] * DEG_PER_RAD)

    def height(self, t: Floats) -> Floats:
        """Height (n,) in m of the pelvis above its path; 0 at initial contact and toe-off."""
        return self._cells.vertical(t)[0]

    def activity(self, t: Floats) -> NDArray[np.uint8]:
        """1 still, 2 walking, 3 running (n,)."""
        return np.asarray(self._nodes["kind"][self._node(t)], dtype=np.uint8)

    def cadence_spm(self, t: Floats) -> Floats:
        """Rate of the step phase (n,) in steps/min of both feet, NaN in standing."""
        rate = self._posture.at(t)[1][-1] * S_PER_MIN
        return np.where(self.activity(t) == STILL, np.nan, rate)

    def grade(self, t: Floats) -> Floats:
        """Slope of the ground (n,), rise over run."""
        return np.asarray(self._nodes["grade"][self._node(t)], dtype=np.float64)

    def _node(self, t: Floats) -> NDArray[np.intp]:
        last = len(self._nodes) - 1
        return np.clip(np.searchsorted(self._nodes["t"], t, side="right") - 1, 0, last)

    @cached_property
    def steps(self) -> NDArray[Any]:
        """All steps with an initial contact within the run, in order (``STEP``)."""
        nodes = self._nodes
        at, ic_s = contacts(nodes)
        kind, before = nodes["kind"][at], nodes["kind"][at - 1]
        goes_on = kind != STILL
        toe_off = nodes["t"][at] + nodes["contact_s"][at]
        half = 0.5 * _double_support(nodes)
        walk = kind == WALKING
        toe_off[walk] = (nodes["t"] + half)[at[walk] + 1]

        out = np.zeros(len(at), dtype=STEP)
        out["ic_s"] = ic_s
        out["to_s"] = np.where(goes_on, toe_off, np.nan)
        out["contact_s"] = out["to_s"] - ic_s
        after = np.append(ic_s[1:], np.nan)
        out["step_s"] = np.where(goes_on, after - ic_s, np.nan)
        out["flight_s"] = out["step_s"] - out["contact_s"]
        out["cadence_spm"] = S_PER_MIN / out["step_s"]
        out["side"] = side_of(at)
        out["kind"] = np.where(goes_on, kind, before)
        out = out[ic_s < self._duration_s]
        for start in range(0, len(out), BLOCK):
            self._measure(out[start : start + BLOCK])
        return out

    def _measure(self, steps: NDArray[Any]) -> None:
        """Fill in bounce and impact, from the closed form on a grid over each step."""
        share = np.linspace(0.0, 1.0, GRID)
        for name, length in (("bounce_m", "step_s"), ("impact_ms2", "contact_s")):
            steps[name] = np.nan
            there = np.flatnonzero(np.isfinite(steps[length]))
            t = steps["ic_s"][there, None] + steps[length][there, None] * share
            # A shade inside the stretch: at the last point the next cell has begun.
            t[:, -1] -= 1e-9
            z, a = (x.reshape(t.shape) for x in self._cells.vertical(t.ravel()))
            if name == "bounce_m":
                steps[name][there] = _top(z) + _top(-z)
            else:
                steps[name][there] = _top(a)


def _top(values: Floats) -> Floats:
    """Maximum of each row (n, m), refined by the parabola through its neighbours."""
    row = np.arange(len(values))
    i = np.clip(values.argmax(axis=1), 1, values.shape[1] - 2)
    a, b, c = values[row, i - 1], values[row, i], values[row, i + 1]
    bend = a - 2.0 * b + c
    lift = np.where(bend < 0.0, (a - c) ** 2 / np.where(bend < 0.0, -8.0 * bend, 1.0), 0.0)
    inside = np.abs(a - c) < -2.0 * bend
    best: Floats = np.maximum(values.max(axis=1), b + np.where(inside, lift, 0.0))
    return best


def sensor_noise(seed: int, block: int) -> Floats:
    """Standard normal noise (2, ``BLOCK``, 3) of accelerometer and gyroscope in a block."""
    rng = np.random.Generator(np.random.Philox(key=[seed, block]))
    return rng.standard_normal((2, BLOCK, 3))


def wander_of(params: RunnerParams) -> Wander | None:
    """The slow changes of form of this runner; None where there are none."""
    sizes = (
        params.lean_wander_deg * RAD_PER_DEG,
        params.contact_wander,
        params.impact_wander,
    )
    return Wander(np.random.default_rng([params.seed, 2]), *sizes) if any(sizes) else None


class SimulatedRunner:
    """A run made of phases, as a signal for the virtual chip and as truth.

    ``phases`` in order (see ``story.py``); ``params`` the runner and the pack. The same phases,
    parameters and rate always give the same bits. After the last phase the runner comes to rest
    and stands. Raises ValueError for a run without phases.
    """

    rate_hz: float | None = None

    def __init__(self, phases: Sequence[Phase], params: RunnerParams | None = None) -> None:
        if not phases:
            raise ValueError("a run needs at least one phase")
        self.phases = tuple(phases)
        self.params = params or RunnerParams()
        self.duration_s = math.fsum(phase.duration_s for phase in self.phases)
        rng = np.random.default_rng([self.params.seed, 0])
        noise = StepNoise(rng, self.params.step_cv, self.params.persistence)
        nodes = plan(self.phases, self.params.looseness, noise, wander_of(self.params))
        cells = Cells(nodes, self.params.sway_m)
        ring_rng = np.random.default_rng([self.params.seed, 1])
        shakes = np.zeros(len(nodes))
        at, _ = contacts(nodes)
        shakes[at] = ring_rng.standard_normal(len(at))
        self.truth = Truth(nodes, cells, self.params, self.duration_s, shakes)
        self._block: tuple[int, float, Floats, Floats] | None = None

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in :class:`~gaitpi.imu.virtual.source.SignalSource`.

        ``acc`` (n, 3) specific force in m/s² and ``gyr`` (n, 3) in rad/s, sensor axes, at
        ``k / rate_hz`` for k = ``first`` … ``first + n - 1``. Raises ValueError for a negative
        ``first`` or ``n`` or a rate that is none.
        """
        if first < 0 or n < 0 or not (math.isfinite(rate_hz) and rate_hz > 0):
            raise ValueError(f"no samples {first} + {n} at {rate_hz} Hz")
        acc, gyr = np.empty((n, 3)), np.empty((n, 3))
        at = first
        while at < first + n:
            block, skip = divmod(at, BLOCK)
            take = min(BLOCK - skip, first + n - at)
            whole = self._made(block, rate_hz)
            acc[at - first : at - first + take] = whole[0][skip : skip + take]
            gyr[at - first : at - first + take] = whole[1][skip : skip + take]
            at += take
        return acc, gyr

    def _made(self, block: int, rate_hz: float) -> tuple[Floats, Floats]:
        """All samples of a block; the last one made is kept for the next call."""
        if self._block is None or self._block[:2] != (block, rate_hz):
            t = np.arange(block * BLOCK, (block + 1) * BLOCK) / rate_hz
            acc, gyr = self.truth.ideal(t)
            p = self.params
            noise = sensor_noise(p.seed, block)
            acc += p.acc_noise * noise[0] + np.array(p.acc_offset)
            gyr += p.gyr_noise * noise[1] + np.array(p.gyr_bias)
            self._block = (block, rate_hz, acc, gyr)
        return self._block[2], self._block[3]
