"""The motion of a simulated runner's pelvis, in closed form.

Forces: every stance is a sum of a few shapes of u = 0..1 whose integrals are known, with the
coefficients solved so that the pelvis leaves and meets the ground exactly at the same height,
at the speed the flight needs: nothing drifts, whatever the step times do.

Orientation: yaw, then lean forward, then lean to the side, then the slip of the belt, each a
cubic spline through the nodes plus the oscillation of the pelvis, with exact derivatives.
"""

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.imu.virtual.plan import RUNNING, STILL, WALKING
from gaitpi.units import G0

Floats = NDArray[np.float64]
Nodes = NDArray[Any]

PULSE: Final = 0.85
"""Shape of the stance pulse 1 - a cos 2πu - (1 - a) cos 4πu: its peak is 2a = 1.7 times its mean,
between a half-sine (1.57; Morin et al. 2005, J Appl Biomech 21:167) and the raised cosine of
Clark, Ryan & Weyand 2017 (J Exp Biol 220:247). Force and loading rate are 0 at both ends."""
PULSE_BLOW: Final = 0.08
"""How much sharper (or flatter) a landing harder (or softer) than usual makes that pulse at the
sacrum, whose greatest acceleration changes by 2.9 to 4.6 (ln) per unit of grade: data of Alcantara
et al. 2022, level against 5 and 10 deg. With the contact time this makes 2.8, the modest end."""
IMPACT_PART: Final = 0.25
"""Share of contact that the impact transient lasts."""
IMPACT_MASS: Final = 0.08
"""Foot and shank as a share of the body (two-mass model, Clark et al. 2017)."""
IMPACT_SPEED: Final = 0.25
"""Their vertical speed at contact per running speed: about 0.8 m/s at 3 m/s."""
BRAKING: Final = 0.1 * G0
"""Peak braking and propulsion, m/s² per m/s: 0.9 body weights from peak to peak at 4.5 m/s
(measured: 1; Cavanagh & Lafortune 1980, J Biomech 13:397)."""
LEG_M: Final = 0.92
PENDULUM: Final = 0.6
"""Rise of the pelvis in walking as a share of a stiff-legged compass's, chosen so that it is
4-5 cm, and the vertical force 0.66-1.34 body weights, at 1.4 m/s and 110 steps/min."""
STEP_LENGTH_MAX_M: Final = 0.85
DOUBLE_SUPPORT: Final = 0.2
"""Each double support as a share of a walking step's time (10 % of the stride)."""
WALK_SWAY: Final = 2.0
"""Lateral sway in walking as a multiple of running's."""
WALK_SHARE: Final = (0.5, 0.8, 0.8)
"""Pelvis tilt, obliquity and rotation in walking as a share of running's: ranges of 3, 7 and 9°
(the order of those in Crosbie et al. 1997, Gait Posture 5:6)."""

_Q_PEAK: Final = 0.75 * math.sqrt(3.0)  # of sin x - sin(2x)/2
_Q_DISPLACEMENT: Final = 3.0 / (8.0 * math.pi)  # its double integral over the stance
# Cubic acceleration: c1, c2, c3 from what the end value and the two integrals still lack.
_CUBIC: Final = np.linalg.inv(
    np.array([[1.0, 1.0, 1.0], [1 / 2, 1 / 3, 1 / 4], [1 / 6, 1 / 12, 1 / 20]])
)


def shapes(u: Floats) -> tuple[Floats, ...]:
    """The ten shapes of vertical acceleration at u (n,): 1, u, u², u³, p, q, w, r, i, s.

    p the pulse (mean 1); q braking to propulsion (mean 0); w = cos 2πu and r (1 to -1, no net
    speed or displacement) for walking; i the impact transient (mean 1 over its part); s what makes
    the pulse sharper (no net speed or displacement).
    """
    c1, s1 = np.cos(np.pi * u), np.sin(np.pi * u)
    c2, s2 = 2.0 * c1 * c1 - 1.0, 2.0 * s1 * c1
    c4, s4 = 2.0 * c2 * c2 - 1.0, 2.0 * s2 * c2
    c3 = c1 * (4.0 * c1 * c1 - 3.0)
    impact = np.where(u < IMPACT_PART, 1.0 - np.cos(2.0 * np.pi / IMPACT_PART * u), 0.0)
    p = 1.0 - PULSE * c2 - (1.0 - PULSE) * c4
    cubic = (np.ones_like(u), u, u * u, u**3)
    return (*cubic, p, s2 - 0.5 * s4, c2, (9.0 * c3 - c1) / 8.0, impact, c4 - c2)


def heights(u: Floats) -> tuple[Floats, ...]:
    """Double integrals over u of :func:`shapes`, each 0 with slope 0 at u = 0."""
    k = np.pi * u
    lift = (1.0 - np.cos(2.0 * k)) / (4.0 * np.pi**2)
    lift4 = (1.0 - np.cos(4.0 * k)) / (16.0 * np.pi**2)
    sway = u / (2.0 * np.pi) - np.sin(2.0 * k) / (4.0 * np.pi**2)
    sway4 = u / (4.0 * np.pi) - np.sin(4.0 * k) / (16.0 * np.pi**2)
    r = (1.0 - np.cos(3.0 * k) - (1.0 - np.cos(k))) / (8.0 * np.pi**2)
    s = np.minimum(u / IMPACT_PART, 1.0)
    early = s * s / 2.0 - (1.0 - np.cos(2.0 * np.pi * s)) / (4.0 * np.pi**2)
    impact = IMPACT_PART**2 * (early + np.maximum(u / IMPACT_PART - 1.0, 0.0))
    p = u * u / 2.0 - PULSE * lift - (1.0 - PULSE) * lift4
    cubic = (u * u / 2, u**3 / 6, u**4 / 12, u**5 / 20)
    return (*cubic, p, sway - 0.5 * sway4, lift, r, impact, lift4 - lift)


class Cells:
    """The pelvis between two events, cell by cell: stance, flight, walking step or rest.

    ``start`` (m,) s and ``length`` (m,) s; ``up`` (m, 10) vertical acceleration in m/s² along
    :func:`shapes`; ``slope`` (m,) its part that follows the ground, also along p; ``speed``
    (m,) vertical speed at the start; ``level`` (m, 2, 2) horizontal acceleration, world x and
    y, along p and q. Height is 0 at every start.
    """

    def __init__(self, nodes: Nodes, sway_m: float) -> None:
        k = len(nodes) - 1
        kind = nodes["kind"][:-1]
        run = kind == RUNNING
        t, dt = nodes["t"][:-1], np.diff(nodes["t"])
        contact = np.where(run, nodes["contact_s"][:-1], dt)
        flight = dt - contact
        first = np.arange(k) + np.concatenate(([0], np.cumsum(run)[:-1]))
        self.stance = first
        """Number of the cell in which the stretch after each node begins."""
        total = k + int(run.sum())
        self.start, self.length = np.empty(total), np.empty(total)
        self.up, self.level = np.zeros((total, 10)), np.zeros((total, 2, 2))
        self.slope, self.speed = np.zeros(total), np.zeros(total)

        self.start[first], self.length[first] = t, contact
        self._horizontal(nodes, contact, sway_m)
        self._vertical(nodes, contact, flight)
        air = first[run] + 1
        self.start[air] = t[run] + contact[run]
        self.length[air] = flight[run]
        self.up[air, 0] = -G0
        self.speed[air] = 0.5 * G0 * flight[run]

    def _horizontal(self, nodes: Nodes, contact: Floats, sway_m: float) -> None:
        """Pushes that turn the velocity of one flight into that of the next, and braking."""
        kind, dt = nodes["kind"][:-1], np.diff(nodes["t"])
        moving = np.concatenate(([False], kind != STILL, [False]))
        within = moving[:-1] & moving[1:]
        side = side_of(np.arange(len(nodes)))
        width = np.where(nodes["kind"] == WALKING, WALK_SWAY, 1.0) * sway_m
        sway = np.where(within, -side * width / nodes["step_nominal_s"], 0.0)
        c, s = np.cos(nodes["heading"]), np.sin(nodes["heading"])
        speed = nodes["speed"]
        velocity = np.stack([speed * c - sway * s, speed * s + sway * c], axis=1)
        self.level[self.stance, :, 0] = np.diff(velocity, axis=0) / contact[:, None]
        middle = nodes["heading"][:-1] + 0.5 * contact / dt * np.diff(nodes["heading"])
        peak = BRAKING * 0.5 * (speed[:-1] + speed[1:]) / _Q_PEAK
        self.level[self.stance, 0, 1] = -peak * np.cos(middle)
        self.level[self.stance, 1, 1] = -peak * np.sin(middle)
        climb = np.diff(nodes["grade"] * speed)
        self.slope[self.stance] = climb / contact

    def _vertical(self, nodes: Nodes, contact: Floats, flight: Floats) -> None:
        """Vertical coefficients of the cells that begin at the nodes."""
        kind = nodes["kind"][:-1]
        run, walk = kind == RUNNING, kind == WALKING
        was_run = np.concatenate(([False], run[:-1]))
        before = np.concatenate(([0.0], np.where(run, flight, 0.0)[:-1]))
        self.speed[self.stance] = -0.5 * G0 * before

        bounce = run & was_run
        c, f0, f1 = contact[bounce], before[bounce], flight[bounce]
        hit = 2.0 * IMPACT_MASS * IMPACT_SPEED * nodes["speed"][:-1][bounce]
        hit *= nodes["blow"][:-1][bounce]
        hit += IMPACT_MASS * G0 * IMPACT_PART * c
        main = G0 * (c + 0.5 * (f0 + f1)) - hit
        # What the symmetric pulse and the early impact lack to return to height 0.
        lack = 0.5 * G0 * c * (f0 + c) - 0.5 * main * c - hit * c * (1.0 - IMPACT_PART / 2.0)
        at = self.stance[bounce]
        self.up[at, 0] = -G0
        self.up[at, 4] = main / c
        self.up[at, 5] = lack / (c * c * _Q_DISPLACEMENT)
        self.up[at, 8] = hit / (c * IMPACT_PART)
        self.up[at, 9] = main / c * PULSE_BLOW * (nodes["blow"][:-1][bounce] - 1.0)

        swing = _walk_amplitude(nodes)
        a, b = swing[:-1], swing[1:]
        plain = walk & ~was_run
        at = self.stance[plain]
        self.up[at, 6] = 0.5 * (a + b)[plain]
        self.up[at, 7] = 0.5 * (a - b)[plain]

        # Push-off into a run, and the landing that ends one: the smoothest way between.
        turn = run != was_run
        c = contact[turn]
        v0 = -0.5 * G0 * before[turn]
        v1 = 0.5 * G0 * np.where(run, flight, 0.0)[turn]
        a0 = np.where(was_run, -G0, a)[turn]
        a1 = np.where(run, -G0, b)[turn]
        need = np.stack([a1 - a0, (v1 - v0) / c - a0, -v0 / c - 0.5 * a0])
        at = self.stance[turn]
        self.up[at, 0] = a0
        self.up[at, 1:4] = (_CUBIC @ need).T

    def find(self, t: Floats) -> tuple[NDArray[np.intp], Floats]:
        """Cell of each time and the part of it that has passed, 0..1."""
        cell = np.searchsorted(self.start, t, side="right") - 1
        cell = np.clip(cell, 0, len(self.start) - 1)
        u = (t - self.start[cell]) / self.length[cell]
        return cell, np.clip(u, 0.0, 1.0)

    def acceleration(self, t: Floats) -> Floats:
        """World acceleration (n, 3) of the pelvis, m/s², gravity not in it."""
        cell, u = self.find(t)
        shape = shapes(u)
        up, level = self.up[cell], self.level[cell]
        out = np.empty((len(t), 3))
        out[:, 0] = level[:, 0, 0] * shape[4] + level[:, 0, 1] * shape[5]
        out[:, 1] = level[:, 1, 0] * shape[4] + level[:, 1, 1] * shape[5]
        out[:, 2] = self.slope[cell] * shape[4]
        for j, values in enumerate(shape):
            out[:, 2] += up[:, j] * values
        return out

    def vertical(self, t: Floats) -> tuple[Floats, Floats]:
        """Height above the (sloping) path in m and vertical acceleration in m/s², both (n,)."""
        cell, u = self.find(t)
        up, length = self.up[cell], self.length[cell]
        z = self.speed[cell] * length * u
        a = self.slope[cell] * shapes(u)[4]
        for j, (shape, height) in enumerate(zip(shapes(u), heights(u), strict=True)):
            a = a + up[:, j] * shape
            z += up[:, j] * height * length * length
        return z, a


def side_of(node: NDArray[Any]) -> Floats:
    """+1 for nodes of the right foot (odd), -1 for those of the left."""
    return np.where(node % 2 == 1, 1.0, -1.0)


def _walk_amplitude(nodes: Nodes) -> Floats:
    """Vertical acceleration at each node between two walking steps, m/s²; 0 elsewhere."""
    walk = np.concatenate(([False], nodes["kind"][:-1] == WALKING, [False]))
    step = np.minimum(nodes["speed"] * nodes["step_nominal_s"], STEP_LENGTH_MAX_M)
    rise = PENDULUM * (LEG_M - np.sqrt(LEG_M**2 - (0.5 * step) ** 2))
    swing = 0.5 * rise * (2.0 * np.pi / nodes["step_nominal_s"]) ** 2
    return np.where(walk[:-1] & walk[1:], swing, 0.0)


@dataclass(frozen=True, slots=True)
class Pose:
    """Angles (n,) rad of yaw, lean, side lean and slip, and their rates (n,) rad/s."""

    angle: tuple[Floats, Floats, Floats, Floats]
    rate: tuple[Floats, Floats, Floats, Floats]

    def to_sensor(self, world: Floats) -> Floats:
        """World vectors (n, 3) in the axes of the (slipped) pack."""
        yaw, lean, side, slip = self.angle
        c, s = np.cos(yaw), np.sin(yaw)
        x, y, z = world.T
        x, y = c * x + s * y, c * y - s * x
        return _about_y(slip, *_about_x(side, *_about_y(lean, x, y, z).T).T)

    def up(self) -> Floats:
        """The upward unit vector (n, 3) in the axes of the pack."""
        lean, side, slip = self.angle[1:]
        zero = np.zeros_like(lean)
        x, y, z = _about_x(side, *_about_y(lean, zero, zero, zero + 1.0).T).T
        return _about_y(slip, x, y, z)

    def rates(self) -> Floats:
        """Angular velocity (n, 3) rad/s in the axes of the pack."""
        _, lean, side, slip = self.angle
        d_yaw, d_lean, d_side, d_slip = self.rate
        across = d_yaw * np.cos(lean)
        c, s = np.cos(side), np.sin(side)
        x = d_side - d_yaw * np.sin(lean)
        out = _about_y(slip, x, d_lean * c + across * s, across * c - d_lean * s)
        out[:, 1] += d_slip
        return out


def _about_y(angle: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
    """Components (n, 3) in axes turned by ``angle`` about y."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * x - s * z, y, s * x + c * z], axis=1)


def _about_x(angle: Floats, x: Floats, y: Floats, z: Floats) -> Floats:
    """Components (n, 3) in axes turned by ``angle`` about x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([x, c * y + s * z, c * z - s * y], axis=1)


class Posture:
    """Slow angles, gait weights and step phase as cubic splines through the nodes.

    Tangents are three-point differences (a parabola through the neighbours), so straight drifts
    stay straight and every rate is continuous.
    """

    CHANNELS = ("heading", "lean", "side_lean", "slip", "running", "walking")

    def __init__(self, nodes: Nodes) -> None:
        self._t = np.ascontiguousarray(nodes["t"])
        columns = [nodes[name] for name in self.CHANNELS]
        values = np.stack([*columns, np.arange(len(nodes), dtype=np.float64)], axis=1)
        h = np.diff(self._t)[:, None]
        rise = np.diff(values, axis=0) / h
        slope = np.zeros_like(values)
        slope[1:-1] = (h[1:] * rise[:-1] + h[:-1] * rise[1:]) / (h[:-1] + h[1:])
        d0, d1 = slope[:-1], slope[1:]
        self._poly = np.stack(
            [values[:-1], d0, (3.0 * rise - 2.0 * d0 - d1) / h, (d0 + d1 - 2.0 * rise) / h**2],
            axis=2,
        )
        self._end = float(self._t[-1])

    def at(self, t: Floats) -> tuple[Floats, Floats]:
        """Values and rates (7, n) of the channels and, last, the step phase (node number)."""
        t = np.minimum(t, self._end)
        i = np.clip(np.searchsorted(self._t, t, side="right") - 1, 0, len(self._poly) - 1)
        x = t - self._t[i]
        c0, c1, c2, c3 = self._poly[i].transpose(2, 1, 0)
        return ((c3 * x + c2) * x + c1) * x + c0, (3.0 * c3 * x + 2.0 * c2) * x + c1


def oscillate(values: Floats, rates: Floats, amplitude: tuple[float, float, float]) -> Pose:
    """Pose from posture (7, n) with the pelvis oscillating by ``amplitude`` rad.

    ``amplitude``: tilt (twice a stride, most forward half-way through the step), obliquity and
    rotation (once a stride: the swing side drops; in walking it comes forward with the swing
    leg, in running the side that stands does).
    """
    heading, lean, side, slip, run, walk, phase = values
    d_heading, d_lean, d_side, d_slip, d_run, d_walk, d_phase = rates
    c, s = np.cos(np.pi * phase), np.sin(np.pi * phase)
    w_phase = np.pi * d_phase
    weight = [a * (run + k * walk) for a, k in zip(amplitude, WALK_SHARE, strict=True)]
    d_weight = [a * (d_run + k * d_walk) for a, k in zip(amplitude, WALK_SHARE, strict=True)]
    weight[2] -= 2.0 * amplitude[2] * run
    d_weight[2] -= 2.0 * amplitude[2] * d_run
    cos2, sin2 = c * c - s * s, 2.0 * s * c
    return Pose(
        (
            heading - weight[2] * c,
            lean - weight[0] * cos2,
            side + weight[1] * s,
            slip,
        ),
        (
            d_heading - d_weight[2] * c + weight[2] * s * w_phase,
            d_lean - d_weight[0] * cos2 + 2.0 * weight[0] * sin2 * w_phase,
            d_side + d_weight[1] * s + weight[1] * c * w_phase,
            d_slip,
        ),
    )
