"""Six sides up, one after the other: what the accelerometer's counts are really worth. Pure.

At rest an accelerometer feels gravity, whatever way it points: ``|K (m - b)| = g`` for every
position, ``m`` what it reads, ``b`` its offset, ``K`` a symmetric matrix of scale and cross-axis
terms (Frosio et al. 2009, IEEE Trans Instrum Meas 58:2034; Tedaldi et al. 2014, ICRA). How exactly
the box was put down does not matter then. Only a rotation of all axes together cannot be seen so,
and is no error here: how the sensor lies on the body is measured on the body.

What six positions can tell: on the six sides ``K``'s cross-axis terms do not change the length of
gravity, so they stay zero and offset and scale come from six numbers. They are seen

- with *tilted* positions beside the six sides (leant on an edge, anything from 20 to 70 deg): nine
  unknowns, from nine positions on, placement still free; or
- with the six sides *squared*: set down on a level table against a right angle, so that the three
  pairs of directions are known to be square to each other (the twelve-parameter fit of ST DT0053
  and NXP AN5286, of which the symmetric cross-axis terms are kept). A box that is not square, or
  a table that is not level, goes straight into them: half a degree is 0.4 to 1 %.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from gaitpi.imu.batch import Floats
from gaitpi.units import DEG_PER_RAD, G0, RAD_PER_DEG

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]

SIDES: Final = ("+x", "-x", "+y", "-y", "+z", "-z")
"""Which axis of the sensor points up."""
EDGES: Final = 6
"""Tilted positions asked for, where they are: one more than needed for each pair of axes."""

BLOCK_S: Final = 0.5
SETTLE: Final = 2
"""Still blocks that pass before a position counts: what was set down rings and rocks."""
HOLD: Final = 6
"""Still blocks that make a position: 3 s."""
SHAKE_MAX: Final = 0.3
"""RMS of the acceleration about its mean within a block that is still at rest, m/s²."""
STEADY_MAX: Final = 0.05
"""Farthest a block's mean may lie from the first, m/s²: 5 mg, or 0.3 deg. A hand moves more."""
TURN_MAX: Final = 0.5 * RAD_PER_DEG
"""The same for its mean rate, rad/s."""
SIDE_DEG: Final = 20.0
"""An axis this near to the vertical is a side; all others off are tilted."""
REPEAT_DEG: Final = 20.0
"""Tilted positions nearer to each other than this are the same."""

READ_SD: Final = 0.01
"""What a position is worth at best, m/s²: 1 mg, the drift of such a part within minutes."""
CROSS_SD: Final = 0.01
"""Cross-axis term of a part where it is not measured: ±2 % (MPU-6050 data sheet), 2 sigma."""
SQUARE_SD: Final = 0.2 * RAD_PER_DEG
"""How square a square corner and a level table are, together, 1 sigma, rad: an assumption."""
OFFSET_MAX: Final = 0.15 * G0
SCALE_MAX: Final = 0.10
CROSS_MAX: Final = 0.05
"""More than this no data sheet allows: twice the MPU-6050's ±80 mg, ±3 % and ±2 %."""

Grade = Literal["good", "fair", "poor"]
Cross = Literal["tilted", "squared", "none"]


@dataclass(frozen=True, slots=True)
class Position:
    """A still position: mean force ``acc`` m/s² and rate ``gyr`` rad/s; ``acc_sd`` of the mean.

    ``side`` of ``SIDES``, or "tilted"; ``temperature_c`` NaN where it is not known.
    """

    side: str
    acc: Vector
    gyr: Vector
    acc_sd: float
    temperature_c: float = math.nan


@dataclass(frozen=True, slots=True)
class Noticed:
    """``taken`` a position; ``repeated``: its side is in already; ``moved`` before it was in."""

    what: Literal["taken", "repeated", "moved"]
    side: str


def side_of(acc: Floats) -> str:
    """The side that is up for a mean force (3,), or "tilted"."""
    k = int(np.argmax(np.abs(acc)))
    if abs(acc[k]) < math.cos(SIDE_DEG * RAD_PER_DEG) * float(np.linalg.norm(acc)):
        return "tilted"
    return ("+" if acc[k] > 0.0 else "-") + "xyz"[k]


class SixPositions:
    """Takes samples, notices still positions, is ``done`` when all sides are in.

    ``edges`` asks for ``EDGES`` tilted positions too; without it those that come are taken along.
    ``first``: positions that are in already. A position counts once it has been left.
    The result does not depend on how the samples are cut.
    """

    def __init__(
        self, rate_hz: float, *, edges: bool = False, first: tuple[Position, ...] = ()
    ) -> None:
        self._n = max(2, round(BLOCK_S * rate_hz))
        self._gap_s = max(0.03, 2.5 / rate_hz)
        self._edges = edges
        self.positions: list[Position] = list(first)
        self._parts: list[tuple[Floats, Floats]] = []
        self._blocks: list[tuple[Floats, Floats]] = []
        self._taken_here = bool(first)
        self._here: Floats | None = np.array(first[-1].acc) if first else None
        self._last_s = math.nan
        self._still = False
        self._now: Floats | None = None
        self.temperature_c = math.nan
        """Set by the caller as it is known, °C."""

    @property
    def done(self) -> bool:
        """Whether all that was asked for is in."""
        tilted = sum(p.side == "tilted" for p in self.positions)
        return not self.missing and (not self._edges or tilted >= EDGES)

    @property
    def missing(self) -> tuple[str, ...]:
        """The sides that are not in."""
        have = {p.side for p in self.positions}
        return tuple(side for side in SIDES if side not in have)

    @property
    def edges(self) -> int:
        """Tilted positions asked for."""
        return EDGES if self._edges else 0

    @property
    def still(self) -> bool:
        """Whether the last half second was still."""
        return self._still

    @property
    def up(self) -> str:
        """The side that is up now, "tilted", or "" when nothing is known."""
        return "" if self._now is None else side_of(self._now)

    @property
    def direction(self) -> Vector | None:
        """Force of the last half second, in g of any length; None when nothing is known."""
        return None if self._now is None else _three(self._now / np.linalg.norm(self._now))

    @property
    def progress(self) -> float:
        """How far this position is in, 0 to 1."""
        return 1.0 if self._taken_here else len(self._blocks) / (SETTLE + HOLD)

    def add(self, acc: Floats, gyr: Floats, time_s: Floats) -> list[Noticed]:
        """Take samples (n, 3) m/s², (n, 3) rad/s, (n,) s, in order; what was noticed."""
        out: list[Noticed] = []
        for a, g, t in zip(acc, gyr, time_s.tolist(), strict=True):
            if self.done:
                break
            if not t - self._last_s <= self._gap_s:
                self._parts.clear()
                self._blocks.clear()
            self._last_s = t
            self._parts.append((a, g))
            if len(self._parts) == self._n:
                out += self._block()
        return out

    def _block(self) -> list[Noticed]:
        acc = np.array([a for a, _ in self._parts])
        gyr = np.array([g for _, g in self._parts])
        self._parts.clear()
        mean, rate = acc.mean(axis=0), gyr.mean(axis=0)
        self._now = mean
        shake = float(np.sqrt(((acc - mean) ** 2).sum(axis=1).mean()))
        if self._here is not None and _angle(mean, self._here) > 0.5 * REPEAT_DEG * RAD_PER_DEG:
            self._here, self._taken_here = None, False
        first = self._blocks[0] if self._blocks else (mean, rate)
        steady = (
            float(np.linalg.norm(mean - first[0])) <= STEADY_MAX
            and float(np.abs(rate - first[1]).max()) <= TURN_MAX
        )
        self._still = shake <= SHAKE_MAX and steady
        if not self._still:
            return self._broken(first[0])
        if self._taken_here:
            return []
        self._blocks.append((mean, rate))
        return self._take() if len(self._blocks) == SETTLE + HOLD else []

    def _broken(self, first: Floats) -> list[Noticed]:
        begun = len(self._blocks) > SETTLE
        self._blocks.clear()
        return [Noticed("moved", side_of(first))] if begun else []

    def _take(self) -> list[Noticed]:
        acc = np.array([a for a, _ in self._blocks[SETTLE:]])
        gyr = np.array([g for _, g in self._blocks[SETTLE:]])
        self._blocks.clear()
        mean = acc.mean(axis=0)
        side = side_of(mean)
        self._taken_here, self._here = True, mean
        if self._known(side, mean):
            return [Noticed("repeated", side)]
        sd = float(acc.std(axis=0).max()) / math.sqrt(HOLD)
        rate = _three(gyr.mean(axis=0))
        self.positions.append(Position(side, _three(mean), rate, sd, self.temperature_c))
        return [Noticed("taken", side)]

    def _known(self, side: str, mean: Floats) -> bool:
        same = [np.array(p.acc) for p in self.positions if p.side == side]
        if side != "tilted":
            return bool(same)
        return any(_angle(mean, one) < REPEAT_DEG * RAD_PER_DEG for one in same)


# -------------------------------------------------------------------------------- solving


@dataclass(frozen=True, slots=True)
class Fit:
    """True force = ``matrix`` (3, 3) times (read - ``offset``), m/s²; with what it is worth.

    ``cross`` how the cross-axis terms were found; ``offset_sd`` m/s², ``scale_sd`` and
    ``cross_sd`` (1) of the worst component; ``residual`` m/s² RMS of what does not fit, by the
    degrees of freedom, NaN where there are none. ``why`` says what the grade rests on.
    """

    grade: Grade
    why: str
    matrix: Matrix
    offset: Vector
    cross: Cross
    offset_sd: float
    scale_sd: float
    cross_sd: float
    residual: float
    positions: int

    @property
    def usable(self) -> bool:
        """Whether it is better than nothing."""
        return self.grade != "poor"


_PAIRS: Final = ((0, 1), (0, 2), (1, 2))


def solve(positions: list[Position], *, squared: bool = False, gravity: float = G0) -> Fit:
    """Offset, scale and cross-axis terms of still positions that hold all six sides.

    ``squared``: the six sides were set against a right angle on a level table. ``gravity`` of the
    place, m/s² (9.78 to 9.83 on Earth: taken wrongly all scales are off alike, at most 0.26 %,
    and no angle is). Raises ValueError when a side is missing.
    """
    missing = set(SIDES) - {p.side for p in positions}
    if missing:
        raise ValueError(f"sides missing: {', '.join(sorted(missing))}")
    read = np.array([p.acc for p in positions])
    sd = np.array([math.hypot(p.acc_sd, READ_SD) for p in positions])
    if squared:
        return _squared(positions, sd, gravity)
    nine = by_length(read, sd, gravity, cross=True) if len(read) >= 9 else None
    if nine is not None and nine[3].max() <= CROSS_SD / 3.0:
        return _judged(*nine, cross="tilted", n=len(read))
    return _judged(*by_length(read, sd, gravity, cross=False), cross="none", n=len(read))


def by_length(
    read: Floats,
    sd: Floats,
    gravity: float,
    *,
    cross: bool,
    skew: Floats | None = None,
    skew_sd: float = CROSS_SD,
) -> tuple[Floats, Floats, Floats, Floats, float]:
    """By the length of gravity: K (3, 3), b (3,), sd of offset and scale (6,), of cross, residual.

    ``read`` (n, 3) forces and their ``sd`` (n,), m/s². Without ``cross`` the cross-axis terms are
    those of ``skew`` (3, 3; None = zero), known to ``skew_sd``. Gauss-Newton from there; converges
    in a few rounds, as the errors are small.
    """
    k, b = np.eye(3), np.zeros(3)
    if skew is not None:
        k += skew - np.diag(np.diag(skew))
    solved = _PAIRS if cross else ()
    weights = 1.0 / sd
    jac = np.zeros((len(read), 6 + len(solved)))
    for _ in range(20):
        off = read - b
        out = off @ k
        length = np.linalg.norm(out, axis=1)
        u = out / length[:, None]
        if not cross:  # what is not solved for may be otherwise
            tilt = np.sqrt(sum((u[:, i] * u[:, j]) ** 2 for i, j in _PAIRS))
            weights = 1.0 / np.hypot(sd, 2.0 * skew_sd * gravity * tilt)
        jac[:, :3] = -(u @ k)
        jac[:, 3:6] = u * off
        for column, (i, j) in enumerate(solved):
            jac[:, 6 + column] = u[:, i] * off[:, j] + u[:, j] * off[:, i]
        step, *_ = np.linalg.lstsq(jac * weights[:, None], (gravity - length) * weights, rcond=None)
        b = b + step[:3]
        k = k + np.diag(step[3:6])
        for column, (i, j) in enumerate(solved):
            k[i, j] += step[6 + column]
            k[j, i] += step[6 + column]
        if float(np.abs(step).max()) < 1e-12:
            break
    left = gravity - np.linalg.norm((read - b) @ k, axis=1)
    free = len(read) - jac.shape[1]
    residual = math.sqrt(float((left**2).sum()) / free) if free else math.nan
    grow = max(1.0, residual / float(np.sqrt((sd**2).mean()))) if free else 1.0
    sds = grow * _uncertainty(jac * weights[:, None])
    return k, b, sds[:6], sds[6:] if cross else np.full(3, skew_sd), residual


def _uncertainty(weighted: Floats) -> Floats:
    """Standard uncertainties of a fit with this weighted Jacobian (n, k).

    Positions that lie badly leave something open: its uncertainty is then large, not infinite.
    """
    values, vectors = np.linalg.eigh(weighted.T @ weighted)
    spread = (vectors / np.maximum(values, 1e-9)) @ vectors.T
    out: Floats = np.sqrt(np.diag(spread))
    return out


def _squared(positions: list[Position], sd: Floats, gravity: float) -> Fit:
    """Cross-axis terms by the known directions of the six sides, the rest by length.

    The directions are held for known in the twelve-parameter fit only; its offset and scale would
    take up what the sides were put down wrongly, which those by length do not.
    """
    sides = [next(i for i, p in enumerate(positions) if p.side == side) for side in SIDES]
    read = np.array([positions[i].acc for i in sides])
    towards = np.array(
        [(1.0 if s[0] == "+" else -1.0) * np.eye(3)["xyz".index(s[1])] for s in SIDES]
    )
    known = np.column_stack([gravity * towards, np.ones(6)])
    found, *_ = np.linalg.lstsq(known, read, rcond=None)
    response = found[:3].T
    # the read force is response @ true force; its polar decomposition takes the rotation off
    values, vectors = np.linalg.eigh(response @ response.T)
    skew = (vectors / np.sqrt(values)) @ vectors.T
    left = read - known @ found
    residual = math.sqrt(float((left**2).sum()) / 6.0)  # 18 numbers, 12 unknowns
    one = max(float(sd.max()), residual)
    skew_sd = math.hypot(0.5 * one / gravity, 0.5 * SQUARE_SD)
    k, b, sds, cross, _ = by_length(
        read, sd[sides], gravity, cross=False, skew=skew, skew_sd=skew_sd
    )
    return _judged(k, b, sds, cross, residual, cross="squared", n=6)


def _judged(
    k: Floats,
    b: Floats,
    sds: Floats,
    cross_sds: Floats,
    residual: float,
    *,
    cross: Cross,
    n: int,
) -> Fit:
    """The result with its grade."""
    offset_sd, scale_sd = float(sds[:3].max()), float(sds[3:].max())
    grade, why = _grade(k, b, offset_sd, scale_sd, residual, cross)
    return Fit(
        grade=grade,
        why=why,
        matrix=(_three(k[0]), _three(k[1]), _three(k[2])),
        offset=_three(b),
        cross=cross,
        offset_sd=offset_sd,
        scale_sd=scale_sd,
        cross_sd=float(cross_sds.max()),
        residual=residual,
        positions=n,
    )


def _grade(
    k: Floats, b: Floats, offset_sd: float, scale_sd: float, residual: float, cross: Cross
) -> tuple[Grade, str]:
    """The grade and the number that decided it."""
    mg = 1000.0 / G0
    scale = float(np.abs(np.diag(k) - 1.0).max())
    skew = max(abs(float(k[i, j])) for i, j in _PAIRS)
    finite = bool(np.isfinite(k).all() and np.isfinite(b).all())
    if not finite or np.abs(b).max() > OFFSET_MAX or scale > SCALE_MAX or skew > CROSS_MAX:
        return "poor", (
            f"offset {np.abs(b).max() * mg:.0f} mg, scale {scale:.1%}, cross-axis {skew:.1%} off:"
            " more than any data sheet has"
        )
    left = "" if math.isnan(residual) else f"what does not fit: {residual * mg:.1f} mg"
    far = 0.0 if math.isnan(residual) else residual * mg
    if far > 8.0:
        return "poor", f"{left} (at most 8): something moved"
    if offset_sd * mg > 5.0 or scale_sd > 0.005:
        return "poor", f"offset known to {offset_sd * mg:.1f} mg, scale to {scale_sd:.2%} only"
    if far > 3.0:
        return "fair", f"{left}, more than 3"
    if cross == "none":
        return "fair", "cross-axis not measured: it may be 2 %"
    if math.isnan(residual):
        return "fair", "as many unknowns as positions: nothing is left to check them by"
    if offset_sd * mg > 2.0 or scale_sd > 0.002:
        return "fair", f"offset known to {offset_sd * mg:.1f} mg, scale to {scale_sd:.2%}"
    return "good", left


def _angle(a: Floats, b: Floats) -> float:
    cosine = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    return math.acos(min(1.0, max(-1.0, cosine)))


def _three(values: NDArray[np.float64]) -> Vector:
    x, y, z = values.tolist()
    return x, y, z


def told(fit: Fit) -> str:
    """The result in sentences."""
    mg = 1000.0 / G0
    offset = ", ".join(f"{b * mg:+.0f}" for b in fit.offset)
    scale = ", ".join(f"{(fit.matrix[i][i] - 1.0):+.2%}" for i in range(3))
    skew = ", ".join(f"{fit.matrix[i][j]:+.2%}" for i, j in _PAIRS)
    crossed = f", cross-axis xy xz yz {skew}" if fit.cross != "none" else ""
    found = f"offset {offset} mg, scale corrected by {scale}{crossed}"
    if not fit.usable:
        return f"Not kept (poor): {fit.why}. Found: {found}. Do it again."
    return f"Measured ({fit.grade}): {found}; {fit.why}."


def tilt_deg(fit: Fit) -> float:
    """How far, at most, the sensor was wrong about the vertical before: offset across gravity."""
    return math.hypot(*sorted(map(abs, fit.offset))[1:]) / G0 * DEG_PER_RAD
