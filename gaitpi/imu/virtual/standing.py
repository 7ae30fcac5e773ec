"""Somebody who stands, as a signal for the virtual chip: the simulated runner is stiff as a post.

Quiet standing is an inverted pendulum that sways about the ankles, below 1 Hz, by some tenths of a
degree (Winter et al. 1998, J Neurophysiol 80:1211).
"""

import math
from typing import Final

import numpy as np

from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
from gaitpi.imu.virtual.source import Floats
from gaitpi.imu.virtual.story import Phase
from gaitpi.units import RAD_PER_DEG

SWAY: Final = ((0.13, 0.25), (0.29, 0.15), (0.47, 0.05))
"""Frequency (Hz) and amplitude (deg) of the parts of the sway."""


class Standing:
    """Stands for ``duration_s``, the sensor's z axis up; ``params`` the pack's errors."""

    rate_hz: float | None = None

    def __init__(self, duration_s: float = 60.0, params: RunnerParams | None = None) -> None:
        self.duration_s = duration_s
        self._post = SimulatedRunner((Phase("stand", duration_s),), params)

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:
        """Samples as in :class:`~gaitpi.imu.virtual.source.SignalSource`."""
        acc, gyr = self._post.samples(first, n, rate_hz)
        t = np.arange(first, first + n) / rate_hz
        rates, angles = np.zeros((n, 3)), np.zeros((n, 3))
        for axis in (0, 1):
            for hz, deg in SWAY:
                w, size = 2.0 * math.pi * hz, deg * RAD_PER_DEG
                angles[:, axis] += size * np.sin(w * t + axis)
                rates[:, axis] += size * w * np.cos(w * t + axis)
        # under half a degree: the first order of the rotation is exact to 0.003 deg
        return acc - np.cross(angles, acc), gyr + rates
