"""A signal in which every sample carries its own number, so that each one can be recognised."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from gaitpi.imu.batch import Counts, SensorInfo
from gaitpi.imu.virtual.source import Floats
from gaitpi.units import G0

STEP: Final = 0.1
"""Between neighbouring numbers, m/s²: some 20 counts."""


class Numbered:
    """Sample k is made of k.

    From ``frozen_from`` on (a sample number) all are the same; z can be set to ``spike_ms2``.
    """

    rate_hz: float | None = None
    duration_s: float = math.inf

    def __init__(self) -> None:
        self.frozen_from: float = math.inf
        self.spike_ms2 = G0

    def samples(self, first: int, n: int, rate_hz: float) -> tuple[Floats, Floats]:  # noqa: ARG002
        """Samples as in :class:`gaitpi.imu.virtual.source.SignalSource`."""
        k = np.minimum(np.arange(first, first + n), self.frozen_from)
        acc = np.stack((k % 1000 * STEP, k // 1000 * STEP, np.full(n, self.spike_ms2)), axis=1)
        gyr = np.stack((k % 10 * 0.1, k % 7 * 0.1, np.ones(n)), axis=1)
        return acc, gyr


def numbers(info: SensorInfo, counts: Counts) -> NDArray[np.int64]:
    """The numbers (n,) of samples ``counts`` (n, 6); -1 for one that is not what was measured."""
    acc, gyr = info.si(counts)
    low, high = np.rint(acc[:, 0] / STEP), np.rint(acc[:, 1] / STEP)
    k: NDArray[np.int64] = (low + 1000 * high).astype(np.int64)
    off = [
        acc[:, 0] - low * STEP,
        acc[:, 1] - high * STEP,
        gyr[:, 0] - k % 10 * 0.1,
        gyr[:, 1] - k % 7 * 0.1,
        gyr[:, 2] - 1.0,
    ]
    k[(np.abs(off) >= 0.01).any(axis=0)] = -1
    return k
