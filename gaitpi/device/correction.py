"""What six positions found, laid on the accelerations between counts and estimator."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from gaitpi.calibrationfile import SixRecord, Vector
from gaitpi.imu.batch import Floats
from gaitpi.units import G0

MISFIT: Final = 0.015
"""Gravity at rest after correction may be off by this share: the scale's drift with temperature
and age, three times what a measurement leaves. More: another sensor, or one that was bent."""


@dataclass(frozen=True, slots=True)
class Correction:
    """True force = ``matrix`` (3, 3) times (read - ``offset`` (3,) m/s²)."""

    matrix: tuple[Vector, Vector, Vector]
    offset: Vector

    def apply(self, acc: Floats) -> Floats:
        """Corrected ``acc`` (n, 3) m/s².

        Sum by sum, not as a product of matrices: so the bits do not depend on how many rows come
        at once.
        """
        x, y, z = (acc[:, k] - self.offset[k] for k in range(3))
        out = np.empty_like(acc)
        for k, (a, b, c) in enumerate(self.matrix):
            out[:, k] = a * x + b * y + c * z
        return out

    def one(self, force: Vector) -> Vector:
        """A single force, m/s²."""
        x, y, z = self.apply(np.array([force]))[0].tolist()
        return x, y, z


def of(record: SixRecord | None) -> Correction | None:
    """The correction of a kept measurement."""
    return None if record is None else Correction(record.matrix, record.offset)


def corrected(acc: Floats, correction: Correction | None) -> Floats:
    """``acc`` (n, 3) m/s² with a correction, if there is one."""
    return acc if correction is None else correction.apply(acc)


def misfit(correction: Correction | None, up: Vector, gravity: float) -> str:
    """In a sentence, when a stand's gravity says that the correction is not of this sensor."""
    if correction is None:
        return ""
    read = (up[0] * gravity, up[1] * gravity, up[2] * gravity)
    g = math.hypot(*correction.one(read)) / G0
    if abs(g - 1.0) <= MISFIT:
        return ""
    return (
        f"Gravity reads {g:.3f} g with the six positions that are kept: they are of another sensor,"
        " or no longer true. Measure them again: gaitpi calibrate six."
    )
