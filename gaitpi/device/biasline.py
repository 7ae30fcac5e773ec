"""The gyroscope's bias against its temperature, from rests at different ones. Pure, no numpy.

A silicon gyroscope's bias goes with its temperature, to first order in a straight line over the
few tens of kelvins a belt sees (Niu et al. 2013, Sensors 13:14051, remove most of it so). From
three rests on, over five kelvins, a weighted line is fitted for each axis. Rests that do not
belong (a shoved table) are seen by leaving each out: where the others agree and it does not, it
is. Outside what was seen the line is not believed.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gaitpi.calibrationfile import Calibrations, Vector
from gaitpi.units import RAD_PER_DEG

REPEAT_SD: Final = 0.03 * RAD_PER_DEG
"""How a bias differs from switching on to switching on at one temperature, 1 sigma, rad/s: what
seven recordings of one MPU-6050 within 1.4 K scatter (docs/calibration.md)."""
SPAN_MIN_C: Final = 5.0
"""Temperatures nearer together than this make no line, K."""
POINTS_MIN: Final = 3
POINTS_MAX: Final = 40
"""So many of the newest rests count."""
MARGIN_C: Final = 3.0
"""As far outside the temperatures seen the line is still used, K."""
OUTLIER: Final = 4.0
"""A rest this many standard uncertainties off the line of the others does not belong."""


@dataclass(frozen=True, slots=True)
class Rest:
    """A bias (rad/s) measured at rest at ``temperature_c``, with its standard uncertainty."""

    temperature_c: float
    bias: Vector
    sd: float


@dataclass(frozen=True, slots=True)
class _Axis:
    """``at + slope * (t - centre)`` with its uncertainties; ``scatter`` of the rests about it."""

    at: float
    slope: float
    at_sd: float
    slope_sd: float


@dataclass(frozen=True, slots=True)
class BiasLine:
    """A line for each axis, believed from ``low_c`` to ``high_c`` (the margin is in it).

    ``slope`` rad/s per kelvin; ``rests`` that count, ``left_out`` that do not belong.
    """

    low_c: float
    high_c: float
    centre_c: float
    axes: tuple[_Axis, _Axis, _Axis]
    rests: int
    left_out: int

    @property
    def slope(self) -> Vector:
        """Change with temperature, rad/s per kelvin."""
        x, y, z = (axis.slope for axis in self.axes)
        return x, y, z

    def at(self, temperature_c: float) -> tuple[Vector, float] | None:
        """Bias (3,) rad/s and the uncertainty of its worst component; None outside what was seen.

        With the scatter from switching on to switching on in it.
        """
        if not self.low_c <= temperature_c <= self.high_c:
            return None
        off = temperature_c - self.centre_c
        x, y, z = (axis.at + axis.slope * off for axis in self.axes)
        sds = [math.hypot(axis.at_sd, axis.slope_sd * off, REPEAT_SD) for axis in self.axes]
        return (x, y, z), max(sds)


def line(rests: Sequence[Rest]) -> BiasLine | None:
    """The line of these rests, oldest first; None where they make none."""
    rests = [r for r in rests if math.isfinite(r.temperature_c)][-POINTS_MAX:]
    kept = _without_outlier(rests)
    if not _enough(kept):
        return None
    temperatures = [r.temperature_c for r in kept]
    weights = [_weight(r) for r in kept]
    centre = sum(w * t for w, t in zip(weights, temperatures, strict=True)) / sum(weights)
    x, y, z = (_fit(kept, centre, k) for k in range(3))
    return BiasLine(
        low_c=min(temperatures) - MARGIN_C,
        high_c=max(temperatures) + MARGIN_C,
        centre_c=centre,
        axes=(x, y, z),
        rests=len(kept),
        left_out=len(rests) - len(kept),
    )


def line_of(kept: Calibrations, chip: str, address: int) -> BiasLine | None:
    """The line of what is kept of one sensor; None where that makes none."""
    return line(
        [
            Rest(r.temperature_c, r.gyro_bias, r.gyro_bias_sd)
            for r in kept.biases()
            if r.temperature_c is not None and (r.chip, r.address) == (chip, address)
        ]
    )


def _enough(rests: Sequence[Rest]) -> bool:
    temperatures = [r.temperature_c for r in rests]
    return len(rests) >= POINTS_MIN and max(temperatures) - min(temperatures) >= SPAN_MIN_C


def _weight(rest: Rest) -> float:
    return 1.0 / (rest.sd**2 + REPEAT_SD**2)


def _fit(rests: Sequence[Rest], centre: float, k: int) -> _Axis:
    """Weighted least squares of axis ``k``; scatter beyond the uncertainties widens them."""
    weights = [_weight(r) for r in rests]
    offs = [r.temperature_c - centre for r in rests]
    values = [r.bias[k] for r in rests]
    total = sum(weights)
    spread = sum(w * t * t for w, t in zip(weights, offs, strict=True))
    at = sum(w * v for w, v in zip(weights, values, strict=True)) / total
    slope = sum(w * t * v for w, t, v in zip(weights, offs, values, strict=True)) / spread
    chi2 = sum(w * (v - at - slope * t) ** 2 for w, t, v in zip(weights, offs, values, strict=True))
    free = len(rests) - 2
    grow = math.sqrt(max(1.0, chi2 / free)) if free else 1.0
    return _Axis(at, slope, grow / math.sqrt(total), grow / math.sqrt(spread))


def _off(rest: Rest, others: Sequence[Rest]) -> float:
    """How many standard uncertainties a rest lies off the line of others, on its worst axis."""
    weights = [_weight(r) for r in others]
    centre = sum(w * r.temperature_c for w, r in zip(weights, others, strict=True)) / sum(weights)
    worst = 0.0
    for k in range(3):
        axis = _fit(others, centre, k)
        off = rest.temperature_c - centre
        sd = math.hypot(axis.at_sd, axis.slope_sd * off, rest.sd, REPEAT_SD)
        worst = max(worst, abs(rest.bias[k] - axis.at - axis.slope * off) / sd)
    return worst


def _without_outlier(rests: list[Rest]) -> list[Rest]:
    """Rests without the one that does not belong, if there is one: the others agree, it does not.

    With under four rests nothing says which of them is wrong: then all count, and they scatter.
    """
    if len(rests) < POINTS_MIN + 1:
        return rests
    offs = []
    for i, rest in enumerate(rests):
        others = rests[:i] + rests[i + 1 :]
        offs.append(_off(rest, others) if _enough(others) else 0.0)
    worst = max(range(len(rests)), key=offs.__getitem__)
    return rests if offs[worst] <= OUTLIER else rests[:worst] + rests[worst + 1 :]
