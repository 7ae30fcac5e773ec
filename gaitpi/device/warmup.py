"""Having every kernel ready before samples arrive."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaitpi.gait import GaitEstimator
from gaitpi.gait._jit import cache_directory, compilations, is_cached

RATE_HZ = 200.0


@dataclass(frozen=True, slots=True)
class WarmUp:
    """What a warm-up did: kernels compiled (0 = all were in the cache), s it took, where they lie.

    ``kept`` False: they could not be stored and will be compiled again next time.
    """

    compiled: int
    seconds: float
    directory: Path
    kept: bool


def warm_up() -> WarmUp:
    """Load or compile every kernel for every kind of call, so that nothing is compiled later.

    With and without a gyroscope, single samples and blocks. Raises OSError or RuntimeError
    where numba cannot use its cache directory.
    """
    start = time.perf_counter()
    with compilations() as compiled:
        for n in (4, 1):
            for gyr in (np.zeros((n, 3)), None):
                GaitEstimator(RATE_HZ).update(np.zeros((n, 3)), gyr, np.arange(n) / RATE_HZ)
    took = time.perf_counter() - start
    return WarmUp(len(compiled), took, cache_directory(), is_cached())
